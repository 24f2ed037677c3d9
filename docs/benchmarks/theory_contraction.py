"""Contraction and iterations of the paper's method, from good starts and from any.

Under a minute, and docs/figures/theory_contraction.png:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory_contraction.py [section ...]
"""

from functools import partial

import numpy as np
from common import table
from scipy.optimize import minimize
from theory_common import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    dense_hessian,
    dense_problem,
    panels,
    run,
    save,
    softmax,
    unit_vectors,
)

from sksoftnewton import two_layer_softmax_regression
from sksoftnewton._paper.kantorovich import theoretical_rate
from sksoftnewton._paper.objective import check_problem

COLOURS = {0.05: BLUE, 0.1: GREEN, 0.2: ORANGE, 0.4: RED}  # by ε
PENALTIES = {"heavy": 0.6, "light": 1e-3}


# -- from within the certified radius -----------------------------------------------


def contraction():
    """Ratios per iteration against 0.4, for several ε, heavy and light penalties."""
    figure, axes = panels(2, 10, 4)
    rows = []
    for axis, (name, w) in zip(axes, PENALTIES.items(), strict=True):
        problem = dense_problem(np.random.default_rng(0), 200_000, 5)
        start = two_layer_softmax_regression(*problem, w=w, sketch="none")
        for epsilon, colour in COLOURS.items():
            runs = plain_runs(problem, start, w, epsilon)
            ratios = ratios_by_iteration(runs)
            plot_ratios(axis, ratios, colour, f"ε = {epsilon}")
            rows.append((name, epsilon, *summary(runs, ratios, epsilon)))
        c, n = start.certificate, len(problem[0])
        title = f"{name} penalty: w = {w}, γ = {c.gamma:.1f}"
        label_panel(axis, title)
        print(f"\n{name}: w={w}, w² {w**2:.3g}, required {c.w2_required_diameter:.3g}")
        largest = n * softmax(problem[0] @ start.x).max()
        print(f"n max f = {largest:.3f}, gamma {c.gamma:.3f}")
    axes[0].set_ylabel("contraction |x⁺ − x*| / |x − x*|, norm of H(x*)")
    axes[1].legend(title="sparsifier", loc="lower right")
    save(figure, "contraction")
    table(
        (
            "penalty",
            "ε",
            "rows",
            "measured ε of H̃, median",
            "max",
            "promised εγ",
            "ratio, median",
            "max",
            "θ(εγ, 0.1)",
            "iterations to 1e-12",
        ),
        rows,
    )


def plain_runs(problem, start, w, epsilon):
    """The paper's literal iteration from ten points at 0.9 of the certified radius."""
    distance = 0.9 * start.certificate.radius_euclidean
    return [
        two_layer_softmax_regression(
            *problem,
            w=w,
            x0=start.x + distance * direction,
            sketch="leverage",
            epsilon=epsilon,
            globalize=False,
            tol=1e-12,
            random_state=seed,
        )
        for seed, direction in enumerate(
            unit_vectors(np.random.default_rng(1), 10, len(start.x))
        )
    ]


def ratios_by_iteration(runs):
    """A row for each run, NaN after its end."""
    ratios = np.full((len(runs), max(result.nit for result in runs)), np.nan)
    for row, result in zip(ratios, runs, strict=True):
        row[: result.nit] = result.history["contraction"]
    return ratios[:, np.isfinite(ratios).any(axis=0)]


def plot_ratios(axis, ratios, colour, label):
    k = np.arange(1, ratios.shape[1] + 1)
    low, high = np.nanmin(ratios, axis=0), np.nanmax(ratios, axis=0)
    axis.fill_between(k, low, high, color=colour, alpha=0.2, lw=0)
    middle = np.nanmedian(ratios, axis=0)
    axis.plot(k, middle, "o-", color=colour, ms=4, label=label)


def label_panel(axis, title):
    axis.axhline(0.4, color="black", ls="--", lw=1)
    axis.text(1, 0.43, "the paper's 0.4", fontsize=9)
    axis.set(yscale="log", xlabel="iteration", title=title)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)


def summary(runs, ratios, epsilon):
    last = runs[0].certificate
    measured = [result.certificate.sketch_eps for result in runs]
    promised = epsilon * last.gamma
    return (
        last.rows_used,
        f"{np.median(measured):.3f}",
        f"{max(measured):.3f}",
        f"{promised:.2f}",
        f"{np.nanmedian(ratios):.3f}",
        f"{np.nanmax(ratios):.3f}",
        f"{theoretical_rate(promised, 0.1):.2f}",
        int(np.median([result.nit for result in runs])),
    )


def iterations():
    """Iterations against the tolerance."""
    A1, A2, b = dense_problem(np.random.default_rng(0), 200_000, 5)
    tolerances = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    rows = []
    for w in PENALTIES.values():
        for epsilon in (0.0, 0.1, 0.4):
            nit = [
                two_layer_softmax_regression(
                    A1,
                    A2,
                    b,
                    w=w,
                    sketch="leverage",
                    epsilon=epsilon,
                    tol=tol,
                    random_state=0,
                ).nit
                for tol in tolerances
            ]
            rows.append((w, epsilon, *nit))
    table(("w", "ε", *(f"{tol:g}" for tol in tolerances)), rows)


# -- from any start ------------------------------------------------------------------


def far_starts():
    """w = 0.01, n = 1000, d = 8: our minima against those of trust-exact."""
    cases = (
        ("identity", 1),
        ("identity", 3),
        ("identity", 10),
        ("identity", 30),
        ("tanh", 3),
        ("exp", 3),
    )
    rows = []
    for h, m in cases:
        facts, nit = zip(*(from_far(h, m, seed) for seed in range(50)), strict=True)
        counts = np.sum(facts, axis=0)
        rows.append((h, m, *map(int, counts), int(np.median(nit)), max(nit)))
    table(
        (
            "h",
            "m",
            "indefinite at x0",
            "ends at a minimum",
            "at most 1 % above trust-exact",
            "more than 1 % below",
            "plain iteration ends at a minimum",
            "trust-exact below 1e-7",
            "iterations, median",
            "max",
        ),
        rows,
    )


def from_far(h, m, seed):
    """The six facts that `far_starts` counts, of one start; and our iterations."""
    rng = np.random.default_rng(seed)
    A1, A2 = rng.standard_normal((1000, 8)), rng.standard_normal((m, 1000))
    b = rng.random(m) if h == "exp" else rng.standard_normal(m)
    x0 = rng.standard_normal(8) if seed % 2 else np.zeros(8)
    problem = check_problem(A1, A2, b, h, 0.01)
    hessian = partial(dense_hessian, problem)
    other = minimize(
        problem.value_and_gradient,
        x0,
        jac=True,
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-8, "maxiter": 500},
    )
    ours = two_layer_softmax_regression(A1, A2, b, h=h, w=0.01, x0=x0)
    plain = two_layer_softmax_regression(
        A1, A2, b, h=h, w=0.01, x0=x0, globalize=False, max_iter=100
    )
    facts = (
        np.linalg.eigvalsh(hessian(x0))[0] < 0,
        ours.success and ours.certificate.lambda_min > 0,
        ours.fun <= 1.01 * other.fun,
        ours.fun < 0.99 * other.fun,
        plain.success and plain.certificate.lambda_min > 0,
        np.linalg.norm(other.jac) <= 1e-7,
    )
    return facts, ours.nit


if __name__ == "__main__":
    run(contraction, iterations, far_starts)
