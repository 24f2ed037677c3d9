"""Importances are spreads of effects, whatever the data are stored in."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.inspection import permutation_importance

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._estimator import seen


def expected(model, X, Y, weight=None):
    """By replacing the columns of a feature by their means, one feature at a time."""
    columns = model.basis_.transform(X)
    mean = np.average(columns, axis=0, weights=weight)

    def prediction(columns):
        z = columns @ model.hidden_coef_.T + model.hidden_intercept_
        f = np.exp(z - z.max(axis=1, keepdims=True))
        f /= f.sum(axis=1, keepdims=True)
        return get_activation(model.output_activation).value(f @ model.output_coef_.T)

    def std(values):
        center = np.average(values, axis=0, weights=weight)
        return np.sqrt(np.average((values - center) ** 2, axis=0, weights=weight))

    if model.target_transform_ == "log":
        Y = np.log(Y)
    importances = []
    for j in range(X.shape[1]):
        without = np.where(model.basis_.feature_of == j, mean, columns)
        effects = prediction(columns) - prediction(without)
        importances.append(np.linalg.norm(std(effects) / std(Y)))
    return np.array(importances) / np.sum(importances)


CASES = {
    "given": {"n_hidden": 4, "alpha": 1e-3},
    "auto": {"noise": "constant"},
    "ramps": {"n_hidden": 3, "basis": "ramps"},
    "log": {"n_hidden": 3, "target_transform": "log"},
    "softplus": {"n_hidden": 3, "output_activation": "softplus"},
    "logits": {"n_hidden": 3, "penalty": "logits"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_definition(case):
    X, y = make_friedman1(150, n_features=7, noise=0.5, random_state=0)
    weight = np.random.default_rng(0).integers(0, 3, 150).astype(float)
    y = np.abs(y) + 1
    model = TwoLayerSoftmaxRegressor(random_state=0, **CASES[case])
    model.fit(X, y, sample_weight=weight)
    importances = model.feature_importances_
    assert_allclose(importances.sum(), 1)
    assert_allclose(importances, expected(model, X, y[:, None], weight), atol=1e-10)
    np.testing.assert_array_equal(importances > 0, model.support_)


def test_outputs_count_alike_in_any_units():
    X, y = make_friedman1(200, n_features=6, random_state=0)
    Y = np.column_stack([y, X[:, 5] + 0.1 * X[:, 0]])
    model = TwoLayerSoftmaxRegressor(6, alpha=1e-4, random_state=0)
    importances = model.fit(X, Y).feature_importances_
    assert_allclose(importances, expected(model, X, Y))
    scaled = model.fit(X * 10.0 ** np.arange(6), Y * [1e-5, 1e5])
    assert_allclose(scaled.feature_importances_, importances, rtol=1e-4)
    assert importances.argmax() == 5


@pytest.mark.parametrize("n_features", [4, 60])
def test_sparse_wide_and_repeated_rows(n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, n_features)) * (rng.random((40, n_features)) < 0.4)
    y = X[:, 0] + np.tanh(X[:, 1])
    counts = rng.integers(1, 4, 40)
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-2, tol=1e-8, random_state=0)
    dense = model.fit(X, y, sample_weight=counts).feature_importances_
    sparse = model.fit(sp.csr_array(X), y, sample_weight=counts).feature_importances_
    assert_allclose(sparse, dense, atol=1e-6)
    repeated = model.fit(X.repeat(counts, axis=0), y.repeat(counts))
    assert_allclose(repeated.feature_importances_, dense, atol=1e-6)
    assert_allclose(dense, expected(repeated, X, y[:, None], counts), atol=1e-6)


def test_more_rows_than_are_needed(monkeypatch):
    """A sample of all rows, with their weights, and the same one in the next fit."""
    X, y = make_friedman1(4000, n_features=7, noise=1, random_state=0)
    weight = np.where(X[:, 0] < 0.5, 3.0, 1.0)
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-5, random_state=0)
    sizes = []
    original = seen.feature_importances

    def counted(network, X, *args):
        sizes.append(X.shape[0])
        return original(network, X, *args)

    monkeypatch.setattr(seen, "feature_importances", counted)
    importances = model.fit(X, y, sample_weight=weight).feature_importances_
    reference = expected(model, X, y[:, None], weight)
    assert_allclose(importances, reference, rtol=0.05, atol=2e-3)
    monkeypatch.setattr(seen, "MOST_MEMBERSHIPS", 8 * 7 * 500)
    some = model.fit(X, y, sample_weight=weight).feature_importances_
    assert sizes == [2048, 500]
    assert_allclose(some, reference, rtol=0.1, atol=5e-3)


def test_a_constant_has_no_important_features():
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = TwoLayerSoftmaxRegressor(1, random_state=0).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.feature_importances_, 0)
    model = TwoLayerSoftmaxRegressor(2, random_state=0).fit(X, np.full(30, 7.0))
    np.testing.assert_array_equal(model.feature_importances_, 0)


@pytest.fixture(scope="module")
def scaled_friedman():
    """Five informative columns and ten of noise, whose scales span 10^6."""
    rng = np.random.default_rng(0)
    X, y = make_friedman1(500, n_features=15, noise=1.0, random_state=0)
    order = rng.permutation(15)
    X = X[:, order] * 10.0 ** rng.permutation(np.linspace(-3, 3, 15))
    return X, y, order < 5


@pytest.mark.parametrize(
    "selector",
    [
        SelectFromModel(TwoLayerSoftmaxRegressor(random_state=0)),
        # Without the evidence's own choice of features, which makes it easy:
        SelectFromModel(TwoLayerSoftmaxRegressor(8, alpha=1e-3, random_state=0)),
        RFE(
            TwoLayerSoftmaxRegressor(8, alpha=1e-3, random_state=0),
            n_features_to_select=5,
            step=2,
        ),
        RFE(TwoLayerSoftmaxRegressor(random_state=0), n_features_to_select=5, step=5),
    ],
    ids=["SelectFromModel", "SelectFromModel, given", "RFE, given", "RFE"],
)
def test_selectors_keep_the_informative_columns(scaled_friedman, selector):
    X, y, informative = scaled_friedman
    kept = selector.fit(X, y).get_support()
    np.testing.assert_array_equal(kept, informative)


def test_rfecv_drops_no_informative_column(scaled_friedman):
    X, y, informative = scaled_friedman
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-3, random_state=0)
    selector = RFECV(model, step=2, cv=3, min_features_to_select=3).fit(X, y)
    assert selector.get_support()[informative].all()
    assert selector.n_features_ < 15


def test_they_agree_with_permutation_importances(scaled_friedman):
    X, y, informative = scaled_friedman
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-3, random_state=0).fit(X, y)
    permuted = permutation_importance(
        model, X, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=0
    )
    roots = np.sqrt(np.maximum(permuted.importances_mean, 0))
    assert_allclose(model.feature_importances_, roots / roots.sum(), atol=0.03)
    assert_allclose(model.feature_importances_[~informative], 0, atol=0.03)
