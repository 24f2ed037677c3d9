"""Is the default ever slower than exact Levenberg–Marquardt? Sizes by widths.

Exact Levenberg–Marquardt starts at random and uses all rows, with the Hessian near the
end; the default is what the estimator does. CPU seconds to the end of each, medians
over seeds, and the mean objective of the default relative to that of the other:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/exact.py
"""

import sys

import numpy as np
from common import friedman, header, problem, table
from solver import LIMIT, levenberg_marquardt, ours

from sksoftnewton._rows.threads import single_threaded_blas

ROWS = 200, 1_000, 2_000, 3_000, 5_000, 20_000, 100_000
UNITS = 4, 8, 16, 32
ALPHA = 1e-4
SEEDS, FEW_SEEDS, FEW_FROM = 7, 3, 20_000


def compared(n, k):
    """Median CPU seconds of both, and the ratio of their mean objectives."""
    whole = problem(*friedman(n))
    network = whole.network(k, (ALPHA, ALPHA))
    seconds, values = [], []
    for seed in range(FEW_SEEDS if n >= FEW_FROM else SEEDS):
        theta = whole.random_start(network, np.random.default_rng(seed))
        traces = levenberg_marquardt(network, theta), ours(whole, k, ALPHA, seed)
        seconds.append([trace.rows[-1][0] for trace in traces])
        values.append([network.value(trace.rows[-1][2]) for trace in traces])
    exact, default = np.mean(values, axis=0)
    return *np.median(seconds, axis=0), default / exact


def main():
    header()
    rows = []
    with single_threaded_blas():
        for k in UNITS:
            for n in ROWS:
                exact, default, objective = compared(n, k)
                stopped = " (stopped)" if exact > LIMIT else ""
                rows.append(
                    (
                        f"{n:,}",
                        k,
                        f"{exact:.3f}{stopped}",
                        f"{default:.3f}",
                        f"{default / exact:.2f}",
                        f"{objective:.3f}",
                    )
                )
                print(*rows[-1], file=sys.stderr, flush=True)
    columns = ["rows", "units", "exact LM, s", "default, s", "ratio", "objective"]
    table(columns, rows)


if __name__ == "__main__":
    main()
