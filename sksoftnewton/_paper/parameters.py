"""What the public functions accept: options by name, numbers by size."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

from sksoftnewton._activations import ACTIVATION_NAMES
from sksoftnewton._intervals import Floats
from sksoftnewton._matrices import Array, Matrix

SKETCHES = ("leverage", "uniform", "frozen", "none")
AUTO = "auto"

# Below, every row is kept: 2 d ln(2 d/δ)/ε² rows would be due.
SMALLEST_EPSILON = 1e-8
# Squares and cubes of products of A1, A2, b and w stay far from under- and overflow.
LARGEST_ENTRY = 1e50
# Integers can be larger, and then no float.
LARGEST_FLOAT = float(np.finfo(np.float64).max)

Constraints = dict[str, list[Any]]

# What scikit-learn checks of each parameter that is not an array.
_SEED: Constraints = {
    "random_state": [
        Interval(Integral, 0, None, closed="left"),
        np.random.Generator,
        np.random.SeedSequence,
        None,
    ]
}
_EPSILON: Constraints = {
    "epsilon": [
        Floats(Real, SMALLEST_EPSILON, 1, closed="left"),
        Options(Real, {0}),
    ]
}
_PROBLEM = {"h": [StrOptions(set(ACTIVATION_NAMES))]} | _EPSILON | _SEED
CERTIFY = {"sketch": [StrOptions(set(SKETCHES))]} | _PROBLEM
REGRESSION = {
    "sketch": [StrOptions({AUTO, *SKETCHES})],
    "globalize": ["boolean"],
    "tol": [Floats(Real, 0, LARGEST_FLOAT, closed="both")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "callback": [callable, None],
    "certificate": ["boolean"],
} | _PROBLEM
LEVERAGE_SCORES = {"exact": ["boolean"]} | _SEED
SPARSIFIER = (
    {
        "sampling": [StrOptions({"leverage", "uniform"})],
        "failure_probability": [Floats(Real, 0, 1, closed="neither")],
        "exact_scores": ["boolean"],
    }
    | _EPSILON
    | _SEED
)


def check_options(
    caller: str, constraints: Constraints, given: Mapping[str, Any]
) -> None:
    """Raise scikit-learn's InvalidParameterError, a ValueError and a TypeError.

    Of the arguments in ``given`` those with constraints are looked at.
    """
    checked = {name: given[name] for name in constraints}
    with np.errstate(over="ignore"):  # of a float32 beside the largest float64
        validate_parameter_constraints(constraints, checked, caller_name=caller)


def check_size(A: Matrix, name: str, least: float = 1 / LARGEST_ENTRY) -> None:
    """Raise ValueError where the largest entry is too large or too small to square."""
    values = A.data if sp.issparse(A) else A
    largest = float(max(values.max(), -values.min())) if values.size else 0.0
    if largest > LARGEST_ENTRY or 0 < largest < least:
        raise ValueError(
            f"{name} has entries of size {largest:.3g} at most, but that must lie "
            f"between {least:.0e} and {LARGEST_ENTRY:.0e}, or be 0; rescale {name}."
        )


def check_weights(w: Array, name: str) -> None:
    """Raise ValueError for a negative entry, or one too large or small to square."""
    wrong = (w < 0) | (w > LARGEST_ENTRY) | ((w > 0) & (w < 1 / LARGEST_ENTRY))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"{name} is {w[first]} at position {first}, but {name} = 0 or "
            f"{1 / LARGEST_ENTRY:.0e} <= {name} <= {LARGEST_ENTRY:.0e} must hold."
        )
