"""The weighted rows of a regression problem, in blocks, and sums over the blocks.

Everything that the solver asks of the data is a sum over blocks of rows, so
this is the only module that knows how the rows are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from sksoftnewton._rows.basis import Basis, standardisation_of
from sksoftnewton._rows.blocks import Block, DenseBlock, SparseBlock
from sksoftnewton._rows.centring import centred
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.sums import Terms, added, sum_of_groups

Array = NDArray[np.float64]

# Elements a block and what is computed from it: enough work to hide the
# interpreter, little enough for the cache. And the least and most rows.
BLOCK_ELEMENTS = 2**17
LEAST_ROWS, MOST_ROWS = 256, 8192
# Elements of dense data up to which a standardised copy is kept.
CACHE_ELEMENTS = 2**24
# Elements of the largest sample of rows that is copied.
COPIED_ELEMENTS = 2**22
# Rows made dense at a time where only their second moments are wanted.
DENSE_ROWS = 512
# Directions of X with less than this share of the largest variance, or of that of a
# standardised feature, are noise.
RANK_TOLERANCE = 1e-10


class Rows:
    """The weighted rows of a regression problem.

    Parameters
    ----------
    X : ndarray (or memory map) or csr_array of shape (n, n_features)
    targets : ndarray of shape (n, n_outputs), float64
    weight : ndarray of shape (n,), positive
    standardisation : Standardisation of the features that blocks have
    columns : ndarray of int or None
        The columns of X that are in use, all for None. Dense X is never copied whole.
    basis : Basis or None
        The features that blocks have, of the columns in use; None: themselves.
    dtype : float64 or float32
        Precision of the blocks. Sums over them are in float64.
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
        columns: Index | None = None,
        basis: Basis | None = None,
        dtype: Any = np.float64,
        n_threads: int = 1,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.basis = basis
        self.targets = targets
        self.weight = weight
        self.standardisation = standardisation
        self.columns = columns
        self.n_threads = n_threads
        self.total_weight = float(weight.sum())
        self.n_rows = X.shape[0]
        self.n_features = len(standardisation.mean)
        self.n_outputs = targets.shape[1]
        self.sparse: bool = sp.issparse(X) and basis is None
        self.scratch = Scratch(self.dtype)
        self.single = self  # the same rows in float32, where those were there first
        self._blocks: dict[int, list[Block]] = {}
        self.X: Any = X
        if self.sparse:
            if columns is not None:
                X, self.columns = X[:, columns], None
            scale = standardisation.scale
            scaled = sp.csr_array(
                ((X.data / scale[X.indices]), X.indices, X.indptr), shape=X.shape
            )
            scaled, self._shift = centred(scaled, standardisation.mean / scale)
            self.X = scaled.astype(self.dtype, copy=False)

    @property
    def entries_per_row(self) -> float:
        """Features that are stored for a row, and the constant."""
        return (self.X.nnz / self.n_rows if self.sparse else self.n_features) + 1

    @property
    def few_enough(self) -> int:
        """Most rows that `take` should copy."""
        return int(COPIED_ELEMENTS / self.entries_per_row)

    def take(self, rows: Index, weight: Array | None = None) -> Rows:
        """A copy of some of the rows, with weights of their own or those here."""
        return self._changed(
            X=self.X[rows],
            targets=self.targets[rows],
            weight=self.weight[rows] if weight is None else weight,
        )

    def _changed(self, **changes: Any) -> Rows:
        """The same rows but for some arguments of theirs."""
        given = {
            "X": self.X,
            "targets": self.targets,
            "weight": self.weight,
            "standardisation": self._standardisation_of_stored,
            "columns": self.columns,
            "basis": self.basis,
            "dtype": self.dtype,
            "n_threads": self.n_threads,
        }
        return Rows(**{**given, **changes})

    def draw(
        self, size: int, rng: np.random.Generator, *, by_leverage: bool = False
    ) -> Rows:
        """Rows drawn with replacement, weighted so that sums keep their expectation.

        With equal probability, or half so and half in proportion to the leverage
        scores of the standardised rows.
        """
        if by_leverage:
            cumulative = self._cumulative_leverage
            drawn = np.sort(cumulative.searchsorted(rng.random(size), side="right"))
            probability = np.diff(cumulative, prepend=0.0)[drawn]
        else:
            drawn = np.sort(rng.integers(self.n_rows, size=size))
            probability = np.full(size, 1 / self.n_rows)
        rows = self.take(drawn)
        rows.weight = rows.weight / (size * probability)
        rows.total_weight = self.total_weight
        return rows

    @cached_property
    def _cumulative_leverage(self) -> Array:
        """Cumulative probabilities of the rows for `draw`."""
        inverse = np.linalg.pinv(self.second_moments, hermitian=True)
        scores = np.empty(self.n_rows)
        for start in range(0, self.n_rows, DENSE_ROWS):
            rows = slice(start, start + DENSE_ROWS)
            x = self.block(rows).all_dense()[:-1]
            scores[rows] = 1 + np.sum(x * (inverse @ x), axis=0)  # 1: the constant's
        scores *= self.weight
        probability = 0.5 / self.n_rows + 0.5 * scores / scores.sum()
        cumulative: Array = np.cumsum(probability)
        cumulative /= cumulative[-1]
        return cumulative

    @property
    def double(self) -> Rows:
        """The same rows with blocks in float64."""
        return self if self.dtype == np.float64 else self._in_float64

    @cached_property
    def _in_float64(self) -> Rows:
        rows = self._changed(dtype=np.float64)
        rows.single = self
        return rows

    def with_targets(self, targets: Array) -> Rows:
        """The same rows with other targets."""
        return self._changed(targets=targets)

    def with_columns(self, kept: Index) -> Rows:
        """The same rows with some of the columns in use."""
        features = kept if self.basis is None else self.basis.columns_of(kept)
        return self._changed(
            standardisation=self._standardisation_of_stored.take(features),
            columns=kept if self.columns is None else self.columns[kept],
            basis=None if self.basis is None else self.basis.take(kept),
        )

    def with_basis(self, basis: Basis) -> Rows:
        """The same rows with other features of the columns in use.

        What is a plain column before and after keeps its standardisation.
        """
        before = self.standardisation
        columns = MappedRows(self.raw, (self.n_rows, self.X.dtype), basis)
        mapped = standardisation_of(columns, self.weight, basis)
        old = Basis.linear(len(basis.maps)) if self.basis is None else self.basis
        here, there = old.plain_columns, basis.plain_columns
        if np.array_equal(old.feature_of[here], basis.feature_of[there]):
            mapped.mean[there] = before.mean[here]
            mapped.scale[there] = before.scale[here]
        return self._changed(standardisation=mapped, basis=basis)

    @property
    def _standardisation_of_stored(self) -> Standardisation:
        if self.sparse:  # X is scaled already
            return Standardisation(self._shift, np.ones(self.n_features))
        return self.standardisation

    def block(self, rows: slice | Index) -> Block:
        """The block of the given rows."""
        targets = self.targets[rows].T.astype(self.dtype, copy=False)
        weight = self.weight[rows].astype(self.dtype, copy=False)
        if self.sparse:
            return SparseBlock(self.X[rows], self._shift, targets, weight)
        kept = self._standardised
        features = self._standardised_block(rows) if kept is None else kept[:, rows]
        return DenseBlock(features, targets, weight)

    @cached_property
    def _standardised(self) -> Array | None:
        """All features of dense data, where they are few enough to be kept."""
        if self.n_rows * (self.n_features + 1) > CACHE_ELEMENTS:
            return None
        features = np.empty((self.n_features + 1, self.n_rows), dtype=self.dtype)
        for start in range(0, self.n_rows, MOST_ROWS):
            rows = slice(start, start + MOST_ROWS)
            features[:, rows] = self._standardised_block(rows)
        return features

    def _standardised_block(self, rows: slice | Index) -> Array:
        part = self.in_use(rows)
        features = np.empty((self.n_features + 1, part.shape[0]), dtype=self.dtype)
        # Rounded to the precision of the blocks at the end: before, a column of huge
        # numbers may not fit into it.
        centred = part.T - self.standardisation.mean[:, None]
        scale = self.standardisation.scale[:, None]
        np.divide(centred, scale, out=features[:-1], casting="same_kind")
        features[-1] = 1
        return features

    def in_use(self, rows: slice | Index) -> Array:
        """Dense rows of the blocks' features, not standardised."""
        part = self.raw(rows)
        if self.basis is not None:
            part = self.basis.transform(part)
        return part

    def raw(self, rows: slice | Index) -> Array:
        """Dense rows of the columns of X in use."""
        part = self.X[rows]
        if self.columns is not None:
            part = part[:, self.columns]
        dense: Array = part.toarray() if sp.issparse(part) else part
        return dense

    def whole(self) -> Block:
        """All rows as one block; for problems small enough for n x n matrices."""
        return self.block(slice(0, self.n_rows))

    def block_rows(self, width: int) -> int:
        """Rows a block for a computation that makes so many numbers a row."""
        entries = self.entries_per_row
        size = int(np.clip(BLOCK_ELEMENTS / (entries + width), LEAST_ROWS, MOST_ROWS))
        if self.sparse:  # what a block adds up is dense
            size = max(size, int(self.n_features / entries))
        return size

    def sum(self, function: Callable[[Block], Terms], width: int = 0) -> Terms:
        """Sum over the blocks of a function that returns a tuple of arrays."""
        size = self.block_rows(width)
        starts = range(0, self.n_rows, size)
        views = self._views(size, starts)

        def term(start: int) -> Terms:
            if views is not None:
                return function(views[start // size])
            return function(self.block(slice(start, start + size)))

        if len(starts) == 1:
            return added(iter([term(0)]))
        return sum_of_groups(term, starts, self.n_threads)

    def _views(self, size: int, starts: range) -> list[Block] | None:
        """The blocks of a size, made once; None where they would be copies."""
        if self.sparse or self._standardised is None:
            return None
        if size not in self._blocks:
            self._blocks[size] = [self.block(slice(i, i + size)) for i in starts]
        return self._blocks[size]

    @cached_property
    def mean_square(self) -> float:
        """Weighted mean of |target|²."""
        squares = np.sum(self.targets**2, axis=1)
        return float(self.weight @ squares) / self.total_weight

    @cached_property
    def rounding_variances(self) -> Array:
        """Variance of the rounding of the targets of each output, (n_outputs,).

        Targets of which there are few different ones, such as counts or classes, are
        taken for rounded to the least difference Δ between two of them: Δ²/12, but at
        most a third of their variance, its share for a fair coin. Zero for others.
        """
        variances = np.zeros(self.n_outputs)
        for o, column in enumerate(self.targets.T):
            values = np.unique(column)
            if 2 <= len(values) <= self.total_weight / 2:
                variance = self.target_variances[o]
                variances[o] = min(np.diff(values).min() ** 2 / 12, variance / 3)
        return variances

    @cached_property
    def target_variances(self) -> Array:
        """Weighted variance of the targets of each output, (n_outputs,)."""
        mean = self.weight @ self.targets / self.total_weight
        variances: Array = self.weight @ (self.targets - mean) ** 2 / self.total_weight
        return variances

    @property
    def target_variance(self) -> float:
        """Weighted mean of |target − mean|²; 1 where all are equal but for rounding."""
        variance = float(self.target_variances.sum())
        rounding = 8 * float(np.finfo(np.float64).eps)
        return variance if variance > rounding**2 * self.mean_square else 1.0

    @cached_property
    def second_moments(self) -> Array:
        """Σ ω x xᵀ / Σ ω of the standardised features (no constant).

        Shape (n_features, n_features).
        """

        def moments(block: Block) -> Terms:
            total = np.zeros((self.n_features, self.n_features))  # in float64
            for rows, features in block.dense(DENSE_ROWS):
                x = features[:-1]
                total += (x * block.weight[rows]) @ x.T
            return (total,)

        (total,) = self.sum(moments)
        mean: Array = total / self.total_weight
        return mean

    @cached_property
    def _range_basis(self) -> Array | None:
        """Orthonormal basis of the range of `second_moments`; None: all of it."""
        _, vectors = range_of(self.second_moments)
        return None if vectors.shape[1] == self.n_features else vectors

    def onto_range(self, A1: Array) -> Array:
        """The part of A1 that predictions see."""
        basis = self._range_basis
        if basis is None:
            return A1
        return np.hstack([(A1[:, :-1] @ basis) @ basis.T, A1[:, -1:]])

    @cached_property
    def kernel(self) -> Array:
        """Inner products of the standardised features (no constant), (n, n)."""
        if self.sparse:
            X = self.X.astype(np.float64, copy=False)
            products: Array = (X @ X.T).toarray()
            cross: Array = X @ self._shift
            products -= cross[:, None] + cross
            products += self._shift @ self._shift
            return products
        block = self.double.whole()
        assert isinstance(block, DenseBlock)
        x = block.features[:-1]
        return x.T @ x


class MappedRows:
    """The columns of a basis of rows, made where they are read.

    Parameters
    ----------
    raw : callable
        Gives the dense rows of a slice.
    of : int and dtype, the number of rows and what they are stored in
    basis : Basis
    """

    def __init__(
        self,
        raw: Callable[[slice | Index], Array],
        of: tuple[int, DTypeLike],
        basis: Basis,
    ) -> None:
        self._raw, self._basis = raw, basis
        self.shape = of[0], basis.n_columns
        self.dtype = np.dtype(of[1])

    def __getitem__(self, rows: slice | Index) -> Array:
        columns: Array = self._basis.transform(self._raw(rows))
        return columns


def range_of(moments: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of M without those of noise."""
    values, vectors = np.linalg.eigh(moments)
    kept = values > RANK_TOLERANCE * max(float(values[-1]), 1.0)
    if not kept.any():  # every feature is constant
        return np.zeros(1), vectors[:, -1:]
    return values[kept], vectors[:, kept]
