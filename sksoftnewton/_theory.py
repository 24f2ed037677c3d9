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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from sksoftnewton._attention import Attention, Curvature, check_problem
from sksoftnewton._bounds import Everywhere, LocalLipschitz, OutputConstants
from sksoftnewton._certificate import Condition, Conditions, ConvergenceCertificate
from sksoftnewton._geometry import InputGeometry, OutputHull
from sksoftnewton._hessian import (
    HessianSketch,
    MeasuredSketch,
    check_sketch,
    measure_sketch,
)
from sksoftnewton._sketch import Seed, check_epsilon

Array = NDArray[np.float64]

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


def cholesky_factor(H: Array) -> Array | None:
    """R with RᵀR = H, upper; None where H is not positive definite."""
    try:
        factor: Array = cholesky(H)
    except LinAlgError:
        return None
    return factor


def certify(
    A1: Any,
    A2: Any,
    b: Any,
    x: Any,
    *,
    h: str = "identity",
    w: Any = 1.0,
    x0: Any = None,
    sketch: str = "leverage",
    epsilon: float = 0.1,
    random_state: Seed = None,
) -> ConvergenceCertificate:
    """The certificate of any point x of the problem of `two_layer_softmax_regression`.

    Parameters
    ----------
    A1, A2, b, h, w, sketch, epsilon, random_state
        As in `two_layer_softmax_regression`.
    x : array of shape (d,)
    x0 : array of shape (d,), optional
        The start whose distance to the minimiser is judged; x by default.

    Returns
    -------
    ConvergenceCertificate

    Notes
    -----
    Costs a few exact Hessians. Diameters are exact for small problems and
    bounded by twice a radius for large ones.
    """
    problem = check_problem(A1, A2, b, h, w)
    x = problem.check_point(x, "x")
    x0 = x if x0 is None else problem.check_point(x0, "x0")
    check_sketch(sketch)
    check_epsilon(epsilon)
    problem.finite_gradient(x, "x")
    draw = HessianSketch(problem, sketch, epsilon, np.random.default_rng(random_state))
    return certificate_at(problem.curvature(x), x, x0, draw)


def certificate_at(
    curvature: Curvature,
    x: Array,
    x0: Array,
    draw: HessianSketch,
    *,
    hessian: Array | None = None,
    contraction: Callable[[float], float] = lambda radius: np.nan,
) -> ConvergenceCertificate:
    """The certificate at x, for a run that began at x0.

    Parameters
    ----------
    curvature : Curvature at x
    x, x0 : ndarray of shape (d,)
    draw : HessianSketch, whose error is measured
    hessian : ndarray of shape (d, d), ∇²L(x) if it is known already
    contraction : callable
        From a radius in the norm of ∇²L(x) to the largest contraction ratio
        measured within it.
    """
    problem = curvature.problem
    H = curvature.hessian() if hessian is None else hessian
    hull = OutputHull.of(problem.A2, problem.n)
    constants = OutputConstants(hull, problem.activation, problem.b)
    everywhere = Everywhere.of(problem, constants)
    eigenvalues = np.linalg.eigvalsh(H)
    factor = cholesky_factor(H)
    test, radius, start = NO_PROOF, np.nan, np.nan
    if factor is not None:
        test, radius = _near(curvature, constants, factor, x)
        # The norm of H(x*) is larger by (1 + Mt)^½ at most.
        start = float(np.linalg.norm(factor @ (x0 - x))) + test.distance
        start *= np.sqrt(1 + test.loss)
    measured = measure_sketch(curvature, H, factor, draw)
    rate = theoretical_rate(measured.promised, LARGEST_DELTA)
    return ConvergenceCertificate(
        beta=everywhere.beta,
        w2_required_eig=everywhere.w2_required_eig,
        w2_required_diameter=everywhere.w2_required_diameter,
        conditions_hold=_conditions(
            problem, everywhere, test, start, radius, measured, rate
        ),
        global_strong_convexity=everywhere.strong_convexity,
        lipschitz_euclidean=everywhere.lipschitz,
        lipschitz_local=test.lipschitz,
        newton_decrement=test.decrement,
        kantorovich=test.kantorovich,
        certified=test.certified,
        distance_H=test.distance,
        distance=test.distance / np.sqrt(eigenvalues[0]) if test.certified else np.nan,
        strong_convexity=float(eigenvalues[0] * (1 - test.loss)),
        radius_H=radius,
        radius_euclidean=float(radius / np.sqrt((1 + test.loss) * eigenvalues[-1])),
        theory_rate=rate,
        sample_size_theory=draw.sample_size,
        sketch_eps=measured.eps,
        gamma=measured.gamma,
        rows_used=measured.rows,
        observed_contraction=contraction(radius),
        lambda_min=float(eigenvalues[0]),
        condition_number=(
            np.inf if factor is None else float(eigenvalues[-1] / eigenvalues[0])
        ),
        not_certified=_not_certified(
            constants, everywhere, draw.sketch if measured.promised else "none"
        ),
    )


def _near(
    curvature: Curvature, constants: OutputConstants, factor: Array, x: Array
) -> tuple[Kantorovich, float]:
    """The Kantorovich test at x with RᵀR = ∇²L(x), and the radius of contraction."""
    problem = curvature.problem
    _, gradient = problem.value_and_gradient(x)
    decrement = np.linalg.norm(solve_triangular(factor, gradient, trans="T"))
    geometry = InputGeometry.of(problem.A1, curvature.f, factor)
    lipschitz = LocalLipschitz(curvature, constants, geometry)
    test = Kantorovich.test(float(decrement), lipschitz)
    return test, test.radius(lipschitz)


def _conditions(
    problem: Attention,
    everywhere: Everywhere,
    test: Kantorovich,
    start: float,
    radius: float,
    measured: MeasuredSketch,
    rate: float,
) -> Conditions:
    w2 = float(problem.w2.min())
    required = min(everywhere.w2_required_eig, everywhere.w2_required_diameter)
    return Conditions(
        (
            Condition("penalty", "w² for convexity everywhere,", w2, ">", required),
            Condition("minimiser", "M η for x* near x,", test.kantorovich, "<=", 0.5),
            Condition(
                "initialisation", "|x0 − x*| within radius,", start, "<=", radius
            ),
            Condition("sparsifier", "measured ε,", measured.eps, "<=", LARGEST_EPSILON),
            Condition("contraction", "promised θ,", rate, "<=", PAPERS_RATE),
        )
    )


def _not_certified(
    constants: OutputConstants, everywhere: Everywhere, sketch: str
) -> tuple[str, ...]:
    gaps = []
    if not constants.smooth:
        gaps.append("anything about second derivatives: the kink of relu is in reach")
    if np.isnan(everywhere.strong_convexity):
        gaps.append("that the minimiser is a global one")
    gaps.append("rounding errors")
    if sketch in ("leverage", "frozen"):
        gaps.append("the accuracy of the approximate leverage scores")
    if sketch == "uniform":
        gaps.append("the error of uniform sampling, which has no bound")
    return tuple(gaps)
