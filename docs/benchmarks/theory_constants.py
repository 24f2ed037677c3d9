"""The norm, the constants and the penalty of the theory, against what is observed.

A few seconds:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory_constants.py [section ...]
"""

import numpy as np
from common import table
from theory_common import (
    SMOOTH,
    dense_hessian,
    dense_problem,
    run,
    softmax,
    unit_vectors,
)

from sksoftnewton import certify, two_layer_softmax_regression
from sksoftnewton._paper.objective import check_problem


def norms():
    """Largest factor of one step with ε = 0.1, in both norms, by condition number."""
    rng = np.random.default_rng(0)
    rows = []
    for condition in (1.0, 10.0, 100.0, 1000.0):
        A1, A2, b = dense_problem(rng, 2000, 5)
        A1 = A1 * np.logspace(0, -0.5 * np.log10(condition), 5)
        start = two_layer_softmax_regression(A1, A2, b, w=0.3, sketch="none", tol=1e-12)
        problem = check_problem(A1, A2, b, "identity", 0.3)
        worst = _worst_factors(problem, start.x, rng)
        rows.append((f"{start.certificate.condition_number:.3g}", *worst.round(3)))
    table(("condition of H", "Euclidean factor", "factor in the norm of H"), rows)


def _worst_factors(problem, solution, rng):
    """Largest Euclidean factor and factor in the norm of H of 2,000 steps."""
    factor = np.linalg.cholesky(dense_hessian(problem, solution))
    worst = np.zeros(2)
    for _ in range(2000):
        direction = np.linalg.solve(factor.T, rng.standard_normal(5))
        direction *= 1e-4 / np.linalg.norm(direction)
        # A Hessian at the edge of the band 1 ± 0.1.
        Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
        band = factor @ (np.eye(5) + 0.1 * (Q * rng.choice([-1, 1], 5)) @ Q.T)
        g = problem.value_and_gradient(solution + direction)[1]
        new = direction - np.linalg.solve(band @ factor.T, g)
        factors = (
            np.linalg.norm(new) / 1e-4,
            np.linalg.norm(factor.T @ new) / np.linalg.norm(factor.T @ direction),
        )
        worst = np.maximum(worst, factors)
    return worst


def constants():
    """How far the guarantees are from what is observed."""
    table(
        (
            "h",
            "w",
            "w² for convexity, β",
            "by the diameter",
            "0.1 l/M with √2‖A1‖",
            "with the diameter",
            "radius, local, norm of H",
            "observed radius",
            "Mη at the solution",
        ),
        [_constants_of(h, w) for h in SMOOTH for w in (0.01, 0.3)],
    )


def _constants_of(h, w):
    rng = np.random.default_rng(0)
    A1, A2, b = dense_problem(rng, 1000, 8)
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=w)
    c = result.certificate
    basin = _empirical_radius(check_problem(A1, A2, b, h, w), result.x, rng)
    naive = (
        c.lipschitz_euclidean
        * (np.sqrt(2) * np.linalg.norm(A1, 2) / _row_diameter(A1)) ** 3
    )
    return (
        h,
        w,
        f"{c.w2_required_eig:.2g}",
        f"{c.w2_required_diameter:.2g}",
        f"{0.1 * c.lambda_min / naive:.1e}",
        f"{0.1 * c.lambda_min / c.lipschitz_euclidean:.1e}",
        f"{c.radius_euclidean:.1e}",
        f"{basin:.1e}",
        f"{c.kantorovich:.0e}",
    )


def _row_diameter(A1):
    return max(np.linalg.norm(A1 - row, axis=1).max() for row in A1)


def _empirical_radius(problem, solution, rng):
    """Largest tested distance from which 20 exact Newton steps contract by 0.4."""
    H = dense_hessian(problem, solution)
    directions = unit_vectors(rng, 20, problem.d)
    for radius in np.geomspace(10, 1e-6, 57):
        for direction in radius * directions:
            x = solution + direction
            step = np.linalg.solve(
                dense_hessian(problem, x), problem.value_and_gradient(x)[1]
            )
            new = direction - step
            if new @ H @ new > 0.4**2 * (direction @ H @ direction):
                break
        else:
            return radius
    return 0.0


def vacuous():
    """What a penalty heavy enough for the a-priori condition leaves of the fit."""
    rows = []
    for h in SMOOTH:
        rng = np.random.default_rng(0)
        A1, A2, b = dense_problem(rng, 3000, 5)
        c = certify(A1, A2, b, np.zeros(5), h=h)
        w_needed = np.sqrt(1.01 * min(c.w2_required_eig, c.w2_required_diameter))
        problem = check_problem(A1, A2, b, h, 0.0)
        for w in (w_needed, 1e-3):
            result = two_layer_softmax_regression(A1, A2, b, h=h, w=w)
            rows.append(
                (
                    h,
                    f"{w:.2g}",
                    bool(result.certificate.conditions_hold),
                    f"{problem.value(result.x) / problem.value(np.zeros(5)):.4f}",
                    f"{3000 * softmax(A1 @ result.x).max():.3f}",
                    bool(result.certificate.certified),
                )
            )
    table(
        (
            "h",
            "w",
            "all conditions hold",
            "misfit at x* / at 0",
            "n max f (1: uniform)",
            "certified",
        ),
        rows,
    )


if __name__ == "__main__":
    run(norms, constants, vacuous)
