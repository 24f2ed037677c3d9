import numpy as np
import pytest

from sksoftnewton._network import regimes
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.regimes import (
    DUAL,
    EXACT,
    MATRIX_FREE,
    SKETCHED,
    HessianSystem,
    NewtonSystems,
    Sketch,
)
from sksoftnewton._solver.directions import DualSystem, PrimalSystem
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import QuasiNewton
from tests.references_network import make_network


def system(n, decrease=np.inf, **kwargs):
    network, theta, *_ = make_network(n=n, n_outputs=1, weighted=False, **kwargs)
    assert network.n_params == 18
    return NewtonSystems(network)(Point.at(network, theta), decrease)


def test_the_dual_serves_fewer_residuals_than_parameters():
    assert isinstance(system(17), DualSystem)
    assert isinstance(system(18), PrimalSystem)


def test_the_hessian_is_tried_near_the_end_only():
    assert isinstance(system(40, decrease=0.02), PrimalSystem)
    assert isinstance(system(40, decrease=0.005), HessianSystem)
    assert isinstance(system(17, decrease=0.005), DualSystem)


def test_the_choice_depends_on_weights_not_on_rows():
    network, theta, *_ = make_network(n=10, n_outputs=1, weighted=False)
    network.rows.total_weight = 18.0  # as if 8 rows counted twice
    systems = NewtonSystems(network)
    assert isinstance(systems(Point.at(network, theta), 0.0), HessianSystem)


def test_large_models_do_without_the_hessian(monkeypatch):
    monkeypatch.setattr(regimes, "HESSIAN_PARAMS", 17)
    assert isinstance(system(40, decrease=0.0), PrimalSystem)


@pytest.mark.parametrize("damping", [1e-8, 1e3])
def test_an_indefinite_hessian_gives_way_to_gauss_newton(damping):
    network, theta, *_ = make_network(n=40, n_outputs=1)
    theta = 3 * theta  # large residuals
    curvature = Curvature(network, theta)
    exact, metric = curvature.gram(exact=True)
    point = Point.at(network, theta)
    definite = np.linalg.eigvalsh(exact + damping * np.diag(metric))[0] > 0
    assert definite == (damping > 1)
    matrix = exact if definite else curvature.gram()[0]
    expected = np.linalg.solve(matrix + damping * np.diag(metric), -point.gradient)
    systems = NewtonSystems(network)
    first = systems(point, 0.0)
    np.testing.assert_allclose(
        first.solve(point.gradient, damping).direction, expected, rtol=1e-6
    )
    assert first.indefinite == (not definite)
    following = [type(systems(point, 0.0)) for _ in range(3)]
    rested = [PrimalSystem, PrimalSystem, HessianSystem]
    assert following == (rested if first.indefinite else [HessianSystem] * 3)


def test_the_hessian_takes_over_when_a_sketch_is_worn_out():
    network, theta, *_ = make_network(n=3000, n_outputs=1)
    systems = NewtonSystems(network)
    point = Point.at(network, theta)
    assert isinstance(systems(point, np.inf), QuasiNewton)
    assert isinstance(systems(point, 2e-4), QuasiNewton)
    assert isinstance(systems(point, 5e-5), HessianSystem)


# -- boundaries -------------------------------------------------------------------


def boundary(n, p=18, n_outputs=1, sketch=None, total_weight=None):
    network, *_ = make_network(n=n, n_outputs=n_outputs, weighted=False)
    if total_weight is not None:
        network.rows.total_weight = total_weight
    assert network.n_params == p
    return regimes.regime(network, sketch or Sketch())


def test_small_problems_are_exact_by_their_observations():
    assert boundary(2048) == EXACT
    assert boundary(2049) == SKETCHED
    assert boundary(1000, total_weight=2049.0) == SKETCHED  # as if repeated
    assert boundary(1025, p=21, n_outputs=2) == SKETCHED
    assert boundary(3000, sketch=Sketch("none")) == EXACT
    assert boundary(3000, sketch=Sketch("auto", small=4000)) == EXACT


def test_a_sketch_of_all_rows_is_exact():
    assert boundary(100, sketch=Sketch("uniform", 99)) == SKETCHED
    assert boundary(100, sketch=Sketch("uniform", 100)) == EXACT
    assert boundary(90, sketch=Sketch("leverage", 5.0)) == EXACT
    assert boundary(91, sketch=Sketch("leverage", 5.0)) == SKETCHED


def test_a_dear_matrix_of_all_rows_is_the_metric_of_quasi_newton_steps(monkeypatch):
    network, theta, *_ = make_network(n=100, n_outputs=1)
    assert boundary(100, sketch=Sketch("none")) == EXACT
    monkeypatch.setattr(regimes, "_gradients", lambda network: 29.0)
    assert boundary(100) == EXACT
    assert boundary(100, sketch=Sketch("none", all_gradients=28)) == EXACT
    metric_of_all = Sketch(all_gradients=28)
    assert boundary(100, sketch=metric_of_all) == SKETCHED
    system = NewtonSystems(network, metric_of_all)(Point.at(network, theta), np.inf)
    assert isinstance(system, QuasiNewton)
    assert system.sketch_size == 0
    matrix, metric = Curvature(network, theta).gram()
    np.testing.assert_array_equal(system._metric.matrix, matrix)
    np.testing.assert_array_equal(system._metric.diagonal, metric)


def test_the_first_sample_of_a_small_model_is_exact(monkeypatch):
    anywhere = Sketch("auto", 4.0, small=0)
    assert boundary(180, sketch=anywhere) == EXACT
    assert boundary(181, sketch=anywhere) == SKETCHED
    monkeypatch.setattr(regimes, "CHEAP_GRADIENTS", 0)
    assert boundary(180, sketch=anywhere) == SKETCHED


def test_too_large_for_any_matrix(monkeypatch):
    assert boundary(17) == DUAL
    monkeypatch.setattr(regimes, "DUAL_RESIDUALS", 16)
    assert boundary(17) == MATRIX_FREE
    monkeypatch.setattr(regimes, "PRIMAL_PARAMS", 17)
    assert boundary(16) == DUAL
    assert boundary(5000) == MATRIX_FREE


def test_rows_of_an_automatic_sketch(monkeypatch):
    """A few gradients' worth, within 4 and 40 rows a parameter."""
    network, *_ = make_network(n=100_000, n_outputs=1, weighted=False)
    assert Sketch().rows(network) == 40 * 18
    assert Sketch("auto", 10**6).rows(network) == 100_000
    monkeypatch.setattr(regimes, "SKETCH_GRADIENTS", 0)
    assert Sketch().rows(network) == 4 * 18
    assert Sketch("auto", 17).rows(network) == 17
    assert Sketch("auto", 2.5).rows(network) == 45


def test_only_large_models_have_metrics_without_a_matrix(monkeypatch):
    network, theta, *_ = make_network(n=3000, n_outputs=1)
    point = Point.at(network, theta)

    def metric():
        systems = NewtonSystems(network, Sketch("uniform", 100))
        return systems(point, np.inf)._metric

    assert metric().matrix.shape == (18, 18) and metric().sketch_size == 100
    assert metric().work == Curvature(network, theta).sketch_work("uniform", 100)
    monkeypatch.setattr(regimes, "PRIMAL_PARAMS", 17)
    monkeypatch.setattr(regimes, "DUAL_RESIDUALS", 17)
    assert metric().matrix is None and metric().work == 0
    expected = Curvature(network, theta).diagonal_metric()
    np.testing.assert_array_equal(metric().diagonal, expected)


def test_systems_go_on_with_the_metric_at_hand_and_a_new_network():
    network, theta, *_ = make_network(n=3000, n_outputs=1)
    systems = NewtonSystems(network, Sketch("uniform", 100))
    point = Point.at(network, theta)
    before = systems(point, np.inf)._metric
    other = network.with_alpha((0.5, 0.25))
    systems.go_on_with(other)
    assert systems(point, np.inf)._metric is before
    hessian, _ = Curvature(other, theta).gram(exact=True)
    np.testing.assert_array_equal(systems(point, 0.0)._system.hessian, hessian)


def test_rows_are_drawn_with_equal_probability_unless_another_sketch_is_asked_for():
    network, theta, *_ = make_network(n=3000, n_outputs=1)
    point = Point.at(network, theta)

    def matrix(kind):
        rng = np.random.default_rng(0)
        return regimes._Metrics(network, SKETCHED, Sketch(kind, 200), rng).at(point)

    auto, uniform, leverage = map(matrix, ("auto", "uniform", "leverage"))
    np.testing.assert_array_equal(auto.matrix, uniform.matrix)
    assert not np.allclose(leverage.matrix, uniform.matrix)
    assert auto.sketch_size == 200
