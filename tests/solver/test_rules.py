import numpy as np

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
