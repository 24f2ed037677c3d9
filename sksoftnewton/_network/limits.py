"""Sizes of numbers for which all fitted attributes can be represented."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._rows.standardisation import extremes

Array = NDArray[np.float64]

# Room between what is accepted and the ends of the range of a dtype.
ROOM = 1e8
# Largest output of a given second layer, in units of the targets' spread.
LARGEST_OUTPUT = 1e50


def check_magnitudes(X: Any, Y: Array, x: Array, y: Array) -> None:
    """Raise ValueError for columns too large or of too little spread.

    Weights of the first layer are in the units of 1/X and those of the second in the
    units of y, both in the dtype of X; variances are in the units of y squared.

    Parameters
    ----------
    X : array of shape (n, n_features)
    Y : ndarray of shape (n, n_outputs)
    x : ndarray of shape (n_features,), the standard deviations of X
    y : ndarray of shape (n_outputs,), the standard deviations of Y
    """
    least, most = _range(X.dtype)
    _check("X", X, x, least, most)
    root_least, root_most = (float(np.sqrt(end)) for end in _range(np.float64))
    _check("y", Y, y, max(least, root_least), min(most, root_most))


def check_output_weights(given: Array, A2: Array, activation: Activation) -> None:
    """Raise ValueError for a given second layer whose residuals would overflow.

    Parameters
    ----------
    given, A2 : ndarray of shape (n_outputs, n_hidden), as given and standardised
    activation : Activation
    """
    with np.errstate(over="ignore"):
        outputs = np.maximum(np.abs(A2), np.abs(activation.value(A2)))
    wrong = np.argwhere(~(outputs < LARGEST_OUTPUT))
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise ValueError(
            f"output_weights[{where[0]}, {where[1]}] = {given[where]:g} is too far "
            f"from the targets for the activation {activation.name!r}."
        )


def _range(dtype: DTypeLike) -> tuple[float, float]:
    info = np.finfo(dtype)
    return float(info.tiny) * ROOM, float(info.max) / ROOM


def _check(name: str, columns: Any, spread: Array, least: float, most: float) -> None:
    lowest, highest = extremes(columns)
    largest = np.where(-lowest > highest, lowest, highest)
    for facts, what, wrong in (
        (largest, "value", np.abs(largest) > most),
        (spread, "standard deviation", spread < least),
    ):
        if wrong.any():
            j = int(np.argmax(wrong))
            raise ValueError(
                f"{name}[:, {j}] has the {what} {facts[j]:.3g}, but it must be "
                f"between {least:.0e} and {most:.0e} in size for the results to be "
                "finite. Choose another unit for it."
            )
