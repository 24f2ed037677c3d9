"""R² against seconds: ours and what a user would otherwise pick, on larger data.

MLPRegressor with Adam and L-BFGS, kernel ridge and SVR (on at most 5,000 rows),
histogram boosting, and the same network trained by torch where it is installed.
Prints tables, writes docs/figures/peers.png:

    pip install . plotnine matplotlib torch
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/peers.py
"""

import time
import warnings

import numpy as np
from common import COLOURS, MARKERS, axes, diamonds, friedman, header, save, table, tidy
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.models import perceptron

try:
    import torch
except ImportError:
    torch = None

KERNEL_ROWS = 5_000
UNITS = 16
SETS = {
    "Friedman 1, 20,000 rows": lambda: friedman(20_000),
    "Friedman 1, 200,000 rows": lambda: friedman(200_000),
    "diamonds, 53,940 rows": diamonds,
}


class TorchNetwork(RegressorMixin, BaseEstimator):
    """The same network and penalty, in float64, by Adam or L-BFGS."""

    def __init__(self, optimiser="adam", alpha=1e-5, epochs=60):
        self.optimiser = optimiser
        self.alpha = alpha
        self.epochs = epochs

    def fit(self, X, y):
        torch.manual_seed(0)
        torch.set_num_threads(1)
        self.mean_, self.scale_ = y.mean(), y.std()
        X = torch.tensor(X)
        y = torch.tensor((y - self.mean_) / self.scale_)
        d = X.shape[1]
        first = torch.nn.Linear(d, UNITS, dtype=torch.float64)
        torch.nn.init.normal_(first.weight, std=1 / np.sqrt(d + 1))
        second = torch.nn.Linear(UNITS, 1, bias=False, dtype=torch.float64)
        self.net_ = torch.nn.Sequential(first, torch.nn.Softmax(dim=1), second)
        parameters = list(self.net_.parameters())

        def loss(rows):
            error = self.net_(X[rows]).squeeze(1) - y[rows]
            penalty = sum((p**2).sum() for p in parameters)
            return 0.5 * (error**2).mean() + 0.5 * self.alpha * penalty

        if self.optimiser == "adam":
            adam = torch.optim.Adam(parameters, lr=1e-2)
            decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.epochs)
            for _ in range(self.epochs):
                for rows in torch.randperm(len(y)).split(256):
                    adam.zero_grad()
                    loss(rows).backward()
                    adam.step()
                decay.step()
        else:
            everything = slice(None)
            lbfgs = torch.optim.LBFGS(
                parameters,
                max_iter=500,
                history_size=20,
                line_search_fn="strong_wolfe",
            )

            def closure():
                lbfgs.zero_grad()
                value = loss(everything)
                value.backward()
                return value

            lbfgs.step(closure)
        return self

    def predict(self, X):
        with torch.no_grad():
            scaled = self.net_(torch.tensor(X)).squeeze(1).numpy()
        return self.mean_ + self.scale_ * scaled


def models():
    yield "ours, default", TwoLayerSoftmaxRegressor(random_state=0), None
    fixed = {"n_hidden": UNITS, "alpha": 1e-5, "n_init": 1}
    yield (
        f"ours, {UNITS} units",
        TwoLayerSoftmaxRegressor(**fixed, random_state=0),
        None,
    )
    yield "MLP, Adam", perceptron(), None
    yield "MLP, L-BFGS", perceptron(solver="lbfgs", early_stopping=False), None
    yield "boosting", HistGradientBoostingRegressor(random_state=0), None
    yield "kernel ridge", KernelRidge(kernel="rbf", alpha=0.1, gamma=0.03), KERNEL_ROWS
    yield "SVR", SVR(C=10), KERNEL_ROWS
    if torch is not None:
        yield "torch, Adam", TorchNetwork("adam"), None
        yield "torch, L-BFGS", TorchNetwork("lbfgs"), None


def draw(results):
    """``results`` maps sets to rows of label, seconds and R²."""
    figure, grid = axes(1, len(results), width=4, height=3.2)
    for ax, (name, rows) in zip(grid[0], results.items(), strict=True):
        for index, (label, seconds, r2) in enumerate(rows):
            ax.semilogx(
                seconds,
                r2,
                MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                ms=7,
                mfc="none" if index >= len(COLOURS) else None,
                label=label,
            )
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("seconds of a fit")
        tidy(ax.xaxis)
    grid[0, 0].set_ylabel("test R²")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5
    )
    save(figure, "peers.png")


def main():
    header()
    if torch is not None:
        print(f"(torch {torch.__version__})\n")
    warnings.simplefilter("ignore")
    results = {}
    for name, make in SETS.items():
        X, X_test, y, y_test = train_test_split(*make(), random_state=0)
        results[name] = []
        for label, given, limit in models():
            ours = label.startswith("ours")
            model = given if ours else make_pipeline(StandardScaler(), given)
            began = time.perf_counter()
            model.fit(X[:limit], y[:limit])
            seconds = time.perf_counter() - began
            results[name].append((label, seconds, model.score(X_test, y_test)))
        print(f"{name}\n")
        rows = [(label, f"{s:.2f}", f"{r2:.4f}") for label, s, r2 in results[name]]
        table(["", "s", "test R²"], rows)
    draw(results)


if __name__ == "__main__":
    main()
