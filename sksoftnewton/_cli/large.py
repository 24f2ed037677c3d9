"""Tables of several files, or of more rows than memory holds, read by Dask."""

from __future__ import annotations

import glob
import os
import sys
import warnings
from typing import Any

import numpy as np

from sksoftnewton._cli.columns import as_numbers, is_missing
from sksoftnewton._cli.reading import Format, InputError, read_frame, reasons
from sksoftnewton._cli.table import Table
from sksoftnewton._cli.terminal import counting

PARQUET = (".parquet", ".pq")
SAMPLE_ROWS = 100_000  # that columns are judged by and models are compared on


def is_collection(path: str) -> bool:
    """Whether a path is Parquet, a folder, or a pattern that stands for files."""
    pattern = glob.has_magic(path) and not os.path.exists(path)
    return pattern or os.path.isdir(path) or path.endswith(PARQUET)


def read_collection(path: str, form: Format) -> Any:
    """A frame of Dask whose rows are read when they are needed.

    Parameters
    ----------
    path : str
        A Parquet file, a folder of them, or a pattern such as "data/*.csv". Each
        delimited file is read as a whole, as `read_frame` does it.
    form : Format, that of delimited files

    Raises
    ------
    InputError
        Without Dask, and where nothing can be read.
    """
    try:
        import dask.dataframe as dd
    except ImportError:
        raise InputError(
            "Parquet, folders and patterns need Dask: "
            'pip install "sksoftnewton[cli,dask]"'
        ) from None
    files = sorted(glob.glob(path)) if glob.has_magic(path) else [path]
    if not files:
        raise InputError(f"no file is named like {path}")
    if os.path.isdir(path) and not _parquet_in(path):
        raise InputError(
            f"the folder {path} has no Parquet files; delimited files are named by a "
            f"pattern, such as {os.path.join(path, '*.csv')!r}"
        )
    if os.path.isdir(path) or all(name.endswith(PARQUET) for name in files):
        with reasons(path):
            os.stat(files[0])
        try:
            return dd.read_parquet(path if os.path.isdir(path) else files)
        except (
            OSError,
            ValueError,
        ) as error:  # Dask says in several lines where it was
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise InputError(f"cannot read {path} as Parquet: {reason}") from None
    return dd.from_map(read_frame, files, form=form, enforce_metadata=False)


def _parquet_in(folder: str) -> bool:
    found = glob.glob(os.path.join(glob.escape(folder), "**", "*"), recursive=True)
    return any(name.endswith(PARQUET) for name in found)


def sampled(collection: Any, wanted: int) -> tuple[Any, int]:
    """About so many rows at random, or all if they are no more, and how many there are.

    Returns
    -------
    frame : DataFrame of pandas
    n_rows : int, of the collection
    """
    n_rows = len(collection)
    if n_rows > wanted:
        collection = collection.sample(frac=wanted / n_rows, random_state=0)
    return collection.compute().reset_index(drop=True), n_rows


def fit_on_all(pipeline: Any, data: Table, collection: Any, target: str) -> None:
    """Fit a pipeline to all rows of a collection that have a target.

    What stands in front of the model, such as medians and categories, is made of a
    sample.

    Parameters
    ----------
    pipeline : Pipeline of `for_frames`
    data : Table, the sample
    collection : dask.dataframe.DataFrame
    target : str

    Raises
    ------
    InputError
        For a target that is no finite number; its row is counted among those with one.
    """
    import pandas as pd

    preparation = pipeline[:-1].fit(data.frame)
    n_columns = preparation.transform(data.frame[:1]).shape[1]
    numbers = collection.map_partitions(
        _prepared,
        preparation,
        target,
        data.typing["decimal"],
        n_columns,
        meta=pd.DataFrame(columns=range(n_columns + 1), dtype=np.float64),
        enforce_metadata=False,
    ).to_dask_array()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with counting("rounds over all rows") as count, _at_each_round(count):
                pipeline[-1].fit(numbers[:, :-1], numbers[:, -1])
        except ValueError as error:
            raise InputError(f"all rows: {error}") from None
    # Chunks that are read again warn again.
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"warning: {message}", file=sys.stderr)


def _prepared(
    frame: Any, preparation: Any, target: str, decimal: str, n_columns: int
) -> Any:
    """Features of the rows of a partition that have a target, and the targets."""
    import pandas as pd

    frame = frame[~is_missing(frame[target])]
    X = preparation.transform(frame) if len(frame) else np.empty((0, n_columns))
    return pd.DataFrame(np.column_stack([X, as_numbers(frame[target], decimal)]))


def _at_each_round(count: Any) -> Any:
    """A context in which a function is called for every question to the chunks."""
    from dask.callbacks import Callback

    return Callback(finish=lambda *_: count())
