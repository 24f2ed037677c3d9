"""The paper's objective (arXiv 2311.15390): one softmax over the rows of A1.

For x ∈ R^d, logits z = A1 x, f = softmax(z) ∈ R^n, u = A2 f ∈ R^m and residual
c = h(u) − b,

    L(x) = ½ |c|² + ½ |w ∘ z|²        (no averaging, units of b²).

With q = A2ᵀ(h'(u) ∘ c), s = f ∘ (q − <f, q>) and g = h'(u)² + c ∘ h''(u),

    ∇L = A1ᵀ (s + w² ∘ z)
    ∇²L = A1ᵀ diag(w²) A1 + Ãᵀ diag(s) Ã + Jᵀ diag(g) J,

where Ã = A1 − 1 (A1ᵀ f)ᵀ has the rows of A1 less their f-mean and J = A2 diag(f) Ã
is the Jacobian of u. For A2 = I, J = diag(f) Ã: the last term joins the one
before it as row weights f² ∘ g, and nothing of size n x n or n x d appears.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, get_activation, softmax
from sksoftnewton._matrices import (
    Matrix,
    as_float,
    check_matrix,
    check_vector,
    dense_rows,
    n_stored,
    weighted_column_squares,
    weighted_gram,
)
from sksoftnewton._paper.parameters import check_size, check_weights

Array = NDArray[np.float64]

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Forward:
    """The forward pass at one x.

    Attributes
    ----------
    z, f : ndarray of shape (n,), logits and their softmax
    u, c : ndarray of shape (m,), outputs before h and residuals h(u) − b
    """

    z: Array
    f: Array
    u: Array
    c: Array


class Attention:
    """Value, gradient and Hessian of L.

    Parameters
    ----------
    A1 : ndarray or csr_array of shape (n, d)
    A2 : ndarray or csr_array of shape (m, n), or None
        None stands for the identity (m = n).
    b : ndarray of shape (m,)
    activation : Activation
        The output activation h.
    w : ndarray of shape (n,), weights of the penalty on the logits
    """

    def __init__(
        self, A1: Matrix, A2: Matrix | None, b: Array, activation: Activation, w: Array
    ) -> None:
        self.A1, self.A2, self.b, self.activation = A1, A2, b, activation
        self.w2 = w**2
        self.n, self.d = A1.shape
        # Multiply-adds of the four matrix products of one value and gradient.
        entries = n_stored(A1) + (self.n if A2 is None else n_stored(A2))
        self.gradient_work = 2.0 * max(entries, 1)
        self._b_norm = float(np.linalg.norm(b))
        self._latest: tuple[Array, Forward] | None = None

    def resolution(self, value: float) -> float:
        """Rounding error of L: that of the residuals, of size ε |b|."""
        eps = float(np.finfo(np.float64).eps)
        size = abs(value) + np.sqrt(2 * abs(value)) * self._b_norm
        return float(8 * eps * size)

    def gradient_resolution(self, x: Array) -> float:
        """Rounding error of |∇L|, in two parts of 8 ε.

        The sum of the terms of ∇L without their signs; and, where b is nearly reached,
        what the residuals c = h(u) − b have lost: |h(u)| + |b| + h'(u) |A2| f, with
        signs as random as rounding's, on its way through Jᵀ.
        """
        at = self.forward(x)
        q = self.pulled(at)
        terms = at.f * (np.abs(q) + abs(at.f @ q)) + self.w2 * np.abs(at.z)
        slope = self.activation.d1(at.u)
        spread = at.f if self.A2 is None else abs(self.A2) @ at.f
        lost = np.abs(at.c + self.b) + np.abs(self.b) + slope * spread
        signs = np.random.default_rng(0).choice([-1.0, 1.0], len(lost))
        q = self.apply_A2_transposed(signs * slope * lost)
        through = self.A1.T @ (at.f * (q - at.f @ q))
        size = self._row_norms @ terms + np.linalg.norm(through)
        return float(8 * np.finfo(np.float64).eps * size)

    @cached_property
    def _row_norms(self) -> Array:
        A1 = self.A1
        if sp.issparse(A1):
            squares = sp.csr_array((A1.data**2, A1.indices, A1.indptr), shape=A1.shape)
            return np.asarray(np.sqrt(squares @ np.ones(self.d)))
        norms = np.empty(self.n)
        for rows, block in dense_rows(self.A1):
            norms[rows] = np.linalg.norm(block, axis=1)
        return norms

    @cached_property
    def column_squares(self) -> Array:
        """Squared lengths of A1's columns, shape (d,), kept above zero."""
        squares = weighted_column_squares(self.A1, np.ones(self.n))
        return np.maximum(squares, max(1e-8 * float(squares.max()), TINY))

    @cached_property
    def penalty_gram(self) -> Array:
        """A1ᵀ diag(w²) A1, the Hessian of the penalty, shape (d, d)."""
        return weighted_gram(self.A1, self.w2)

    # -- A2, which may be the identity -------------------------------------------

    def apply_A2(self, vector: Array) -> Array:  # noqa: N802 (the paper's name)
        return vector if self.A2 is None else self.A2 @ vector

    def apply_A2_transposed(self, vector: Array) -> Array:  # noqa: N802
        return vector if self.A2 is None else self.A2.T @ vector

    # -- value and derivatives ---------------------------------------------------

    def forward(self, x: Array) -> Forward:
        """The forward pass at x, kept for the next call: curvature follows gradient."""
        if self._latest is None or not np.array_equal(self._latest[0], x):
            z = self.A1 @ x
            f = softmax(z)
            u = self.apply_A2(f)
            # h = exp may overflow at a trial point, which is then rejected.
            with np.errstate(over="ignore"):
                c = self.activation.value(u) - self.b
            self._latest = x.copy(), Forward(z, f, u, c)
        return self._latest[1]

    def _value(self, at: Forward) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return 0.5 * float(at.c @ at.c) + 0.5 * float(self.w2 @ at.z**2)

    def pulled(self, at: Forward) -> Array:
        """q = A2ᵀ(h'(u) ∘ c), the derivative of ½|c|² with respect to f."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.apply_A2_transposed(self.activation.d1(at.u) * at.c)

    def check_point(self, given: Any, name: str) -> Array:
        """``given`` as a point x ∈ R^d; a ValueError names what is wrong with it."""
        return check_vector(given, name, self.d, "the number of columns of A1 is")

    def finite_gradient(self, x: Array, name: str) -> Array:
        """∇L(x); a ValueError where L or |∇L|² overflows at the user's point x."""
        value, gradient = self.value_and_gradient(x)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = value + gradient @ gradient
        if not np.isfinite(squares):
            raise ValueError(
                f"L overflows at {name}: its value is {value}, the largest entry of "
                f"its gradient {np.abs(gradient).max()}."
            )
        return gradient

    def value(self, x: Array) -> float:
        return self._value(self.forward(x))

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """L and ∇L, shape (d,)."""
        at = self.forward(x)
        q = self.pulled(at)
        with np.errstate(over="ignore", invalid="ignore"):
            s = at.f * (q - at.f @ q)
            return self._value(at), self.A1.T @ (s + self.w2 * at.z)

    def hessian_product(self, x: Array, v: Array) -> Array:
        """∇²L(x) v, shape (d,), in two products with A1 and A2 more than ∇L."""
        at = self.forward(x)
        q = self.pulled(at)
        h = self.activation
        t = self.A1 @ v
        f_dot = at.f * (t - at.f @ t)
        g = h.d1(at.u) ** 2 + at.c * h.d2(at.u)
        q_dot = self.apply_A2_transposed(g * self.apply_A2(f_dot))
        mean_dot = f_dot @ q + at.f @ q_dot
        s_dot = f_dot * (q - at.f @ q) + at.f * (q_dot - mean_dot)
        product: Array = self.A1.T @ (s_dot + self.w2 * t)
        return product


def check_problem(A1: Any, A2: Any, b: Any, h: str, w: Any) -> Attention:
    """The objective of validated arrays; a ValueError names what does not fit."""
    A1 = check_matrix(A1, "A1")
    check_size(A1, "A1")
    n = A1.shape[0]
    if A2 is None:
        m, owner = n, "A2 is the identity, and the number of rows of A1 is"
    else:
        A2 = check_matrix(A2, "A2")
        check_size(A2, "A2")
        if A2.shape[1] != n:
            raise ValueError(f"A2 has {A2.shape[1]} columns, but A1 has {n} rows.")
        m, owner = A2.shape[0], "the number of rows of A2 is"
    b = check_vector(b, "b", m, owner)
    check_size(b, "b", least=0.0)
    w = as_float(w, "w")
    if w.ndim == 0:
        w = np.broadcast_to(w, (n,))
    w = check_vector(w, "w", n, "the number of rows of A1 is")
    check_weights(w, "w")
    return Attention(A1, A2, b, get_activation(h), w)
