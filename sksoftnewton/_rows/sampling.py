"""Samples of weighted rows that have the weight of all rows in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]


def sampled(weight: Array, size: int, rng: np.random.Generator) -> tuple[Index, Array]:
    """Rows drawn without replacement, in proportion to their weight, and new weights.

    The share size/n of the weight of all rows is on the sample, and sums over it times
    n/size have the expectation of sums over all rows (Horvitz & Thompson 1952). Rows of
    equal weight keep it.

    Parameters
    ----------
    weight : ndarray of shape (n,), positive
    size : int, at most n
    rng : numpy.random.Generator

    Returns
    -------
    rows : ndarray of int of shape (size,), ascending
    weight : ndarray of shape (size,)
    """
    n = len(weight)
    if (weight == weight[0]).all():
        rows = np.sort(rng.choice(n, size, replace=False))
        return rows, weight[rows]
    probability = inclusion_probabilities(weight, size)
    order = rng.permutation(n)
    # Systematic: a row is drawn where the sum of probabilities passes a whole number.
    passed = np.floor(np.cumsum(probability[order]) + rng.random())
    passed[-1] = size  # but for rounding and the random start, it is
    rows = np.sort(order[np.diff(passed, prepend=0.0) > 0])
    return rows, weight[rows] / probability[rows] * (size / n)


def inclusion_probabilities(weight: Array, size: int) -> Array:
    """min(1, c ω), with c such that they add up to the size."""
    falling = np.argsort(-weight, kind="stable")
    ordered = weight[falling]
    rest = np.cumsum(ordered[::-1])[::-1]  # of this row and all lighter ones
    factor = (size - np.arange(size)) / rest[:size]
    certain = int(np.argmax(np.append(factor * ordered[:size] < 1, True)))
    probability = np.ones(len(weight))
    if certain < size:
        probability[falling[certain:]] = factor[certain] * ordered[certain:]
    else:
        probability[falling[size:]] = 0.0
    return probability


def all_but(rows: Index, n: int) -> Index:
    """The numbers below n that are not among the given ones, ascending."""
    left = np.ones(n, dtype=bool)
    left[rows] = False
    return np.flatnonzero(left)
