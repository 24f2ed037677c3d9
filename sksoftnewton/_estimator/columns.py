"""The columns of a frame or a dense array, as they were passed: values and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

from sksoftnewton._estimator.inputs import check_infinity, numeric_input, unmasked

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Kinds of the values of a category; None is a missing one.
Values = Sequence[Any]
TEXT, TRUTH, NUMBERS = "text", "truth values", "numbers"


class Columns:
    """The columns of a frame or a dense array.

    Parameters
    ----------
    X : frame of pandas, polars or another library that narwhals knows, or array-like
    """

    def __init__(self, X: Any) -> None:
        if sp.issparse(X):
            raise ValueError("categorical_features needs a frame or a dense array.")
        self._frame = nw.from_native(X) if is_frame(X) else None
        if self._frame is None:
            X = check_array(
                as_array(unmasked(X, "X")), dtype=None, ensure_all_finite=False
            )
        self._X: Any = X
        self.n_rows, self.n = X.shape

    def name(self, j: int) -> str:
        """The name of a column for messages."""
        return f"{j}" if self._frame is None else repr(self._frame.columns[j])

    def values(self, j: int) -> tuple[Values, str]:
        """Values of a column of categories, None where missing, and their kind.

        What is neither text nor a number nor a truth value is told apart by its text.
        """
        if self._frame is None:
            values = self._X[:, j].tolist()
        else:
            series = self._frame[:, j]
            missing = series.is_null().to_list()
            pairs = zip(series.to_list(), missing, strict=True)
            values = [None if absent else value for value, absent in pairs]
        values = [None if is_nan(value) else value for value in values]
        kinds = kinds_of(values)
        if len(kinds) > 1:
            found = " and ".join(_with_example(kind, values) for kind in sorted(kinds))
            raise ValueError(
                f"X holds {found} in column {self.name(j)}, but a column is either "
                "numbers, NaN where they are missing, or categories of one kind."
            )
        kind = kinds.pop() if kinds else ""
        if kind not in ("", TEXT, TRUTH, NUMBERS):
            values = [None if value is None else str(value) for value in values]
        return values, kind

    def are_categories(self) -> Flags:
        """Which columns of a frame are so by their types."""
        return np.array([self._is_category(j) for j in range(self.n)], dtype=bool)

    def _is_category(self, j: int) -> bool:
        assert self._frame is not None
        series = self._frame[:, j]
        if series.dtype in (nw.Categorical, nw.Enum, nw.String, nw.Boolean):
            return True
        if series.dtype != nw.Object:
            return False
        return bool(kinds_of(series.to_list()) & {TEXT, TRUTH})

    def array(self, flags: Flags, codes: dict[int, Array]) -> Array:
        """All columns as numbers, with the codes of those that are flagged."""
        numbers = np.flatnonzero(~flags).tolist()
        part: Any = np.empty((self.n_rows, 0))
        if numbers:
            part = (
                self._X[:, numbers]
                if self._frame is None
                else self._frame[:, numbers].to_native()
            )
            part = check_array(
                numeric_input(part, "X", numbers),
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


def as_array(X: Any) -> Any:
    """An array-like with a shape; NumPy would make text of all columns of a list."""
    return X if hasattr(X, "shape") else np.array(X, dtype=object)


def is_nan(value: Any) -> bool:
    """Whether a value is a float that is none."""
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def kinds_of(values: Values) -> set[str]:
    """What the values are, without missing ones."""
    return {_kind(of_type) for of_type in set(map(type, values))} - {""}


def _kind(of_type: type) -> str:
    """What values of a type are; nothing for missing ones."""
    if issubclass(of_type, str):
        return TEXT
    if issubclass(of_type, bool | np.bool_):
        return TRUTH
    if of_type is type(None) or of_type.__name__ in ("NAType", "NaTType"):
        return ""
    if issubclass(of_type, Real):
        return NUMBERS
    return f"values of type {of_type.__name__}"


def _with_example(kind: str, values: Values) -> str:
    """A kind, for text with the first one: often it marks what is missing."""
    if kind != TEXT:
        return kind
    return f"{TEXT} ({next(value for value in values if isinstance(value, str))!r})"
