"""Distances between rows of A1 and between columns of A2, dense, CSR or identity.

The constants of the theory are made of these. For many rows and columns they are
upper bounds: twice the largest distance from the mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from sksoftnewton._matrices import Matrix, dense_rows, sums
from sksoftnewton._paper.rounding import EPS, STEPS, TINY, up
from sksoftnewton._paper.whitening import largest_eigenvalue

Array = NDArray[np.float64]

# Diameters are exact up to this much work, and bounded by twice a radius above.
PAIRWISE_WORK = 2e7
PAIRWISE_ROWS = 3000
# A CSR A2 is made dense up to this size, for tighter constants.
DENSE_ELEMENTS = 2**22
# The covariance of more outputs than this is bounded by its trace.
COVARIANCE_OUTPUTS = 500


def row_diameter(A1: Matrix) -> float:
    """Largest Euclidean distance between two rows, or an upper bound."""
    n, d = A1.shape
    if _pairwise(n, d):
        return diameter(A1.toarray() if sp.issparse(A1) else A1)
    mean = A1.sum(axis=0) / n
    if sp.issparse(A1):
        # The whole mean in place of its part at entries that are not stored.
        squares = (A1.data - mean[A1.indices]) ** 2
        row = np.repeat(np.arange(n), np.diff(A1.indptr))
        largest = sums(squares, row, n).max() + mean @ mean
    else:
        largest = max(
            np.sum((block - mean) ** 2, axis=1).max() for _, block in dense_rows(A1)
        )
    return up(2 * float(np.sqrt(largest + d * TINY)), d)


def _pairwise(n: int, d: int) -> bool:
    return n <= PAIRWISE_ROWS and n * n * d <= PAIRWISE_WORK


def diameter(points: Array, metric: str = "euclidean") -> float:
    """Largest distance between two rows, by direct differences.

    The Gram identity |x|² + |y|² − 2 <x, y> cancels: it returned 0 for a true
    1e-8. For many rows, twice the largest distance from the mean: at most twice
    too large, never too small.
    """
    d = points.shape[1]
    if not np.ptp(points, axis=0).any():
        return 0.0
    return up(_diameter(points, metric) + np.sqrt(d * TINY), d)


def _diameter(points: Array, metric: str) -> float:
    n, d = points.shape
    if _pairwise(n, d):
        return float(pdist(points, metric).max())
    centred = points - points.mean(axis=0)
    if metric == "cityblock":
        return 2 * float(np.abs(centred).sum(axis=1).max())
    return 2 * float(np.sqrt(np.sum(centred**2, axis=1).max()))


class OutputHull(ABC):
    """The columns of A2, between which u = A2 f moves.

    Attributes
    ----------
    lower, upper : ndarray of shape (m,), ends of the range of each u_j
    constant : bool
        All columns are equal, and u does not move.

    Bounds are right to a relative error of some (n + m) `EPS`: nothing cancels.
    """

    def __init__(self, lower: Array, upper: Array) -> None:
        self.lower, self.upper = lower, upper
        self.range: Array = upper - lower
        self.constant = not self.range.any()

    @staticmethod
    def of(A2: Matrix | None, n: int) -> OutputHull:
        """For a dense or CSR A2 of n columns, or None for the identity."""
        if A2 is None:
            return IdentityHull(n)
        if not sp.issparse(A2):
            return DenseHull(A2)
        if A2.shape[0] * A2.shape[1] <= DENSE_ELEMENTS:
            return DenseHull(A2.toarray())
        return SparseHull(A2)

    @abstractmethod
    def diameter(self, weights: Array) -> float:
        """Bound of |diag(weights)^½ (A2 e_i − A2 e_i')| over pairs of columns."""

    @abstractmethod
    def diameter_l1(self, weights: Array) -> float:
        """Bound of Σ_j weights_j |A2_ji − A2_ji'| over pairs of columns."""

    @abstractmethod
    def variances(self, f: Array, u: Array) -> Array:
        """Var_f of each row of A2, shape (m,), or bounds of it.

        Second moments about u, which may be any point near A2 f, under f, which may
        be too large.
        """

    def deviation(self, f: Array, u: Array) -> Callable[[Array], float]:
        """Bounds of λ_max(W^½ Cov_f(A2) W^½)^½ as a function of W = diag(weights).

        By the trace, unless a subclass knows better.
        """
        variances = self.variances(f, u)
        return lambda weights: float(np.sqrt(weights @ variances))


class DenseHull(OutputHull):
    """For a dense A2."""

    def __init__(self, A2: Array) -> None:
        super().__init__(A2.min(axis=1), A2.max(axis=1))
        self.A2 = A2

    def diameter(self, weights: Array) -> float:
        return diameter(self._from_lower().T * np.sqrt(weights))

    def diameter_l1(self, weights: Array) -> float:
        return diameter(self._from_lower().T * weights, "cityblock")

    def _from_lower(self) -> Array:
        """A2 without the offset of its rows, which products would round."""
        return self.A2 - self.lower[:, None]

    def variances(self, f: Array, u: Array) -> Array:
        variances: Array = (self.A2 - u[:, None]) ** 2 @ f
        return variances

    def deviation(self, f: Array, u: Array) -> Callable[[Array], float]:
        if len(u) > COVARIANCE_OUTPUTS:
            return super().deviation(f, u)
        centred = self.A2 - u[:, None]
        covariance = (centred * f) @ centred.T
        relative = 2 * (len(f) + STEPS) * EPS

        def bound(weights: Array) -> float:
            root = np.sqrt(weights)
            S = root[:, None] * covariance * root
            return float(np.sqrt(largest_eigenvalue(S, relative * S.trace())))

        return bound


class SparseHull(OutputHull):
    """For a CSR A2 too large to be made dense.

    Distances of columns from their mean are bounded with the whole mean in place
    of its part at the entries that are not stored: nothing cancels, and for a
    very sparse A2 it is nearly exact.
    """

    def __init__(self, A2: sp.csr_array) -> None:
        super().__init__(
            A2.min(axis=1).toarray().ravel(), A2.max(axis=1).toarray().ravel()
        )
        self.n = A2.shape[1]
        self.data: Array = A2.data
        self.column = A2.indices
        self.output = np.repeat(np.arange(A2.shape[0]), np.diff(A2.indptr))
        self.mean: Array = A2.sum(axis=1) / self.n

    def diameter(self, weights: Array) -> float:
        return 2 * float(np.sqrt(self._from_mean(weights, 2).max()))

    def diameter_l1(self, weights: Array) -> float:
        return 2 * float(self._from_mean(weights, 1).max())

    def _from_mean(self, weights: Array, power: int) -> Array:
        """Bounds of Σ_j weights_j |A2_ji − mean_j|^power, shape (n,)."""
        distance = np.abs(self.data - self.mean[self.output]) ** power
        stored = sums(weights[self.output] * distance, self.column, self.n)
        return stored + float(weights @ np.abs(self.mean) ** power)

    def variances(self, f: Array, u: Array) -> Array:
        law = f[self.column]
        squares = law * (self.data - u[self.output]) ** 2
        mass = sums(law, self.output, len(u))
        # The mass elsewhere, without a difference that rounding could make too small.
        rest = np.maximum(f.sum() * (1 + 2 * self.n * EPS) - mass, 0)
        variances: Array = sums(squares, self.output, len(u)) + u**2 * rest
        return variances


class IdentityHull(OutputHull):
    """For A2 = I, whose columns are unit vectors."""

    def __init__(self, n: int) -> None:
        super().__init__(np.full(n, float(n == 1)), np.ones(n))

    def diameter(self, weights: Array) -> float:
        return float(np.sqrt(self.diameter_l1(weights)))

    def diameter_l1(self, weights: Array) -> float:
        if len(weights) == 1:
            return 0.0
        return float(np.partition(weights, -2)[-2:].sum())

    def variances(self, f: Array, u: Array) -> Array:
        rest = f.sum() * (1 + 2 * len(f) * EPS) - f
        variances: Array = f * np.maximum(rest, 0)
        return variances

    def deviation(self, f: Array, u: Array) -> Callable[[Array], float]:
        # Cov_f(I) = diag(f) − f fᵀ ⪯ diag(f)
        return lambda weights: float(np.sqrt((weights * f).max()))


@dataclass(frozen=True)
class InputGeometry:
    """Rows of A1 in coordinates in which |y| is the norm of interest.

    Attributes
    ----------
    diameter : float, largest distance between two rows: range(A1 W y) ≤ it · |y|
    deviation : float, λ_max(Cov_f(A1 W))^½: SD_f(A1 W y) ≤ it · |y|
    """

    diameter: float
    deviation: float

    @classmethod
    def of(cls, A1: Matrix, f: Array, W: Array) -> InputGeometry:
        """In the coordinates y of x = W y, for W of shape (d, d).

        f, of shape (n,), may be too large. The length of a row's rounding error is
        at most some d u Σ_k |a_k| |W_k|, with the lengths |W_k| of the rows of W.
        """
        n, d = A1.shape
        if n == 1:
            return cls(0.0, 0.0)
        mean = A1.sum(axis=0) / n
        f_mean = (A1.T @ f - mean) @ W
        lengths = np.linalg.norm(W, axis=1)
        pairwise = _pairwise(n, d)
        covariance, radius2, error, whitened = np.zeros((d, d)), 0.0, 0.0, []
        for rows, block in dense_rows(A1):
            centred = block - mean
            error = max(error, float((np.abs(centred) @ lengths).max()))
            y = centred @ W
            radius2 = max(radius2, float(np.sum(y**2, axis=1).max()))
            if pairwise:
                whitened.append(y)
            y = y - f_mean
            covariance += y.T @ (y * f[rows, None])
        error = up(2 * (d + 2) * EPS * error, d)
        rounding = 2 * (n + STEPS) * EPS * float(covariance.trace())
        spread = np.sqrt(largest_eigenvalue(covariance, rounding)) + error
        widest = 2 * float(np.sqrt(radius2))
        if pairwise:
            widest = diameter(np.vstack(whitened))
        return cls(up(widest + 2 * error, d), up(spread))
