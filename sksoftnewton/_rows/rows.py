"""Weighted rows on this machine: samples of them, sums over them, other columns."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.interface import (
    DENSE_ROWS,
    draw_probabilities,
    pseudo_inverse,
)
from sksoftnewton._rows.mapped import MappedRows
from sksoftnewton._rows.plain import standardisation_of
from sksoftnewton._rows.standardisation import (
    Index,
    Standardisation,
    Term,
    column_sums,
)
from sksoftnewton._rows.stored import StoredRows
from sksoftnewton._rows.sums import Terms, Total, added, sum_of_groups

Array = NDArray[np.float64]


class Rows(StoredRows):
    """Weighted rows on this machine; see `StoredRows` for the parameters."""

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
        rows: Rows | None = self._double() if self._double is not None else None
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
