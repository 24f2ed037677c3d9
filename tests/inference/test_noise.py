import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import norm

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation, softmax
from sksoftnewton._inference import noise
from sksoftnewton._inference.evidence import laplace
from sksoftnewton._inference.noise import (
    LEAST_SQUARE,
    LEVELS,
    NORMAL_RESIDUALS,
    PRIOR_DEVIATION,
    Residuals,
    _of_units,
    quantile_of,
)
from sksoftnewton._inference.validation import leverages, residuals
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def halves(n, seed=0):
    """A quiet half and a loud one."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    deviation = np.where(x[:, 0] < 0, 0.1, 0.5)
    return x, np.sin(3 * x[:, 0]) + deviation * rng.normal(size=n)


def two_units(deviations, n=400, weight=None, n_outputs=1):
    """The posterior of two units that divide the line at zero and predict nothing."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 1))
    Y = np.where(x < 0, *deviations) * rng.normal(size=(n, n_outputs))
    if n_outputs == 2:  # of which the second is as loud everywhere
        Y[:, 1] = 0.3 * rng.normal(size=n)
    if weight is None:
        weight = np.ones(n)
    problem = Problem(
        ArrayData(x, Y, weight),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    network = problem.network(2, (1e-6, 1e-6))
    units = problem.units.values
    A2 = np.zeros((n_outputs, 2)) - (units.mean / units.scale)[:, None]
    A1 = np.array([[-4000.0, 0.0], [4000.0, 0.0]])
    A1[:, 1] = A1[:, 0] * problem.features.mean / problem.features.scale
    theta = network.pack(A1, A2)
    found = laplace(network, theta, network.value(theta))
    return found, problem.units.targets.scale**2


def laplace_of_constant(y, weight=None):
    """The posterior of one unit that predicts the mean."""
    problem = Problem(
        ArrayData(
            np.zeros((len(y), 1)),
            y[:, None],
            np.ones(len(y)) if weight is None else weight.astype(float),
        ),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    network = problem.network(1, (1.0, 1e-6))
    theta = np.zeros(network.n_params)
    return laplace(network, theta, network.value(theta))


@pytest.mark.parametrize("deviations", [(0.1, 0.5), (0.4, 0.2)])
def test_two_variances_are_recovered(deviations):
    found, square = two_units(deviations)
    estimated = np.sqrt(Residuals.of(found).unit_variances() * square[:, None])
    assert_allclose(estimated, [deviations], rtol=0.12)


def test_each_output_has_its_own():
    found, square = two_units((0.1, 0.5), n_outputs=2)
    estimated = np.sqrt(Residuals.of(found).unit_variances() * square[:, None])
    assert_allclose(estimated, [[0.1, 0.5], [0.3, 0.3]], rtol=0.12)
    assert estimated[1, 0] == estimated[1, 1]
    assert_allclose(
        Residuals.of(found).unit_variances()[1, 0], found.noise_variances()[1]
    )


@pytest.mark.parametrize("seed", range(5))
def test_constant_noise_is_the_same_for_all_units(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (300, 2))
    y = np.sin(3 * x[:, 0]) * x[:, 1] + 0.3 * rng.normal(size=300)
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0).fit(x, y)
    assert model.unit_noise_variance_.shape == (1, 4)
    assert (model.unit_noise_variance_ == model.noise_variance_[0]).all()


def test_units_of_their_own_need_decisive_residuals(monkeypatch):
    found, _ = two_units((0.29, 0.3))
    constant = found.noise_variances()[0]
    assert (Residuals.of(found).unit_variances() == constant).all()
    monkeypatch.setattr(noise, "DECISIVE", -100.0)
    assert (Residuals.of(found).unit_variances() != constant).all()


def test_the_gain_is_one_of_the_likelihood_of_rows_left_out(monkeypatch):
    """The least threshold that rejects is log p(own variances) − log p(constant)."""
    found, _ = two_units((0.25, 0.35), n=20)
    h = leverages(found)[:, 0]
    c = residuals(found.network, found.theta)[:, 0]
    constant = found.noise_variances()[0]
    monkeypatch.setattr(noise, "DECISIVE", -100.0)
    own = Residuals.of(found).unit_variances()[0]
    A1, _ = found.network.layers(found.theta)
    f = softmax(found.network.rows.whole().logits(A1)).T
    variances = np.exp(f @ np.log(own))
    left_out = c / (1 - h)

    def log_density(variance):
        return -0.5 * np.sum(np.log(variance) + left_out**2 / variance)

    gain = log_density(variances) - log_density(np.full(20, constant))
    # One variance more has to gain one.
    for threshold, kept in ((gain - 1.001, True), (gain - 0.999, False)):
        monkeypatch.setattr(noise, "DECISIVE", threshold)
        assert (Residuals.of(found).unit_variances()[0] != constant).all() == kept


def test_variances_maximise_the_likelihood_of_gammas():
    rng = np.random.default_rng(0)
    f = rng.dirichlet([0.3, 0.3, 0.3], 100)
    squares = np.exp(f @ [0.0, 2.0, -1.0]) * rng.chisquare(1, 100) + LEAST_SQUARE
    weight = rng.uniform(0.5, 2, 100)

    def loss(logarithms):
        rows = f @ logarithms
        likelihood = weight @ (rows + squares * np.exp(-rows))
        return likelihood + np.sum((np.asarray(logarithms) / PRIOR_DEVIATION) ** 2)

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    assert_allclose(_of_units(f, squares, weight), np.exp(best), rtol=1e-4)


def test_weights_are_repetitions():
    weight = np.random.default_rng(3).integers(0, 4, 120)
    x, y = halves(120)
    kwargs = {"n_hidden": 4, "alpha": 1e-3, "random_state": 0}
    a = TwoLayerSoftmaxRegressor(**kwargs).fit(x, y, weight)
    rows = np.repeat(np.arange(120), weight)
    b = TwoLayerSoftmaxRegressor(**kwargs).fit(x[rows], y[rows])
    assert np.ptp(a.unit_noise_variance_) > 0
    assert_allclose(a.unit_noise_variance_, b.unit_noise_variance_, rtol=1e-10)


def test_some_rows_of_many_are_enough(monkeypatch):
    found, square = two_units((0.1, 0.5), n=3000)
    assert_allclose(
        np.sqrt(Residuals.of(found).unit_variances() * square), [[0.1, 0.5]], rtol=0.05
    )
    monkeypatch.setattr(noise, "MOST_ROWS", 500)
    some = Residuals.of(found).unit_variances()
    assert_allclose(np.sqrt(some * square), [[0.1, 0.5]], rtol=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_each_half_is_covered(seed):
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(*halves(1000, seed))
    x, y = halves(4000, 100 + seed)
    ends = model.predict_interval(x, 0.95)
    inside = (ends[:, 0] < y) & (y < ends[:, 1])
    quiet = x[:, 0] < 0
    assert_allclose([inside[quiet].mean(), inside[~quiet].mean()], 0.95, atol=0.04)
    constant = TwoLayerSoftmaxRegressor(noise="constant", random_state=0)
    constant.fit(*halves(1000, seed))
    np.testing.assert_array_equal(constant.predict(x), model.predict(x))
    assert (constant.unit_noise_variance_ == constant.noise_variance_).all()
    std = constant.predict(x, return_std=True)[1]
    covered = np.abs(y - constant.predict(x)) < 1.96 * std
    assert covered[quiet].mean() > 0.99 and covered[~quiet].mean() < 0.9


def test_the_noise_at_a_row_is_a_geometric_mean_of_those_of_the_units():
    x, y = halves(400)
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0).fit(x, y)
    f = model.hidden_activations(x)
    local = np.exp(f @ np.log(model.unit_noise_variance_[0]))
    std = model.predict(x, return_std=True)[1]
    constant = TwoLayerSoftmaxRegressor(4, alpha=1e-3, noise="constant", random_state=0)
    of_parameters = constant.fit(x, y).predict(x, return_std=True)[1] ** 2
    of_parameters -= constant.noise_variance_
    assert_allclose(std**2, local + of_parameters, rtol=1e-9)


def test_quantiles_of_residuals():
    rng = np.random.default_rng(0)
    normal, skewed = rng.normal(size=4000), rng.standard_exponential(4000) - 1
    for y, inverse in ((normal, norm.ppf), (skewed, lambda p: -np.log1p(-p) - 1)):
        found = laplace_of_constant(y)
        quantiles = Residuals.of(found).quantiles(found.noise_variances()[:, None])
        for share in (0.1, 0.5, 0.9):
            expected = inverse(share) / y.std()
            assert_allclose(quantile_of(quantiles, share), expected, atol=0.06)
    outer = quantile_of(quantiles, 0.9999) / quantile_of(quantiles, LEVELS[-1])
    assert_allclose(outer, norm.ppf(0.9999) / norm.ppf(LEVELS[-1]))


def test_quantiles_take_weights_for_repetitions():
    rng = np.random.default_rng(0)
    y, weight = rng.normal(size=40), rng.integers(1, 4, 40)
    pair = laplace_of_constant(y, weight), laplace_of_constant(np.repeat(y, weight))
    one, other = (Residuals.of(p).quantiles(p.noise_variances()[:, None]) for p in pair)
    assert_allclose(one, other, rtol=1e-10)


# -- quantiles of residuals ----------------------------------------------------------


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_quantiles_are_those_of_standardised_residuals_drawn_to_normal_ones(n_outputs):
    found, _ = two_units((0.1, 0.5), n=151, n_outputs=n_outputs)
    variances = Residuals.of(found).unit_variances()
    f = softmax(found.network.rows.whole().logits(found.network.layers(found.theta)[0]))
    of_rows = np.exp(f.T @ np.log(variances).T)
    y_minus_prediction = -residuals(found.network, found.theta)
    z = y_minus_prediction / np.sqrt(of_rows * (1 - leverages(found)))
    own = np.quantile(z, LEVELS, axis=0, method="inverted_cdf").T
    share = NORMAL_RESIDUALS / (NORMAL_RESIDUALS + 151)
    expected = share * norm.ppf(LEVELS) + (1 - share) * own
    quantiles = Residuals.of(found).quantiles(variances)
    assert_allclose(quantiles, expected, rtol=1e-8, atol=1e-10)
    assert quantile_of(quantiles, 0.5).shape == (n_outputs,)
    assert_allclose(quantile_of(quantiles, 0.25), expected[:, 49])
    # Beyond the outer levels the quantiles go on as those of a normal distribution.
    outer = quantile_of(quantiles, 1e-4) / expected[:, 0]
    assert_allclose(outer, norm.ppf(1e-4) / norm.ppf(0.005))
