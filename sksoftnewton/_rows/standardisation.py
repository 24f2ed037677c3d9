"""Weighted means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.sums import Terms, Total

Array = NDArray[np.float64]
Index = NDArray[np.integer]

MOMENT_ROWS = 8192  # dense rows made at a time


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
        """Weighted moments of a dense or CSR array, relative to the first row."""
        total, start = weight.sum(), origin(X)
        mean = start + deviations(X, weight, start).rounded[0] / total
        return cls.by(mean, squares(X, weight, mean).rounded[0] / total, X.dtype)

    @classmethod
    def by(cls, mean: Array, variance: Array, dtype: Any) -> Standardisation:
        """By moments of data of a dtype; constant columns get scale 1."""
        std = np.sqrt(np.maximum(variance, 0))
        floating = np.dtype(dtype).kind == "f"
        eps = np.finfo(dtype if floating else np.float64).eps
        constant = std <= 8 * eps * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, std))


def origin(X: Any) -> Array:
    """Where sums are counted from so that a large mean costs no accuracy, (d,)."""
    if sp.issparse(X):
        return np.zeros(X.shape[1])
    first: Array = X[0].astype(np.float64)
    return first


def deviations(X: Any, weight: Array, start: Array) -> Total:
    """Σ ω (x − start) of the columns; start is 0 for CSR."""

    def term(x: Any, w: Array) -> Terms:
        if sp.issparse(x):
            return (x.T @ w,)
        return (np.sum(w[:, None] * (x - start), axis=0),)

    return _by_blocks(term, X, weight)


def squares(X: Any, weight: Array, mean: Array) -> Total:
    """Σ ω (x − mean)² of the columns."""

    def term(x: Any, w: Array) -> Terms:
        if not sp.issparse(x):
            return (np.sum(w[:, None] * (x - mean) ** 2, axis=0),)
        deviation = x.astype(np.float64)
        deviation.data -= mean[deviation.indices]
        stored = sp.csr_array(
            (np.ones_like(deviation.data), deviation.indices, deviation.indptr),
            shape=x.shape,
        )
        absent = w.sum() - stored.T @ w
        deviation.data **= 2
        return (deviation.T @ w + absent * mean**2,)

    return _by_blocks(term, X, weight)


def _by_blocks(term: Callable[[Any, Array], Terms], X: Any, weight: Array) -> Total:
    starts = range(0, X.shape[0], MOMENT_ROWS)
    blocks = (slice(start, start + MOMENT_ROWS) for start in starts)
    return Total.of(term(X[rows], weight[rows]) for rows in blocks)
