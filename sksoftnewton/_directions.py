"""The damped Newton system (H + λ D) δ = −g, solved exactly.

`system_for` chooses the form. Both forms hold the same matrix and the same
damping metric D, so they take the same steps up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from sksoftnewton._network import GaussNewton

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Step:
    """A direction and the decrease that the quadratic model predicts for it."""

    direction: Array
    predicted: float


class System(Protocol):
    """The Newton system at one point, solvable for any damping.

    ``work`` counts the multiply-adds spent so far.
    """

    work: float

    def solve(self, gradient: Array, damping: float) -> Step | None:
        """The step, or None where H + λ D is not positive definite."""
        ...


def system_for(curvature: GaussNewton) -> System:
    """The cheaper exact form: p x p, or N x N with fewer residuals than parameters."""
    if curvature.network.n_residuals < curvature.network.n_params:
        return DualSystem(curvature)
    return PrimalSystem(curvature.gram, curvature.gram_metric(), curvature.gram_work())


class PrimalSystem:
    """Cholesky of the dense p x p matrix.

    Parameters
    ----------
    hessian : ndarray of shape (p, p), symmetric, not necessarily definite
    metric : ndarray of shape (p,), the diagonal of D
    work : float, multiply-adds that made the matrix
    """

    def __init__(self, hessian: Array, metric: Array, work: float = 0.0) -> None:
        self.hessian = hessian
        self.metric = metric
        self.work = work

    def solve(self, gradient: Array, damping: float) -> Step | None:
        damped = self.hessian.copy()
        damped[np.diag_indices_from(damped)] += damping * self.metric
        direction = _cholesky_solve(damped, -gradient)
        self.work += len(gradient) ** 3 / 6
        if direction is None:
            return None
        return Step(direction, _predicted(gradient, direction, damping * self.metric))


class DualSystem:
    """N x N system for fewer residuals N than parameters (Woodbury's identity).

    With R = ridge + λ D, gradient Jᵀr + ridge θ and K = J R⁻¹ Jᵀ,
    δ = −R⁻¹ (Jᵀ (I + K)⁻¹ (r − J R⁻¹ ridge θ) + ridge θ): no difference of large
    terms even for a small R.
    """

    def __init__(self, curvature: GaussNewton) -> None:
        self.jacobian: Any = curvature.dual()
        self.metric = self.jacobian.metric()
        self.ridge = curvature.ridge
        self.pull = curvature.ridge * curvature.theta
        self.work = 0.0

    def solve(self, gradient: Array, damping: float) -> Step | None:
        J = self.jacobian
        R = self.ridge + damping * self.metric
        K = J.gram(R)
        self.work += J.gram_work() + len(K) ** 3 / 6
        K[np.diag_indices_from(K)] += 1
        t = _cholesky_solve(K, J.residual - J.matvec(self.pull / R))
        if t is None:
            return None
        direction = -(J.rmatvec(t) + self.pull) / R
        return Step(direction, _predicted(gradient, direction, damping * self.metric))


def _predicted(gradient: Array, direction: Array, damping: Array) -> float:
    """−gᵀδ − ½ δᵀHδ for (H + damping) δ = −g, with H eliminated."""
    return 0.5 * float(damping @ direction**2 - gradient @ direction)


def _cholesky_solve(matrix: Array, rhs: Array) -> Array | None:
    """Solve a symmetric positive definite system; ``matrix`` is overwritten.

    None where the matrix is not numerically positive definite.
    """
    factor, info = dpotrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if info:
        return None
    solution, _ = dpotrs(factor, rhs, lower=1)
    return solution if np.isfinite(solution).all() else None
