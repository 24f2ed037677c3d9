"""The paper's objective against n x n oracles and finite differences."""

import tracemalloc

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references import directional_derivative
from tests.references_mpmath import ExactProblem
from tests.references_paper import (
    SMOOTH,
    attention,
    matrices,
    random_problem,
    small_problem,
    softmax,
)

FORMATS = [(sparse, A2) for sparse in (False, True) for A2 in ("dense", "csr")]


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
        assert_allclose(Curvature(problem, x).hessian(), H, rtol=1e-11, atol=1e-12)
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
    assert_allclose(Curvature(problem, x).hessian(), H, rtol=1e-11, atol=1e-12)
    assert_allclose(problem.hessian_product(x, v), H @ v, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("h", SMOOTH)
def test_derivatives_match_finite_differences(h):
    """Of the oracle too: nothing here rests on the formulas of either."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        problem = attention(random_problem(rng, h=h))
        x, v = rng.standard_normal((2, 3))
        gradient = problem.value_and_gradient(x)[1]
        slope = directional_derivative(problem.value, x, v)
        assert_allclose(gradient @ v, slope, rtol=1e-8, atol=1e-9)
        change = directional_derivative(
            lambda y, p=problem: p.value_and_gradient(y)[1], x, v
        )
        assert_allclose(problem.hessian_product(x, v), change, rtol=1e-8, atol=1e-8)


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
        Curvature(after, x).hessian(), Curvature(before, x).hessian(), atol=1e-12
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
    assert abs(value - value2) + np.linalg.norm(gradient - gradient2) > 0
    assert abs(value - value2) <= problem.resolution(value)
    error = np.linalg.norm(gradient - gradient2)
    assert error <= problem.gradient_resolution(x)


@pytest.mark.parametrize("m", [1, 3])
def test_resolution_of_the_gradient_where_b_is_reached(m):
    """c cancels: its rounding error, not its size, is what the gradient is made of."""
    rng = np.random.default_rng(12)
    for _ in range(5):
        A1, A2, x = *matrices(rng, 60, 3, m), rng.standard_normal(3)
        b = A2 @ softmax(A1 @ x)
        problem = check_problem(A1, A2, b, "identity", 0.0)
        exact = ExactProblem(A1, A2, b, "identity", np.zeros(60))
        gradient = problem.value_and_gradient(x)[1]
        difference = exact.gradient(mp.matrix(x.tolist())) - mp.matrix(
            gradient.tolist()
        )
        error = float(mp.norm(difference))
        assert 0 < error <= problem.gradient_resolution(x) <= 1e-13


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
    H = Curvature(problem, x).hessian()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * n * d
    assert np.isfinite(H).all()


# -- bad input, named wherever it is given ---------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A2": np.ones((2, 7))}, "A2 has 7 columns, but A1 has 9 rows"),
        ({"b": np.ones(4)}, "b has length 4, but the number of rows of A2 is 2"),
        ({"b": np.ones((2, 1))}, r"b has shape \(2, 1\), but .* 2"),
        (
            {"A2": None},
            "b has length 2, but A2 is the identity, and the number of rows of A1 is 9",
        ),
        ({"w": np.ones(3)}, "w has length 3, but the number of rows of A1 is 9"),
        ({"w": -0.5}, r"w is -0\.5 at position 0, but w = 0 or"),
        ({"w": np.where(np.arange(9) == 4, -1.0, 1.0)}, r"w is -1\.0 at position 4"),
        ({"A1": np.full((9, 3), np.nan)}, r"A1 is nan at position \(0, 0\)"),
        ({"A2": np.full((2, 9), np.inf)}, r"A2 is inf at position \(0, 0\)"),
        ({"b": [0.0, np.nan]}, "b is nan at position 1"),
        ({"w": np.inf}, "w is inf, but"),
        ({"w": np.geomspace(1, 1e-80, 9)}, r"w is 1e-60 at position 6, but w = 0 or"),
        ({"w": [[1.0], [1.0, 2.0]]}, "w is no array: .* inhomogeneous"),
        ({"w": np.ma.masked_equal(np.arange(9.0), 4)}, "w has masked entries"),
        ({"A1": np.full((9, 3), 1e150)}, r"A1 .* size 1e\+150 .* rescale A1"),
        ({"A1": np.full((9, 3), 1e-150)}, r"A1 .* size 1e-150 .* rescale A1"),
        ({"A2": np.full((2, 9), -1e150)}, r"A2 .* size 1e\+150 .* rescale A2"),
        ({"b": [0.0, -1e200]}, r"b .* size 1e\+200 .* rescale b"),
        ({"A1": np.ones(9)}, "A1 has 1 dimensions, but it must have 2"),
        ({"A1": np.ones((9, 0))}, r"A1 has shape \(9, 0\)"),
        ({"A1": np.full((9, 3), "a")}, "A1 has dtype <U1"),
        ({"A1": sp.csc_array(np.ones((9, 3)))}, r"A1 .* 'csc'.*A1\.tocsr\(\)"),
        ({"A2": sp.coo_matrix(np.ones((2, 9)))}, r"A2 .* 'coo'.*A2\.tocsr\(\)"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        two_layer_softmax_regression(**small_problem(**change))


def test_a_nan_in_sparse_data_is_named():
    A1 = sp.csr_array(np.eye(3))
    A1.data[1] = np.nan
    with pytest.raises(ValueError, match="A1 is nan at position 1"):
        two_layer_softmax_regression(A1, None, np.ones(3))
