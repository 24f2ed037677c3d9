"""From constants to statements about a point: existence, distance, radius, rate.

All are made in the norm |y|_H = (yᵀ H y)^½ of H = ∇²L(x*), where the approximate
Newton step contracts. With M a Lipschitz constant of ∇²L in that norm between x and
x*, δ = M |x − x*| and a sparsified Hessian within (1 ± ε) of the exact one,

    |x⁺ − x*| ≤ θ |x − x*|,   θ = (ε (1 + δ) + δ/2) / ((1 − ε) (1 − δ)).

Proof: x⁺ − x* = H̃⁻¹ [(H̃ − H(x)) + (H(x) − H̄)] (x − x*) with H̄ the mean of ∇²L
over the segment; the three factors are at most 1/((1 − ε)(1 − δ)), ε (1 + δ) and δ/2.

In the Euclidean norm the factor can be larger by the root of H's condition number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sksoftnewton._paper.constants import LocalLipschitz
from sksoftnewton._paper.rounding import down, up
from sksoftnewton._paper.whitening import Whitening

Lipschitz = Callable[[float], float]

# The paper's constants: M |x0 − x*| ≤ 0.1 l (here in the norm of H), a (1 ± 0.1)
# sparsifier, and a contraction by 0.4.
LARGEST_DELTA = 0.1
LARGEST_EPSILON = 0.1
PAPERS_RATE = 0.4


def theoretical_rate(epsilon: float, delta: float) -> float:
    """θ(ε, δ) of the module's docstring; infinite where ε or δ reach one."""
    if epsilon >= 1 or delta >= 1:
        return np.inf
    return (epsilon * (1 + delta) + delta / 2) / ((1 - epsilon) * (1 - delta))


@dataclass(frozen=True)
class Kantorovich:
    """What follows from the decrement η at x̂ and M over the ball of radius 2η.

    Attributes
    ----------
    decrement, lipschitz, kantorovich : float, η, M and Mη
    distance : float, t with |x̂ − x*|_H ≤ t; nan without a proof
    loss : float, Mt ≤ 1: (1 − Mt) H ⪯ H(x*) ⪯ (1 + Mt) H
    """

    decrement: float
    lipschitz: float
    kantorovich: float
    distance: float
    loss: float

    @classmethod
    def test(cls, decrement: float, lipschitz: Lipschitz) -> Kantorovich:
        """For upper bounds of η and, at each radius, of M."""
        M = lipschitz(2 * decrement)
        product = _up_unless_zero(M * decrement)
        if not product <= 0.5:
            return cls(decrement, M, product, np.nan, np.nan)
        root = np.sqrt(down(1 - 2 * product))
        distance = up(2 * decrement / (1 + root))
        return cls(decrement, M, product, distance, _up_unless_zero(M * distance))

    @property
    def certified(self) -> bool:
        # At Mη = ½ exactly, H(x*) may be singular.
        return self.loss < 1

    def radius(self, lipschitz: Lipschitz) -> float:
        """Largest ρ with M* ρ ≤ 0.1, M* over the ball of radius ρ at x*.

        In the norm of H(x*). That ball lies within R = ρ/(1 − Mt)^½ + t of x̂ in
        the norm of H, and the norms' ratio makes M* ≤ M(R)/(1 − Mt)^(3/2).
        """
        if not self.certified:
            return np.nan
        shrink = np.sqrt(down(1 - self.loss))

        def around_minimiser(rho: float) -> float:
            M = lipschitz(up(rho / shrink + self.distance))
            return _up_unless_zero(M / shrink**3)

        return _largest_radius(around_minimiser)


NO_PROOF = Kantorovich(np.nan, np.nan, np.nan, np.nan, np.nan)


def in_norm_of(whitening: Whitening, lipschitz: LocalLipschitz) -> Lipschitz:
    """M(ρ) in the norm of H, from that in the coordinates v of x = W v.

    There H is within 1 ± κ of the identity.
    """
    shrink = np.sqrt(down(1 - whitening.kappa))

    def bound(radius: float) -> float:
        return _up_unless_zero(lipschitz(up(radius / shrink)) / shrink**3)

    return bound


def _up_unless_zero(value: float) -> float:
    """Rounded up; zero is exact, since `LocalLipschitz` underflows to `TINY`."""
    return up(value) if value > 0 else value


def _largest_radius(lipschitz: Lipschitz) -> float:
    """The largest ρ with M(ρ) ρ ≤ 0.1 for an increasing M, to 5 % from below.

    M(ρ) at any ρ bounds the answer on one side by ρ and on the other by 0.1/M(ρ).
    """
    largest = lipschitz(np.inf)
    if largest == 0:
        return np.inf
    lower, upper = LARGEST_DELTA / largest, LARGEST_DELTA / lipschitz(0.0)
    while upper > 1.05 * lower:
        middle = np.sqrt(lower) * np.sqrt(upper)
        other = LARGEST_DELTA / lipschitz(middle)
        if middle <= other:
            lower, upper = middle, min(upper, other)
        else:
            lower, upper = max(lower, other), middle
    return down(lower)
