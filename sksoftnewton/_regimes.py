"""Which Newton system a network is solved with: the one place that decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._curvature import Curvature
from sksoftnewton._directions import DualSystem, PrimalSystem, Step, System
from sksoftnewton._network import Network

Array = NDArray[np.float64]

# The Hessian is tried once an iteration lowers the loss by less than this share,
# in models of at most so many parameters.
NEAR_THE_END = 1e-2
HESSIAN_PARAMS = 1000
# Iterations without another try after the Hessian was indefinite.
REST = 2


class NewtonSystems:
    """Makes the system of each iteration.

    - More parameters than residuals: the dual (N x N) Gauss–Newton system.
    - Otherwise the primal (p x p) Gauss–Newton system; near the end of the
      iteration the Hessian itself, which converges quadratically, wherever it is
      positive definite under the damping of the moment.

    Whether the Hessian may be used depends on the sum of the weights, not on the
    number of rows, so that weights and repeated rows take the same steps.
    """

    def __init__(self, network: Network) -> None:
        p = network.n_params
        observations = network.rows.total_weight * network.rows.n_outputs
        self.hessian_allowed = observations >= p and p <= HESSIAN_PARAMS
        self.dual = network.n_residuals < p and not self.hessian_allowed
        self._last: HessianSystem | None = None
        self._rest = 0

    def __call__(self, curvature: Curvature, decrease: float) -> System:
        if self._last is not None and self._last.indefinite:
            self._rest = REST
        self._last = None
        if self.dual:
            return dual_system(curvature)
        if not self.hessian_allowed or decrease > NEAR_THE_END:
            return gauss_newton_system(curvature)
        if self._rest:
            self._rest -= 1
            return gauss_newton_system(curvature)
        self._last = HessianSystem(curvature)
        return self._last


def gauss_newton_system(curvature: Curvature) -> PrimalSystem:
    matrix, metric = curvature.gram()
    return PrimalSystem(matrix, metric, curvature.gram_work())


def dual_system(curvature: Curvature) -> DualSystem:
    jacobian = curvature.dual()
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
        work = curvature.gram_work(exact=True)
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
