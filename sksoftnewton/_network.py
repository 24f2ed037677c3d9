"""The estimator's objective: one softmax per sample, two layers.

For a row x with an appended 1, z = A1 x (k hidden units), f = softmax(z),
u = A2 f (m outputs), residual c = h(u) − y and weight ω,

    F(A1, A2) = 1/(2 Σω) Σ ω |c|² + α₁/2 |A1|² + α₂/2 |A2|².

Rows and (for the identity h) targets are standardised: see `Rows`. Intercepts,
the last column of A1, are penalised too: softmax ignores a vector added to
every row of A1, so this is what makes the Hessian positive definite.
With ``penalty="logits"`` the first penalty is α₁/(2 Σω) Σ ω |z|². It is the same
objective for features with unit second moments (`Whitening`), and that is how it
is computed: A1 = Ã map, with the ridge on Ã.

Parameters travel as one vector θ = (Ã, A2), each matrix row by row.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax
from sksoftnewton._coordinates import Whitening
from sksoftnewton._curvature import Curvature
from sksoftnewton._rows import Block, Rows, Terms

Array = NDArray[np.float64]


class Network:
    """Value, gradient and curvature of F.

    Parameters
    ----------
    rows : Rows
        Targets standardised as the docstring of the module says.
    n_hidden : int
    activation : Activation
        The output activation h.
    alpha : (float, float)
        α₁ and α₂.
    whitening : Whitening or None
        Given for the penalty on the logits.
    output_weights : ndarray of shape (n_outputs, n_hidden) or None
        A fixed A2 in the units of the standardised targets; None: A2 is learned.
    mean_over : int or None
        Number of features over which a hidden unit's curvature is averaged for
        the damping metric; None: those of ``rows``.
    """

    def __init__(
        self,
        rows: Rows,
        n_hidden: int,
        activation: Activation,
        alpha: tuple[float, float],
        *,
        whitening: Whitening | None = None,
        output_weights: Array | None = None,
        mean_over: int | None = None,
    ) -> None:
        self.rows = rows
        self.n_hidden = n_hidden
        self.activation = activation
        self.alpha = alpha
        self.whitening = whitening
        self.output_weights = output_weights
        n_coordinates = len(whitening.map) if whitening else rows.n_features
        self.mean_over = (mean_over or rows.n_features) + 1
        self.shape1 = (n_hidden, n_coordinates + 1)
        self.shape2 = (rows.n_outputs, n_hidden)
        self.size1 = n_hidden * (n_coordinates + 1)
        learned = output_weights is None
        self.n_params = self.size1 + (rows.n_outputs * n_hidden if learned else 0)
        self.n_residuals = rows.n_rows * rows.n_outputs
        self.ridge = np.repeat(alpha, (self.size1, self.n_params - self.size1))
        # Multiply-adds of the two matrix products of one value and gradient.
        self.gradient_work = 2.0 * rows.n_rows * n_hidden * (rows.n_features + 1)

    @cached_property
    def kernel(self) -> Array:
        """Inner products of the rows in the coordinates of θ, constant included."""
        if self.whitening is None:
            return self.rows.kernel + 1
        x = self.whitening.coordinates(self.rows.whole().all_dense())
        return x.T @ x

    # -- the parameter vector ---------------------------------------------------

    def layers(self, theta: Array) -> tuple[Array, Array]:
        """A1 for the features of ``rows``, and A2."""
        A1 = theta[: self.size1].reshape(self.shape1)
        if self.whitening:
            A1 = self.whitening.lift(A1)
        if self.output_weights is not None:
            return A1, self.output_weights
        return A1, theta[self.size1 :].reshape(self.shape2)

    def direction(self, vector: Array) -> tuple[Array, Array]:
        """As `layers`, for a direction: zero where A2 is fixed."""
        A1, A2 = self.layers(vector)
        return A1, A2 if self.output_weights is None else np.zeros(self.shape2)

    def pack(self, A1: Array, A2: Array) -> Array:
        """The parameter vector of two layers (the inverse of `layers`)."""
        if self.whitening:
            A1 = self.whitening.project(A1)
        return self._joined(A1, A2)

    def _joined(self, first: Array, second: Array) -> Array:
        parts = [first.ravel()]
        if self.output_weights is None:
            parts.append(second.ravel())
        return np.concatenate(parts)

    def covector(self, first: Array, second: Array) -> Array:
        """A gradient with respect to (A1, A2) as one with respect to θ, over Σω."""
        if self.whitening:
            inner = first[:, :-1] @ self.whitening.map.T
            first = np.hstack([inner, first[:, -1:]])
        return self._joined(first, second) / self.rows.total_weight

    # -- value and derivatives --------------------------------------------------

    def residual_squares(self, theta: Array) -> Array:
        """Σ ω c² of each output, shape (n_outputs,)."""
        A1, A2 = self.layers(theta)

        def terms(block: Block) -> Terms:
            c = self.activation.value(A2 @ softmax(block.logits(A1))) - block.targets
            return (c**2 @ block.weight,)

        (squares,) = self.rows.sum(terms)
        total: Array = squares
        return total

    def resolution(self, value: float) -> float:
        """Rounding error of F: that of the residuals, of size ε times the targets."""
        eps = float(np.finfo(np.float64).eps)
        return (
            8 * eps * (abs(value) + float(np.sqrt(abs(value) * self.rows.mean_square)))
        )

    def penalty(self, theta: Array) -> float:
        return 0.5 * float(self.ridge @ theta**2)

    def value(self, theta: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = float(self.residual_squares(theta).sum())
        return 0.5 * squares / self.rows.total_weight + self.penalty(theta)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        A1, A2 = self.layers(theta)

        def terms(block: Block) -> Terms:
            f = softmax(block.logits(A1))
            u = A2 @ f
            c = self.activation.value(u) - block.targets
            weighted = block.weight * c
            loss = float(np.sum(weighted * c))
            r = self.activation.d1(u) * weighted
            s = A2.T @ r
            s -= np.sum(r * u, axis=0)  # = <f, A2ᵀ r>
            s *= f
            return loss, block.outer(s), r @ f.T

        with np.errstate(over="ignore", invalid="ignore"):
            squares, first, second = self.rows.sum(terms)
            gradient = self.covector(first, second)
        value = 0.5 * float(squares) / self.rows.total_weight + self.penalty(theta)
        return value, gradient + self.ridge * theta

    def gauss_newton_product(self, theta: Array, vector: Array) -> Array:
        """(JᵀJ + ridge) v, with J the weighted Jacobian of the residuals."""
        return self._curvature_product(theta, vector, exact=False)

    def hessian_product(self, theta: Array, vector: Array) -> Array:
        """∇²F(θ) v: with the curvature of softmax and of h."""
        return self._curvature_product(theta, vector, exact=True)

    def _curvature_product(self, theta: Array, vector: Array, exact: bool) -> Array:
        A1, A2 = self.layers(theta)
        V1, V2 = self.direction(vector)
        h = self.activation

        def terms(block: Block) -> Terms:
            f = softmax(block.logits(A1))
            u = A2 @ f
            t = block.logits(V1)
            t -= np.sum(f * t, axis=0)
            f_dot = f * t
            u_dot = A2 @ f_dot + V2 @ f
            slope = h.d1(u)
            curvature = block.weight * slope**2
            if not exact:
                r_dot = curvature * u_dot
                q_dot = A2.T @ r_dot
                s_dot = f * (q_dot - np.sum(f * q_dot, axis=0))
                return block.outer(s_dot), r_dot @ f.T
            c = block.weight * (h.value(u) - block.targets)
            r, r_dot = slope * c, (curvature + c * h.d2(u)) * u_dot
            q, q_dot = A2.T @ r, V2.T @ r + A2.T @ r_dot
            mean_dot = np.sum(f_dot * q + f * q_dot, axis=0)
            s_dot = f_dot * (q - np.sum(f * q, axis=0)) + f * (q_dot - mean_dot)
            return block.outer(s_dot), r_dot @ f.T + r @ f_dot.T

        first, second = self.rows.sum(terms)
        product = self.covector(first, second)
        return product + self.ridge * vector

    def curvature(self, theta: Array) -> Curvature:
        """The Gauss–Newton matrix at θ, in the forms that the directions ask for."""
        return Curvature(self, theta)

    # -- the start ----------------------------------------------------------------

    def start(self, A1: Array) -> Array:
        """θ with the given first layer and A2 by ridge regression on its softmax.

        For h other than the identity the regression is on h⁻¹(y).
        """
        if self.output_weights is not None:
            return self.pack(A1, self.output_weights)
        size = np.abs(self.rows.targets.T) @ self.rows.weight / self.rows.total_weight

        def terms(block: Block) -> Terms:
            f = softmax(block.logits(A1))
            goal = self.activation.inverse_of_targets(block.targets, size[:, None])
            weighted = f * block.weight
            return weighted @ f.T, weighted @ goal.T

        gram, products = self.rows.sum(terms)
        gram, products = (x / self.rows.total_weight for x in (gram, products))
        ridge = max(self.alpha[1], 1e-3 * float(np.trace(gram)) / self.n_hidden)
        gram[np.diag_indices_from(gram)] += ridge
        return self.pack(A1, np.linalg.solve(gram, products).T)
