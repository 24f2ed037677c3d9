"""The estimator's objective: one softmax per sample, two layers.

For a row x with an appended 1, z = A1 x (k hidden units), f = softmax(z),
u = A2 f (m outputs), residual c = h(u) − y and weight ω,

    F(A1, A2) = 1/(2 Σω) Σ ω |c|² + α₁/2 |A1|² + α₂/2 |A2|².

Rows and targets are standardised: see `Rows` and `Units`, which scales h. Intercepts,
the last column of A1, are penalised too: softmax ignores a vector added to
every row of A1, so this is what makes the Hessian positive definite.
With ``penalty="logits"`` the first penalty is α₁/(2 Σω) Σ ω |z|². It is the same
objective for features with unit second moments (`Whitening`), and that is how it
is computed: A1 = Ã map, with the ridge on Ã.

Parameters travel as one vector θ = (Ã, A2), each matrix row by row.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax
from sksoftnewton._network.coordinates import Whitening
from sksoftnewton._network.products import product_work
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.interface import WeightedRows
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]

# The cost of a unit's exponential, and of all else that is done to its number a row,
# in multiply-adds of a product of large matrices; and the least width that products
# with the features pay for (docs/benchmarks/cost_model.py compares with the clock).
EXPONENTIAL, LEAST_WIDTH = 50, 8
# How often a start that is worse than a constant is moved half the way to it.
HALVINGS = 10


class Network:
    """F, its gradient and its products with vectors.

    Parameters
    ----------
    rows : WeightedRows
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
        rows: WeightedRows,
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
        # The sums that the latest Gauss–Newton matrix was made of, and their θ; they
        # do not depend on alpha.
        self.products: tuple[Array | None, Terms] = (None, ())
        # The same for the sums of the latest value and gradient.
        self._latest: tuple[Array | None, Terms] = (None, ())
        # Multiply-adds of one value and gradient: two matrix products and exp.
        width = max(n_hidden, LEAST_WIDTH)
        per_row = 2 * width * rows.entries_per_row + n_hidden * EXPONENTIAL
        self.gradient_work = float(rows.n_rows * per_row)

    @cached_property
    def row_work(self) -> float:
        """Multiply-adds that a row adds to a Gauss–Newton matrix or the Hessian."""
        rows, D = self.rows, self.shape1[1]
        entries = rows.entries_per_row if self.whitening is None else D
        return product_work(*self.shape1, rows.n_outputs, entries)

    def __getstate__(self) -> dict[str, Any]:
        """What functions of blocks need where the rows are: no sums, no matrices."""
        state = {**self.__dict__, "products": (None, ()), "_latest": (None, ())}
        state.pop("kernel", None)
        return state

    def on(
        self, rows: WeightedRows, alpha: tuple[float, float] | None = None
    ) -> Network:
        """The same network on other rows with the same features."""
        return Network(
            rows,
            self.n_hidden,
            self.activation,
            alpha or self.alpha,
            whitening=self.whitening,
            output_weights=self.output_weights,
            mean_over=self.mean_over - 1,
        )

    def with_alpha(self, alpha: tuple[float, float]) -> Network:
        """The same network with other penalties."""
        other = self.on(self.rows, alpha)
        other.products, other._latest = self.products, self._latest
        return other

    def knows_products_at(self, theta: Array) -> bool:
        return self.products[0] is theta

    def knows_value_at(self, theta: Array) -> bool:
        return self._latest[0] is theta

    @cached_property
    def kernel(self) -> Array:
        """Inner products of the rows in the coordinates of θ, constant included."""
        if self.whitening is None:
            return self.rows.local.kernel + 1
        x = self.in_coordinates(self.rows.local.whole().all_dense())
        return x.T @ x

    def in_coordinates(self, features: Array) -> Array:
        """Features of rows, with a last one of ones, in the coordinates of θ."""
        if self.whitening is None:
            return features
        return self.whitening.coordinates(features)

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
        with np.errstate(over="ignore", invalid="ignore"):
            squares: Array = self._sums_at(theta)[0]
        return squares

    def resolution(self, value: float) -> float:
        """Rounding error of F: that of the residuals, of size ε times the targets."""
        dtype = self.rows.dtype
        # Blocks of float32 are added up in float64: their errors cancel in part.
        eps = float(np.finfo(dtype).eps) * (1 if dtype == np.float32 else 8)
        return eps * (abs(value) + float(np.sqrt(abs(value) * self.rows.mean_square)))

    def penalty(self, theta: Array) -> float:
        return 0.5 * float(self.ridge @ theta**2)

    def value(self, theta: Array) -> float:
        squares = float(self.residual_squares(theta).sum())
        return 0.5 * squares / self.rows.total_weight + self.penalty(theta)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """F and its gradient."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares, first, second = self._sums_at(theta)
            gradient = self.covector(first, second)
        value = 0.5 * float(squares.sum()) / self.rows.total_weight
        return value + self.penalty(theta), gradient + self.ridge * theta

    def _sums_at(self, theta: Array) -> Terms:
        """Σ ω c² of each output, and the gradient by A1 and A2, times Σω.

        They are kept for the same θ under another alpha.

        With E = exp(z), S = Σ E and r = ω h' c, the gradient by z is
        E ∘ (A2ᵀ r − Σ r u) / S: apart from exp, it passes over the n x k numbers
        in matrix products and one multiplication.
        """
        if self.knows_value_at(theta):
            return self._latest[1]
        A1, A2 = self.layers(theta)
        # The largest logit is not below 0: S >= 1.
        A1 = (A1 - A1.sum(axis=0) / len(A1)).astype(self.rows.dtype, copy=False)
        head = np.ones((len(A2) + 1, self.n_hidden), dtype=self.rows.dtype)
        head[1:] = A2
        tail = np.full((self.n_hidden, len(A2) + 1), -1, dtype=self.rows.dtype)
        tail[:, :-1] = A2.T
        scratch = self.rows.scratch

        def terms(block: Block) -> Terms:
            n = block.weight.size
            E = block.logits(A1, out=scratch("E", self.n_hidden, n))
            np.exp(E, out=E)
            sums = np.matmul(head, E, out=scratch("sums", len(head), n))
            if not np.isfinite(sums).all():  # overflow: leave out a common factor
                block.logits(A1, out=E)
                E -= np.max(E, axis=0)
                np.exp(E, out=E)
                np.matmul(head, E, out=sums)
            S, u = sums[0], sums[1:]
            u /= S
            both = scratch("both", len(head), n)
            r = both[:-1]
            squares = self._weighted_residuals(block, u, r)
            r /= S
            np.add.reduce(np.multiply(r, u, out=u), axis=0, out=both[-1])
            s = np.matmul(tail, both, out=scratch("s", self.n_hidden, n))
            s *= E
            return squares, block.outer(s), r @ E.T

        sums = self.rows.sum(terms, 2 * self.n_hidden)
        self._latest = theta, sums
        return sums

    def _weighted_residuals(self, block: Block, u: Array, out: Array) -> list[float]:
        """Σ ω c² of a block and each output; ``out`` becomes ω h'(u) ∘ c."""
        h = self.activation
        if h.name == "identity":
            c = np.subtract(u, block.targets, out=self.rows.scratch("c", *u.shape))
            np.multiply(c, block.weight, out=out)
            return [float(np.vdot(*both)) for both in zip(out, c, strict=True)]
        c = h.value(u) - block.targets
        np.multiply(c, block.weight, out=out)
        squares = [float(np.vdot(*both)) for both in zip(out, c, strict=True)]
        out *= h.d1(u)
        return squares

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

        first, second = self.rows.sum(terms, 4 * self.n_hidden)
        product = self.covector(first, second)
        return product + self.ridge * vector

    # -- the start ----------------------------------------------------------------

    def start(self, A1: Array) -> Array:
        """θ with the given first layer and A2 by ridge regression on its softmax.

        For h other than the identity the regression is on h⁻¹(y), and where a constant
        would be better, A2 is moved towards it. The ridge is on the deviations from
        the mean.
        """
        if self.output_weights is not None:
            return self.pack(A1, self.output_weights)
        mean = self.rows.targets.T @ self.rows.weight / self.rows.total_weight

        def terms(block: Block) -> Terms:
            f = softmax(block.logits(A1))
            goal = self.activation.inverse_of_targets(block.targets, mean[:, None])
            weighted = f * block.weight
            return weighted @ f.T, weighted @ goal.T

        gram, products = self.rows.sum(terms)
        gram, products = (x / self.rows.total_weight for x in (gram, products))
        ridge = max(self.alpha[1], 1e-3 * float(np.trace(gram)) / self.n_hidden)
        middle = products.sum(axis=0)  # memberships sum to one
        products -= np.outer(gram.sum(axis=1), middle)
        gram[np.diag_indices_from(gram)] += ridge
        deviation = np.linalg.solve(gram, products).T
        if self.activation.name == "identity":
            return self.pack(A1, middle[:, None] + deviation)
        constant = self.activation.inverse_of_targets(mean[:, None], mean[:, None])
        return self._not_worse(A1, constant, middle[:, None] - constant + deviation)

    def _not_worse(self, A1: Array, constant: Array, step: Array) -> Array:
        """θ with as much of a step of A2 away from a constant as does not raise F."""
        theta = self.pack(A1, constant + np.zeros(self.shape2))
        limit = self.value(theta)
        for _ in range(HALVINGS):
            trial = self.pack(A1, constant + step)
            if self.value(trial) <= limit:
                return trial
            step = step / 2
        return theta
