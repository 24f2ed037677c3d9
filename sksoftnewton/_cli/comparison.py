"""The estimator and other models, cross-validated on one table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_validate
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.table import Table

LARGE = 10_000  # rows from which three folds are enough


def models() -> dict[str, Any]:
    """The models compared, each with its defaults."""
    return {
        "TwoLayerSoftmaxRegressor": TwoLayerSoftmaxRegressor(random_state=0),
        "RidgeCV": RidgeCV(alphas=np.logspace(-3, 3, 13)),
        "MLPRegressor": MLPRegressor(random_state=0),
        "HistGradientBoostingRegressor": HistGradientBoostingRegressor(random_state=0),
    }


def pipeline_for(table: Table, model: Any) -> Pipeline:
    """Standardised numbers and one-hot categories, then the model."""
    preprocessing = make_column_transformer(
        (StandardScaler(), table.numeric),
        (
            OneHotEncoder(
                max_categories=50,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
            ),
            table.categorical,
        ),
    )
    return make_pipeline(preprocessing, model)


def compare(title: str, table: Table) -> None:
    """Print R² and seconds a fit of every model, cross-validated."""
    n, d = table.X.shape
    folds = KFold(3 if n >= LARGE else 5, shuffle=True, random_state=0)
    print(f"{title}: {n} rows, {d} features, {folds.get_n_splits()}-fold R²")
    print(f"  {'':32}{'R²':>7}{'±':>8}{'s / fit':>10}")
    for name, model in models().items():
        # One thread each: comparable seconds, and threads that wait for a busy core
        # can take minutes.
        with warnings.catch_warnings(), threadpool_limits(limits=1):
            warnings.simplefilter("ignore")  # MLPRegressor: iterations ran out
            scores = cross_validate(
                pipeline_for(table, model), table.X, table.y, cv=folds
            )
        r2, seconds = scores["test_score"], scores["fit_time"]
        print(f"  {name:32}{r2.mean():7.3f}{r2.std():8.3f}{seconds.mean():10.3f}")
    print(flush=True)


def demo_tables() -> Iterator[tuple[str, Table]]:
    """Titles and data of what is compared when no file is given."""
    X, y = load_diabetes(return_X_y=True)
    yield "Diabetes progression (real)", Table.of_numbers(X, y)
    X, y = make_friedman1(2000, noise=1.0, random_state=0)
    yield "Friedman 1 (synthetic)", Table.of_numbers(X, y)
