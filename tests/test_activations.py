import pickle

import numpy as np
import pytest

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation, softmax
from tests.references import directional_derivative

SMOOTH = [name for name in ACTIVATION_NAMES if name != "relu"]


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_match_stencil(name):
    h = get_activation(name)
    u = np.linspace(-3, 3, 41)
    for f, df in ((h.value, h.d1), (h.d1, h.d2), (h.d2, h.d3)):
        expected = directional_derivative(f, u, np.ones_like(u))
        np.testing.assert_allclose(df(u), expected, atol=1e-10, rtol=1e-9)


def test_relu_derivative():
    h = get_activation("relu")
    np.testing.assert_array_equal(h.d1(np.array([-1.0, 0.0, 2.0])), [0, 0, 1])
    assert not h.d2(np.ones(2)).any() and not h.d3(np.ones(2)).any()


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_inverse(name):
    h = get_activation(name)
    u = np.linspace(0.1, 3, 30)
    np.testing.assert_allclose(h.inverse(h.value(u)), u, rtol=1e-10)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_inverse_of_targets_is_finite_at_the_ends_of_the_range(name):
    h = get_activation(name)
    lower, upper = h.target_range
    ends = [end for end in (lower, upper) if np.isfinite(end)] + [0.5]
    u = h.inverse_of_targets(np.array([ends]), np.array([[0.5]]))
    assert np.isfinite(u).all()
    np.testing.assert_allclose(h.value(u[0, -1:]), 0.5)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivative_range_is_that_of_a_fine_grid(name, order):
    h = get_activation(name)
    lower, upper = np.array([-6.0, -2.0, 0.3, -0.7]), np.array([6.0, 0.5, 1.5, 1.9])
    smallest, largest = h.derivative_range(order, lower, upper)
    function = (h.value, h.d1, h.d2, h.d3)[order]
    for i in range(len(lower)):
        values = function(np.linspace(lower[i], upper[i], 20001))
        np.testing.assert_allclose(smallest[i], values.min(), atol=1e-6)
        np.testing.assert_allclose(largest[i], values.max(), atol=1e-6)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e4, 1e300])
def test_softmax_is_safe_for_any_size(size):
    z = size * np.array([[1.0, -1.0, 0.0], [0.5, -3.0, 0.0], [-1.0, 2.0, 0.0]])
    f = softmax(z)
    assert np.isfinite(f).all() and (f >= 0).all()
    np.testing.assert_allclose(f.sum(axis=0), 1)
    np.testing.assert_allclose(f[:, 2], 1 / 3)


def test_softmax_ignores_a_common_shift():
    z = np.random.default_rng(0).normal(size=(4, 5))
    np.testing.assert_allclose(softmax(z + 700), softmax(z), rtol=1e-10)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_activations_pickle(name):
    assert pickle.loads(pickle.dumps(get_activation(name))) is get_activation(name)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_a_scaled_activation_is_the_one_it_says(name):
    h, scaled = get_activation(name), get_activation(name).scaled(3.0, 0.5)
    u = np.linspace(-0.85, 0.85, 18)
    np.testing.assert_allclose(scaled.value(u), h.value(3 * u) / 0.5)
    for function, derivative in (
        (scaled.value, scaled.d1),
        (scaled.d1, scaled.d2),
        (scaled.d2, scaled.d3),
    ):
        slope = directional_derivative(lambda t, f=function: f(u + t), 0.0, 1.0)
        np.testing.assert_allclose(derivative(u), slope, atol=1e-7)
    inside = np.linspace(0.01, 0.9, 10)
    np.testing.assert_allclose(scaled.inverse(scaled.value(inside)), inside)
    restored = pickle.loads(pickle.dumps(scaled))
    np.testing.assert_array_equal(restored.value(u), scaled.value(u))
    assert restored.scales == (3.0, 0.5)
    smallest, largest = scaled.derivative_range(1, np.array([-2.0]), np.array([1.0]))
    values = scaled.d1(np.linspace(-2, 1, 20001))
    np.testing.assert_allclose([smallest[0], largest[0]], [values.min(), values.max()])


def test_targets_may_come_near_an_end_if_most_do():
    h = get_activation("sigmoid")
    y = np.array([[0.0, 1e-6, 2e-6]])
    u = h.inverse_of_targets(y, y.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(h.value(u), [[1e-8, 1e-6, 2e-6]], rtol=1e-6)
