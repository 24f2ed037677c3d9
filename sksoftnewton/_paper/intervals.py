"""Interval bounds of h and of φ(u) = ½ (h(u) − b)², rounded outwards."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._paper.rounding import EPS, TINY

Array = NDArray[np.float64]
Interval = tuple[Array, Array]

# NumPy's and SciPy's exp, tanh, expit and logaddexp are right to 4 units in the last
# place; derivatives made of them are right to a few times that, relative to one.
FUNCTION_ERROR = 8 * EPS
# Intervals are cut so that all outputs together have about this many pieces.
PIECES = 4096
MOST_PIECES = 64
# Outputs whose intervals are worked on at a time.
MOST_OUTPUTS = 2**14


def derivative_range(
    h: Activation, order: int, lower: Array, upper: Array
) -> tuple[Array, Array]:
    """`Activation.derivative_range`, wide enough for the rounding of h's functions."""
    smallest, largest = h.derivative_range(order, lower, upper)
    if h.name in ("identity", "relu"):
        return smallest, largest
    floor = 0.0 if order == 0 or h.name == "exp" else 1.0
    return (
        smallest - FUNCTION_ERROR * (np.abs(smallest) + floor) - TINY,
        largest + FUNCTION_ERROR * (np.abs(largest) + floor) + TINY,
    )


@dataclass(frozen=True)
class OutputDerivatives:
    """Bounds on φ over intervals of u, each of shape (m,).

    Attributes
    ----------
    first, second, third : sup |φ'|, sup |φ''|, sup |φ'''|
    concavity : sup max(−φ'', 0)
    """

    first: Array
    second: Array
    third: Array
    concavity: Array

    @property
    def finite(self) -> bool:
        return all(bool(np.isfinite(bound).all()) for bound in vars(self).values())


def output_derivatives(
    h: Activation, b: Array, lower: Array, upper: Array
) -> OutputDerivatives:
    """Interval bounds on φ' = h'c, φ'' = h'² + c h'', φ''' = 3 h'h'' + c h'''.

    c = h − b. Each interval [lower, upper] is cut into pieces: products of the
    exact ranges of the factors are then nearly tight. Ends are rounded outwards.
    """
    n_pieces = int(np.clip(PIECES // len(b), 1, MOST_PIECES))
    blocks = [
        _output_derivatives(h, b[i:j], lower[i:j], upper[i:j], n_pieces)
        for i, j in pairwise([*range(0, len(b), MOST_OUTPUTS), len(b)])
    ]
    return OutputDerivatives(*map(np.concatenate, zip(*blocks, strict=True)))


def _output_derivatives(
    h: Activation, b: Array, lower: Array, upper: Array, n_pieces: int
) -> tuple[Array, Array, Array, Array]:
    """The fields of `OutputDerivatives` for some of the outputs."""
    ends = np.linspace(lower, upper, n_pieces + 1)
    with np.errstate(over="ignore", invalid="ignore"):  # h = exp
        h0, h1, h2, h3 = (derivative_range(h, k, ends[:-1], ends[1:]) for k in range(4))
        c = _outwards(h0[0] - b, h0[1] - b)
        # h' is never negative, for any h of the package.
        h1 = np.maximum(h1[0], 0), h1[1]
        first = _product(h1, c)
        second = _sum(_product(h1, h1), _product(c, h2))
        bend = _product(h1, h2)
        third = _sum(_outwards(3 * bend[0], 3 * bend[1]), _product(c, h3))
    concavity = np.maximum(-second[0], 0).max(axis=0)
    return _largest(first), _largest(second), _largest(third), concavity


def _product(a: Interval, b: Interval) -> Interval:
    low, high = (a[0] * b[0], a[0] * b[1]), (a[1] * b[0], a[1] * b[1])
    return _outwards(
        np.minimum(np.minimum(*low), np.minimum(*high)),
        np.maximum(np.maximum(*low), np.maximum(*high)),
    )


def _sum(a: Interval, b: Interval) -> Interval:
    return _outwards(a[0] + b[0], a[1] + b[1])


def _outwards(lower: Array, upper: Array) -> Interval:
    """The ends of an interval after a rounding of both."""
    return np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)


def _largest(interval: Interval) -> Array:
    largest: Array = np.maximum(np.abs(interval[0]), np.abs(interval[1])).max(axis=0)
    return largest
