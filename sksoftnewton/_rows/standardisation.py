"""Weighted means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

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
        """Weighted moments of a dense or CSR array; constant columns get scale 1."""
        if not sp.issparse(X):
            return cls.of_blocks(lambda rows: X[rows], weight)
        total = weight.sum()
        mean = (X.T @ weight) / total
        deviation = X.astype(np.float64)
        deviation.data -= mean[deviation.indices]
        stored = sp.csr_array(
            (np.ones_like(deviation.data), deviation.indices, deviation.indptr),
            shape=X.shape,
        )
        absent = total - stored.T @ weight
        deviation.data **= 2
        variance = (deviation.T @ weight + absent * mean**2) / total
        return cls._of_moments(mean, variance, X.dtype)

    @classmethod
    def of_blocks(
        cls, block: Callable[[slice], Array], weight: Array
    ) -> Standardisation:
        """As `of`, for dense rows that are made when they are asked for.

        Two passes over blocks of rows, relative to the first row, so that a large
        mean costs no accuracy.
        """
        total = weight.sum()
        starts = range(0, len(weight), MOMENT_ROWS)
        blocks = [slice(start, start + MOMENT_ROWS) for start in starts]
        first = block(slice(0, 1))[0]
        origin = first.astype(np.float64)
        mean = origin + sum(weight[b] @ (block(b) - origin) for b in blocks) / total
        variance = sum(weight[b] @ (block(b) - mean) ** 2 for b in blocks) / total
        return cls._of_moments(mean, variance, first.dtype)

    @classmethod
    def _of_moments(cls, mean: Array, variance: Array, dtype: Any) -> Standardisation:
        std = np.sqrt(np.maximum(variance, 0))
        constant = std <= 8 * np.finfo(dtype).eps * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, std))
