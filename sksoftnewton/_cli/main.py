"""Arguments of the command line, and what is done for them."""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec

from sksoftnewton import __version__
from sksoftnewton._cli.comparison import compare, demo_tables, models, pipeline_for
from sksoftnewton._cli.table import Table, TableError, read_table


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        None: those of the process.

    Returns
    -------
    code : int
        The exit code: 0, or 2 for a file that its owner has to put right, which is
        said in one line on the standard error.

    Raises
    ------
    SystemExit
        By argparse, for arguments that do not fit and after ``--help``.
    """
    try:
        run(parse(arguments))
    except TableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, or an exit with one line about what is wrong with them."""
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
    """Compare on the file, or on built-in data where none is given."""
    if not options.csv:
        for title, table in demo_tables():
            compare(title, table)
        print("Next: python -m sksoftnewton data.csv --target COLUMN   (your data)")
        print("or:   from sksoftnewton import TwoLayerSoftmaxRegressor  (in Python)")
        return
    table = read_table(options.csv, options.target)
    # Asked before the comparison, which takes a while.
    if options.save and not find_spec("skops"):
        raise TableError("--save needs skops: pip install skops")
    compare(f"{options.csv}, target {options.target}", table)
    if options.save:
        fit_and_save(options.save, table)


def fit_and_save(path: str, table: Table) -> None:
    """Fit the pipeline on all rows and save it with skops.

    Raises
    ------
    TableError
        If nothing can be written to ``path``.
    """
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
