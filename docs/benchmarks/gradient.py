"""One value and gradient against its floor: two matrix products and one exp.

OPENBLAS_NUM_THREADS=1 python docs/benchmarks/gradient.py
"""

import time

import numpy as np
from common import header, problem, table

from sksoftnewton._rows.threads import single_threaded_blas

REPEATS = 31


def median_seconds(function):
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return float(np.median(seconds))


def floor_seconds(X, k):
    """The fastest block size; buffers are made once."""
    x = np.ascontiguousarray(X.T)
    A1 = (np.random.default_rng(0).normal(size=(k, len(x))) / 3).astype(x.dtype)
    best = np.inf
    for rows in (512, 1024, 2048, 4096, 8192):
        blocks = [x[:, i : i + rows] for i in range(0, x.shape[1], rows)]
        buffer = np.empty((k, rows), x.dtype)

        def run(blocks=blocks, buffer=buffer):
            for block in blocks:
                E = buffer[:, : block.shape[1]]
                np.matmul(A1, block, out=E)
                np.exp(E, out=E)
                E @ block.T

        best = min(best, median_seconds(run))
    return best


def measured(whole, theta, k):
    """Milliseconds of the floor and of a gradient, and their ratio."""
    X = whole.rows.whole().all_dense().T
    network = whole.network(k, (1e-3, 1e-3))
    with single_threaded_blas():
        floor = floor_seconds(X, k)
        # A copy of θ, as a network remembers the sums at the latest one.
        gradient = median_seconds(lambda: network.value_and_gradient(theta.copy()))
    return f"{1e3 * floor:.2f}", f"{1e3 * gradient:.2f}", f"{gradient / floor:.2f}"


def main():
    header()
    rows = []
    rng = np.random.default_rng(0)
    for n, d, k in (
        (5_000, 10, 8),
        (20_000, 10, 16),
        (100_000, 10, 8),
        (100_000, 10, 32),
        (100_000, 50, 16),
        (1_000_000, 10, 8),
    ):
        whole = problem(rng.normal(size=(n, d)), rng.normal(size=n))
        theta = rng.normal(size=whole.network(k, (1e-3, 1e-3)).n_params) / 3
        for precision, part in (("float32", whole), ("float64", whole.double())):
            rows.append((f"{n:,}", d, k, precision, *measured(part, theta, k)))
    columns = ["rows", "features", "units", "precision", "floor, ms"]
    table([*columns, "value + gradient, ms", "ratio"], rows)


if __name__ == "__main__":
    main()
