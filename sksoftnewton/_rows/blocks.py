"""One block of standardised rows, dense or CSR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        for start in range(0, self.weight.size, step):
            rows = slice(start, start + step)
            yield rows, self.features[:, rows]


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
        return np.hstack([(self.scaled.T @ s.T).T - total * self.shift, total])

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
        for start in range(0, n, step):
            rows = slice(start, start + step)
            size = (d + 1, min(step, n - start))
            features = np.ones(size, dtype=self.scaled.dtype)
            features[:-1] = self.scaled[rows].toarray().T - self.shift[:, None]
            yield rows, features


Block = DenseBlock | SparseBlock
