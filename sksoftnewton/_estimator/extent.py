"""Where the training rows are, and which rows are farther out than they were.

The distance of a row from the mean is taken in the features in use, standardised and
whitened by their second moments, into which as many more rows of independent features
count as there are features: so it exists also with few rows. A training row lies nearer
to moments that it is part of than a new one would. Its distance is taken without one
repetition of it, r² d / (1 − r d) with d = xᵀ S⁻¹ x and r = n / (n − 1) (Sherman &
Morrison).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_FEATURES = 1000  # for which a matrix of second moments is kept
SHARE = 0.99  # of the training rows that are inside
LEAST_LEFT = 1e-3  # least 1 − r d


@dataclass(frozen=True)
class Extent:
    """How far out the training rows are.

    Attributes
    ----------
    factor : ndarray of shape (n_used, n_used), L of S = L Lᵀ
    limit : float, the square distance that 99 % of the training rows do not exceed
    """

    factor: Array
    limit: float

    @classmethod
    def of(cls, x: Array, weight: Array) -> Extent:
        """The extent of weighted rows.

        Parameters
        ----------
        x : ndarray of shape (n_used, n), standardised
        weight : ndarray of shape (n,)
        """
        moments = (x * weight) @ x.T
        moments[np.diag_indices_from(moments)] += len(x)
        factor = cholesky(moments, lower=True)
        total = weight.sum()
        r = total / max(total - 1, total / 2)
        d = _square_distances(factor, x)
        without = r**2 * d / np.maximum(1 - r * d, LEAST_LEFT)
        limit = np.quantile(without, SHARE, weights=weight, method="inverted_cdf")
        return cls(factor, float(limit))

    def is_outside(self, x: Array) -> Flags:
        """Whether standardised rows, (n_used, n), are farther out, (n,)."""
        flags: Flags = _square_distances(self.factor, x) > self.limit
        return flags


def _square_distances(factor: Array, x: Array) -> Any:
    with np.errstate(over="ignore"):
        whitened = solve_triangular(factor, x, lower=True, check_finite=False)
        return np.sum(whitened**2, axis=0)
