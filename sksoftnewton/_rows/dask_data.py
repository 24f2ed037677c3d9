"""Data in chunks on the workers of Dask, before they are standardised."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.chunks import Chunks, itself
from sksoftnewton._rows.cutting import chunk_bounds, cut_anew, joined, multiple_of
from sksoftnewton._rows.dask_rows import DaskRows
from sksoftnewton._rows.data import ArrayData, Rounds
from sksoftnewton._rows.facts import BlockFacts, edges_of, joint_extremes
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.tasks import Tasks, room_for

Array = NDArray[np.float64]


class DaskData:
    """Data in chunks on workers, see `Data`.

    Parameters
    ----------
    chunks : Chunks of ArrayData
    Y, weight : ndarray of shape (n, n_outputs) and (n,), here
    n_features : int
    dtype : float32 or float64
    sparse : bool
    origin : ndarray of shape (n_features,) or None
        The first row of dense X, where it is known.
    known : (ndarray, ndarray) of shape (n_features,), or None
        The extremes, where they are known.
    """

    def __init__(
        self,
        chunks: Chunks,
        Y: Array,
        weight: Array,
        n_features: int,
        dtype: Any,
        sparse: bool,
        *,
        origin: Array | None = None,
        known: tuple[Array, Array] | None = None,
    ) -> None:
        self.chunks = chunks
        self.Y, self.weight = Y, weight
        self.n_features, self.n_outputs = n_features, Y.shape[1]
        self.dtype = np.dtype(dtype)
        self.sparse = sparse
        self.rounds = chunks.rounds
        self._origin, self._known = origin, known

    @classmethod
    def of(
        cls,
        blocks: dict[str, Tasks],
        facts: dict[str, list[BlockFacts]],
        dtype: np.dtype[Any],
        rounds: Rounds,
    ) -> DaskData:
        """Data in chunks that are cut from blocks.

        Parameters
        ----------
        blocks : dict of Tasks
            "X", "y" and perhaps "sample_weight", each in its own blocks of rows.
        facts : dict of lists of BlockFacts, of the same blocks
        dtype : that of X
        rounds : Rounds
        """
        edges = {name: edges_of(own) for name, own in facts.items()}
        n_rows = int(edges["X"][-1])
        n_bytes = sum(block.n_bytes for own in facts.values() for block in own)
        bounds = chunk_bounds(edges["X"], multiple_of(n_rows, n_bytes))
        kept = room_for(blocks["X"], n_bytes, dtype)
        chunks = Chunks(joined(blocks, edges, bounds, dtype), bounds, rounds, kept)
        weight = facts.get("sample_weight")
        of_X = [block for block in facts["X"] if block.n_rows]
        return cls(
            chunks,
            _here(facts["y"]).reshape(n_rows, -1),
            np.ones(n_rows) if weight is None else _here(weight),
            of_X[0].n_columns,
            dtype,
            of_X[0].sparse,
            origin=of_X[0].origin,
            known=joint_extremes([block.extremes for block in of_X]),
        )

    @cached_property
    def extremes(self) -> tuple[Array, Array]:
        return self._known or joint_extremes(self.chunks.answers(_extremes))

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
        if self.sparse:
            return np.zeros(self.n_features)
        heaviest = int(np.argmax(self.weight))
        if self._origin is not None and heaviest == 0:
            return self._origin
        row: Array = self.taken(np.array([heaviest]))[0].astype(np.float64)
        return row

    @property
    def n_rows(self) -> int:
        return int(self.chunks.bounds[-1])

    @property
    def local(self) -> ArrayData:
        """All of the data here."""
        data = ArrayData.joined(self.chunks.answers(itself))
        data.rounds = self.rounds
        return data

    def taken(self, rows: Index) -> Any:
        parts = self.chunks.answers_of(ArrayData.taken, self.chunks.numbers(rows))
        return sp.vstack(parts, format="csr") if self.sparse else np.concatenate(parts)

    def counted(self) -> DaskData:
        if self.weight.all():
            return self
        some = np.flatnonzero(self.weight)
        edges = some.searchsorted(self.chunks.bounds)
        chunks = cut_anew(self.chunks.mapped(_counted), edges)
        Y, weight = self.Y[some], self.weight[some]
        return DaskData(chunks, Y, weight, self.n_features, self.dtype, self.sparse)

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


def _here(facts: list[BlockFacts]) -> Array:
    """What blocks hold that is wanted here, one after the other."""
    parts = [block.here for block in facts if block.here is not None]
    return np.concatenate(parts, dtype=np.float64)


def _counted(data: ArrayData) -> ArrayData:
    """A copy of the rows of positive weight."""
    return data.part(np.flatnonzero(data.weight))


def _extremes(data: ArrayData) -> tuple[Array, Array]:
    return data.extremes
