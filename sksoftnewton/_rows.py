"""Weighted rows in blocks, standardised implicitly, and sums over the blocks.

Everything that the solver asks of the data is a sum over blocks of rows, so
this is the only module that knows how the rows are stored.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

Array = NDArray[np.float64]
Terms = tuple[Any, ...]  # arrays and floats to be added up

# Blocks are added up in this many groups whatever the number of threads, so
# that the order of the additions, and with it every result, does not depend on
# n_jobs.
N_GROUPS = 16
# Rows a block: enough work to hide the interpreter, little enough for the cache.
BLOCK_ELEMENTS = 2**17
# Rows made dense at a time where only their second moments are wanted.
DENSE_ROWS = 512
# Directions of X with less than this share of the largest variance are noise.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class DenseBlock:
    """Rows of one block: standardised features and a last feature of ones.

    Attributes
    ----------
    features : ndarray of shape (n_features + 1, n)
    targets : ndarray of shape (n_outputs, n)
    weight : ndarray of shape (n,)
    """

    features: Array
    targets: Array
    weight: Array

    def logits(self, A1: Array) -> Array:
        """A1 x of every row, shape (k, n)."""
        return A1 @ self.features

    def outer(self, s: Array) -> Array:
        """Sum over the rows of s_i x_iᵀ for s of shape (k, n)."""
        return s @ self.features.T

    def square_norms(self) -> Array:
        """|x|² of every row, constant excluded, shape (n,)."""
        norms: Array = np.sum(self.features[:-1] ** 2, axis=0)
        return norms

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

    def logits(self, A1: Array) -> Array:
        coef = A1[:, :-1]
        z: Array = np.ascontiguousarray((self.scaled @ coef.T).T)
        z += (A1[:, -1] - coef @ self.shift)[:, None]
        return z

    def outer(self, s: Array) -> Array:
        total = s.sum(axis=1, keepdims=True)
        return np.hstack([(self.scaled.T @ s.T).T - total * self.shift, total])

    def square_norms(self) -> Array:
        squares = self.scaled.copy()
        squares.data **= 2
        norms: Array = np.asarray(squares.sum(axis=1)) - 2 * (self.scaled @ self.shift)
        return norms + self.shift @ self.shift

    def dense(self, step: int) -> Iterator[tuple[slice, Array]]:
        n, d = self.scaled.shape
        for start in range(0, n, step):
            rows = slice(start, start + step)
            features = np.ones((d + 1, min(step, n - start)))
            features[:-1] = self.scaled[rows].toarray().T - self.shift[:, None]
            yield rows, features


Block = DenseBlock | SparseBlock


@dataclass(frozen=True)
class Standardisation:
    """Weighted means and standard deviations of the columns."""

    mean: Array
    scale: Array

    @classmethod
    def identity(cls, n_columns: int) -> Standardisation:
        return cls(np.zeros(n_columns), np.ones(n_columns))

    @classmethod
    def of(cls, X: Any, weight: Array) -> Standardisation:
        """Weighted moments of a dense or CSR array; constant columns get scale 1.

        Two passes over blocks of rows, relative to the first row, so that a
        large mean costs no accuracy.
        """
        total = weight.sum()
        if sp.issparse(X):
            mean = (X.T @ weight) / total
            deviation = X.astype(np.float64)
            deviation.data -= mean[deviation.indices]
            stored = sp.csr_array(
                (np.ones_like(deviation.data), deviation.indices, deviation.indptr),
                shape=X.shape,
            )
            absent = total - stored.T @ weight
            deviation.data **= 2
            variance = (deviation.T @ weight + absent * mean**2) / total
        else:
            blocks = [
                slice(start, start + 8192) for start in range(0, X.shape[0], 8192)
            ]
            origin = X[0].astype(np.float64)
            mean = origin + sum(weight[b] @ (X[b] - origin) for b in blocks) / total
            variance = sum(weight[b] @ (X[b] - mean) ** 2 for b in blocks) / total
        std = np.sqrt(np.maximum(variance, 0))
        constant = std <= 8 * np.finfo(X.dtype).eps * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, std))


class Rows:
    """The weighted rows of a regression problem.

    Parameters
    ----------
    X : ndarray (or memory map) or csr_array of shape (n, n_features)
    targets : ndarray of shape (n, n_outputs), float64
    weight : ndarray of shape (n,), positive
    standardisation : Standardisation of X
    n_threads : int
        Threads that share the blocks. No result depends on it.
    """

    def __init__(
        self,
        X: Any,
        targets: Array,
        weight: Array,
        standardisation: Standardisation,
        *,
        n_threads: int = 1,
    ) -> None:
        self.targets = targets
        self.weight = weight
        self.standardisation = standardisation
        self.n_threads = n_threads
        self.total_weight = float(weight.sum())
        self.n_rows, self.n_features = X.shape
        self.n_outputs = targets.shape[1]
        self.sparse: bool = sp.issparse(X)
        self.X: Any = X
        if self.sparse:
            scale = standardisation.scale
            self.X = sp.csr_array(
                (X.data / scale[X.indices], X.indices, X.indptr), shape=X.shape
            )
            self._shift = standardisation.mean / scale
        self.block_rows = int(
            np.clip(BLOCK_ELEMENTS // (self.n_features + 1), 256, 4096)
        )

    def take(self, rows: NDArray[np.integer]) -> Rows:
        """A copy of some of the rows."""
        part = copy.copy(self)
        part.__dict__.pop("second_moments", None)
        part.__dict__.pop("kernel", None)
        part.X, part.targets = self.X[rows], self.targets[rows]
        part.weight = self.weight[rows]
        part.total_weight = float(part.weight.sum())
        part.n_rows = len(rows)
        return part

    def block(self, rows: slice | NDArray[np.integer]) -> Block:
        """The block of the given rows."""
        targets, weight = self.targets[rows].T, self.weight[rows]
        if self.sparse:
            return SparseBlock(self.X[rows], self._shift, targets, weight)
        part = self.X[rows]
        features = np.empty((self.n_features + 1, part.shape[0]))
        body = features[:-1]
        np.subtract(part.T, self.standardisation.mean[:, None], out=body)
        body /= self.standardisation.scale[:, None]
        features[-1] = 1
        return DenseBlock(features, targets, weight)

    def whole(self) -> Block:
        """All rows as one block; for problems small enough for n x n matrices."""
        return self.block(slice(0, self.n_rows))

    def sum(self, function: Callable[[Block], Terms]) -> Terms:
        """Sum over the blocks of a function that returns a tuple of arrays."""
        starts = range(0, self.n_rows, self.block_rows)
        if len(starts) == 1:
            return function(self.whole())
        per_group = -(-len(starts) // N_GROUPS)
        groups = [starts[i : i + per_group] for i in range(0, len(starts), per_group)]

        def group_sum(group: range) -> Terms:
            return added(
                function(self.block(slice(start, start + self.block_rows)))
                for start in group
            )

        if self.n_threads == 1:
            return added(map(group_sum, groups))
        with ThreadPoolExecutor(self.n_threads) as pool:
            return added(pool.map(group_sum, groups))

    @cached_property
    def second_moments(self) -> Array:
        """Σ ω x xᵀ / Σ ω of the standardised features (no constant).

        Shape (n_features, n_features).
        """

        def moments(block: Block) -> Terms:
            total = np.zeros((self.n_features, self.n_features))
            for rows, features in block.dense(DENSE_ROWS):
                x = features[:-1]
                total += (x * block.weight[rows]) @ x.T
            return (total,)

        (total,) = self.sum(moments)
        mean: Array = total / self.total_weight
        return mean

    @cached_property
    def kernel(self) -> Array:
        """Inner products of the standardised features (no constant), (n, n)."""
        if self.sparse:
            products: Array = (self.X @ self.X.T).toarray()
            cross: Array = self.X @ self._shift
            products -= cross[:, None] + cross
            products += self._shift @ self._shift
            return products
        block = self.whole()
        assert isinstance(block, DenseBlock)
        x = block.features[:-1]
        return x.T @ x


def added(terms: Iterator[Terms]) -> Terms:
    """The elementwise sum of tuples of arrays and floats."""
    total = list(next(terms))
    for term in terms:
        for i, value in enumerate(term):
            total[i] = total[i] + value
    return tuple(total)


class RowSpace:
    """Exact coordinates of wide data (more features than rows) in its row space.

    A pivoted Cholesky factor of the kernel, X Xᵀ = P L Lᵀ Pᵀ with L of rank r,
    gives X = Z Q with Z = P L (n x r) and Q = L₁₁⁻¹ X_pivots, whose rows are
    orthonormal. Rows of A1 orthogonal to Q change no prediction, and a ridge
    penalty makes them zero, so A1 Qᵀ holds everything.

    Attributes
    ----------
    rows : Rows with the r columns of Z as features
    """

    def __init__(self, rows: Rows) -> None:
        kernel = rows.kernel
        # dpstrf keeps pivots above an absolute tolerance.
        tolerance = RANK_TOLERANCE * max(float(kernel.diagonal().max()), 0.0)
        factor, pivots, rank, _ = dpstrf(kernel, tol=tolerance, lower=1)
        rank = max(int(rank), 1)
        pivots = pivots - 1
        Z = np.zeros((rows.n_rows, rank))
        Z[pivots] = np.tril(factor)[:, :rank]
        self._factor = np.tril(factor[:rank, :rank])
        if not self._factor[0, 0] > 0:  # every feature is constant
            self._factor[0, 0] = 1.0
        self._pivots = rows.block(pivots[:rank])
        self.rows = Rows(
            Z,
            rows.targets,
            rows.weight,
            Standardisation.identity(rank),
            n_threads=rows.n_threads,
        )

    def project(self, A1: Array) -> Array:
        """A1 Qᵀ: from the features of X to those of Z (constant kept last)."""
        without = np.hstack([A1[:, :-1], np.zeros((len(A1), 1))])
        at_pivots = self._pivots.logits(without)
        inner = solve_triangular(self._factor, at_pivots.T, lower=True).T
        return np.hstack([inner, A1[:, -1:]])

    def without_rows(self) -> RowSpace:
        """The map alone, for predictions: it keeps the pivot rows only."""
        part = copy.copy(self)
        del part.rows
        return part

    def coordinates(self, block: Block) -> Array:
        """Q x of other rows with the same features, shape (r, n)."""
        step = self._pivots.weight.size
        pivots = np.hstack([part for _, part in self._pivots.dense(step)]).T
        pivots[:, -1] = 0
        inner: Array = solve_triangular(
            self._factor, block.logits(pivots), lower=True, check_finite=False
        )
        return inner

    def lift(self, A1: Array) -> Array:
        """A1 Q: from the features of Z to those of X."""
        inner = solve_triangular(self._factor, A1[:, :-1].T, lower=True, trans=1).T
        return np.hstack([self._pivots.outer(inner)[:, :-1], A1[:, -1:]])


class Whitening:
    """Coordinates in which the features have unit second moments.

    ``map`` (r x n_features) satisfies map M mapᵀ = I for the second moments M;
    A1 of the features is Ã map, and |Ã|² is the weighted mean of |A1 x|².
    """

    def __init__(self, moments: Array) -> None:
        values, vectors = _range_of(moments)
        self.map = (vectors / np.sqrt(values)).T
        self._inverse = (vectors * np.sqrt(values)).T

    def project(self, A1: Array) -> Array:
        return np.hstack([A1[:, :-1] @ self._inverse.T, A1[:, -1:]])

    def lift(self, A1: Array) -> Array:
        return np.hstack([A1[:, :-1] @ self.map, A1[:, -1:]])


def onto_range(moments: Array, A1: Array) -> Array:
    """The part of A1 that predictions see: its projection on the range of M."""
    values, vectors = _range_of(moments)
    if len(values) == len(moments):
        return A1
    return np.hstack([(A1[:, :-1] @ vectors) @ vectors.T, A1[:, -1:]])


def _range_of(moments: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(moments)
    kept = values > RANK_TOLERANCE * max(float(values[-1]), 0.0)
    if not kept.any():  # every feature is constant
        return np.ones(1), vectors[:, -1:]
    return values[kept], vectors[:, kept]
