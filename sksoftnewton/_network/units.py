"""The units in which targets, outputs and the objective are computed.

F of the documentation keeps the units of y for every activation but the identity.
Computed is F / s² of targets y / s with the activation h(c u) / s, so that penalties,
priors and thresholds mean the same whatever the units of y: s is the standard
deviation of the targets, c the root mean square of h⁻¹(y), or rather the nearest
power of two times s. The first layer is the same in both; the second is c times that
inside, and with it

    F = s² F_inside,    α₁ = s² α₁_inside,    α₂ = (s/c)² α₂_inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._rows.standardisation import Standardisation

Array = NDArray[np.float64]

STEEP = 1e6  # ratio of c to s, the largest slope of h inside
# Range of positive penalties inside.
SMALLEST, LARGEST = 1e-100, 1e100
LEAST_SIZE = 1e-150  # of targets: F is in units of their squares
MARGIN = float(np.log(2))  # of predicted logarithms about the targets'


@dataclass(frozen=True)
class Units:
    """Between the units of the user and those inside.

    Attributes
    ----------
    targets : Standardisation of y
    values : Standardisation of the second layer
    activation : Activation, h in the units inside
    loss : float, F in units of F inside
    second : float, α₂ in units of α₂ inside
    logarithms_of : Standardisation of the user's y where y is its logarithm, or None
    limits : ndarray of shape (2, n_outputs), of predicted logarithms, or None
        The least and the largest target, and a factor of two more: an exponential
        makes of a row far outside what no target is like.
    """

    targets: Standardisation
    values: Standardisation
    activation: Activation
    loss: float = 1.0
    second: float = 1.0
    logarithms_of: Standardisation | None = None
    limits: Array | None = None

    @classmethod
    def of(
        cls, activation: Activation, Y: Array, weight: Array, moments: Standardisation
    ) -> Units:
        """The units for targets of given moments, Y of shape (n, n_outputs)."""
        if activation.name == "identity":
            return cls(moments, moments, activation)
        outside = _rounded(_spread(Y, weight, moments))
        if outside < LEAST_SIZE:  # constants: others are refused for their spread
            raise ValueError(
                f"y has the size {outside:.3g}, whose square is too small for a "
                "number. Choose another unit for it."
            )
        goal = activation.inverse_of_targets(Y.T, moments.mean[:, None])
        size = _root_mean_square(goal.T, weight) or 1.0
        inside = outside * 2.0 ** float(np.round(np.log2(size / outside)))
        zeros, ones = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        return cls(
            Standardisation(zeros, outside * ones),
            Standardisation(zeros, inside * ones),
            activation.scaled(inside, outside),
            outside**2,
            (outside / inside) ** 2,
        )

    @property
    def steep(self) -> bool:
        """Whether h has slopes inside whose squares may not fit into float32."""
        inside, outside = self.activation.scales
        return inside > STEEP * outside

    @classmethod
    def of_logarithms(cls, logarithms: Array, weight: Array, plain: Units) -> Units:
        """The units for logarithms of targets that have the given ones."""
        moments = Standardisation.of(logarithms, weight)
        lowest, highest = logarithms.min(axis=0), logarithms.max(axis=0)
        return cls(
            moments,
            moments,
            plain.activation,
            logarithms_of=plain.targets,
            limits=np.stack([lowest - MARGIN, highest + MARGIN]),
        )

    def log_jacobian(self, targets: Array, weight: Array) -> float:
        """What makes log densities of logarithms those of standardised y.

        Parameters
        ----------
        targets : ndarray of shape (n, n_outputs), standardised logarithms
        weight : ndarray of shape (n,)
        """
        if self.logarithms_of is None:
            return 0.0
        logarithms = float(np.sum(weight @ targets * self.targets.scale))
        factor = self.targets.scale / self.logarithms_of.scale
        shift = float(np.sum(self.targets.mean + np.log(factor)))
        return -(logarithms + float(weight.sum()) * shift)

    def errors_of_unlogged(self, targets: Array, errors: Array, factor: Array) -> Array:
        """Errors of predicted logarithms as errors of y, standardised.

        Parameters
        ----------
        targets, errors : ndarray of shape (n, n_outputs), standardised
        factor : ndarray of shape (n_outputs,), of the predictions
        """
        assert self.logarithms_of is not None
        assert self.limits is not None
        logarithms = targets * self.targets.scale + self.targets.mean
        fitted = np.clip(logarithms + errors * self.targets.scale, *self.limits)
        predicted = factor * np.exp(fitted)
        difference: Array = predicted - np.exp(logarithms)
        return difference / self.logarithms_of.scale

    def alpha(self, inside: tuple[float, float]) -> tuple[float, float]:
        """The penalties of F.

        Raises
        ------
        ValueError
            Where they are too large for a number, as those of tiny weights can be.
        """
        first, second = inside[0] * self.loss, inside[1] * self.second
        if not (np.isfinite(first) and np.isfinite(second)):
            raise ValueError(
                "alpha_ would be too large for a number: it is in units of y squared, "
                "divided by the sum of sample_weight. Choose a smaller unit for y or "
                "larger weights."
            )
        return first, second

    def alpha_inside(self, alpha: tuple[float, float]) -> tuple[float, float]:
        """The penalties of F inside.

        Raises
        ------
        ValueError
            Where they are so large or small there that nothing can be computed.
        """
        first, second = alpha
        inside = first / self.loss, second / self.second
        if not all(x == 0 or SMALLEST <= x <= LARGEST for x in inside):
            raise ValueError(
                f"alpha = {alpha} is too large or too small for targets of this size: "
                f"with the {self.activation.name!r} activation its numbers have to be "
                f"0 or between {SMALLEST:g} and {LARGEST:g} times "
                f"{self.loss:.3g} and {self.second:.3g}."
            )
        return inside


def _rounded(scale: float) -> float:
    """A scale to 20 bits, so that weights and repeated rows give the same one."""
    mantissa, exponent = np.frexp(scale)
    return float(np.ldexp(np.round(mantissa * 2**20), exponent - 20))


def _spread(Y: Array, weight: Array, moments: Standardisation) -> float:
    """Standard deviation over rows and outputs; of constants their size, or 1."""
    deviation = _root_mean_square(Y - moments.mean, weight)
    size = _root_mean_square(Y, weight)
    rounding = 8 * np.finfo(np.float64).eps * size
    return (deviation if deviation > rounding else size) or 1.0


def _root_mean_square(values: Array, weight: Array) -> float:
    """Over rows and outputs, without squares of large or small numbers."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0
    squares = np.mean((values / largest) ** 2, axis=1)
    return largest * float(np.sqrt(weight @ squares / weight.sum()))
