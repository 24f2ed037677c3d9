import numpy as np

from sksoftnewton._solver.damped import damped_step
from sksoftnewton._solver.directions import Step
from sksoftnewton._solver.points import Point
from tests.references_solver import Problem, solve


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


def test_below_the_resolution_of_the_loss_the_gradient_decides():
    quadratic = Problem(
        lambda x: 1.0, lambda x: x, lambda x: np.eye(1), resolution=np.inf
    )
    found = solve(quadratic, [1e-9], tol=0.0)
    assert abs(found.point.theta[0]) < 1e-10


def test_a_step_that_promises_nothing_is_not_taken():
    class Fading:
        """Promises a lot without damping and nothing with it."""

        def solve(self, gradient, damping):
            promise = 1.0 if damping == 1e-2 else 0.0
            return Step(np.full(1, 3.0 * promise), promise)

    quadratic = Problem(lambda x: x[0] ** 2, lambda x: 2 * x, lambda x: 2 * np.eye(1))
    start = Point.at(quadratic, np.ones(1))
    move = damped_step(quadratic, start, Fading(), 1e-2)
    assert move.stuck and move.point is start
