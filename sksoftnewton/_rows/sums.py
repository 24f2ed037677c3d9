"""Sums over blocks of rows, in an order that no number of threads changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Terms = tuple[Any, ...]  # arrays and floats to be added up

# Blocks are added up in this many groups whatever the number of threads, so
# that the order of the additions, and with it every result, does not depend on
# n_jobs.
N_GROUPS = 16


def sum_of_groups(term: Callable[[int], Terms], starts: range, n_threads: int) -> Terms:
    """Sum of the terms of all starts, with threads that share the groups.

    Parameters
    ----------
    term : callable, start -> tuple of arrays and floats
    starts : range, the first row of each block
    n_threads : int
    """
    per_group = -(-len(starts) // N_GROUPS)
    groups = [starts[i : i + per_group] for i in range(0, len(starts), per_group)]

    def group_sum(group: range) -> Terms:
        return added(map(term, group))

    if n_threads == 1:
        return added(map(group_sum, groups))
    with ThreadPoolExecutor(n_threads) as pool:
        return added(pool.map(group_sum, groups))


def added(terms: Iterator[Terms]) -> Terms:
    """The elementwise sum of tuples of arrays and floats, in float64."""
    total = [np.asarray(value, dtype=np.float64) for value in next(terms)]
    for term in terms:
        for i, value in enumerate(term):
            total[i] = total[i] + value
    return tuple(total)
