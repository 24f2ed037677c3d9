"""The lowest curvature of L at a point, and the way down from a saddle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal, solve_triangular

from sksoftnewton._paper.objective import Attention
from sksoftnewton._solver.points import Point

Array = NDArray[np.float64]

# Curvature below this share of the largest, and negative, is a saddle's.
SADDLE_TOLERANCE = 1e-10
# Products with ∇²L that look for negative curvature, and what counts as such relative
# to the metric: the recurrence's own rounding is below.
LANCZOS_STEPS, LANCZOS_TOLERANCE = 8, 1e-6


class Descent(NamedTuple):
    """A direction of negative curvature: |direction| = 1 in its norm.

    Attributes
    ----------
    curvature : float, dᵀ ∇²L d < 0
    direction : ndarray of shape (d,)
    """

    curvature: float
    direction: Array


def exact_descent(hessian: Array) -> Descent | None:
    """The eigenvector of the lowest eigenvalue; None where H is semi-definite."""
    eigenvalues, vectors = np.linalg.eigh(hessian)
    if eigenvalues[0] >= -SADDLE_TOLERANCE * np.abs(eigenvalues).max():
        return None
    return Descent(float(eigenvalues[0]), vectors[:, 0])


def lanczos_descent(
    problem: Attention, x: Array, metric: Array, rng: np.random.Generator
) -> Descent | None:
    """Negative curvature at x, looked for by a few products with ∇²L; None if none.

    Lanczos' method on R⁻ᵀ ∇²L R⁻¹ with RᵀR = ``metric``, which has as many negative
    eigenvalues as ∇²L. Where the metric is good the others are near one, so that a
    negative one stands apart and shows within a few steps from a random start: with
    all others between ½ and 2, one below −0.1 in 8 steps for d up to 10,000, with
    near certainty. Smaller ones can be missed; the certificate's are exact.

    Parameters
    ----------
    problem : Attention
    x : ndarray of shape (d,)
    metric : ndarray of shape (d, d), positive definite
    rng : numpy.random.Generator
    """
    R = np.linalg.cholesky(metric).T
    basis = np.zeros((min(LANCZOS_STEPS, problem.d), problem.d))
    vector = rng.standard_normal(problem.d)
    alphas: list[float] = []
    betas: list[float] = []
    for k in range(len(basis)):
        basis[k] = vector / np.linalg.norm(vector)
        product = problem.hessian_product(x, solve_triangular(R, basis[k]))
        vector = solve_triangular(R, product, trans="T")
        alphas.append(float(basis[k] @ vector))
        values, vectors = eigh_tridiagonal(alphas, betas)
        if values[0] < -LANCZOS_TOLERANCE * max(np.abs(values).max(), 1.0):
            direction = solve_triangular(R, vectors[:, 0] @ basis[: k + 1])
            return Descent(float(values[0]), direction)
        for _ in range(2):  # once is not enough for orthogonality to rounding
            vector = vector - basis[: k + 1].T @ (basis[: k + 1] @ vector)
        betas.append(float(np.linalg.norm(vector)))
        if betas[-1] <= LANCZOS_TOLERANCE * np.abs(values).max():
            return None
    return None


def beyond_saddle(
    problem: Attention, point: Point, descent: Descent | None
) -> Array | None:
    """A point of lower loss along negative curvature; None without any.

    The first step moves the logits by one at most. It is halved until the loss
    falls by half of what the curvature promises.
    """
    if descent is None:
        return None
    curvature, direction = descent
    if direction @ point.gradient > 0:
        direction = -direction
    step = 1 / float(np.abs(problem.A1 @ direction).max())
    while 0.25 * -curvature * step**2 > problem.resolution(point.value):
        trial: Array = point.theta + step * direction
        promised = 0.25 * curvature * step**2
        if problem.value(trial) <= point.value + promised:
            return trial
        step /= 2
    return None
