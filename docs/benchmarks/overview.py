"""The picture of the landing page: partition, fit, evidence, Newton's steps.

Writes docs/figures/how_it_works.png and, for dark pages, how_it_works_dark.png:

    pip install ".[test]" plotnine
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/overview.py
"""

import numpy as np
from common import COLOURS, FIGURES, axes, problem, save_themes
from scipy.special import gammaln
from solver import levenberg_marquardt, scipy_solver

from sksoftnewton import TwoLayerSoftmaxRegressor

LINES = ["-", "--", "-.", ":"]
ALPHA = 1e-4
STARTS = 6


def data(n=400):
    """One feature, four levels with slopes between them."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, n))
    y = 2 * np.tanh(2 * (x - 2)) - 1.5 * np.tanh(2 * (x - 5)) + np.tanh(2 * (x - 8))
    return x[:, None], y + 0.4 * rng.standard_normal(n)


def draw_partition(ax, model, grid):
    for unit, f in enumerate(model.hidden_activations(grid).T):
        colour = COLOURS[:4][unit % 4]
        ax.plot(grid, f, LINES[unit % 4], color=colour, lw=2)
        value = f"{model.output_coef_[0, unit]:+.1f}".replace("-", "−")
        centre = float(np.sum(grid[:, 0] * f**4) / np.sum(f**4))
        ax.text(centre, 1.04, value, ha="center", color=colour, weight="bold")
    ax.set(ylim=(0, 1.18), ylabel="membership")
    ax.set_title("1  Units share the space; each has a value")


def draw_fit(ax, model, grid, X, y):
    mean, std = model.predict(grid, return_std=True)
    x = grid[:, 0]
    ax.plot(X, y, ".", color="0.55", ms=3, label="data")
    ax.fill_between(
        x, mean - 1.96 * std, mean + 1.96 * std, color=COLOURS[5], alpha=0.4
    )
    ax.plot(x, mean, color=COLOURS[0], lw=2, label="prediction, 95 % band")
    ax.set(xlabel="x", ylabel="y", ylim=(-3.2, 4.4))
    ax.set_title("2  The prediction mixes the values")
    ax.legend(loc="upper right", ncols=2, frameon=False)


def draw_evidence(ax, model):
    path = model.width_path_
    k = path["n_hidden"]
    score = path["log_evidence"] - gammaln(k + 1)  # a Poisson(1) prior of the width
    widths = np.unique(k)
    best = [score[k == width].max() for width in widths]
    ax.plot(k, score, "o", color="0.55", ms=5, label="a start")
    ax.plot(widths, best, "-s", color=COLOURS[0], ms=4, label="best of a width")
    ax.axvline(model.n_hidden_, color=COLOURS[1], ls="--", label="chosen")
    ax.set_xscale("log", base=2)
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.set(xlabel="hidden units", ylabel="log evidence + log prior")
    ax.set_title("3  The evidence chooses the width")
    ax.legend(loc="lower right", fontsize=8)


def convergence(X, y):
    """Passes and F of every iteration, for each solver a pair for each start."""
    whole = problem(X, y)
    network = whole.network(4, (ALPHA, ALPHA))
    curves = {"Newton": [], "L-BFGS-B": []}
    for seed in range(STARTS):
        theta = whole.random_start(network, np.random.default_rng(seed))
        for name, trace in (
            ("Newton", levenberg_marquardt(network, theta)),
            ("L-BFGS-B", scipy_solver("L-BFGS-B", network, theta)),
        ):
            passes = np.array([row[1] for row in trace.rows])
            F = np.array([network.value(row[2]) for row in trace.rows])
            curves[name].append((passes, F))
    return curves


def draw_newton(ax, curves):
    best = min(F[-1] for pairs in curves.values() for _, F in pairs)
    styles = {"Newton": (COLOURS[0], "-"), "L-BFGS-B": (COLOURS[1], "--")}
    for name, pairs in curves.items():
        colour, line = styles[name]
        for i, (passes, F) in enumerate(pairs):
            ax.semilogy(
                passes,
                np.maximum(F / best - 1, 1e-12),
                line,
                color=colour,
                lw=1.2,
                label=None if i else name,
            )
    ax.set(xlabel="passes over the rows", ylabel="F above its minimum, relative")
    ax.set(ylim=(1e-9, 30))
    ax.set_title(f"4  Newton's steps from {STARTS} random starts")
    ax.legend(loc="upper right")


def main():
    X, y = data()
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    grid = np.linspace(0, 10, 401)[:, None]
    curves = convergence(X, y)
    for theme, name in save_themes("how_it_works"):
        with theme:
            figure, grid_of_axes = axes(2, 2, width=4.2, height=2.8)
            (first, third), (second, fourth) = grid_of_axes
            draw_partition(first, model, grid)
            draw_fit(second, model, grid, X, y)
            draw_evidence(third, model)
            draw_newton(fourth, curves)
            figure.savefig(FIGURES / name, dpi=144, transparent=True)


if __name__ == "__main__":
    main()
