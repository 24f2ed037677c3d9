import numpy as np
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._solver import quasi_newton
from sksoftnewton._solver.newton import CONVERGED, NO_PROGRESS, minimize
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import Metric, QuasiNewton, _Search
from sksoftnewton._solver.rules import small_decrease, small_gradient


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

    def resolution(self, value):
        return 1e-14 * abs(value)


def solve(problem, metric_at, max_iter=50, tol=1e-8):
    systems = QuasiNewton(metric_at)
    return minimize(
        problem,
        np.ones(len(problem.H)),
        lambda point, decrease: systems.at(point),
        converged=small_decrease(tol),
        max_iter=max_iter,
        n_rows=1,
        damping=1e-6,
    )


def wrong_by_half(problem):
    rng = np.random.default_rng(1)
    L = np.linalg.cholesky(problem.H)
    E = rng.normal(size=problem.H.shape) / np.sqrt(len(L)) / 4
    return L @ (np.eye(len(L)) + E + E.T) @ L.T


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
    wrong = wrong_by_half(problem)
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


def test_gradients_for_which_a_metric_serves(monkeypatch):
    monkeypatch.setattr(quasi_newton, "GRADIENTS", 3)
    X, y = make_friedman1(6000, noise=1.0, random_state=0)
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-4, random_state=0).fit(X, y)
    assert model.history_["n_cg"].max() <= 3
    assert model.status_ == "converged"


# -- below the resolution of the loss ------------------------------------------------


class Blunt(Quadratic):
    """A loss that tells nothing apart any more: only the gradient is left."""

    def resolution(self, value):
        return 1.0


def reach(problem, metric_at, threshold, max_iter=20):
    systems = QuasiNewton(metric_at)
    return minimize(
        problem,
        1e-4 * np.ones(len(problem.H)),
        lambda point, decrease: systems.at(point),
        converged=small_gradient(threshold, lambda point: 0.0),
        max_iter=max_iter,
        n_rows=1,
        damping=1e-6,
    )


def test_below_the_resolution_of_the_loss_the_gradient_decides():
    problem = Blunt()
    matrix = wrong_by_half(problem)
    first = np.linalg.norm(problem.value_and_gradient(1e-4 * np.ones(30))[1])
    solution = reach(
        problem, lambda _: Metric(matrix, matrix.diagonal(), 0.0, 1), 1e-8 * first
    )
    assert solution.status == CONVERGED
    assert np.linalg.norm(solution.point.gradient) <= 1e-8 * first
    assert problem.evaluations < 80


def test_the_gradient_has_to_shrink_in_the_metric_not_in_length():
    """A good step in a wrong metric of condition 1e6 may lengthen the gradient."""
    problem = Blunt()
    matrix = wrong_by_half(problem)
    metric = Metric(matrix, matrix.diagonal(), 0.0, 1)
    lengths = []
    original = problem.value_and_gradient

    def recorded(theta):
        value, gradient = original(theta)
        lengths.append(np.linalg.norm(gradient))
        return value, gradient

    problem.value_and_gradient = recorded
    solution = reach(problem, lambda _: metric, 1e-6)
    assert solution.status == CONVERGED
    assert (np.diff(lengths) > 0).any()


def test_a_step_that_shrinks_nothing_is_refused():
    """The metric is too small by 10: full steps overshoot, and λ stays as it is."""
    problem = Blunt(5)
    small = 0.1 * problem.H
    solution = reach(problem, lambda _: Metric(small, small.diagonal(), 0.0, 0), 1e-8)
    assert solution.status == NO_PROGRESS
    assert_allclose(solution.point.theta, 1e-4)
    assert solution.damping == 1e-6


def test_a_step_may_not_raise_the_loss_by_more_than_its_resolution():
    class Rising(Blunt):
        def value_and_gradient(self, theta):
            value, gradient = super().value_and_gradient(theta)
            return value + 3 * (np.abs(theta).max() < 9e-5), gradient

    problem = Rising(5)
    diagonal = problem.H.diagonal()
    solution = reach(problem, lambda _: Metric(problem.H, diagonal, 0.0, 0), 1e-8)
    assert solution.status == NO_PROGRESS


def test_a_damped_metric_serves_for_fewer_gradients_if_asked_to():
    problem = Quadratic()
    matrix = wrong_by_half(problem)
    systems = QuasiNewton(
        lambda _: Metric(matrix, matrix.diagonal(), 0.0, 1), damped_gradients=3
    )
    steps = []
    for damping in (1.0, quasi_newton.DAMPED):
        start = Point.at(problem, np.ones(30))
        move, done = systems.at(start).advance(
            problem, start, damping, lambda move: False
        )
        steps.append(move.n_trials)
        assert not done and move.damping < damping
        systems._pairs.clear()
    assert steps[0] == 3 and steps[1] > 3


def test_pairs_whose_product_cannot_be_divided_by_are_left_out():
    def value_and_gradient(theta):
        return 0.5e-160 * float(theta @ theta), 1e-160 * theta

    objective = Quadratic()
    objective.value_and_gradient = value_and_gradient
    objective.resolution = lambda value: 0.0
    metric = Metric(None, np.full(3, 2e-160), 0.0, 0)
    system = QuasiNewton(lambda point: metric).at(None)
    start = Point.at(objective, np.full(3, 1e-75))
    move, _ = system.advance(objective, start, 0.0, lambda move: move.n_steps == 3)
    assert np.isfinite(move.point.theta).all()
    assert move.point.value < start.value


class OneDimension:
    """A function of one number, and where it was asked for."""

    def __init__(self, value, slope=-1.0):
        self.value, self.slope, self.asked = value, slope, []

    def value_and_gradient(self, theta):
        self.asked.append(float(theta[0]))
        return self.value(theta[0]), np.array([self.slope])

    def resolution(self, value):
        return 1e-12


def search_along(value):
    """Where a step of length 1 is tried, and the search."""
    objective = OneDimension(value)
    start = Point.at(objective, np.zeros(1))
    search = _Search(objective, start, np.ones(1))
    search.run()
    return objective.asked[1:], search


def test_a_step_is_shortened_to_the_minimum_of_the_parabola():
    # −x + 2 x² has its minimum at a quarter; the full step raises it.
    tried, search = search_along(lambda x: 1 - x + 2 * x**2)
    assert_allclose(tried, [1.0, 0.25])
    assert search.found and search.n_trials == 2


def test_the_parabola_is_that_of_the_slope():
    objective = OneDimension(lambda x: 1 - 2 * x + 4 * x**2, slope=-2.0)
    search = _Search(objective, Point.at(objective, np.zeros(1)), np.ones(1))
    search.run()
    assert_allclose(objective.asked[1:], [1.0, 0.25])


def test_a_step_is_shortened_to_between_a_tenth_and_a_half():
    tried, _ = search_along(lambda x: 1 - x + (200 * x**2 if x > 0.5 else 0.0))
    assert_allclose(tried, [1.0, 0.1])
    tried, _ = search_along(lambda x: 1 - x + (1.0001 * x**2 if x > 0.6 else 0.0))
    assert_allclose(tried, [1.0, 0.49995], rtol=1e-4)


def test_a_step_to_where_the_loss_is_infinite_is_shortened_most():
    tried, search = search_along(lambda x: np.inf if x > 0.05 else 1 - x)
    assert_allclose(tried, [1.0, 0.1, 0.01])
    assert search.found


def test_a_step_that_is_never_short_enough_is_given_up():
    tried, search = search_along(lambda x: np.inf if x else 1.0)
    assert len(tried) == quasi_newton.SHORTENINGS + 1
    assert not search.found and search.point is search.start


def test_the_damping_shrinks_unless_steps_were_shortened(monkeypatch):
    problem = Quadratic(5)
    metric = Metric(problem.H, problem.H.diagonal(), 0.0, 1)

    def damping_after(trials):
        """Of steps that took so many values each, one after the other."""
        monkeypatch.setattr(quasi_newton, "GRADIENTS", sum(trials))
        left = iter(trials)
        systems = QuasiNewton(lambda _: metric)

        def step(objective, point, solve):
            search = _Search(objective, point, -1e-3 * point.theta)
            search.run()
            search.n_trials = next(left)
            return search

        systems._step = step
        start = Point.at(problem, np.ones(5))
        return systems.at(start).advance(problem, start, 1e-3, lambda _: False)[0]

    assert_allclose(damping_after([1, 1, 1, 1]).damping, 1e-3 / 3)
    assert_allclose(damping_after([2, 1, 2, 1]).damping, 1e-3 / 3)
    assert_allclose(damping_after([2, 1, 2, 1, 2, 1]).damping, 1e-3)
    worn_out = damping_after([1, 2, 2, 1, 1])  # two shortened steps in a row
    assert_allclose(worn_out.damping, 4e-3)
    assert worn_out.n_steps == 3


def test_no_more_pairs_are_kept_than_asked_for():
    problem = Quadratic()
    systems = QuasiNewton(
        lambda _: Metric(None, problem.H.diagonal(), 0.0, 0), memory=3
    )
    start = Point.at(problem, np.ones(30))
    systems.at(start).advance(problem, start, 0.0, lambda move: move.n_steps == 6)
    assert len(systems._pairs) == 3


def test_a_metric_is_kept_once_and_not_charged_again():
    made = []

    def metric_at(point):
        made.append(point)
        return Metric(np.eye(2), np.ones(2), 7.0, 1)

    systems = QuasiNewton(metric_at)
    systems.keep_metric()  # there is none yet
    assert systems.at(1).work == 7
    systems.keep_metric()
    assert systems.at(2).work == 0
    assert systems.at(3).work == 7
    assert made == [1, 3]


def test_every_factor_of_a_metric_is_on_the_account():
    definite = Metric(np.eye(3), np.ones(3), 7.0, 1)
    _, damping = definite.inverse(0.5)
    assert damping == 0.5 and definite.work == 7 + 27 / 6
    indefinite = Metric(np.diag([1.0, -1.0, 1.0]), np.ones(3), 7.0, 1)
    solve, damping = indefinite.inverse(0.3)
    assert damping == 1.2 and indefinite.work == 7 + 2 * 27 / 6
    assert_allclose(solve(np.ones(3)), [1 / 2.2, 5.0, 1 / 2.2])


def test_a_metric_without_a_matrix_takes_its_scale_from_the_pairs():
    first, second = np.eye(2)
    for matrix, scale in ((np.eye(2), 1.0), (None, 1 / 4)):
        systems = QuasiNewton(lambda _, m=matrix: Metric(m, np.ones(2), 0.0, 0))
        systems.at(None)
        systems._pairs.add(first, 4 * first)
        direction = systems._direction(second, lambda g: g)
        assert_allclose(direction, -scale * second)


def test_a_metric_in_which_nothing_is_found_is_damped_ten_times_more():
    class Uphill(Quadratic):
        def value_and_gradient(self, theta):
            value, gradient = super().value_and_gradient(theta)
            return value, -gradient

    problem = Uphill(2)
    systems = QuasiNewton(lambda _: Metric(np.eye(2), np.ones(2), 0.0, 0))
    start = Point.at(problem, np.ones(2))
    move, done = systems.at(start).advance(problem, start, 0.5, small_decrease(1e-8))
    assert move.damping == 5.0 and not done and not move.stuck
    assert move.point is start and move.n_trials == quasi_newton.SHORTENINGS + 1
