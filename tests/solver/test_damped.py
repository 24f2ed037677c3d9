import numpy as np
import pytest

from sksoftnewton._solver.damped import damped_step, plain_step
from sksoftnewton._solver.directions import Step
from sksoftnewton._solver.points import Move, Point
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


def test_below_the_resolution_a_step_that_does_not_shorten_the_gradient_is_not_taken():
    class Twice:
        def __init__(self, following):
            self.steps = [Step(np.full(1, -1.0), 1.0), following]

        def solve(self, gradient, damping):
            return self.steps.pop(0)

    flat = Problem(lambda x: 1.0, lambda x: x, lambda x: np.eye(1), resolution=np.inf)
    start = Point.at(flat, np.full(1, 3.0))
    shorter, as_long = (Step(np.zeros(1), promise) for promise in (0.9, 1.0))
    assert damped_step(flat, start, Twice(shorter), 1e-2).point.theta == 2
    for following in (as_long, None):
        move = damped_step(flat, start, Twice(following), 1e-2)
        assert move.stuck and move.point is start


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


class Promising:
    """A step to zero from so much damping on, and one uphill below; of one promise."""

    def __init__(self, least, promise):
        self.least, self.promise, self.seen = least, promise, []

    def solve(self, gradient, damping):
        self.seen.append(damping)
        step = -1.0 if damping >= self.least else 10.0
        return Step(np.full(1, step), self.promise)


@pytest.mark.parametrize(
    ("promise", "factor"), [(1.0, 1 / 3), (2.0, 1.0), (10.0, 2.0), (1e3, 2.0)]
)
def test_damping_grows_until_a_step_is_accepted_and_follows_its_success(
    promise, factor
):
    quadratic = Problem(lambda x: x[0] ** 2, lambda x: 2 * x, lambda x: 2 * np.eye(1))
    start, system = Point.at(quadratic, np.ones(1)), Promising(0.1, promise)
    move = damped_step(quadratic, start, system, 1e-2)
    np.testing.assert_allclose(system.seen, [1e-2, 4e-2, 16e-2])
    assert move.n_trials == 3 and move.step_damping == system.seen[-1]
    assert move.point.value == 0 and move.predicted == promise
    np.testing.assert_allclose(move.damping, factor * system.seen[-1])


def test_damping_has_a_smallest_and_a_largest_value():
    quadratic = Problem(lambda x: x[0] ** 2, lambda x: 2 * x, lambda x: 2 * np.eye(1))
    start = Point.at(quadratic, np.ones(1))
    assert damped_step(quadratic, start, Promising(0.0, 1.0), 1e-12).damping == 1e-12
    never = Promising(np.inf, 1.0)
    move = damped_step(quadratic, start, never, 1e7)
    assert never.seen == [1e7, 4e7] and move.stuck and move.damping == 1e7
    assert move.n_trials == 2


def test_a_plain_step_that_cannot_be_taken_leaves_the_point_where_it_is():
    class Plain:
        def __init__(self, step):
            self.step = step

        def solve(self, gradient, damping):
            return self.step

    logarithm = Problem(
        lambda x: np.log(x[0]) if x[0] > 0 else np.inf, lambda x: 1 / x, None
    )
    start = Point.at(logarithm, np.ones(1))
    resolution = logarithm.resolution(start.value)
    for step, n_trials in ((None, 0), (Step(np.array([-2.0]), 1.0), 1)):
        move = plain_step(logarithm, start, Plain(step))
        stays = Move(start, 0.0, resolution, 0.0, 0.0, n_trials, stuck=True)
        assert move == stays
    moved = plain_step(logarithm, start, Plain(Step(np.array([-0.5]), 0.3)))
    assert moved.point.value == np.log(0.5) and not moved.stuck
    assert (moved.predicted, moved.n_trials) == (0.3, 1)
