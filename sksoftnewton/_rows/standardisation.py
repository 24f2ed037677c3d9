"""Weighted means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.sums import Terms, Total

Array = NDArray[np.float64]
Index = NDArray[np.integer]
Term = Callable[[Any, Array], Terms]  # of a block of X and ω there
Sums = Callable[[Term], Total]  # over all blocks

MOMENT_ROWS = 8192  # dense rows made at a time
# Beyond these sizes squares come near to the ends of what numbers can hold.
SMALLEST, LARGEST = 1e-100, 1e100
FAR = 1e75  # standard deviations
# Squares of deviations from a start, in variances, that cost three of sixteen digits.
CANCELLING = 1e3
# The rounding of a constant column is scaled down by so much: nothing to learn.
UNSEEN = 1e8


@dataclass(frozen=True)
class Standardisation:
    """Weighted means and standard deviations of the columns."""

    mean: Array
    scale: Array

    @classmethod
    def identity(cls, n_columns: int) -> Standardisation:
        return cls(np.zeros(n_columns), np.ones(n_columns))

    def take(self, columns: Index) -> Standardisation:
        return Standardisation(self.mean[columns], self.scale[columns])

    @classmethod
    def of(cls, X: Any, weight: Array) -> Standardisation:
        """Weighted moments of a dense or CSR array; constant columns get scale 1.

        Constant is what varies by no more than a few units of the last digit;
        `UNSEEN` times that is the scale where it is above 1, so that rounding is no
        feature and no target.
        """
        return cls.by_sums(
            partial(column_sums, X, weight),
            origin(X, weight),
            partial(extremes, X),
            weight.sum(),
            X.dtype,
            sparse=sp.issparse(X),
        )

    @classmethod
    def by_sums(
        cls,
        sums: Sums,
        start: Array,
        limits: Callable[[], tuple[Array, Array]],
        total: float,
        dtype: Any,
        *,
        sparse: bool,
    ) -> Standardisation:
        """As `of`, from sums over rows, wherever they are, counted from a start.

        Columns of huge or tiny numbers are taken in units of a power of two near their
        largest magnitude, which rounds nothing.
        """
        moments = _sparse_moments if sparse else _moments
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            mean, std = moments(sums, start, total)
            size = np.abs(mean) + std
            extreme = np.flatnonzero(~((size > SMALLEST) & (size < LARGEST)))
        if len(extreme):
            unit = _units(limits(), extreme)
            inside = moments(sums, start, total, extreme, unit)
            mean[extreme], std[extreme] = (moment * unit for moment in inside)
        floating = np.dtype(dtype).kind == "f"
        eps = np.finfo(dtype if floating else np.float64).eps
        rounding = 8 * eps * np.abs(mean)
        constant = np.maximum(UNSEEN * rounding, 1.0)
        return cls(mean, np.where(std <= rounding, constant, std))

    def within_reach(self, X: Any, columns: Index) -> Any:
        """X with numbers moved to within 1e75 deviations of the mean of their column.

        No model can tell such rows apart, and their squares are finite.
        """
        lower, upper = np.full((2, X.shape[1]), [[-np.inf], [np.inf]])
        lower[columns] = self.mean - FAR * self.scale
        upper[columns] = self.mean + FAR * self.scale
        lowest, highest = extremes(X)
        if (lowest >= lower).all() and (highest <= upper).all():
            return X
        if not sp.issparse(X):
            return np.clip(X, lower, upper)
        X = X.astype(np.float64)
        X.data = np.clip(X.data, lower[X.indices], upper[X.indices])
        return X


def extremes(X: Any) -> tuple[Array, Array]:
    """Least and largest number of each column, absent ones of CSR data included.

    Missing numbers do not count; both are NaN for a column without any.
    """
    if sp.issparse(X):
        return X.min(axis=0).toarray().ravel(), X.max(axis=0).toarray().ravel()
    parts = [_extremes_of_block(X[rows]) for rows in _blocks(X)]
    # Memory maps may hold whole numbers and truth values, whose arithmetic is another.
    lowest, highest = (np.stack(part) for part in zip(*parts, strict=True))
    return (
        np.fmin.reduce(lowest).astype(np.float64),
        np.fmax.reduce(highest).astype(np.float64),
    )


def _extremes_of_block(x: Any) -> tuple[Any, Any]:
    columns = np.ascontiguousarray(x.T)  # ten times faster than across few columns
    return np.fmin.reduce(columns, axis=1), np.fmax.reduce(columns, axis=1)


def _blocks(X: Any) -> Iterator[slice]:
    for start in range(0, X.shape[0], MOMENT_ROWS):
        yield slice(start, start + MOMENT_ROWS)


def origin(X: Any, weight: Array) -> Array:
    """Where sums are counted from: the row that weighs most, 0 for CSR data, (d,)."""
    if sp.issparse(X):
        return np.zeros(X.shape[1])
    heaviest = int(np.argmax(weight))
    row: Array = X[heaviest : heaviest + 1][0].astype(np.float64)
    return row


def column_sums(X: Any, weight: Array, term: Term) -> Total:
    """The sum over blocks of rows of what a function makes of X and ω there."""
    return Total.of(term(X[rows], weight[rows]) for rows in _blocks(X))


def _units(limits: tuple[Array, Array], columns: Index) -> Array:
    """Powers of two near the largest magnitudes; 1 for columns of zeros."""
    lowest, highest = limits
    largest = np.maximum(-lowest, highest)[columns].astype(np.float64)
    exponent = np.clip(np.frexp(largest)[1], -1000, 1000)
    return np.where(largest > 0, np.ldexp(1.0, exponent), 1.0)


def _moments(
    sums: Sums,
    start: Array,
    total: float,
    columns: Index | None = None,
    unit: Array | float = 1.0,
) -> tuple[Array, Array]:
    """Weighted means and standard deviations of some columns, in the given units.

    A pass over blocks of rows, relative to a start, the row that weighs most, so that
    neither a large mean nor a far row of next to no weight costs accuracy. Another one,
    relative to the mean, where the start is so far from it that digits cancel.
    """
    origin = start if columns is None else start[columns] / unit
    for _ in range(2):
        deviations, squares = sums(partial(_powers, origin, columns, unit)).rounded
        shift = deviations / total
        variance = squares / total - shift**2
        origin = origin + shift
        if not (shift**2 > CANCELLING * variance).any():
            break
    return origin, np.sqrt(np.maximum(variance, 0.0))


def _powers(
    start: Array, columns: Index | None, unit: Array | float, x: Any, w: Any
) -> Terms:
    """Σ ω (x − start) and Σ ω (x − start)² of dense rows."""
    x = x if columns is None else x[:, columns] / unit
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        deviation = x - start
        return w @ deviation, w @ deviation**2


def _sparse_moments(
    sums: Sums,
    start: Array,
    total: float,
    columns: Index | None = None,
    unit: Array | float = 1.0,
) -> tuple[Array, Array]:
    """As `_moments`; what is not stored deviates from the mean by the mean itself."""
    some = partial(partial, _sparse_powers, columns, unit)
    of_x, of_stored, n_absent = sums(some(_stored)).rounded
    absent = total - of_stored
    absent[n_absent == 0] = 0  # rounding must not meet the mean
    mean = of_x / total
    (deviations,) = sums(some(partial(_deviations, mean, None))).rounded
    correction = (deviations - absent * mean) / total
    (squares,) = sums(some(partial(_deviations, mean, correction))).rounded
    mean = mean + correction
    return mean, np.sqrt((squares + absent * mean**2) / total)


def _sparse_powers(
    columns: Index | None,
    unit: Array | float,
    function: Callable[[Any, Array], Terms],
    x: Any,
    w: Array,
) -> Terms:
    """What a function makes of some columns of CSR rows in the given units."""
    if columns is not None:
        x = x[:, columns]
        x.data = x.data / np.asarray(unit)[x.indices]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return function(x, w)


def _stored(x: Any, w: Array) -> Terms:
    """Σ ω x, the weight of the rows with an entry, and the number of others."""
    stored = sp.csr_array((np.ones(x.nnz), x.indices, x.indptr), shape=x.shape)
    return x.T @ w, stored.T @ w, x.shape[0] - stored.sum(axis=0)


def _deviations(mean: Array, correction: Array | None, x: Any, w: Array) -> Terms:
    """Σ ω (x − mean) of what is stored, or Σ ω (x − mean − correction)²."""
    deviation = x.astype(np.float64)
    deviation.data -= mean[deviation.indices]
    if correction is not None:
        deviation.data -= correction[deviation.indices]
        deviation.data **= 2
    return (deviation.T @ w,)
