import numpy as np

from sksoftnewton._solver.points import Move, Point
from sksoftnewton._solver.rules import small_decrease, small_gradient
from tests.references_solver import ROSENBROCK, Problem, solve


def test_a_flat_loss_is_converged_not_stuck():
    noisy = Problem(
        lambda x: 1.0, lambda x: np.array([1e-9]), lambda x: np.eye(1), resolution=1e-15
    )
    found = solve(noisy, [0.0], tol=0.0)
    assert found.status == "converged" and len(found.history) == 1


def test_a_large_damping_is_not_taken_for_convergence():
    """The promise of a heavily damped step is small wherever it stands."""
    found = solve(ROSENBROCK, [-1.2, 1.0], tol=1e-2, damping=1e6)
    np.testing.assert_allclose(found.point.theta, [1, 1], atol=0.2)


def test_a_last_stage_ends_where_ten_moves_gain_less_than_the_tolerance():
    def moves(gain):
        for i in range(30):
            point = Point(np.zeros(1), 1 - gain * i, np.ones(1))
            # Much is promised, at a damping that lets it.
            yield Move(point, 0.1, 1e-15, 1e-3, 1e-3, 1)

    def ended(rule, gain):
        return next((i for i, move in enumerate(moves(gain)) if rule(move)), None)

    assert ended(small_decrease(1e-3, last=True), 0.9e-4) == 10
    assert ended(small_decrease(1e-3, last=True), 1.1e-4) is None
    assert ended(small_decrease(1e-3), 0.9e-4) is None


def ended_at(values, tol):
    """The number of the move at which a last stage ends; each promises a lot."""
    rule = small_decrease(tol, last=True)
    for i, value in enumerate(values):
        point = Point(np.zeros(1), value, np.ones(1))
        if rule(Move(point, np.inf, 1e-15, 1e-3, 1e-3, 1)):
            return i
    return None


def test_the_gain_of_the_last_ten_moves_is_compared_with_the_loss_after_them():
    flat_from_five = [5.0, 4.0, 3.0, 2.0, 1.1, *[1.0] * 20]
    assert ended_at(flat_from_five, 1e-3) == 15
    assert ended_at([1000 * value for value in flat_from_five], 1e-3) == 15
    slow = 1000 - 0.05 * np.arange(30)  # half a thousandth in ten moves
    assert ended_at(slow, 1e-3) == 10 and ended_at(slow, 1e-4) is None
    assert ended_at([*[1.6] * 10, 1.0], 0.5) is None


def test_a_gradient_as_small_as_its_rounding_is_small_where_the_loss_is_flat():
    rule = small_gradient(1e-9, lambda point: 1e-3 * point.value)

    def holds(size, predicted):
        point = Point(np.zeros(1), 2.0, np.array([size]))
        return rule(Move(point, predicted, 1e-15, 1e-3, 1e-3, 1))

    assert holds(1e-9, 1.0) and not holds(1.1e-9, 1.0)
    assert holds(1.9e-3, 1e-15) and not holds(2.1e-3, 1e-15)
    assert not holds(1.9e-3, 1.1e-15)


def test_small_promises_count_at_once_only_without_damping():
    def ended(*moves):
        rule = small_decrease(1e-2)
        for number, (predicted, damping) in enumerate(moves, start=1):
            point = Point(np.zeros(1), 1.0, np.ones(1))
            if rule(Move(point, predicted, 1e-15, damping, damping, 1)):
                return number
        return None

    small, large = 0.9e-4, 1.1e-4
    assert ended((small, 1e-6)) == 1
    assert ended(*[(small, 1e-3)] * 5) == 3
    assert ended((large, 1e-6), (small, 1e-6)) == 2
    assert ended(*[(small, 1e-3), (large, 1e-3)] * 3) is None
    assert ended(*[(small, 1.0)] * 5) == 3
    assert ended(*[(small, 1.1)] * 5) is None
