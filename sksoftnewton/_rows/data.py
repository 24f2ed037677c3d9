"""A regression problem as it was given, before it is standardised."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.interface import WeightedRows
from sksoftnewton._rows.mapped import MappedRows
from sksoftnewton._rows.plain import Labels, plain_basis, standardisation_of
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.selection import SelectedRows
from sksoftnewton._rows.standardisation import (
    Index,
    Standardisation,
    Term,
    column_sums,
    extremes,
)
from sksoftnewton._rows.sums import Total

Array = NDArray[np.float64]


class Rounds:
    """How many questions workers have answered so far; none for data that are here."""

    def __init__(self) -> None:
        self.n = 0


class Data(Protocol):
    """Features, targets and weights in the user's units, wherever they are.

    Attributes
    ----------
    n_features, n_outputs : int
    dtype : dtype, float32 or float64: that of fitted arrays
    sparse : bool
    rounds : Rounds
    """

    n_features: int
    n_outputs: int
    dtype: np.dtype[Any]
    sparse: bool
    rounds: Rounds

    @property
    def Y(self) -> Array:  # noqa: N802
        """The targets, here, shape (n, n_outputs)."""
        ...

    @property
    def weight(self) -> Array:
        """The weights, here, shape (n,)."""
        ...

    @property
    def basis(self) -> Basis:
        """What the features enter as, without ramps."""
        ...

    @property
    def extremes(self) -> tuple[Array, Array]:
        """Least and largest number of every column of the basis."""
        ...

    @property
    def standardisation(self) -> Standardisation:
        """That of the columns of the basis."""
        ...

    @property
    def local(self) -> ArrayData:
        """All of the data here; for few rows."""
        ...

    def taken(self, rows: Index) -> Any:
        """X of some rows, by their numbers in ascending order, here."""
        ...

    def counted(self) -> Data:
        """The rows of positive weight, which are not copied if X is dense."""
        ...

    def rows(
        self,
        features: Standardisation,
        targets: Standardisation,
        basis: Basis | None,
        dtype: Any,
        n_threads: int,
    ) -> WeightedRows:
        """The rows with blocks of standardised features and targets."""
        ...


class ArrayData:
    """Data on this machine, in memory or in a memory map.

    Parameters
    ----------
    X : ndarray (or memory map) or csr_array of shape (n, n_features)
    Y : ndarray of shape (n, n_outputs), float64
    weight : ndarray of shape (n,), non-negative
    first_row : int
        The number of the first row where these are a chunk of more rows.
    labels : sequence of tuple of str or None, one a feature, default=None
        Those of the levels of the features that are codes of levels.
    """

    def __init__(
        self,
        X: Any,
        Y: Array,
        weight: Array,
        first_row: int = 0,
        labels: Labels | None = None,
    ) -> None:
        self.X, self.Y, self.weight, self.first_row = X, Y, weight, first_row
        self.labels = labels
        self.n_features: int = X.shape[1]
        self.n_outputs: int = Y.shape[1]
        self.dtype = float_dtype(X.dtype)
        self.sparse: bool = sp.issparse(X)
        self.rounds = Rounds()

    @staticmethod
    def joined(parts: list[ArrayData], first_row: int = 0) -> ArrayData:
        """One set of data of consecutive parts."""
        if len(parts) == 1 and parts[0].first_row == first_row:
            return parts[0]
        stack = sp.vstack if parts[0].sparse else np.concatenate
        return ArrayData(
            stack([part.X for part in parts]),
            np.concatenate([part.Y for part in parts]),
            np.concatenate([part.weight for part in parts]),
            first_row,
            parts[0].labels,
        )

    def part(self, rows: slice | Index) -> ArrayData:
        """Some of the rows; a chunk that is cut from these numbers them from 0."""
        X, Y, weight = self.X[rows], self.Y[rows], self.weight[rows]
        return ArrayData(X, Y, weight, labels=self.labels)

    def __sizeof__(self) -> int:
        """Bytes of the data, for whoever decides where to move them."""
        X = self.X.data if self.sparse else self.X
        n_bytes = np.prod(X.shape) * X.dtype.itemsize
        return int(n_bytes + self.Y.nbytes + self.weight.nbytes)

    @cached_property
    def basis(self) -> Basis:
        return plain_basis(self.X, self.weight, self.labels)

    @property
    def _columns(self) -> Any:
        """The columns of the basis, made where they are read."""
        if self.basis.is_linear:
            return self.X
        return MappedRows(
            self.X.__getitem__, (len(self.weight), self.dtype), self.basis
        )

    @cached_property
    def extremes(self) -> tuple[Array, Array]:
        return extremes(self._columns)

    @cached_property
    def standardisation(self) -> Standardisation:
        return standardisation_of(self._columns, self.weight, self.basis)

    def sums(self, term: Term) -> Total:
        """The sum over blocks of what a function makes of X and the weights."""
        return column_sums(self.X, self.weight, term)

    @property
    def local(self) -> ArrayData:
        return self

    def taken(self, rows: Index) -> Any:
        return self.X[rows]

    def counted(self) -> ArrayData:
        rows = np.flatnonzero(self.weight)
        if len(rows) == len(self.weight):
            return self
        X = self.X[rows] if self.sparse else SelectedRows(self.X, rows)
        Y, weight = self.Y[rows], self.weight[rows]
        return ArrayData(X, Y, weight, self.first_row, self.labels)

    def rows(
        self,
        features: Standardisation,
        targets: Standardisation,
        basis: Basis | None,
        dtype: Any,
        n_threads: int,
    ) -> Rows:
        return Rows(
            self.X,
            (self.Y - targets.mean) / targets.scale,
            self.weight,
            features,
            basis=basis,
            dtype=dtype,
            n_threads=n_threads,
            first_row=self.first_row,
        )


def float_dtype(dtype: Any) -> np.dtype[Any]:
    """The precision for data of a dtype: float32 for itself, else float64."""
    single = np.dtype(dtype) == np.float32
    return np.dtype(np.float32 if single else np.float64)
