import numpy as np
import pytest

from sksoftnewton import _regimes
from sksoftnewton._directions import DualSystem, PrimalSystem
from sksoftnewton._regimes import HessianSystem, NewtonSystems
from tests.test_network import make_network


def system(n, decrease=np.inf, **kwargs):
    network, theta, *_ = make_network(n=n, n_outputs=1, weighted=False, **kwargs)
    assert network.n_params == 18
    return NewtonSystems(network)(network.curvature(theta), decrease)


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
    assert isinstance(systems(network.curvature(theta), 0.0), HessianSystem)


def test_large_models_do_without_the_hessian(monkeypatch):
    monkeypatch.setattr(_regimes, "HESSIAN_PARAMS", 17)
    assert isinstance(system(40, decrease=0.0), PrimalSystem)


@pytest.mark.parametrize("damping", [1e-8, 1e3])
def test_an_indefinite_hessian_gives_way_to_gauss_newton(damping):
    network, theta, *_ = make_network(n=40, n_outputs=1)
    theta = 3 * theta  # large residuals
    curvature = network.curvature(theta)
    exact, metric = curvature.gram(exact=True)
    _, gradient = network.value_and_gradient(theta)
    definite = np.linalg.eigvalsh(exact + damping * np.diag(metric))[0] > 0
    assert definite == (damping > 1)
    matrix = exact if definite else curvature.gram()[0]
    expected = np.linalg.solve(matrix + damping * np.diag(metric), -gradient)
    systems = NewtonSystems(network)
    first = systems(curvature, 0.0)
    np.testing.assert_allclose(
        first.solve(gradient, damping).direction, expected, rtol=1e-6
    )
    assert first.indefinite == (not definite)
    following = [type(systems(curvature, 0.0)) for _ in range(3)]
    rested = [PrimalSystem, PrimalSystem, HessianSystem]
    assert following == (rested if first.indefinite else [HessianSystem] * 3)
