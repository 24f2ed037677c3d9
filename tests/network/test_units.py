import numpy as np
import pytest

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._network.problem import Problem
from sksoftnewton._network.units import Units
from sksoftnewton._rows.data import ArrayData
from sksoftnewton._rows.standardisation import Standardisation
from tests.references import objective, standardised

SCALED = [name for name in ACTIVATION_NAMES if name != "identity"]


def problem_of(activation, size=1.0, output_weights=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) * [1.0, 10.0, 0.1] + 2.0
    Y = size * rng.uniform(0.2, 0.9, size=(50, 2))
    weight = rng.uniform(0.5, 2.0, 50)
    problem = Problem(
        ArrayData(X, Y, weight),
        activation=get_activation(activation),
        penalty="weights",
        output_weights=output_weights,
        n_threads=1,
    )
    return problem, standardised(X, weight), Y, weight


@pytest.mark.parametrize("size", [1e-6, 1.0])
@pytest.mark.parametrize("activation", SCALED)
def test_the_objective_inside_is_that_of_the_documentation(activation, size):
    problem, X, Y, weight = problem_of(activation, size)
    alpha = (0.3 * size**2, 0.02)
    network = problem.network(3, problem.units.alpha_inside(alpha))
    np.testing.assert_allclose(problem.units.alpha(network.alpha), alpha)
    theta = np.random.default_rng(1).normal(size=network.n_params)
    A1, _ = network.layers(theta)
    A2 = problem.layers(network, theta).output_coef
    h = get_activation(activation).value
    expected = objective(X, Y, weight, A1, A2, h, alpha)
    actual = problem.units.loss * network.value(theta)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("activation", SCALED)
def test_targets_have_spread_one_inside_and_values_about_size_one(activation):
    problem, _, Y, weight = problem_of(activation, 1e-3)
    np.testing.assert_allclose(problem.rows.target_variance, 2.0, rtol=1e-5)
    goal = get_activation(activation).inverse(Y)  # none is near an end of the range
    mean_square = np.average(np.mean(goal**2, axis=1), weights=weight)
    ratio = problem.units.values.scale**2 / mean_square
    assert (ratio > 0.499).all() and (ratio < 2.001).all()
    np.testing.assert_allclose(problem.output_precision, 0.25 * ratio[0], rtol=1e-9)


@pytest.mark.parametrize("activation", SCALED)
def test_a_given_second_layer_keeps_its_units(activation):
    given = np.array([[0.1, 0.5, 1.0], [-1.0, 0.3, 0.2]])
    problem, *_ = problem_of(activation, output_weights=given)
    network = problem.network(3, (1e-3, 1e-3))
    theta = problem.random_start(network, np.random.default_rng(0))
    np.testing.assert_allclose(problem.layers(network, theta).output_coef, given)


@pytest.mark.parametrize("y", [0.0, 1e-100, 0.7])
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_constant_targets_have_units_too(activation, y):
    X, weight = np.random.default_rng(0).normal(size=(20, 2)), np.ones(20)
    problem = Problem(
        ArrayData(X, np.full((20, 1), y), weight),
        activation=get_activation(activation),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    network = problem.network(2, (1e-3, 1e-3))
    theta = problem.random_start(network, np.random.default_rng(0))
    assert np.isfinite(theta).all() and np.isfinite(network.value(theta))


@pytest.mark.parametrize("activation", SCALED)
def test_no_start_is_worse_than_a_constant(activation):
    # Most targets lie at an end of the range, where h⁻¹ is infinite.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    Y = np.where(X[:, :1] > 1.5, rng.uniform(0.5, 1.0, (200, 1)), 0.0)
    problem = Problem(
        ArrayData(X, Y, np.ones(200)),
        activation=get_activation(activation),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    network = problem.network(4, (1e-9, 1e-9))
    for seed in range(20):
        theta = problem.random_start(network, np.random.default_rng(seed))
        assert network.value(theta) < 0.5 * (1 + 1e-3)  # half the variance inside


# -- logarithms of targets ----------------------------------------------------------


def log_problem(n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    Y = np.exp(rng.normal(size=(40, n_outputs)) + [2.0, -5.0][:n_outputs])
    weight = rng.uniform(0.5, 2.0, 40)
    problem = Problem(
        ArrayData(X, Y, weight),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    return problem, Y, weight


def moments(values, weight):
    mean = np.average(values, axis=0, weights=weight)
    return mean, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))


def test_logarithms_are_standardised_by_their_own_moments():
    problem, Y, weight = log_problem()
    logs = problem.on_log_scale()
    mean, scale = moments(np.log(Y), weight)
    np.testing.assert_allclose(logs.rows.targets, (np.log(Y) - mean) / scale)
    assert logs.log and not problem.log
    np.testing.assert_allclose(logs.units.targets.scale, scale)
    np.testing.assert_allclose(logs.output_precision, 0.25)
    network = logs.network(3, (1e-3, 1e-3))
    theta = np.random.default_rng(1).normal(size=network.n_params)
    layers = logs.layers(network, theta)
    assert layers.log
    _, A2 = network.layers(theta)
    np.testing.assert_allclose(layers.output_coef, A2 * scale[:, None] + mean[:, None])


def test_densities_of_logarithms_are_made_those_of_standardised_targets():
    """By the numeric derivative of the way from standardised y to its logarithm."""
    problem, Y, weight = log_problem()
    logs = problem.on_log_scale()
    mean, scale = moments(Y, weight)
    log_mean, log_scale = moments(np.log(Y), weight)

    def logarithm(standardised):
        return (np.log(standardised * scale + mean) - log_mean) / log_scale

    there, step = (Y - mean) / scale, 1e-5 * Y / scale
    slope = (logarithm(there + step) - logarithm(there - step)) / (2 * step)
    expected = np.sum(weight @ np.log(slope))
    found = logs.units.log_jacobian(logs.rows.targets, logs.rows.weight)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert problem.units.log_jacobian(problem.rows.targets, weight) == 0
    # Of some rows it is their share of the sum.
    some = logs.on(np.arange(10))
    expected = np.sum(weight[:10] @ np.log(slope[:10]))
    found = some.units.log_jacobian(some.rows.targets, some.rows.weight)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_errors_of_logarithms_on_the_scale_of_the_targets():
    problem, Y, weight = log_problem()
    logs = problem.on_log_scale()
    _, log_scale = moments(np.log(Y), weight)
    errors = np.random.default_rng(2).normal(size=Y.shape)
    factor = np.array([1.2, 0.9])
    fitted = np.exp(np.log(Y) + errors * log_scale)
    limited = np.clip(fitted, Y.min(axis=0) / 2, 2 * Y.max(axis=0))
    assert (limited != fitted).any()
    predicted = limited * factor
    found = logs.units.errors_of_unlogged(logs.rows.targets, errors, factor)
    np.testing.assert_allclose(found, (predicted - Y) / moments(Y, weight)[1])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda Y: Y, True),
        (lambda Y: Y - Y.min(), False),  # zero is not positive
        (lambda Y: 1 + Y / Y.max(), False),  # a logarithm is nearly linear there
        (lambda Y: np.hstack([Y, Y]), False),
        (lambda Y: 1e-3 * Y, True),
    ],
)
def test_logarithms_compete_where_they_are_another_scale(change, expected):
    _, Y, _ = log_problem(n_outputs=1)
    assert problem_with(change(Y)).may_be_logs is expected


def test_logarithms_do_not_compete_with_other_activations():
    _, Y, _ = log_problem(n_outputs=1)
    assert not problem_with(Y, "softplus").may_be_logs


def problem_with(Y, activation="identity"):
    return Problem(
        ArrayData(
            np.random.default_rng(0).normal(size=(len(Y), 2)), Y, np.ones(len(Y))
        ),
        activation=get_activation(activation),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )


def test_penalties_of_zero_stay_zero_and_those_that_are_no_numbers_are_named():
    moments = Standardisation(np.zeros(1), np.ones(1))
    units = Units(moments, moments, get_activation("exp"), loss=1e300, second=4.0)
    assert units.alpha_inside((0.0, 0.0)) == (0.0, 0.0)
    assert units.alpha((1e-300, 2.0)) == (1.0, 8.0)
    with pytest.raises(ValueError, match="alpha_ would be too large"):
        units.alpha((1e10, 1.0))
    with pytest.raises(ValueError, match=r"too large or too small.*exp"):
        units.alpha_inside((1e-10, 0.0))
