"""What features enter a network as: themselves, ramps between quantiles, levels.

With knots b₀ < b₁ < … a feature x enters as x and the ramps
e_t = clip((x − b_{t−1}) / (b_t − b_{t−1}), 0, 1): weighted sums of them are the
continuous functions that are linear between the knots. Beyond the outer ones only x
itself goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.maps import MAPPED_ROWS, TINY, FeatureMap, Levels, Number
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]

# Shares of the weight that differ by less are taken for equal.
EQUAL_SHARES = 1e-9

Labels = Sequence[tuple[str, ...] | None]


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


def plain_basis(X: Any, weight: Array, labels: Labels | None = None) -> Basis:
    """What columns are without ramps: numbers, of which some are missing, and levels.

    Parameters
    ----------
    X : array of shape (n, n_features)
        NaN is a missing number.
    weight : ndarray of shape (n,), positive
    labels : sequence of tuple of str or None, one a feature, default=None
        Labels of the levels of the features that are codes of levels, as `Levels` has
        them; None: all are numbers.
    """
    maps = list(Basis.linear(X.shape[1]).maps)
    for j in _columns_with_missing(X):
        x = _column(X, j)[:, None]
        present = ~np.isnan(x[:, 0])
        fill = np.zeros(1)
        if present.any():
            fill = Standardisation.of(x[present], weight[present]).mean
        maps[j] = Number(np.empty(0), fill, indicator=True)
    for j, of_levels in enumerate(labels or ()):
        if of_levels is not None:
            codes = _column(X, j)
            known = ~np.isnan(codes)
            shares = np.bincount(
                codes[known].astype(np.intp), weight[known], len(of_levels)
            )
            maps[j] = Levels(of_levels, shares / max(shares.sum(), TINY))
    return Basis(maps)


def standardisation_of(columns: Any, weight: Array, basis: Basis) -> Standardisation:
    """Means and scales of the columns of a basis.

    The levels of a category have one scale, that of the sum of their variances: the
    prior of their weights is the same for all, so that rare ones are shrunk more, and
    in it a category varies as much as a number does.

    Parameters
    ----------
    columns : array of shape (n, n_columns)
    weight : ndarray of shape (n,), positive
    basis : Basis
    """
    moments = Standardisation.of(columns, weight)
    for j, of_feature in enumerate(basis.maps if basis.has_levels else ()):
        if isinstance(of_feature, Levels) and of_feature.n_columns > 1:
            group = basis.columns_of([j])
            moments.scale[group] = common_scale(moments.mean[group])
    return moments


def common_scale(shares: Array) -> Array:
    """The scale of each level, from the shares of all in the weight."""
    variance = float(np.sum(shares * (1 - shares)))
    return np.full(len(shares), np.sqrt(variance) if variance > 0 else 1.0)


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


def _column(X: Any, j: int) -> Array:
    """One column of a dense array, read block by block."""
    starts = range(0, X.shape[0], MAPPED_ROWS)
    return np.concatenate([X[i : i + MAPPED_ROWS][:, j] for i in starts])


def _columns_with_missing(X: Any) -> Index:
    """The columns of a dense array that have NaN; none of CSR data."""
    if sp.issparse(X):
        return np.empty(0, dtype=np.intp)
    missing = np.zeros(X.shape[1], dtype=bool)
    for start in range(0, X.shape[0], MAPPED_ROWS):
        missing |= np.isnan(X[start : start + MAPPED_ROWS].min(axis=0))
    return np.flatnonzero(missing)


def has_missing(X: Any) -> bool:
    """Whether a dense array of floats has NaN; false for anything else."""
    is_float = isinstance(X, np.ndarray) and X.dtype.kind == "f"
    return bool(is_float and X.size and np.isnan(X.min()))


def ramps(X: Array, weight: Array, n_inner: int, of: Basis | None = None) -> Basis:
    """Ramps between the weighted quantiles of each column of X that holds numbers.

    Columns with fewer than three values get none. With n_inner = 1, 3, 7, … the
    knots of the first are knots of the next.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    weight : ndarray of shape (n,), non-negative
    n_inner : int, knots between the smallest and the largest value
    of : Basis, default=None
        What the columns are; None: numbers.
    """
    maps = list((of or Basis.linear(X.shape[1])).maps)
    for j, (x, of_feature) in enumerate(zip(X.T, maps, strict=True)):
        if isinstance(of_feature, Number):
            counted = (weight > 0) & ~np.isnan(x)
            values, of_values = x[counted].astype(np.float64), weight[counted]
            knots = _knots(values, of_values, n_inner)
            maps[j] = of_feature.with_ramps(knots, values, of_values)
    return Basis(maps)


def _knots(x: Array, weight: Array, n_inner: int) -> Array:
    """The quantiles at 0, 1/(n_inner + 1), …, 1, without repetitions."""
    if len(np.unique(x)) < 3:
        return np.empty(0)
    inner = weighted_quantiles(x, weight, np.linspace(0, 1, n_inner + 2)[1:-1])
    return np.unique(np.concatenate([[x.min()], inner, [x.max()]]))


def weighted_quantiles(x: Array, weight: Array, shares: Array) -> Array:
    """The values that so large shares of the weight do not exceed.

    A quantile is the mean of the smallest and the largest value that may be called
    so: it depends on weights as on repetitions, and is that of −x with the other sign.
    """
    values, which = np.unique(x, return_inverse=True)
    cumulative = np.cumsum(np.bincount(which, weight))
    cumulative = cumulative / cumulative[-1]
    last = len(values) - 1
    lower = np.searchsorted(cumulative, shares - EQUAL_SHARES)
    upper = np.searchsorted(cumulative, shares + EQUAL_SHARES)
    smallest, largest = values[np.minimum(lower, last)], values[np.minimum(upper, last)]
    quantiles: Array = smallest / 2 + largest / 2
    return quantiles
