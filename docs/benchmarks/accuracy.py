"""Accuracy of the default estimator against default and tuned peers.

Prints Markdown tables of test R² (mean of three random 75/25 splits), mean rank and
seconds a fit. Real data come from scikit-learn, plotnine and mlxtend, so that
nothing is downloaded:

    pip install ".[test]" plotnine mlxtend
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/accuracy.py
"""

import argparse
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import header
from sklearn.datasets import (
    load_diabetes,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.models import perceptron

OURS = "TwoLayerSoftmax"
GP_ROWS = 500  # a Gaussian process is fitted to at most so many rows
SPLITS = 3


def synthetic():
    rng = np.random.default_rng(0)
    n = 800
    X = rng.normal(size=(n, 8))
    yield "linear", X, X @ rng.normal(size=8) + 0.5 * rng.normal(size=n)
    X = rng.uniform(-2, 2, (n, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + np.abs(X[:, 2])
    yield "additive", X, y + 0.3 * rng.normal(size=n)
    X = rng.uniform(-1, 1, (n, 5))
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]
    yield "product", X, y + 0.1 * rng.normal(size=n)
    X = rng.uniform(-1, 1, (n, 5))
    y = (X[:, 0] > 0) + 2.0 * (X[:, 1] > 0.3) * (X[:, 2] < 0)
    yield "step", X, y + 0.2 * rng.normal(size=n)
    X = rng.uniform(-2, 2, (n, 4))
    noise = (0.1 + 0.4 * np.abs(X[:, 2])) * rng.normal(size=n)
    yield "heteroscedastic", X, np.sin(2 * X[:, 0]) + X[:, 1] + noise
    X = rng.normal(size=(n, 30)) * (rng.random((n, 30)) < 0.2)
    y = 2 * np.tanh(X[:, :5].sum(axis=1)) + X[:, 5]
    yield "sparse", X, y + 0.3 * rng.normal(size=n)
    X = rng.normal(size=(200, 300))
    y = 2 * np.tanh(X[:, :3].sum(axis=1))
    yield "wide", X, y + 0.2 * rng.normal(size=200)
    yield "Friedman 1", *make_friedman1(n, noise=1.0, random_state=0)
    yield "Friedman 2", *make_friedman2(n, noise=100.0, random_state=0)
    yield "Friedman 3", *make_friedman3(n, noise=0.1, random_state=0)


def real():
    from mlxtend.data import autompg_data, boston_housing_data
    from plotnine.data import diamonds

    yield "diabetes", *load_diabetes(return_X_y=True)
    table = diamonds.sample(1500, random_state=0)
    X = pd.get_dummies(table.drop(columns="price")).to_numpy(float)
    yield "diamonds (1500)", X, np.log(table["price"].to_numpy(float))
    yield "Boston housing", *boston_housing_data()
    X, y = autompg_data()
    X = np.asarray(X)[:, :-1].astype(float)  # without the name of the car
    complete = np.isfinite(X).all(axis=1)
    yield "auto mpg", X[complete], np.asarray(y, float)[complete]


def unseen():
    """Real data that played no part in any choice: statsmodels' collection."""
    import statsmodels.api as sm

    frame = sm.datasets.fair.load_pandas().data.sample(1500, random_state=0)
    yield (
        "fair",
        frame.drop(columns="rate_marriage").to_numpy(float),
        frame["rate_marriage"].to_numpy(float),
    )
    frame = sm.datasets.star98.load_pandas().data
    y = (frame["NABOVE"] / (frame["NABOVE"] + frame["NBELOW"])).to_numpy(float)
    yield "star98", frame.drop(columns=["NABOVE", "NBELOW"]).to_numpy(float), y
    frame = sm.datasets.anes96.load_pandas().data
    yield (
        "anes96",
        frame.drop(columns="selfLR").to_numpy(float),
        frame["selfLR"].to_numpy(float),
    )
    frame = sm.datasets.ccard.load_pandas().data
    yield (
        "ccard",
        frame.drop(columns="AVGEXP").to_numpy(float),
        frame["AVGEXP"].to_numpy(float),
    )
    frame = sm.datasets.statecrime.load_pandas().data
    yield (
        "statecrime",
        frame.drop(columns="murder").to_numpy(float),
        frame["murder"].to_numpy(float),
    )


def models(n_train):
    def scaled(model):
        return make_pipeline(StandardScaler(), model)

    def searched(model, grid):
        name = model.__class__.__name__.lower()
        grid = {f"{name}__{key}": values for key, values in grid.items()}
        return GridSearchCV(scaled(model), grid, cv=3)

    found = {
        OURS: TwoLayerSoftmaxRegressor(random_state=0),
        "RidgeCV": scaled(RidgeCV(np.logspace(-3, 4, 15))),
        "MLP": perceptron(),
        "MLP, searched": GridSearchCV(
            perceptron(early_stopping=False),  # the penalty is searched instead
            {
                "regressor__mlpregressor__hidden_layer_sizes": [(30,), (100,)],
                "regressor__mlpregressor__alpha": [1e-4, 1e-1, 3.0],
            },
            cv=3,
        ),
        "boosting": HistGradientBoostingRegressor(random_state=0),
        "KernelRidge, searched": searched(
            KernelRidge(kernel="rbf"),
            {"alpha": np.logspace(-3, 1, 5), "gamma": np.logspace(-3, 0.5, 6)},
        ),
        "SVR, searched": searched(
            SVR(), {"C": [1, 10, 100], "gamma": np.logspace(-3, 0, 4)}
        ),
    }
    if n_train <= GP_ROWS:
        kernel = ConstantKernel() * RBF(1.0, (1e-1, 1e3)) + WhiteKernel(0.1)
        found["Gaussian process"] = scaled(
            GaussianProcessRegressor(kernel, normalize_y=True)
        )
    return found


def fit_and_score(model, X, y, X_test, y_test):
    """Test R², seconds, and the count of absurd predictions (ours only)."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(model, GridSearchCV) and "svr" in str(model.estimator).lower():
            scale = y.std()
            model.fit(X, y / scale)  # SVR's epsilon has the units of y
            predictions = model.predict(X_test) * scale
        else:
            predictions = model.fit(X, y).predict(X_test)
    seconds = time.perf_counter() - started
    residual = np.sum((y_test - predictions) ** 2)
    r2 = 1 - residual / np.sum((y_test - y_test.mean()) ** 2)
    middle, half = (y.max() + y.min()) / 2, (y.max() - y.min()) / 2
    absurd = int(np.sum(np.abs(predictions - middle) > 2 * half))
    return r2, seconds, absurd


def run(sets):
    rows = []
    for name, X, y in sets:
        for split in range(SPLITS):
            parts = train_test_split(X, y, random_state=split)
            X_train, X_test, y_train, y_test = parts
            for label, model in models(len(y_train)).items():
                r2, seconds, absurd = fit_and_score(
                    model, X_train, y_train, X_test, y_test
                )
                rows.append((name, split, label, r2, seconds, absurd))
            print(name, split, file=sys.stderr, flush=True)
    columns = ["set", "split", "model", "r2", "seconds", "absurd"]
    return pd.DataFrame(rows, columns=columns)


def report(results):
    order = list(dict.fromkeys(results["model"]))
    names = list(dict.fromkeys(results["set"]))
    r2 = results.pivot_table(index="set", columns="model", values="r2")
    r2 = r2.loc[names, order]
    everywhere = r2.dropna(axis=1)  # a model that was left out somewhere has no rank
    ranks = (-everywhere).rank(axis=1).mean()
    seconds = results.groupby("model")["seconds"].median()
    absurd = results.groupby("model")["absurd"].sum()

    def line(label, cells):
        print(f"| {label} | " + " | ".join(cells) + " |")

    line("R²", order)
    print("|---" * (len(order) + 1) + "|")
    for name in names:
        best = r2.loc[name].max()
        line(
            name,
            [
                "–"
                if np.isnan(v)
                else (f"**{v:.3f}**" if v > best - 0.0005 else f"{v:.3f}")
                for v in r2.loc[name]
            ],
        )
    complete = everywhere.columns
    line("mean", [f"{r2[m].mean():.3f}" if m in complete else "–" for m in order])
    line("median", [f"{r2[m].median():.3f}" if m in complete else "–" for m in order])
    line("mean rank", [f"{ranks[m]:.2f}" if m in complete else "–" for m in order])
    line("median s / fit", [f"{seconds[m]:.3f}" for m in order])
    line("absurd predictions", [f"{absurd[m]}" for m in order])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--unseen", action="store_true", help="the statsmodels sets")
    options = parser.parse_args()
    header()
    sets = unseen() if options.unseen else [*synthetic(), *real()]
    report(run(sets))


if __name__ == "__main__":
    main()
