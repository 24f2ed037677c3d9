"""The certificate of a point: constants, tests and measurements put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._paper.certificate import (
    Condition,
    Conditions,
    ConvergenceCertificate,
)
from sksoftnewton._paper.constants import Everywhere, OutputConstants
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.enclosure import Enclosure
from sksoftnewton._paper.geometry import OutputHull
from sksoftnewton._paper.hessian import HessianSketch, MeasuredSketch, measure_sketch
from sksoftnewton._paper.kantorovich import (
    LARGEST_DELTA,
    LARGEST_EPSILON,
    PAPERS_RATE,
    theoretical_rate,
)
from sksoftnewton._paper.neighbourhood import Neighbourhood
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.parameters import CERTIFY, check_options
from sksoftnewton._paper.rounding import down, up
from sksoftnewton._paper.sparsifier import Seed

Array = NDArray[np.float64]


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
    check_options("certify", CERTIFY, locals())
    problem = check_problem(A1, A2, b, h, w)
    x = problem.check_point(x, "x")
    x0 = x if x0 is None else problem.check_point(x0, "x0")
    problem.finite_gradient(x, "x")
    draw = HessianSketch(problem, sketch, epsilon, np.random.default_rng(random_state))
    return certificate_at(Curvature(problem, x), x, x0, draw)


# What overflows is infinite or nan, and proves nothing.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
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
    near = Neighbourhood.of(Enclosure(problem, x), constants, H)
    measured = measure_sketch(curvature, H, near.whitening, draw)
    rate = up(theoretical_rate(measured.promised, LARGEST_DELTA))
    start = near.distance_to_minimiser(x0)
    return _put_together(
        everywhere,
        near,
        measured,
        conditions=_conditions(problem, everywhere, near, start, measured, rate),
        rate=rate,
        sample_size=draw.sample_size,
        contraction=contraction(near.radius),
        gaps=_not_certified(
            constants, everywhere, draw.sketch if measured.promised else "none"
        ),
    )


def _put_together(
    everywhere: Everywhere,
    near: Neighbourhood,
    measured: MeasuredSketch,
    *,
    conditions: Conditions,
    rate: float,
    sample_size: float,
    contraction: float,
    gaps: tuple[str, ...],
) -> ConvergenceCertificate:
    eigenvalues = np.asarray(np.linalg.eigvalsh(near.H))
    return ConvergenceCertificate(
        beta=everywhere.beta,
        w2_required_eig=everywhere.w2_required_eig,
        w2_required_diameter=everywhere.w2_required_diameter,
        conditions_hold=conditions,
        global_strong_convexity=everywhere.strong_convexity,
        lipschitz_euclidean=everywhere.lipschitz,
        lipschitz_local=near.test.lipschitz,
        newton_decrement=near.test.decrement,
        kantorovich=near.test.kantorovich,
        certified=near.test.certified,
        distance_H=near.test.distance,
        distance=near.distance,
        strong_convexity=near.strong_convexity,
        radius_H=near.radius,
        radius_euclidean=near.radius_euclidean,
        theory_rate=rate,
        sample_size_theory=sample_size,
        sketch_eps=measured.eps,
        gamma=measured.gamma,
        rows_used=measured.rows,
        observed_contraction=contraction,
        lambda_min=float(eigenvalues[0]),
        condition_number=_condition_number(eigenvalues, near.smallest_eigenvalue),
        not_certified=gaps,
    )


def _condition_number(eigenvalues: Array, smallest: float) -> float:
    """Infinite where no positive ``smallest`` is proven; rounding may hide it."""
    if smallest == 0:
        return np.inf
    return float(eigenvalues[-1] / max(eigenvalues[0], smallest))


def _conditions(
    problem: Attention,
    everywhere: Everywhere,
    near: Neighbourhood,
    start: float,
    measured: MeasuredSketch,
    rate: float,
) -> Conditions:
    w2 = down(float(problem.w2.min()))
    required = min(everywhere.w2_required_eig, everywhere.w2_required_diameter)
    return Conditions(
        (
            Condition("penalty", "w² for convexity everywhere,", w2, ">", required),
            Condition(
                "minimiser", "M η for x* near x,", near.test.kantorovich, "<=", 0.5
            ),
            Condition(
                "initialisation", "|x0 − x*| within radius,", start, "<=", near.radius
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
    gaps.append("rounding errors of the iteration's steps")
    if sketch in ("leverage", "frozen"):
        gaps.append("the accuracy of the approximate leverage scores")
    if sketch == "uniform":
        gaps.append("the error of uniform sampling, which has no bound")
    return tuple(gaps)
