"""Features without ramps: what they turn out to be, and the scales of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.maps import MAPPED_ROWS, TINY, Levels, Number
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]
Labels = Sequence[tuple[str, ...] | None]


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
