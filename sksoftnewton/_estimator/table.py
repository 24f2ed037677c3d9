"""The user's table as one array of numbers: categories as codes, missing values NaN.

A table without categories is the array itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_categorical_features

from sksoftnewton._estimator.categories import Category, category
from sksoftnewton._estimator.inputs import check_infinity, numeric_input
from sksoftnewton._rows.basis import plain_basis

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Kinds of the values of a category; None is a missing one.
Values = Sequence[Any]
TEXT, TRUTH, NUMBERS = "text", "truth values", "numbers"


@dataclass(frozen=True)
class Table:
    """What a fit knows of the columns.

    Attributes
    ----------
    categories : tuple of Category or None, one a column; None: numbers
    """

    categories: tuple[Category | None, ...] = ()

    @property
    def has_categories(self) -> bool:
        return any(of_column is not None for of_column in self.categories)

    @property
    def labels(self) -> list[tuple[str, ...] | None] | None:
        """Labels of the levels of each column, as `Problem` takes them."""
        if not self.has_categories:
            return None
        return [None if c is None else c.labels for c in self.categories]

    def array(self, X: Any) -> Any:
        """The columns of a table as numbers, (n, n_features)."""
        if not self.has_categories:
            return numeric_input(X, "X")
        columns = Columns(X)
        flags = np.array([c is not None for c in self.categories])
        codes = {}
        for j, of_column in enumerate(self.categories):
            if of_column is None:
                continue
            values, kind = columns.values(j)
            if kind not in (of_column.kind, ""):
                raise ValueError(
                    f"X holds {kind} in column {columns.name(j)}, which held "
                    f"{of_column.kind} as categories in the data of fit."
                )
            codes[j] = of_column.codes(values)
        return columns.array(flags, codes)


class Columns:
    """The columns of a frame or a dense array.

    Parameters
    ----------
    X : frame of pandas, polars or another library that narwhals knows, or array-like
    """

    def __init__(self, X: Any) -> None:
        self._frame = nw.from_native(X) if is_frame(X) else None
        if sp.issparse(X):
            raise ValueError("categorical_features needs a frame or a dense array.")
        if self._frame is None:
            X = numeric_input(X, "X")
            X = check_array(X, dtype=None, ensure_all_finite=False)
        self._X: Any = X
        self.n_rows, self.n = X.shape

    def name(self, j: int) -> str:
        """The name of a column for messages."""
        return f"{j}" if self._frame is None else repr(self._frame.columns[j])

    def values(self, j: int) -> tuple[Values, str]:
        """Values of a column of categories, None where missing, and their kind."""
        if self._frame is None:
            values = self._X[:, j].tolist()
        else:
            column = self._frame[:, j]
            missing = column.is_null().to_list()
            pairs = zip(column.to_list(), missing, strict=True)
            values = [None if absent else value for value, absent in pairs]
        values = [None if _is_nan(value) else value for value in values]
        kinds = _kinds(values) - {""}
        if len(kinds) > 1 or not kinds <= {TEXT, TRUTH, NUMBERS}:
            raise ValueError(
                f"X holds {' and '.join(sorted(kinds))} in column {self.name(j)}. "
                "Categories have to be all text, all numbers or all truth values."
            )
        return values, kinds.pop() if kinds else ""

    def are_categories(self) -> Flags:
        """Which columns of a frame are so by their types."""
        assert self._frame is not None
        return np.array([self._is_category(j) for j in range(self.n)], dtype=bool)

    def _is_category(self, j: int) -> bool:
        assert self._frame is not None
        column = self._frame[:, j]
        if column.dtype in (nw.Categorical, nw.Enum, nw.String, nw.Boolean):
            return True
        if column.dtype != nw.Object:
            return False
        return bool(_kinds(column.to_list()) & {TEXT, TRUTH})

    def array(self, flags: Flags, codes: dict[int, Array]) -> Array:
        """All columns as numbers, with the codes of those that are flagged."""
        numbers = np.flatnonzero(~flags)
        part: Any = np.empty((self.n_rows, 0))
        if len(numbers):
            part = (
                self._X[:, numbers]
                if self._frame is None
                else self._frame[:, numbers.tolist()].to_native()
            )
            part = check_array(
                numeric_input(part, "X"),
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
            )
        out = np.empty((self.n_rows, self.n), dtype=part.dtype)
        out[:, numbers] = part
        for j, of_column in codes.items():
            out[:, j] = of_column
        check_infinity(out, None if self._frame is None else self._frame.columns)
        return out


def is_frame(X: Any) -> bool:
    """Whether it has columns with types of their own."""
    return bool(nw.dependencies.is_into_dataframe(X))


def flagged(X: Any, categorical_features: Any) -> Flags | None:
    """Which columns are categories, or None if there are none."""
    by_type = (
        isinstance(categorical_features, str) and categorical_features == "from_dtype"
    )
    if not by_type:
        flags = _check_categorical_features(X, categorical_features)
        return None if flags is None else np.asarray(flags, dtype=bool)
    if not is_frame(X):
        return None
    flags = Columns(X).are_categories()
    return flags if flags.any() else None


def learned(
    X: Any, flags: Flags, Y: Array, weight: Array, random_state: Any
) -> tuple[Table, Array]:
    """The table of categories and its rows as the model is fitted to them.

    Parameters
    ----------
    X : frame or dense array-like of shape (n, n_features)
    flags : ndarray of bool of shape (n_features,), which columns are categories
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    random_state : int, RandomState instance or None
        Makes the folds of categories of many levels.

    Returns
    -------
    table : Table
    rows : ndarray of shape (n, n_features)
    """
    columns = Columns(X)
    categories: list[Category | None] = [None] * columns.n
    codes, given = {}, (Y, weight, random_state)
    flagged_columns = np.flatnonzero(flags).tolist()
    values = {j: columns.values(j) for j in flagged_columns}
    for j in flagged_columns:
        categories[j], codes[j] = category(*values[j], *given)
    table, rows = Table(tuple(categories)), columns.array(flags, codes)
    many = [j for j in flagged_columns if table.labels and table.labels[j] is None]
    counted = weight > 0
    basis = plain_basis(rows[counted], weight[counted], table.labels) if many else None
    for j in many:
        assert basis is not None
        others = basis.transform(rows)[:, basis.feature_of != j]
        categories[j], codes[j] = category(*values[j], *given, others)
    return Table(tuple(categories)), columns.array(flags, codes) if many else rows


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _kinds(values: Values) -> set[str]:
    return {_kind(of_type) for of_type in set(map(type, values))}


def _kind(of_type: type) -> str:
    """What values of a type are; nothing for missing ones."""
    if issubclass(of_type, str):
        return TEXT
    if issubclass(of_type, bool | np.bool_):
        return TRUTH
    if of_type is type(None) or of_type.__name__ == "NAType":
        return ""
    if issubclass(of_type, Real):
        return NUMBERS
    return f"values of type {of_type.__name__}"
