"""`sketch="auto"` from end to end: solutions, statuses, options, memory."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._paper import regimes
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import SMOOTH, far_problem, planted, symmetric_saddle

D = 90  # with 4,000 rows and more: sketched


def sketched_problem(h="identity", n=4000, noise=0.01, seed=0):
    A1, A2, b, x_true = planted(np.random.default_rng(seed), h, n, D, 3, noise)
    return A1 / np.sqrt(D), A2, b, x_true


def relative_gradient(result, matrices, h, w, x0=None):
    problem = check_problem(*matrices, h, w)
    first = problem.value_and_gradient(np.zeros(problem.d) if x0 is None else x0)[1]
    gradient = problem.value_and_gradient(result.x)[1]
    return np.linalg.norm(gradient) / np.linalg.norm(first)


@pytest.mark.parametrize("h", SMOOTH)
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_it_reaches_the_minimiser_of_the_exact_method(h, form, monkeypatch):
    monkeypatch.setattr(regimes, "CHEAP_HESSIAN", 1.0)  # CSR's gradients are dear
    A1, A2, b, _ = sketched_problem(h)
    A1 = sp.csr_array(A1) if form == "csr" else A1
    options = {"h": h, "w": 0.03, "certificate": False}
    exact = two_layer_softmax_regression(A1, A2, b, sketch="none", **options)
    auto = two_layer_softmax_regression(A1, A2, b, random_state=0, **options)
    assert exact.success and auto.success
    assert auto.history["sketch_size"][0] > 0 and auto.history["n_cg"][0] > 0
    assert relative_gradient(auto, (A1, A2, b), h, 0.03) <= 1e-8
    assert_allclose(auto.x, exact.x, atol=1e-6 * np.abs(exact.x).max())


def test_identity_a2():
    A1, _, _, x_true = sketched_problem()
    f = np.exp(A1 @ x_true)
    result = two_layer_softmax_regression(A1, None, f / f.sum(), w=1e-4, random_state=0)
    assert result.success and result.history["n_cg"][0] > 0
    assert relative_gradient(result, (A1, None, f / f.sum()), "identity", 1e-4) <= 1e-8


def test_below_the_resolution_of_the_loss_it_goes_on():
    A1, A2, b, _ = sketched_problem(noise=0.3)
    result = two_layer_softmax_regression(
        A1, A2, b, w=0.01, tol=1e-11, random_state=0, certificate=False
    )
    assert result.success
    assert relative_gradient(result, (A1, A2, b), "identity", 0.01) <= 1e-11
    assert result.nfev < 100  # it stalled at 1e-7 for hundreds


def test_small_problems_are_solved_exactly():
    A1, A2, b, x0 = far_problem(3)
    auto = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0)
    none = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0, sketch="none")
    assert np.array_equal(auto.x, none.x) and auto.nit == none.nit


def test_without_globalisation_it_is_the_papers_iteration():
    A1, A2, b, _ = planted(np.random.default_rng(0), n=20_000, d=3, noise=0.1)
    options = {"w": 0.5, "globalize": False, "random_state": 0}
    auto = two_layer_softmax_regression(A1, A2, b, **options)
    leverage = two_layer_softmax_regression(A1, A2, b, sketch="leverage", **options)
    assert auto.history["rows_kept"].max() < 20_000
    assert np.array_equal(auto.x, leverage.x)


@pytest.mark.parametrize("rotated", [False, True])
def test_coherent_rows(rotated):
    rng = np.random.default_rng(4)
    A1, A2, b, _ = sketched_problem(n=20_000)
    A1[:, -3:] *= 1e-3
    A1[:6, -3:] = 30 * rng.standard_normal((6, 3)) / np.sqrt(D)
    if rotated:
        A1 = A1 @ np.linalg.qr(rng.standard_normal((D, D)))[0]
    result = two_layer_softmax_regression(
        A1, A2, b, w=1e-3, random_state=0, certificate=False
    )
    assert result.success and result.nfev < 200
    assert relative_gradient(result, (A1, A2, b), "identity", 1e-3) <= 1e-8


def test_far_starts_end_at_minima_as_good_as_the_exact_methods():
    as_good = as_bad = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        A1, A2 = rng.standard_normal((4000, D)), rng.standard_normal((3, 4000))
        b, x0 = rng.standard_normal(3), rng.standard_normal(D) * (seed % 2)
        options = {"w": 0.01, "x0": x0, "certificate": False}
        auto = two_layer_softmax_regression(A1, A2, b, random_state=seed, **options)
        exact = two_layer_softmax_regression(A1, A2, b, sketch="none", **options)
        problem = check_problem(A1, A2, b, "identity", 0.01)
        assert auto.success and auto.history["n_cg"].any()
        assert np.linalg.eigvalsh(Curvature(problem, auto.x).hessian())[0] > 0
        as_good += auto.fun <= 1.01 * exact.fun
        as_bad += exact.fun <= 1.01 * auto.fun
    assert as_good >= 5 and as_good >= as_bad - 2


def test_a_saddle_is_left():
    """The gradient at 0 is rounding: no tolerance relative to it is in reach."""
    problem = symmetric_saddle(d=D)
    result = two_layer_softmax_regression(
        problem.A1, problem.A2, problem.b, w=1e-3, random_state=0
    )
    assert result.history["sketch_size"][0] > 0
    assert np.linalg.norm(result.jac) < 1e-12
    assert result.fun < 1e-3 * result.history["loss"][0]
    assert result.certificate.certified


# -- certificate and times -----------------------------------------------------------


def test_the_certificate_is_exact_and_apart():
    A1, A2, b, _ = sketched_problem()
    options = {"w": 0.03, "random_state": 0}
    result = two_layer_softmax_regression(A1, A2, b, **options)
    H = Curvature(check_problem(A1, A2, b, "identity", 0.03), result.x).hessian()
    assert_allclose(result.certificate.lambda_min, np.linalg.eigvalsh(H)[0], rtol=1e-8)
    assert result.certificate.certified
    assert set(result.time) == {"loop", "certificate"}
    assert result.time["certificate"] > 0
    assert result.time["loop"] >= result.history["time"][-1]


@pytest.mark.parametrize("sketch", ["auto", "leverage", "none"])
def test_without_a_certificate_the_solution_is_the_same(sketch):
    A1, A2, b, _ = sketched_problem()
    options = {"w": 0.03, "random_state": 0, "sketch": sketch}
    whole = two_layer_softmax_regression(A1, A2, b, **options)
    short = two_layer_softmax_regression(A1, A2, b, certificate=False, **options)
    assert np.array_equal(whole.x, short.x)
    assert short.certificate is None and short.time["certificate"] == 0
    assert np.isnan(short.history["contraction"]).all()


def test_a_run_without_a_certificate_forms_no_exact_hessian(monkeypatch):
    calls = []
    original = Curvature.hessian
    monkeypatch.setattr(
        Curvature, "hessian", lambda self: calls.append(1) or original(self)
    )
    A1, A2, b, _ = sketched_problem()
    result = two_layer_softmax_regression(
        A1, A2, b, w=0.03, random_state=0, certificate=False
    )
    assert result.success and not calls


# -- how a run can end, and what it costs ----------------------------------------------


def test_the_same_seed_gives_the_same_run():
    A1, A2, b, _ = sketched_problem()
    first, second, other = (
        two_layer_softmax_regression(
            A1, A2, b, w=0.03, random_state=seed, certificate=False
        )
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.x, second.x) and first.nfev == second.nfev
    assert not np.array_equal(first.history["rows_kept"], other.history["rows_kept"])


def test_max_iter_counts_metrics(monkeypatch):
    monkeypatch.setattr("sksoftnewton._solver.quasi_newton.GRADIENTS", 3)
    A1, A2, b, _ = sketched_problem()
    result = two_layer_softmax_regression(
        A1, A2, b, w=0.03, max_iter=2, random_state=0, certificate=False
    )
    assert (result.status, result.nit) == ("max_iter", 2)
    assert (result.history["n_cg"] <= 3).all()


@pytest.mark.parametrize("raises", [False, True])
def test_stopped_by_callback(raises):
    A1, A2, b, _ = sketched_problem()
    seen = []

    def callback(state):
        seen.append(state)
        if raises:
            raise StopIteration
        return True

    result = two_layer_softmax_regression(
        A1, A2, b, w=0.03, callback=callback, random_state=0
    )
    assert (result.status, len(seen)) == ("stopped_by_callback", 1)
    assert seen[0].sketch_size > 0 and seen[0].n_cg > 1 and seen[0].nit == 1
    assert_allclose(seen[0].x, result.x)


def test_no_progress(monkeypatch):
    """A gradient of the wrong sign: sketches fail, the exact Hessian says so."""
    original = Attention.value_and_gradient

    def uphill(self, x):
        value, gradient = original(self, x)
        return value, -gradient

    A1, A2, b, x_true = sketched_problem()
    monkeypatch.setattr(Attention, "value_and_gradient", uphill)
    result = two_layer_softmax_regression(
        A1, A2, b, w=0.03, x0=x_true, random_state=0, certificate=False
    )
    assert (result.status, result.success) == ("no_progress", False)


def test_memory_is_a_few_matrices_of_the_hessians_size():
    rng = np.random.default_rng(7)
    n, d, stored = 30_000, 1000, 5
    entries = rng.standard_normal(n * stored), rng.integers(0, d, n * stored)
    A1 = sp.csr_array((*entries, np.arange(0, n * stored + 1, stored)), shape=(n, d))
    A1.sum_duplicates()
    problem = check_problem(A1, rng.standard_normal((2, n)), [0.1, 0], "identity", 0.01)
    assert regimes.regime(problem) == regimes.SKETCHED
    tracemalloc.start()
    result = two_layer_softmax_regression(
        A1, problem.A2, problem.b, w=0.01, random_state=0, certificate=False
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.success
    assert peak < 7 * 8 * d**2 < 8 * n * d / 4
