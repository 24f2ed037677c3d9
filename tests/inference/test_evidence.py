from math import lgamma, log, pi

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from sklearn.datasets import load_diabetes, make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._inference.evidence import (
    LARGEST_ALPHA,
    _dual_summary,
    _primal_summary,
    cholesky,
    laplace,
)
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData
from tests.references_network import dense_gauss_newton, each_case, make_network


def laplace_at(network, theta):
    return laplace(network, theta, network.value(theta))


@each_case
def test_values_are_those_of_the_dense_formulas(case):
    network, theta, *data = make_network(**case)
    found = laplace_at(network, theta)
    H = dense_gauss_newton(network, theta, *data)
    inverse = np.linalg.inv(H).diagonal()
    n1, p = network.size1, network.n_params
    alpha, total = network.alpha, network.rows.total_weight
    sizes = np.array([n1, p - n1])
    dof = sizes - np.array(
        [alpha[0] * inverse[:n1].sum(), alpha[1] * inverse[n1:].sum()]
    )
    assert_allclose(found.layer_dof, dof, rtol=1e-6, atol=1e-6)
    N = network.rows.n_outputs * total
    E = total * (network.value(theta) - network.penalty(theta))
    beta = (N - dof.sum()) / (2 * E)
    assert_allclose(found.beta, beta, rtol=1e-6)
    A = total * beta * H
    a = total * beta * np.array(alpha)
    norms = np.array([np.sum(theta[:n1] ** 2), np.sum(theta[n1:] ** 2)])
    expected = -beta * E - 0.5 * a @ norms - 0.5 * np.linalg.slogdet(A)[1]
    expected += 0.5 * sizes @ np.log(a) + N / 2 * log(beta / (2 * pi))
    expected += lgamma(network.n_hidden + 1)
    assert_allclose(found.log_evidence(), expected, rtol=1e-6)


@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_primal_and_dual_agree(penalty, n_outputs):
    network, theta, *_ = make_network(penalty=penalty, n_outputs=n_outputs)
    curvature = Curvature(network, theta)
    primal = _primal_summary(network, curvature.gram()[0])
    dual = _dual_summary(curvature)
    assert_allclose(dual[0], primal[0], rtol=1e-9)
    assert_allclose(dual[1], primal[1], rtol=1e-7, atol=1e-9)


@pytest.fixture
def single():
    """A network on float32 rows, and its start."""
    X, y = make_friedman1(3000, noise=1.0, random_state=0)
    problem = Problem(
        ArrayData(X, y[:, None], np.ones(3000)),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    assert problem.rows.dtype == np.float32
    network = problem.network(4, (1e-3, 1e-3))
    return network, problem.random_start(network, np.random.default_rng(0))


def test_float32_is_precise_enough_or_not_used(single):
    network, theta = single
    double = laplace(network, theta, network.value(theta), coarse=True)
    found = laplace_at(network, theta)
    assert found.log_det != double.log_det and not found.coarse
    assert_allclose(found.log_det, double.log_det, atol=0.02)
    assert_allclose(found.layer_dof, double.layer_dof, atol=0.02)
    # With next to no penalty the matrix is nearly singular.
    faint = network.with_alpha((1e-10, 1e-10))
    found = laplace_at(faint, theta)
    exact = laplace(faint, theta, faint.value(theta), coarse=True)
    assert found.coarse and found.log_det == exact.log_det


def test_exact_for_a_model_that_is_linear_in_its_parameters():
    """A huge α₁ switches the first layer off; the rest is Bayesian regression."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    weight = rng.integers(1, 4, 40)
    model = TwoLayerSoftmaxRegressor(3, alpha=(1e6, 1e-2), random_state=0)
    model.fit(X, y, sample_weight=weight)
    y = np.repeat(y, weight)
    beta = y.var() / model.noise_variance_[0]  # in standardised units
    y = (y - y.mean()) / y.std()
    F = np.repeat(model.hidden_activations(X), weight, axis=0)
    prior_variance = 1 / (len(y) * beta * 1e-2)
    covariance = np.eye(len(y)) / beta + prior_variance * F @ F.T
    exact = multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)
    assert_allclose(model.log_evidence_ - lgamma(4), exact, rtol=1e-6)


def test_weights_are_repetitions():
    X, y = make_friedman1(60, random_state=0)
    counts = np.arange(60) % 3
    a = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y, sample_weight=counts)
    b = TwoLayerSoftmaxRegressor(random_state=0)
    b.fit(X.repeat(counts, axis=0), y.repeat(counts))
    assert a.n_hidden_ == b.n_hidden_
    for name in ("log_evidence_", "effective_dof_", "noise_variance_", "alpha_"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-6)


def test_alpha_is_at_a_maximum_of_the_evidence():
    X, y = load_diabetes(return_X_y=True)
    auto = TwoLayerSoftmaxRegressor(4, random_state=0).fit(X, y)
    evidence = []
    for factor in (0.3, 1.0, 3.0):
        fixed = TwoLayerSoftmaxRegressor(
            4, alpha=(factor * auto.alpha_[0], auto.alpha_[1]), warm_start=True
        )
        fitted = set(vars(auto)) - set(auto.get_params())
        fixed.__dict__.update({name: getattr(auto, name) for name in fitted})
        evidence.append(fixed.fit(X, y).log_evidence_)
    assert evidence[1] > max(evidence[0], evidence[2])
    assert_allclose(evidence[1], auto.log_evidence_, atol=0.05)


@pytest.mark.parametrize(("n", "tolerance"), [(300, 0.25), (2000, 0.1)])
def test_noise_variance_is_that_of_the_data(n, tolerance):
    X, y = make_friedman1(n, noise=2.0, random_state=0)
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert_allclose(model.noise_variance_, 4, rtol=tolerance)


def test_each_output_has_its_own_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    noise = rng.normal(size=(1000, 2)) * [0.5, 20]
    Y = np.column_stack([np.tanh(X[:, 0]), 50 * np.tanh(X[:, 0])]) + noise
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, Y)
    assert_allclose(np.sqrt(model.noise_variance_), [0.5, 20], rtol=0.1)
    _, std = model.predict(X, return_std=True)
    assert_allclose(np.median(std, axis=0), [0.5, 20], rtol=0.1)


def test_zero_penalty_has_no_evidence_but_noise_and_intervals():
    X, y = load_diabetes(return_X_y=True)
    model = TwoLayerSoftmaxRegressor(2, alpha=0, random_state=0).fit(X, y)
    assert model.log_evidence_ == -np.inf
    _, std = model.predict(X, return_std=True)
    assert np.isfinite(std).all() and (std > 0).all()


def test_update_of_alpha_is_bounded_and_leaves_a_dead_layer_alone():
    network, theta, *_ = make_network()
    found = laplace_at(network, theta * 1e-12)
    assert max(found.updated_alpha(1.0)) <= LARGEST_ALPHA
    dead = laplace_at(network, np.zeros_like(theta))
    assert dead.updated_alpha(1.0)[0] == network.alpha[0]


def test_cholesky_mends_a_singular_matrix():
    v = np.random.default_rng(0).normal(size=(5, 3))
    matrix = v @ v.T
    factor = cholesky(matrix)
    assert_allclose(factor @ factor.T, matrix, atol=1e-10)


@pytest.mark.parametrize("size", [1e-310, 1e-290])
def test_the_inverse_of_next_to_no_curvature_is_a_number(size):
    factor = cholesky(np.diag([size, 1.0]))
    assert np.isfinite(1 / factor.diagonal() ** 2).all()
    assert_allclose(cholesky(np.diag([1e-260, 1.0])), np.diag([1e-130, 1.0]))


def test_targets_that_are_rounded_have_noise():
    """Two classes that are told apart exactly keep the noise of a fair coin."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] > 0).astype(float)
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-9, max_iter=500, random_state=0)
    model.fit(X, y)
    assert np.mean((y - model.predict(X)) ** 2) < 1e-3
    assert_allclose(model.noise_variance_, min(1 / 12, y.var() / 3), rtol=1e-9)
    Y = np.column_stack([y, y + 0.1 * rng.normal(size=200)])
    both = model.fit(X, Y).noise_variance_
    assert_allclose(both[0], min(1 / 12, y.var() / 3), rtol=1e-9)
    assert both[1] < 0.02


@pytest.mark.parametrize("seed", range(2))
def test_scales_of_the_targets_are_compared_as_densities_of_the_targets(seed):
    """The one that made the data has the higher evidence, in any unit of y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 2))
    smooth, noise = np.tanh(X[:, 0] + 0.5 * X[:, 1]), rng.normal(size=150)
    logarithms = 2 * smooth + 0.4 * noise
    made = {"log": np.exp(logarithms), "identity": 2 + smooth + 0.2 * noise}
    kwargs = {"n_hidden": 2, "basis": "linear", "random_state": 0}
    evidence = {}
    for name, y in made.items():
        for unit in (1.0, 1e4):
            for scale in ("log", "identity"):
                model = TwoLayerSoftmaxRegressor(target_transform=scale, **kwargs)
                evidence[name, unit, scale] = model.fit(X, y * unit).log_evidence_
    for name, other in (("log", "identity"), ("identity", "log")):
        assert evidence[name, 1.0, name] > evidence[name, 1.0, other] + 3
        for scale in (name, other):
            units = evidence[name, 1.0, scale], evidence[name, 1e4, scale]
            assert_allclose(*units, atol=1e-3)
