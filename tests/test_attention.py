"""The paper's objective against n x n oracles and finite differences."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from references_attention import SMOOTH, attention, random_problem

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._attention import Attention

FORMATS = [(sparse, A2) for sparse in (False, True) for A2 in ("dense", "csr")]


def five_point(function, x, v, step=1e-3):
    """Directional derivative, error O(step⁴)."""
    at = [np.asarray(function(x + k * step * v)) for k in (-2, -1, 1, 2)]
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step)


@pytest.mark.parametrize(("sparse", "A2"), FORMATS)
@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_value_gradient_and_hessian_equal_dense_formulas(h, sparse, A2):
    rng = np.random.default_rng(1)
    for _ in range(4):
        dense = random_problem(rng, h=h)
        problem = attention(dense, sparse_A1=sparse, A2=A2)
        x, v = rng.standard_normal((2, 3))
        value, gradient = problem.value_and_gradient(x)
        H = dense.hessian(x)
        assert_allclose(value, dense.value(x), rtol=1e-13)
        assert_allclose(problem.value(x), value, rtol=0)
        assert_allclose(gradient, dense.gradient(x), rtol=1e-11, atol=1e-12)
        assert_allclose(problem.curvature(x).hessian(), H, rtol=1e-11, atol=1e-12)
        assert_allclose(problem.hessian_product(x, v), H @ v, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("h", SMOOTH)
def test_identity_A2_equals_an_explicit_identity(h, sparse):  # noqa: N802
    rng = np.random.default_rng(2)
    dense = random_problem(rng, m=None, h=h)
    problem = attention(dense, sparse_A1=sparse, A2="identity")
    x, v = rng.standard_normal((2, 3))
    value, gradient = problem.value_and_gradient(x)
    H = dense.hessian(x)
    assert_allclose(value, dense.value(x), rtol=1e-13)
    assert_allclose(gradient, dense.gradient(x), rtol=1e-11, atol=1e-12)
    assert_allclose(problem.curvature(x).hessian(), H, rtol=1e-11, atol=1e-12)
    assert_allclose(problem.hessian_product(x, v), H @ v, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("h", SMOOTH)
def test_derivatives_match_finite_differences(h):
    """Of the oracle too: nothing here rests on the formulas of either."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        problem = attention(random_problem(rng, h=h))
        x, v = rng.standard_normal((2, 3))
        gradient = problem.value_and_gradient(x)[1]
        slope = five_point(problem.value, x, v)
        assert_allclose(gradient @ v, slope, rtol=1e-8, atol=1e-9)
        change = five_point(lambda y, p=problem: p.value_and_gradient(y)[1], x, v)
        assert_allclose(problem.hessian_product(x, v), change, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("h", SMOOTH)
def test_third_derivative_of_the_oracle_matches_finite_differences(h):
    """The certificate's Lipschitz bound is attacked with it."""
    rng = np.random.default_rng(4)
    for _ in range(5):
        dense = random_problem(rng, h=h)
        z, v = rng.standard_normal((2, 12))
        change = five_point(lambda y, p=dense, v=v: v @ p.B(y) @ v, z, v)
        assert_allclose(dense.third_derivative(z, v), change, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_blocks_of_rows_and_outputs_do_not_change_the_hessian(h, monkeypatch):
    rng = np.random.default_rng(5)
    dense = random_problem(rng, n=700, d=3, m=200, h=h, scale=0.1)
    x = rng.standard_normal(3)
    whole = attention(dense).curvature(x).hessian()
    monkeypatch.setattr("sksoftnewton._matrices.BLOCK_ELEMENTS", 1)
    monkeypatch.setattr("sksoftnewton._attention.BLOCK_ELEMENTS", 1)
    for sparse, A2 in FORMATS:
        blocks = attention(dense, sparse_A1=sparse, A2=A2).curvature(x).hessian()
        assert_allclose(blocks, whole, rtol=1e-10, atol=1e-11)


def test_long_and_short_sparse_rows_give_the_same_gram():
    """Both ways of multiplying a CSR array, chosen by the length of its rows."""
    from sksoftnewton._matrices import weighted_gram

    rng = np.random.default_rng(6)
    weights = rng.standard_normal(400)
    for density in (0.01, 0.9):
        A = sp.random_array((400, 40), density=density, format="csr", rng=rng)
        dense = A.toarray()
        expected = dense.T @ (weights[:, None] * dense)
        assert_allclose(weighted_gram(A, weights), expected, atol=1e-12)


@pytest.mark.parametrize("A2", ["dense", "csr"])
def test_metric_is_column_lengths_times_the_mean_unsigned_curvature(A2):
    rng = np.random.default_rng(7)
    dense = random_problem(rng, h="tanh")
    x = rng.standard_normal(3)
    curvature = attention(dense, A2=A2).curvature(x)
    z = dense.A1 @ x
    J = dense.A2 @ dense.S(z) @ dense.A1
    squares = np.sum(dense.A1**2, axis=0)
    level = np.mean(dense.w**2 + np.abs(dense.phi_gradient(z)))
    level += np.mean(np.abs(curvature.output_curvature) @ J**2 / squares)
    assert_allclose(curvature.metric(), level * squares, rtol=1e-12)


def test_scaling_a_column_of_A1_scales_the_metric_with_it():  # noqa: N802
    rng = np.random.default_rng(7)
    dense = random_problem(rng, h="tanh")
    x = rng.standard_normal(3)
    scale = np.array([0.1, 1.0, 10.0])
    scaled = type(dense)(dense.A1 * scale, dense.A2, dense.b, dense.h, dense.w)
    metric = attention(dense).curvature(x).metric()
    assert_allclose(
        attention(scaled).curvature(x / scale).metric(), metric * scale**2, rtol=1e-10
    )


def test_a_column_of_zeros_has_a_positive_metric():
    dense = random_problem(np.random.default_rng(7))
    A1 = np.hstack([dense.A1, np.zeros((12, 1))])
    problem = Attention(A1, dense.A2, dense.b, get_activation("identity"), dense.w)
    assert (problem.curvature(np.zeros(4)).metric() > 0).all()


def test_a_vector_added_to_every_row_matters_only_to_the_penalty():
    rng = np.random.default_rng(8)
    dense = random_problem(rng, w=0.0)
    moved = type(dense)(
        dense.A1 + rng.standard_normal(3), dense.A2, dense.b, dense.h, dense.w
    )
    x = rng.standard_normal(3)
    before, after = attention(dense), attention(moved)
    assert_allclose(after.value(x), before.value(x), rtol=1e-12)
    assert_allclose(
        after.curvature(x).hessian(), before.curvature(x).hessian(), atol=1e-12
    )


def test_large_logits_do_not_overflow():
    dense = random_problem(np.random.default_rng(9), h="exp")
    problem = attention(dense)
    value, gradient = problem.value_and_gradient(np.full(3, 1e6))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_resolution_covers_the_rounding_of_value_and_gradient():
    """Values at points a few roundings away from x scatter within the resolution."""
    rng = np.random.default_rng(10)
    problem = attention(random_problem(rng, n=200))
    x = rng.standard_normal(3)
    value, gradient = problem.value_and_gradient(x)
    permuted = rng.permutation(200)
    other = Attention(
        problem.A1[permuted],
        problem.A2[:, permuted],
        problem.b,
        problem.activation,
        np.sqrt(problem.w2)[permuted],
    )
    value2, gradient2 = other.value_and_gradient(x)
    assert 0 < abs(value - value2) + np.linalg.norm(gradient - gradient2)
    assert abs(value - value2) <= problem.resolution(value)
    error = np.linalg.norm(gradient - gradient2)
    assert error <= problem.gradient_resolution(x)


@pytest.mark.parametrize("A2_form", ["identity", "csr"])
def test_memory_is_linear_in_n_for_sparse_matrices(A2_form):
    """No n x n and no n x d array: a dense A1 alone would take 32 MB here."""
    n, d = 20_000, 200
    rng = np.random.default_rng(11)
    A1 = sp.csr_array(
        (
            rng.standard_normal(3 * n),
            rng.integers(0, d, 3 * n),
            np.arange(0, 3 * n + 1, 3),
        ),
        shape=(n, d),
    )
    A1.sum_duplicates()
    A2 = None if A2_form == "identity" else sp.eye_array(n, format="csr")
    problem = Attention(A1, A2, rng.random(n), get_activation("softplus"), np.ones(n))
    x = rng.standard_normal(d)
    tracemalloc.start()
    problem.value_and_gradient(x)
    problem.hessian_product(x, x)
    H = problem.curvature(x).hessian()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * n * d
    assert np.isfinite(H).all()
