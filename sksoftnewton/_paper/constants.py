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
from sksoftnewton._matrices import weighted_gram
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.geometry import InputGeometry, OutputHull, row_diameter
from sksoftnewton._paper.objective import Attention

Array = NDArray[np.float64]

C3 = 1 / (6 * np.sqrt(3))
C4 = 1 / 8

# Intervals are cut so that all outputs together have about this many pieces.
PIECES = 4096
MOST_PIECES = 64
# Beyond this change of the log of f local bounds are worse than global ones.
HOPELESS = 100.0


@dataclass(frozen=True)
class OutputDerivatives:
    """Bounds on φ over intervals of u, each of shape (m,).

    Attributes
    ----------
    first, second, third : sup |φ'|, sup |φ''|, sup |φ'''|
    concavity : sup max(−φ'', 0)
    """

    first: Array
    second: Array
    third: Array
    concavity: Array

    @property
    def finite(self) -> bool:
        return all(bool(np.isfinite(bound).all()) for bound in vars(self).values())


def output_derivatives(
    h: Activation, b: Array, lower: Array, upper: Array
) -> OutputDerivatives:
    """Interval bounds on φ' = h'c, φ'' = h'² + c h'', φ''' = 3 h'h'' + c h'''.

    c = h − b. Each interval [lower, upper] is cut into pieces: products of the
    exact ranges of the factors are then nearly tight.
    """
    n_pieces = int(np.clip(PIECES // len(b), 1, MOST_PIECES))
    ends = lower + np.linspace(0, 1, n_pieces + 1)[:, None] * (upper - lower)
    with np.errstate(over="ignore", invalid="ignore"):  # h = exp
        h0, h1, h2, h3 = (h.derivative_range(k, ends[:-1], ends[1:]) for k in range(4))
        c = h0[0] - b, h0[1] - b
        first = _product(h1, c)
        # h' is never negative, for any h of the package.
        second = _sum((h1[0] ** 2, h1[1] ** 2), _product(c, h2))
        slope_curvature = _product(h1, h2)
        third = _sum((3 * slope_curvature[0], 3 * slope_curvature[1]), _product(c, h3))
    concavity = np.maximum(-second[0], 0).max(axis=0)
    return OutputDerivatives(
        _largest(first), _largest(second), _largest(third), concavity
    )


Interval = tuple[Array, Array]


def _product(a: Interval, b: Interval) -> Interval:
    low, high = (a[0] * b[0], a[0] * b[1]), (a[1] * b[0], a[1] * b[1])
    return (
        np.minimum(np.minimum(*low), np.minimum(*high)),
        np.maximum(np.maximum(*low), np.maximum(*high)),
    )


def _sum(a: Interval, b: Interval) -> Interval:
    return a[0] + b[0], a[1] + b[1]


def _largest(interval: Interval) -> Array:
    largest: Array = np.maximum(np.abs(interval[0]), np.abs(interval[1])).max(axis=0)
    return largest


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
        if self.smooth and bounds.finite:
            self.gradient_range = min(
                hull.diameter_l1(bounds.first),
                hull.diameter(np.ones_like(b)) * float(np.linalg.norm(bounds.first)),
                float(hull.range @ bounds.first),
            )
            curved = hull.diameter(bounds.concavity) ** 2 / 16
            self.concavity = float(C3 * self.gradient_range + curved)
            self.third = self._third(bounds)

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
        w2, A1 = problem.w2, problem.A1
        smallest = _smallest_eigenvalue(weighted_gram(A1, np.ones(problem.n)))
        penalty = w2[0] * smallest
        if w2.min() < w2.max():
            penalty = _smallest_eigenvalue(problem.penalty_gram)
        diameter = row_diameter(A1)
        # |v| ≤ 1 has a range of √2 at most, and |y| ≤ 1 gives A1 y one of D.
        beta = 2 * constants.concavity
        concavity = constants.concavity * diameter**2
        convexity = max((w2.min() - beta) * smallest, penalty - concavity)
        return cls(
            beta=beta,
            w2_required_eig=beta,
            w2_required_diameter=concavity / smallest if smallest > 0 else np.inf,
            strong_convexity=float(convexity) if convexity > 0 else np.nan,
            lipschitz=constants.third * diameter**3,
        )


def _smallest_eigenvalue(gram: Array) -> float:
    return max(float(np.linalg.eigvalsh(gram)[0]), 0.0)


class LocalLipschitz:
    """M(ρ): Lipschitz constant of ∇²L over a ball, in the norm of ``geometry``.

    In a ball of radius ρ logits move by a range of at most t = diameter · ρ, so f
    changes by factors within exp(±t) and every standard deviation under f grows
    by at most exp(t/2). The bounds for all z are sharpened by these.

    Parameters
    ----------
    curvature : Curvature, at the centre of the balls
    constants : OutputConstants
    geometry : InputGeometry
    """

    def __init__(
        self, curvature: Curvature, constants: OutputConstants, geometry: InputGeometry
    ) -> None:
        problem, hull = curvature.problem, constants.hull
        self.h, self.b = problem.activation, problem.b
        self.constants, self.hull, self.geometry = constants, hull, geometry
        self.f, self.u, self.q = curvature.f, curvature.at.u, curvature.q
        self.deviation = hull.deviation(self.f, self.u)
        self.sd = np.sqrt(hull.variances(self.f, self.u))
        ones = np.ones_like(self.b)
        self.hull_diameter = hull.diameter(ones)
        self.sd_of_outputs = self.deviation(ones)
        self.everywhere = constants.third * geometry.diameter**3

    @cached_property
    def _sd_q(self) -> float:
        return float(np.sqrt(self.f @ (self.q - self.f @ self.q) ** 2))

    def __call__(self, radius: float) -> float:
        """M for the ball of this radius: never above `everywhere`."""
        hull, D = self.hull, self.geometry.diameter
        t = D * radius
        if t > HOPELESS or np.isinf(self.everywhere):
            return self.everywhere
        growth = np.exp(t / 2)
        sd_v = min(growth * self.geometry.deviation, D / 2)
        moved = growth**2 * self.sd * self.geometry.deviation * radius
        moved = np.minimum(moved, hull.range * t / 4)  # |u_j(y) − u_j(x)|
        bounds = output_derivatives(
            self.h,
            self.b,
            np.maximum(hull.lower, self.u - moved),
            np.minimum(hull.upper, self.u + moved),
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
            float(np.ptp(self.q)) + self.hull_diameter * change,
            self.constants.gradient_range,
        )
        last = min(C4 * range_q * D**3, min(sd_q, range_q / 2) * sd_v * D**2)
        local = float(cubes + mixed + last)
        return local if local < self.everywhere else self.everywhere
