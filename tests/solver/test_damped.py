import numpy as np

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
