"""Parameters and targets that scikit-learn cannot check: errors that name them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation

Array = NDArray[np.float64]


def check_alpha(alpha: Any) -> tuple[float, float]:
    """The penalties of the two layers."""
    values = np.asarray(alpha, dtype=float) if np.ndim(alpha) <= 1 else np.empty(0)
    if (
        values.shape not in ((), (2,))
        or not (values >= 0).all()
        or np.isinf(values).any()
    ):
        raise ValueError(
            "alpha must be a non-negative number or a pair of them, one a layer; "
            f"got {alpha!r}."
        )
    first, second = np.broadcast_to(values, 2)
    return float(first), float(second)


def check_targets(Y: Array, activation: Activation) -> None:
    """Raise ValueError unless all targets lie in the closed range of h."""
    lower, upper = activation.target_range
    outside = np.argwhere((lower > Y) | (upper < Y))
    if len(outside):
        where = tuple(int(i) for i in outside[0])
        ends = f"[{lower:g}, {upper:g}" + ("]" if np.isfinite(upper) else ")")
        raise ValueError(
            f"output_activation={activation.name!r} has the range {ends}, but "
            f"y[{', '.join(map(str, where))}] = {Y[where]:g} lies outside it."
        )


def check_output_weights(given: Any, n_outputs: int, n_hidden: int | None) -> Array:
    """A second layer as an array of the shape that y and n_hidden ask for."""
    A2 = np.atleast_2d(np.asarray(given, dtype=np.float64))
    width = A2.shape[1] if n_hidden is None else n_hidden
    if A2.shape != (n_outputs, width):
        raise ValueError(
            "output_weights must have shape (n_outputs, n_hidden) = "
            f"{(n_outputs, width)}, got {A2.shape}."
        )
    if not np.isfinite(A2).all():
        raise ValueError("output_weights contains NaN or infinity.")
    return A2
