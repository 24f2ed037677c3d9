"""Negative curvature: found by the eigenvectors, and by a few products."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.metric import MetricSketch
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.saddle import (
    LANCZOS_STEPS,
    Descent,
    beyond_saddle,
    exact_descent,
    lanczos_descent,
)
from sksoftnewton._solver.points import Point
from tests.references_paper import symmetric_saddle


def metric_at(problem, point):
    draw = MetricSketch(problem, 20 * problem.d, np.random.default_rng(0))
    draw(point)
    return draw.definite()


@pytest.mark.parametrize("seed", range(5))
def test_a_saddle_is_seen_by_both(seed):
    problem = symmetric_saddle(seed=seed)
    point = Point.at(problem, np.zeros(problem.d))
    hessian = Curvature(problem, point.theta).hessian()
    assert_allclose(point.gradient, 0, atol=1e-10)
    lanczos = lanczos_descent(
        problem, point.theta, metric_at(problem, point), np.random.default_rng(seed)
    )
    for descent in (exact_descent(hessian), lanczos):
        assert descent.curvature < 0
        form = descent.direction @ hessian @ descent.direction
        assert_allclose(form, descent.curvature, rtol=1e-6)
        further = beyond_saddle(problem, point, descent)
        assert problem.value(further) < point.value


def test_at_a_minimum_there_is_none():
    rng = np.random.default_rng(1)
    A1, A2 = rng.standard_normal((4000, 30)), rng.standard_normal((3, 4000))
    problem = check_problem(A1, A2, np.zeros(3), "identity", 1.0)
    point = Point.at(problem, np.zeros(30))
    assert exact_descent(Curvature(problem, point.theta).hessian()) is None
    metric = metric_at(problem, point)
    assert lanczos_descent(problem, point.theta, metric, rng) is None
    assert beyond_saddle(problem, point, None) is None


def test_a_singular_hessian_is_no_saddle():
    rng = np.random.default_rng(2)
    A1 = np.repeat(rng.standard_normal((4000, 10)), 2, axis=1)
    problem = check_problem(A1, rng.standard_normal((2, 4000)), [0, 0], "identity", 1.0)
    point = Point.at(problem, np.zeros(20))
    metric = metric_at(problem, point)
    for seed in range(10):
        start = np.random.default_rng(seed)
        assert lanczos_descent(problem, point.theta, metric, start) is None


def test_products_are_few(monkeypatch):
    calls = []
    original = Attention.hessian_product
    monkeypatch.setattr(
        Attention,
        "hessian_product",
        lambda self, x, v: calls.append(1) or original(self, x, v),
    )
    test_at_a_minimum_there_is_none()
    assert len(calls) == LANCZOS_STEPS


def test_a_step_that_the_loss_denies_is_not_taken():
    """A curvature that is not there: halved until rounding, then given up."""
    rng = np.random.default_rng(3)
    A1, A2 = rng.standard_normal((100, 3)), rng.standard_normal((2, 100))
    problem = check_problem(A1, A2, A2.mean(axis=1), "identity", 10.0)
    point = Point.at(problem, np.zeros(3))
    assert_allclose(point.gradient, 0, atol=1e-15)
    assert beyond_saddle(problem, point, Descent(-1.0, np.ones(3))) is None


class Form:
    """½ xᵀ H x, plus a rise of the loss for any step."""

    def __init__(self, H, rise=0.0):
        self.H, self.d, self.A1, self.rise = H, len(H), np.eye(len(H)), rise
        self.n_products = 0

    def hessian_product(self, x, v):
        self.n_products += 1
        return self.H @ v

    def value(self, x):
        return 0.5 * float(x @ self.H @ x) + self.rise * float(x @ x)

    def resolution(self, value):
        return 1e-12


@pytest.mark.parametrize(("rise", "taken"), [(0.2, True), (0.3, False), (0.6, False)])
def test_the_loss_has_to_fall_by_half_of_what_the_curvature_promises(rise, taken):
    point = Point(np.zeros(1), 0.0, np.zeros(1))
    form = Form(-np.eye(1), rise)
    further = beyond_saddle(form, point, Descent(-1.0, np.ones(1)))
    assert (further is not None) == taken


def test_curvature_below_the_rounding_of_the_largest_is_none():
    def found(H):
        form = Form(np.diag(H))
        rng = np.random.default_rng(0)
        return lanczos_descent(form, np.zeros(3), np.eye(3), rng), form.n_products

    descent, _ = found([1e4, -1.0, 1.0])
    assert_allclose(descent.curvature, -1.0, rtol=1e-6)
    assert found([1e4, -1e-3, 1.0])[0] is None
    # Equal but for rounding: one product says all.
    assert found([1e9, 1e9 + 1, 1e9 + 2]) == (None, 1)
