import tracemalloc

import numpy as np
import pytest

from sksoftnewton._activations import get_activation, softmax
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.objective import Network
from sksoftnewton._rows import interface
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Standardisation
from tests.references import directional_derivative, forward, jacobian, objective
from tests.references_network import ALPHA, D, K, N, each_case, make_network


@each_case
def test_value_is_the_documented_objective(case):
    network, theta, X, Y, weight = make_network(**case)
    A1, A2 = network.layers(theta)
    expected = objective(
        X,
        Y,
        weight,
        A1,
        A2,
        network.activation.value,
        ALPHA,
        penalty=case.get("penalty", "weights"),
        learned=not case.get("fixed_output"),
    )
    np.testing.assert_allclose(network.value(theta), expected, rtol=1e-12)
    value, _ = network.value_and_gradient(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@each_case
def test_gradient_matches_stencil(case):
    network, theta, *_ = make_network(**case)
    _, gradient = network.value_and_gradient(theta)
    expected = jacobian(network.value, theta)
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)


@each_case
def test_hessian_product_matches_stencil_of_the_gradient(case):
    network, theta, *_ = make_network(**case)
    vectors = np.random.default_rng(0).normal(size=(5, len(theta)))
    for vector in vectors:
        v = vector / np.linalg.norm(vector)
        expected = directional_derivative(
            lambda t: network.value_and_gradient(t)[1], theta, v
        )
        product = network.hessian_product(theta, v)
        np.testing.assert_allclose(product, expected, rtol=1e-7, atol=1e-9)
        hessian, _ = Curvature(network, theta).gram(exact=True)
        np.testing.assert_allclose(hessian @ v, product, rtol=1e-10, atol=1e-12)


def test_taylor_slopes():
    """Errors of the linear and quadratic models fall like t² and t³."""
    network, theta, *_ = make_network("softplus")
    v = np.random.default_rng(1).normal(size=len(theta))
    v /= np.linalg.norm(v)
    value, gradient = network.value_and_gradient(theta)
    curvature = v @ network.hessian_product(theta, v)
    t = np.logspace(-2.5, -1, 8)
    linear = [network.value(theta + s * v) - value - s * gradient @ v for s in t]
    quadratic = linear - t**2 / 2 * curvature
    for errors, order in ((linear, 2), (quadratic, 3)):
        slope = np.polyfit(np.log(t), np.log(np.abs(errors)), 1)[0]
        assert abs(slope - order) < 0.1


def test_hessian_is_gauss_newton_at_zero_residual():
    network, theta, X, _, _ = make_network()
    A1, A2 = network.layers(theta)
    network.rows.targets[:] = forward(X, A1, A2, network.activation.value)
    v = np.random.default_rng(0).normal(size=len(theta))
    np.testing.assert_allclose(
        network.hessian_product(theta, v), network.gauss_newton_product(theta, v)
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_equal_the_whole(monkeypatch, sparse):
    network, theta, *_ = make_network(n=1000, sparse=sparse)
    assert len(range(0, 1000, network.rows.block_rows(2 * K))) == 1
    whole = network.value_and_gradient(theta), Curvature(network, theta).gram()[0]
    monkeypatch.setattr(interface, "BLOCK_ELEMENTS", 1)
    network, theta, *_ = make_network(n=1000, sparse=sparse)
    assert len(range(0, 1000, network.rows.block_rows(2 * K))) == 4
    value, gradient = network.value_and_gradient(theta)
    np.testing.assert_allclose(value, whole[0][0], rtol=1e-12)
    np.testing.assert_allclose(gradient, whole[0][1], atol=1e-13)
    np.testing.assert_allclose(
        Curvature(network, theta).gram()[0], whole[1], atol=1e-13
    )


def test_start_solves_the_ridge_regression_on_the_memberships():
    network, _, X, Y, weight = make_network(n_outputs=2)
    A1 = np.random.default_rng(0).normal(size=(K, D + 1))
    _, A2 = network.layers(network.start(A1))
    F = softmax(A1 @ np.column_stack([X, np.ones(N)]).T)
    gram = (F * weight) @ F.T / weight.sum()
    ridge = max(ALPHA[1], 1e-3 * np.trace(gram) / K)
    mean = np.average(Y, axis=0, weights=weight)[:, None]
    gradient = A2 @ gram + ridge * (A2 - mean) - (Y.T * weight) @ F.T / weight.sum()
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("activation", ["identity", "exp"])
def test_huge_logits_and_outputs_give_no_nan_and_no_warning(activation):
    network, theta, *_ = make_network(activation)
    value, _ = network.value_and_gradient(1e4 * theta)
    assert not np.isnan(value)


@pytest.mark.parametrize(("dtype", "logit"), [(np.float64, 709.0), (np.float32, 88.0)])
def test_outputs_of_exponentials_that_are_just_finite(dtype, logit):
    """exp(z) is a number, its product with the second layer is none."""
    X = np.array([[1.0], [-1.0]])
    rows = Rows(X, X, np.ones(2), Standardisation.of(X, np.ones(2)), dtype=dtype)
    network = Network(rows, 2, get_activation("identity"), (0.0, 0.0))
    A1 = np.array([[logit, 0.0], [-logit, 0.0]])
    theta = network.pack(A1, np.array([[100.0, -100.0]]))
    value, gradient = network.value_and_gradient(theta)
    assert value == pytest.approx(0.5 * 99.0**2)
    assert np.isfinite(gradient).all()


def test_symmetries():
    """A vector added to every row of A1, and a permutation of the units."""
    network, theta, X, _, _ = make_network()
    A1, A2 = network.layers(theta)
    h = network.activation.value
    shifted = A1 + np.random.default_rng(0).normal(size=D + 1)
    order = [2, 0, 1]
    expected = forward(X, A1, A2, h)
    np.testing.assert_allclose(forward(X, shifted, A2, h), expected, atol=1e-12)
    value = network.value(network.pack(A1[order], A2[:, order]))
    np.testing.assert_allclose(value, network.value(theta), rtol=1e-13)


def test_memory_is_bounded_by_blocks():
    """No array of n x model size is made: 40 MB for 10^5 rows and 460 parameters."""
    rng = np.random.default_rng(0)
    n, d, k = 100_000, 10, 40
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, 1))
    rows = Rows(X, Y, np.ones(n), Standardisation.identity(d))
    network = Network(rows, k, get_activation("identity"), ALPHA)
    theta = rng.normal(size=network.n_params)
    tracemalloc.start()
    network.value_and_gradient(theta)
    assert Curvature(network, theta).gram()[0].shape == (480, 480)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6 < n * network.n_params * 8 / 4


def test_rows_are_asked_once_for_the_same_parameters(monkeypatch):
    network, theta, *_ = make_network()
    asked, total = [], Rows.sum

    def counted(self, *args):
        asked.append(self)
        return total(self, *args)

    monkeypatch.setattr(Rows, "sum", counted)
    value, gradient = network.value_and_gradient(theta)
    stronger = network.with_alpha((2 * ALPHA[0], 3 * ALPHA[1]))
    assert stronger.knows_value_at(theta)
    found = stronger.value_and_gradient(theta)
    squares = stronger.residual_squares(theta)
    assert len(asked) == 1
    other = network.on(network.rows, stronger.alpha)
    expected = other.value_and_gradient(theta.copy())
    assert found[0] == expected[0] > value
    np.testing.assert_array_equal(found[1], expected[1])
    assert not np.array_equal(found[1], gradient)
    np.testing.assert_array_equal(squares, other.residual_squares(theta))
    assert not stronger.knows_value_at(theta + 1)
    assert stronger.value(theta + 1) != found[0]
