import re
from fractions import Fraction

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton import TwoLayerSoftmaxRegressor


def model(**kwargs):
    """One network of given width and penalty, from one start."""
    fixed = {"n_hidden": 8, "alpha": 1e-3, "n_init": 1, "random_state": 0}
    return TwoLayerSoftmaxRegressor(**{**fixed, **kwargs})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_hidden": 0}, "'n_hidden' parameter"),
        ({"n_hidden": 2.5}, "'n_hidden' parameter"),
        ({"output_activation": "gelu"}, "'output_activation' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"alpha": (1.0, -1.0)}, "alpha must be"),
        ({"alpha": (1.0, 1.0, 1.0)}, "alpha must be"),
        ({"alpha": (1.0, np.nan)}, "alpha must be"),
        ({"alpha": ("a", "b")}, "alpha must be"),
        ({"alpha": [[1.0], [1.0, 2.0]]}, "alpha must be"),
        ({"alpha": 1e160}, r"alpha = \(1e\+160, 1e\+160\) is too large"),
        ({"penalty": "l1"}, "'penalty' parameter"),
        ({"output_weights": np.ones((2, 3))}, r"\(n_outputs, n_hidden\) = \(2, 8\)"),
        ({"output_weights": np.full((2, 8), np.nan)}, "output_weights contains NaN"),
        ({"output_weights": [[]], "n_hidden": "auto"}, "output_weights must have"),
        ({"output_weights": [["a"] * 8] * 2}, "output_weights must hold numbers"),
        ({"output_weights": np.full((2, 8), 1e200)}, r"output_weights\[0, 0\] = 1e"),
        ({"tol": -1}, "'tol' parameter"),
        ({"tol": 10**400}, "'tol' parameter"),
        ({"tol": Fraction(1, 100)}, "'tol' parameter"),
        ({"alpha": Fraction(1, 100)}, "'alpha' parameter"),
        ({"alpha": 10**400}, "'alpha' parameter"),
        ({"alpha": (1, 10**400)}, "alpha must be"),
        ({"output_weights": [[10**400] * 8] * 2}, "output_weights must hold numbers"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"n_init": 0}, "'n_init' parameter"),
    ],
)
def test_bad_parameters_are_named(small, params, message):
    X, Y, _ = small
    with pytest.raises(ValueError, match=message):
        model(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("activation", "bad", "ends"),
    [
        ("softplus", -0.5, "[0, inf)"),
        ("exp", -0.5, "[0, inf)"),
        ("relu", -0.5, "[0, inf)"),
        ("sigmoid", 1.5, "[0, 1]"),
        ("tanh", -1.5, "[-1, 1]"),
    ],
)
def test_targets_outside_the_range_of_h(activation, bad, ends):
    X, y = np.random.default_rng(0).normal(size=(10, 2)), np.linspace(0, 1, 10)
    y[3] = bad
    message = f"output_activation='{activation}' has the range {ends}, but y[3] = {bad}"
    with pytest.raises(ValueError, match=re.escape(message)):
        model(output_activation=activation).fit(X, y)


def test_negative_weights_and_infinity_are_refused(small):
    X, Y, weight = small
    weight[0] = -1
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model().fit(X, Y, sample_weight=weight)
    X[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model().fit(X, Y)


def test_width_needs_a_positive_penalty():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match=r"positive alpha; got alpha=0\."):
        TwoLayerSoftmaxRegressor(alpha=0.0, random_state=0).fit(X, y)


def test_output_weights_beyond_the_range_of_h_are_named(small):
    X, Y, _ = small
    given = np.full((2, 8), [[0.5], [1e3]])
    with pytest.raises(ValueError, match=r"output_weights\[1, 0\] = 1000"):
        model(output_weights=given, output_activation="exp").fit(X, Y)


def test_a_warm_start_after_no_penalty_finds_one(small):
    X, Y, _ = small
    y = np.log(Y[:, 0])
    warm = model(n_hidden=2, alpha=0.0, max_iter=5, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        warm.fit(X, y)
    warm.set_params(alpha="auto", max_iter=200).fit(X, y)
    assert (warm.alpha_ > 1e-8).all()
    assert np.isfinite(warm.log_evidence_)


def test_numbers_of_every_precision_are_accepted():
    X, y = make_friedman1(50, random_state=0)
    for number in (np.float16, np.float32, np.float64, np.longdouble):
        model = TwoLayerSoftmaxRegressor(2, alpha=number(0.5), tol=number(0.25))
        model.fit(X, y)
