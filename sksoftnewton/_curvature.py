"""The Gauss–Newton matrix of the network, in the forms that the directions need.

A row of the Jacobian J is a Khatri–Rao product (a ⊗ x, f), with
a = h'(u) f ∘ (A2_o − u) for output o: it is never stored for all rows, except in
the dual form, which is for few residuals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import softmax
from sksoftnewton._rows import Block, Terms, added

if TYPE_CHECKING:
    from sksoftnewton._network import Network

Array = NDArray[np.float64]

# Elements of the widest array made for a part of a block: it stays in the cache.
PART_ELEMENTS = 2**18
# Packed products x_d x_e held at a time by the Gram of a block.
GRAM_BUFFER_ROWS = 256


class Curvature:
    """The Gauss–Newton matrix and the Hessian at one θ, ridge included.

    Attributes
    ----------
    theta, ridge : ndarray of shape (p,)
    """

    def __init__(self, network: Network, theta: Array) -> None:
        self.network = network
        self.theta = theta
        self.ridge = network.ridge
        self.A1, self.A2 = network.layers(theta)

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

    def gram(self, *, exact: bool = False) -> tuple[Array, Array]:
        """JᵀJ + ridge or (``exact``) the Hessian, dense, and the damping metric.

        Returns
        -------
        matrix : ndarray of shape (p, p)
        metric : ndarray of shape (p,), that of JᵀJ for both
        """
        network = self.network
        sums = network.rows.sum(lambda block: self._packed_sums(block, exact))
        packed, cross, spread, unit, output = (
            total / network.rows.total_weight for total in sums
        )
        k, D = network.n_hidden, network.rows.n_features + 1
        pair, feature_pair = _pair_index(k), _pair_index(D)
        H = np.zeros((network.n_params, network.n_params))
        n1 = network.size1
        first = packed[pair[:, None, :, None], feature_pair[None, :, None, :]]
        H[:n1, :n1] = self._in_coordinates(first).reshape(n1, n1)
        if network.output_weights is None:
            for o, products in enumerate(cross):
                plain, times_u = np.split(products[pair], 2, axis=2)  # (k, k, D)
                mixed = self.A2[o][:, None, None] * plain - times_u
                mixed[np.diag_indices(k)] += spread[o]
                mixed = self._in_coordinates(mixed.transpose(0, 2, 1)[..., None])
                here = slice(n1 + o * k, n1 + (o + 1) * k)
                H[:n1, here] = mixed.reshape(n1, k)
                H[here, :n1] = H[:n1, here].T
                H[here, here] = plain[:, :, -1]
        H[np.diag_indices_from(H)] += network.ridge
        return H, self.metric(unit, output)

    def _packed_sums(self, block: Block, exact: bool) -> Terms:
        memberships = softmax(block.logits(self.A1))
        k, D = len(memberships), self.network.rows.n_features + 1
        step = max(64, PART_ELEMENTS // max(k * (k + 1) // 2, 2 * D))
        return added(
            self._part_sums(
                memberships[:, rows],
                x,
                block.targets[:, rows],
                block.weight[rows],
                exact,
            )
            for rows, x in block.dense(step)
        )

    def _part_sums(
        self, f: Array, x: Array, targets: Array, weight: Array, exact: bool
    ) -> Terms:
        """Sums of products over some rows, each symmetric pair once.

        With p the curvature of a residual by its u, that is ω h'², or
        ω (h'² + c h'') for the Hessian, r = ω h' c, q = A2ᵀ r and
        s = f ∘ (q − <f, q>); the terms in brackets are those of the Hessian only.

        Returns
        -------
        first : ndarray of shape (k(k+1)/2, D(D+1)/2)
            Σ (Σ_o p a_j a_l [− s_j f_l − f_j s_l + δ_jl s_j]) x_d x_e.
        cross : ndarray of shape (n_outputs, k(k+1)/2, 2 D)
            Σ f_j f_l (p x, (p u [+ r]) x) for each output.
        spread : ndarray of shape (n_outputs, k, D), or of zeros
            [Σ r f x] for each output.
        unit, output : the traces that `metric` takes
        """
        h = self.network.activation
        u = self.A2 @ f
        slope = h.d1(u)
        g = weight * slope**2
        p, r = g, np.zeros_like(g)
        spread = np.zeros((len(g), 1, 1))
        if exact:
            c = weight * (h.value(u) - targets)
            p, r = g + c * h.d2(u), slope * c
            spread = np.stack([(f * row) @ x.T for row in r])
        products = _pairs(f, f)
        columns = [np.vstack([x * v, x * w]) for v, w in zip(p, p * u + r, strict=True)]
        return (
            _packed_products(self._unit_pairs(f, u, p, r if exact else None), x),
            np.stack([products @ column.T for column in columns]),
            spread,
            *self._traces(f, u, g, x),
        )

    def _unit_pairs(self, f: Array, u: Array, p: Array, r: Array | None) -> Array:
        """The weights of x xᵀ in `_part_sums`, shape (k(k+1)/2, n)."""
        k, n = f.shape
        total = np.zeros((k * (k + 1) // 2, n))
        for A2_row, u_row, p_row in zip(self.A2, u, p, strict=True):
            a = f * (A2_row[:, None] - u_row)
            total += _pairs(a * p_row, a)
        if r is not None:
            s = f * (self.A2.T @ r - np.sum(r * u, axis=0))
            total -= _pairs(s, f) + _pairs(f, s)
            total[_pair_index(k).diagonal()] += s
        return total

    def _traces(self, f: Array, u: Array, g: Array, x: Array) -> tuple[Array, Array]:
        whitening = self.network.whitening
        z = x if whitening is None else whitening.coordinates(x)
        squares = f**2
        distance = (self.A2[:, :, None] - u[:, None, :]) ** 2
        unit = squares * np.sum(g[:, None, :] * distance, axis=0)
        return unit @ np.sum(z**2, axis=0), g @ squares.T

    def gram_work(self) -> float:
        """Multiply-adds of `gram`."""
        k, D = self.network.n_hidden, self.network.rows.n_features + 1
        pairs = k * (k + 1) / 2
        per_row = pairs * (D * (D + 1) / 2 + 2 * D * self.network.rows.n_outputs)
        return float(self.network.rows.n_rows * per_row)

    def _in_coordinates(self, blocks: Array) -> Array:
        """From features to coordinates of θ: axis 1, and axis 3 unless of length 1.

        ``blocks`` has shape (k, D, k, D) or (k, D, k, 1).
        """
        if self.network.whitening is None:
            return blocks
        inner = self.network.whitening.map
        T = np.zeros((inner.shape[0] + 1, inner.shape[1] + 1))
        T[:-1, :-1], T[-1, -1] = inner, 1
        left: Array = np.einsum("rd,jdle->jrle", T, blocks, optimize=True)
        return left if left.shape[3] == 1 else left @ T.T

    # -- dual -----------------------------------------------------------------------

    def dual(self) -> DualGaussNewton:
        return DualGaussNewton(self)


class DualGaussNewton:
    """The rows of the weighted Jacobian J, all in memory: for few residuals.

    Residuals are ordered output by output. J has Σω divided out, so that
    F = ½|residual|² + penalty.

    Attributes
    ----------
    a, g : ndarray of shape (n_outputs, k, n_rows)
        The row of J for residual (o, i) is (a_oi ⊗ x_i) for A1 and g_oi for
        output o of A2.
    residual : ndarray of shape (N,), N = n_outputs * n_rows
    """

    def __init__(self, curvature: Curvature) -> None:
        network = curvature.network
        rows, h = network.rows, network.activation
        self.curvature, self.network = curvature, network
        self.block = rows.whole()
        f = softmax(self.block.logits(curvature.A1))
        root = np.sqrt(rows.weight / rows.total_weight)
        u = curvature.A2 @ f
        self.g = (h.d1(u) * root)[:, None, :] * f
        self.a = self.g * (curvature.A2[:, :, None] - u[:, None, :])
        self.residual = (root * (h.value(u) - self.block.targets)).ravel()
        self.kernel = network.kernel

    def metric(self) -> Array:
        unit = np.sum(self.a**2, axis=0) @ self.kernel.diagonal()
        return self.curvature.metric(unit, np.sum(self.g**2, axis=2))

    def matvec(self, vector: Array) -> Array:
        """J v, shape (N,)."""
        V1, V2 = self.network.direction(vector)
        product: Array = np.sum(self.a * self.block.logits(V1), axis=1)
        product += np.sum(self.g * V2[:, :, None], axis=1)
        return product.ravel()

    def dense(self) -> Array:
        """J itself, shape (N, p)."""
        network = self.network
        m, k, n = self.a.shape
        x = self.block.all_dense()
        if network.whitening is not None:
            x = network.whitening.coordinates(x)
        J = np.zeros((m, n, network.n_params))
        first = np.einsum("oji,di->oijd", self.a, x)
        J[:, :, : network.size1] = first.reshape(m, n, -1)
        if network.output_weights is None:
            second = J[:, :, network.size1 :].reshape(m, n, m, k)
            for o in range(m):
                second[o, :, o] = self.g[o].T
            J[:, :, network.size1 :] = second.reshape(m, n, -1)
        return J.reshape(m * n, -1)

    def rmatvec(self, t: Array) -> Array:
        """Jᵀ t, shape (p,)."""
        t = t.reshape(self.network.rows.n_outputs, 1, -1)
        first = self.block.outer(np.sum(self.a * t, axis=0))
        covector = self.network.covector(first, np.sum(self.g * t, axis=2))
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
        K: Array = scaled @ self.a.transpose(1, 0, 2).reshape(k, m * n)
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
