"""What the network asks of weighted rows, wherever they are.

`Rows` are on this machine, in memory or in a memory map; `DaskRows` are in chunks on
the workers of a cluster. Nothing above this wing knows which it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from math import ceil, log2
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.standardisation import Index, Standardisation
from sksoftnewton._rows.sums import Terms

if TYPE_CHECKING:
    from sksoftnewton._rows.rows import Rows

Array = NDArray[np.float64]

# Elements a block and what is computed from it, in float32 half as many more: enough
# work to hide the interpreter, little enough for the cache. And least and most rows.
BLOCK_ELEMENTS, IN_FLOAT32 = 2**17, 1.5
LEAST_ROWS, MOST_ROWS = 256, 8192
# Elements of the largest sample of rows that is copied.
COPIED_ELEMENTS = 2**22
LEAST_VARIANCE = 1e-200  # of standardised targets that are not constant
# Rows made dense at a time where only their second moments are wanted.
DENSE_ROWS = 512
# Directions of X with less than this share of the largest variance, or of that of a
# standardised feature, are noise.
RANK_TOLERANCE = 1e-10


class WeightedRows(ABC):
    """The weighted rows of a regression problem: sums over them, and samples of them.

    A function that is handed to `sum` may be sent to where the rows are. It may refer
    to anything that holds these rows: only their facts, the attributes below, travel.

    Attributes
    ----------
    dtype : dtype, the precision of the blocks; sums over them are in float64
    n_rows, n_features, n_outputs : int
    total_weight : float, Σω
    targets, weight : ndarray of shape (n_rows, n_outputs) and (n_rows,), here
    standardisation : Standardisation of the features that blocks have
    sparse : bool
    entries_per_row : float, features that are stored for a row, and the constant
    scratch : Scratch, memory for what a function makes of a block
    """

    dtype: np.dtype[Any]
    n_rows: int
    n_features: int
    n_outputs: int
    total_weight: float
    targets: Array
    weight: Array
    standardisation: Standardisation
    sparse: bool
    scratch: Scratch
    _single: WeightedRows | None = None

    @property
    @abstractmethod
    def entries_per_row(self) -> float: ...

    @abstractmethod
    def sum(self, function: Callable[[Block], Terms], width: int = 0) -> Terms:
        """Sum over the blocks of a function that returns a tuple of arrays.

        Parameters
        ----------
        function : callable, Block -> tuple of arrays and floats
        width : int, numbers a row that it makes at a time
        """

    @abstractmethod
    def take(self, rows: Index, weight: Array | None = None) -> Rows:
        """A copy of some of the rows, by their numbers in ascending order, here.

        With weights of their own or those.
        """

    @abstractmethod
    def with_targets(self, targets: Array) -> WeightedRows:
        """The same rows with other targets."""

    @abstractmethod
    def with_columns(self, kept: Index) -> WeightedRows:
        """The same rows with some of the columns in use."""

    @abstractmethod
    def with_basis(self, basis: Basis) -> WeightedRows:
        """The same rows with other features of the columns in use.

        What is a feature before and after keeps its standardisation.
        """

    @property
    @abstractmethod
    def double(self) -> WeightedRows:
        """The same rows with blocks in float64."""

    @property
    def single(self) -> WeightedRows:
        """The same rows in float32, where those were there first; otherwise these."""
        return self._single or self

    @property
    @abstractmethod
    def local(self) -> Rows:
        """All rows here; for problems small enough for n x n matrices."""

    def block_rows(self, width: int) -> int:
        """Rows a block for a computation that makes so many numbers a row.

        A power of two: chunks of rows that end at multiples of a large one have the
        same blocks as the whole.
        """
        entries = self.entries_per_row
        ideal = BLOCK_ELEMENTS / (entries + width)
        if self.dtype == np.float32:
            ideal *= IN_FLOAT32
        size: int = 2 ** round(log2(min(max(ideal, LEAST_ROWS), MOST_ROWS)))
        if self.sparse:  # what a block adds up is dense
            size = max(size, 2 ** ceil(log2(self.n_features / entries)))
        return size

    def draw(
        self, size: int, rng: np.random.Generator, *, by_leverage: bool = False
    ) -> Rows:
        """Rows drawn with replacement, weighted so that sums keep their expectation.

        With equal probability, or half so and half in proportion to the leverage
        scores of the standardised rows.
        """
        if by_leverage:
            drawn, probability = self._by_leverage(np.sort(rng.random(size)))
        else:
            drawn = np.sort(rng.integers(self.n_rows, size=size))
            probability = np.full(size, 1 / self.n_rows)
        rows = self.take(drawn)
        rows.weight = rows.weight / (size * probability)
        rows.total_weight = self.total_weight
        return rows

    def some(self, most: int) -> Rows:
        """At most so many of the rows, the same at each call, here."""
        if self.n_rows <= most:
            return self.local
        chosen = np.random.default_rng(0).choice(self.n_rows, most, replace=False)
        return self.take(np.sort(chosen))

    @abstractmethod
    def _by_leverage(self, at: Array) -> tuple[Index, Array]:
        """The rows at ascending cumulative probabilities, and their probabilities."""

    @property
    def few_enough(self) -> int:
        """Most rows that `take` should copy."""
        return int(COPIED_ELEMENTS / self.entries_per_row)

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
            gaps = np.diff(np.sort(column))
            gaps = gaps[gaps > 0]  # one fewer than different values
            if 1 <= len(gaps) <= self.total_weight / 2 - 1:
                variance = self.target_variances[o]
                variances[o] = min(gaps.min() ** 2 / 12, variance / 3)
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
        least = max(rounding**2 * self.mean_square, LEAST_VARIANCE)
        return variance if variance > least else 1.0

    @cached_property
    def second_moments(self) -> Array:
        """Σ ω x xᵀ / Σ ω of the standardised features (no constant).

        Shape (n_features, n_features).
        """
        (total,) = self.sum(_second_moments)
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


def _second_moments(block: Block) -> Terms:
    total: Any = 0.0  # in float64
    for rows, features in block.dense(DENSE_ROWS):
        x = features[:-1]
        total = total + ((x * block.weight[rows]) @ x.T).astype(np.float64)
    return (total,)


def range_of(moments: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of M without those of noise."""
    values, vectors = np.linalg.eigh(moments)
    kept = values > RANK_TOLERANCE * max(float(values[-1]), 1.0)
    if not kept.any():  # every feature is constant
        return np.zeros(1), vectors[:, -1:]
    return values[kept], vectors[:, kept]


def draw_probabilities(scores: Array, n_rows: int, total: float) -> Array:
    """Of rows with some of the scores, given the sum of all: half uniform."""
    return 0.5 / n_rows + 0.5 * scores / total


def pseudo_inverse(moments: Array) -> Array:
    """The inverse of M, for leverage scores."""
    inverse: Any = np.linalg.pinv(moments, hermitian=True)
    return np.asarray(inverse, dtype=np.float64)
