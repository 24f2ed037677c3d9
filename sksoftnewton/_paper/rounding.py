"""Rounding errors, bounded: numbers and arrays that are known to lie in an interval.

Double precision computes sums, products and roots with a relative error of u = 2⁻⁵³,
and a sum of k terms with k u times the sum of their sizes at most, in whatever order
it is added (Higham, "Accuracy and Stability of Numerical Algorithms", §3.1 and §4.2).
Bounds here are made with `EPS` = 2 u in place of u, so that they hold although they
are rounded themselves, and with `TINY` added for what underflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._matrices import BLOCK_ELEMENTS, Matrix, row_slices

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)

# Operations in a row of which only the last result is enlarged.
STEPS = 64
# Summands that np.sum adds in sequence, before it adds these sums pairwise.
PAIRWISE_BLOCK = 128


def up(value: float, terms: int = 0) -> float:
    """An upper bound of a number that was computed without cancellation.

    Of non-negative numbers, by additions, products, quotients and roots: `STEPS` of
    them, and sums of ``terms`` in all.
    """
    return float(value * (1 + 8 * (terms + STEPS) * EPS) + TINY)


def down(value: float, terms: int = 0) -> float:
    """A lower bound of such a number; 0 at least."""
    return max(float(value * (1 - 8 * (terms + STEPS) * EPS) - TINY), 0.0)


@dataclass(frozen=True)
class Ball:
    """An array of which every entry is known up to a radius.

    Attributes
    ----------
    middle, radius : ndarray of one shape, or a radius that can be broadcast to it
    """

    middle: Array
    radius: Array

    @staticmethod
    def exact(middle: Array) -> Ball:
        return Ball(middle, np.zeros_like(middle))

    @staticmethod
    def between(lower: Array, upper: Array) -> Ball:
        return _rounded(0.5 * (lower + upper), 0.5 * (upper - lower))

    @property
    def lower(self) -> Array:
        return np.asarray(np.nextafter(self.middle - self.radius, -np.inf))

    @property
    def upper(self) -> Array:
        return np.asarray(np.nextafter(self.middle + self.radius, np.inf))

    @property
    def size(self) -> Array:
        """Upper bound of the absolute values."""
        return np.asarray(np.nextafter(np.abs(self.middle) + self.radius, np.inf))

    def __add__(self, other: Ball) -> Ball:
        return _rounded(self.middle + other.middle, self.radius + other.radius)

    def __sub__(self, other: Ball) -> Ball:
        return _rounded(self.middle - other.middle, self.radius + other.radius)

    def __mul__(self, other: Ball) -> Ball:
        spread = self.size * other.radius + self.radius * np.abs(other.middle)
        return _rounded(self.middle * other.middle, spread)

    def sum(self) -> Ball:
        """The sum of a vector, by NumPy's pairwise summation."""
        sequence = PAIRWISE_BLOCK + len(self.middle).bit_length()
        size = float(np.abs(self.middle).sum())
        spread = float(self.radius.sum()) + sequence * EPS * size
        return _rounded(np.asarray(self.middle.sum()), np.asarray(spread), sequence)


def _rounded(middle: Array, spread: Array, terms: int = 0) -> Ball:
    """One more rounding of the middle, and one of each of the radius' operations."""
    grown = spread * (1 + (terms + STEPS) * EPS)
    return Ball(middle, np.asarray(grown + EPS * np.abs(middle) + TINY))


def product(M: Matrix, v: Ball) -> Ball:
    """M v for a dense or CSR M of shape (k, l), shape (k,)."""
    if not sp.issparse(M) and M.shape[1] > M.shape[0]:
        return transposed_product(M.T, v)
    k, terms = M.shape
    if sp.issparse(M):
        terms = int(np.diff(M.indptr).max())
    middle, radius = np.empty(k), np.empty(k)
    for rows in _slices(M):
        middle[rows] = M[rows] @ v.middle
        radius[rows] = abs(M[rows]) @ _spread(v, terms)
    return _rounded(middle, radius, terms)


def transposed_product(M: Matrix, v: Ball) -> Ball:
    """Mᵀ v for a dense or CSR M of shape (k, l), shape (l,).

    A block of rows at a time: the error grows with the length of a block and their
    number, and not with k.
    """
    slices = list(_slices(M))
    terms = (slices[0].stop - slices[0].start) + len(slices)
    middle, radius = np.zeros(M.shape[1]), np.zeros(M.shape[1])
    for rows in slices:
        part = Ball(v.middle[rows], v.radius[rows])
        middle += M[rows].T @ part.middle
        radius += abs(M[rows]).T @ _spread(part, terms)
    return _rounded(middle, radius, terms)


def _slices(M: Matrix) -> Iterator[slice]:
    """Slices of rows with about `BLOCK_ELEMENTS` stored entries."""
    if not sp.issparse(M):
        return row_slices(M)
    step = max(64, BLOCK_ELEMENTS * M.shape[0] // max(M.nnz, 1))
    return (slice(i, min(i + step, M.shape[0])) for i in range(0, M.shape[0], step))


def _spread(v: Ball, terms: int) -> Array:
    """Error of each term of a sum of so many, but for the other factor."""
    return np.asarray(v.radius + (terms + 2) * EPS * np.abs(v.middle) + TINY)
