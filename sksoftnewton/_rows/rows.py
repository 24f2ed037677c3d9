"""The weighted rows of a regression problem, in blocks, and sums over the blocks.

Everything that the solver asks of the data is a sum over blocks of rows, so
this is the only module that knows how the rows are stored.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block, DenseBlock, SparseBlock, rows_of, slices
from sksoftnewton._rows.centring import centred
from sksoftnewton._rows.interface import (
    DENSE_ROWS,
    MOST_ROWS,
    WeightedRows,
    draw_probabilities,
    pseudo_inverse,
)
from sksoftnewton._rows.mapped import MappedRows, entries_of_levels, leaves_zeros_out
from sksoftnewton._rows.plain import standardisation_of
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import (
    Index,
    Standardisation,
    Term,
    column_sums,
)
from sksoftnewton._rows.sums import Terms, Total, added, sum_of_groups

Array = NDArray[np.float64]

# Elements of dense data up to which a standardised copy is kept.
CACHE_ELEMENTS = 2**24


class Rows(WeightedRows):
    """Weighted rows on this machine.

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
    first_row : int
        The number of the first row where these are a chunk of more rows.
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
        first_row: int = 0,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.basis = basis
        self.targets = targets
        self.weight = weight
        self.standardisation = standardisation
        self.columns = columns
        self.n_threads = n_threads
        self.first_row = first_row
        self.total_weight = total_weight(weight).value
        self.n_rows = X.shape[0]
        self.n_features = len(standardisation.mean)
        self.n_outputs = targets.shape[1]
        self.sparse: bool = sp.issparse(X) and basis is None
        self.scratch = Scratch(self.dtype)
        self._blocks: dict[int, list[Block]] = {}
        self._double: Callable[[], Rows | None] | None = None
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

    def __getstate__(self) -> dict[str, Any]:
        """The rows themselves: what is kept in memory can be made again."""
        made = "_standardised", "_entries", "_double", "_single", "_leverage", "kernel"
        state = {k: v for k, v in self.__dict__.items() if k not in made}
        return {**state, "_blocks": {}, "_double": None}

    def __sizeof__(self) -> int:
        """Bytes of the rows, for whoever decides where to move them."""
        X = self.X.data if self.sparse else self.X
        n_bytes = np.prod(X.shape) * X.dtype.itemsize
        return int(n_bytes + self.targets.nbytes + self.weight.nbytes)

    @property
    def entries_per_row(self) -> float:
        if self.sparse:
            return float(self.X.nnz / self.n_rows + 1)
        if self._by_entries:
            assert self.basis is not None
            return self.basis.entries_per_row + 1
        return self.n_features + 1

    @cached_property
    def _by_entries(self) -> bool:
        """Whether dense rows have so many columns of levels that zeros are left out."""
        return leaves_zeros_out(self.basis)

    def _changed(self, **changes: Any) -> Rows:
        """The same rows with other arguments."""
        arguments = {
            "X": self.X,
            "targets": self.targets,
            "weight": self.weight,
            "standardisation": self._standardisation_of_stored,
            "columns": self.columns,
            "basis": self.basis,
            "dtype": self.dtype,
            "n_threads": self.n_threads,
            "first_row": self.first_row,
        }
        return Rows(**{**arguments, **changes})

    def take(self, rows: Index, weight: Array | None = None) -> Rows:
        taken = self._changed(
            X=self.X[rows],
            targets=self.targets[rows],
            weight=self.weight[rows] if weight is None else weight,
        )
        if "_standardised" in self.__dict__ and self._standardised is not None:
            # In memory as if it were made anew: `[:, rows]` would be transposed there.
            taken._standardised = self._standardised.take(rows, axis=1)
        return taken

    @staticmethod
    def joined(parts: list[Rows], n_threads: int) -> Rows:
        """One set of rows of parts that differ only in which rows they hold."""
        stack = sp.vstack if sp.issparse(parts[0].X) else np.concatenate
        return parts[0]._changed(
            X=stack([part.X for part in parts]),
            targets=np.concatenate([part.targets for part in parts]),
            weight=np.concatenate([part.weight for part in parts]),
            n_threads=n_threads,
            first_row=0,
        )

    def _by_leverage(self, at: Array) -> tuple[Index, Array]:
        cumulative, probability = self._leverage
        rows = np.minimum(cumulative.searchsorted(at, side="right"), self.n_rows - 1)
        return rows, probability[rows]

    @cached_property
    def _leverage(self) -> tuple[Array, Array]:
        """Cumulative probabilities of the rows for `draw`, and the probabilities."""
        scores = self.leverage_scores(pseudo_inverse(self.second_moments))
        probability = draw_probabilities(scores, self.n_rows, scores.sum())
        return np.cumsum(probability), probability

    def leverage_scores(self, inverse: Array) -> Array:
        """Weighted leverage scores of the rows, given the inverse second moments."""
        scores = np.empty(self.n_rows)
        for start in range(0, self.n_rows, DENSE_ROWS):
            rows = slice(start, start + DENSE_ROWS)
            x = self.block(rows).all_dense()[:-1]
            scores[rows] = 1 + np.sum(x * (inverse @ x), axis=0)  # 1: the constant's
        scores *= self.weight
        return scores

    @property
    def double(self) -> Rows:
        if self.dtype == np.float64:
            return self
        rows = self._double() if self._double is not None else None
        if rows is None:
            rows = self._changed(dtype=np.float64)
            rows._single = self
            # Two that hold each other would stay in memory until Python looks for
            # circles; CSR rows are made anew at the cost of a copy.
            self._double = (lambda: rows) if self.sparse else weakref.ref(rows)
        return rows

    @property
    def local(self) -> Rows:
        return self

    def with_targets(self, targets: Array) -> Rows:
        return self._changed(targets=targets)

    def with_weight(self, weight: Array) -> Rows:
        """The same rows with other weights."""
        return self._changed(weight=weight)

    def with_columns(self, kept: Index) -> Rows:
        features = kept if self.basis is None else self.basis.columns_of(kept)
        return self._changed(
            standardisation=self._standardisation_of_stored.take(features),
            columns=kept if self.columns is None else self.columns[kept],
            basis=None if self.basis is None else self.basis.take(kept),
        )

    def with_basis(self, basis: Basis) -> Rows:
        columns = MappedRows(self.raw, (self.n_rows, self.X.dtype), basis)
        mapped = standardisation_of(columns, self.weight, basis)
        mapped = as_before(mapped, basis, self.standardisation, self.basis)
        return self.on_basis(basis, mapped)

    def on_basis(self, basis: Basis, standardisation: Standardisation) -> Rows:
        """The same rows with the columns of a basis and their standardisation."""
        return self._changed(standardisation=standardisation, basis=basis)

    def mapped_sum(self, basis: Basis, term: Term) -> Total:
        """A sum over rows of the columns of a basis, not standardised."""
        columns = MappedRows(self.raw, (self.n_rows, self.X.dtype), basis)
        return column_sums(columns, self.weight, term)

    @property
    def _standardisation_of_stored(self) -> Standardisation:
        if self.sparse:  # X is scaled already
            return Standardisation(self._shift, np.ones(self.n_features))
        return self.standardisation

    def block(self, rows: slice | Index) -> Block:
        """The block of the given rows."""
        first = self.first_row + (rows.start if isinstance(rows, slice) else 0)
        targets = self.targets[rows].T.astype(self.dtype, copy=False)
        weight = self.weight[rows].astype(self.dtype, copy=False)
        if self.sparse:
            X = rows_of(self.X, rows) if isinstance(rows, slice) else self.X[rows]
            return SparseBlock(X, self._shift, targets, weight, first)
        if self._by_entries:
            X, shift = self._entries
            X = rows_of(X, rows) if isinstance(rows, slice) else X[rows]
            return SparseBlock(X, shift, targets, weight, first)
        kept = self._standardised
        features = self._standardised_block(rows) if kept is None else kept[:, rows]
        return DenseBlock(features, targets, weight, first)

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

    @cached_property
    def _entries(self) -> tuple[sp.csr_array, Array]:
        """Columns with zeros left out, and means; no larger than what X has in use."""
        assert self.basis is not None
        blocks = (self.in_use(rows) for rows in slices(self.n_rows, MOST_ROWS))
        return entries_of_levels(blocks, self.basis, self.standardisation, self.dtype)

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

    def sum(self, function: Callable[[Block], Terms], width: int = 0) -> Terms:
        size = self.block_rows(width)
        if self.n_rows <= size:
            (block,) = self._views(size, range(1)) or [self.whole()]
            return added([function(block)])
        return self.total(function, size).rounded

    def total(self, function: Callable[[Block], Terms], size: int) -> Total:
        """The sum over blocks of so many rows, before it is rounded."""
        starts = range(0, self.n_rows, size)
        views = self._views(size, starts)

        def term(start: int) -> Terms:
            if views is not None:
                return function(views[start // size])
            return function(self.block(slice(start, start + size)))

        return sum_of_groups(term, starts, self.n_threads)

    def _views(self, size: int, starts: range) -> list[Block] | None:
        """The blocks of a size, made once; None where they would be copies."""
        copied = not (self.sparse or self._by_entries) and self._standardised is None
        if copied:
            return None
        if size not in self._blocks:
            self._blocks[size] = [self.block(slice(i, i + size)) for i in starts]
        return self._blocks[size]

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
        x = self.double.whole().all_dense()[:-1]
        return x.T @ x


def total_weight(weight: Array) -> Total:
    """Σω of consecutive rows."""
    starts = range(0, len(weight), MOST_ROWS)
    return Total.of((weight[i : i + MOST_ROWS].sum(),) for i in starts)


def as_before(
    mapped: Standardisation,
    basis: Basis,
    before: Standardisation,
    basis_before: Basis | None,
) -> Standardisation:
    """What is a plain column before and after keeps its standardisation."""
    old = Basis.linear(len(basis.maps)) if basis_before is None else basis_before
    here, there = old.plain_columns, basis.plain_columns
    if np.array_equal(old.feature_of[here], basis.feature_of[there]):
        mapped.mean[there] = before.mean[here]
        mapped.scale[there] = before.scale[here]
    return mapped
