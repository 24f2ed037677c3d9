"""The standard deviation of a new observation, from the Laplace posterior.

With the Gauss–Newton matrix H of F and the Jacobian row g of an output at x, the
posterior variance of that output is g H⁻¹ gᵀ / (Σω β); the noise at x comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import get_activation, softmax
from sksoftnewton._inference.evidence import Laplace
from sksoftnewton._network.coordinates import Coordinates
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.rows import Rows

Array = NDArray[np.float64]

# Rows of g held at a time, times their length.
BLOCK_ELEMENTS = 2**22
# Stands for no penalty at all where the prior variance 1/α would be infinite.
LEAST_ALPHA = 1e-100


@dataclass(frozen=True)
class Posterior:
    """Everything that predictive variances need.

    The posterior covariance of θ, times Σω β, is ``factorᵀ factor`` (primal), or
    diag(1/ridge) − ``factorᵀ factor`` (dual).

    Attributes
    ----------
    A1 : ndarray of shape (n_hidden, n_coordinates + 1), in the coordinates of θ
    A2 : ndarray of shape (n_outputs, n_hidden), standardised
    factor : ndarray of shape (q, p)
    ridge : ndarray of shape (p,) for the dual form, or None
    alpha : float, α₁
    noise : ndarray of shape (n_outputs,), noise variances in the units of y²
    unit_noise : ndarray of shape (n_outputs, n_hidden), those of the units
    total_weight : float, Σω of the training rows
    scales : (float, float), those of the `Activation`
    """

    coordinates: Coordinates
    activation: str
    A1: Array
    A2: Array
    factor: Array
    ridge: Array | None
    learned: bool
    alpha: float
    noise: Array
    unit_noise: Array
    total_weight: float
    scales: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def of(
        cls, laplace: Laplace, coordinates: Coordinates, noise: Array, unit_noise: Array
    ) -> Posterior:
        network = laplace.network
        _, A2 = network.layers(laplace.theta)
        return cls(
            coordinates=coordinates,
            activation=network.activation.name,
            scales=network.activation.scales,
            A1=laplace.theta[: network.size1].reshape(network.shape1).copy(),
            A2=A2.copy(),
            factor=laplace.covariance_factor,
            ridge=network.ridge if laplace.dual else None,
            learned=network.output_weights is None,
            alpha=network.alpha[0],
            noise=noise,
            unit_noise=unit_noise,
            total_weight=network.rows.total_weight,
        )

    def variance(self, X: Any) -> Array:
        """Variance of a new observation at each row of X, shape (n, n_outputs)."""
        n, m = X.shape[0], len(self.A2)
        to = self.coordinates
        itself = to.features.take(to.basis.features_themselves)
        rows = Rows(
            itself.within_reach(X, to.used),
            np.zeros((n, m)),
            np.ones(n),
            to.features,
            columns=to.used,
            basis=None if to.basis.is_linear else to.basis,
        )
        out = np.empty((n, m))
        step = max(16, BLOCK_ELEMENTS // self.factor.shape[1])
        for start in range(0, n, step):
            here = slice(start, start + step)
            with np.errstate(over="ignore"):
                out[here] = self._block_variance(rows.block(here))
        return out

    def _block_variance(self, block: Block) -> Array:
        x, outside = self.coordinates(block)
        f = softmax(self.A1 @ x)
        u = self.A2 @ f
        slope = get_activation(self.activation, self.scales).d1(u)
        out = np.empty((x.shape[1], len(u)))
        for o, A2_row in enumerate(self.A2):
            a = slope[o] * f * (A2_row[:, None] - u[o])
            g = (a[:, None, :] * x).reshape(-1, x.shape[1])
            if self.learned:
                second = np.zeros((self.A2.size, x.shape[1]))
                second[o * len(f) : (o + 1) * len(f)] = slope[o] * f
                g = np.vstack([g, second])
            quadratic = np.sum((self.factor @ g) ** 2, axis=0)
            if self.ridge is not None:
                quadratic = np.maximum(self.ridge**-1 @ g**2 - quadratic, 0.0)
            if outside.any():
                prior = outside / max(self.alpha, LEAST_ALPHA)
                quadratic += np.sum(a**2, axis=0) * prior
            out[:, o] = np.exp(np.log(self.unit_noise[o]) @ f)
            out[:, o] += self.noise[o] * quadratic / self.total_weight
        return out
