"""Which Newton system a network is solved with: the one place that decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.dual import DualGaussNewton
from sksoftnewton._network.objective import Network
from sksoftnewton._solver.directions import DualSystem, PrimalSystem, Step, System
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import MEMORY, Metric, QuasiNewton

Array = NDArray[np.float64]

EXACT, SKETCHED, DUAL, MATRIX_FREE = "exact", "sketched", "dual", "matrix-free"

# The largest matrices: p x p, and N x N for N residuals.
PRIMAL_PARAMS, DUAL_RESIDUALS = 4000, 4000
# Pairs of p numbers each that very large models keep.
MATRIX_FREE_MEMORY = 10
# Up to so many observations no rows are drawn. Where none are, the matrix of all rows
# is the system if it costs no more than so many gradients: the evidence asks for more
# of convergence than F, and exact steps give it. Else, up to so many rows a parameter,
# if it costs no more than so many.
SMALL, ALL_GRADIENTS = 2048, 30
FIRST_SAMPLE, CHEAP_GRADIENTS = 10, 10
FIRST_WIDE_SAMPLE = 1000  # rows of the first sample for matrix-free models
# Near the end the Hessian of all rows serves if it costs no more gradients.
HESSIAN_GRADIENTS = 12
# An automatic sketch has so many rows a parameter, and within that costs no more than
# so many gradients.
LEAST_SKETCH, LARGEST_SKETCH, SKETCH_GRADIENTS = 4, 40, 4

# The Hessian is tried once an iteration lowers the loss by less than this share,
# in models of at most so many parameters.
NEAR_THE_END = 1e-2
WORN_OUT = 1e-4
HESSIAN_PARAMS = 1000
# Iterations without another try after the Hessian was indefinite.
REST = 2


@dataclass(frozen=True)
class Sketch:
    """How matrices are sketched.

    Attributes
    ----------
    kind : {"auto", "none", "uniform", "leverage", "countsketch"}
    size : int (rows), float (rows a parameter) or "auto"
    small : int
        "auto" draws no rows of up to so many observations.
    all_gradients : int
        What a matrix of all rows may cost to be the system where none are drawn, in
        gradients.
    """

    kind: str = "auto"
    size: int | float | str = "auto"
    small: int = SMALL
    all_gradients: int = ALL_GRADIENTS

    def rows(self, network: Network) -> int:
        """Rows of a sketch for a network; all of its rows at most."""
        p, n = network.n_params, network.rows.n_rows
        if self.kind == "none" or (self.kind == "auto" and self.is_small(network)):
            return n
        if isinstance(self.size, str):
            affordable = SKETCH_GRADIENTS * network.gradient_work / network.row_work
            size = np.clip(affordable, LEAST_SKETCH * p, LARGEST_SKETCH * p)
        else:
            size = self.size * p if isinstance(self.size, float) else self.size
        return int(min(max(size, 1), n))

    def is_small(self, network: Network) -> bool:
        return network.rows.total_weight * network.rows.n_outputs <= self.small


def regime(network: Network, sketch: Sketch) -> str:
    """The form of the Newton system."""
    p, n = network.n_params, network.n_residuals
    observations = network.rows.total_weight * network.rows.n_outputs
    if p > PRIMAL_PARAMS or (n < p and observations < p):
        return DUAL if n <= DUAL_RESIDUALS else MATRIX_FREE
    draws_none = sketch.rows(network) == network.rows.n_rows
    if sketch.kind != "auto":
        return EXACT if draws_none else SKETCHED
    if draws_none:
        cheap = _gradients(network) <= sketch.all_gradients
    else:
        cheap = _gradients(network) <= CHEAP_GRADIENTS
        cheap &= network.rows.n_rows <= FIRST_SAMPLE * p
    return EXACT if cheap else SKETCHED


def _gradients(network: Network) -> float:
    """What a matrix of all rows costs, in gradients."""
    return float(network.rows.n_rows * network.row_work / network.gradient_work)


class NewtonSystems:
    """Makes the system of each iteration.

    - Exact: the primal (p x p) Gauss–Newton system; near the end of the iteration
      the Hessian itself, which converges quadratically, wherever it is positive
      definite under the damping of the moment.
    - Sketched: a quasi-Newton iteration in the metric of a sketched Gauss–Newton
      matrix, a new sketch every iteration, or that of all rows where these are few;
      near the end the Hessian of all rows where it costs a few gradients.
    - Dual: the N x N Gauss–Newton system, for more parameters than residuals.
    - Matrix-free: the quasi-Newton iteration in the damping metric.

    Whether the Hessian may be used depends on the sum of the weights, not on the
    number of rows, so that weights and repeated rows take the same steps.
    """

    def __init__(
        self,
        network: Network,
        sketch: Sketch | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        sketch = sketch or Sketch()
        self._network = network
        self.regime = regime(network, sketch)
        observations = network.rows.total_weight * network.rows.n_outputs
        p = network.n_params
        self.hessian_allowed = observations >= p and p <= HESSIAN_PARAMS
        if self.regime == SKETCHED:
            self.hessian_allowed &= _gradients(network) <= HESSIAN_GRADIENTS
        self._metrics = _Metrics(network, self.regime, sketch, rng)
        memory = MATRIX_FREE_MEMORY if self.regime == MATRIX_FREE else MEMORY
        self._quasi_newton = QuasiNewton(self._metrics.at, memory)
        self._last: HessianSystem | None = None
        self._rest = 0

    def go_on_with(self, network: Network) -> None:
        """Go on with the same network in another precision, in the metric at hand."""
        self._network = self._metrics.network = network
        self._quasi_newton.keep_metric()

    def __call__(self, point: Point, decrease: float) -> System | QuasiNewton:
        """The system at a point, after an iteration that lowered F by so much."""
        if self._last is not None and self._last.indefinite:
            self._rest = REST
        self._last = None
        if self.regime == DUAL:
            return dual_system(self._curvature(point))
        threshold = NEAR_THE_END if self.regime == EXACT else WORN_OUT
        near = self.hessian_allowed and decrease <= threshold
        if near and self._rest:
            self._rest -= 1
            near = False
        if near:
            self._last = HessianSystem(self._curvature(point))
            return self._last
        if self.regime == EXACT:
            return gauss_newton_system(self._curvature(point))
        return self._quasi_newton.at(point)

    def _curvature(self, point: Point) -> Curvature:
        return Curvature(self._network, point.theta)


class _Metrics:
    """Makes the metrics of the quasi-Newton iteration."""

    def __init__(
        self,
        network: Network,
        regime: str,
        sketch: Sketch,
        rng: np.random.Generator | None,
    ) -> None:
        self.network = network
        self._regime = regime
        self._rng = rng or np.random.default_rng(0)
        self._kind = "uniform" if sketch.kind == "auto" else sketch.kind
        self._size = sketch.rows(network)

    def at(self, point: Point) -> Metric:
        curvature = Curvature(self.network, point.theta)
        if self._regime == MATRIX_FREE:
            return Metric(None, curvature.diagonal_metric(), 0.0, 0)
        if self._size == self.network.rows.n_rows:
            return Metric(*curvature.gram(), curvature.gram_work(), 0)
        matrix, metric = curvature.sketched_gram(self._kind, self._size, self._rng)
        work = curvature.sketch_work(self._kind, self._size)
        return Metric(matrix, metric, work, self._size)


def gauss_newton_system(curvature: Curvature) -> PrimalSystem:
    matrix, metric = curvature.gram()
    return PrimalSystem(matrix, metric, curvature.gram_work())


def dual_system(curvature: Curvature) -> DualSystem:
    jacobian = DualGaussNewton(curvature)
    return DualSystem(jacobian, curvature.ridge, curvature.theta, jacobian.metric())


class HessianSystem:
    """The Hessian; from the first λ at which it is indefinite, Gauss–Newton.

    Attributes
    ----------
    indefinite : bool, whether the Hessian was given up
    """

    def __init__(self, curvature: Curvature) -> None:
        self.sketch_size = 0
        matrix, metric = curvature.gram(exact=True)
        self._curvature = curvature
        work = curvature.gram_work()
        self._system = PrimalSystem(matrix, metric, work)
        self._work_before = 0.0
        self.indefinite = False

    @property
    def work(self) -> float:
        return self._work_before + self._system.work

    def solve(self, gradient: Array, damping: float) -> Step | None:
        step = self._system.solve(gradient, damping)
        if step is not None or self.indefinite:
            return step
        self.indefinite = True
        self._work_before = self._system.work
        self._system = gauss_newton_system(self._curvature)
        return self._system.solve(gradient, damping)
