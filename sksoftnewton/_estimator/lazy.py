"""The door to Dask: its modules are imported when the first collection arrives."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def is_lazy(*arrays: Any) -> bool:
    """Whether one of these is a Dask collection."""
    return any(hasattr(array, "__dask_graph__") for array in arrays)


def check_local(X: Any) -> None:
    """Raise TypeError for a Dask collection, where all rows are needed here.

    A lazy frame of polars has to be collected for everything.
    """
    if hasattr(X, "collect_schema") and not hasattr(X, "shape"):
        raise TypeError("X is a lazy frame, which has no rows yet: pass X.collect().")
    if is_lazy(X):
        raise TypeError(
            "X is a Dask collection, which only fit, predict, predict_interval, "
            "hidden_activations, transform and score read chunk by chunk: pass "
            "X.compute() of few rows."
        )


def collections() -> Any:
    """The module that makes data of collections."""
    return _imported("collections")


def predictions() -> Any:
    """The module that makes collections of predictions."""
    return _imported("predictions")


def _imported(name: str) -> Any:
    try:
        return import_module(f"sksoftnewton._estimator.{name}")
    except ImportError as error:
        raise ImportError(
            "Dask collections need Dask with arrays: "
            f'pip install "sksoftnewton[dask]" ({error}).'
        ) from error
