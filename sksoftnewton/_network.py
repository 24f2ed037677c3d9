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

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax
from sksoftnewton._rows import Block, Rows, Terms, Whitening

Array = NDArray[np.floating]

# Packed products x_d x_e held at a time by the Gram of a block.
GRAM_BUFFER_ROWS = 256


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
        self._mean_square = float(
            rows.weight @ np.sum(rows.targets**2, axis=1) / rows.total_weight
        )
        # Multiply-adds of the two matrix products of one value and gradient.
        self.gradient_work = 2.0 * rows.n_rows * n_hidden * (rows.n_features + 1)

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

    def _covector(self, first: Array, second: Array) -> Array:
        """A gradient with respect to (A1, A2) as one with respect to θ, over Σω."""
        if self.whitening:
            inner = first[:, :-1] @ self.whitening.map.T
            first = np.hstack([inner, first[:, -1:]])
        return self._joined(first, second) / self.rows.total_weight

    # -- value and derivatives --------------------------------------------------

    def resolution(self, value: float) -> float:
        """Rounding error of F: that of the residuals, of size ε times the targets."""
        eps = float(np.finfo(np.float64).eps)
        return 8 * eps * (abs(value) + np.sqrt(abs(value) * self._mean_square))

    def penalty(self, theta: Array) -> float:
        return 0.5 * float(self.ridge @ theta**2)

    def value(self, theta: Array) -> float:
        A1, A2 = self.layers(theta)

        def term(block: Block) -> tuple[float]:
            c = self.activation.value(A2 @ softmax(block.logits(A1))) - block.targets
            return (float(np.sum(block.weight * c**2)),)

        with np.errstate(over="ignore", invalid="ignore"):
            (squares,) = self.rows.sum(term)
        return 0.5 * float(squares) / self.rows.total_weight + self.penalty(theta)

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
            gradient = self._covector(first, second)  # type: ignore[arg-type]
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
        product = self._covector(first, second)  # type: ignore[arg-type]
        return product + self.ridge * vector

    def curvature(self, theta: Array) -> GaussNewton:
        """The Gauss–Newton matrix at θ, in the forms that the directions ask for."""
        return GaussNewton(self, theta)

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


@dataclass(frozen=True)
class _Factors:
    """The rows of J as Khatri–Rao products, for a set of rows.

    The row of residual (o, i) is (a_oi ⊗ x_i) for A1 and g_oi for output o of A2.

    Attributes
    ----------
    a, g : ndarray of shape (n_outputs, k, n), not weighted
    """

    a: Array
    g: Array

    @classmethod
    def of(cls, f: Array, A2: Array, h: Activation) -> _Factors:
        u = A2 @ f
        g = h.d1(u)[:, None, :] * f
        return cls(g * (A2[:, :, None] - u[:, None, :]), g)


class GaussNewton:
    """JᵀJ + ridge at one θ: product, dense matrix, and the dual form J diag(1/d) Jᵀ.

    Attributes
    ----------
    ridge, theta : ndarray of shape (p,)
    """

    def __init__(self, network: Network, theta: Array) -> None:
        self.network = network
        self.theta = theta
        self.ridge = network.ridge
        self.A1, self.A2 = network.layers(theta)

    def matvec(self, vector: Array) -> Array:
        return self.network.gauss_newton_product(self.theta, vector)

    def metric(self, unit: Array, output: Array) -> Array:
        """Marquardt's damping metric, shape (p,).

        One number a hidden unit (its curvature averaged over the features, which
        are standardised) and one a weight of the second layer. It does not
        change when the features are rotated, so the primal system, the dual
        system and wide data in the coordinates of their row space take the same
        steps.

        Parameters
        ----------
        unit : ndarray of shape (k,), trace of JᵀJ over the unit's features
        output : ndarray of shape (n_outputs, k), diagonal of JᵀJ for A2
        """
        network = self.network
        first = unit / network.mean_over + network.alpha[0]
        first = np.repeat(_floored(first), network.shape1[1])
        if network.output_weights is not None:
            return first
        return np.concatenate([first, _floored(output.ravel() + network.alpha[1])])

    # -- primal -------------------------------------------------------------------

    @cached_property
    def packed_gram(self) -> tuple[Array, Array]:
        """Sums of products over the rows, each symmetric pair once.

        Returns
        -------
        first : ndarray of shape (k(k+1)/2, D(D+1)/2)
            Σ ω a_j a_l x_d x_e, for pairs j <= l and d <= e.
        cross : ndarray of shape (n_outputs, k(k+1)/2, 2 D)
            Σ ω h'² f_j f_l (x, u x) for each output.
        """
        network = self.network
        h = network.activation

        def terms(block: Block) -> Terms:
            f = softmax(block.logits(self.A1))
            first, cross = 0.0, 0.0
            for rows, x in block.dense():
                part = f[:, rows]
                u = self.A2 @ part
                curvature = block.weight[rows] * h.d1(u) ** 2
                products = _pairs(part, part)
                first = first + _packed_products(
                    self._unit_pairs(part, u, curvature), x
                )
                cross = cross + np.stack(
                    [
                        products @ np.vstack([x * w, x * (w * v)]).T
                        for w, v in zip(curvature, u, strict=True)
                    ]
                )
            return first, cross

        first, cross = network.rows.sum(terms)
        total = network.rows.total_weight
        return first / total, cross / total  # type: ignore[return-value]

    def _unit_pairs(self, f: Array, u: Array, curvature: Array) -> Array:
        """Σ over the outputs of ω a_j a_l for pairs j <= l, (k(k+1)/2, n)."""
        total: Array | float = 0.0
        for A2_row, u_row, w in zip(self.A2, u, curvature, strict=True):
            a = f * (A2_row[:, None] - u_row)
            total = total + _pairs(a * w, a)
        return total  # type: ignore[return-value]

    @cached_property
    def gram(self) -> Array:
        """JᵀJ + ridge, dense, shape (p, p)."""
        network = self.network
        k, D = network.n_hidden, network.rows.n_features + 1
        packed, cross = self.packed_gram
        unit, feature = _pair_index(k), _pair_index(D)
        first = packed[unit[:, None, :, None], feature[None, :, None, :]]
        T = self._coordinates()
        if T is not None:
            first = np.einsum("rd,jdle,se->jrls", T, first, T, optimize=True)
            D = len(T)
        H = np.zeros((network.n_params, network.n_params))
        n1 = network.size1
        H[:n1, :n1] = first.reshape(n1, n1)
        if network.output_weights is None:
            for o, block in enumerate(cross):
                sums = block[unit]  # (k, k, 2 D)
                plain, times_u = np.split(sums, 2, axis=2)
                mixed = self.A2[o][:, None, None] * plain - times_u
                if T is not None:
                    mixed = mixed @ T.T
                here = slice(n1 + o * k, n1 + (o + 1) * k)
                H[:n1, here] = mixed.transpose(0, 2, 1).reshape(n1, k)
                H[here, :n1] = H[:n1, here].T
                H[here, here] = plain[:, :, -1]
        H[np.diag_indices_from(H)] += network.ridge
        return H

    def gram_metric(self) -> Array:
        """`metric` from the diagonal of `gram`."""
        network = self.network
        diagonal = self.gram.diagonal() - network.ridge
        unit = diagonal[: network.size1].reshape(network.shape1).sum(axis=1)
        return self.metric(unit, diagonal[network.size1 :])

    def gram_work(self) -> float:
        """Multiply-adds of `gram`."""
        k, D = self.network.n_hidden, self.network.rows.n_features + 1
        pairs = k * (k + 1) / 2
        per_row = pairs * (D * (D + 1) / 2 + 2 * D * self.network.rows.n_outputs)
        return self.network.rows.n_rows * per_row

    def _coordinates(self) -> Array | None:
        """The map from features (with the constant) to coordinates of θ."""
        if self.network.whitening is None:
            return None
        inner = self.network.whitening.map
        T = np.zeros((inner.shape[0] + 1, inner.shape[1] + 1))
        T[:-1, :-1], T[-1, -1] = inner, 1
        return T

    # -- dual -----------------------------------------------------------------------

    def dual(self) -> DualGaussNewton:
        return DualGaussNewton(self)


class DualGaussNewton:
    """The rows of the weighted Jacobian J, all in memory: for few residuals.

    Residuals are ordered output by output. J has Σω divided out, so that
    F = ½|residual|² + penalty.

    Attributes
    ----------
    residual : ndarray of shape (N,), N = n_outputs * n_rows
    """

    def __init__(self, curvature: GaussNewton) -> None:
        network = curvature.network
        rows, h = network.rows, network.activation
        self.curvature, self.network = curvature, network
        self.block = rows.whole()
        f = softmax(self.block.logits(curvature.A1))
        root = np.sqrt(rows.weight / rows.total_weight)
        factors = _Factors.of(f, curvature.A2, h)
        self.a, self.g = factors.a * root, factors.g * root
        c = h.value(curvature.A2 @ f) - self.block.targets
        self.residual = (root * c).ravel()
        self.kernel = network_kernel(network)

    def metric(self) -> Array:
        unit = np.sum(self.a**2, axis=0) @ self.kernel.diagonal()
        return self.curvature.metric(unit, np.sum(self.g**2, axis=2))

    def matvec(self, vector: Array) -> Array:
        """J v, shape (N,)."""
        V1, V2 = self.network.direction(vector)
        product = np.sum(self.a * self.block.logits(V1), axis=1)
        product += np.sum(self.g * V2[:, :, None], axis=1)
        return product.ravel()

    def rmatvec(self, t: Array) -> Array:
        """Jᵀ t, shape (p,)."""
        t = t.reshape(self.network.rows.n_outputs, 1, -1)
        first = self.block.outer(np.sum(self.a * t, axis=0))
        covector = self.network._covector(first, np.sum(self.g * t, axis=2))
        return covector * self.network.rows.total_weight

    def gram(self, diagonal: Array) -> Array:
        """J diag(1/diagonal) Jᵀ, shape (N, N).

        ``diagonal`` must be constant over the coordinates of each hidden unit,
        as the ridge and the metric are.
        """
        network = self.network
        m, k, n = self.a.shape
        unit = diagonal[: network.size1].reshape(network.shape1)[:, :1]
        scaled = (self.a / unit).transpose(0, 2, 1).reshape(m * n, k)
        K = scaled @ self.a.transpose(1, 0, 2).reshape(k, m * n)
        K = K.reshape(m, n, m, n)
        K *= self.kernel[:, None, :]
        if network.output_weights is None:
            second = diagonal[network.size1 :].reshape(m, k, 1)
            for o in range(m):
                K[o, :, o] += (self.g[o] / second[o]).T @ self.g[o]
        return K.reshape(m * n, m * n)

    def gram_work(self) -> float:
        """Multiply-adds of one `gram`."""
        return float(self.network.n_residuals**2 * self.network.n_hidden)


def network_kernel(network: Network) -> Array:
    """Inner products of the rows in the coordinates of θ, constant included."""
    rows = network.rows
    if network.whitening is None:
        return rows.kernel + 1
    s = network.whitening.map
    with_constant = np.hstack([s, np.zeros((len(s), 1))])
    z = rows.whole().logits(with_constant)
    return z.T @ z + 1


def _floored(values: Array) -> Array:
    """Values kept above 1e-4 of their mean (a dead unit has no curvature)."""
    return np.maximum(values, max(1e-4 * float(values.mean()), 1e-12))


def _pair_index(k: int) -> NDArray[np.intp]:
    """Position of the pair {j, l} among the pairs j <= l in row order, (k, k)."""
    index = np.zeros((k, k), dtype=np.intp)
    upper = np.triu_indices(k)
    index[upper] = np.arange(len(upper[0]))
    return np.maximum(index, index.T)


def _pairs(left: Array, right: Array) -> Array:
    """Products left_j right_l of all pairs j <= l, shape (k(k+1)/2, n)."""
    k, n = left.shape
    out = np.empty((k * (k + 1) // 2, n))
    start = 0
    for j in range(k):
        np.multiply(right[j:], left[j], out=out[start : start + k - j])
        start += k - j
    return out


def _packed_products(pairs: Array, x: Array) -> Array:
    """pairs @ (x_d x_e)ᵀ over the pairs d <= e, a bounded buffer at a time."""
    D, n = x.shape
    out = np.empty((len(pairs), D * (D + 1) // 2))
    buffer = np.empty((max(GRAM_BUFFER_ROWS, D), n))
    filled = done = 0
    for d in range(D):
        if filled + D - d > len(buffer):
            out[:, done : done + filled] = pairs @ buffer[:filled].T
            done, filled = done + filled, 0
        np.multiply(x[d:], x[d], out=buffer[filled : filled + D - d])
        filled += D - d
    out[:, done:] = pairs @ buffer[:filled].T
    return out
