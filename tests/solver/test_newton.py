import numpy as np
import pytest

from sksoftnewton._solver.points import Point
from tests.references_solver import DOUBLE_WELL, ROSENBROCK, Problem, solve


@pytest.mark.parametrize(
    ("problem", "start", "solution"),
    [
        (ROSENBROCK, [-1.2, 1.0], [1, 1]),
        (DOUBLE_WELL, [0.1, 3.0], [1, 0]),
        (DOUBLE_WELL, [-30.0, -3.0], [-1, 0]),
    ],
)
def test_known_minimisers(problem, start, solution):
    found = solve(problem, start)
    assert found.status == "converged"
    np.testing.assert_allclose(found.point.theta, solution, atol=1e-5)
    losses = [row["loss"] for row in found.history]
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] == found.point.value


def test_convergence_is_fast_near_the_solution():
    found = solve(ROSENBROCK, [-1.2, 1.0], tol=0.0, max_iter=60)
    norms = [row["gradient_norm"] for row in found.history]
    assert min(norms) < 1e-9


def test_max_iter():
    found = solve(ROSENBROCK, [-1.2, 1.0], max_iter=3)
    assert found.status == "max_iter" and len(found.history) == 3


def test_no_progress_for_a_wrong_gradient():
    uphill = Problem(
        ROSENBROCK.value, lambda x: -ROSENBROCK.gradient(x), ROSENBROCK.hessian
    )
    found = solve(uphill, [-1.2, 1.0])
    assert found.status == "no_progress" and len(found.history) == 1
    np.testing.assert_array_equal(found.point.theta, [-1.2, 1.0])


def test_callback_sees_every_iteration_and_can_stop():
    seen = []

    def callback(point, row):
        assert isinstance(point, Point)
        seen.append(row["loss"])
        return len(seen) == 4

    found = solve(ROSENBROCK, [-1.2, 1.0], callback=callback)
    assert found.status == "stopped_by_callback"
    assert seen == [row["loss"] for row in found.history]


def test_history_says_where_the_matrix_was_indefinite_and_what_was_promised():
    found = solve(DOUBLE_WELL, [0.1, 3.0])
    indefinite = [row["indefinite"] for row in found.history]
    assert indefinite[0] and not indefinite[-1]
    definite = solve(DOUBLE_WELL, [2.0, 0.5], damping=1e-12, max_iter=1).history[0]
    gradient = DOUBLE_WELL.gradient(np.array([2.0, 0.5]))
    hessian = DOUBLE_WELL.hessian(np.array([2.0, 0.5]))
    decrement = np.sqrt(gradient @ np.linalg.solve(hessian, gradient))
    np.testing.assert_allclose(definite["decrement"], decrement, rtol=1e-6)


def test_history_counts_work_and_time():
    found = solve(ROSENBROCK, [-1.2, 1.0])
    for name in ("passes", "time"):
        assert (np.diff([row[name] for row in found.history]) > 0).all()
    assert found.history[-1]["passes"] >= found.n_evaluations
    keys = {"loss", "gradient_norm", "damping", "n_rows", "sketch_size", "n_cg"}
    assert keys | {"passes", "time"} <= set(found.history[0])


def test_from_a_saddle_the_loop_goes_on_where_it_is_told_to():
    asked = []

    class Counted(Problem):
        n_calls = 0

        def value_and_gradient(self, theta):
            Counted.n_calls += 1
            return super().value_and_gradient(theta)

    def beyond(point):
        asked.append(point.theta)
        return np.array([1.5, 0.3]) if len(asked) == 1 else None

    well = Counted(DOUBLE_WELL.value, DOUBLE_WELL.gradient, DOUBLE_WELL.hessian)
    found = solve(well, [0.0, 1.0], beyond=beyond)
    np.testing.assert_allclose(asked[0], 0, atol=1e-4)
    np.testing.assert_allclose(found.point.theta, [1, 0], atol=1e-4)
    assert found.status == "converged" and len(asked) == 2
    assert found.n_evaluations == Counted.n_calls
