"""What "auto" decides, at its boundaries, and which systems follow from it."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._paper import regimes
from sksoftnewton._paper.objective import check_problem
from sksoftnewton._paper.regimes import (
    EXACT,
    LEAST_ROWS,
    MOST_ROWS,
    SKETCHED,
    AutoSystems,
    hessian_gradients,
    regime,
    sketch_rows,
)
from sksoftnewton._solver.directions import PrimalSystem
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import DAMPED, QuasiNewton


def problem_of(n, d, *, m=1, sparse=None):
    """Zeros but for CSR's entries: only shapes matter to the decision."""
    rng = np.random.default_rng(0)
    A1 = np.zeros((n, d))
    if sparse is not None:
        entries = rng.standard_normal(n * sparse), rng.integers(0, d, n * sparse)
        pointers = np.arange(0, n * sparse + 1, sparse)
        A1 = sp.csr_array((*entries, pointers), shape=(n, d))
    return check_problem(A1, np.zeros((m, n)), np.zeros(m), "identity", 1.0)


def test_costs_are_counted_in_gradients():
    dense = problem_of(20_000, 80)
    # n d² / 8 multiply-adds against 2 (n d + n).
    assert_allclose(hessian_gradients(dense), 80**2 / 8 / (2 * 81))
    sparse = problem_of(20_000, 400, sparse=2)
    assert hessian_gradients(sparse) < hessian_gradients(problem_of(20_000, 400))
    # A large A2 makes every gradient dear, and so the Hessian cheap.
    wide = problem_of(20_000, 80, m=80)
    assert_allclose(hessian_gradients(wide), hessian_gradients(dense) * 81 / 160)


def test_a_hessian_of_few_gradients_is_exact():
    """Without A2's share the border is at d = 16 times the limit."""
    limit = int(16 * regimes.CHEAP_HESSIAN)
    assert regime(problem_of(20_000, limit)) == EXACT
    assert regime(problem_of(20_000, limit + 2)) == SKETCHED


def test_few_rows_are_not_sketched():
    d = 100
    border = 2 * MOST_ROWS * d
    assert regime(problem_of(border, d)) == EXACT
    assert regime(problem_of(border + 2 * d, d)) == SKETCHED


def test_rows_of_a_sketch_within_their_limits():
    assert sketch_rows(problem_of(100_000, 100)) == MOST_ROWS * 100
    assert sketch_rows(problem_of(20_000, 1000)) == LEAST_ROWS * 1000
    between = problem_of(20_000, 400)
    rows = sketch_rows(between)
    assert LEAST_ROWS * 400 < rows < MOST_ROWS * 400
    spent = regimes.gram_work(between, rows) / between.gradient_work
    assert_allclose(spent, regimes.SKETCH_GRADIENTS, rtol=1e-2)


@pytest.fixture
def sketched():
    rng = np.random.default_rng(1)
    A1, A2 = rng.standard_normal((6000, 100)), rng.standard_normal((3, 6000))
    problem = check_problem(A1, A2, rng.standard_normal(3), "identity", 0.1)
    rows = []
    systems = AutoSystems(problem, np.random.default_rng(0), rows.append)
    return systems, Point.at(problem, np.zeros(100)), rows


def test_sketches_first_and_the_hessian_near_the_end(sketched):
    systems, point, rows = sketched
    assert systems.regime == SKETCHED
    steps = systems(point, np.inf)
    assert isinstance(steps, QuasiNewton)
    steps.damping = DAMPED
    moved = Point.at(systems._problem, np.full(100, 1e-3))
    assert isinstance(systems(moved, 2 * regimes.NEAR_THE_END), QuasiNewton)
    again = Point.at(systems._problem, np.full(100, 2e-3))
    assert isinstance(systems(again, regimes.NEAR_THE_END), PrimalSystem)
    assert rows[-1] == 6000 and max(rows[:-1]) < 3000


def test_a_damped_end_is_none_yet(sketched):
    """Newton steps under a large λ would be as slow as λ shrinks."""
    systems, point, _ = sketched
    systems._steps.damping = 1.01 * DAMPED
    assert isinstance(systems(point, 0.0), QuasiNewton)
    systems._steps.damping = DAMPED
    moved = Point.at(systems._problem, np.full(100, 1e-3))
    assert isinstance(systems(moved, 0.0), PrimalSystem)


def test_the_hessian_where_the_steps_with_two_sketches_led_nowhere(sketched):
    systems, point, _ = sketched
    first = systems(point, np.inf)
    first_matrix = first._metric.matrix
    again = systems(point, 0.0)
    assert isinstance(again, QuasiNewton)
    assert again._metric.matrix is not first_matrix
    assert isinstance(systems(point, 0.0), PrimalSystem)


def test_after_an_indefinite_hessian_sketches_have_their_turn():
    rng = np.random.default_rng(2)
    A1, A2 = rng.standard_normal((6000, 100)), rng.standard_normal((3, 6000))
    problem = check_problem(A1, A2, 3 * rng.standard_normal(3), "identity", 1e-4)
    systems = AutoSystems(problem, np.random.default_rng(0), lambda _: None)
    systems._steps.damping = 0.0
    points = [Point.at(problem, np.full(100, 1e-6 * k)) for k in range(4)]
    kinds = [type(systems(point, 0.0)) for point in points]
    assert kinds == [PrimalSystem, QuasiNewton, QuasiNewton, PrimalSystem]


def test_a_dear_hessian_is_left_alone_near_the_end(monkeypatch, sketched):
    monkeypatch.setattr(regimes, "GRADIENTS", 1)
    problem = sketched[0]._problem
    systems = AutoSystems(problem, np.random.default_rng(0), lambda _: None)
    systems._steps.damping = 0.0
    assert isinstance(systems(sketched[1], 0.0), QuasiNewton)


def test_a_metric_serves_for_so_many_gradients_then_a_new_one_is_drawn(sketched):
    systems, point, _ = sketched
    served = []
    for _ in range(4):
        served.append(systems._metric(point).matrix)
        systems._steps.n_trials = regimes.GRADIENTS // 2
    assert served[0] is served[1] is not served[2]
    assert served[2] is served[3]
