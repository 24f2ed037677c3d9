"""What the model of costs says against the clock: a Newton matrix in gradients.

The choice of the Newton system compares costs in multiply-adds. Prints, for several
sizes, how many gradients a Gauss–Newton matrix and a Hessian take, by the model and
measured:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/cost_model.py
"""

import numpy as np
from common import header, problem, table
from gradient import median_seconds

from sksoftnewton._network.curvature import Curvature
from sksoftnewton._rows.threads import single_threaded_blas

SIZES = [
    (1_000, 10, 8),
    (5_000, 5, 16),
    (20_000, 10, 16),
    (10_000, 25, 8),
    (10_000, 25, 16),
    (100_000, 10, 32),
    (3_000, 60, 4),
    (3_000, 60, 8),
    (3_000, 172, 4),
]


def measured(network, theta):
    """Milliseconds of a gradient, a Gauss–Newton matrix and a Hessian."""
    # Copies of θ, as a network remembers the sums at the latest one.
    gradient = median_seconds(lambda: network.value_and_gradient(theta.copy()))
    matrices = [
        median_seconds(lambda e=exact: Curvature(network, theta + 0).gram(exact=e))
        for exact in (False, True)
    ]
    return [1e3 * seconds for seconds in (gradient, *matrices)]


def main():
    header()
    rng = np.random.default_rng(0)
    rows = []
    for n, d, k in SIZES:
        X, y = rng.normal(size=(n, d)), rng.normal(size=n)
        whole = problem(X, y).double()
        network = whole.network(k, (1e-3, 1e-3))
        theta = rng.normal(size=network.n_params) / 3
        with single_threaded_blas():
            gradient, gauss_newton, hessian = measured(network, theta)
        model = Curvature(network, theta).gram_work() / network.gradient_work
        cells = (gradient, gauss_newton, hessian)
        ratios = (model, gauss_newton / gradient, hessian / gradient)
        rows.append(
            [
                *(f"{n:,}", d, k),
                *(f"{ms:.2f}" for ms in cells),
                *(f"{ratio:.1f}" for ratio in ratios),
            ]
        )
    columns = ["rows", "features", "units", "gradient, ms", "Gauss–Newton, ms"]
    columns += ["Hessian, ms", "model, gradients", "Gauss–Newton", "Hessian"]
    table(columns, rows)


if __name__ == "__main__":
    main()
