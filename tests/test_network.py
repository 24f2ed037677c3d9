import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

from sksoftnewton import _curvature, _rows
from sksoftnewton._activations import ACTIVATION_NAMES, get_activation, softmax
from sksoftnewton._coordinates import Whitening
from sksoftnewton._network import Network
from sksoftnewton._rows import Rows, Standardisation
from tests.references import (
    directional_derivative,
    forward,
    jacobian,
    objective,
    standardised,
)

ALPHA = (0.03, 0.007)
N, D, K = 40, 4, 3


def make_network(
    activation="identity",
    n_outputs=2,
    sparse=False,
    weighted=True,
    penalty="weights",
    fixed_output=False,
    n=N,
):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, D)) * [1, 5, 0.1, 2] + [0, 1, 2, 3]
    X[rng.random((n, D)) < 0.4] = 0
    Y = rng.uniform(0.1, 0.9, size=(n, n_outputs))
    weight = rng.uniform(0, 2, n) if weighted else np.ones(n)
    A = sp.csr_array(X) if sparse else X
    rows = Rows(A, Y, weight, Standardisation.of(A, weight))
    network = Network(
        rows,
        K,
        get_activation(activation),
        ALPHA,
        whitening=Whitening(rows.second_moments) if penalty == "logits" else None,
        output_weights=rng.normal(size=(n_outputs, K)) if fixed_output else None,
    )
    X = standardised(X, weight)
    theta = rng.normal(size=network.n_params)
    if activation == "relu":  # stencils must not straddle a kink
        while np.abs(forward(X, *network.layers(theta), lambda u: u)).min() < 0.02:
            theta = rng.normal(size=network.n_params)
    return network, theta, X, Y, weight


CASES = [
    *(dict(activation=name, n_outputs=m) for name in ACTIVATION_NAMES for m in (1, 3)),
    dict(weighted=False),
    dict(sparse=True),
    dict(sparse=True, penalty="logits", activation="tanh"),
    dict(penalty="logits"),
    dict(fixed_output=True),
    dict(fixed_output=True, penalty="logits", activation="softplus"),
]


@pytest.fixture(params=CASES, ids=lambda case: ",".join(map(str, case.values())))
def case(request):
    return request.param


def dense_residuals(network, theta, X, Y, weight):
    """Weighted residuals r(θ) with |r|²/2 the first term of F."""
    A1, A2 = network.layers(theta)
    c = forward(X, A1, A2, network.activation.value) - Y
    return (np.sqrt(weight / weight.sum())[:, None] * c).T.ravel()


def dense_gauss_newton(network, theta, *data):
    J = jacobian(lambda t: dense_residuals(network, t, *data), theta)
    return J.T @ J + np.diag(network.ridge)


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
        case.get("penalty", "weights"),
        learned=not case.get("fixed_output"),
    )
    np.testing.assert_allclose(network.value(theta), expected, rtol=1e-12)
    value, _ = network.value_and_gradient(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_gradient_matches_stencil(case):
    network, theta, *_ = make_network(**case)
    _, gradient = network.value_and_gradient(theta)
    expected = jacobian(network.value, theta)
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)


def test_gauss_newton_product_and_gram_match_dense_jacobian(case):
    network, theta, *data = make_network(**case)
    expected = dense_gauss_newton(network, theta, *data)
    gram, _ = network.curvature(theta).gram()
    np.testing.assert_allclose(gram, expected, rtol=1e-7, atol=1e-8)
    vectors = np.random.default_rng(0).normal(size=(5, len(theta)))
    for v in vectors:
        product = network.gauss_newton_product(theta, v)
        np.testing.assert_allclose(product, gram @ v, rtol=1e-10, atol=1e-10)


def test_hessian_product_matches_stencil_of_the_gradient(case):
    network, theta, *_ = make_network(**case)
    vectors = np.random.default_rng(0).normal(size=(5, len(theta)))
    for v in vectors:
        v /= np.linalg.norm(v)
        expected = directional_derivative(
            lambda t: network.value_and_gradient(t)[1], theta, v
        )
        product = network.hessian_product(theta, v)
        np.testing.assert_allclose(product, expected, rtol=1e-7, atol=1e-9)
        hessian, _ = network.curvature(theta).gram(exact=True)
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
    whole = network.value_and_gradient(theta), network.curvature(theta).gram()[0]
    monkeypatch.setattr(_rows, "BLOCK_ELEMENTS", 1)
    network, theta, *_ = make_network(n=1000, sparse=sparse)
    assert len(range(0, 1000, network.rows.block_rows(2 * K))) == 4
    value, gradient = network.value_and_gradient(theta)
    np.testing.assert_allclose(value, whole[0][0], rtol=1e-12)
    np.testing.assert_allclose(gradient, whole[0][1], atol=1e-13)
    np.testing.assert_allclose(network.curvature(theta).gram()[0], whole[1], atol=1e-13)


@pytest.mark.parametrize("exact", [False, True])
def test_gram_does_not_depend_on_the_parts(monkeypatch, exact):
    network, theta, *_ = make_network()
    expected, metric = network.curvature(theta).gram(exact=exact)
    monkeypatch.setattr(_curvature, "PART_ELEMENTS", 1)
    monkeypatch.setattr(_curvature, "LEAST_PART", 1)
    again, same_metric = network.curvature(theta).gram(exact=exact)
    np.testing.assert_allclose(again, expected, atol=1e-14)
    np.testing.assert_allclose(same_metric, metric, atol=1e-14)


def test_dual_rows_are_the_dense_jacobian(case):
    network, theta, *data = make_network(**case)
    curvature = network.curvature(theta)
    dual = curvature.dual()
    J = jacobian(lambda t: dense_residuals(network, t, *data), theta)
    np.testing.assert_allclose(
        dual.residual, dense_residuals(network, theta, *data), atol=1e-12
    )
    rng = np.random.default_rng(0)
    v, t = rng.normal(size=len(theta)), rng.normal(size=len(J))
    np.testing.assert_allclose(dual.matvec(v), J @ v, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(dual.rmatvec(t), J.T @ t, rtol=1e-7, atol=1e-8)
    metric = dual.metric()
    np.testing.assert_allclose(metric, curvature.gram()[1], rtol=1e-9)
    np.testing.assert_allclose(
        dual.gram(metric), (J / metric) @ J.T, rtol=1e-6, atol=1e-7
    )


def test_start_solves_the_ridge_regression_on_the_memberships():
    network, _, X, Y, weight = make_network(n_outputs=2)
    A1 = np.random.default_rng(0).normal(size=(K, D + 1))
    _, A2 = network.layers(network.start(A1))
    F = softmax(A1 @ np.column_stack([X, np.ones(N)]).T)
    gram = (F * weight) @ F.T / weight.sum()
    ridge = max(ALPHA[1], 1e-3 * np.trace(gram) / K)
    gradient = A2 @ (gram + ridge * np.eye(K)) - (Y.T * weight) @ F.T / weight.sum()
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("activation", ["identity", "exp"])
def test_huge_logits_and_outputs_give_no_nan_and_no_warning(activation):
    network, theta, *_ = make_network(activation)
    value, _ = network.value_and_gradient(1e4 * theta)
    assert not np.isnan(value)


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
    import tracemalloc

    rng = np.random.default_rng(0)
    n, d, k = 100_000, 10, 40
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, 1))
    rows = Rows(X, Y, np.ones(n), Standardisation.identity(d))
    network = Network(rows, k, get_activation("identity"), ALPHA)
    theta = rng.normal(size=network.n_params)
    tracemalloc.start()
    network.value_and_gradient(theta)
    assert network.curvature(theta).gram()[0].shape == (480, 480)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6 < n * network.n_params * 8 / 4


# -- sketches ---------------------------------------------------------------------

KINDS = ["uniform", "leverage", "countsketch"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_sketch_has_the_matrix_for_expectation(kind, n_outputs):
    network, theta, *_ = make_network(n=60, n_outputs=n_outputs)
    curvature = network.curvature(theta)
    exact, metric = curvature.gram()
    rng = np.random.default_rng(0)
    draws = [curvature.sketched_gram(kind, 30, rng) for _ in range(3000)]
    matrices = np.array([matrix for matrix, _ in draws])
    error = matrices.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(matrices.mean(axis=0) - exact) < 5 * error + 1e-12)
    mean_metric = np.mean([m for _, m in draws], axis=0)
    np.testing.assert_allclose(mean_metric, metric, rtol=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalty", ["weights", "logits"])
def test_a_sketch_is_spectrally_near(kind, penalty):
    """Of 40 rows a parameter: within a factor of two in every direction."""
    network, theta, *_ = make_network(n=3000, n_outputs=1, penalty=penalty)
    curvature = network.curvature(theta)
    exact, _ = curvature.gram()
    rng = np.random.default_rng(0)
    for _ in range(5):
        sketched, _ = curvature.sketched_gram(kind, 40 * len(exact), rng)
        values = scipy.linalg.eigh(sketched, exact, eigvals_only=True)
        assert 0.5 < values[0] and values[-1] < 2.0


def test_leverage_finds_the_row_that_uniform_sampling_misses():
    network, theta, X, *_ = make_network(n=2000, n_outputs=1, weighted=False)
    X[0] = 100.0  # alone in its direction
    ones = np.ones(2000)
    rows = Rows(X, network.rows.targets, ones, Standardisation.of(X, ones))
    drawn = rows.draw(100, np.random.default_rng(0), by_leverage=True)
    assert (drawn.X[:, 0] == 100).any()
    plain = rows.draw(100, np.random.default_rng(0))
    assert not (plain.X[:, 0] == 100).any()
    np.testing.assert_allclose(drawn.weight.sum(), 2000, rtol=0.3)


@pytest.mark.parametrize("penalty", ["weights", "logits"])
def test_diagonal_metric_is_that_of_the_matrix(penalty):
    network, theta, *_ = make_network(penalty=penalty, sparse=True)
    curvature = network.curvature(theta)
    np.testing.assert_allclose(
        curvature.diagonal_metric(), curvature.gram()[1], rtol=1e-10
    )
