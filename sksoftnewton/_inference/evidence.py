"""Laplace evidence: regularisation, noise, and the uncertainty of predictions.

With a Gaussian prior of precision a_g on each layer g and noise of precision β
(both on the standardised scale), F of `Network` times Σω β is minus the log
posterior, so that α_g = a_g / (Σω β). At a minimum θ, with the Gauss–Newton matrix
H of F (ridge included), E = ½ Σ ω |c|² and N = n_outputs Σω,

    γ_g = p_g − α_g tr_g(H⁻¹)                       well-determined parameters
    β = (N − γ) / 2E                                noise precision
    a_g = γ_g / |θ_g|²                              maximises the evidence

    log evidence = −β E − ½ Σ a_g |θ_g|² − ½ log det(Σω β H)
                   + ½ Σ p_g log a_g + N/2 log(β / 2π) + log k!

(MacKay 1992; k! is the number of equivalent orderings of the hidden units). The
weights ω count as repetitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lgamma, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dpotrf, dtrtri

from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.dual import DualGaussNewton
from sksoftnewton._network.objective import Network

Array = NDArray[np.float64]

# Where a fit comes near to interpolating its data: least share of the observations
# left to the noise, and least noise variance as a share of the targets' variance.
LEAST_RESIDUAL_SHARE = 1e-3
LEAST_NOISE = 1e-6
# With fewer well-determined parameters the first layer is switched off, and α₁ stays.
LEAST_DOF = 1e-3
# Rows of the largest matrix that is factored.
LARGEST_MATRIX = 6000
# A matrix is made in float32 where its rounding changes the log evidence by no more
# than so many nats, which decide nothing.
LARGEST_ROUNDING = 0.05
LEAST_CURVATURE = 1e-280  # of F, whose inverse and its square are numbers
# Range of α₁ on the scale of F.
SMALLEST_ALPHA, LARGEST_ALPHA = 1e-10, 1e4


@dataclass(frozen=True)
class Laplace:
    """Gaussian approximation of the posterior at one θ.

    Attributes
    ----------
    network : Network
    theta : ndarray of shape (p,)
    value : float, F at θ
    log_det : float, log det H
    layer_dof : ndarray of shape (2,), γ of each layer
    inverse_factor : ndarray
        L⁻¹ for H = L Lᵀ, or, if ``dual``, for I + J ridge⁻¹ Jᵀ = L Lᵀ.
    dual : bool
    coarse : bool
        Whether the network's rows are in float32, which was too coarse for H.
    """

    network: Network
    theta: Array
    value: float
    log_det: float
    layer_dof: Array
    inverse_factor: Array
    dual: bool
    coarse: bool = False

    @property
    def dof(self) -> float:
        """γ, the number of well-determined parameters."""
        return float(np.sum(self.layer_dof))

    @property
    def work(self) -> float:
        """Multiply-adds of its matrix."""
        network = self.network
        if self.dual:
            return float(network.n_residuals**2 * network.n_hidden)
        return Curvature(network, self.theta).gram_work()

    @cached_property
    def covariance_factor(self) -> Array:
        """C of the posterior covariance of θ times Σω β, shape (q, p).

        It is Cᵀ C or, if ``dual``, 1/ridge − Cᵀ C (Woodbury).
        """
        if not self.dual:
            return self.inverse_factor
        network = self.network
        J = DualGaussNewton(Curvature(network, self.theta)).dense()
        J /= network.ridge
        factor: Array = dtrmm(1.0, self.inverse_factor, J, lower=1, overwrite_b=1)
        return factor

    @property
    def n_observations(self) -> float:
        rows = self.network.rows
        return float(rows.n_outputs * rows.total_weight)

    @cached_property
    def half_squares(self) -> float:
        """E = ½ Σ ω |c|²."""
        fit = self.value - self.network.penalty(self.theta)
        return max(fit, 0.0) * self.network.rows.total_weight

    @property
    def beta(self) -> float:
        least = float(self.network.rows.rounding_variances.mean())
        return 1 / float(self._noise(2 * self.half_squares, self.n_observations, least))

    def noise_variances(self) -> Array:
        """Noise variance of each output, in the units of the targets squared."""
        squares = self.network.residual_squares(self.theta)
        rows = self.network.rows
        return self._noise(squares, rows.total_weight, rows.rounding_variances)

    def _noise(
        self, squares: Array | float, n_observations: float, least: Array | float
    ) -> Array:
        """Variance from sums of squared residuals over as many observations each.

        Every observation has its share of the parameters spent. No variance is less
        than a given one, that of the rounding of the targets.
        """
        share = 1 - self.dof / self.n_observations
        left = n_observations * max(share, LEAST_RESIDUAL_SHARE)
        floor = LEAST_NOISE * self.network.rows.target_variance
        return np.maximum(squares / left, np.maximum(least, floor))

    @property
    def square_norms(self) -> Array:
        """|θ_g|² of each layer."""
        n1 = self.network.size1
        return np.array([np.sum(self.theta[:n1] ** 2), np.sum(self.theta[n1:] ** 2)])

    def log_evidence(self) -> float:
        """Log marginal likelihood; −inf for an improper prior (a zero penalty)."""
        network, beta = self.network, self.beta
        N, total = self.n_observations, network.rows.total_weight
        sizes = (network.size1, network.n_params - network.size1)
        evidence = -beta * self.half_squares - 0.5 * self.log_det
        evidence += 0.5 * N * log(beta / (2 * pi)) + lgamma(network.n_hidden + 1)
        for size, alpha, norm in zip(
            sizes, network.alpha, self.square_norms, strict=True
        ):
            if size:
                if alpha == 0:
                    return -np.inf
                # ½ p_g log a_g − ½ p_g log(Σω β) = ½ p_g log α_g
                evidence += 0.5 * size * log(alpha)
                evidence -= 0.5 * total * beta * alpha * norm
        return float(evidence)

    def updated_alpha(self, output_precision: float) -> tuple[float, float]:
        """α₁ that maximises the evidence, and α₂ of a prior of given precision."""
        scale = self.network.rows.total_weight * self.beta
        first = self.network.alpha[0]
        if self.layer_dof[0] > LEAST_DOF:
            first = float(self.layer_dof[0] / self.square_norms[0]) / scale
        return (
            float(np.clip(first, SMALLEST_ALPHA, LARGEST_ALPHA)),
            float(np.clip(output_precision / scale, SMALLEST_ALPHA, LARGEST_ALPHA)),
        )


def has_evidence(network: Network) -> bool:
    """Whether the smaller of the two matrices is small enough."""
    return bool(min(network.n_params, network.n_residuals) <= LARGEST_MATRIX)


def laplace(
    network: Network, theta: Array, value: float, *, coarse: bool = False
) -> Laplace:
    """The Laplace approximation at θ, from the smaller of the two systems.

    From float32 rows in float32 if that is precise enough, and not known to be too
    ``coarse``.
    """
    single, rows = network.rows.single, network.rows.double
    double = network if rows is network.rows else network.on(rows)
    dual = network.n_residuals < network.n_params and min(network.alpha) > 0
    if single is not rows and not dual and not coarse:
        if single is not network.rows:
            network = network.on(single)
        matrix, _ = Curvature(network, theta).gram()
        summary = _primal_summary(network, matrix)
        if _rounding(matrix, summary[2]) <= LARGEST_ROUNDING:
            return Laplace(double, theta, value, *summary, dual)
        coarse = True
    curvature = Curvature(double, theta)
    summary = (
        _dual_summary(curvature)
        if dual
        else _primal_summary(double, curvature.gram()[0])
    )
    return Laplace(double, theta, value, *summary, dual, coarse)


def _rounding(matrix: Array, inverse_factor: Array) -> float:
    """About how much the rounding of a matrix to float32 changes ½ log det, in nats.

    For errors of one unit of the last digit in every entry, relative to the diagonal.
    In measurements the change was a fifth of it in the median, and seldom more than it.
    """
    inverse = np.sum(inverse_factor**2, axis=0)  # diagonal of H⁻¹
    unit = float(np.finfo(np.float32).eps) / 2
    return unit * float(matrix.diagonal() @ inverse)


def _primal_summary(network: Network, matrix: Array) -> tuple[float, Array, Array]:
    """log det H, γ of each layer, and L⁻¹, from H."""
    factor = cholesky(matrix)
    inverse, _ = dtrtri(factor, lower=1)
    diagonal = np.sum(inverse**2, axis=0)  # of H⁻¹ = L⁻ᵀ L⁻¹
    well_determined = 1 - network.ridge * diagonal
    n1 = network.size1
    dof = np.array([well_determined[:n1].sum(), well_determined[n1:].sum()])
    return 2 * float(np.sum(np.log(factor.diagonal()))), dof, inverse


def _dual_summary(curvature: Curvature) -> tuple[float, Array, Array]:
    """As `_primal_summary`, by the N x N system.

    With K = J ridge⁻¹ Jᵀ and its factor L: γ = tr((I + K)⁻¹ K) = N − |L⁻¹|², that of
    the second layer is |L⁻¹ J₂|² / α₂, and det H = det(ridge) det(I + K). At most three
    matrices of N x N numbers are in memory.
    """
    network = curvature.network
    dual = DualGaussNewton(curvature)
    factor = cholesky(_with_unit(dual.gram(network.ridge)))
    log_det = 2 * np.sum(np.log(factor.diagonal())) + np.sum(np.log(network.ridge))
    inverse, _ = dtrtri(factor, lower=1, overwrite_c=1)
    entries = inverse.ravel(order="K")
    dof = len(inverse) - float(entries @ entries)
    second = dual.second_dof(inverse)
    return float(log_det), np.array([max(dof - second, 0.0), second]), inverse


def _with_unit(matrix: Array) -> Array:
    """I + K, in the memory of K, which nothing else uses."""
    matrix[np.diag_indices_from(matrix)] += 1
    return matrix


def cholesky(matrix: Array) -> Any:
    """Lower factor of a positive semi-definite matrix, of at least `LEAST_CURVATURE`.

    Where rounding made the matrix indefinite, the diagonal is lifted by the least
    of 1e-15, 1e-14, … of its largest entry that mends it.
    """
    lift = LEAST_CURVATURE
    largest = float(matrix.diagonal().max()) or 1.0
    for exponent in range(-15, 1):
        lifted = np.array(matrix, order="F")
        lifted[np.diag_indices_from(lifted)] += lift
        factor, info = dpotrf(lifted, lower=1, clean=1, overwrite_a=1)
        if not info:
            break
        lift = largest * 10.0**exponent
    return factor
