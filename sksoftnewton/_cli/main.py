"""What is done for the arguments, and how it ends."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._cli import comparison, kinds, large, table
from sksoftnewton._cli.arguments import parse
from sksoftnewton._cli.columns import ColumnWarning
from sksoftnewton._cli.models import OURS, for_frames, models
from sksoftnewton._cli.prediction import predict_file
from sksoftnewton._cli.reading import Format, InputError, read_frame
from sksoftnewton._cli.saving import check_model_destination, save_model
from sksoftnewton._cli.terminal import adapt_to_terminal, forget_output

INTERRUPTED = 130
CLOSED_PIPE = 141


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        None: those of the process.

    Returns
    -------
    code : int
        The exit code: 0; 2 for a file or an argument that its owner has to put right,
        which is said in one line on the standard error; 130 after an interrupt; 141
        where nobody reads the output any more.

    Raises
    ------
    SystemExit
        By argparse, for arguments that do not fit and after ``--help``.
    """
    adapt_to_terminal()
    try:
        run(parse(arguments))
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        forget_output()
        return CLOSED_PIPE
    return 0


def run(options: argparse.Namespace) -> None:
    """Do what the options ask for."""
    form = Format(options.sep, options.decimal, options.encoding)
    if options.predict:
        predict_file(
            options.predict,
            options.file,
            form,
            level=options.interval,
            out=options.out,
            force=options.force,
        )
    elif options.file:
        compare_file(options, form)
    else:
        compare_examples(options)


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The models to compare, in the order in which their lines come."""
    return {
        name: model
        for name, model in models().items()
        if name in (options.models or models())
    }


def compare_examples(options: argparse.Namespace) -> None:
    """Compare on built-in data, and say what comes next."""
    for title, X, y in comparison.examples():
        folds = comparison.make_folds(len(y), options.folds)
        print(f"{title}: {len(y):,} rows, {X.shape[1]} features, {folds.description}")
        comparison.compare(chosen(options), X, y, folds)
    print("Next: python -m sksoftnewton data.csv --target COLUMN   (your data)")
    print("or:   from sksoftnewton import TwoLayerSoftmaxRegressor  (in Python)")


def compare_file(options: argparse.Namespace, form: Format) -> None:
    """Say what the columns are, compare on the file, and save what is fitted to it."""
    if options.save:  # asked before the comparison, which takes a while
        check_model_destination(options.save, options.force, options.file)
    frame, collection = read(options.file, form, options.rows)
    choices = kinds.Choices(
        numeric=options.numeric,
        categorical=options.categorical,
        drop=options.drop,
        group=options.group,
        time=options.time,
        decimal=form.decimal,
        keep_na=options.keep_na,
    )
    data = table.make_table(frame, options.target, choices)
    for line in table.lines(data, options.file, options.target):
        print(line)
    rows = sample(len(data.y), options.rows)
    X, y = data.frame.iloc[rows], data.y[rows]
    folds = comparison.make_folds(
        len(y),
        options.folds,
        group=kinds.groups(X[options.group]) if options.group else None,
        moment=kinds.moments(X[options.time], form.decimal) if options.time else None,
    )
    print(f"{len(y):,} rows, {folds.description}", flush=True)
    pipelines = {
        name: for_frames(model, data.typing) for name, model in chosen(options).items()
    }
    comparison.compare(pipelines, X, y, folds)
    if options.save:
        fit_and_save(options.save, data, collection, options.target)


def read(path: str, form: Format, wanted: int | None) -> tuple[Any, Any]:
    """The rows to judge columns by, and the collection that they are a sample of.

    The collection is None where these are all rows.
    """
    if not large.is_collection(path):
        return read_frame(path, form), None
    collection = large.read_collection(path, form)
    frame, n_rows = large.sampled(collection, wanted or large.SAMPLE_ROWS)
    if len(frame) == n_rows:
        return frame, None
    print(f"{path}: {n_rows:,} rows in all, of which a sample is looked at")
    return frame, collection


def sample(n: int, wanted: int | None) -> NDArray[np.intp]:
    """The rows to compare on, in their order."""
    if wanted is None or wanted >= n:
        return np.arange(n)
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(n, wanted, replace=False))


def fit_and_save(path: str, data: table.Table, collection: Any, target: str) -> None:
    """Fit the pipeline on all rows, which are those of a collection if there is one."""
    by_chunks = collection is not None
    pipeline = for_frames(models()[OURS], data.typing, by_chunks)
    began = time.perf_counter()
    if collection is not None:
        large.fit_on_all(pipeline, data, collection, target)
    else:
        with warnings.catch_warnings():
            # The table of columns says it.
            warnings.simplefilter("ignore", ColumnWarning)
            pipeline.fit(data.frame, data.y)
    print(f"Fitted on all rows in {time.perf_counter() - began:.2f} s")
    save_model(pipeline, path)
    print(f"Saved the fitted pipeline to {path}")
