"""Data and rows in chunks on the workers of Dask.

Every chunk is an `ArrayData` or `Rows` of its own and answers for its rows as these do;
here the answers are put together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import dask
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.chunks import (
    Chunks,
    chunk_bounds,
    cumulated,
    memory_of_workers,
    pieces,
)
from sksoftnewton._rows.data import ArrayData, Rounds
from sksoftnewton._rows.facts import BlockFacts
from sksoftnewton._rows.interface import (
    MOST_ROWS,
    WeightedRows,
    draw_probabilities,
    pseudo_inverse,
)
from sksoftnewton._rows.mapped import leaves_zeros_out
from sksoftnewton._rows.rows import Rows, as_before, total_weight
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]

# Chunks end at multiples of a power of two of rows, which is that of the largest blocks
# unless so many rows would have more bytes than this.
MULTIPLE_BYTES = 2**26
# Chunks are kept by the workers if so many bytes for each number of the data, room for
# copies in both precisions, fit into their memory.
ROOM = 32
# Facts of rows that travel with a function of blocks.
FACTS = ("dtype", "n_rows", "n_features", "n_outputs", "total_weight", "sparse")


class DaskData:
    """Data in chunks on workers, see `Data`.

    Parameters
    ----------
    chunks : Chunks of ArrayData
    Y, weight : ndarray of shape (n, n_outputs) and (n,), here
    origin : ndarray of shape (n_features,), the first row of X, 0 for CSR chunks
    dtype : float32 or float64
    sparse : bool
    known : (ndarray, ndarray) of shape (n_features,), or None
        The extremes, where they are known.
    """

    def __init__(
        self,
        chunks: Chunks,
        Y: Array,
        weight: Array,
        origin: Array,
        dtype: Any,
        sparse: bool,
        known: tuple[Array, Array] | None = None,
    ) -> None:
        self.chunks = chunks
        self.Y, self.weight = Y, weight
        self.origin = origin
        self.n_features, self.n_outputs = len(origin), Y.shape[1]
        self.dtype = np.dtype(dtype)
        self.sparse = sparse
        self.rounds = chunks.rounds
        self._known = known

    @cached_property
    def extremes(self) -> tuple[Array, Array]:
        return self._known or _joint_extremes(self.chunks.answers(_extremes))

    @cached_property
    def standardisation(self) -> Standardisation:
        return Standardisation.by_sums(
            partial(self.chunks.total, ArrayData.sums),
            self._start,
            lambda: self.extremes,
            self.weight.sum(),
            self.dtype,
            sparse=self.sparse,
        )

    @property
    def basis(self) -> Basis:
        return Basis.linear(self.n_features)

    @property
    def _start(self) -> Array:
        """The row that weighs most; 0 for CSR chunks."""
        heaviest = int(np.argmax(self.weight))
        if self.sparse or heaviest == 0:
            return self.origin
        row: Array = self.taken(np.array([heaviest]))[0].astype(np.float64)
        return row

    @property
    def n_rows(self) -> int:
        return int(self.chunks.bounds[-1])

    @property
    def local(self) -> ArrayData:
        """All of the data here."""
        data = ArrayData.joined(self.chunks.answers(_itself))
        data.rounds = self.rounds
        return data

    def taken(self, rows: Index) -> Any:
        parts = self.chunks.answers_of(ArrayData.taken, self.chunks.numbers(rows))
        return sp.vstack(parts, format="csr") if self.sparse else np.concatenate(parts)

    def counted(self) -> DaskData:
        if self.weight.all():
            return self
        bounds = self.chunks.bounds
        parts = np.split(self.weight, bounds[1:-1])
        sizes = [int(np.count_nonzero(part)) for part in parts]
        chunks = self.chunks.filtered(_counted, sizes)
        some = np.flatnonzero(self.weight)
        Y, weight = self.Y[some], self.weight[some]
        return DaskData(chunks, Y, weight, self.origin, self.dtype, self.sparse)

    def rows(
        self,
        features: Standardisation,
        targets: Standardisation,
        basis: Basis | None,
        dtype: Any,
        n_threads: int,
    ) -> DaskRows:
        # Threads within a chunk are the workers' matter.
        chunks = self.chunks.mapped(ArrayData.rows, features, targets, basis, dtype, 1)
        return DaskRows(
            chunks,
            (self.Y - targets.mean) / targets.scale,
            self.weight,
            features,
            basis=basis,
            dtype=dtype,
            sparse=self.sparse and basis is None,
            n_threads=n_threads,
        )


class DaskRows(WeightedRows):
    """Weighted rows in chunks on workers.

    Parameters
    ----------
    chunks : Chunks of Rows
    targets : ndarray of shape (n, n_outputs), here
    weight : ndarray of shape (n,), here
    standardisation : Standardisation of the features that blocks have
    basis : Basis or None
    dtype : float64 or float32
    sparse : bool
    n_threads : int, for rows that are taken here
    """

    def __init__(
        self,
        chunks: Chunks,
        targets: Array,
        weight: Array,
        standardisation: Standardisation,
        *,
        basis: Basis | None,
        dtype: Any,
        sparse: bool,
        n_threads: int,
    ) -> None:
        self.chunks = chunks
        self.targets, self.weight = targets, weight
        self.standardisation, self.basis = standardisation, basis
        self.n_rows, self.n_outputs = targets.shape
        self.n_features = len(standardisation.mean)
        self.total_weight = total_weight(weight).value
        self.dtype = np.dtype(dtype)
        self.sparse = sparse
        self.n_threads = n_threads
        self.scratch = Scratch(self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """What a function of blocks may ask where it is sent: facts, no rows."""
        return {name: getattr(self, name) for name in (*FACTS, "scratch")}

    def _remade(self, chunks: Chunks, **changes: Any) -> DaskRows:
        """Rows of other chunks, otherwise as these."""
        arguments = {
            "targets": self.targets,
            "weight": self.weight,
            "standardisation": self.standardisation,
            "basis": self.basis,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "n_threads": self.n_threads,
        }
        return DaskRows(chunks, **{**arguments, **changes})

    @cached_property
    def entries_per_row(self) -> float:
        if leaves_zeros_out(self.basis):
            assert self.basis is not None
            return self.basis.entries_per_row + 1
        if not self.sparse:
            return self.n_features + 1
        return float(sum(self.chunks.answers(_n_stored))) / self.n_rows + 1

    def sum(self, function: Callable[[Block], Terms], width: int = 0) -> Terms:
        return self.chunks.total(Rows.total, function, self.block_rows(width)).rounded

    def take(self, rows: Index, weight: Array | None = None) -> Rows:
        parts = self.chunks.answers_of(Rows.take, self.chunks.numbers(rows))
        taken = Rows.joined(parts, self.n_threads)
        return taken if weight is None else taken.with_weight(weight)

    def some(self, most: int) -> Rows:
        n = min(self.n_rows, most)
        return self.take(np.linspace(0, self.n_rows - 1, n).astype(np.intp))

    def _by_leverage(self, at: Array) -> tuple[Index, Array]:
        scores, total, share = self._leverage
        cumulative = np.cumsum(share)
        arguments = {
            i: (part, cumulative[i] - share[i], self.n_rows, total)
            for i, part in scores.split(at, cumulative[:-1]).items()
        }
        found = scores.answers_of(_drawn, arguments)
        rows = [
            scores.bounds[i] + own for i, (own, _) in zip(arguments, found, strict=True)
        ]
        return np.concatenate(rows), np.concatenate([own for _, own in found])

    @cached_property
    def _leverage(self) -> tuple[Chunks, float, Array]:
        """Scores of the rows of each chunk, their sum, and chances of the chunks."""
        inverse = pseudo_inverse(self.second_moments)
        scores = self.chunks.mapped(Rows.leverage_scores, inverse)
        totals = np.array(scores.answers(np.sum))
        sizes, total = np.diff(scores.bounds), float(totals.sum())
        share = 0.5 * sizes / self.n_rows + 0.5 * totals / total
        return scores, total, share

    @property
    def double(self) -> DaskRows:
        return self if self.dtype == np.float64 else self._in_float64

    @cached_property
    def _in_float64(self) -> DaskRows:
        rows = self._remade(self.chunks.mapped(_double), dtype=np.float64)
        rows._single = self
        return rows

    def with_targets(self, targets: Array) -> DaskRows:
        parts = np.split(targets, self.chunks.bounds[1:-1])
        chunks = self.chunks.mapped_each(Rows.with_targets, parts)
        return self._remade(chunks, targets=targets)

    def with_columns(self, kept: Index) -> DaskRows:
        features = kept if self.basis is None else self.basis.columns_of(kept)
        return self._remade(
            self.chunks.mapped(Rows.with_columns, kept),
            standardisation=self.standardisation.take(features),
            basis=None if self.basis is None else self.basis.take(kept),
        )

    def with_basis(self, basis: Basis) -> DaskRows:
        start = np.zeros(basis.n_columns)
        start[basis.starts] = self._means_of_features
        mapped = Standardisation.by_sums(
            partial(self.chunks.total, Rows.mapped_sum, basis),
            start,
            lambda: (-np.abs(start) - 1, np.abs(start) + 1),
            self.weight.sum(),
            np.float64,
            sparse=False,
        )
        mapped = as_before(mapped, basis, self.standardisation, self.basis)
        chunks = self.chunks.mapped(Rows.on_basis, basis, mapped)
        return self._remade(chunks, standardisation=mapped, basis=basis)

    @property
    def _means_of_features(self) -> Array:
        columns = slice(None) if self.basis is None else self.basis.starts
        mean: Array = self.standardisation.mean[columns]
        return mean

    @property
    def local(self) -> Rows:
        return Rows.joined(self.chunks.answers(_itself), self.n_threads)


def _itself(chunk: Any) -> Any:
    return chunk


def _counted(data: ArrayData) -> ArrayData:
    """A copy of the rows of positive weight."""
    some = np.flatnonzero(data.weight)
    return ArrayData(data.X[some], data.Y[some], data.weight[some], data.first_row)


def _extremes(data: ArrayData) -> tuple[Array, Array]:
    return data.extremes


def _joint_extremes(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    lowest, highest = (np.stack(part) for part in zip(*parts, strict=True))
    return lowest.min(axis=0), highest.max(axis=0)


def _double(rows: Rows) -> Rows:
    return rows.double


def _n_stored(rows: Rows) -> int:
    return int(rows.X.nnz)


def _drawn(
    scores: Array, at: Array, before: float, n_rows: int, total: float
) -> tuple[Index, Array]:
    """Rows of a chunk at cumulative probabilities, and their probabilities."""
    probability = draw_probabilities(scores, n_rows, total)
    cumulative = before + np.cumsum(probability)
    rows = np.minimum(cumulative.searchsorted(at, side="right"), len(scores) - 1)
    return rows, probability[rows]


def chunked(
    blocks: dict[str, list[Any]],
    facts: dict[str, list[BlockFacts]],
    dtype: np.dtype[Any],
    rounds: Rounds,
) -> DaskData:
    """Data in chunks that end at the same rows.

    Parameters
    ----------
    blocks : dict of lists of Delayed
        "X", "y" and perhaps "sample_weight", each in its own blocks of rows.
    facts : dict of lists of BlockFacts, of the same blocks
    dtype : that of X
    rounds : Rounds
    """
    edges = {name: cumulated(own) for name, own in facts.items()}
    n_bytes = sum(block.n_bytes for own in facts.values() for block in own)
    affordable = max(MULTIPLE_BYTES * int(edges["X"][-1]) // max(n_bytes, 1), 1)
    multiple = min(2 ** int(np.log2(affordable)), MOST_ROWS)
    bounds = chunk_bounds(edges["X"], multiple)
    make = dask.delayed(array_data, pure=False)
    objects = []
    for start, stop in pairwise(bounds):
        parts = {
            name: list(pieces(own, edges[name], start, stop))
            for name, own in blocks.items()
        }
        weight = parts.get("sample_weight")
        objects.append(make(parts["X"], parts["y"], weight, dtype, int(start)))
    kept = ROOM // dtype.itemsize * n_bytes <= memory_of_workers(objects[0])
    chunks = Chunks(objects, bounds, rounds, kept)
    Y = _values(facts["y"]).reshape(int(bounds[-1]), -1)
    weights = facts.get("sample_weight")
    return DaskData(
        chunks,
        Y,
        np.ones(len(Y)) if weights is None else _values(weights),
        _first_row(facts["X"]),
        dtype,
        facts["X"][0].sparse,
        _joint_extremes([block.extremes for block in facts["X"]]),
    )


def _values(facts: list[BlockFacts]) -> Array:
    """What blocks hold that are wanted here, one after the other."""
    parts = [block.values for block in facts if block.values is not None]
    return np.concatenate(parts, dtype=np.float64)


def _first_row(facts: list[BlockFacts]) -> Array:
    return next(block.origin for block in facts if block.n_rows)


def array_data(
    X: list[Any],
    Y: list[Any],
    weight: list[Any] | None,
    dtype: np.dtype[Any],
    first_row: int,
) -> ArrayData:
    """A chunk from the pieces that it is made of.

    Parameters
    ----------
    X : list of ndarray, or of sparse matrices, of shape (n_i, n_features)
    Y : list of ndarray of shape (n_i,) or (n_i, n_outputs)
    weight : list of ndarray of shape (n_i,); None: all of weight 1
    dtype : that of X
    first_row : int, its number among all rows
    """
    features: Any
    if sp.issparse(X[0]):
        features = sp.csr_array(sp.vstack(X, format="csr"))
        features.sum_duplicates()
    else:
        features = np.concatenate(X) if len(X) > 1 else np.asarray(X[0])
    targets = np.concatenate([np.asarray(y, dtype=np.float64) for y in Y])
    ones = np.ones(len(targets))
    return ArrayData(
        features.astype(dtype, copy=False),
        targets.reshape(len(targets), -1),
        ones if weight is None else np.concatenate(weight).astype(np.float64).ravel(),
        first_row,
    )
