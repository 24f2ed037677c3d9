"""One block of standardised rows, dense or CSR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DenseBlock:
    """Rows of one block: standardised features and a last feature of ones.

    Attributes
    ----------
    features : ndarray of shape (n_features + 1, n)
    targets : ndarray of shape (n_outputs, n)
    weight : ndarray of shape (n,)
    first_row : int, the number of the first of consecutive rows among all
    """

    features: Array
    targets: Array
    weight: Array
    first_row: int = 0

    def logits(self, A1: Array, out: Array | None = None) -> Array:
        """A1 x of every row, shape (k, n), in the precision of the block."""
        A1 = A1.astype(self.features.dtype, copy=False)
        z: Array = np.matmul(A1, self.features, out=out)
        return z

    def outer(self, s: Array) -> Array:
        """Sum over the rows of s_i x_iᵀ for s of shape (k, n)."""
        return s @ self.features.T

    def square_norms(self) -> Array:
        """|x|² of every row, constant excluded, shape (n,)."""
        norms: Array = np.sum(self.features[:-1] ** 2, axis=0)
        return norms

    def all_dense(self) -> Array:
        """The features, dense: for few rows."""
        return self.features

    def dense(self, step: int) -> Iterator[tuple[slice, Array]]:
        """At most ``step`` rows at a time: which they are, and their features."""
        for rows in slices(self.weight.size, step):
            yield rows, self.features[:, rows]

    def part(self, rows: slice) -> DenseBlock:
        """Consecutive rows of the block."""
        return DenseBlock(
            self.features[:, rows],
            self.targets[:, rows],
            self.weight[rows],
            self.first_row + rows.start,
        )


@dataclass(frozen=True)
class SparseBlock:
    """As `DenseBlock` for CSR rows; only the scaling is applied to the entries.

    Attributes
    ----------
    scaled : csr_array of shape (n, n_features), X diag(1 / scale)
    shift : ndarray of shape (n_features,), the mean of its rows
    """

    scaled: sp.csr_array
    shift: Array
    targets: Array
    weight: Array
    first_row: int = 0

    def logits(self, A1: Array, out: Array | None = None) -> Array:
        coef, dtype = A1[:, :-1], self.scaled.dtype
        products = (self.scaled @ coef.T.astype(dtype, copy=False)).T
        shift = (A1[:, -1] - coef @ self.shift).astype(dtype)[:, None]
        if out is None:
            out = np.empty(products.shape, dtype=dtype)
        z: Array = np.add(products, shift, out=out)
        return z

    def outer(self, s: Array) -> Array:
        total = s.sum(axis=1, keepdims=True)
        products = (self._transposed @ s.T).T
        return np.hstack([products - total * self.shift, total])

    @cached_property
    def _transposed(self) -> sp.csc_array:
        """Kept, as blocks are: SciPy takes its time to make one."""
        return self.scaled.T

    def square_norms(self) -> Array:
        squares = self.scaled.copy()
        squares.data **= 2
        norms: Array = np.asarray(squares.sum(axis=1)) - 2 * (self.scaled @ self.shift)
        return norms + self.shift @ self.shift

    def all_dense(self) -> Array:
        ((_, features),) = self.dense(self.weight.size)
        return features

    def dense(self, step: int) -> Iterator[tuple[slice, Array]]:
        n, d = self.scaled.shape
        for rows in slices(n, step):
            part = rows_of(self.scaled, rows)
            features = np.ones((d + 1, part.shape[0]), dtype=self.scaled.dtype)
            features[:-1] = part.toarray().T - self.shift[:, None]
            yield rows, features

    def part(self, rows: slice) -> SparseBlock:
        """Consecutive rows of the block."""
        return SparseBlock(
            rows_of(self.scaled, rows),
            self.shift,
            self.targets[:, rows],
            self.weight[rows],
            self.first_row + rows.start,
        )


def slices(n_rows: int, step: int) -> Iterator[slice]:
    """At most ``step`` of so many rows at a time."""
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def rows_of(X: sp.csr_array, rows: slice) -> sp.csr_array:
    """Consecutive rows, whose entries are not copied."""
    indptr = X.indptr[rows.start : rows.stop + 1]
    entries = slice(indptr[0], indptr[-1])
    there = X.data[entries], X.indices[entries], indptr - indptr[0]
    return sp.csr_array(there, shape=(len(indptr) - 1, X.shape[1]))


Block = DenseBlock | SparseBlock
