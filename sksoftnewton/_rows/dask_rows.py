"""Rows in chunks on the workers of Dask.

Every chunk is `Rows` of its own and answers for its rows as these do; here the answers
are put together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.chunks import Chunks, itself
from sksoftnewton._rows.interface import (
    WeightedRows,
    draw_probabilities,
    pseudo_inverse,
)
from sksoftnewton._rows.mapped import leaves_zeros_out
from sksoftnewton._rows.rows import Rows, as_before
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.stored import total_weight
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]

# Facts of rows that travel with a function of blocks.
FACTS = ("dtype", "n_rows", "n_features", "n_outputs", "total_weight", "sparse")


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
        chunks = self.chunks.mapped_each(Rows.with_targets, [(own,) for own in parts])
        return self._remade(chunks, targets=targets)

    def with_columns(self, kept: Index) -> DaskRows:
        features = kept if self.basis is None else self.basis.columns_of(kept)
        return self._remade(
            self.chunks.mapped(Rows.with_columns, kept),
            standardisation=self.standardisation.take(features),
            basis=None if self.basis is None else self.basis.take(kept),
        )

    def with_basis(self, basis: Basis) -> DaskRows:
        heaviest = self.take(np.array([int(np.argmax(self.weight))]))
        start: Array = basis.transform(heaviest.raw(slice(0, 1)))[0].astype(np.float64)
        mapped = Standardisation.by_sums(
            partial(self.chunks.total, Rows.mapped_sum, basis),
            start,
            lambda: (-np.abs(start) - 1, np.abs(start) + 1),
            self.weight.sum(),
            heaviest.X.dtype,
            sparse=False,
        )
        mapped = as_before(mapped, basis, self.standardisation, self.basis)
        chunks = self.chunks.mapped(Rows.on_basis, basis, mapped)
        return self._remade(chunks, standardisation=mapped, basis=basis)

    @property
    def local(self) -> Rows:
        return Rows.joined(self.chunks.answers(itself), self.n_threads)


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
