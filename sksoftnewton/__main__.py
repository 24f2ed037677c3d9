"""``python -m sksoftnewton``: a comparison on built-in data, or on a CSV file."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
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

from sksoftnewton import TwoLayerSoftmaxRegressor, __version__
from sksoftnewton._csv import Table, TableError, read_table

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
    X, y = load_diabetes(return_X_y=True)
    yield "Diabetes progression (real)", Table.of_numbers(X, y)
    X, y = make_friedman1(2000, noise=1.0, random_state=0)
    yield "Friedman 1 (synthetic)", Table.of_numbers(X, y)


def fit_and_save(path: str, table: Table) -> None:
    """Fit the pipeline on all rows and save it with skops."""
    from skops.io import dump

    pipeline = pipeline_for(table, models()["TwoLayerSoftmaxRegressor"])
    started = time.perf_counter()
    pipeline.fit(table.X, table.y)
    print(f"Fitted on all rows in {time.perf_counter() - started:.2f} s")
    try:
        dump(pipeline, path)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error.strerror}") from None
    print(f"Saved the fitted pipeline to {path}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sksoftnewton",
        description="Cross-validate the two-layer softmax regressor against ridge "
        "regression, a multilayer perceptron and gradient boosting. Without a file: "
        "on scikit-learn's diabetes data and a Friedman problem, in under a minute.",
        epilog="A CSV file needs a header line. Columns of text are one-hot encoded; "
        "missing values and a target that is not numeric are reported.",
    )
    parser.add_argument("csv", nargs="?", help="a CSV file (',', ';' or tab)")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--save",
        metavar="FILE.skops",
        help="fit on all rows and save the pipeline (needs skops)",
    )
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(arguments)
    if options.csv and not options.target:
        parser.exit(2, "error: a CSV file needs --target COLUMN\n")
    if not options.csv and (options.target or options.save):
        parser.exit(2, "error: --target and --save need a CSV file\n")
    return options


def run(options: argparse.Namespace) -> None:
    if not options.csv:
        for title, table in demo_tables():
            compare(title, table)
        print("Next: python -m sksoftnewton data.csv --target COLUMN   (your data)")
        print("or:   from sksoftnewton import TwoLayerSoftmaxRegressor  (in Python)")
        return
    table = read_table(options.csv, options.target)
    if options.save and not find_spec("skops"):
        raise TableError("--save needs skops: pip install skops")
    compare(f"{options.csv}, target {options.target}", table)
    if options.save:
        fit_and_save(options.save, table)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        run(parse(arguments))
    except TableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
