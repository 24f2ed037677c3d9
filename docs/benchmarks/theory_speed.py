"""Time to a gradient of 1e-8: sketch="auto" against exact, literal and SciPy's methods.

About thirteen minutes, and docs/figures/theory_speed.png:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory_speed.py [section ...]
"""

import time
from contextlib import suppress

import numpy as np
from common import table
from scipy.optimize import minimize
from theory_common import BLUE, GREEN, ORANGE, RED, SKY, panels, run, save, softmax
from theory_time import sparse_rows

from sksoftnewton import two_layer_softmax_regression
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import check_problem
from sksoftnewton._paper.sparsifier import sampling_rate

W, TOL = 1e-3, 1e-8
SCIPYS_GRADIENT = 1e6
PATIENCE = 150  # calls of SciPy's methods without a smaller gradient
OURS = {"auto": "auto", "exact": "none", "literal, ε = 0.1": "leverage"}
SCIPY = {
    "L-BFGS-B": {"ftol": 0, "gtol": 0, "maxiter": 5000, "maxfun": 5000, "maxcor": 20},
    "trust-krylov": {"gtol": 0, "maxiter": 500},
    "Newton-CG": {"xtol": 0, "maxiter": 500},
}
STYLES = dict(
    zip(
        (*OURS, *SCIPY),
        (
            *((BLUE, "o-"), ("k", "s-"), (SKY, "v--"), (RED, "^-")),
            *((ORANGE, "D-"), (GREEN, "p-")),
        ),
        strict=True,
    )
)
# n, d, entries a row (None: dense), noise of b, range of A1's columns' lengths.
SWEEPS = {
    "n (millions), dense, d = 100": [
        (n, 100, None, 0.1, 1) for n in (100_000, 200_000, 400_000, 1_000_000)
    ],
    "d, dense, n = 100,000": [
        (100_000, d, None, 0.1, 1) for d in (50, 100, 300, 1000, 2000)
    ],
    "nnz(A1) (millions), d = 200, n varies": [
        (n, 200, 10, 0.1, 1) for n in (125_000, 250_000, 500_000, 1_000_000)
    ],
    "nnz(A1) (millions), d = 200, n = 400,000": [
        (400_000, 200, k, 0.1, 1) for k in (5, 10, 20, 40)
    ],
}
HARDER = [
    (100_000, 300, None, 0.1, 1e2),
    (100_000, 300, None, 0.1, 1e3),
    (100_000, 100, None, 1.0, 1),
    (100_000, 300, None, 1.0, 1),
    (100_000, 1000, None, 1.0, 1),
    (62_500, 50, 10, 1.0, 1),
    (400_000, 200, 10, 1.0, 1),
]


class Reached(Exception):  # noqa: N818 (no error)
    """The tolerance, or the end of patience."""


def make(n, d, stored, noise, spread, seed=0):
    """A1 with rows of length about one, three outputs of a known x, with noise."""
    rng = np.random.default_rng(seed)
    A1 = (
        rng.standard_normal((n, d))
        if stored is None
        else sparse_rows(rng, n, d, stored)
    )
    if stored is None:
        lengths = np.geomspace(1, 1 / spread, d)
        A1 *= lengths / np.linalg.norm(lengths)
    A2 = rng.standard_normal((3, n))
    b = A2 @ softmax(A1 @ rng.standard_normal(d)) + noise * rng.standard_normal(3)
    return A1, A2, b


def ours(matrices, sketch):
    """(seconds, relative gradient, L, gradients, work in gradients) of our solver."""
    started = time.process_time()
    result = two_layer_softmax_regression(
        *matrices, w=W, sketch=sketch, tol=TOL, certificate=False, random_state=0
    )
    seconds = time.process_time() - started
    problem = check_problem(*matrices, "identity", W)
    first = np.linalg.norm(problem.value_and_gradient(np.zeros(problem.d))[1])
    relative = np.linalg.norm(result.jac) / first
    return seconds, relative, result.fun, result.nfev, result.history["passes"][-1]


class Watched:
    """The objective for SciPy, which ends the run at our tolerance.

    L times a number that makes the first gradient 10⁶ long: the methods that take
    products with the Hessian compare curvatures with 10⁻¹⁶, whatever the units.
    """

    def __init__(self, matrices):
        self.problem = check_problem(*matrices, "identity", W)
        self.started = time.process_time()
        self.calls, self.best, self.value, self.first = 0, np.inf, np.nan, None
        self.best_call = 0

    def value_and_gradient(self, x):
        value, gradient = self.problem.value_and_gradient(x)
        size = np.linalg.norm(gradient)
        self.first = self.first or size
        self.calls += 1
        if size / self.first < self.best:
            self.best, self.value = size / self.first, value
            self.seconds = time.process_time() - self.started
            self.best_call = self.calls
        if self.best <= TOL or self.calls > self.best_call + PATIENCE:
            raise Reached
        scale = SCIPYS_GRADIENT / self.first
        return scale * value, scale * gradient

    def product(self, x, v):
        self.calls += 1
        if self.calls > self.best_call + 10 * PATIENCE:
            raise Reached
        return SCIPYS_GRADIENT / self.first * self.problem.hessian_product(x, v)


def scipys(matrices, method):
    """The same for a method of SciPy; the time is that of its smallest gradient."""
    watched = Watched(matrices)
    products = {} if method == "L-BFGS-B" else {"hessp": watched.product}
    with suppress(Reached):
        minimize(
            watched.value_and_gradient,
            np.zeros(watched.problem.d),
            jac=True,
            method=method,
            options=SCIPY[method],
            **products,
        )
    return watched.seconds, watched.best, watched.value, watched.calls, watched.calls


def measure(case):
    """{method: (seconds, relative gradient, L, calls, work)}.

    Where the literal method keeps all rows it is the exact one, and is not run.
    """
    matrices = make(*case)
    n, d = matrices[0].shape
    keeps_all = sampling_rate(d, 0.1, 0.01) * d >= n
    found = {
        name: better(ours, matrices, sketch)
        for name, sketch in OURS.items()
        if not (keeps_all and sketch == "leverage")
    }
    if keeps_all:
        found["literal, ε = 0.1"] = found["exact"]
    return found | {method: better(scipys, matrices, method) for method in SCIPY}


def better(solver, *arguments):
    """The faster of two runs where one is short: the first pays for memory."""
    first = solver(*arguments)
    return first if first[0] > 5 else min(first, solver(*arguments))


def condition(case):
    """The condition number of the Hessian at the solution."""
    matrices = make(*case)
    x = two_layer_softmax_regression(
        *matrices, w=W, certificate=False, random_state=0
    ).x
    hessian = Curvature(check_problem(*matrices, "identity", W), x).hessian()
    eigenvalues = np.linalg.eigvalsh(hessian)
    return eigenvalues[-1] / eigenvalues[0]


def cell(seconds, relative, *_):
    """Seconds, with the gradient where it is not the one that was asked for."""
    return f"{seconds:.2f}" + (f" ({relative:.0e})" if relative > TOL else "")


def line(case, found, *more):
    n, d, stored, noise, spread = case
    best = min(found["exact"][0], found["literal, ε = 0.1"][0])
    cells = [cell(*found[method]) for method in (*OURS, *SCIPY)]
    ratios = [
        f"{found['auto'][0] / other:.2f}" for other in (best, found["L-BFGS-B"][0])
    ]
    return (n, d, stored or "all", noise, spread, *more, *cells, *ratios)


COLUMNS = (*OURS, *SCIPY, "auto / best of exact, literal", "auto / L-BFGS-B")
FACTS = ("n", "d", "entries a row", "noise", "spread")


def growth():
    """CPU seconds to 1e-8 along n, d and nnz, with fitted exponents."""
    measured = {
        sweep: [measure(case) for case in cases] for sweep, cases in SWEEPS.items()
    }
    pairs = [pair for s in SWEEPS for pair in zip(SWEEPS[s], measured[s], strict=True)]
    table((*FACTS, *COLUMNS), [line(*pair) for pair in pairs])
    columns = (
        "n",
        "d",
        "entries a row",
        "gradients",
        "work in gradients",
        "multiply-adds",
    )
    columns += ("/ (nnz(A1) + nnz(A2))", "seconds / gradient-equivalent")
    table(columns, [account(*pair) for pair in pairs])
    plot(measured)


def account(case, found):
    """What "auto" spent: gradients, all in gradients, and in multiply-adds."""
    n, d, stored = case[:3]
    seconds, _, _, calls, passes = found["auto"]
    entries = n * (stored or d) + 3 * n
    work = passes * 2 * entries
    ratios = (f"{work / entries:.0f}", f"{seconds / passes:.4f}")
    return (n, d, stored or "all", calls, f"{passes:.0f}", f"{work:.2g}", *ratios)


def plot(measured):
    """A panel a sweep; hollow where a method stopped short of the tolerance."""
    figure, axes = panels(len(SWEEPS), 16, 4.2)
    exponents = []
    for axis, (sweep, cases) in zip(axes, SWEEPS.items(), strict=True):
        sizes = np.array([size(sweep, case) for case in cases])
        row = [sweep]
        for method, (colour, style) in STYLES.items():
            seconds = np.array([found[method][0] for found in measured[sweep]])
            reached = np.array([found[method][1] <= TOL for found in measured[sweep]])
            axis.plot(sizes, seconds, style, color=colour, ms=5, mfc="w", label=method)
            axis.plot(sizes[reached], seconds[reached], style[0], color=colour, ms=5)
            row.append(exponent(sizes[reached], seconds[reached]))
        exponents.append(row)
        axis.set(xscale="log", yscale="log", xlabel=sweep)
        axis.set_xticks(sizes, [f"{s / 1e6:.2g}" if s > 9999 else s for s in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("CPU seconds to a gradient of 1e-8")
    axes[0].legend(fontsize=8)
    save(figure, "speed")
    table(("exponent along", *STYLES), exponents)


def size(sweep, case):
    """What the axis of a sweep shows: n, d or nnz(A1)."""
    n, d, stored = case[:3]
    by_axis = {"n (millions)": n, "d": d, "nnz(A1) (millions)": n * (stored or d)}
    return by_axis[sweep.split(",")[0]]


def exponent(sizes, seconds):
    """The exponent of a power law through three points or more."""
    if len(sizes) < 3:
        return "–"
    return f"{np.polyfit(np.log(sizes), np.log(seconds), 1)[0]:.2f}"


def harder():
    """Columns of unequal length, and outputs that no x reaches easily."""
    rows = []
    for case in HARDER:
        found = measure(case)
        rows.append(line(case, found, f"{condition(case):.1e}"))
        print(case, {method: f"{facts[2]:.4g}" for method, facts in found.items()})
    table((*FACTS, "condition of H", *COLUMNS), rows)


if __name__ == "__main__":
    run(growth, harder)
