"""Data with nothing to learn from: constant features, constant targets, one row."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton import TwoLayerSoftmaxRegressor
from tests.references import objective


def recomputed_loss(model, X, y, weight):
    """F of a model of given second layer; constant features have scale 1."""
    mean = np.average(X, axis=0, weights=weight)
    std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    std[std <= 1e-14 * np.abs(mean)] = 1.0
    y_mean = np.average(y, weights=weight)
    y_std = np.sqrt(np.average((y - y_mean) ** 2, weights=weight))
    y_std = y_std if y_std > 1e-14 * abs(y_mean) else 1.0
    intercept = model.hidden_intercept_ + model.hidden_coef_ @ mean
    return objective(
        (X - mean) / std,
        (y[:, None] - y_mean) / y_std,
        weight,
        np.column_stack([model.hidden_coef_ * std, intercept]),
        (model.output_coef_ - y_mean) / y_std,
        lambda u: u,
        model.alpha_,
        penalty=model.penalty,
        learned=False,
    )


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("n_features", [3, 40])
@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("max_iter", [1, 200])
@pytest.mark.parametrize("rows", ["one", "equal", "nearly equal"])
def test_the_loss_without_features_is_the_documented_one(
    kind, n_features, penalty, rows, max_iter
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, n_features)) + 100.0
    y = rng.normal(size=30)
    weight = rng.uniform(0.1, 1, 30)
    if rows == "one":
        weight[:] = 0.0
        weight[7] = 0.3
    else:
        X[:] = X[0]
    if rows == "nearly equal":
        X *= 1 + np.finfo(float).eps * rng.integers(-1, 2, X.shape)
    model = TwoLayerSoftmaxRegressor(
        alpha=0.1,
        penalty=penalty,
        output_weights=[[-1.0, 0.5, 2.0]],
        max_iter=max_iter,
        random_state=0,
    )
    with warnings.catch_warnings():
        if max_iter == 1:
            warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(kind(X), y, weight)
    expected = recomputed_loss(model, X, y, weight)
    np.testing.assert_allclose(model.loss_, expected, rtol=1e-8)
    assert np.abs(model.hidden_coef_).max() < 1e3


def test_a_constant_of_few_rows_that_differ_is_said_to_be_one():
    X = np.linspace(0, 10, 15)[:, None]
    y = (X * np.sin(X))[:, 0]
    with pytest.warns(UserWarning, match="constant: 15 rows.*GaussianProcess"):
        model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert model.n_hidden_ == 1 and "constant: 15 rows" in str(model.summary())


@pytest.mark.parametrize(
    ("params", "n", "size"),
    [({}, 15, 0.0), ({}, 25, 1.0), ({"n_hidden": 1}, 15, 1.0), ({"alpha": 1.0}, 15, 1)],
)
def test_no_constant_is_excused_that_was_asked_for(params, n, size):
    y = size * np.random.default_rng(0).normal(size=n)
    model = TwoLayerSoftmaxRegressor(random_state=0, **params)
    model.fit(np.linspace(0, 1, n)[:, None], y)
    assert model.n_hidden_ == 1
