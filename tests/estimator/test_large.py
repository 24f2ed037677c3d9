"""Models for which no matrix is small enough, at a size where one still is."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference import evidence, search, starts
from sksoftnewton._network import problem, regimes


@pytest.fixture
def small_matrices(monkeypatch):
    monkeypatch.setattr(regimes, "PRIMAL_PARAMS", 100)
    monkeypatch.setattr(regimes, "DUAL_RESIDUALS", 100)
    monkeypatch.setattr(starts, "FIRST_WIDE_SAMPLE", 80)
    monkeypatch.setattr(problem, "ROW_SPACE_ROWS", 100)
    monkeypatch.setattr(problem, "MOMENTS_FEATURES", 100)
    monkeypatch.setattr(evidence, "LARGEST_MATRIX", 100)


@pytest.fixture(scope="module")
def wide():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 600)) * (rng.random((400, 600)) < 0.05)
    z = X[:, :100].sum(axis=1)
    y = np.tanh(z) + 0.1 * rng.normal(size=400)
    return sp.csr_array(X), y


def model(**kwargs):
    params = {"n_hidden": 3, "alpha": 1e-2, "random_state": 0, **kwargs}
    return TwoLayerSoftmaxRegressor(**params)


def test_matrix_free_reaches_the_exact_minimum(wide, request):
    exact = model(tol=1e-6).fit(*wide)
    request.getfixturevalue("small_matrices")
    free = model(tol=1e-6).fit(*wide)
    assert free.status_ == "converged"
    assert_allclose(free.loss_, exact.loss_, rtol=0.01)
    assert free.history_["sketch_size"][-1] == 0
    assert free.history_["n_cg"].max() > 1
    assert free.history_["n_rows"][0] == 80  # the first sample is solved exactly


def test_dense_rows_more_outputs_and_weights_without_matrices(small_matrices):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 60))
    Y = np.stack([np.sin(X[:, 0]), X[:, 1]], axis=1)
    fitted = model(alpha=1e-3).fit(X, Y, sample_weight=rng.uniform(0.5, 2, 300))
    assert fitted.status_ == "converged"
    assert fitted.history_["n_cg"][-1] > 0
    assert fitted.score(X, Y) > 0.8


def test_without_a_matrix_there_is_no_evidence_and_no_deviation(wide, small_matrices):
    fitted = model().fit(*wide)
    assert np.isnan(fitted.log_evidence_) and np.isnan(fitted.effective_dof_)
    residuals = wide[1] - fitted.predict(wide[0])
    assert_allclose(fitted.noise_variance_, np.mean(residuals**2))
    with pytest.raises(ValueError, match=r"return_std=True is not available.*600"):
        fitted.predict(wide[0], return_std=True)


def test_alpha_and_width_are_then_chosen_on_a_sample(small_matrices, monkeypatch):
    monkeypatch.setattr(search, "MANY_FEATURES", 100)
    monkeypatch.setattr(search, "FEW_SELECTION_ROWS", 90)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 600)) * (rng.random((400, 600)) < 0.05)
    X[:, :3] = rng.normal(size=(400, 3))  # what ninety rows can find
    y = np.tanh(X[:, :3].sum(axis=1)) + 0.1 * rng.normal(size=400)
    X = sp.csr_array(X)
    fitted = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert fitted.history_["n_rows"][-1] == 400
    assert fitted.n_hidden_ > 1 and fitted.score(X, y) > 0.8


def test_the_penalty_on_logits_needs_the_moments(wide, small_matrices):
    with pytest.raises(ValueError, match=r'penalty="logits".*600 x 600'):
        model(penalty="logits").fit(*wide)
