import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._activations import get_activation
from sksoftnewton._network import curvature as curvature_module
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData
from tests.references_network import dense_gauss_newton, each_case, make_network


@each_case
def test_gauss_newton_product_and_gram_match_dense_jacobian(case):
    network, theta, *data = make_network(**case)
    expected = dense_gauss_newton(network, theta, *data)
    gram, _ = Curvature(network, theta).gram()
    np.testing.assert_allclose(gram, expected, rtol=1e-7, atol=1e-8)
    vectors = np.random.default_rng(0).normal(size=(5, len(theta)))
    for v in vectors:
        product = network.gauss_newton_product(theta, v)
        np.testing.assert_allclose(product, gram @ v, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("exact", [False, True])
def test_gram_does_not_depend_on_the_parts(monkeypatch, exact):
    network, theta, *_ = make_network()
    expected, metric = Curvature(network, theta).gram(exact=exact)
    monkeypatch.setattr(curvature_module, "PART_ROWS", (3, 3))
    again, same_metric = Curvature(network, theta).gram(exact=exact)
    np.testing.assert_allclose(again, expected, atol=1e-14)
    np.testing.assert_allclose(same_metric, metric, atol=1e-14)


@pytest.mark.parametrize("activation", ["identity", "softplus"])
@pytest.mark.parametrize("penalty", ["weights", "logits"])
def test_diagonal_metric_is_that_of_the_matrix(penalty, activation):
    network, theta, *_ = make_network(activation, penalty=penalty, sparse=True)
    curvature = Curvature(network, theta)
    np.testing.assert_allclose(
        curvature.diagonal_metric(), curvature.gram()[1], rtol=1e-10
    )


def test_the_metric_is_the_mean_curvature_of_a_unit_and_that_of_each_value():
    network, theta, *_ = make_network(n_outputs=2)
    H, metric = Curvature(network, theta).gram()
    k, D = network.shape1
    curvature = H.diagonal() - network.ridge
    units = curvature[: k * D].reshape(k, D).mean(axis=1) + network.alpha[0]
    np.testing.assert_allclose(metric[: k * D], np.repeat(units, D), rtol=1e-12)
    values = curvature[k * D :] + network.alpha[1]
    np.testing.assert_allclose(metric[k * D :], values, rtol=1e-12)


def test_the_metric_of_a_dead_unit_has_a_floor():
    network, theta, *_ = make_network()
    unit = np.array([1.0, 0.0, 2.0]) * network.mean_over
    network.ridge = np.zeros_like(network.ridge)
    network.alpha = (0.0, 0.0)
    metric = Curvature(network, theta).metric(unit, np.zeros(network.shape2))
    first = metric[: network.size1].reshape(network.shape1)
    np.testing.assert_allclose(first[:, 0], [1.0, 1e-4, 2.0])
    np.testing.assert_allclose(metric[network.size1 :], 1e-12)


# -- sketches ---------------------------------------------------------------------

KINDS = ["uniform", "leverage", "countsketch"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_sketch_has_the_matrix_for_expectation(kind, n_outputs):
    network, theta, *_ = make_network(n=60, n_outputs=n_outputs)
    curvature = Curvature(network, theta)
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
    curvature = Curvature(network, theta)
    exact, _ = curvature.gram()
    rng = np.random.default_rng(0)
    for _ in range(5):
        sketched, _ = curvature.sketched_gram(kind, 40 * len(exact), rng)
        values = scipy.linalg.eigh(sketched, exact, eigvals_only=True)
        assert values[0] > 0.5 and values[-1] < 2.0


def test_only_the_leverage_sketch_draws_by_leverage():
    """With all leverage on one row it draws no other."""
    network, theta, *_ = make_network(n=500)
    network.rows._by_leverage = lambda at: (np.full(len(at), 499), np.ones(len(at)))
    rng = np.random.default_rng(0)
    drawn = []
    original = network.rows.take

    def recorded(rows, *rest):
        drawn.append(set(rows))
        return original(rows, *rest)

    network.rows.take = recorded
    for kind in ("uniform", "leverage"):
        Curvature(network, theta).sketched_gram(kind, 50, rng)
    assert len(drawn[0]) > 30 and drawn[1] == {499}


@pytest.mark.parametrize("exact", [False, True])
def test_few_stored_entries_give_the_matrix_of_dense_rows(exact):
    X = sp.random_array(
        (300, 30), density=0.03, format="csr", rng=np.random.default_rng(0)
    )
    y = np.random.default_rng(1).normal(size=(300, 1))
    networks = [
        Problem(
            ArrayData(rows, y, np.linspace(1, 2, 300)),
            activation=get_activation("softplus"),
            penalty="weights",
            output_weights=None,
            n_threads=1,
        ).network(3, (1e-3, 1e-2))
        for rows in (X, X.toarray())
    ]
    sparse, dense = networks
    assert sparse.row_work < dense.row_work / 3
    theta = np.random.default_rng(2).normal(size=sparse.n_params)
    for ours, expected in zip(
        Curvature(sparse, theta).gram(exact=exact),
        Curvature(dense, theta).gram(exact=exact),
        strict=True,
    ):
        assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("exact", [False, True])
def test_csr_rows_may_be_full_in_some_blocks_and_empty_in_others(exact):
    rng = np.random.default_rng(0)
    n, d = 10_000, 50
    full = np.where(np.arange(n)[:, None] < 0.18 * n, 1.0, 0.01)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < full)
    networks = [
        Problem(
            ArrayData(rows, X[:, :1], np.ones(n)),
            activation=get_activation("identity"),
            penalty="weights",
            output_weights=None,
            n_threads=1,
        )
        .double()
        .network(2, (1e-3, 1e-2))
        for rows in (sp.csr_array(X), X)
    ]
    assert n > networks[0].rows.block_rows(0)
    theta = rng.normal(size=networks[0].n_params)
    ours, expected = (Curvature(net, theta).gram(exact=exact)[0] for net in networks)
    assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_the_work_of_a_countsketch_is_two_passes_and_a_matrix():
    network, theta, *_ = make_network(n=40, n_outputs=2)
    p, N = network.n_params, network.n_residuals
    found = Curvature(network, theta).sketch_work("countsketch", 20)
    assert found == 2 * N * p + 20 * p**2 / 2
