"""Predictions for Dask collections, made chunk by chunk when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.collections import as_array, check_columns, checked_data
from sksoftnewton._matrices import canonical
from sksoftnewton._rows.data import ArrayData, float_dtype
from sksoftnewton._rows.sums import Total

Array = NDArray[np.float64]

# Attributes that predictions do not need and that may be large.
NOT_SENT = ("history_", "width_path_", "loss_curve_", "_seen", "_skl_callbacks")


def predict(estimator: Any, X: Any, return_std: bool) -> Any:
    """As the estimator's, arrays in the chunks of X."""
    m = len(estimator.output_coef_)
    model = _sent(estimator, "_posterior" if not return_std else "")
    n_columns = 2 * m if return_std else m
    both = _by_chunks(estimator, X, _predicted, n_columns, model, return_std)
    y, std = both[:, :m], both[:, m:]
    if estimator._one_output:
        y, std = both[:, 0], both[:, -1]
    return (y, std) if return_std else y


def predict_interval(estimator: Any, X: Any, level: float) -> Any:
    """As the estimator's, an array in the chunks of X."""
    m = len(estimator.output_coef_)
    ends = _by_chunks(estimator, X, _interval, 2 * m, _sent(estimator), level)
    lower, upper = ends[:, 0::2], ends[:, 1::2]
    if estimator._one_output:
        lower, upper = lower[:, 0], upper[:, 0]
    return da.stack([lower, upper], axis=-1, allow_unknown_chunksizes=True)


def hidden_activations(estimator: Any, X: Any) -> Any:
    """As the estimator's, an array in the chunks of X."""
    model = _sent(estimator, "_posterior")
    return _by_chunks(estimator, X, _memberships, estimator.n_hidden_, model)


def score(estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """R², averaged over the outputs, from sums over the chunks."""
    m = len(estimator.output_coef_)
    model = _sent(estimator, "_posterior")
    predicted = _by_chunks(estimator, X, _predicted, m, model, False).persist()
    data = checked_data(predicted, y, sample_weight, None)
    (errors,) = data.chunks.total(_squared_errors).rounded
    mean = data.weight @ data.Y / data.weight.sum()
    variance = data.weight @ (data.Y - mean) ** 2
    # As scikit-learn: 1 for a constant that is predicted exactly, otherwise 0.
    constant = np.where(errors == 0, 1.0, 0.0)
    varies = variance > 0
    ratio = errors / np.where(varies, variance, 1.0)
    return float(np.mean(np.where(varies, 1 - ratio, constant)))


def _by_chunks(
    estimator: Any, X: Any, function: Callable[..., Array], n_columns: int, *args: Any
) -> Any:
    """What a function makes of each chunk of X, an array of so many columns."""
    check_columns(estimator, X, reset=False)
    model, *others = args
    if not hasattr(X, "columns"):
        X = as_array(X, "X")
        model.__dict__.pop("feature_names_in_", None)  # chunks have none
    dtype = _dtype_of(X, estimator)
    made = {"n_columns": n_columns, "out_dtype": dtype}
    meta = np.empty((0, n_columns), dtype=dtype)
    if hasattr(X, "columns"):  # of which older ones hand delayed objects on as they are
        return X.map_partitions(_of_part, function, model, *others, **made, meta=meta)
    # One node of the graph holds the model, however many chunks there are.
    model = dask.delayed(model, pure=False)
    chunks = X.chunks[0], (n_columns,)
    given = {"chunks": chunks, "dtype": dtype, "meta": meta}
    return X.map_blocks(_of_part, function, model, *others, **made, **given)


def _dtype_of(X: Any, estimator: Any) -> np.dtype[Any]:
    """The precision of predictions: float32 where all numbers are."""
    if not hasattr(X, "columns"):
        return float_dtype(X.dtype)
    categories = estimator._table.categories or [None] * len(X.columns)
    numbers = X.dtypes[[category is None for category in categories]]
    single = len(numbers) and all(dtype == np.float32 for dtype in numbers)
    return np.dtype(np.float32 if single else np.float64)


def _of_part(
    X: Any,
    function: Callable[..., Array],
    model: Any,
    *args: Any,
    n_columns: int,
    out_dtype: Any,
) -> Array:
    """What a function makes of a chunk or a partition, checked as by `predict`."""
    if not X.shape[0]:  # partitions of frames may be empty
        return np.empty((0, n_columns), dtype=out_dtype)
    made = function(model, canonical(model._validated(X)), *args)
    return made.astype(out_dtype, copy=False)


def _predicted(model: Any, X: Any, return_std: bool) -> Array:
    y: Array = model._targets(X)
    return np.hstack([y, model._deviation(X, y)]) if return_std else y


def _interval(model: Any, X: Any, level: float) -> Array:
    ends: Array = model._interval(X, level)
    return ends.reshape(len(ends), -1)


def _memberships(model: Any, X: Any) -> Array:
    f: Array = model._memberships(X)
    return f


def _squared_errors(data: ArrayData) -> Total:
    """Of predictions, which stand in the place of X."""
    residuals = data.Y - data.X
    return Total.of([(data.weight @ residuals**2,)])


def _sent(estimator: Any, *also_left: str) -> Any:
    """The estimator with what predictions need."""
    model = copy(estimator)
    for name in (*NOT_SENT, *also_left):
        model.__dict__.pop(name, None)
    return model
