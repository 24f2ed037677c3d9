import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.linear_model import RidgeCV

from sksoftnewton import TwoLayerSoftmaxRegressor


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


def test_linear_targets_end_as_good_as_ridge():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 8))
    y = X @ rng.normal(size=8) + 0.5 * rng.normal(size=1500)
    model = auto().fit(X[:500], y[:500])
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit(X[:500], y[:500])
    assert model.n_hidden_ == 2
    assert model.score(X[500:], y[500:]) > ridge.score(X[500:], y[500:]) - 0.01


@pytest.mark.parametrize("n_features", [1, 5])
def test_noise_ends_as_the_mean(n_features):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, n_features)), rng.normal(size=300)
    model = auto().fit(X, y)
    assert model.n_hidden_ == 1 and model.effective_dof_ < 1.5
    assert_allclose(model.predict(X), y.mean(), atol=0.01)


def test_constant_targets_end_as_the_constant():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = auto().fit(X, np.full(50, 7.5))
    assert_allclose(model.predict(X), 7.5)
    assert np.isfinite(model.predict(X, return_std=True)[1]).all()


def test_width_grows_with_what_the_data_show():
    X, y = make_friedman1(1500, noise=1.0, random_state=0)
    model = auto().fit(X[:1000], y[:1000])
    assert 8 <= model.n_hidden_ <= 16
    assert model.score(X[1000:], y[1000:]) > 0.94
    fixed = auto(n_hidden=2).fit(X[:1000], y[:1000])
    assert model.log_evidence_ > fixed.log_evidence_ + 100


def test_given_width_has_its_alpha_chosen_and_given_alpha_its_width():
    X, y = load_diabetes(return_X_y=True)
    width = auto(n_hidden=3).fit(X, y)
    assert width.n_hidden_ == 3 and width.alpha_[0] > 1e-3
    alpha = auto(alpha=(0.05, 1e-3)).fit(X, y)
    assert_allclose(alpha.alpha_, [0.05, 1e-3])
    assert alpha.n_hidden_ in (2, 4)
    assert len(np.unique(alpha.width_path_["n_hidden"])) >= 3


def test_number_of_starts():
    X, y = load_diabetes(return_X_y=True)
    plain = {"basis": "linear", "target_transform": "identity"}
    model = auto(n_hidden=4, n_init=5, **plain).fit(X, y)
    path = model.width_path_
    random = path["start"] == "random"
    assert random.sum() == 5
    evidence = path["log_evidence"][random]
    assert_allclose(evidence[path["kept"][random]], evidence.max())


def test_near_interpolation_ends_sensibly():
    """As many parameters as rows and no noise to speak of."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 100))
    y = np.tanh(X @ rng.normal(size=100) / 10) + 0.1 * rng.normal(size=60)
    model = auto().fit(X, y)
    assert np.isfinite(model.log_evidence_)
    mean, std = model.predict(rng.normal(size=(500, 100)), return_std=True)
    assert np.abs(mean - y.mean()).max() < 2 * np.ptp(y)
    assert std.min() > 0.2  # it knows that it does not know


@pytest.mark.parametrize("activation", ["softplus", "exp", "sigmoid"])
def test_other_activations_choose_too(activation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = 1 / (1 + np.exp(-2 * X[:, 0] * X[:, 1])) * 0.8 + 0.1
    y = np.clip(y + 0.03 * rng.normal(size=400), 0, 1)
    model = auto(output_activation=activation).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9
    assert_allclose(np.sqrt(model.noise_variance_), 0.03, rtol=0.3)
