"""Dask collections as data for a fit: checked where they are.

Each block is looked at by the worker that has it; what comes back are facts, from
which errors are made that name row and column.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import dask
import dask.array as da
import numpy as np
from sklearn.utils.validation import _check_feature_names, _check_n_features

from sksoftnewton._activations import Activation
from sksoftnewton._estimator.parameters import (
    check_targets,
    check_weights,
    outside_range,
)
from sksoftnewton._estimator.table import flagged
from sksoftnewton._rows.dask_data import DaskData
from sksoftnewton._rows.data import Data, Rounds, float_dtype
from sksoftnewton._rows.facts import BlockFacts, edges_of, facts_of
from sksoftnewton._rows.tasks import Tasks, room_for

Facts = dict[str, list[BlockFacts]]

# Collections of so few rows, on which everything is chosen in any case, are taken here.
FEW_ROWS = 10_000

NO_CATEGORIES = (
    "fit takes no categories and no missing values from Dask collections: encode and "
    "fill them, or fit to a sample, such as X.sample(frac=0.1).compute(); predict "
    "takes them chunk by chunk"
)


def data_for_fit(
    estimator: Any, X: Any, y: Any, sample_weight: Any, activation: Activation
) -> Data:
    """What was passed to `fit`, checked; sets what it determines on the estimator.

    Raises
    ------
    TypeError, ValueError
        With the row and the column of what is not allowed.
    """
    y = y if hasattr(y, "ndim") else np.asarray(y)
    check_columns(estimator, X, reset=True)
    _check_no_categories(X, estimator.categorical_features)
    chunks = checked_data(X, y, sample_weight, activation)
    check_weights(chunks.weight)
    check_targets(
        chunks.Y[:, 0] if y.ndim == 1 else chunks.Y,
        activation,
        estimator.target_transform,
    )
    data: Data = chunks.local if chunks.n_rows <= FEW_ROWS else chunks
    estimator._one_output = y.ndim == 1
    estimator.n_features_in_ = data.n_features
    return data


def checked_data(
    X: Any, y: Any, sample_weight: Any, activation: Activation | None
) -> DaskData:
    """Chunks of X, y and weights; targets must lie in the range of an activation."""
    everything = (-np.inf, np.inf)
    ranges = {
        "X": everything,
        "y": activation.target_range if activation else everything,
        "sample_weight": (0, np.inf),
    }
    arrays = {"X": as_array(X, "X"), "y": as_array(y, "y")}
    if sample_weight is not None:
        arrays["sample_weight"] = as_array(sample_weight, "sample_weight")
    blocks = {name: Tasks.of(array) for name, array in arrays.items()}
    dtype = float_dtype(arrays["X"].dtype)
    n_bytes = sum(array.nbytes for array in arrays.values())
    if room_for(blocks["X"], n_bytes, dtype):  # not if the size is unknown
        blocks = {name: own.persisted() for name, own in blocks.items()}
    rounds = Rounds()
    facts = looked_at(blocks, ranges, rounds)
    _check_blocks(facts, dtype)
    _check_entries(facts, list(getattr(X, "columns", [])), activation)
    return DaskData.of(blocks, facts, dtype, rounds)


def looked_at(
    blocks: dict[str, Tasks], ranges: dict[str, tuple[float, float]], rounds: Rounds
) -> Facts:
    """The facts of all blocks, in one round; targets and weights come along."""
    rounds.n += 1
    looks = []
    for name, own in blocks.items():
        tasks, (lower, upper) = own.copy(), ranges[name]
        look = partial(facts_of, lower=lower, upper=upper, wanted=name != "X")
        tasks.keys = [tasks.added(look, key) for key in own.keys]
        looks.append(tasks)
    return dict(zip(blocks, dask.compute(*looks), strict=True))


def as_array(collection: Any, name: str) -> Any:
    """A Dask array whose blocks hold whole rows."""
    if not hasattr(collection, "__dask_graph__") and name != "X":
        collection = da.from_array(np.asarray(collection))
    _check_kind(collection, name)
    if not isinstance(collection, da.Array):
        collection = _with_one_dtype(collection).to_dask_array()
    n_dimensions = {"X": (2,), "y": (1, 2), "sample_weight": (1,)}[name]
    if collection.ndim not in n_dimensions:
        wanted = " or ".join(map(str, n_dimensions))
        raise ValueError(
            f"{name} has {collection.ndim} dimensions, but it must have {wanted}."
        )
    return collection if collection.ndim == 1 else collection.rechunk({1: -1})


def _check_kind(collection: Any, name: str) -> None:
    """Raise TypeError for what is neither an array nor a frame of Dask."""
    if not hasattr(collection, "__dask_graph__"):
        raise TypeError(
            "y or sample_weight is a Dask collection, but X is not: pass X as one, "
            "too, or compute the others."
        )
    # Delayed objects have any attribute; their class has not.
    if not (
        isinstance(collection, da.Array) or hasattr(type(collection), "partitions")
    ):
        raise TypeError(
            f"{name} is a {type(collection).__name__} of Dask, but it must be a Dask "
            "array or data frame."
        )


def _with_one_dtype(collection: Any) -> Any:
    """A frame whose truth values are numbers where there are other numbers."""
    if collection.ndim == 1 or len(set(collection.dtypes)) == 1:
        return collection
    truth = {
        c: np.float64 for c, dtype in collection.dtypes.items() if dtype.kind == "b"
    }
    return collection.astype(truth)


def check_columns(estimator: Any, X: Any, *, reset: bool) -> None:
    """Names, number and dtypes of the columns, as far as they are known."""
    _check_kind(X, "X")
    frame = getattr(X, "_meta", None) if hasattr(X, "columns") else None
    if frame is None:
        _check_feature_names(estimator, X, reset=reset)
        if not np.isnan(X.shape[1] if X.ndim == 2 else np.nan):
            _check_n_features(estimator, X, reset=reset)
        return
    if reset:
        _check_numbers(X.dtypes, NO_CATEGORIES)
    _check_feature_names(estimator, frame, reset=reset)
    _check_n_features(estimator, frame, reset=reset)
    if not reset:
        categories = estimator._table.categories or [None] * len(frame.columns)
        numbers = [category is None for category in categories]
        _check_numbers(X.dtypes[numbers], "it did in fit", nullable=True)


def _check_no_categories(X: Any, categorical_features: Any) -> None:
    """Raise ValueError where columns are asked to be categories."""
    if isinstance(categorical_features, str):  # from dtypes, which are numbers
        return
    columns = X._meta if hasattr(X, "columns") else X
    if flagged(columns, categorical_features) is not None:
        raise ValueError(
            f"categorical_features={categorical_features!r}, but {NO_CATEGORIES}."
        )


def _check_numbers(dtypes: Any, otherwise: str, *, nullable: bool = False) -> None:
    """Raise ValueError for a column of a frame that does not hold numbers."""
    for column, dtype in dtypes.items():
        plain = nullable or isinstance(dtype, np.dtype)
        if not plain or getattr(dtype, "kind", "O") not in "biuf":
            raise ValueError(
                f"Column {column!r} of X has dtype {dtype}, but it must hold real "
                f"numbers: {otherwise}."
            )


def _check_blocks(facts: Facts, dtype: np.dtype[Any]) -> None:
    """Raise ValueError for a chunk of another shape or kind than the others."""
    for name, own in facts.items():
        edges = edges_of(own)
        for i, block in enumerate(own):
            where = f"Chunk {i} of {name} (rows {edges[i]} to {edges[i + 1] - 1})"
            if block.n_columns != own[0].n_columns:
                raise ValueError(
                    f"{where} has {block.n_columns} columns, but chunk 0 has "
                    f"{own[0].n_columns}."
                )
            kind = block.dtype.kind
            if kind not in "biuf":
                raise ValueError(
                    f"{where} has dtype {block.dtype}, but it must hold real numbers."
                )
            if name == "X" and not np.can_cast(block.dtype, dtype, "safe"):
                raise ValueError(
                    f"{where} has dtype {block.dtype}, which does not fit into the "
                    f"{dtype} that X is of."
                )
    lengths = {name: sum(block.n_rows for block in own) for name, own in facts.items()}
    for name, length in lengths.items():
        if length != lengths["X"]:
            raise ValueError(
                f"{name} has {length} rows, but X has {lengths['X']} rows."
            )
    if not lengths["X"]:
        raise ValueError("X has 0 rows, but a minimum of 1 is required.")


def _check_entries(
    facts: Facts, columns: list[Any], activation: Activation | None
) -> None:
    """Raise ValueError for the first entry that is not allowed."""
    for name, own in facts.items():
        edges = edges_of(own)
        for start, block in zip(edges, own, strict=False):
            if block.bad is None:
                continue
            row, column, value = int(start) + block.bad[0], *block.bad[1:]
            if name == "y" and activation is not None and np.isfinite(value):
                where = (row,) if block.n_dimensions == 1 else (row, column)
                raise outside_range(activation, where, value)
            must_be = _must_be(name)
            if name == "X" and np.isnan(value):
                must_be += f"; {NO_CATEGORIES}"
            place = f"in row {row}"
            if block.n_dimensions > 1:
                named = repr(columns[column]) if name == "X" and columns else column
                place += f", column {named}"
            raise ValueError(f"{name} is {value} {place}, but it must be {must_be}.")


def _must_be(name: str) -> str:
    return "finite and not negative" if name == "sample_weight" else "finite"
