"""What features enter a network as: a map of its own for every feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.maps import MAPPED_ROWS, FeatureMap, Levels, Number
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]


class Basis:
    """A map φ from features to columns, a map of its own for every feature.

    Parameters
    ----------
    maps : sequence of Number, Levels or ndarray
        One a feature; an array stands for a number with these knots that is never
        missing.

    Attributes
    ----------
    maps : list of Number and Levels
    feature_of : ndarray of int of shape (n_columns,), the feature of each column
    """

    def __init__(self, maps: Sequence[FeatureMap | Array]) -> None:
        self.maps: list[FeatureMap] = [
            given if isinstance(given, FeatureMap) else Number.of_knots(given)
            for given in maps
        ]
        sizes = [of_feature.n_columns for of_feature in self.maps]
        self.feature_of: Index = np.repeat(np.arange(len(sizes)), sizes)
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.intp)])

    @classmethod
    def linear(cls, n_features: int) -> Basis:
        """The features as they are."""
        return cls([Number.of_knots(np.empty(0))] * n_features)

    @property
    def knots_(self) -> list[Array]:
        """The knots of each feature, none for one without ramps."""
        return [of_feature.knots for of_feature in self.maps]

    @property
    def is_linear(self) -> bool:
        """Whether φ(x) is x where nothing is missing."""
        return self.n_columns == len(self.maps) and not self.has_levels

    @property
    def has_ramps(self) -> bool:
        return any(map(len, self.knots_))

    @cached_property
    def has_levels(self) -> bool:
        return any(isinstance(of_feature, Levels) for of_feature in self.maps)

    @property
    def n_columns(self) -> int:
        return len(self.feature_of)

    @cached_property
    def are_levels(self) -> NDArray[np.bool_]:
        """Which columns are those of levels, (n_columns,)."""
        levels = np.array([isinstance(of_one, Levels) for of_one in self.maps])
        return levels[self.feature_of]

    @property
    def entries_per_row(self) -> int:
        """Columns that are not zero, as a rule: of levels one."""
        n_numbers = int(np.sum(~self.are_levels))
        return n_numbers + sum(isinstance(of_one, Levels) for of_one in self.maps)

    def take(self, features: Index) -> Basis:
        """The map of some of the features."""
        return Basis([self.maps[j] for j in features])

    def spread(self, features: Index, whole: Basis) -> Basis:
        """The map of more features, of which these are some.

        The others are those of another basis, without their ramps.
        """
        maps: list[FeatureMap] = [others.without_ramps() for others in whole.maps]
        for j, of_feature in zip(features, self.maps, strict=True):
            maps[j] = of_feature
        return Basis(maps)

    def columns_of(self, features: Index | list[int]) -> Index:
        """The columns of some of the features, in their order."""
        parts = [np.arange(self._starts[j], self._starts[j + 1]) for j in features]
        return np.concatenate([np.empty(0, dtype=np.intp), *parts])

    @property
    def starts(self) -> Index:
        """The first column of each feature, which is a number itself."""
        return self._starts[:-1]

    @property
    def plain_columns(self) -> Index:
        """The columns that are no ramps."""
        if not self.has_ramps:
            return np.arange(self.n_columns)
        parts = [
            start + np.array(of_feature.plain)
            for start, of_feature in zip(self.starts, self.maps, strict=True)
        ]
        return np.concatenate([np.empty(0, dtype=np.intp), *parts])

    def without_ramps(self) -> Basis:
        """The map of the plain columns."""
        return Basis([of_feature.without_ramps() for of_feature in self.maps])

    def with_fills(self, means: Array) -> Basis:
        """The same with means of the columns, for numbers that were never missing."""
        maps = [
            replace(of_feature, fills=means[[start]])
            if isinstance(of_feature, Number) and not of_feature.indicator
            else of_feature
            for start, of_feature in zip(self.starts, self.maps, strict=True)
        ]
        return Basis(maps)

    def transform(self, X: Any) -> Any:
        """φ of every row.

        Parameters
        ----------
        X : array-like or CSR of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_columns), in the dtype of X or, if that is no floating
        one, in float64; X itself where the map is linear and nothing is missing

        Raises
        ------
        ValueError
            For another number of features, and for values that are no numbers:
            categories enter as the codes of their levels, many levels as means.
        """
        if self.is_linear and not has_missing(X):
            return X
        if not sp.issparse(X):
            X = _numbers(X)
        if X.ndim != 2 or X.shape[1] != len(self.maps):
            found = f"{X.shape[1]} features" if X.ndim == 2 else f"shape {X.shape}"
            raise ValueError(f"X has {found}, but the basis has {len(self.maps)}.")
        dtype = X.dtype if X.dtype.kind == "f" else np.float64
        out = np.empty((self.n_columns, X.shape[0]), dtype=dtype).T
        for start in range(0, X.shape[0], MAPPED_ROWS):
            part = X[start : start + MAPPED_ROWS]
            part = part.toarray() if sp.issparse(part) else part
            self.fill(part, out[start : start + MAPPED_ROWS].T)
        return out

    def fill(self, X: Array, out: Array) -> None:
        """Write φ of dense rows into an array of shape (n_columns, n)."""
        for j, (x, of_feature) in enumerate(zip(X.T, self.maps, strict=True)):
            of_feature.fill(x, out[self._starts[j] : self._starts[j + 1]])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns.

        Such as ``size``, ``size: ramp 1``, ``size is missing`` and ``kind = a``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None: ``x0``, ``x1``, …

        Returns
        -------
        ndarray of str

        Raises
        ------
        ValueError
            For another number of names.
        """
        if input_features is None:
            input_features = [f"x{j}" for j in range(len(self.maps))]
        if len(input_features) != len(self.maps):
            raise ValueError(
                f"{len(input_features)} names were given for {len(self.maps)} features."
            )
        names = [
            column
            for name, of_feature in zip(input_features, self.maps, strict=True)
            for column in of_feature.names(str(name))
        ]
        return np.array(names, dtype=object)

    def embedding(self, finer: Basis) -> Array:
        """The matrix T with φ(x) = T φ_finer(x), shape (n_columns, its n_columns).

        Every knot must be a knot of the finer map; a feature without ramps has none.
        """
        T = np.zeros((self.n_columns, finer.n_columns))
        for j, (coarse, fine) in enumerate(zip(self.maps, finer.maps, strict=True)):
            rows = slice(self._starts[j], self._starts[j + 1])
            columns = slice(finer._starts[j], finer._starts[j + 1])
            T[rows, columns] = coarse.embedding(fine)  # type: ignore[arg-type]
        return T


def _numbers(X: Any) -> Array:
    """Dense rows as an array of numbers."""
    X = np.asarray(X)
    try:
        numbers: Array = X if X.dtype.kind in "biuf" else X.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "A basis takes numbers, and a table with categories is none. "
            "predict, hidden_activations and explain of the model take it as it is."
        ) from error
    return numbers


def has_missing(X: Any) -> bool:
    """Whether a dense array of floats has NaN; false for anything else."""
    is_float = isinstance(X, np.ndarray) and X.dtype.kind == "f"
    return bool(is_float and X.size and np.isnan(X.min()))
