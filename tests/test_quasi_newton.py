import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor, _quasi_newton, _training
from sksoftnewton._newton import CONVERGED, NO_PROGRESS, minimize, small_decrease
from sksoftnewton._quasi_newton import Metric, QuasiNewton


class Quadratic:
    """1 + ½ xᵀ H x with condition 1e6."""

    gradient_work = 1.0

    def __init__(self, n=30, seed=0):
        rng = np.random.default_rng(seed)
        Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
        self.H = (Q * np.logspace(0, 6, n)) @ Q.T
        self.evaluations = 0

    def value_and_gradient(self, theta):
        self.evaluations += 1
        gradient = self.H @ theta
        return 1 + 0.5 * float(theta @ gradient), gradient

    def curvature(self, theta):
        return theta

    def resolution(self, value):
        return 1e-14 * abs(value)


def solve(problem, metric_at, max_iter=50, tol=1e-8):
    systems = QuasiNewton(metric_at)
    return minimize(
        problem,
        np.ones(len(problem.H)),
        lambda curvature, decrease: systems.at(curvature),
        converged=small_decrease(tol),
        max_iter=max_iter,
        n_rows=1,
        damping=1e-6,
    )


def test_the_true_matrix_needs_a_handful_of_gradients():
    problem = Quadratic()
    diagonal = problem.H.diagonal()
    solution = solve(problem, lambda _: Metric(problem.H, diagonal, 7.0, 5))
    assert solution.status == CONVERGED
    assert solution.point.value < 1 + 1e-8 and problem.evaluations < 15
    assert solution.history[0]["sketch_size"] == 5
    assert solution.history[0]["passes"] > 7  # the matrix is on the account


def test_pairs_make_up_for_a_matrix_that_is_wrong_by_half():
    problem = Quadratic()
    rng = np.random.default_rng(1)
    L = np.linalg.cholesky(problem.H)
    E = rng.normal(size=problem.H.shape) / np.sqrt(len(L)) / 4
    wrong = L @ (np.eye(len(L)) + E + E.T) @ L.T
    solution = solve(problem, lambda _: Metric(wrong, wrong.diagonal(), 0.0, 1))
    assert solution.status == CONVERGED and solution.point.value < 1 + 1e-6
    assert problem.evaluations < 80
    assert all(row["n_cg"] >= 1 for row in solution.history)


def test_without_a_matrix_it_is_scaled_bfgs():
    problem = Quadratic(10)
    solution = solve(
        problem, lambda _: Metric(None, problem.H.diagonal(), 0.0, 0), max_iter=200
    )
    assert solution.status == CONVERGED and solution.point.value < 1 + 1e-3


def test_an_indefinite_matrix_is_damped_until_it_is_not():
    diagonal = np.ones(3)
    inverse, damping = Metric(-np.eye(3), diagonal, 0.0, 1).inverse(1e-3)
    assert damping > 1
    assert_allclose(inverse(diagonal), 1 / (damping - 1))


class Barrier(Quadratic):
    """Infinite where the first step leads."""

    def value_and_gradient(self, theta):
        value, gradient = super().value_and_gradient(theta)
        return (np.inf if np.abs(theta).max() > 3 else value), gradient


def test_steps_into_the_infinite_are_shortened():
    problem = Barrier()
    small = 0.1 * np.diag(problem.H.diagonal())
    solution = solve(problem, lambda _: Metric(small, small.diagonal(), 0.0, 1), 400)
    assert np.isfinite(solution.point.value)
    losses = [row["loss"] for row in solution.history]
    assert (np.diff(losses) <= 0).all() and losses[-1] < 1e-2 * losses[0]


class Uphill(Quadratic):
    def value_and_gradient(self, theta):
        value, gradient = super().value_and_gradient(theta)
        return value, -gradient


def test_no_descent_ends_with_no_progress():
    problem = Uphill(5)
    eye = np.eye(5)
    solution = solve(problem, lambda _: Metric(None, eye.diagonal(), 0.0, 0))
    assert solution.status == NO_PROGRESS
    assert_allclose(solution.point.theta, 1.0)


# -- in the estimator ----------------------------------------------------------


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(6000, noise=1.0, random_state=0)


def fit(data, **kwargs):
    params = {"n_hidden": 8, "alpha": 1e-4, "random_state": 0, **kwargs}
    return TwoLayerSoftmaxRegressor(**params).fit(*data)


@pytest.mark.parametrize("sketch", ["auto", "uniform", "leverage", "countsketch"])
def test_every_sketch_reaches_the_exact_minimum(friedman, sketch):
    exact = fit(friedman, sketch="none", n_init=2)
    sketched = fit(friedman, sketch=sketch, n_init=2)
    assert sketched.status_ == exact.status_ == "converged"
    assert_allclose(sketched.loss_, exact.loss_, rtol=1e-4)
    assert (exact.history_["sketch_size"] == 0).all()
    assert (exact.history_["n_cg"] == 0).all()
    last = {name: column[-1] for name, column in sketched.history_.items()}
    assert last["n_rows"] == 6000 and 0 < last["sketch_size"] < 6000
    assert last["n_cg"] > 0
    assert sketched.history_["n_rows"][0] < 6000  # a sample came first
    assert last["passes"] < exact.history_["passes"][-1]


def test_sketches_do_not_depend_on_the_number_of_threads(friedman):
    one, three = (fit(friedman, n_jobs=n) for n in (1, 3))
    np.testing.assert_array_equal(one.hidden_coef_, three.hidden_coef_)


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
@pytest.mark.parametrize("sparse", [False, True])
def test_outputs_weights_activations_and_sparse_rows(activation, sparse):
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 6)) * (rng.random((5000, 6)) < 0.7)
    u = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]], axis=1) / 3
    Y = (np.log1p(np.exp(u)) if activation == "softplus" else np.tanh(u)) * 0.9
    weight = rng.integers(1, 4, 5000)
    data = (sp.csr_array(X) if sparse else X), Y, weight
    params = {"output_activation": activation, "alpha": 1e-5, "n_hidden": 6}
    exact = fit(data, **params, sketch="none")
    sketched = fit(data, **params)
    assert sketched.history_["sketch_size"].max() > 0
    assert_allclose(sketched.loss_, exact.loss_, rtol=0.02)


def test_max_iter_leaves_iterations_for_all_rows(friedman):
    for max_iter in (1, 2, 5):
        with pytest.warns(UserWarning, match="max_iter"):
            model = fit(friedman, max_iter=max_iter, tol=1e-10)
        assert model.n_iter_ <= max_iter
        assert model.history_["n_rows"][-1] == 6000
        assert model.loss_curve_[-1] == model.loss_


def test_gradients_for_which_a_metric_serves(monkeypatch, friedman):
    monkeypatch.setattr(_quasi_newton, "GRADIENTS", 3)
    model = fit(friedman)
    assert model.history_["n_cg"].max() <= 3
    assert model.status_ == "converged"


def test_samples_grow(monkeypatch, friedman):
    monkeypatch.setattr(_training, "GROWTH", 2)
    n_rows = fit(friedman).history_["n_rows"]
    assert list(dict.fromkeys(n_rows)) == [960, 1920, 6000]
