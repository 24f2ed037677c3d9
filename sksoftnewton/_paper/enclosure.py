"""The paper's problem at one x, with bounds of every rounding error.

What the certificate says has to hold for the exact ∇L and ∇²L at the x that is given.
Here are balls that contain f, u, q, r and ∇L (the formulas are those of `objective`
and `curvature`), and a bound of the error of the Hessian that `Curvature` computes.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._matrices import Matrix, weighted_column_squares
from sksoftnewton._paper.intervals import derivative_range
from sksoftnewton._paper.objective import Attention
from sksoftnewton._paper.rounding import (
    EPS,
    PAIRWISE_BLOCK,
    TINY,
    Ball,
    product,
    transposed_product,
)

Array = NDArray[np.float64]


class Enclosure:
    """Balls around the quantities at x.

    Attributes
    ----------
    problem, x : the problem, and ndarray of shape (d,)
    f : Ball of shape (n,)
    u, output_curvature : Ball of shape (m,)
    q, row_weights : Ball of shape (n,)
    gradient : Ball of shape (d,)
    """

    def __init__(self, problem: Attention, x: Array) -> None:
        self.problem, self.x = problem, x
        z = product(problem.A1, Ball.exact(x))
        self.f = f = softmax(z)
        self.u = f if problem.A2 is None else product(problem.A2, f)
        value, slope, bend = (self._h(order) for order in range(3))
        c = value - Ball.exact(problem.b)
        self.q = q = slope * c
        if problem.A2 is not None:
            self.q = q = transposed_product(problem.A2, q)
        s = f * (q - (f * q).sum())
        w2 = Ball(problem.w2, EPS * problem.w2)
        self.gradient = transposed_product(problem.A1, s + w2 * z)
        self.output_curvature = slope * slope + c * bend
        self.row_weights = s
        if problem.A2 is None:
            self.row_weights = s + f * f * self.output_curvature

    def _h(self, order: int) -> Ball:
        lower, upper = self.u.lower, self.u.upper
        return Ball.between(
            *derivative_range(self.problem.activation, order, lower, upper)
        )

    def hessian_errors(self) -> Array:
        """c ≥ 0 with |computed − exact ∇²L|_kl ≤ c_k c_l, shape (d,).

        Each term of the computed matrix is bounded by |A1|ᵀ diag(p) |A1| with row
        weights p ≥ 0, entry by entry, and this by Cauchy–Schwarz. Sums, products and
        f have a relative error of κ, r and g one of their own. With ρ = Σ r, and |·|
        for sizes,

            the diagonal part                 w² + |r|
            a_r a_fᵀ + a_f a_rᵀ               |r| + |ρ| f
            ρ a_f a_fᵀ                        |ρ| f
            J = (A2 − u) diag(f) A1           (Σ_j |g_j| E_f a_j²) f, four times

        since |a_f|_k ≤ (Σ f A1_ik²)^½ and |J|_jk ≤ 2 (E_f a_j²)^½ (Σ f A1_ik²)^½.
        """
        problem, f = self.problem, self.f
        majorant = f.size + TINY / EPS  # so that f's error is relative to it
        relative = float((f.radius / majorant).max())
        relative += 8 * (problem.n + len(problem.b) + problem.d + PAIRWISE_BLOCK) * EPS
        r_error = self.row_weights.radius + relative * self.row_weights.size
        level = 3 * float(r_error.sum())
        if problem.A2 is not None:
            g = self.output_curvature
            g_error = g.radius + 4 * relative * g.size
            level += 4 * float(g_error @ _mean_squares(problem.A2, majorant))
        p = 2 * (relative * problem.w2 + 3 * r_error + level * majorant)
        squares = weighted_column_squares(problem.A1, p)
        return np.asarray(np.sqrt(squares + problem.n * TINY * (1 + p.max())))


def softmax(z: Ball) -> Ball:
    """exp(z)/Σ exp(z): an error t of all logits is a factor within exp(±2t)."""
    shifted = z.middle - z.middle.max()
    f = np.exp(shifted)
    f /= f.sum()
    error = z.radius + EPS * np.abs(shifted)
    sequence = 16 + PAIRWISE_BLOCK + len(f).bit_length()
    relative = np.expm1(error + float(z.radius.max())) + sequence * EPS
    return Ball(f, relative * np.maximum(f, TINY) + TINY)


def _mean_squares(A2: Matrix, f: Array) -> Array:
    """E_f a_j² of each row of A2, shape (m,)."""
    if sp.issparse(A2):
        squares = sp.csr_array((A2.data**2, A2.indices, A2.indptr), shape=A2.shape)
        return np.asarray(squares @ f)
    return np.asarray(np.einsum("ji,ji,i->j", A2, A2, f))
