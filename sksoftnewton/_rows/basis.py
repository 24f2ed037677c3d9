"""What a feature enters a network as: itself, and ramps between its quantiles.

With knots b₀ < b₁ < … a feature x enters as x and the ramps
e_t = clip((x − b_{t−1}) / (b_t − b_{t−1}), 0, 1): weighted sums of them are the
continuous functions that are linear between the knots. Beyond the outer ones only x
itself goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]

# Shares of the weight that differ by less are taken for equal.
EQUAL_SHARES = 1e-9
# Rows mapped at a time.
MAPPED_ROWS = 8192


class Basis:
    """A map φ from features to columns: of each feature itself, then its ramps.

    Parameters
    ----------
    knots : sequence of ndarrays, one a feature
        In ascending order, at least two; none for a feature without ramps.

    Attributes
    ----------
    knots_ : list of ndarrays
    feature_of : ndarray of int of shape (n_columns,), the feature of each column
    """

    def __init__(self, knots: Sequence[Array]) -> None:
        self.knots_ = [np.asarray(edges, dtype=np.float64) for edges in knots]
        sizes = [max(len(edges), 1) for edges in self.knots_]
        self.feature_of: Index = np.repeat(np.arange(len(sizes)), sizes)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])

    @classmethod
    def linear(cls, n_features: int) -> Basis:
        """The features as they are."""
        return cls([np.empty(0)] * n_features)

    @property
    def is_linear(self) -> bool:
        return self.n_columns == len(self.knots_)

    @property
    def n_columns(self) -> int:
        return len(self.feature_of)

    def take(self, features: Index) -> Basis:
        """The map of some of the features."""
        return Basis([self.knots_[j] for j in features])

    def spread(self, features: Index, n_features: int) -> Basis:
        """The map of more features, of which these are some and others are linear."""
        knots = [np.empty(0)] * n_features
        for j, edges in zip(features, self.knots_, strict=True):
            knots[j] = edges
        return Basis(knots)

    def columns_of(self, features: Index) -> Index:
        """The columns of some of the features, in their order."""
        parts = [np.arange(self._starts[j], self._starts[j + 1]) for j in features]
        return np.concatenate([np.empty(0, dtype=np.intp), *parts])

    @property
    def features_themselves(self) -> Index:
        """The column of each feature that is the feature itself."""
        return self._starts[:-1]

    def transform(self, X: Any) -> Any:
        """φ of every row.

        Parameters
        ----------
        X : array-like or CSR of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_columns), in the dtype of X or, if that is no floating
        one, in float64; X itself without ramps

        Raises
        ------
        ValueError
            For another number of features.
        """
        if self.is_linear:
            return X
        if not sp.issparse(X):
            X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != len(self.knots_):
            found = f"{X.shape[1]} features" if X.ndim == 2 else f"shape {X.shape}"
            raise ValueError(f"X has {found}, but the basis has {len(self.knots_)}.")
        dtype = X.dtype if X.dtype.kind == "f" else np.float64
        out = np.empty((self.n_columns, X.shape[0]), dtype=dtype).T
        for start in range(0, X.shape[0], MAPPED_ROWS):
            part = X[start : start + MAPPED_ROWS]
            part = part.toarray() if sp.issparse(part) else part
            self.fill(part, out[start : start + MAPPED_ROWS].T)
        return out

    def fill(self, X: Array, out: Array) -> None:
        """Write φ of dense rows into an array of shape (n_columns, n)."""
        for x, edges, start in zip(X.T, self.knots_, self._starts[:-1], strict=True):
            out[start] = x
            for t in range(1, len(edges)):
                ramp = out[start + t]
                with np.errstate(over="ignore"):  # of rows far beyond the ramp
                    np.subtract(x, edges[t - 1], out=ramp, casting="same_kind")
                    ramp /= edges[t] - edges[t - 1]
                np.clip(ramp, 0, 1, out=ramp)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, such as ``size`` and ``size: ramp 1``.

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
            input_features = [f"x{j}" for j in range(len(self.knots_))]
        if len(input_features) != len(self.knots_):
            raise ValueError(
                f"{len(input_features)} names were given for {len(self.knots_)} "
                "features."
            )
        names = []
        for name, edges in zip(input_features, self.knots_, strict=True):
            names.append(str(name))
            names.extend(f"{name}: ramp {t}" for t in range(1, len(edges)))
        return np.array(names, dtype=object)

    def embedding(self, finer: Basis) -> Array:
        """The matrix T with φ(x) = T φ_finer(x), shape (n_columns, its n_columns).

        Every knot must be a knot of the finer map; a feature without ramps has none.
        """
        T = np.zeros((self.n_columns, finer.n_columns))
        for j, (coarse, fine) in enumerate(zip(self.knots_, finer.knots_, strict=True)):
            row, column = self._starts[j], finer._starts[j]
            T[row, column] = 1
            for t in range(1, len(coarse)):
                inside = (fine[1:] > coarse[t - 1]) & (fine[1:] <= coarse[t])
                share = np.diff(fine) / (coarse[t] - coarse[t - 1])
                T[row + t, column + 1 : column + len(fine)] = inside * share
        return T


def ramps(X: Array, weight: Array, n_inner: int) -> Basis:
    """Ramps between the weighted quantiles of each column of X.

    Columns with fewer than three values get none. With n_inner = 1, 3, 7, … the
    knots of the first are knots of the next.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    weight : ndarray of shape (n,), non-negative
    n_inner : int, knots between the smallest and the largest value
    """
    counted = weight > 0
    X, weight = X[counted].astype(np.float64, copy=False), weight[counted]
    return Basis([_knots(x, weight, n_inner) for x in X.T])


def _knots(x: Array, weight: Array, n_inner: int) -> Array:
    """The quantiles at 0, 1/(n_inner + 1), …, 1, without repetitions.

    A quantile is the mean of the smallest and the largest value that may be called
    so: it depends on weights as on repetitions, and is that of −x with the other sign.
    """
    values, which = np.unique(x, return_inverse=True)
    if len(values) < 3:
        return np.empty(0)
    cumulative = np.cumsum(np.bincount(which, weight))
    cumulative = cumulative / cumulative[-1]
    shares = np.linspace(0, 1, n_inner + 2)[1:-1]
    lower = np.searchsorted(cumulative, shares - EQUAL_SHARES)
    upper = np.searchsorted(cumulative, shares + EQUAL_SHARES)
    last = len(values) - 1
    inner = (values[np.minimum(lower, last)] + values[np.minimum(upper, last)]) / 2
    return np.unique(np.concatenate([values[:1], inner, values[-1:]]))
