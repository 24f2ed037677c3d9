import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._inference.features import support_of
from sksoftnewton._inference.run import Run
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


def sparse_truth(n, n_features, n_relevant, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    y = 2 * np.tanh(X[:, :n_relevant].sum(axis=1)) + 0.2 * rng.normal(size=n)
    return X, y


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(1000, noise=1.0, random_state=0)
    return X, y, auto().fit(X, y)


def test_irrelevant_features_are_left_out(friedman):
    _X, _y, model = friedman
    assert_array_equal(model.support_, np.arange(10) < 5)
    assert_array_equal(model.hidden_coef_[:, 5:], 0.0)
    path = model.width_path_
    assert {5, 10} <= set(path["n_features"])


def test_features_left_out_change_neither_prediction_nor_its_deviation(friedman):
    X, y, model = friedman
    other = X.copy()
    other[:, 5:] = 1e3
    assert_array_equal(model.predict(other), model.predict(X))
    mean, std = model.predict(X, return_std=True)
    assert_array_equal(model.predict(other, return_std=True)[1], std)
    again = auto(n_hidden=model.n_hidden_).fit(X[:, :5], y)
    assert_allclose(again.predict(X[:, :5]), mean, atol=0.5)


def test_three_of_three_hundred_are_found_in_150_rows():
    X, y = sparse_truth(1150, 300, 3)
    model = auto().fit(X[:150], y[:150])
    assert_array_equal(np.flatnonzero(model.support_), [0, 1, 2])
    assert model.score(X[150:], y[150:]) > 0.95


def test_features_that_all_matter_are_all_kept():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    y = X @ rng.choice([-1.0, 1.0], 12) + 0.5 * rng.normal(size=300)
    assert auto().fit(X, y).support_.all()


def test_noise_selects_nothing():
    """However many features there are, chance finds none of them."""
    rng = np.random.default_rng(0)
    for n_features in (5, 200):
        X, y = rng.normal(size=(120, n_features)), rng.normal(size=120)
        model = auto().fit(X, y)
        assert model.n_hidden_ == 1
        assert_allclose(model.predict(X), y.mean(), atol=0.02)


def test_given_alpha_keeps_all_features(friedman):
    X, y, _ = friedman
    assert auto(n_hidden=2, alpha=1e-2).fit(X, y).support_.all()


def test_given_width_keeps_it(friedman):
    X, y, _ = friedman
    model = auto(n_hidden=6).fit(X, y)
    assert model.n_hidden_ == 6
    assert_array_equal(model.support_, np.arange(10) < 5)


@pytest.mark.parametrize("penalty", ["weights", "logits"])
def test_sparse_data_and_dense_data_select_the_same(penalty):
    X, y = sparse_truth(200, 30, 2)
    X[np.abs(X) < 0.5] = 0
    dense = auto(penalty=penalty).fit(X, y)
    sparse = auto(penalty=penalty).fit(sp.csr_array(X), y)
    assert dense.support_.sum() < 10
    assert_array_equal(sparse.support_, dense.support_)
    assert_allclose(sparse.predict(X), dense.predict(X), atol=1e-6)


@pytest.mark.parametrize("n_features", [20, 150])
def test_weights_equal_repetition_with_features_left_out(n_features):
    X, y = sparse_truth(100, n_features, 2)
    weight = np.ones(100, dtype=int)
    weight[::10], weight[5::25] = 0, 2
    rows = np.repeat(np.arange(100), weight)
    weighted = auto().fit(X, y, sample_weight=weight)
    repeated = auto().fit(X[rows], y[rows])
    assert weighted.support_.sum() < n_features
    assert_array_equal(weighted.support_, repeated.support_)
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


@pytest.mark.parametrize("n", [12, 200])
@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("n_features", [6, 25])
def test_support_is_the_ratio_of_densities_at_zero(n, penalty, n_features):
    """Against the dense posterior and prior of each feature's weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_features))
    Y = np.tanh(X[:, :1]) + 0.1 * rng.normal(size=(n, 1))
    problem = Problem(
        ArrayData(X, Y, rng.uniform(0.5, 2, n)),
        activation=get_activation("identity"),
        penalty=penalty,
        output_weights=None,
        n_threads=1,
    )
    k = 3
    network = problem.network(k, (0.05, 0.01))
    theta = problem.random_start(network, rng)
    run = Run(problem, network, theta, network.value(theta)).with_posterior()
    scale = network.rows.total_weight * run.posterior.beta

    # The Gaussian posterior and prior in the coordinates of θ, mapped to features.
    H, _ = Curvature(network, theta).gram()
    T = problem.coordinates_of_features()
    r = len(T)
    covariance = np.linalg.inv(H)[: network.size1, : network.size1] / scale
    covariance = covariance.reshape(k, r + 1, k, r + 1)[:, :-1, :, :-1]
    weights = problem.hidden_layer(network, theta)[:, :-1]
    expected = []
    for d in range(n_features):
        post = np.einsum("jakb,a,b->jk", covariance, T[:, d], T[:, d])
        prior_variance = T[:, d] @ T[:, d]
        if problem.row_space and penalty == "weights":
            # The ridge leaves the prior on the part orthogonal to the rows.
            post += np.eye(k) * (1 - prior_variance) / (0.05 * scale)
            prior_variance = 1.0
        prior = np.eye(k) * prior_variance / (0.05 * scale)
        log_ratio = 0.5 * weights[:, d] @ np.linalg.solve(post, weights[:, d])
        log_ratio += 0.5 * (np.linalg.slogdet(post)[1] - np.linalg.slogdet(prior)[1])
        expected.append(log_ratio)
    assert_allclose(support_of(run), expected, rtol=1e-6, atol=1e-6)
