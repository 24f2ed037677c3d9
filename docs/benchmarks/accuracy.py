"""Accuracy of the default estimator against default and searched peers.

Prints Markdown tables: test R² (mean of three random 75/25 splits), mean ranks, paired
differences to ours with their standard errors over the sets, absurd predictions and
CPU seconds a fit; ours is the mean of three seeds where rows are few. Real tables
come from installed packages, nothing is downloaded:

    pip install ".[test]" plotnine mlxtend statsmodels catboost lightgbm
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/accuracy.py

CatBoost and LightGBM are optional: without them their columns are left out.
"""

import argparse
import importlib.util
import sys
import time
import warnings

import numpy as np
import pandas as pd
from accuracy_sets import real, real_large, synthetic
from common import header, table
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.models import perceptron

GROUPS = {
    "Real tables, up to 3,000 rows": real,
    "Real tables, more rows": real_large,
    "Synthetic": synthetic,
}
OURS = "TwoLayerSoftmax"
SPLITS = 3
FEW_ROWS = 3000  # the most for kernel methods, and for several seeds of ours
SEEDS = 3
OPTIONAL = [name for name in ("catboost", "lightgbm") if importlib.util.find_spec(name)]


def peers(n_rows):
    """The other models by their names."""
    boosting = HistGradientBoostingRegressor(random_state=0)
    grid = {
        "learning_rate": [0.03, 0.1],
        "max_leaf_nodes": [6, 31],
        "min_samples_leaf": [5, 20],
        "max_iter": [200],
    }
    found = {
        "RidgeCV": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15))),
        "perceptron": perceptron(),
        "boosting": boosting,
        "boosting, searched": GridSearchCV(boosting, grid, cv=3),
    }
    if "catboost" in OPTIONAL:
        from catboost import CatBoostRegressor

        found["CatBoost"] = CatBoostRegressor(
            thread_count=1, random_seed=0, verbose=0, allow_writing_files=False
        )
    if "lightgbm" in OPTIONAL:
        from lightgbm import LGBMRegressor

        found["LightGBM"] = LGBMRegressor(n_jobs=1, random_state=0, verbose=-1)
    if n_rows <= FEW_ROWS:
        kernel_ridge, svr = KernelRidge(kernel="rbf"), SVR()
        found["kernel ridge, searched"] = searched(
            kernel_ridge,
            {"alpha": np.logspace(-3, 1, 5), "gamma": np.logspace(-3, 0.5, 6)},
        )
        found["SVR, searched"] = searched(
            svr, {"C": [1, 10, 100], "gamma": np.logspace(-3, 0, 4)}
        )
    return found


def searched(model, grid):
    """A model of standardised features and targets, by three-fold cross-validation."""
    step = f"regressor__{type(model).__name__.lower()}__"
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), model), transformer=StandardScaler()
    )
    return GridSearchCV(scaled, {step + key: grid[key] for key in grid}, cv=3)


def scores(model, X, X_test, y, y_test):
    """Test R², absurd predictions (outside twice the training range), CPU seconds."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictions = model.fit(X, y).predict(X_test)
    seconds = time.process_time() - began
    middle, half = (y.max() + y.min()) / 2, (y.max() - y.min()) / 2
    absurd = int(np.sum(np.abs(predictions - middle) > 2 * half))
    return r2_score(y_test, predictions), absurd, seconds


def measured(sets):
    """A row for each set, split, model and seed."""
    rows = []
    for name, X, y in sets:
        for split in range(SPLITS):
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, random_state=split
            )
            parts = X_train, X_test, y_train, y_test
            for seed in range(SEEDS if len(y) <= FEW_ROWS else 1):
                ours = TwoLayerSoftmaxRegressor(random_state=seed)
                rows.append((name, split, OURS, seed, *scores(ours, *parts)))
            for label, model in peers(len(y)).items():
                rows.append((name, split, label, 0, *scores(model, *parts)))
        print(name, *X.shape, file=sys.stderr, flush=True)
    columns = ["set", "split", "model", "seed", "r2", "absurd", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def by_set(results):
    """Mean R² of every set and model; models that were left out somewhere are not."""
    means = results.pivot_table(index="set", columns="model", values="r2", sort=False)
    return means.dropna(axis=1)


def report(results):
    """The R² of every set, and the summary below."""
    r2 = by_set(results)
    cells = [
        (name, *(f"**{v:.3f}**" if v > row.max() - 5e-4 else f"{v:.3f}" for v in row))
        for name, row in r2.iterrows()
    ]
    table(["R²", *r2.columns], [*cells, *summary(results)])


def summary(results):
    """Means over the sets, and differences of R² to ours."""
    r2 = by_set(results)
    results = results[results["model"].isin(r2.columns)]
    ranks = (-r2).rank(axis=1).mean()
    differences = r2.sub(r2[OURS], axis=0)
    errors = differences.std() / np.sqrt(len(r2))
    paired = [
        "–" if label == OURS else f"{differences[label].mean():+.3f} ± {error:.3f}"
        for label, error in errors.items()
    ]
    medians = [
        "–" if label == OURS else f"{value:+.3f}"
        for label, value in differences.median().items()
    ]
    seconds = results.groupby("model", sort=False)["seconds"].median()
    # One seed of ours a split, as of the others.
    absurd = results[results["seed"] == 0].groupby("model")["absurd"].sum()
    return [
        ("mean", *(f"{value:.3f}" for value in r2.mean())),
        ("mean rank", *(f"{value:.2f}" for value in ranks)),
        ("minus ours", *paired),
        ("median of it", *medians),
        ("absurd predictions", *absurd[r2.columns]),
        ("CPU s, median", *(f"{seconds[label]:.2f}" for label in r2.columns)),
    ]


def report_seeds(results):
    ours = results[results["model"] == OURS]
    deviations = ours.groupby(["set", "split"])["r2"].std().dropna()
    names = deviations.groupby("set").mean().sort_values()
    print(
        f"Standard deviation of ours over {SEEDS} seeds, sets of up to {FEW_ROWS:,} "
        f"rows: median {names.median():.4f}, largest {names.iloc[-1]:.4f} "
        f"({names.index[-1]}).\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = [function.__name__ for function in GROUPS.values()]
    parser.add_argument("groups", nargs="*", help=f"{', '.join(choices)}; else all")
    wanted = parser.parse_args().groups or choices
    header()
    print("Optional peers:", ", ".join(OPTIONAL) or "none installed", "\n")
    found = {}
    for title, sets in GROUPS.items():
        if sets.__name__ in wanted:
            found[sets.__name__] = measured(sets())
            print(f"## {title}\n")
            report(found[sets.__name__])
    if {"real", "real_large"} <= set(found):
        both = pd.concat([found["real"], found["real_large"]])
        print("## All real tables\n")
        table(["", *by_set(both).columns], summary(both))
    if set(found) - {"real_large"}:
        report_seeds(pd.concat(found.values()))


if __name__ == "__main__":
    main()
