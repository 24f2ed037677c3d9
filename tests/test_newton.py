import numpy as np
import pytest

from sksoftnewton._directions import PrimalSystem
from sksoftnewton._newton import Point, minimize, small_decrease


class Problem:
    """An objective given by plain functions, with its exact Hessian."""

    gradient_work = 1.0

    def __init__(self, value, gradient, hessian, resolution=None):
        self.value, self.gradient, self.hessian = value, gradient, hessian
        self._resolution = resolution

    def value_and_gradient(self, theta):
        return self.value(theta), self.gradient(theta)

    def curvature(self, theta):
        return self.hessian(theta)

    def resolution(self, value):
        if self._resolution is None:
            return 8 * np.finfo(float).eps * abs(value)
        return self._resolution


def system_for(hessian, decrease):
    diagonal = np.abs(hessian.diagonal())
    return PrimalSystem(hessian, np.maximum(diagonal, 1e-4 * diagonal.mean()))


def solve(problem, start, tol=1e-10, max_iter=200, **kwargs):
    return minimize(
        problem,
        np.asarray(start, dtype=float),
        system_for,
        converged=small_decrease(tol),
        max_iter=max_iter,
        n_rows=1,
        **kwargs,
    )


ROSENBROCK = Problem(
    lambda x: 1 + 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
    lambda x: np.array(
        [
            -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]),
            200 * (x[1] - x[0] ** 2),
        ]
    ),
    lambda x: np.array(
        [[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200]]
    ),
)
# A quartic valley: the Hessian is indefinite at the start.
DOUBLE_WELL = Problem(
    lambda x: 1 + (x[0] ** 2 - 1) ** 2 + x[1] ** 2,
    lambda x: np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]]),
    lambda x: np.diag([12 * x[0] ** 2 - 4, 2.0]),
)


@pytest.mark.parametrize(
    "problem, start, solution",
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


def test_steps_to_non_finite_values_are_rejected():
    def value(x):
        return 2 + x[0] - np.log(x[0]) if x[0] > 0 else np.nan

    barrier = Problem(
        value,
        lambda x: np.array([1 - 1 / x[0]]),
        lambda x: np.array([[1 / x[0] ** 2]]),
    )
    found = solve(barrier, [50.0])
    assert found.status == "converged"
    np.testing.assert_allclose(found.point.theta, 1, rtol=1e-5)


def test_a_flat_loss_is_converged_not_stuck():
    noisy = Problem(
        lambda x: 1.0, lambda x: np.array([1e-9]), lambda x: np.eye(1), resolution=1e-15
    )
    found = solve(noisy, [0.0], tol=0.0)
    assert found.status == "converged" and len(found.history) == 1


def test_below_the_resolution_of_the_loss_the_gradient_decides():
    quadratic = Problem(
        lambda x: 1.0, lambda x: x, lambda x: np.eye(1), resolution=np.inf
    )
    found = solve(quadratic, [1e-9], tol=0.0)
    assert abs(found.point.theta[0]) < 1e-10


def test_callback_sees_every_iteration_and_can_stop():
    seen = []

    def callback(point, row):
        assert isinstance(point, Point)
        seen.append(row["loss"])
        return len(seen) == 4

    found = solve(ROSENBROCK, [-1.2, 1.0], callback=callback)
    assert found.status == "stopped_by_callback"
    assert seen == [row["loss"] for row in found.history]


def test_history_counts_work_and_time():
    found = solve(ROSENBROCK, [-1.2, 1.0])
    for name in ("passes", "time"):
        assert (np.diff([row[name] for row in found.history]) > 0).all()
    assert found.history[-1]["passes"] >= found.n_evaluations
    keys = {"loss", "gradient_norm", "damping", "n_rows", "sketch_size", "n_cg"}
    assert keys | {"passes", "time"} <= set(found.history[0])


def test_a_large_damping_is_not_taken_for_convergence():
    """The promise of a heavily damped step is small wherever it stands."""
    found = solve(ROSENBROCK, [-1.2, 1.0], tol=1e-2, damping=1e6)
    np.testing.assert_allclose(found.point.theta, [1, 1], atol=0.2)
