"""The damped Newton system (H + λ D) δ = −g: forms in which it can be solved.

The primal and the dual form of one matrix with one damping metric D take the
same steps up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """A direction and the decrease that the quadratic model predicts for it."""

    direction: Array
    predicted: float


class System(Protocol):
    """The Newton system at one point, solvable for any damping.

    ``work`` counts the multiply-adds spent so far, ``sketch_size`` the rows that
    the matrix was estimated from (0: it is exact).
    """

    sketch_size: int

    @property
    def work(self) -> float: ...

    def solve(self, gradient: Array, damping: float) -> Step | None:
        """The step, or None where H + λ D is not positive definite."""
        ...


class PrimalSystem:
    """Cholesky of the dense p x p matrix.

    Parameters
    ----------
    hessian : ndarray of shape (p, p), symmetric, not necessarily definite
    metric : ndarray of shape (p,), the diagonal of D
    work : float, multiply-adds that made the matrix
    sketch_size : int, rows that the matrix was estimated from (0: it is exact)
    """

    def __init__(
        self, hessian: Array, metric: Array, work: float = 0.0, sketch_size: int = 0
    ) -> None:
        self.hessian = hessian
        self.metric = metric
        self.work = work
        self.sketch_size = sketch_size

    def solve(self, gradient: Array, damping: float) -> Step | None:
        damped = self.hessian.copy()
        damped[np.diag_indices_from(damped)] += damping * self.metric
        direction = _cholesky_solve(damped, -gradient)
        self.work += len(gradient) ** 3 / 6
        if direction is None:
            return None
        return Step(direction, _predicted(gradient, direction, damping * self.metric))


class PlainSystem:
    """The symmetric p x p matrix as it is, definite or not: H δ = −g by LU.

    Parameters
    ----------
    hessian, work, sketch_size : as in `PrimalSystem`
    """

    def __init__(self, hessian: Array, work: float, sketch_size: int) -> None:
        self.hessian = hessian
        self.work = work
        self.sketch_size = sketch_size

    def solve(self, gradient: Array, damping: float) -> Step | None:
        """The undamped step, or None where H is singular; λ is not used."""
        self.work += len(gradient) ** 3 / 3
        try:
            direction = np.asarray(np.linalg.solve(self.hessian, -gradient))
        except np.linalg.LinAlgError:
            return None
        return Step(direction, _predicted(gradient, direction, np.zeros_like(gradient)))


class DualSystem:
    """N x N system for fewer residuals N than parameters (Woodbury's identity).

    With R = ridge + λ D, gradient Jᵀr + ridge θ and K = J R⁻¹ Jᵀ,
    δ = −R⁻¹ (Jᵀ (I + K)⁻¹ (r − J R⁻¹ ridge θ) + ridge θ): no difference of large
    terms even for a small R.

    Parameters
    ----------
    jacobian : the rows of J: ``residual`` (N,), ``matvec``, ``rmatvec`` and
        ``gram(R)`` = J R⁻¹ Jᵀ
    ridge, theta, metric : ndarray of shape (p,)
    """

    sketch_size = 0

    def __init__(
        self, jacobian: Any, ridge: Array, theta: Array, metric: Array
    ) -> None:
        self.jacobian = jacobian
        self.metric = metric
        self.ridge = ridge
        self.pull = ridge * theta
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
