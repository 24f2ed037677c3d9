"""One value and gradient against its floor: two matrix products and one exp.

OPENBLAS_NUM_THREADS=1 python docs/benchmarks/gradient.py
"""

import time
from functools import partial

import numpy as np
from common import header, problem, table

from sksoftnewton._rows.threads import single_threaded_blas

REPEATS = 31


def median_seconds(function):
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def floor_seconds(X, k):
    """The fastest block size; buffers are made once."""
    x = np.ascontiguousarray(X.T)
    A1 = np.random.default_rng(0).normal(size=(k, len(x))) / 3
    best = np.inf
    for rows in (512, 1024, 2048, 4096, 8192):
        blocks = [x[:, i : i + rows] for i in range(0, x.shape[1], rows)]

        def run(blocks=blocks):
            for block in blocks:
                E = A1 @ block
                np.exp(E, out=E)
                E @ block.T

        best = min(best, median_seconds(run))
    return best


def main():
    header()
    rows = []
    rng = np.random.default_rng(0)
    for n, d, k in (
        (5_000, 10, 8),
        (100_000, 10, 8),
        (100_000, 10, 32),
        (100_000, 50, 16),
        (1_000_000, 10, 8),
    ):
        X, y = rng.normal(size=(n, d)), rng.normal(size=n)
        network = problem(X, y).network(k, (1e-3, 1e-3))
        theta = rng.normal(size=network.n_params) / 3
        with single_threaded_blas():
            floor = floor_seconds(np.hstack([X, np.ones((n, 1))]), k)
            gradient = median_seconds(partial(network.value_and_gradient, theta))
        rows.append(
            (
                f"{n:,}",
                d,
                k,
                f"{1e3 * floor:.2f}",
                f"{1e3 * gradient:.2f}",
                f"{gradient / floor:.2f}",
            )
        )
    columns = ["rows", "features", "units", "floor, ms", "value + gradient, ms"]
    table([*columns, "ratio"], rows)


if __name__ == "__main__":
    main()
