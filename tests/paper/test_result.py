"""Fields and history of a result, and how a run can end."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import (
    DenseProblem,
    energy_norm,
    far_problem,
    planted,
    symmetric_saddle,
    theorys_problem,
)

HISTORY = {
    "loss",
    "gradient_norm",
    "damping",
    "decrement",
    "indefinite",
    "n_rows",
    "rows_kept",
    "sketch_size",
    "n_cg",
    "passes",
    "time",
    "contraction",
}


def test_history_and_fields():
    A1, A2, b, _ = planted(np.random.default_rng(13), noise=0.1)
    result = two_layer_softmax_regression(A1, A2, b, w=0.1)
    history = result.history
    assert set(history) == HISTORY
    assert {len(column) for column in history.values()} == {result.nit}
    assert history["loss"][-1] == result.fun
    assert_allclose(history["gradient_norm"][-1], np.linalg.norm(result.jac))
    assert (np.diff(history["loss"]) <= 1e-14).all()
    assert (np.diff(history["time"]) > 0).all()
    assert (np.diff(history["passes"]) > 0).all()
    assert (history["rows_kept"] == 300).all()
    assert (history["sketch_size"] == 0).all()
    assert result.status == "converged"
    assert result.message
    problem = check_problem(A1, A2, b, "identity", 0.1)
    value, gradient = problem.value_and_gradient(result.x)
    assert result.fun == value
    assert_allclose(result.jac, gradient)
    assert result["x"] is result.x


def test_a_dense_reference_of_the_whole_problem():
    """L, ∇L and ∇²L of the result, from n x n matrices."""
    rng = np.random.default_rng(18)
    A1, A2, b, _ = planted(rng, "sigmoid", n=30, noise=0.1)
    result = two_layer_softmax_regression(A1, A2, b, h="sigmoid", w=0.2)
    dense = DenseProblem(A1, A2, b, "sigmoid", np.full(30, 0.2))
    assert_allclose(result.fun, dense.value(result.x), rtol=1e-12)
    assert np.linalg.norm(dense.gradient(result.x)) < 1e-8
    smallest = np.linalg.eigvalsh(dense.hessian(result.x))[0]
    assert_allclose(result.certificate.lambda_min, smallest, rtol=1e-9)


def test_recorded_contraction_is_that_of_the_iterates():
    A1, A2, b, h, w, x0 = theorys_problem(1)
    path = [x0]
    result = two_layer_softmax_regression(
        A1,
        A2,
        b,
        h=h,
        w=w,
        x0=x0,
        sketch="leverage",
        random_state=0,
        callback=lambda r: path.append(r.x) and 0,
    )
    solution = two_layer_softmax_regression(
        A1, A2, b, h=h, w=w, x0=result.x, tol=1e-14, sketch="none"
    ).x
    H = Curvature(check_problem(A1, A2, b, h, w), solution).hessian()
    distances = np.array([energy_norm(x - solution, H) for x in path])
    recorded = result.history["contraction"]
    measurable = ~np.isnan(recorded)
    assert measurable.sum() >= 4
    ratios = (distances[1:] / distances[:-1])[measurable]
    assert_allclose(recorded[measurable], ratios, rtol=1e-3)
    assert result.certificate.observed_contraction == recorded[measurable].max()


def test_the_certificate_is_that_of_certify():
    A1, A2, b, h, w, x0 = theorys_problem(2)
    result = two_layer_softmax_regression(
        A1, A2, b, h=h, w=w, x0=x0, sketch="leverage", random_state=0
    )
    alone = certify(A1, A2, b, result.x, h=h, w=w, x0=x0)
    for field in ("beta", "lipschitz_euclidean", "radius_H", "lambda_min", "gamma"):
        assert getattr(result.certificate, field) == getattr(alone, field)
    # Draws differ, and only a run can have seen a contraction.
    assert np.isnan(alone.observed_contraction)
    assert result.certificate.observed_contraction <= result.certificate.theory_rate


def test_nfev_counts_every_evaluation(monkeypatch):
    A1, A2, b, x0 = far_problem(1)
    calls = []
    original = Attention.value_and_gradient
    monkeypatch.setattr(
        Attention,
        "value_and_gradient",
        lambda self, x: calls.append(x) or original(self, x),
    )
    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0)
    assert result.nfev == len(calls)


def test_results_can_be_pickled():
    A1, A2, b, _ = planted(np.random.default_rng(15), n=50)
    result = two_layer_softmax_regression(A1, A2, b)
    copy = pickle.loads(pickle.dumps(result))
    assert_allclose(copy.x, result.x)
    assert str(copy.certificate) == str(result.certificate)


# -- how a run can end ---------------------------------------------------------------


def test_max_iter():
    A1, A2, b, x0 = far_problem(1)
    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0, max_iter=2)
    assert (result.status, result.success, result.nit) == ("max_iter", False, 2)


@pytest.mark.parametrize("raises", [False, True])
def test_stopped_by_callback(raises):
    A1, A2, b, x0 = far_problem(1)
    seen = []

    def callback(state):
        seen.append(state)
        if raises and len(seen) == 3:
            raise StopIteration
        return len(seen) == 3

    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0, callback=callback)
    assert (result.status, result.success, result.nit) == (
        "stopped_by_callback",
        False,
        3,
    )
    assert [state.nit for state in seen] == [1, 2, 3]
    assert seen[-1].fun == result.fun
    assert_allclose(seen[-1].x, result.x)
    # Sums of squares depend in their last digit on where an array lies in memory.
    assert_allclose(seen[-1].gradient_norm, np.linalg.norm(seen[-1].jac), rtol=1e-14)


def test_no_progress():
    """Two equal columns make the Hessian singular: the plain iteration has no step."""
    rng = np.random.default_rng(16)
    A1 = np.repeat(rng.standard_normal((30, 1)), 2, axis=1)
    A2, b = rng.standard_normal((2, 30)), rng.standard_normal(2)
    plain = two_layer_softmax_regression(A1, A2, b, globalize=False)
    assert (plain.status, plain.success) == ("no_progress", False)
    # Damping makes it definite; the minimum is a line, not certified.
    damped = two_layer_softmax_regression(A1, A2, b)
    assert damped.success


@pytest.mark.parametrize("w", [1e-3, 1e-4])
def test_a_fit_to_rounding_has_converged(w):
    """b is reached, and what is left of the gradient is the rounding of u − b."""
    problem = symmetric_saddle(w=w)
    result = two_layer_softmax_regression(
        problem.A1, problem.A2, problem.b, w=w, certificate=False
    )
    assert result.status == "converged"
    assert np.linalg.norm(result.jac) < 1e-12
