"""The user's columns as displays draw over them: ranges of numbers, and levels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sksoftnewton._estimator.columns import is_nan
from sksoftnewton._estimator.inputs import with_nan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Rows that importances of a pipeline's columns are computed from.
OBSERVED_ROWS = 500
# Levels of a category that are drawn, the most frequent ones.
MOST_LEVELS = 20


class Columns:
    """The columns of X as the user passed them: numbers, or values of other kinds.

    Parameters
    ----------
    X : array-like or frame of shape (n_samples, n_features)
    names : list of str or None
        Names of the columns if X has none.
    codes : list of int
        The columns of numbers that the model takes as categories.
    """

    def __init__(self, X: Any, names: list[str] | None, codes: list[int]) -> None:
        if issparse(X):
            raise TypeError(
                "Sparse data have no ranges to draw over: pass a frame or "
                "a dense array."
            )
        self._is_frame = hasattr(X, "columns")
        self._X: Any = X if self._is_frame else np.asarray(X)
        self.names = [str(name) for name in X.columns] if self._is_frame else names
        self.n = self._X.shape[1]
        self._codes = codes

    def index(self, feature: Any) -> int:
        """The position of a feature that is given by its index or name."""
        if isinstance(feature, str):
            if self.names is None:
                raise ValueError(
                    f"feature {feature!r} is a name, but the data are without names: "
                    "give its index."
                )
            if feature not in self.names:
                raise ValueError(
                    f"feature {feature!r} is not among those of the data: "
                    f"{', '.join(self.names)}."
                )
            return self.names.index(feature)
        if not isinstance(feature, (int, np.integer)) or not 0 <= feature < self.n:
            raise ValueError(
                f"feature {feature!r} is neither a name nor an integer from 0 to "
                f"{self.n - 1}."
            )
        return int(feature)

    def name(self, index: int) -> str:
        return f"feature {index}" if self.names is None else self.names[index]

    def has_levels(self, index: int) -> bool:
        """Whether a column is a category: not a range of numbers, but levels."""
        return index in self._codes or _as_numbers(self._column(index)) is None

    def values(self, index: int) -> NDArray[Any]:
        """A column: floats, or of a category the values as they are."""
        column = self._column(index)
        numbers = None if index in self._codes else _as_numbers(column)
        return np.asarray(column) if numbers is None else numbers

    def grid(self, index: int, resolution: Any) -> NDArray[Any]:
        """Places along a column, from the least to the largest number, or levels."""
        if not isinstance(resolution, (int, np.integer)) or resolution < 2:
            raise ValueError(
                f"grid_resolution={resolution!r} is not an integer above 1."
            )
        if self.has_levels(index):
            shown = self.levels(index)[:MOST_LEVELS]
            if not shown:
                raise ValueError(f"{self.name(index)!r} is missing in all rows of X.")
            return np.array(shown)
        if not self._varies(index):
            raise ValueError(
                f"{self.name(index)!r} has the one value {self._typical(index):g} in "
                "X: there is no range to draw over."
            )
        values = self.values(index)
        return np.linspace(np.nanmin(values), np.nanmax(values), resolution)

    def levels(self, index: int) -> list[Any]:
        """The values of a category, the most frequent first."""
        return [
            value for value, _ in Counter(_present(self._column(index))).most_common()
        ]

    def label(self, index: int) -> str:
        """The name of a column, for an axis along `grid`."""
        name = self.name(index)
        n = len(self.levels(index)) if self.has_levels(index) else 0
        if n > MOST_LEVELS:
            name += f", {MOST_LEVELS} most frequent of {n:,} levels\n"
        return name

    def that_vary(self) -> list[int]:
        """The positions of the columns that there is something to draw over.

        Raises
        ------
        ValueError
            Where there is none.
        """
        found = [i for i in range(self.n) if self._varies(i)]
        if not found:
            raise ValueError("X has no column whose values are not all the same.")
        return found

    def _varies(self, index: int) -> bool:
        if self.has_levels(index):
            return len(self.levels(index)) > 1
        values = self.values(index)
        present = values[~np.isnan(values)]
        return bool(len(present) and np.ptp(present) > 0)

    def observed(self, without: int | None = None) -> Any:
        """At most so many rows of X, one column perhaps at its median."""
        step = -(-self._X.shape[0] // OBSERVED_ROWS)
        kept = [i for i in range(self.n) if i != without]
        return self.rows({i: np.asarray(self._column(i))[::step] for i in kept})

    def rows(self, values: dict[int, Array]) -> Any:
        """Rows like those of X with the given values in some columns.

        The others are held at their medians, or at what is most frequent.
        """
        n_rows = len(next(iter(values.values())))
        columns = [
            values[i] if i in values else np.full(n_rows, self._typical(i))
            for i in range(self.n)
        ]
        if not self._is_frame:
            mixed = self._X.dtype == object
            return np.column_stack(
                [np.asarray(c, object) if mixed else c for c in columns]
            )
        frame = type(self._X)(dict(zip(self._X.columns, columns, strict=True)))
        for name in self._X.columns:  # pandas makes text of categories
            if str(self._X[name].dtype) == "category":
                frame[name] = frame[name].astype(self._X[name].dtype)
        return frame

    def others(self, n_shown: int) -> str:
        """What an axis label has to say of the columns that are not shown."""
        if self.n == n_shown:
            return ""
        noun = "other features" if self.n - n_shown > 1 else "other feature"
        numeric = not any(map(self.has_levels, range(self.n)))
        place = "median" if numeric else "median or most frequent value"
        return f" ({noun} at the {place})"

    def _typical(self, index: int) -> Any:
        """The median of a column of numbers, or the most frequent level."""
        if self.has_levels(index):
            return next(iter(self.levels(index)), None)
        values = self.values(index)
        missing = np.isnan(values)
        return np.nan if missing.all() else np.median(values[~missing])

    def _column(self, index: int) -> Any:
        if self._is_frame:
            return self._X[self._X.columns[index]]
        return self._X[:, index]


def _as_numbers(column: Any) -> Array | None:
    """A column as floats, or None if it has values of another kind."""
    if str(getattr(column, "dtype", "")).lower().startswith(("bool", "cat", "str")):
        return None
    values = with_nan(np.asarray(column))
    if values.dtype.kind in "OUS" and any(isinstance(v, str) for v in values):
        return None
    try:
        numbers: Array = values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return numbers


def _present(column: Any) -> list[Any]:
    """The values of a category that are not missing."""
    # None and NaN are missing; those of pandas and polars go by their own methods.
    drop = getattr(column, "dropna", getattr(column, "drop_nulls", None))
    values = np.asarray(column if drop is None else drop()).tolist()
    return [v for v in values if not (v is None or is_nan(v))]
