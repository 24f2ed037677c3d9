"""The sparsifier's error against the rows that it keeps.

Under a minute, and docs/figures/theory_sparsifier.png:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory_sparsifier.py
"""

import time
from functools import partial

import numpy as np
from common import table
from scipy.linalg import eigh
from theory_common import BLUE, RED, SKY, panels, run, save
from theory_time import sparse_rows

from sksoftnewton import leverage_scores, spectral_sparsifier
from sksoftnewton._matrices import weighted_gram
from sksoftnewton._paper.metric import squared_lengths
from sksoftnewton._paper.sparsifier import draw_rows

N, D, DRAWS = 200_000, 20, 40
SIZES = np.geomspace(300, 60_000, 9)
DELTA = 0.01


def sparsifier():
    """Error against rows kept: leverage and uniform, coherent and plain rows."""
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((N, D))
    coherent = plain.copy()
    coherent[:, -3:] *= 1e-3
    coherent[:6, -3:] = 30 * rng.standard_normal((6, 3))
    plot({"normal rows": plain, "coherent rows": coherent})
    columns = ("rows of A1", "sampling", "ε", "rows", "error, median", "max", "misses")
    table(
        columns,
        [
            (name, kind, epsilon, *errors_of(A, epsilon, kind))
            for name, A in (("normal", plain), ("coherent", coherent))
            for epsilon in (0.1, 0.2, 0.4)
            for kind in ("leverage", "uniform")
        ],
    )


def spectral_error(A, draw):
    """Largest error of the draw's quadratic form, relative to that of all rows."""
    exact = weighted_gram(A, np.ones(len(A)))
    error = weighted_gram(A[draw.rows], draw.weights) - exact
    return np.abs(eigh(error, exact, eigvals_only=True)).max()


def plot(matrices):
    """A panel for each of {title: matrix}; prints the medians too."""
    figure, axes = panels(2, 10, 4)
    for axis, (name, A) in zip(axes, matrices.items(), strict=True):
        methods = (
            ("leverage, exact scores", leverage_scores(A, exact=True), BLUE, "o-"),
            ("leverage, approximate", leverage_scores(A, random_state=0), SKY, "s--"),
            ("uniform", np.full(N, D / N), RED, "^-"),
        )
        for label, scores, colour, style in methods:
            low, middle, high = errors_by_size(A, scores)
            axis.plot(SIZES, middle, style, color=colour, ms=4, label=label)
            axis.fill_between(SIZES, low, high, color=colour, alpha=0.2, lw=0)
            medians = zip(SIZES.astype(int), middle.round(4), strict=True)
            print(name, label, dict(medians))
        axis.plot(SIZES, promised_errors(), "k:", label=f"promised, δ = {DELTA}")
        axis.set(xscale="log", yscale="log", xlabel="rows kept (expected)", title=name)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("spectral error ε of the sparsifier")
    axes[0].legend(loc="upper left")
    save(figure, "sparsifier")


def errors_by_size(A, scores):
    """Smallest, median and largest error of the draws, for each size."""
    every_row = np.ones(len(A))
    errors = [
        [
            spectral_error(
                A, draw_rows(scores, every_row, size / D, np.random.default_rng(seed))
            )
            for seed in range(DRAWS)
        ]
        for size in SIZES
    ]
    return np.percentile(errors, (0, 50, 100), axis=1)


def promised_errors():
    """ε that the Bernstein bound promises for each size: the root of a quadratic."""
    a = 2 * D * np.log(2 * D / DELTA) / SIZES
    return a / 6 + np.sqrt(a**2 / 36 + a)


def errors_of(A, epsilon, kind):
    """Rows kept, median and largest error, and how often it is above ε."""
    every_row = np.ones(len(A))
    picks = [
        spectral_sparsifier(A, every_row, epsilon, sampling=kind, random_state=seed)
        for seed in range(DRAWS)
    ]
    errors = np.array([spectral_error(A, pick) for pick in picks])
    return (
        int(np.mean([len(pick.rows) for pick in picks])),
        f"{np.median(errors):.3f}",
        f"{np.max(errors):.3f}",
        f"{np.sum(errors > epsilon)}/{DRAWS}",
    )


def scores():
    """Seconds of leverage scores against a Gram matrix and a pass of coherence."""
    rows = []
    for n, d, stored in ((200_000, 50, None), (100_000, 300, None), (400_000, 200, 10)):
        rng = np.random.default_rng(0)
        A = sparse_rows(rng, n, d, stored) if stored else rng.standard_normal((n, d))
        few = weighted_gram(A[rng.choice(n, 10 * d, replace=False)], np.ones(10 * d))
        ways = {
            "product with a vector": partial(A.dot, np.ones(d)),
            "Gram matrix": partial(weighted_gram, A, np.ones(n)),
            "CountSketch and 64 directions": partial(leverage_scores, A),
            "sample of the rows and 8 directions": partial(
                squared_lengths, A, few, np.zeros(d), rng
            ),
        }
        seconds = [f"{min(timed(way), timed(way)):.3f}" for way in ways.values()]
        rows.append((n, d, stored or "all", *seconds))
    table(("n", "d", "entries a row", *ways), rows)


def timed(function):
    started = time.process_time()
    function()
    return time.process_time() - started


if __name__ == "__main__":
    run(sparsifier, scores)
