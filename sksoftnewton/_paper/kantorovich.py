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
    decrement, lipschitz : float, η and M
    distance : float, t with |x̂ − x*|_H ≤ t; nan without a proof
    loss : float, Mt ≤ 1: (1 − Mt) H ⪯ H(x*) ⪯ (1 + Mt) H
    """

    decrement: float
    lipschitz: float
    distance: float
    loss: float

    @classmethod
    def test(cls, decrement: float, lipschitz: LocalLipschitz) -> Kantorovich:
        M = lipschitz(2 * decrement)
        if not M * decrement <= 0.5:
            return cls(decrement, M, np.nan, np.nan)
        distance = 2 * decrement / (1 + np.sqrt(1 - 2 * M * decrement))
        return cls(decrement, M, distance, M * distance)

    @property
    def kantorovich(self) -> float:
        return self.lipschitz * self.decrement

    @property
    def certified(self) -> bool:
        # At Mη = ½ exactly, H(x*) may be singular.
        return self.loss < 1

    def radius(self, lipschitz: LocalLipschitz) -> float:
        """Largest ρ with M* ρ ≤ 0.1, M* over the ball of radius ρ at x*.

        In the norm of H(x*). That ball lies within R = ρ/(1 − Mt)^½ + t of x̂ in
        the norm of H, and the norms' ratio makes M* ≤ M(R)/(1 − Mt)^(3/2).
        """
        if not self.certified:
            return np.nan
        shrink = np.sqrt(1 - self.loss)
        return _largest_radius(
            lambda rho: lipschitz(rho / shrink + self.distance) / shrink**3
        )


NO_PROOF = Kantorovich(np.nan, np.nan, np.nan, np.nan)


def _largest_radius(lipschitz: Callable[[float], float]) -> float:
    """The largest ρ with M(ρ) ρ ≤ 0.1 for an increasing M, to 5 % from below.

    M(ρ) at any ρ bounds the answer on one side by ρ and on the other by 0.1/M(ρ).
    """
    smallest = lipschitz(0.0)
    if smallest == 0:
        return np.inf
    upper = LARGEST_DELTA / smallest
    lower = upper
    while lipschitz(lower) * lower > LARGEST_DELTA:
        lower /= 16
    while upper > 1.05 * lower:
        middle = np.sqrt(lower * upper)
        other = LARGEST_DELTA / lipschitz(middle)
        if middle <= other:
            lower, upper = middle, min(upper, other)
        else:
            lower, upper = max(lower, other), middle
    return float(lower)
