"""Features of rows, and their weighted second moments for every pair of units.

W_ij and x xᵀ are symmetric, so each has a place for a pair i ≤ j only: the moments are
one product of the pairs of units with the pairs of features.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.blocks import SparseBlock
from sksoftnewton._rows.scratch import Scratch

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# With more features a unit than this, making their pairs costs more than it saves.
FEATURES_PER_UNIT = 10
# What a multiply-add with an entry of a sparse matrix costs, in those of products of
# large matrices.
SPARSE_PRODUCT = 20


class Features(Protocol):
    """Features of some rows, the constant included."""

    @property
    def norms(self) -> Array:
        """|x|² of every row, shape (n,)."""
        ...

    def outer(self, s: Array) -> Array:
        """Σ s_i xᵀ over the rows for s of shape (m, n), shape (m, D)."""
        ...

    def cross(self, left: Array, f: Array) -> Array:
        """Σ left_i f_j xᵀ over the rows for both of shape (k, n), shape (k, k, D)."""
        ...

    def moments(self, W: Array, k: int) -> Array:
        """Σ W_ij x xᵀ over the rows for every pair of k units.

        Returns
        -------
        ndarray of shape (k (k + 1) / 2, D (D + 1) / 2), or (k (k + 1) / 2, D, D)
        """
        ...


class DenseFeatures:
    """Dense features.

    Parameters
    ----------
    x : ndarray of shape (D, n)
    scratch : Scratch
    """

    def __init__(self, x: Array, scratch: Scratch) -> None:
        self.x = x
        self.scratch = scratch

    @property
    def norms(self) -> Array:
        norms: Array = np.sum(self.x**2, axis=0)
        return norms

    def outer(self, s: Array) -> Array:
        return s @ self.x.T

    def cross(self, left: Array, f: Array) -> Array:
        """By products of units with features or with units, whichever are fewer."""
        (k, n), D = left.shape, len(self.x)
        if k < D:
            return _cross(self, left, f, self.scratch)
        weighted = self.scratch("cross", k, D, n)
        np.multiply(left[:, None], self.x, out=weighted)
        by_unit: Array = (weighted.reshape(k * D, n) @ f.T).reshape(k, D, k)
        return by_unit.transpose(0, 2, 1)

    def moments(self, W: Array, k: int) -> Array:
        """In pairs, or for many features as matrices."""
        x, (D, n) = self.x, self.x.shape
        if by_pairs(k, D):
            pairs, start = self.scratch("x pairs", D * (D + 1) // 2, n), 0
            for d in range(D):
                np.multiply(x[d], x[d:], out=pairs[start : start + D - d])
                start += D - d
            by_pair: Array = W @ pairs.T
            return by_pair
        moments = np.empty((len(W), D, D), dtype=x.dtype)
        weighted, start = self.scratch("x weighted", k, D, n), 0
        for i in range(k):
            here = slice(start, start + k - i)
            part = np.multiply(W[here, None], x, out=weighted[: k - i])
            moments[here] = (part.reshape(-1, n) @ x.T).reshape(-1, D, D)
            start += k - i
        return moments


class SparseFeatures:
    """The entries of CSR rows as they are stored, not centred, and ones.

    Sums over them become those of the centred features by `centred_sums`. The norms
    are those of the centred features already.

    Parameters
    ----------
    block : SparseBlock
    scratch : Scratch
    """

    def __init__(self, block: SparseBlock, scratch: Scratch) -> None:
        self.block = block
        self.scratch = scratch

    @property
    def norms(self) -> Array:
        return self.block.square_norms() + 1

    def outer(self, s: Array) -> Array:
        products = (self.block.scaled.T @ s.T).T
        return np.hstack([products, s.sum(axis=1, keepdims=True)])

    def cross(self, left: Array, f: Array) -> Array:
        return _cross(self, left, f, self.scratch)

    def moments(self, W: Array, k: int) -> Array:
        products: Array = (self._pairs.T @ W.T).T
        return products

    @cached_property
    def _pairs(self) -> sp.csr_array:
        """Products of the entries of each row, shape (n, D (D + 1) / 2)."""
        n, d = self.block.scaled.shape
        ones = sp.csr_array(np.ones((n, 1), dtype=self.block.scaled.dtype))
        rows = sp.hstack([self.block.scaled, ones], format="csr")
        rows.sort_indices()
        entries = np.arange(rows.nnz)
        partners = np.repeat(rows.indptr[1:], np.diff(rows.indptr)) - entries
        ends = np.cumsum(partners)
        left = np.repeat(entries, partners)
        right = left + np.arange(len(left)) - np.repeat(ends - partners, partners)
        place = place_of_pair(d + 1)[rows.indices[left], rows.indices[right]]
        starts = np.concatenate([[0], ends])[rows.indptr]
        products = rows.data[left] * rows.data[right]
        return sp.csr_array(
            (products, place, starts), shape=(n, number_of_pairs(d + 1))
        )


def _cross(x: Features, left: Array, f: Array, scratch: Scratch) -> Array:
    """`Features.cross` by products of units."""
    k, n = left.shape
    units = np.multiply(left[:, None], f, out=scratch("cross", k, k, n))
    return x.outer(units.reshape(k * k, n)).reshape(k, k, -1)


def centred_sums(first: Array, cross: Array, shift: Array) -> tuple[Array, Array]:
    """Sums over `SparseFeatures` as those of the features less their means.

    Parameters
    ----------
    first : ndarray of shape (k (k + 1) / 2, D (D + 1) / 2), moments by pairs
    cross : ndarray of shape (..., D)
    shift : ndarray of shape (D - 1,), the means
    """
    D = len(shift) + 1
    i, j = np.triu_indices(D)
    mean = np.append(shift, 0.0)
    with_one = first[:, place_of_pair(D)[-1]]  # (pairs of units, D)
    centred = first - mean[i] * with_one[:, j] - mean[j] * with_one[:, i]
    centred += mean[i] * mean[j] * with_one[:, -1:]
    return centred, cross - cross[..., -1:] * mean


def by_pairs(k: int, n_coordinates: int) -> bool:
    """Whether pairs of dense features are made for k units."""
    return n_coordinates <= FEATURES_PER_UNIT * k


def by_entries(entries_per_row: float, n_coordinates: int) -> bool:
    """Whether products of the entries of CSR rows are cheaper than dense ones."""
    return SPARSE_PRODUCT * entries_per_row**2 < n_coordinates**2


def unfolded(first: Array, k: int, n_coordinates: int) -> Array:
    """The block of A1, shape (k D, k D), from moments."""
    D = n_coordinates
    if first.ndim == 2:
        first = np.take(first, place_of_pair(D), axis=1)
    blocks = first[place_of_pair(k)]  # (k, k, D, D)
    return blocks.transpose(0, 2, 1, 3).reshape(k * D, k * D)


def number_of_pairs(n: int) -> int:
    """The number of pairs (i, j) with i ≤ j."""
    return n * (n + 1) // 2


@lru_cache(maxsize=32)
def place_of_pair(n: int) -> Index:
    """Where the pair (i, j) or (j, i) stands among those with i ≤ j, (n, n)."""
    place = np.empty((n, n), dtype=np.intp)
    i, j = np.triu_indices(n)
    place[i, j] = place[j, i] = np.arange(len(i))
    return place
