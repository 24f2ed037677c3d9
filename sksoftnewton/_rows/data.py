"""A regression problem as it was given, before it is standardised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.interface import WeightedRows
from sksoftnewton._rows.rows import Rows, total_weight
from sksoftnewton._rows.standardisation import (
    Standardisation,
    deviations,
    origin,
    squares,
)
from sksoftnewton._rows.sums import Total

Array = NDArray[np.float64]
Start = tuple[Array, Array]  # a number for every column of X and of y


class Rounds:
    """How many questions workers have answered so far; none for data that are here."""

    def __init__(self) -> None:
        self.n = 0


@dataclass(frozen=True)
class Counts:
    """What is counted of rows in one pass.

    Attributes
    ----------
    n_counted : int, rows of positive weight
    sums : Total of Σω, Σω (x − start) and Σω (y − start)
    limits : ndarray of shape (2, n_features) or None
        Least and largest value of every column of dense X.
    target_limits : ndarray of shape (2, n_outputs)
    weight_limits : ndarray of shape (2, 1), of the positive weights
    """

    n_counted: int
    sums: Total
    limits: Array | None
    target_limits: Array
    weight_limits: Array

    @classmethod
    def merged(cls, parts: list[Counts]) -> Counts:
        """The counts of all rows from those of their chunks."""
        limits = [part.limits for part in parts if part.limits is not None]
        return cls(
            sum(part.n_counted for part in parts),
            Total.joined(part.sums for part in parts),
            _widest(limits) if limits else None,
            _widest([part.target_limits for part in parts]),
            _widest([part.weight_limits for part in parts]),
        )

    def means(self, start: Start) -> Start:
        """The means of the columns of X and y."""
        total, x, y = self.sums.rounded
        if not self.n_counted:
            raise ValueError("sample_weight must contain at least one positive number.")
        return start[0] + x / total, start[1] + y / total


@dataclass(frozen=True)
class Summary:
    """What the rows are like.

    Attributes
    ----------
    counts : Counts
    total_weight : float
    features, targets : Standardisation
    target_variance : ndarray of shape (n_outputs,)
    """

    counts: Counts
    total_weight: float
    features: Standardisation
    targets: Standardisation
    target_variance: Array

    @classmethod
    def of(
        cls, counts: Counts, means: Start, squares: Total, dtype: np.dtype[Any]
    ) -> Summary:
        total = float(counts.sums.rounded[0])
        of_x, of_y = squares.rounded
        return cls(
            counts,
            total,
            Standardisation.by(means[0], of_x / total, dtype),
            Standardisation.by(means[1], of_y / total, np.float64),
            of_y / total,
        )


def _widest(limits: list[Array]) -> Array:
    lowest, highest = np.array(limits).swapaxes(0, 1)
    return np.stack([lowest.min(axis=0), highest.max(axis=0)])


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
    def summary(self) -> Summary: ...

    def counted(self) -> Data:
        """The rows of positive weight, here; for few rows."""
        ...

    def rows(
        self,
        features: Standardisation,
        targets: Standardisation,
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
    """

    def __init__(self, X: Any, Y: Array, weight: Array, first_row: int = 0) -> None:
        self.X, self.Y, self.weight, self.first_row = X, Y, weight, first_row
        self.n_features: int = X.shape[1]
        self.n_outputs: int = Y.shape[1]
        self.dtype = float_dtype(X.dtype)
        self.sparse: bool = sp.issparse(X)
        self.rounds = Rounds()

    @staticmethod
    def joined(parts: list[ArrayData]) -> ArrayData:
        """One set of data of consecutive parts."""
        stack = sp.vstack if parts[0].sparse else np.concatenate
        return ArrayData(
            stack([part.X for part in parts]),
            np.concatenate([part.Y for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )

    def __sizeof__(self) -> int:
        """Bytes of the data, for whoever decides where to move them."""
        X = self.X.data if self.sparse else self.X
        return int(X.nbytes + self.Y.nbytes + self.weight.nbytes)

    @cached_property
    def summary(self) -> Summary:
        start = origin(self.X), origin(self.Y)
        counts = self.counts(start)
        means = counts.means(start)
        return Summary.of(counts, means, self.squares(means), self.dtype)

    def counts(self, start: Start) -> Counts:
        """What is counted relative to a start."""
        X, Y, positive = self.X, self.Y, self.weight[self.weight > 0]
        some = len(positive) > 0
        return Counts(
            n_counted=len(positive),
            sums=Total.beside(
                total_weight(self.weight),
                deviations(X, self.weight, start[0]),
                deviations(Y, self.weight, start[1]),
            ),
            limits=None if self.sparse else np.stack([X.min(axis=0), X.max(axis=0)]),
            target_limits=np.stack([Y.min(axis=0), Y.max(axis=0)]),
            weight_limits=np.array(
                [[positive.min()], [positive.max()]] if some else [[np.inf], [0.0]]
            ),
        )

    def squares(self, means: Start) -> Total:
        """Σω (x − mean)² and Σω (y − mean)² of the columns."""
        return Total.beside(
            squares(self.X, self.weight, means[0]),
            squares(self.Y, self.weight, means[1]),
        )

    def counted(self) -> ArrayData:
        counted = self.weight > 0
        if counted.all():
            return self
        return ArrayData(self.X[counted], self.Y[counted], self.weight[counted])

    def rows(
        self,
        features: Standardisation,
        targets: Standardisation,
        dtype: Any,
        n_threads: int,
    ) -> Rows:
        return Rows(
            self.X,
            (self.Y - targets.mean) / targets.scale,
            self.weight,
            features,
            dtype=dtype,
            n_threads=n_threads,
            first_row=self.first_row,
        )


def float_dtype(dtype: Any) -> np.dtype[Any]:
    """The precision for data of a dtype: float32 for itself, else float64."""
    single = np.dtype(dtype) == np.float32
    return np.dtype(np.float32 if single else np.float64)
