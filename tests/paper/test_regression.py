"""The solver of the paper's problem: convergence, and globalisation from far starts."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from sksoftnewton._activations import ACTIVATION_NAMES
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import check_problem
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import (
    SMOOTH,
    far_problem,
    matrices,
    planted,
    small_problem,
    softmax,
)


def trust_exact(problem, x0):
    return minimize(
        problem.value_and_gradient,
        x0,
        jac=True,
        hess=lambda x: Curvature(problem, x).hessian(),
        method="trust-exact",
        options={"gtol": 1e-7, "maxiter": 500},
    )


@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_a_planted_solution_is_found(h):
    A1, A2, b, x_true = planted(np.random.default_rng(0), h)
    x0 = x_true + 0.1
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=0.0, x0=x0)
    assert result.success
    assert_allclose(result.x, x_true, atol=1e-6)
    assert result.fun < 1e-12


@pytest.mark.parametrize("h", SMOOTH)
@pytest.mark.parametrize("sketch", ["leverage", "uniform", "frozen", "none"])
def test_every_sketch_reaches_the_same_minimiser(h, sketch):
    """Rows are really left out: n is more than twice the sample size."""
    rng = np.random.default_rng(1)
    A1, A2, b, x_true = planted(rng, h, n=3000, d=2, noise=0.01)
    options = {"h": h, "w": 0.01, "x0": x_true}
    exact = two_layer_softmax_regression(A1, A2, b, epsilon=0, **options)
    result = two_layer_softmax_regression(
        A1, A2, b, sketch=sketch, epsilon=0.3, random_state=0, **options
    )
    scale = np.linalg.norm(
        check_problem(A1, A2, b, h, 0.01).value_and_gradient(x_true)[1]
    )
    for r in (exact, result):
        assert r.success
        assert np.linalg.norm(r.jac) <= 1e-8 * scale
    assert_allclose(result.x, exact.x, atol=1e-6)
    kept = result.history["rows_kept"]
    if sketch == "none":
        assert (kept == 3000).all()
    else:
        assert (kept < 1500).any()


@pytest.mark.parametrize("form", ["csr A1", "csr_matrix A1", "csr A2", "lists"])
def test_formats_do_not_change_the_solution(form):
    rng = np.random.default_rng(2)
    A1, A2, b, x_true = planted(rng, n=40, d=2, noise=0.1)
    expected = two_layer_softmax_regression(A1, A2, b, w=0.1, x0=x_true)
    converted = {
        "csr A1": (sp.csr_array(A1), A2, b),
        "csr_matrix A1": (sp.csr_matrix(A1), A2, b),
        "csr A2": (A1, sp.csr_matrix(A2), b),
        "lists": (A1.tolist(), A2.tolist(), b.tolist()),
    }[form]
    result = two_layer_softmax_regression(*converted, w=0.1, x0=x_true.tolist())
    assert_allclose(result.x, expected.x, rtol=1e-9)


def test_identity_A2_needs_no_matrix():  # noqa: N802
    rng = np.random.default_rng(3)
    A1, b = rng.standard_normal((200, 3)), softmax(rng.standard_normal(200))
    expected = two_layer_softmax_regression(A1, np.eye(200), b, w=1e-3)
    result = two_layer_softmax_regression(A1, None, b, w=1e-3)
    assert result.success
    assert_allclose(result.x, expected.x, rtol=1e-7)


def test_repeated_entries_of_a_csr_matrix_are_added():
    A1 = sp.csr_array(
        (
            np.array([1.0, 2.0, -1.0, 0.5]),
            np.array([0, 0, 0, 0]),
            np.array([0, 2, 3, 4]),
        ),
        shape=(3, 1),
    )
    before = A1.data.copy()
    result = two_layer_softmax_regression(A1, None, [0.7, 0.2, 0.1], w=0.1)
    expected = two_layer_softmax_regression(A1.toarray(), None, [0.7, 0.2, 0.1], w=0.1)
    assert_allclose(result.x, expected.x, rtol=1e-9)
    assert_allclose(A1.data, before)


def test_nothing_given_is_changed():
    rng = np.random.default_rng(4)
    A1, A2, b, x0 = planted(rng)
    w = rng.random(300)
    given = [A1, A2, b, x0, w]
    copies = [a.copy() for a in given]
    for a in given:
        a.flags.writeable = False
    two_layer_softmax_regression(A1, A2, b, w=w, x0=x0)
    for a, copy in zip(given, copies, strict=True):
        assert_allclose(a, copy, rtol=0)


def test_the_solution_is_where_the_next_run_stays():
    """The rounding error of the gradient stops it: its tolerance is out of reach."""
    A1, A2, b, _ = planted(np.random.default_rng(5), noise=0.1)
    first = two_layer_softmax_regression(A1, A2, b, w=0.1, tol=1e-12)
    again = two_layer_softmax_regression(A1, A2, b, w=0.1, tol=1e-12, x0=first.x)
    assert again.success
    assert again.nit <= 3
    assert_allclose(again.x, first.x, atol=1e-12)


def test_the_gradient_goes_on_where_the_loss_stalls():
    """L is constant to rounding long before |∇L| has fallen to 1e-11 of its start."""
    rng = np.random.default_rng(6)
    A1, A2, b, _ = planted(rng, n=20_000, d=3, noise=1.0)
    result = two_layer_softmax_regression(
        A1, A2, b, w=0.01, tol=1e-11, sketch="leverage", random_state=0
    )
    assert result.success
    loss = result.history["loss"]
    stalled = np.abs(loss - loss[-1]) <= 4 * np.finfo(float).eps * loss[-1]
    assert stalled[:-1].sum() >= 2
    assert (np.diff(result.history["gradient_norm"]) < 0).all()


def test_iterations_grow_with_the_logarithm_of_the_tolerance():
    """At most log(1/tol)/log(1/0.4) of them, and one more for each decimal or so."""
    A1, A2, b, _ = planted(np.random.default_rng(7), n=20_000, d=3)
    nit = [
        two_layer_softmax_regression(
            A1, A2, b, w=1.0, tol=tol, sketch="leverage", random_state=0
        ).nit
        for tol in (1e-3, 1e-6, 1e-9)
    ]
    assert nit[0] < nit[1] < nit[2] <= np.log(1e9) / np.log(1 / 0.4)
    assert abs((nit[2] - nit[1]) - (nit[1] - nit[0])) <= 1


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_units_of_a_column_do_not_matter(scale):
    rng = np.random.default_rng(8)
    A1, A2, b, _ = planted(rng, noise=0.3)
    expected = two_layer_softmax_regression(A1, A2, b, w=0.02)
    units = np.array([scale, 1, 1, 1])
    result = two_layer_softmax_regression(A1 * units, A2, b, w=0.02, tol=1e-11)
    assert result.success
    assert_allclose(result.x * units, expected.x, rtol=1e-5)
    assert abs(result.nit - expected.nit) <= 4


def test_a_large_sparse_problem_in_little_memory():
    n, d, stored = 200_000, 50, 5
    rng = np.random.default_rng(9)
    A1 = sp.csr_array(
        (
            rng.standard_normal(stored * n),
            rng.integers(0, d, stored * n),
            np.arange(0, stored * n + 1, stored),
        ),
        shape=(n, d),
    )
    A1.sum_duplicates()
    b = softmax(A1 @ rng.standard_normal(d))
    tracemalloc.start()
    result = two_layer_softmax_regression(A1, None, b, w=1e-5, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.success
    # As many bytes as a dense A1 would take, and nothing like an n x n array.
    assert peak < 8 * n * d
    gradient = check_problem(A1, None, b, "identity", 1e-5).value_and_gradient
    scale = np.linalg.norm(gradient(np.zeros(d))[1])
    assert np.linalg.norm(gradient(result.x)[1]) <= 1e-8 * scale


def test_the_same_seed_gives_the_same_run():
    A1, A2, b, _ = planted(np.random.default_rng(14), n=20_000, d=3, noise=0.1)
    first, second, other = (
        two_layer_softmax_regression(
            A1, A2, b, w=0.1, sketch="leverage", random_state=seed
        )
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.history["rows_kept"], second.history["rows_kept"])
    assert not np.array_equal(first.history["rows_kept"], other.history["rows_kept"])


# -- far starts ------------------------------------------------------------------


def test_far_starts_end_at_minima_as_good_as_those_of_trust_exact():
    n_as_good = n_indefinite = 0
    for seed in range(50):
        A1, A2, b, x0 = far_problem(seed)
        problem = check_problem(A1, A2, b, "identity", 0.01)
        result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0)
        assert result.success
        first = np.linalg.norm(problem.value_and_gradient(x0)[1])
        assert np.linalg.norm(result.jac) <= 1e-8 * first
        smallest = np.linalg.eigvalsh(Curvature(problem, result.x).hessian())[0]
        assert smallest > 0
        certificate = result.certificate
        assert_allclose(certificate.lambda_min, smallest, rtol=1e-6)
        assert not certificate.conditions_hold
        assert not certificate.conditions_hold["penalty"]
        assert not certificate.conditions_hold["initialisation"]
        n_as_good += result.fun <= 1.01 * trust_exact(problem, x0).fun
        start = np.linalg.eigvalsh(Curvature(problem, x0).hessian())[0]
        n_indefinite += start < 0
    assert n_as_good >= 45
    assert n_indefinite >= 45


def test_the_papers_iteration_needs_a_good_start():
    """From the same starts, without globalisation."""
    n_minima = 0
    for seed in range(20):
        A1, A2, b, x0 = far_problem(seed)
        result = two_layer_softmax_regression(
            A1, A2, b, w=0.01, x0=x0, globalize=False, max_iter=50
        )
        assert (result.history["damping"] == 0).all()
        n_minima += result.success and result.certificate.lambda_min > 0
    assert n_minima <= 5


@pytest.mark.parametrize("scale", [10.0, 1000.0])
@pytest.mark.parametrize("h", SMOOTH)
def test_very_far_starts(h, scale):
    """Softmax saturates: one row has all the weight, and curvature is in w alone."""
    rng = np.random.default_rng(10)
    A1, A2, b, _ = planted(rng, h, noise=0.1)
    x0 = scale * rng.standard_normal(4)
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=0.05, x0=x0, max_iter=200)
    assert result.success
    assert result.certificate.lambda_min > 0


def test_far_starts_with_a_sketched_hessian():
    """d = 2, so that ε = 0.3 leaves rows out; still from indefinite starts.

    γ is 3 to 30 here, so that the sketched Hessian is off by 100 % and more: where
    no step is accepted any more, ε is halved.
    """
    n_refined = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        A1, A2 = matrices(rng, n=3000, d=2)
        b, x0 = 3 * rng.standard_normal(3), 2 * rng.standard_normal(2)
        for sketch in ("leverage", "frozen"):
            result = two_layer_softmax_regression(
                A1, A2, b, w=0.01, x0=x0, sketch=sketch, epsilon=0.3, random_state=seed
            )
            assert result.success
            assert result.certificate.lambda_min > 0
            assert result.history["rows_kept"].min() < 1500
            n_refined += result.certificate.sample_size_theory > 1000
    assert n_refined > 0


def test_a_saddle_is_left_along_negative_curvature():
    """x = 0 is stationary by symmetry, and no minimum: u wants to move up."""
    A1 = np.array([[1.0], [0.0], [-1.0]])
    A2, b = np.array([[1.0, 0.0, 1.0]]), np.array([1.0])
    result = two_layer_softmax_regression(A1, A2, b, w=0.01)
    assert result.success
    assert abs(result.x[0]) > 1
    assert result.certificate.lambda_min > 0
    assert result.history["indefinite"][0]
    # The paper's iteration stays where the gradient vanishes.
    stays = two_layer_softmax_regression(A1, A2, b, w=0.01, globalize=False)
    assert_allclose(stays.x, 0)
    assert stays.certificate.lambda_min < 0
    assert not stays.certificate.certified


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x0": np.ones(5)}, "x0 has length 5, but the number of columns of A1 is 3"),
        ({"x0": [0, np.nan, 0]}, "x0 is nan at position 1"),
        ({"h": "exp", "A2": np.full((2, 9), 1e3)}, "L overflows at x0"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        two_layer_softmax_regression(**small_problem(**change))
