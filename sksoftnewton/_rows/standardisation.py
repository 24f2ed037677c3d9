"""Weighted means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.integer]

MOMENT_ROWS = 8192  # dense rows made at a time
# Beyond these sizes squares come near to the ends of what numbers can hold.
SMALLEST, LARGEST = 1e-100, 1e100
FAR = 1e75  # standard deviations
# The rounding of a constant column is scaled down by so much: no feature to learn from.
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
    def of(cls, X: Any, weight: Array, *, unseen: float = UNSEEN) -> Standardisation:
        """Weighted moments of a dense or CSR array; constant columns get scale 1.

        Constant is what varies by no more than a few units of the last digit;
        ``unseen`` times that is the scale where it is above 1, so that rounding is no
        feature. Columns of huge or tiny numbers are taken in units of a power of two
        near their largest magnitude, which rounds nothing.
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            mean, std = _moments(X, weight)
            size = np.abs(mean) + std
            extreme = np.flatnonzero(~((size > SMALLEST) & (size < LARGEST)))
        if len(extreme):
            unit = _units(X, extreme)
            inside = _moments(X, weight, extreme, unit)
            mean[extreme], std[extreme] = (moment * unit for moment in inside)
        rounding = 8 * np.finfo(X.dtype).eps * np.abs(mean)
        constant = np.maximum(unseen * rounding, 1.0)
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
    parts = [(np.fmin.reduce(X[b]), np.fmax.reduce(X[b])) for b in _blocks(X)]
    lowest, highest = (np.stack(part) for part in zip(*parts, strict=True))
    return np.fmin.reduce(lowest), np.fmax.reduce(highest)


def _blocks(X: Any) -> Iterator[slice]:
    for start in range(0, X.shape[0], MOMENT_ROWS):
        yield slice(start, start + MOMENT_ROWS)


def _units(X: Any, columns: Index) -> Array:
    """Powers of two near the largest magnitudes; 1 for columns of zeros."""
    lowest, highest = extremes(X)
    largest = np.maximum(-lowest, highest)[columns].astype(np.float64)
    exponent = np.clip(np.frexp(largest)[1], -1000, 1000)
    return np.where(largest > 0, np.ldexp(1.0, exponent), 1.0)


def _moments(
    X: Any, weight: Array, columns: Index | None = None, unit: Array | float = 1.0
) -> tuple[Array, Array]:
    """Weighted means and standard deviations of some columns, in the given units.

    Two passes over blocks of rows, relative to the first row, so that a large mean
    costs no accuracy.
    """
    if sp.issparse(X):
        return _sparse_moments(X, weight, columns, unit)
    total = weight.sum()

    def block(rows: slice) -> Array:
        part: Array = X[rows]
        return part if columns is None else part[:, columns] / unit

    blocks = list(_blocks(X))
    origin = block(slice(0, 1))[0].astype(np.float64)
    mean = origin + sum(weight[b] @ (block(b) - origin) for b in blocks) / total
    variance = sum(weight[b] @ (block(b) - mean) ** 2 for b in blocks) / total
    return mean, np.sqrt(variance)


def _sparse_moments(
    X: Any, weight: Array, columns: Index | None, unit: Array | float
) -> tuple[Array, Array]:
    """As `_moments`; what is not stored deviates from the mean by the mean itself."""
    if columns is not None:
        X = X[:, columns]
        X.data = X.data / np.asarray(unit)[X.indices]
    total = weight.sum()
    stored = sp.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape)
    absent = total - stored.T @ weight
    absent[stored.sum(axis=0) == X.shape[0]] = 0  # rounding must not meet the mean
    mean = (X.T @ weight) / total
    deviation = X.astype(np.float64)
    deviation.data -= mean[deviation.indices]
    correction = (deviation.T @ weight - absent * mean) / total
    mean = mean + correction
    deviation.data -= correction[deviation.indices]
    deviation.data **= 2
    variance = (deviation.T @ weight + absent * mean**2) / total
    return mean, np.sqrt(variance)
