"""How weighted rows are stored on this machine, and the blocks that are made of them.

Everything that the solver asks of the data is a sum over blocks of rows, so this is the
only module that knows how the rows are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block, DenseBlock, SparseBlock, rows_of, slices
from sksoftnewton._rows.centring import centred
from sksoftnewton._rows.interface import MOST_ROWS, WeightedRows
from sksoftnewton._rows.mapped import entries_of_levels, leaves_zeros_out
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.sums import Total

Array = NDArray[np.float64]

# Elements of dense data up to which a standardised copy is kept.
CACHE_ELEMENTS = 2**24


class StoredRows(WeightedRows):
    """Weighted rows on this machine, in memory or in a memory map.

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
        self._double: Callable[[], Any] | None = None
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

    def _views(self, size: int, starts: range) -> list[Block] | None:
        """The blocks of a size, made once; None where they would be copies."""
        copied = not (self.sparse or self._by_entries) and self._standardised is None
        if copied:
            return None
        if size not in self._blocks:
            self._blocks[size] = [self.block(slice(i, i + size)) for i in starts]
        return self._blocks[size]


def total_weight(weight: Array) -> Total:
    """Σω of consecutive rows."""
    starts = range(0, len(weight), MOST_ROWS)
    return Total.of((weight[i : i + MOST_ROWS].sum(),) for i in starts)
