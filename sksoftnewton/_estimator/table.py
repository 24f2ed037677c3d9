"""The user's table as one array of numbers: categories as codes, missing values NaN.

A table without categories is the array itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_categorical_features

from sksoftnewton._estimator.categories import Category, category
from sksoftnewton._estimator.columns import Columns, Flags, as_array, is_frame
from sksoftnewton._estimator.inputs import numeric_input
from sksoftnewton._rows.plain import plain_basis

Array = NDArray[np.float64]


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

    def check_same(self, flags: Flags | None) -> None:
        """Raise ValueError where other columns are categories than in these."""
        before = [j for j, c in enumerate(self.categories) if c is not None]
        now = [] if flags is None else np.flatnonzero(flags).tolist()
        if before != now:
            raise ValueError(
                "warm_start=True, but the columns that are categories changed from "
                f"{before} to {now} since the previous fit. Use warm_start=False."
            )


def flagged(X: Any, categorical_features: Any) -> Flags | None:
    """Which columns are categories, or None if there are none."""
    by_type = (
        isinstance(categorical_features, str) and categorical_features == "from_dtype"
    )
    if by_type:
        flags = Columns(X).are_categories() if is_frame(X) else None
    elif categorical_features is not None and np.ndim(categorical_features) != 1:
        raise ValueError(
            f"categorical_features={categorical_features!r} has to be a list of names "
            "or indices, or a mask."
        )
    else:
        X = X if is_frame(X) else as_array(X)
        if len(np.shape(X)) != 2:  # scikit-learn refuses it
            return None
        flags = _check_categorical_features(X, categorical_features)
    return None if flags is None or not flags.any() else np.asarray(flags, dtype=bool)


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
