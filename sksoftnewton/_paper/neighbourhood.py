"""What is proven near a point: a minimiser, its distance and curvature, a radius."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._paper.constants import LocalLipschitz, OutputConstants
from sksoftnewton._paper.enclosure import Enclosure
from sksoftnewton._paper.geometry import InputGeometry
from sksoftnewton._paper.kantorovich import NO_PROOF, Kantorovich, in_norm_of
from sksoftnewton._paper.rounding import EPS, TINY, down, up
from sksoftnewton._paper.whitening import Whitening, largest_eigenvalue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbourhood:
    """The Kantorovich test at x̂, with what follows from it: bounds, or nan.

    Attributes
    ----------
    x : ndarray of shape (d,), x̂
    H, errors : ndarray of shapes (d, d) and (d,)
        ∇²L(x̂) as it was computed, and c of its error c_k c_l.
    whitening : Whitening, or None where H is not proven positive definite
    test : Kantorovich
    radius : float, of contraction, in the norm of H(x*)
    """

    x: Array
    H: Array
    errors: Array
    whitening: Whitening | None
    test: Kantorovich
    radius: float

    @classmethod
    def of(cls, at: Enclosure, constants: OutputConstants, H: Array) -> Neighbourhood:
        """Of the point of an enclosure, with the computed Hessian there."""
        errors = at.hessian_errors()
        whitening = Whitening.of(H, errors)
        if whitening is None:
            return cls(at.x, H, errors, None, NO_PROOF, np.nan)
        gradient = at.gradient
        decrement = whitening.decrement(gradient.middle, gradient.radius)
        geometry = InputGeometry.of(at.problem.A1, at.f.upper, whitening.matrix)
        lipschitz = in_norm_of(whitening, LocalLipschitz(at, constants, geometry))
        test = Kantorovich.test(decrement, lipschitz)
        return cls(at.x, H, errors, whitening, test, test.radius(lipschitz))

    @cached_property
    def smallest_eigenvalue(self) -> float:
        """Lower bound of λ_min(∇²L(x̂)); 0 without a proof."""
        return 0.0 if self.whitening is None else self.whitening.smallest_eigenvalue

    @property
    def distance(self) -> float:
        """Upper bound of |x̂ − x*|."""
        if not (self.test.certified and self.smallest_eigenvalue):
            return np.nan
        return up(self.test.distance / np.sqrt(self.smallest_eigenvalue))

    @property
    def strong_convexity(self) -> float:
        """Lower bound of λ_min(∇²L(x*))."""
        if not self.test.certified:
            return np.nan
        return down(self.smallest_eigenvalue * (1 - self.test.loss))

    @property
    def radius_euclidean(self) -> float:
        """Of a Euclidean ball within that of `radius`."""
        if not self.test.certified:
            return np.nan
        error = float(self.errors @ self.errors)
        largest = largest_eigenvalue(self.H, up(error, len(self.x)))
        return down(self.radius / np.sqrt(up((1 + self.test.loss) * largest)))

    def distance_to_minimiser(self, x0: Array) -> float:
        """Upper bound of |x0 − x*| in the norm of H(x*).

        That norm is at most (1 + Mt)^½ times the one of H.
        """
        if not self.test.certified:
            return np.nan
        y = x0 - self.x
        size, d = np.abs(y), len(y)
        rounding = 2 * (d + 2) * EPS * (size @ np.abs(self.H) @ size)
        squared = y @ self.H @ y + rounding + (self.errors @ size) ** 2 + TINY
        distance = np.sqrt(squared) + self.test.distance
        return up(distance * np.sqrt(1 + self.test.loss), d)
