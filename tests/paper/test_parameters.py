"""Options of the four public functions: what is refused is named."""

from fractions import Fraction

import numpy as np
import pytest

from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.regression import two_layer_softmax_regression
from sksoftnewton._paper.sparsifier import leverage_scores, spectral_sparsifier

NOT_A_SEED = ("a", -1, 1.5, np.nan, [0, 1], np.random.RandomState(0))
NOT_TRUE_OR_FALSE = ("a", None, 0, np.nan, [True])
NOT_EPSILON = ("a", None, 1, 1.0, -0.1, np.nan, 1e-300, [0.1], 1j, Fraction(1, 10))
NOT_A_NAME = ("odd", None, 1, ["leverage"])

REFUSED = {
    two_layer_softmax_regression: {
        "h": NOT_A_NAME,
        "sketch": NOT_A_NAME,
        "epsilon": NOT_EPSILON,
        "globalize": NOT_TRUE_OR_FALSE,
        "tol": ("a", None, -1, np.nan, np.inf, [1e-8], Fraction(1, 100)),
        "max_iter": ("a", None, 0, -1, 1.5, np.inf, [3]),
        "random_state": NOT_A_SEED,
        "callback": ("a", 1, [print]),
        "certificate": NOT_TRUE_OR_FALSE,
    },
    certify: {
        "h": NOT_A_NAME,
        "sketch": (*NOT_A_NAME, "auto"),
        "epsilon": NOT_EPSILON,
        "random_state": NOT_A_SEED,
    },
    leverage_scores: {"exact": NOT_TRUE_OR_FALSE, "random_state": NOT_A_SEED},
    spectral_sparsifier: {
        "epsilon": NOT_EPSILON,
        "sampling": NOT_A_NAME,
        "failure_probability": ("a", None, 0, 1, -0.1, 2, np.nan, [0.1]),
        "exact_scores": NOT_TRUE_OR_FALSE,
        "random_state": NOT_A_SEED,
    },
}
CASES = [
    (function, name, value)
    for function, options in REFUSED.items()
    for name, values in options.items()
    for value in values
]


def call(function, **options):
    rng = np.random.default_rng(0)
    A1, A2, b = rng.standard_normal((9, 3)), rng.standard_normal((2, 9)), np.ones(2)
    arrays = {
        two_layer_softmax_regression: (A1, A2, b),
        certify: (A1, A2, b, np.zeros(3)),
        leverage_scores: (A1,),
        spectral_sparsifier: (A1, np.ones(9)),
    }[function]
    if function is spectral_sparsifier:
        options = {"epsilon": 0.1} | options
    return function(*arrays, **options)


@pytest.mark.parametrize(("function", "name", "value"), CASES)
def test_what_is_refused_is_named(function, name, value):
    message = f"The '{name}' parameter of {function.__name__} must be"
    with pytest.raises(ValueError, match=message) as caught:
        call(function, **{name: value})
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("function", REFUSED)
@pytest.mark.parametrize(
    "seed", [None, 0, np.int64(3), np.random.default_rng(0), np.random.SeedSequence(1)]
)
def test_seeds(function, seed):
    call(function, random_state=seed)


@pytest.mark.parametrize(
    "options",
    [
        {"epsilon": 0},
        {"epsilon": 0.0},
        {"epsilon": np.float32(0.5)},
        {"epsilon": 1e-8},
        {"tol": 0},
        {"tol": np.float32(1e-3)},
        {"max_iter": np.int32(5)},
        {"globalize": np.True_},
        {"callback": lambda state: None},
    ],
)
def test_what_is_accepted(options):
    call(two_layer_softmax_regression, **options)
