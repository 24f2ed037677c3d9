"""Degenerate problems end without a warning of NumPy, which pytest makes an error."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.results import check_finite
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def fit(X, y, weight=None, **kwargs):
    model = TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "More than half of the squared deviations")
        warnings.filterwarnings("ignore", "The fit is a constant")
        return model.fit(X, y, weight)


def finite_everywhere(model, X):
    for name, value in vars(model).items():
        if name.endswith("_") and name not in ("log_evidence_", "width_path_"):
            for column in value.values() if isinstance(value, dict) else (value,):
                if np.asarray(column).dtype.kind == "f":
                    assert np.isfinite(column).all(), name
    assert not np.isnan(model.log_evidence_)
    far = np.full((1, X.shape[1]), 1e6)
    for rows in (X, far):
        assert all(np.isfinite(part).all() for part in model.predict(rows, True))


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


CASES = {
    "targets of zero, leverage": (
        (normal(3000, 2), np.zeros(3000)),
        {"n_hidden": 4, "sketch": "leverage"},
    ),
    "targets of zero, one unit, quasi-Newton": (
        (normal(300, 3), np.zeros((300, 2))),
        {
            "n_hidden": 1,
            "alpha": (1e-3, 0.0),
            "output_activation": "tanh",
            "sketch": "uniform",
        },
    ),
    "constant features, logits": (
        (np.ones((50, 3)), normal(50)),
        {"penalty": "logits"},
    ),
    "some constant features, logits": (
        (np.hstack([np.ones((100, 3)), normal(100, 3)]), normal(100)),
        {"penalty": "logits", "n_hidden": 4},
    ),
    "one row": ((normal(1, 3), np.ones(1)), {"penalty": "logits"}),
    "one row, fixed second layer, no penalty": (
        (normal(1, 3), np.ones(1)),
        {"output_weights": [[0.5]], "alpha": 0.0},
    ),
    "wide, no penalty": ((normal(20, 50), normal(20)), {"n_hidden": 3, "alpha": 0.0}),
    "wide, no first penalty": (
        (normal(3, 8), normal(3)),
        {"n_hidden": 3, "alpha": (0.0, 1e-3), "max_iter": 5},
    ),
    "wide, no second penalty": (
        (normal(3, 8), normal(3)),
        {"n_hidden": 3, "alpha": (1e-3, 0.0)},
    ),
    "a huge penalty": ((normal(50, 2), normal(50)), {"n_hidden": 3, "alpha": 1e99}),
    "a tiny penalty": ((normal(2, 3), normal(2)), {"n_hidden": 3, "alpha": 1e-99}),
    "two rows, a large penalty on the logits": (
        (normal(2, 2), normal(2)),
        {"n_hidden": 4, "alpha": 1e9, "penalty": "logits"},
    ),
    "a mean at the end of the range": (
        (normal(300, 2), 1 - 1e-17 * np.arange(300.0)),
        {"output_activation": "sigmoid", "alpha": 1e-6, "n_hidden": 2},
    ),
    "small targets that are constant but for rounding": (
        (normal(4, 2), 1e-136 * (1 + 2.3e-16 * np.array([-1, 0, 0, 1]))),
        {"n_hidden": 2},
    ),
    "a gradient whose square overflows": (
        (normal(1, 4), np.array([[0.0, 9.3e-108]])),
        {"n_hidden": 3, "output_activation": "sigmoid", "noise": "constant"},
    ),
    "exponentials that underflow": (
        ((np.arange(12) % 2.0)[:, None], np.zeros(12)),
        {
            "n_hidden": 1,
            "output_activation": "exp",
            "alpha": 0.0,
            "penalty": "logits",
            "sketch": "uniform",
            "sketch_size": 1,
        },
    ),
    "nearly no target": (
        (normal(100, 2), np.eye(100)[3]),
        {"output_activation": "exp", "n_hidden": 3},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_no_warning_and_no_infinity(case, kind):
    (X, y), kwargs = case
    finite_everywhere(fit(kind(X), y, **kwargs), X)


def test_the_rounding_of_constant_targets_is_no_variance():
    # Neither 0.3 nor its mean of forty has few digits.
    model = fit(normal(40, 2), np.full(40, 0.3), output_activation="sigmoid")
    assert model.noise_variance_[0] > 1e-12
    assert np.abs(model.predict(normal(40, 2)) - 0.3).max() < 1e-3


def test_targets_beyond_the_scales_of_float32_are_computed_in_float64():
    X = normal(100, 2).astype(np.float32)
    y = 1e-25 * np.exp(X[:, 0].astype(float))
    for activation in ("relu", "softplus", "exp", "sigmoid", "tanh"):
        model = fit(X, y, output_activation=activation, n_hidden=4)
        finite_everywhere(model, X)
        assert model.score(X, y) > 0.9


def test_steep_activations_are_computed_in_float64():
    y = 1e-25 * np.exp(normal(3000, 2)[:, :1])
    for dtype, activation, expected in (
        (np.float32, "sigmoid", np.float64),
        (np.float64, "sigmoid", np.float64),
        (np.float32, "relu", np.float32),
        (np.float64, "relu", np.float32),  # many rows are searched in float32
    ):
        problem = Problem(
            ArrayData(normal(3000, 2).astype(dtype), y, np.ones(3000)),
            activation=get_activation(activation),
            penalty="weights",
            output_weights=None,
            n_threads=1,
        )
        assert problem.rows.dtype == expected


def test_an_attribute_that_is_no_number_is_never_returned(monkeypatch):
    X, y = normal(30, 2), normal(30)
    model = fit(X, y, n_hidden=2)
    before = model.output_coef_
    layers = Problem.layers

    def spoiled(self, network, theta):
        found = layers(self, network, theta)
        wrong = np.full_like(found.output_coef, np.nan)
        return replace(found, output_coef=wrong)

    monkeypatch.setattr(Problem, "layers", spoiled)
    with pytest.raises(FloatingPointError, match="output_coef_ came out"):
        model.fit(X, y)
    assert model.output_coef_ is before
    check_finite({"log_evidence_": -np.inf, "history_": {"loss": np.ones(2)}})
    with pytest.raises(FloatingPointError, match="history_ came out"):
        check_finite({"history_": {"loss": np.array([np.inf])}})
