"""Variances, covariances and draws of new observations, from the Laplace posterior.

With the Gauss–Newton matrix H of F and the Jacobian row g of an output at x, the
posterior variance of that output is g H⁻¹ gᵀ / (Σω β); the noise at x comes on top.
Noise is independent from row to row, what the parameters add is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import get_activation, softmax
from sksoftnewton._inference.evidence import Laplace, cholesky
from sksoftnewton._inference.noise import from_normal
from sksoftnewton._network.coordinates import Coordinates
from sksoftnewton._rows.basis import has_missing
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.rows import Rows

Array = NDArray[np.float64]

# Rows of g held at a time, times their length.
BLOCK_ELEMENTS = 2**22
# Stands for no penalty at all where the prior variance 1/α would be infinite.
LEAST_ALPHA = 1e-100


@dataclass(frozen=True)
class Posterior:
    """Everything that variances and draws of new observations need.

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
    quantiles : ndarray of shape (n_outputs, n_levels), of standardised residuals
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
    quantiles: Array
    total_weight: float
    scales: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def of(
        cls,
        laplace: Laplace,
        coordinates: Coordinates,
        noise: Array,
        unit_noise: Array,
        quantiles: Array,
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
            quantiles=quantiles,
            total_weight=network.rows.total_weight,
        )

    def variance(self, X: Any) -> Array:
        """Variance of a new observation at each row of X, shape (n, n_outputs)."""
        rows = self._rows(X)
        out = np.empty((rows.n_rows, rows.n_outputs))
        for here in self._blocks(rows):
            with np.errstate(over="ignore"):
                out[here] = self._block_variance(rows.block(here))
        return out

    def covariance(self, X: Any) -> Array:
        """Covariance of new observations at all rows of X, shape (n, n, n_outputs)."""
        rows = self._rows(X)
        x, outside = self.coordinates(rows.whole())
        f, noise = self._memberships_and_noise(x)
        out = np.empty((rows.n_rows, rows.n_rows, rows.n_outputs))
        with np.errstate(over="ignore"):
            for o, (a, g) in enumerate(self._gradients(x, f)):
                spread = self.factor @ g
                quadratic = spread.T @ spread
                if self.ridge is not None:
                    quadratic = g.T @ (g / self.ridge[:, None]) - quadratic
                    least = np.maximum(quadratic.diagonal(), 0.0)
                    np.fill_diagonal(quadratic, least)
                if outside.any():
                    kernel = rows.kernel - x[:-1].T @ x[:-1]
                    np.fill_diagonal(kernel, outside)
                    quadratic += (a.T @ a) * kernel / self._alpha
                out[:, :, o] = self.noise[o] * quadratic / self.total_weight
                out[:, :, o] += np.diag(noise[o])
        return out

    def draws(self, X: Any, n_draws: int, rng: np.random.Generator) -> Array:
        """Deviations of new observations from their predictions.

        Each draw is one of the parameters, for all rows and outputs, and of the noise,
        both normal. Their sum, in units of its standard deviation, is then replaced by
        the standardised residual that stands in the same place among all residuals, so
        that draws have the quantiles that intervals are of.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_draws)
        """
        rows = self._rows(X)
        theta = self._drawn_parameters(n_draws, rng)
        beyond = self._drawn_beyond(n_draws, rng)
        out = rng.standard_normal((rows.n_rows, rows.n_outputs, n_draws))
        for here in self._blocks(rows):
            block = rows.block(here)
            x, _ = self.coordinates(block)
            f, noise = self._memberships_and_noise(x)
            logits = [block.logits(A1) for A1 in beyond]
            with np.errstate(over="ignore"):
                out[here] *= np.sqrt(noise).T[:, :, None]
                for o, (a, g) in enumerate(self._gradients(x, f)):
                    deviation = g.T @ theta
                    for draw, z in enumerate(logits):
                        deviation[:, draw] += np.sum(a * z, axis=0)
                    scale = np.sqrt(self.noise[o] / self.total_weight)
                    out[here, o] += scale * deviation
                size = np.sqrt(self._block_variance(block))[:, :, None]
            for o, quantiles in enumerate(self.quantiles):
                z = out[here, o] / size[:, o]
                out[here, o] = size[:, o] * from_normal(quantiles, z)
        return out

    # -- rows and their gradients ---------------------------------------------------

    @property
    def _alpha(self) -> float:
        return max(self.alpha, LEAST_ALPHA)

    def _rows(self, X: Any) -> Rows:
        n, m = X.shape[0], len(self.A2)
        to = self.coordinates
        itself = to.features.take(to.basis.starts)
        return Rows(
            itself.within_reach(X, to.used),
            np.zeros((n, m)),
            np.ones(n),
            to.features,
            columns=to.used,
            basis=None if to.basis.is_linear and not has_missing(X) else to.basis,
        )

    def _blocks(self, rows: Rows) -> Iterator[slice]:
        step = max(16, BLOCK_ELEMENTS // self.factor.shape[1])
        for start in range(0, rows.n_rows, step):
            yield slice(start, start + step)

    def _memberships_and_noise(self, x: Array) -> tuple[Array, Array]:
        """Of every row, shapes (n_hidden, n) and (n_outputs, n)."""
        f = softmax(self.A1 @ x)
        return f, np.exp(np.log(self.unit_noise) @ f)

    def _gradients(self, x: Array, f: Array) -> Iterator[tuple[Array, Array]]:
        """Of each output: by the logits of rows, (n_hidden, n), and by θ, (p, n)."""
        u = self.A2 @ f
        slope = get_activation(self.activation, self.scales).d1(u)
        for o, A2_row in enumerate(self.A2):
            a = slope[o] * f * (A2_row[:, None] - u[o])
            g = (a[:, None, :] * x).reshape(-1, x.shape[1])
            if self.learned:
                second = np.zeros((self.A2.size, x.shape[1]))
                second[o * len(f) : (o + 1) * len(f)] = slope[o] * f
                g = np.vstack([g, second])
            yield a, g

    def _block_variance(self, block: Block) -> Array:
        x, outside = self.coordinates(block)
        f, noise = self._memberships_and_noise(x)
        out = noise.T.copy()
        for o, (a, g) in enumerate(self._gradients(x, f)):
            quadratic = np.sum((self.factor @ g) ** 2, axis=0)
            if self.ridge is not None:
                quadratic = np.maximum(self.ridge**-1 @ g**2 - quadratic, 0.0)
            if outside.any():
                quadratic += np.sum(a**2, axis=0) * outside / self._alpha
            out[:, o] += self.noise[o] * quadratic / self.total_weight
        return out

    # -- draws of parameters --------------------------------------------------------

    def _drawn_parameters(self, n_draws: int, rng: np.random.Generator) -> Array:
        """θ less its mean, with the covariance H⁻¹, shape (p, n_draws).

        In the dual form a draw of the prior is corrected by what it predicts for the
        training rows (Matheron's rule).
        """
        n_rows, n_params = self.factor.shape
        if self.ridge is None:
            spread: Array = self.factor.T @ rng.standard_normal((n_rows, n_draws))
            return spread
        deviation = np.sqrt(self.ridge)[:, None]
        factor = self.factor * deviation.T
        prior = rng.standard_normal((n_params, n_draws))
        noise = cholesky(np.eye(n_rows) - factor @ factor.T)
        noise = noise @ rng.standard_normal((n_rows, n_draws))
        drawn: Array = (prior - factor.T @ (factor @ prior + noise)) / deviation
        return drawn

    def _drawn_beyond(self, n_draws: int, rng: np.random.Generator) -> list[Array]:
        """First layers in the directions that no training row has (wide data)."""
        to = self.coordinates
        if to.row_space is None or to.whitening is not None:
            return []
        shape = len(self.A1), len(to.features.mean) + 1
        beyond = []
        for _ in range(n_draws):
            A1 = rng.standard_normal(shape) / np.sqrt(self._alpha)
            A1[:, -1] = 0
            beyond.append(A1 - to.row_space.lift(to.row_space.project(A1)))
        return beyond
