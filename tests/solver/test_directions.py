import numpy as np
import pytest

from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.regimes import dual_system, gauss_newton_system
from sksoftnewton._solver.directions import PlainSystem, PrimalSystem
from tests.references_network import each_case, make_network


@each_case
@pytest.mark.parametrize("damping", [0.0, 1e-6, 1e-2, 10.0])
def test_primal_and_dual_steps_agree_with_a_dense_solve(case, damping):
    network, theta, *_ = make_network(**case)
    _, gradient = network.value_and_gradient(theta)
    curvature = Curvature(network, theta)
    H, D = curvature.gram()
    expected = np.linalg.solve(H + damping * np.diag(D), -gradient)
    predicted = -(gradient @ expected) - expected @ H @ expected / 2
    for system in (gauss_newton_system(curvature), dual_system(curvature)):
        step = system.solve(gradient, damping)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            step.direction, expected, rtol=1e-8, atol=1e-8 * scale
        )
        np.testing.assert_allclose(step.predicted, predicted, rtol=1e-7)


def test_dual_keeps_its_digits_for_a_tiny_ridge():
    """Without a penalty the damped step is the damped least-squares solution."""
    network, theta, *_ = make_network(n=6)
    network.ridge[:] = 0
    curvature = Curvature(network, theta)
    system = dual_system(curvature)
    _, gradient = network.value_and_gradient(theta)
    J, r = system.jacobian, system.jacobian.residual
    dense = np.stack([J.matvec(e) for e in np.eye(len(theta))], axis=1)
    damping = 1e-9
    root = np.sqrt(damping * system.metric)
    expected, *_ = np.linalg.lstsq(
        np.vstack([dense, np.diag(root)]),
        np.append(-r, np.zeros(len(theta))),
        rcond=None,
    )
    step = system.solve(gradient, damping)
    np.testing.assert_allclose(step.direction, expected, rtol=1e-5, atol=1e-6)


def test_indefinite_matrix_needs_damping():
    system = PrimalSystem(np.diag([1.0, -0.5]), np.ones(2))
    gradient = np.array([1.0, 1.0])
    assert system.solve(gradient, 0.1) is None
    np.testing.assert_allclose(system.solve(gradient, 1.0).direction, [-0.5, -2.0])


def test_a_singular_matrix_gives_no_step():
    system = PrimalSystem(np.zeros((2, 2)), np.zeros(2))
    assert system.solve(np.ones(2), 1e-2) is None


def test_the_matrix_is_kept_for_the_next_damping():
    H = np.array([[2.0, 0.5], [0.5, 1.0]])
    system = PrimalSystem(H.copy(), np.ones(2))
    system.solve(np.ones(2), 1.0)
    np.testing.assert_array_equal(system.hessian, H)


def test_the_plain_step_goes_to_the_saddle_of_an_indefinite_matrix():
    H, gradient = np.array([[2.0, 0.5], [0.5, -1.0]]), np.array([1.0, 3.0])
    step = PlainSystem(H, 5.0, 2).solve(gradient, 0.0)
    np.testing.assert_allclose(H @ step.direction, -gradient)
    np.testing.assert_allclose(step.predicted, -(gradient @ step.direction) / 2)
    assert PlainSystem(np.zeros((2, 2)), 0.0, 0).solve(gradient, 0.0) is None


def test_a_step_that_is_no_number_is_none():
    system = PrimalSystem(np.diag([1e-310, 1.0]), np.ones(2))
    assert system.solve(np.ones(2), 0.0) is None


def test_every_solution_is_on_the_account():
    network, theta, *_ = make_network(n=6)
    curvature = Curvature(network, theta)
    _, gradient = network.value_and_gradient(theta)
    dual, p = dual_system(curvature), len(theta)
    N = network.n_residuals
    plain = PlainSystem(np.eye(p), 7.0, 0)
    for system, before, each in (
        (PrimalSystem(np.eye(p), np.ones(p), 7.0), 7, p**3 / 6),
        (plain, 7, p**3 / 3),
        (dual, 0, dual.jacobian.gram_work() + N**3 / 6),
    ):
        for n_solved in (1, 2):
            system.solve(gradient, 1.0)
            assert system.work == pytest.approx(before + n_solved * each)


def test_a_system_knows_the_rows_its_matrix_is_from():
    assert PrimalSystem(np.eye(2), np.ones(2), 7.0, 5).sketch_size == 5
    assert PrimalSystem(np.eye(2), np.ones(2)).sketch_size == 0
