"""What the user asked for: constraints, checks with errors that name the culprit."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from sksoftnewton._activations import ACTIVATION_NAMES, Activation
from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.inputs import refuse_masked
from sksoftnewton._inference.run import Settings
from sksoftnewton._intervals import Floats
from sksoftnewton._network.regimes import Sketch

Array = NDArray[np.float64]

# The sum of the weights counts as the number of rows.
WEIGHT_RANGE = 1e-100, 1e100
# Integers can be larger, and then no float.
LARGEST = float(np.finfo(np.float64).max)

# What scikit-learn checks of each parameter.
CONSTRAINTS: dict[str, list[Any]] = {
    "n_hidden": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "output_activation": [StrOptions(set(ACTIVATION_NAMES))],
    "alpha": [
        Floats(Real, 0, LARGEST, closed="both"),
        "array-like",
        StrOptions({"auto"}),
    ],
    "penalty": [StrOptions({"weights", "logits"})],
    "basis": [StrOptions({"linear", "ramps", "auto"})],
    "target_transform": [StrOptions({"identity", "log", "auto"})],
    "noise": [StrOptions({"constant", "auto"})],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "output_weights": ["array-like", None],
    "sketch": [StrOptions({"auto", "none", "uniform", "leverage", "countsketch"})],
    "sketch_size": [
        Interval(Integral, 1, None, closed="left"),
        Floats(RealNotInt, 0, None, closed="neither"),
        StrOptions({"auto"}),
    ],
    "n_init": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Floats(Real, 0, LARGEST, closed="both")],
    "warm_start": ["boolean"],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def settings_of(estimator: Any, n_outputs: int) -> tuple[Settings, Array | None]:
    """What to train, and the second layer if it is given.

    Raises
    ------
    ValueError
        For parameters that do not fit together or the number of outputs.
    """
    alpha = None if is_auto(estimator.alpha) else check_alpha(estimator.alpha)
    n_hidden = None if is_auto(estimator.n_hidden) else int(estimator.n_hidden)
    output_weights = None
    if estimator.output_weights is not None:
        output_weights = check_output_weights(
            to_numpy(estimator.output_weights), n_outputs, n_hidden
        )
        n_hidden = output_weights.shape[1]
    if n_hidden is None and alpha is not None and min(alpha) == 0:
        raise ValueError(
            'n_hidden="auto" compares evidences and needs a positive alpha; '
            f"got alpha={estimator.alpha!r}."
        )
    settings = Settings(
        n_hidden=n_hidden,
        alpha=alpha,
        n_init=None if is_auto(estimator.n_init) else int(estimator.n_init),
        sketch=Sketch(estimator.sketch, estimator.sketch_size),
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        basis=estimator.basis,
        target_transform=estimator.target_transform,
        noise=estimator.noise,
    )
    return settings, output_weights


def is_auto(value: Any) -> bool:
    """Whether a parameter is left to the data; arrays are not."""
    return isinstance(value, str) and value == "auto"


def check_alpha(alpha: Any) -> tuple[float, float]:
    """The penalties of the two layers."""
    values = _as_floats(alpha)
    if (
        values is None
        or values.shape not in ((), (2,))
        or not (values >= 0).all()
        or np.isinf(values).any()
    ):
        raise ValueError(
            "alpha must be a non-negative number or a pair of them, one a layer; "
            f"got {alpha!r}."
        )
    first, second = np.broadcast_to(values, 2)
    return float(first), float(second)


def check_weights(weight: Array) -> None:
    """Raise ValueError unless the sum of the weights is an ordinary number."""
    with np.errstate(over="ignore"):
        total = float(weight.sum())
    least, most = WEIGHT_RANGE
    if not least <= total <= most:
        raise ValueError(
            f"sample_weight has the sum {total:g}, but it must lie between {least:g} "
            f"and {most:g}: a weight of 2 counts as a row given twice."
        )


def check_targets(Y: Array, activation: Activation, transform: str) -> None:
    """Raise ValueError unless all targets lie in the closed range of h.

    And unless they are positive where their logarithms are asked for.
    """
    if transform == "log":
        if activation.name != "identity":
            raise ValueError(
                'target_transform="log" goes with output_activation="identity" only; '
                f"got {activation.name!r}."
            )
        outside = np.argwhere(Y <= 0)
        if len(outside):
            place = tuple(int(i) for i in outside[0])
            raise ValueError(
                'target_transform="log" needs positive targets, but '
                f"y[{', '.join(map(str, place))}] = {Y[place]:g}."
            )
    lower, upper = activation.target_range
    outside = np.argwhere((lower > Y) | (upper < Y))
    if len(outside):
        where = tuple(int(i) for i in outside[0])
        raise outside_range(activation, where, Y[where])


def outside_range(
    activation: Activation, where: tuple[int, ...], value: float
) -> ValueError:
    """The error for a target that does not lie in the closed range of h."""
    lower, upper = activation.target_range
    ends = f"[{lower:g}, {upper:g}" + ("]" if np.isfinite(upper) else ")")
    return ValueError(
        f"output_activation={activation.name!r} has the range {ends}, but "
        f"y[{', '.join(map(str, where))}] = {value:g} lies outside it."
    )


def check_output_weights(given: Any, n_outputs: int, n_hidden: int | None) -> Array:
    """A second layer as an array of the shape that y and n_hidden ask for."""
    refuse_masked(given, "output_weights")
    values = _as_floats(given)
    if values is None:
        raise ValueError(f"output_weights must hold numbers; got {given!r}.")
    A2 = np.atleast_2d(values)
    width = max(A2.shape[1], 1) if n_hidden is None else n_hidden
    if A2.shape != (n_outputs, width):
        raise ValueError(
            "output_weights must have shape (n_outputs, n_hidden) = "
            f"{(n_outputs, width)}, got {A2.shape}."
        )
    if not np.isfinite(A2).all():
        raise ValueError("output_weights contains NaN or infinity.")
    return A2


def _as_floats(given: Any) -> Array | None:
    """An array of floats, or None where that is impossible."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def generator(random_state: Any) -> np.random.Generator:
    """A generator of our own from what scikit-learn takes."""
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.default_rng(seed)
