"""Every number and figure of docs/theory.md.

Prints Markdown tables and writes docs/figures/theory_*.png; about ten minutes:

    pip install . matplotlib
    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/theory.py [section ...]
"""

import resource
import sys
import time
from functools import partial

import matplotlib
import numpy as np
import scipy.sparse as sp
from common import FIGURES, header, table
from scipy.linalg import eigh
from scipy.optimize import minimize

from sksoftnewton import (
    certify,
    leverage_scores,
    spectral_sparsifier,
    two_layer_softmax_regression,
)
from sksoftnewton._attention import check_problem
from sksoftnewton._matrices import weighted_gram
from sksoftnewton._sketch import draw_rows
from sksoftnewton._theory import theoretical_rate

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)

# Okabe and Ito's colours, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, RED, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"
SMOOTH = ("identity", "softplus", "exp", "tanh", "sigmoid")


def dense_hessian(problem, x):
    return problem.curvature(x).hessian()


def save(figure, name):
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(
        FIGURES / f"theory_{name}.png",
        dpi=110,
        bbox_inches="tight",
        pil_kwargs={"optimize": True},
    )
    plt.close(figure)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def dense_problem(rng, n, d, m=3, noise=0.5):
    """iid normal A1 and A2, and outputs of a known x with noise."""
    A1, A2 = rng.standard_normal((n, d)), rng.standard_normal((m, n))
    b = A2 @ softmax(A1 @ rng.standard_normal(d)) + noise * rng.standard_normal(m)
    return A1, A2, b


def sparse_rows(rng, n, d, stored):
    """CSR with about ``stored`` normal entries a row."""
    entries = rng.standard_normal(n * stored), rng.integers(0, d, n * stored)
    A = sp.csr_array((*entries, np.arange(0, n * stored + 1, stored)), shape=(n, d))
    A.sum_duplicates()
    return A


# -- contraction --------------------------------------------------------------------


def contraction():
    """Ratios per iteration against 0.4, for several ε, heavy and light penalties."""
    epsilons = (0.05, 0.1, 0.2, 0.4)
    colours = (BLUE, GREEN, ORANGE, RED)
    n, d = 200_000, 5
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    rows = []
    for axis, (name, w) in zip(axes, (("heavy", 0.6), ("light", 1e-3)), strict=True):
        A1, A2, b = dense_problem(np.random.default_rng(0), n, d)
        start = two_layer_softmax_regression(A1, A2, b, w=w, sketch="none")
        c = start.certificate
        rng = np.random.default_rng(1)
        directions = rng.standard_normal((10, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        for epsilon, colour in zip(epsilons, colours, strict=True):
            runs = [
                two_layer_softmax_regression(
                    A1,
                    A2,
                    b,
                    w=w,
                    x0=start.x + 0.9 * c.radius_euclidean * direction,
                    epsilon=epsilon,
                    globalize=False,
                    tol=1e-12,
                    random_state=seed,
                )
                for seed, direction in enumerate(directions)
            ]
            length = max(run.nit for run in runs)
            ratios = np.full((len(runs), length), np.nan)
            for i, run in enumerate(runs):
                ratios[i, : run.nit] = run.history["contraction"]
            counted = np.isfinite(ratios).any(axis=0)
            ratios = ratios[:, counted]
            k = np.arange(1, ratios.shape[1] + 1)
            axis.fill_between(
                k,
                np.nanmin(ratios, axis=0),
                np.nanmax(ratios, axis=0),
                color=colour,
                alpha=0.2,
                lw=0,
            )
            axis.plot(
                k,
                np.nanmedian(ratios, axis=0),
                "o-",
                color=colour,
                ms=4,
                label=f"ε = {epsilon}",
            )
            last = runs[0].certificate
            measured = [run.certificate.sketch_eps for run in runs]
            promised = epsilon * last.gamma
            rows.append(
                (
                    name,
                    epsilon,
                    last.rows_used,
                    f"{np.median(measured):.3f}",
                    f"{max(measured):.3f}",
                    f"{promised:.2f}",
                    f"{np.nanmedian(ratios):.3f}",
                    f"{np.nanmax(ratios):.3f}",
                    f"{theoretical_rate(promised, 0.1):.2f}",
                    int(np.median([run.nit for run in runs])),
                )
            )
        axis.axhline(0.4, color="black", ls="--", lw=1)
        axis.text(1, 0.43, "the paper's 0.4", fontsize=9)
        axis.set(
            yscale="log",
            xlabel="iteration",
            title=f"{name} penalty: w = {w}, γ = {c.gamma:.1f}",
        )
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        print(f"\n{name}: w={w}, w² {w**2:.3g}, required {c.w2_required_diameter:.3g}")
        print(f"n max f = {n * softmax(A1 @ start.x).max():.3f}, gamma {c.gamma:.3f}")
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


def iterations():
    """Iterations against the tolerance."""
    A1, A2, b = dense_problem(np.random.default_rng(0), 200_000, 5)
    tolerances = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    rows = []
    for w in (0.6, 1e-3):
        for epsilon in (0.0, 0.1, 0.4):
            nit = [
                two_layer_softmax_regression(
                    A1, A2, b, w=w, epsilon=epsilon, tol=tol, random_state=0
                ).nit
                for tol in tolerances
            ]
            rows.append((w, epsilon, *nit))
    table(("w", "ε", *(f"{tol:g}" for tol in tolerances)), rows)


def norms():
    """Largest factor of one step with ε = 0.1, in both norms, by condition number."""
    rng = np.random.default_rng(0)
    rows = []
    for condition in (1.0, 10.0, 100.0, 1000.0):
        A1, A2, b = dense_problem(rng, 2000, 5)
        A1 = A1 * np.logspace(0, -0.5 * np.log10(condition), 5)
        start = two_layer_softmax_regression(A1, A2, b, w=0.3, sketch="none", tol=1e-12)
        problem = check_problem(A1, A2, b, "identity", 0.3)
        H = problem.curvature(start.x).hessian()
        factor = np.linalg.cholesky(H)
        worst = np.zeros(2)
        for _ in range(2000):
            direction = np.linalg.solve(factor.T, rng.standard_normal(5))
            direction *= 1e-4 / np.linalg.norm(direction)
            Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
            band = factor @ (np.eye(5) + 0.1 * (Q * rng.choice([-1, 1], 5)) @ Q.T)
            g = problem.value_and_gradient(start.x + direction)[1]
            new = direction - np.linalg.solve(band @ factor.T, g)
            worst = np.maximum(
                worst,
                (
                    np.linalg.norm(new) / 1e-4,
                    np.linalg.norm(factor.T @ new)
                    / np.linalg.norm(factor.T @ direction),
                ),
            )
        rows.append((f"{start.certificate.condition_number:.3g}", *worst.round(3)))
    table(("condition of H", "Euclidean factor", "factor in the norm of H"), rows)


# -- sparsifier ------------------------------------------------------------------------


def spectral_error(A, D, draw):
    exact = weighted_gram(A, D)
    error = weighted_gram(A[draw.rows], draw.weights) - exact
    return np.abs(eigh(error, exact, eigvals_only=True)).max()


def sparsifier():
    """Error against rows kept: leverage and uniform, coherent and plain rows."""
    n, d, draws = 200_000, 20, 40
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((n, d))
    coherent = plain.copy()
    coherent[:, -3:] *= 1e-3
    coherent[:6, -3:] = 30 * rng.standard_normal((6, 3))
    sizes = np.geomspace(300, 60_000, 9)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    D = np.ones(n)
    delta = 0.01
    for axis, (name, A) in zip(
        axes, (("normal rows", plain), ("coherent rows", coherent)), strict=True
    ):
        methods = (
            ("leverage, exact scores", leverage_scores(A, exact=True), BLUE, "o-"),
            ("leverage, approximate", leverage_scores(A, random_state=0), SKY, "s--"),
            ("uniform", np.full(n, d / n), RED, "^-"),
        )
        for label, scores, colour, style in methods:
            errors = np.array(
                [
                    [
                        spectral_error(
                            A, D, draw_rows(scores, D, s / d, np.random.default_rng(i))
                        )
                        for i in range(draws)
                    ]
                    for s in sizes
                ]
            )
            low, middle, high = np.percentile(errors, (0, 50, 100), axis=1)
            axis.plot(sizes, middle, style, color=colour, ms=4, label=label)
            axis.fill_between(sizes, low, high, color=colour, alpha=0.2, lw=0)
            print(
                name, label, dict(zip(sizes.astype(int), middle.round(4), strict=True))
            )
        # ε that the Bernstein bound promises for s rows: the root of a quadratic.
        a = 2 * d * np.log(2 * d / delta) / sizes
        promised = a / 6 + np.sqrt(a**2 / 36 + a)
        axis.plot(sizes, promised, "k:", label="promised, δ = 0.01")
        axis.set(xscale="log", yscale="log", xlabel="rows kept (expected)", title=name)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("spectral error ε of the sparsifier")
    axes[0].legend(loc="upper left")
    save(figure, "sparsifier")
    rows = []
    for name, A in (("normal", plain), ("coherent", coherent)):
        for epsilon in (0.1, 0.2, 0.4):
            for kind in ("leverage", "uniform"):
                picks = [
                    spectral_sparsifier(A, D, epsilon, sampling=kind, random_state=i)
                    for i in range(draws)
                ]
                errors = [spectral_error(A, D, pick) for pick in picks]
                rows.append(
                    (
                        name,
                        kind,
                        epsilon,
                        int(np.mean([len(pick.rows) for pick in picks])),
                        f"{np.median(errors):.3f}",
                        f"{np.max(errors):.3f}",
                        f"{np.sum(np.array(errors) > epsilon)}/{draws}",
                    )
                )
    columns = ("rows of A1", "sampling", "ε", "rows", "error, median", "max", "misses")
    table(columns, rows)


# -- time ----------------------------------------------------------------------


def seconds_per_iteration(A1, A2, b, repeats=2, **options):
    """Best of a few runs: (seconds an iteration, median rows kept, iterations)."""
    best, result = np.inf, None
    for _ in range(repeats):
        result = two_layer_softmax_regression(A1, A2, b, random_state=0, **options)
        best = min(best, result.history["time"][-1] / result.nit)
    return best, int(np.median(result.history["rows_kept"])), result.nit


METHODS = {
    "exact Hessian": {"sketch": "none"},
    "leverage, ε = 0.1": {"epsilon": 0.1},
    "leverage, ε = 0.3": {"epsilon": 0.3},
    "frozen, ε = 0.1": {"sketch": "frozen", "epsilon": 0.1},
}
STYLES = dict(
    zip(
        METHODS,
        (("k", "o-"), (BLUE, "s-"), (SKY, "v--"), (ORANGE, "^-")),
        strict=True,
    )
)


def slope(sizes, seconds):
    """Exponent of a power law fitted to the larger half of the sizes."""
    half = len(sizes) // 2
    return np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0]


SWEEPS = {
    "nnz(A1), millions: n = 62 500 … 10⁶, d = 50": [
        (n, 50, 10) for n in (62_500, 125_000, 250_000, 500_000, 1_000_000)
    ],
    "nnz(A1), millions: n = 400 000, d = 100": [
        (400_000, 100, k) for k in (3, 6, 12, 25, 50)
    ],
    "d: n = 400 000": [(400_000, d, 10) for d in (20, 40, 80, 160, 320)],
}


def nnz(n, d, stored):
    """Expected number of distinct entries of `sparse_rows`."""
    return n * d * (1 - (1 - 1 / d) ** stored)


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


def plot_timing(measured):
    """Panels of {sweep: {method: seconds}}, and a table of the fitted exponents."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
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


def large():
    """n = 10⁶ rows: time, memory, accuracy. Run alone for the memory."""
    n, d, stored = 1_000_000, 50, 10
    rng = np.random.default_rng(0)
    A1 = sparse_rows(rng, n, d, stored)
    x_true = rng.standard_normal(d)
    A2 = rng.standard_normal((3, n))
    inputs = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    problems = (
        ("identity, m = 10⁶", None, softmax(A1 @ x_true)),
        ("dense, m = 3", A2, A2 @ softmax(A1 @ x_true)),
    )
    rows = []
    for name, B, b in problems:
        for options in ({"sketch": "none"}, {}, {"sketch": "frozen"}):
            t = time.perf_counter()
            result = two_layer_softmax_regression(
                A1, B, b, w=1e-4, random_state=0, **options
            )
            t = time.perf_counter() - t
            problem = check_problem(A1, B, b, "identity", 1e-4)
            scale = np.linalg.norm(problem.value_and_gradient(np.zeros(d))[1])
            rows.append(
                (
                    name,
                    options.get("sketch", "leverage"),
                    result.status,
                    result.nit,
                    f"{np.linalg.norm(result.jac) / scale:.1e}",
                    f"{result.history['time'][-1]:.1f}",
                    f"{t - result.history['time'][-1]:.1f}",
                    result.certificate.certified,
                )
            )
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
        rows,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\npeak memory {peak:.2f} GB, of which inputs and libraries {inputs:.2f} GB")


# -- globalisation, constants -----------------------------------------------------


def far_starts():
    """w = 0.01, n = 1000, d = 8: our minima against those of trust-exact."""
    rows = []
    for h, m in (
        ("identity", 1),
        ("identity", 3),
        ("identity", 10),
        ("identity", 30),
        ("tanh", 3),
        ("exp", 3),
    ):
        counts = dict.fromkeys(
            ("indefinite", "minimum", "as good", "better", "plain", "scipy"), 0
        )
        nit = []
        for seed in range(50):
            rng = np.random.default_rng(seed)
            A1, A2 = rng.standard_normal((1000, 8)), rng.standard_normal((m, 1000))
            b = rng.random(m) if h == "exp" else rng.standard_normal(m)
            x0 = rng.standard_normal(8) if seed % 2 else np.zeros(8)
            problem = check_problem(A1, A2, b, h, 0.01)
            other = minimize(
                problem.value_and_gradient,
                x0,
                jac=True,
                hess=partial(dense_hessian, problem),
                method="trust-exact",
                options={"gtol": 1e-8, "maxiter": 500},
            )
            ours = two_layer_softmax_regression(A1, A2, b, h=h, w=0.01, x0=x0)
            plain = two_layer_softmax_regression(
                A1, A2, b, h=h, w=0.01, x0=x0, globalize=False, max_iter=100
            )
            counts["indefinite"] += (
                np.linalg.eigvalsh(dense_hessian(problem, x0))[0] < 0
            )
            counts["minimum"] += ours.success and ours.certificate.lambda_min > 0
            counts["as good"] += ours.fun <= 1.01 * other.fun
            counts["better"] += ours.fun < 0.99 * other.fun
            counts["plain"] += plain.success and plain.certificate.lambda_min > 0
            counts["scipy"] += np.linalg.norm(other.jac) <= 1e-7
            nit.append(ours.nit)
        rows.append((h, m, *map(int, counts.values()), int(np.median(nit)), max(nit)))
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


def constants():
    """How far the guarantees are from what is observed."""
    rows = []
    for h in SMOOTH:
        for w in (0.01, 0.3):
            rng = np.random.default_rng(0)
            A1, A2, b = dense_problem(rng, 1000, 8)
            result = two_layer_softmax_regression(A1, A2, b, h=h, w=w)
            c = result.certificate
            problem = check_problem(A1, A2, b, h, w)
            basin = _empirical_radius(problem, result.x, rng)
            naive = (
                c.lipschitz_euclidean
                * (np.sqrt(2) * np.linalg.norm(A1, 2) / _row_diameter(A1)) ** 3
            )
            rows.append(
                (
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
            )
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
        rows,
    )


def _row_diameter(A1):
    return max(np.linalg.norm(A1 - row, axis=1).max() for row in A1)


def _empirical_radius(problem, solution, rng):
    """Largest tested distance from which 20 exact Newton steps contract by 0.4."""
    H = problem.curvature(solution).hessian()
    directions = rng.standard_normal((20, problem.d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for radius in np.geomspace(10, 1e-6, 57):
        for direction in radius * directions:
            x = solution + direction
            step = np.linalg.solve(
                problem.curvature(x).hessian(), problem.value_and_gradient(x)[1]
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
        for w in (w_needed, 1e-3):
            result = two_layer_softmax_regression(A1, A2, b, h=h, w=w)
            problem = check_problem(A1, A2, b, h, 0.0)
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


SECTIONS = {
    section.__name__: section
    for section in (
        contraction,
        iterations,
        norms,
        sparsifier,
        timing,
        large,
        far_starts,
        constants,
        vacuous,
    )
}


def main():
    header()
    for name in sys.argv[1:] or SECTIONS:
        print(f"\n## {name}: {SECTIONS[name].__doc__}")
        t = time.perf_counter()
        SECTIONS[name]()
        print(f"({time.perf_counter() - t:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
