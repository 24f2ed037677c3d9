"""What a single feature enters a network as: a number with ramps, or levels.

A number that is missing is NaN. It enters as the means of the columns of the number,
and where numbers were missing in the training rows, another column says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAPPED_ROWS = 8192  # at a time
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Number:
    """A number: itself, its ramps, and whether it is missing.

    Attributes
    ----------
    knots : ndarray, in ascending order, at least two; none without ramps
    fills : ndarray of shape (max(n_knots, 1),)
        What the columns of the number itself and of its ramps are where it is missing.
    indicator : bool, whether a last column says that it is missing
    """

    knots: Array
    fills: Array
    indicator: bool = False

    @classmethod
    def of_knots(cls, knots: Array) -> Number:
        """A number that is never missing."""
        edges = np.asarray(knots, dtype=np.float64)
        return cls(edges, np.full(max(len(edges), 1), np.nan))

    @property
    def n_columns(self) -> int:
        return len(self.fills) + self.indicator

    @property
    def plain(self) -> list[int]:
        """The columns that are no ramps."""
        return [0, self.n_columns - 1] if self.indicator else [0]

    def fill(self, x: Array, out: Array) -> None:
        """Write the columns of numbers, (n,), into an array of (n_columns, n)."""
        out[0] = x
        for t in range(1, len(self.knots)):
            ramp, below, above = out[t], self.knots[t - 1], self.knots[t]
            with np.errstate(over="ignore"):  # of rows far beyond the ramp
                np.subtract(x, below, out=ramp, casting="same_kind")
                ramp /= above - below
            np.clip(ramp, 0, 1, out=ramp)
        missing = np.isnan(x)
        if missing.any():
            if np.isnan(self.fills).any():
                raise ValueError(
                    "Input X contains NaN, for which the model has no means: its data "
                    "were sparse, or it is one of a version without missing values."
                )
            out[: len(self.fills), missing] = self.fills[:, None]
        if self.indicator:
            out[-1] = missing

    def without_ramps(self) -> Number:
        return replace(self, knots=np.empty(0), fills=self.fills[:1])

    def with_ramps(self, knots: Array, x: Array, weight: Array) -> Number:
        """The same number with ramps, whose means are those over numbers, (n,)."""
        ramps = Number.of_knots(knots)
        fills, total = np.zeros(ramps.n_columns), float(weight.sum())
        for start in range(0, len(x), MAPPED_ROWS):
            rows = slice(start, start + MAPPED_ROWS)
            columns = np.empty((ramps.n_columns, len(x[rows])))
            ramps.fill(x[rows], columns)
            fills += columns @ weight[rows] / max(total, TINY)
        fills[0] = self.fills[0]
        return replace(self, knots=ramps.knots, fills=fills)

    def names(self, name: str) -> list[str]:
        """Names of the columns."""
        ramps = [f"{name}: ramp {t}" for t in range(1, len(self.knots))]
        return [name, *ramps, *([f"{name} is missing"] if self.indicator else [])]

    def embedding(self, finer: Number) -> Array:
        """As `Basis.embedding`, for this feature alone."""
        T = np.zeros((self.n_columns, finer.n_columns))
        T[0, 0] = 1
        for t in range(1, len(self.knots)):
            below, above = self.knots[t - 1], self.knots[t]
            inside = (finer.knots[1:] > below) & (finer.knots[1:] <= above)
            share = np.diff(finer.knots) / (above - below)
            T[t, 1 : len(finer.knots)] = inside * share
        if self.indicator:
            T[-1, -1] = 1
        return T


@dataclass(frozen=True)
class Levels:
    """One of a few levels, by its code 0, 1, …: a column for each.

    Attributes
    ----------
    labels : tuple of str
        What is put behind the name of the feature for the names of the columns.
    shares : ndarray of shape (n_columns,)
        Shares of the levels in the weight: the columns of an unknown level (NaN).
    """

    labels: tuple[str, ...]
    shares: Array

    @property
    def n_columns(self) -> int:
        return len(self.labels)

    @property
    def plain(self) -> list[int]:
        return list(range(self.n_columns))

    @property
    def knots(self) -> Array:
        return np.empty(0)

    def fill(self, x: Array, out: Array) -> None:
        """Write the columns of codes, (n,), into an array of (n_columns, n)."""
        out[:] = 0
        unknown = np.isnan(x)
        known = np.flatnonzero(~unknown)
        out[x[known].astype(np.intp), known] = 1
        out[:, unknown] = self.shares[:, None]

    def without_ramps(self) -> Levels:
        return self

    def names(self, name: str) -> list[str]:
        """Names of the columns."""
        return [name + label for label in self.labels]

    def embedding(self, finer: Levels) -> Array:
        """As `Basis.embedding`, for this feature alone."""
        assert finer.labels == self.labels
        return np.eye(self.n_columns)


FeatureMap = Number | Levels
