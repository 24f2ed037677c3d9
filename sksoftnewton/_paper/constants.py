"""Constants of the paper's problem: bounds of its second and third derivatives.

With Φ(z) = ½ |h(A2 softmax(z)) − b|², φ_j(u) = ½ (h(u) − b_j)², and f-means and
centred variables (~) taken under f = softmax(z), the derivatives along v are

    D²Φ[v, v] = Σ φ''_j (u'_j)² + φ'_j u''_j
    D³Φ[v, v, v] = Σ φ'''_j (u'_j)³ + 3 φ''_j u'_j u''_j + φ'_j u'''_j

with u'_j = Cov(a_j, v), u''_j = E[ã_j ṽ²], u'''_j = E[ã_j (ṽ³ − 3 Var(v) ṽ)] for
row a_j of A2. For variables q and v of ranges ρ and r under any law

    |Cov(q, v)| ≤ ρ r / 4,   |E q̃ ṽ²| ≤ C3 ρ r²,   |E q̃ (ṽ³ − 3 Var(v) ṽ)| ≤ C4 ρ r³

with C3 = 1/(6 √3) and C4 = 1/8, all three attained. Hence bounds in terms of the
range of v = A1 y, that is of the distances between rows of A1, and of those
between columns of A2; none contains exp(|A1| |x|).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._matrices import Matrix, weighted_column_squares, weighted_gram
from sksoftnewton._paper.enclosure import Enclosure
from sksoftnewton._paper.geometry import InputGeometry, OutputHull, row_diameter
from sksoftnewton._paper.intervals import OutputDerivatives, output_derivatives
from sksoftnewton._paper.objective import Attention
from sksoftnewton._paper.rounding import EPS, STEPS, TINY, down, up
from sksoftnewton._paper.whitening import Whitening

Array = NDArray[np.float64]

C3 = 1 / (6 * np.sqrt(3))
C4 = 1 / 8

# Beyond this change of the log of f local bounds are worse than global ones.
HOPELESS = 100.0


class OutputConstants:
    """Constants for every z: D²Φ[v, v] ≥ −K_β range(v)², |D³Φ| ≤ K_M range(v)³.

    Attributes
    ----------
    smooth : bool
        False where h is relu and some u_j can be on either side of its kink.
    concavity, third : float, K_β and K_M
        Infinite where h is not smooth or overflows.
    gradient_range : float, bound of range(q), q = A2ᵀ φ'
    """

    def __init__(self, hull: OutputHull, h: Activation, b: Array) -> None:
        self.hull = hull
        bounds = output_derivatives(h, b, hull.lower, hull.upper)
        kink = (hull.lower < 0) & (hull.upper > 0)
        self.smooth = not (h.name == "relu" and kink.any())
        self.concavity = self.third = self.gradient_range = np.inf
        if self.smooth and hull.constant:
            self.concavity = self.third = self.gradient_range = 0.0
        elif self.smooth and bounds.finite:
            self._bound(bounds)

    def _bound(self, bounds: OutputDerivatives) -> None:
        hull, m = self.hull, len(bounds.first)
        self.gradient_range = up(
            min(
                hull.diameter_l1(bounds.first),
                hull.diameter(np.ones(m)) * float(np.linalg.norm(bounds.first)),
                float(hull.range @ bounds.first),
            ),
            m,
        )
        curved = hull.diameter(bounds.concavity) ** 2 / 16
        self.concavity = up(C3 * self.gradient_range + curved, m)
        self.third = up(self._third(bounds), m)

    def _third(self, bounds: OutputDerivatives) -> float:
        hull = self.hull
        quarter = hull.range / 4  # |u'_j| for a v of range one
        cubes = min(
            float(bounds.third @ quarter**3),
            float(quarter.max()) * hull.diameter(bounds.third) ** 2 / 16,
        )
        mixed = 0.75 * C3 * hull.diameter(bounds.second) ** 2
        return float(cubes + mixed + C4 * self.gradient_range)


@dataclass(frozen=True)
class Everywhere:
    """Constants that hold for every x: see `ConvergenceCertificate`."""

    beta: float
    w2_required_eig: float
    w2_required_diameter: float
    strong_convexity: float
    lipschitz: float

    @classmethod
    def of(cls, problem: Attention, constants: OutputConstants) -> Everywhere:
        w2, A1, n = problem.w2, problem.A1, problem.n
        smallest = _smallest_eigenvalue(A1, np.ones(n))
        penalty = down(w2[0] * smallest)
        if w2.min() < w2.max():
            penalty = _smallest_eigenvalue(A1, w2)
        diameter = row_diameter(A1)
        # |v| ≤ 1 has a range of √2 at most, and |y| ≤ 1 gives A1 y one of D.
        beta = 2 * constants.concavity
        concavity = _product_bound(constants.concavity, diameter**2)
        lightest = down(float(w2.min()))
        convexity = max((lightest - beta) * smallest, penalty - concavity)
        return cls(
            beta=beta,
            w2_required_eig=beta,
            w2_required_diameter=up(concavity / smallest) if smallest else np.inf,
            strong_convexity=down(convexity) or np.nan,
            lipschitz=_product_bound(constants.third, diameter**3),
        )


def _product_bound(constant: float, size: float) -> float:
    """Upper bound of their product: 0 if the constant is, or no two rows differ."""
    return up(constant * size) if constant > 0 and size > 0 else 0.0


def _smallest_eigenvalue(A1: Matrix, weights: Array) -> float:
    """Lower bound of λ_min(A1ᵀ diag(weights) A1) for weights ≥ 0."""
    n = A1.shape[0]
    squares = weighted_column_squares(A1, weights)
    c = np.sqrt(4 * (n + STEPS) * EPS * squares + n * TINY)
    whitening = Whitening.of(weighted_gram(A1, weights), c)
    return 0.0 if whitening is None else whitening.smallest_eigenvalue


class LocalLipschitz:
    """M(ρ): Lipschitz constant of ∇²L over a ball, in the norm of ``geometry``.

    In a ball of radius ρ logits move by a range of at most t = diameter · ρ, so f
    changes by factors within exp(±t) and every standard deviation under f grows
    by at most exp(t/2). The bounds for all z are sharpened by these.

    Parameters
    ----------
    enclosure : Enclosure, at the centre of the balls
    constants : OutputConstants
    geometry : InputGeometry
    """

    def __init__(
        self, enclosure: Enclosure, constants: OutputConstants, geometry: InputGeometry
    ) -> None:
        problem, hull = enclosure.problem, constants.hull
        self.h, self.b = problem.activation, problem.b
        self.constants, self.hull, self.geometry = constants, hull, geometry
        # Upper bounds of f, under which second moments are too large, if anything.
        self.f, self.u, self.q = enclosure.f.upper, enclosure.u, enclosure.q
        self.deviation = hull.deviation(self.f, self.u.middle)
        self.sd = np.sqrt(hull.variances(self.f, self.u.middle))
        ones = np.ones_like(self.b)
        self.hull_diameter = hull.diameter(ones)
        self.sd_of_outputs = self.deviation(ones)
        self.everywhere = _product_bound(constants.third, geometry.diameter**3)

    @cached_property
    def _sd_q(self) -> float:
        q, f = self.q.middle, self.f
        error = float(self.q.radius.max()) * np.sqrt(f.sum())
        return float(np.sqrt(f @ (q - f @ q) ** 2) + error)

    @cached_property
    def _range_q(self) -> float:
        q = self.q
        range_q = float(np.ptp(q.middle)) + 2 * float(q.radius.max())
        return min(range_q, self.constants.gradient_range)

    def __call__(self, radius: float) -> float:
        """M for the ball of this radius: never above `everywhere`."""
        t = self.geometry.diameter * radius
        if t > HOPELESS or self.everywhere in (0, np.inf):
            return self.everywhere
        local = up(self._local(radius, t), 2 * (len(self.f) + len(self.b)))
        return local if local < self.everywhere else self.everywhere

    def _local(self, radius: float, t: float) -> float:
        """M for t = diameter · radius, up to rounding."""
        hull, D = self.hull, self.geometry.diameter
        growth = np.exp(t / 2)
        sd_v = min(growth * self.geometry.deviation, D / 2)
        moved = growth**2 * self.sd * self.geometry.deviation * radius
        moved = np.minimum(moved, hull.range * t / 4)  # |u_j(y) − u_j(x)|
        reach = (moved + self.u.radius) * (1 + (len(self.f) + STEPS) * EPS)
        reach = reach + EPS * self.u.size
        bounds = output_derivatives(
            self.h,
            self.b,
            np.maximum(hull.lower, self.u.middle - reach),
            np.minimum(hull.upper, self.u.middle + reach),
        )
        sd_a = np.minimum(growth * self.sd, hull.range / 2)
        cubes = float(bounds.third @ (sd_a * sd_v) ** 3)
        # 3 Σ φ'' u' u'' by Cauchy–Schwarz, with |ṽ| ≤ D.
        size = np.sqrt(bounds.second.max()) * self.hull_diameter
        sd = min(growth * self.deviation(bounds.second), size / 2)
        mixed = 3 * (sd * sd_v) * min(C3 * size * D**2, sd * sd_v * D)
        # Σ φ' u''' = E[q̃ (ṽ³ − 3 Var ṽ)] with q = A2ᵀ φ' at the new point.
        change = float(np.linalg.norm(bounds.second * moved))
        sd_q = growth * (self._sd_q + self.sd_of_outputs * change)
        range_q = min(
            self._range_q + self.hull_diameter * change, self.constants.gradient_range
        )
        last = min(C4 * range_q * D**3, min(sd_q, range_q / 2) * sd_v * D**2)
        return float(cubes + mixed + last)
