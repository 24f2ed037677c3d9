"""How ``sketch="auto"`` solves a problem of the paper: the one place that decides.

Costs are in gradients of L, the unit in which the quasi-Newton iteration pays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from sksoftnewton._matrices import SPARSE_PRODUCT_COST
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.metric import MetricSketch
from sksoftnewton._paper.objective import Array, Attention
from sksoftnewton._paper.saddle import Descent, exact_descent, lanczos_descent
from sksoftnewton._paper.whitening import cholesky_factor
from sksoftnewton._solver.directions import PrimalSystem, System
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import DAMPED, GRADIENTS, Metric, QuasiNewton

EXACT, SKETCHED = "exact", "sketched"

# Multiply-adds of a product of two matrices in the time of one of a gradient, which
# waits for the memory: A1 dense, and CSR (measured on x86 with one BLAS thread).
DENSE_SPEED, SPARSE_SPEED = 8.0, 25.0
# An exact Hessian that costs no more gradients than this is cheaper than the steps
# that a sketch needs more.
CHEAP_HESSIAN = 5.0
# Rows a column of a sketch, and the gradients that more than the least may cost.
LEAST_ROWS, MOST_ROWS, SKETCH_GRADIENTS = 4, 20, 4.0
# Pairs, and the gradients for which a damped metric serves.
MEMORY, DAMPED_GRADIENTS = 40, 10
# The loss no longer falls by more than this share in one iteration: near the end.
NEAR_THE_END = 1e-4
# Sketches in a row without a step, after which the exact Hessian is tried.
MOST_STAYS = 2
# Iterations without another try after the Hessian was indefinite.
REST = 2


def hessian_gradients(problem: Attention) -> float:
    """Gradients of L that A1ᵀ diag(·) A1 costs."""
    return float(gram_work(problem, problem.n) / problem.gradient_work)


def gram_work(problem: Attention, rows: float) -> float:
    """Time of A1[rows]ᵀ diag(·) A1[rows], in multiply-adds of a gradient."""
    A1, n, d = problem.A1, problem.n, problem.d
    dense = float(rows * d**2)
    if not sp.issparse(A1):
        return float(dense / DENSE_SPEED)
    entries = np.diff(A1.indptr).astype(float)
    products = SPARSE_PRODUCT_COST * float(entries @ entries) * rows / n
    return max(float(min(products, dense) / SPARSE_SPEED), 1.0)


def sketch_rows(problem: Attention) -> int:
    """Rows of a sketch: as many a column as are affordable, within limits."""
    d = problem.d
    affordable = SKETCH_GRADIENTS * problem.gradient_work / gram_work(problem, 1.0)
    return int(np.clip(affordable, LEAST_ROWS * d, MOST_ROWS * d))


def regime(problem: Attention) -> str:
    """Whether every Hessian is exact, or most of them are sketched.

    Exact where it costs a few gradients, and where the sketch would take half of
    the rows.
    """
    few_rows = 2 * sketch_rows(problem) >= problem.n
    if few_rows or hessian_gradients(problem) <= CHEAP_HESSIAN:
        return EXACT
    return SKETCHED


class AutoSystems:
    """Makes the system of each iteration.

    Exact: the damped Hessian. Sketched: quasi-Newton steps in the metric of a sketch,
    a new one in every iteration; the exact Hessian

    - near the end, where it costs no more than the gradients of an iteration and no
      damping holds it back, and
    - where the steps with two sketches led nowhere.

    Parameters
    ----------
    problem : Attention
    rng : numpy.random.Generator
    record : callable (int)
        Told the rows of each matrix.
    """

    def __init__(
        self,
        problem: Attention,
        rng: np.random.Generator,
        record: Callable[[int], None],
    ) -> None:
        self._problem, self._rng, self._record = problem, rng, record
        self.regime = regime(problem)
        self._cheap = hessian_gradients(problem) <= GRADIENTS
        self._draw = MetricSketch(problem, sketch_rows(problem), rng)
        self._steps = QuasiNewton(self._metric, MEMORY, DAMPED_GRADIENTS)
        self._served = GRADIENTS
        self._last: Point | None = None
        self._stays = self._rest = 0

    def __call__(self, point: Point, decrease: float) -> System | QuasiNewton:
        """The system at a point, after an iteration that lowered L by so much."""
        stayed = self._last is not None and self._last.theta is point.theta
        self._last, self._stays = point, self._stays + 1 if stayed else 0
        near = (
            self._cheap and decrease <= NEAR_THE_END and self._steps.damping <= DAMPED
        )
        if self.regime == EXACT:
            return self._exact(point)
        if self._rest:
            self._rest -= 1
        elif self._stays >= MOST_STAYS or (near and not stayed):
            return self._exact(point)
        system = self._steps.at(point)
        self._record(system.sketch_size)
        return system

    def descent(
        self, point: Point, hessian: Callable[[Array], Array]
    ) -> Descent | None:
        """Negative curvature at a point, with ``hessian(x)`` where that is cheap."""
        if self.regime == EXACT:
            return exact_descent(hessian(point.theta))
        metric = self._draw.definite()
        return lanczos_descent(self._problem, point.theta, metric, self._rng)

    def _metric(self, point: Point) -> Metric:
        """The latest metric while it serves, or a new one."""
        self._served += self._steps.n_trials
        worn_out = self._served >= GRADIENTS or self._stays > 0
        metric = self._draw(point, worn_out)
        if metric.work > 0:
            self._served = 0
        return metric

    def _exact(self, point: Point) -> System:
        curvature = Curvature(self._problem, point.theta)
        self._record(self._problem.n)
        hessian = curvature.hessian()
        if self.regime == SKETCHED and cholesky_factor(hessian) is None:
            self._rest = REST
        return PrimalSystem(hessian, curvature.metric(), curvature.hessian_work())
