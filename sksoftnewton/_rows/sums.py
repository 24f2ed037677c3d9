"""Sums over blocks of rows that do not depend on the order of the blocks.

They are added up in twice the precision of float64 (Dekker 1971; Knuth's two-sum), and
rounded once, at the end. Then neither threads nor chunks change a digit, which matters
because hundreds of iterations amplify any difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Terms = tuple[Any, ...]  # arrays and floats to be added up

N_GROUPS = 16  # parts of the blocks that threads share
IN_CACHE = 2**14  # numbers that are added up at a time


@dataclass(frozen=True)
class Total:
    """A sum of tuples of arrays in twice the precision.

    Attributes
    ----------
    high, low : ndarray of shape (size,)
        The sum, all arrays in one, and what rounding has left out of it.
    shapes : tuple of the arrays' shapes
    """

    high: Array
    low: Array
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, terms: Iterable[Terms]) -> Total:
        """The sum of tuples of arrays and floats."""
        remaining = iter(terms)
        first = next(remaining)
        high = _flat(first)
        low = np.zeros(high.size)
        for values in remaining:
            _add(_flat(values), out=(high, low))
        return cls(high, low, tuple(np.shape(value) for value in first))

    @classmethod
    def joined(cls, parts: Iterable[Total]) -> Total:
        """The sum of sums."""
        remaining = iter(parts)
        total = next(remaining)
        high, low = total.high.copy(), total.low.copy()
        for part in remaining:
            low += part.low
            _add(part.high, out=(high, low))
        return cls(high, low, total.shapes)

    @classmethod
    def beside(cls, *totals: Total) -> Total:
        """Several sums as one."""
        return cls(
            np.concatenate([total.high for total in totals]),
            np.concatenate([total.low for total in totals]),
            tuple(shape for total in totals for shape in total.shapes),
        )

    @property
    def rounded(self) -> Terms:
        """The tuple of arrays."""
        total, start, parts = self.high + self.low, 0, []
        for shape in self.shapes:
            size = prod(shape)
            parts.append(total[start : start + size].reshape(shape))
            start += size
        return tuple(parts)

    @property
    def value(self) -> float:
        """The sum of one number."""
        (value,) = self.rounded
        return float(value)


def _flat(values: Terms) -> Array:
    """All arrays and floats in one array."""
    return np.concatenate([np.ravel(value) for value in values], dtype=np.float64)


def _add(values: Array, out: tuple[Array, Array]) -> None:
    """Add values to a sum and its rounding errors to what it leaves out.

    A part at a time: large matrices would be written to memory five times.
    """
    high, low = out
    for start in range(0, len(values), IN_CACHE):
        part = slice(start, start + IN_CACHE)
        high[part], error = _two_sum(high[part], values[part])
        low[part] += error


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b, rounded, and the rounding error."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def sum_of_groups(term: Callable[[int], Terms], starts: range, n_threads: int) -> Total:
    """Sum of the terms of all starts, with threads that share the groups.

    Parameters
    ----------
    term : callable, start -> tuple of arrays and floats
    starts : range, the first row of each block
    n_threads : int
    """
    if n_threads == 1:
        return Total.of(map(term, starts))
    per_group = -(-len(starts) // N_GROUPS)
    groups = [starts[i : i + per_group] for i in range(0, len(starts), per_group)]

    def group_sum(group: range) -> Total:
        return Total.of(map(term, group))

    with ThreadPoolExecutor(n_threads) as pool:
        return Total.joined(pool.map(group_sum, groups))


def added(terms: Iterable[Terms]) -> Terms:
    """The elementwise sum of tuples of arrays and floats, in float64, in order."""
    remaining = iter(terms)
    total = [np.array(value, dtype=np.float64) for value in next(remaining)]
    for term in remaining:
        for i, value in enumerate(term):
            total[i] += value
    return tuple(total)
