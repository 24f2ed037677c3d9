"""Sizes of numbers for which all fitted attributes can be represented."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sksoftnewton._activations import Activation

Array = NDArray[np.float64]

# Room between what is accepted and the ends of the range of a dtype.
ROOM = 1e8
# Largest output of a given second layer, in units of the targets' spread.
LARGEST_OUTPUT = 1e50


def check_magnitudes(
    name: str, limits: tuple[Array, Array], spread: Array, dtype: DTypeLike
) -> None:
    """Raise ValueError for columns too large or of too little spread.

    Weights of the first layer are in the units of 1/X and those of the second in the
    units of y, both in the dtype of X; variances are in the units of y squared.

    Parameters
    ----------
    name : {"X", "y"}
    limits : pair of ndarrays, least and largest number of each column
    spread : ndarray, the standard deviation of each column
    dtype : that of X
    """
    least, most = _range(dtype)
    if name == "y":
        root_least, root_most = (float(np.sqrt(end)) for end in _range(np.float64))
        least, most = max(least, root_least), min(most, root_most)
    _check(name, limits, spread, least, most)


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


def _check(
    name: str, limits: tuple[Array, Array], spread: Array, least: float, most: float
) -> None:
    lowest, highest = limits
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
