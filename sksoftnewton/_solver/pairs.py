"""The pairs of limited-memory BFGS, and the inverse that they make of another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtrs

Array = NDArray[np.float64]


class Pairs:
    """The latest steps and the changes of the gradient along them, oldest first.

    With the steps as the rows of S, the changes as those of Y, R the upper triangle of
    S Yᵀ and E its diagonal, the two loops of L-BFGS (Liu & Nocedal 1989) are

        α = R⁻¹ S g,   q = H₀ (g − Yᵀ α),   c = R⁻ᵀ (E α − Y q),   B⁻¹ g = q + Sᵀ c:

    a few products instead of four for each pair.

    Parameters
    ----------
    most : int, the number of pairs that are kept
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._n = 0
        self._steps = self._changes = np.empty((0, 0))
        self._triangle = np.zeros((most, most), order="F")  # R

    def __len__(self) -> int:
        return self._n

    def clear(self) -> None:
        self._n = 0

    def add(self, step: Array, change: Array) -> None:
        """Keep a pair of positive product, instead of the oldest if they are many."""
        if not self._steps.size:
            self._steps = np.empty((self._most, len(step)))
            self._changes = np.empty_like(self._steps)
        if self._n == self._most:
            for kept in (self._steps, self._changes):
                kept[:-1] = kept[1:]
            self._triangle[:-1, :-1] = self._triangle[1:, 1:]
            self._n -= 1
        self._steps[self._n], self._changes[self._n] = step, change
        self._n += 1
        n = self._n
        self._triangle[:n, n - 1] = self._steps[:n] @ change

    def inverse(
        self, vector: Array, first: Callable[[Array], Array], *, scaled: bool = False
    ) -> Array:
        """B⁻¹ times a vector.

        Parameters
        ----------
        vector : ndarray of shape (p,), g
        first : callable, the map g ↦ H₀ g
        scaled : bool
            Whether H₀ has to be brought to the scale of the latest pair before.
        """
        n = self._n
        if not n:
            return first(vector)
        S, Y, R = self._steps[:n], self._changes[:n], self._triangle[:n, :n]
        alpha = _solved(R, S @ vector)
        q = first(vector - alpha @ Y)
        if scaled:
            q *= R[-1, -1] / float(Y[-1] @ first(Y[-1]))
        q += _solved(R, R.diagonal() * alpha - Y @ q, transposed=True) @ S
        return q


def _solved(R: Array, vector: Array, *, transposed: bool = False) -> Any:
    return dtrtrs(R, vector, trans=int(transposed))[0]
