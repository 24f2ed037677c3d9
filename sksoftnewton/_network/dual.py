"""The rows of the network's Jacobian, for fewer residuals than parameters."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import softmax
from sksoftnewton._network.curvature import Curvature

Array = NDArray[np.float64]

ROWS = 512  # of K, to which products are added at a time


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
        rows, h = network.rows.local, network.activation
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
        out: Array = np.sum(self.a * self.block.logits(V1), axis=1)
        out += np.sum(self.g * V2[:, :, None], axis=1)
        return out.ravel()

    def dense(self) -> Array:
        """J itself, shape (N, p)."""
        parts = list(self.curvature.jacobian(self.block))
        J: Array = parts[0] if len(parts) == 1 else np.vstack(parts)
        J /= np.sqrt(self.network.rows.total_weight)
        return J

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
            for o, start in product(range(m), range(0, n, ROWS)):
                rows = slice(start, start + ROWS)
                K[o, rows, o] += (self.g[o, :, rows] / second[o]).T @ self.g[o]
        return K.reshape(m * n, m * n)

    def second_dof(self, inverse: Array) -> float:
        """tr((I + K)⁻¹ K₂) of the second layer, from L⁻¹ for I + K = L Lᵀ."""
        if self.network.output_weights is not None:
            return 0.0
        m, k, n = self.g.shape
        of_units = self.network.ridge[self.network.size1 :].reshape(m, k, 1)
        total = 0.0
        for o in range(m):
            J = (self.g[o] / np.sqrt(of_units[o])).T
            total += float(np.sum((inverse[:, o * n : (o + 1) * n] @ J) ** 2))
        return total

    def gram_work(self) -> float:
        """Multiply-adds of one `gram`."""
        return float(self.network.n_residuals**2 * self.network.n_hidden)
