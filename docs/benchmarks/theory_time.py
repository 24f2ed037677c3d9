"""Seconds and memory of the paper's method on sparse A1.

About five minutes, and docs/figures/theory_time.png:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory_time.py [section ...]
"""

import resource
import time

import numpy as np
import scipy.sparse as sp
from common import table
from theory_common import BLUE, ORANGE, SKY, panels, run, save, softmax

from sksoftnewton import two_layer_softmax_regression
from sksoftnewton._paper.objective import check_problem

METHODS = {
    "exact Hessian": {"sketch": "none"},
    "leverage, ε = 0.1": {"sketch": "leverage", "epsilon": 0.1},
    "leverage, ε = 0.3": {"sketch": "leverage", "epsilon": 0.3},
    "frozen, ε = 0.1": {"sketch": "frozen", "epsilon": 0.1},
}
STYLES = dict(
    zip(
        METHODS,
        (("k", "o-"), (BLUE, "s-"), (SKY, "v--"), (ORANGE, "^-")),
        strict=True,
    )
)
# By the label of an axis: n, d and entries a row of the matrices along it.
SWEEPS = {
    "nnz(A1), millions: n = 62 500 … 10⁶, d = 50": [
        (n, 50, 10) for n in (62_500, 125_000, 250_000, 500_000, 1_000_000)
    ],
    "nnz(A1), millions: n = 400 000, d = 100": [
        (400_000, 100, k) for k in (3, 6, 12, 25, 50)
    ],
    "d: n = 400 000": [(400_000, d, 10) for d in (20, 40, 80, 160, 320)],
}


def sparse_rows(rng, n, d, stored):
    """CSR with about ``stored`` normal entries a row."""
    entries = rng.standard_normal(n * stored), rng.integers(0, d, n * stored)
    A = sp.csr_array((*entries, np.arange(0, n * stored + 1, stored)), shape=(n, d))
    A.sum_duplicates()
    return A


def nnz(n, d, stored):
    """Expected number of distinct entries of `sparse_rows`."""
    return n * d * (1 - (1 - 1 / d) ** stored)


# -- growth --------------------------------------------------------------------------


def timing():
    """Seconds an iteration against nnz (by n, and by entries a row) and against d."""
    measured, rows = {}, []
    for sweep, cases in SWEEPS.items():
        measured[sweep] = {method: [] for method in METHODS}
        for n, d, stored in cases:
            rng = np.random.default_rng(0)
            A1, A2 = sparse_rows(rng, n, d, stored), rng.standard_normal((3, n))
            b = rng.standard_normal(3)
            row = [n, d, stored]
            for method, options in METHODS.items():
                seconds, kept, nit = seconds_per_iteration(A1, A2, b, w=1e-3, **options)
                measured[sweep][method].append(seconds)
                row.append(f"{seconds:.3f} × {nit} ({kept / n:.0%})")
            rows.append(row)
    table(("n", "d", "entries a row", *METHODS), rows)
    plot_timing(measured)


def seconds_per_iteration(A1, A2, b, repeats=2, **options):
    """Best of a few runs: (seconds an iteration, median rows kept, iterations)."""
    best, result = np.inf, None
    for _ in range(repeats):
        result = two_layer_softmax_regression(
            A1, A2, b, random_state=0, certificate=False, **options
        )
        best = min(best, result.history["time"][-1] / result.nit)
    return best, int(np.median(result.history["rows_kept"])), result.nit


def plot_timing(measured):
    """Panels of {sweep: {method: seconds}}, and a table of the fitted exponents."""
    figure, axes = panels(3, 13, 4.2)
    slopes = []
    for axis, (sweep, by_method) in zip(axes, measured.items(), strict=True):
        along_d = sweep.startswith("d")
        sizes = np.array(
            [case[1] if along_d else nnz(*case) / 1e6 for case in SWEEPS[sweep]]
        )
        for method, seconds in by_method.items():
            colour, style = STYLES[method]
            exponent = slope(sizes, np.array(seconds))
            slopes.append((sweep, method, f"{exponent:.2f}"))
            label = f"{method}: slope {exponent:.2f}"
            axis.plot(sizes, seconds, style, color=colour, ms=5, label=label)
        axis.set(xscale="log", yscale="log", xlabel=sweep)
        axis.set_xticks(sizes, [f"{s:.3g}" if along_d else f"{s:.2g}" for s in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="upper left")
    axes[0].set(ylabel="time per iteration (s)", ylim=(0.025, 3.5))
    axes[0].set_yticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
    save(figure, "time")
    table(("along", "method", "fitted exponent"), slopes)


def slope(sizes, seconds):
    """Exponent of a power law fitted to the larger half of the sizes."""
    half = len(sizes) // 2
    return np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0]


# -- a million rows ------------------------------------------------------------------


def large():
    """n = 10⁶ rows: time, memory, accuracy. Run alone for the memory."""
    n, d, stored = 1_000_000, 50, 10
    rng = np.random.default_rng(0)
    A1 = sparse_rows(rng, n, d, stored)
    x_true = rng.standard_normal(d)
    A2 = rng.standard_normal((3, n))
    inputs = peak_gigabytes()
    f = softmax(A1 @ x_true)
    problems = (("identity, m = 10⁶", None, f), ("dense, m = 3", A2, A2 @ f))
    table(
        (
            "A2",
            "sketch",
            "status",
            "iterations",
            "relative gradient",
            "loop (s)",
            "the rest, certificate included (s)",
            "certified",
        ),
        [
            (name, sketch, *solved(A1, B, b, sketch))
            for name, B, b in problems
            for sketch in ("none", "leverage", "frozen")
        ],
    )
    peak = peak_gigabytes()
    print(f"\npeak memory {peak:.2f} GB, of which inputs and libraries {inputs:.2f} GB")


def solved(A1, A2, b, sketch):
    t = time.perf_counter()
    result = two_layer_softmax_regression(
        A1, A2, b, w=1e-4, sketch=sketch, random_state=0
    )
    t = time.perf_counter() - t
    problem = check_problem(A1, A2, b, "identity", 1e-4)
    at_zero = problem.value_and_gradient(np.zeros(A1.shape[1]))[1]
    loop = result.history["time"][-1]
    return (
        result.status,
        result.nit,
        f"{np.linalg.norm(result.jac) / np.linalg.norm(at_zero):.1e}",
        f"{loop:.1f}",
        f"{t - loop:.1f}",
        result.certificate.certified,
    )


def peak_gigabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    run(timing, large)
