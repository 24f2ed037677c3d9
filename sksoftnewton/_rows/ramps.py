"""Ramps between the quantiles of features.

With knots b₀ < b₁ < … a feature x enters as x and the ramps
e_t = clip((x − b_{t−1}) / (b_t − b_{t−1}), 0, 1): weighted sums of them are the
continuous functions that are linear between the knots. Beyond the outer ones only x
itself goes on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.maps import Number

Array = NDArray[np.float64]

# Shares of the weight that differ by less are taken for equal.
EQUAL_SHARES = 1e-9


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
