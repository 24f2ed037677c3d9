"""Eigenvalues of symmetric matrices, bounded in spite of rounding.

A computed matrix H has an error |H − exact|_kl ≤ c_k c_l. The inverse W of its Cholesky
factor, as it was computed, is a matrix like any other: if

    |Wᵀ H W − I| + rounding + | |W|ᵀ c |² = κ < 1

in spectral norm, then the exact matrix lies between (1 − κ) and (1 + κ) times W⁻ᵀ W⁻¹.
That proves that it is positive definite and bounds its smallest eigenvalue by
(1 − κ)/|W|², also where columns differ by many orders of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from sksoftnewton._paper.rounding import EPS, TINY, down, up

Array = NDArray[np.float64]


def cholesky_factor(H: Array) -> Array | None:
    """R with RᵀR = H, upper; None where H is not positive definite."""
    try:
        factor: Array = cholesky(H)
    except (LinAlgError, ValueError):  # ValueError: H is not finite
        return None
    return factor


@dataclass(frozen=True)
class Whitening:
    """W with (1 − κ) I ⪯ Wᵀ H W ⪯ (1 + κ) I for the exact H.

    Attributes
    ----------
    matrix : ndarray of shape (d, d), W, an upper triangle
    errors : ndarray of shape (d,), |W|ᵀ c
    kappa : float, below one
    """

    matrix: Array
    errors: Array
    kappa: float

    @classmethod
    def of(cls, H: Array, c: Array) -> Whitening | None:
        """For a computed H of error |·|_kl ≤ c_k c_l; None without a proof."""
        factor = cholesky_factor(H)
        if factor is None:
            return None
        W = solve_triangular(factor, np.eye(len(H)))
        errors = np.abs(W).T @ c
        residual, rounding = _whitened(H, W)
        residual[np.diag_indices_from(residual)] -= 1
        kappa = up(np.linalg.norm(residual) + rounding + errors @ errors, len(H))
        return cls(W, errors, kappa) if kappa < 1 else None

    def decrement(self, middle: Array, radius: Array) -> float:
        """Upper bound of |g|_{H⁻¹} for g within ``middle`` ± ``radius``."""
        W, d = self.matrix, len(middle)
        spread = np.abs(W).T @ (radius + (d + 2) * EPS * np.abs(middle) + TINY)
        size = np.linalg.norm(W.T @ middle) + np.linalg.norm(spread)
        return up(size / np.sqrt(1 - self.kappa), d)

    @property
    def smallest_eigenvalue(self) -> float:
        """Lower bound of λ_min(H), positive or 0."""
        W = self.matrix
        rounding = len(W) * EPS * float(np.square(W).sum())
        return down((1 - self.kappa) / largest_eigenvalue(W @ W.T, rounding))

    def largest_of(self, G: Array) -> float:
        """Upper bound of λ_max(H⁻¹ G), G of the same error as H."""
        whitened, rounding = _whitened(G, self.matrix)
        error = rounding + float(self.errors @ self.errors)
        return up(largest_eigenvalue(whitened, error) / (1 - self.kappa))


def _whitened(G: Array, W: Array) -> tuple[Array, float]:
    """Wᵀ G W, and a bound of its rounding error in Frobenius' norm."""
    d = len(W)
    sizes = np.abs(W).T @ np.abs(G) @ np.abs(W)
    underflow = d**3 * TINY * np.square(1 + np.abs(W).max())
    rounding = up(2 * (d + 2) * EPS * np.linalg.norm(sizes) + underflow, d)
    return W.T @ G @ W, rounding


def largest_eigenvalue(S: Array, error: float) -> float:
    """Upper bound of λ_max of a symmetric matrix, 0 at least.

    Cholesky's method succeeds on μ I − S only if no eigenvalue of it is below
    −(d + 1) u tr(μ I − S) (Rump, "Verification of positive definiteness", 2006).

    Parameters
    ----------
    S : ndarray of shape (d, d)
    error : float, spectral norm of the error that S has
    """
    if not (np.isfinite(S).all() and np.isfinite(error)):
        return np.inf
    d = len(S)
    bound = up(float(np.linalg.norm(S)))
    candidate = max(float(np.linalg.eigvalsh(S)[-1]), 0.0)
    for margin in (d * (d + 2) * EPS, 1e-8, 1e-4):
        mu = up(candidate * (1 + 4 * margin))
        shifted = mu * np.eye(d) - S
        if cholesky_factor(shifted) is not None:
            trace = float(np.abs(shifted.diagonal()).sum())
            bound = min(bound, up(mu + (d + 2) * EPS * trace))
            break
    return up(bound + error)
