"""One call of the solver: the systems of its iterations, what they leave behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import OptimizeResult

from sksoftnewton._paper.certificate import ConvergenceCertificate
from sksoftnewton._paper.certification import certificate_at
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.hessian import HessianSketch
from sksoftnewton._paper.objective import Attention
from sksoftnewton._paper.parameters import AUTO
from sksoftnewton._paper.regimes import AutoSystems
from sksoftnewton._paper.result import MESSAGES, SoftmaxRegressionResult
from sksoftnewton._paper.rounding import EPS
from sksoftnewton._paper.saddle import beyond_saddle, exact_descent
from sksoftnewton._paper.whitening import Whitening
from sksoftnewton._solver.directions import PlainSystem, PrimalSystem, System
from sksoftnewton._solver.newton import CONVERGED, Row, Solution, SystemFor, minimize
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.rules import small_gradient

Array = NDArray[np.float64]

FIRST_DAMPING = 1e-3


class Run:
    """What one call of the solver gathers beside the history of `minimize`.

    Parameters
    ----------
    problem : Attention
    start : ndarray of shape (d,)
    sketch : str, one of `SKETCHES` or "auto"
    draw : HessianSketch
        Of the literal methods, and of the certificate.
    rng : numpy.random.Generator
    globalize : bool
    callback : callable or None
    """

    def __init__(
        self,
        problem: Attention,
        start: Array,
        sketch: str,
        draw: HessianSketch,
        rng: np.random.Generator,
        globalize: bool,
        callback: Callable[[OptimizeResult], Any] | None,
    ) -> None:
        self.problem, self.draw, self.globalize = problem, draw, globalize
        self.callback = callback
        self.iterates = [start]
        self.rows_kept: list[int] = []
        self._exact: tuple[Array, Curvature, Array] | None = None
        self._auto: AutoSystems | None = None
        if sketch == AUTO and globalize:
            self._auto = AutoSystems(problem, rng, self.rows_kept.append)

    def result(
        self, tol: float, max_iter: int, certificate: bool
    ) -> SoftmaxRegressionResult:
        """Minimise, and say what was found and, if asked, what is proven."""
        started = time.perf_counter()
        solution = self._solution(tol, max_iter)
        solved = time.perf_counter()
        contraction = np.full(len(solution.history), np.nan)
        proven: ConvergenceCertificate | None = None
        if certificate:
            contraction, proven = self._certified(solution.point)
        seconds = {"loop": solved - started, "certificate": 0.0}
        if certificate:
            seconds["certificate"] = time.perf_counter() - solved
        return self._told(solution, contraction, proven, seconds)

    def _solution(self, tol: float, max_iter: int) -> Solution:
        problem, start = self.problem, self.iterates[0]
        scale = float(np.linalg.norm(problem.finite_gradient(start, "x0")))
        # A point at which anything overflows is rejected.
        with np.errstate(over="ignore", invalid="ignore"):
            return minimize(
                problem,
                start,
                self._auto or self._literal_systems(),
                converged=small_gradient(
                    tol * scale, lambda point: problem.gradient_resolution(point.theta)
                ),
                max_iter=max_iter,
                n_rows=problem.n,
                damping=FIRST_DAMPING,
                globalize=self.globalize,
                beyond=self._beyond_saddle if self.globalize else None,
                callback=self._recorded,
            )

    def _hessian(self, x: Array) -> Array:
        return self._exact_at(x)[1]

    def _exact_at(self, x: Array) -> tuple[Curvature, Array]:
        """The curvature at x and its Hessian, kept for the last x asked for."""
        if self._exact is None or self._exact[0] is not x:
            curvature = Curvature(self.problem, x)
            self._exact = x, curvature, curvature.hessian()
        return self._exact[1:]

    def _literal_systems(self) -> SystemFor:
        """The Newton system of each iteration, with a fresh draw of rows.

        Where no step of the last one was accepted, the sketch is refined: its
        error relative to an ill-conditioned or nearly indefinite Hessian can be
        much larger than ε (by the certificate's gamma).
        """

        def system_for(point: Point, _decrease: float) -> System:
            if self.globalize and self._stayed():
                self.draw.refine()
            curvature = Curvature(self.problem, point.theta)
            drawn = self.draw(curvature)
            self.rows_kept.append(drawn.rows)
            sketch_size = 0 if drawn.exact else drawn.rows
            if not self.globalize:
                return PlainSystem(drawn.matrix, drawn.work, sketch_size)
            return PrimalSystem(
                drawn.matrix, curvature.metric(), drawn.work, sketch_size
            )

        return system_for

    def _stayed(self) -> bool:
        return len(self.iterates) > 1 and self.iterates[-1] is self.iterates[-2]

    def _recorded(self, point: Point, row: Row) -> bool:
        """Keep the iterate and ask the user's callback whether to stop."""
        self.iterates.append(point.theta)
        if self.callback is None:
            return False
        state = OptimizeResult(
            x=point.theta.copy(),
            fun=point.value,
            jac=point.gradient.copy(),
            nit=len(self.rows_kept),
            **row,
        )
        try:
            return bool(self.callback(state))
        except StopIteration:
            return True

    def _beyond_saddle(self, point: Point) -> Array | None:
        if self._auto is not None:
            descent = self._auto.descent(point, self._hessian)
        else:
            descent = exact_descent(self._hessian(point.theta))
        further = beyond_saddle(self.problem, point, descent)
        if further is not None:
            self.iterates[-1] = further
        return further

    def _certified(self, point: Point) -> tuple[Array, ConvergenceCertificate]:
        """Contraction ratios of the iterations, and the certificate at the end."""
        curvature, hessian = self._exact_at(point.theta)
        distances = _distances(self.problem, self.iterates, point, hessian)
        with np.errstate(invalid="ignore"):
            contraction = distances[1:] / distances[:-1]

        def within(radius: float) -> float:
            inside = contraction[(distances[:-1] <= radius) & ~np.isnan(contraction)]
            return float(inside.max()) if inside.size else np.nan

        return contraction, certificate_at(
            curvature,
            point.theta,
            self.iterates[0],
            self.draw,
            hessian=hessian,
            contraction=within,
        )

    def _told(
        self,
        solution: Solution,
        contraction: Array,
        certificate: ConvergenceCertificate | None,
        seconds: dict[str, float],
    ) -> SoftmaxRegressionResult:
        point, rows = solution.point, solution.history
        history = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        return SoftmaxRegressionResult(
            x=point.theta,
            fun=point.value,
            jac=point.gradient,
            nit=len(rows),
            nfev=solution.n_evaluations + 1,  # and the one that set the tolerance
            success=solution.status == CONVERGED,
            status=solution.status,
            message=MESSAGES[solution.status],
            history=history
            | {"rows_kept": np.array(self.rows_kept), "contraction": contraction},
            certificate=certificate,
            time=seconds,
        )


def _distances(
    problem: Attention, iterates: list[Array], point: Point, hessian: Array
) -> Array:
    """|x_k − x*|_H of the iterates, with one more exact Newton step in place of x*.

    nan where rounding hides the distance, or whether H is positive definite.
    """
    whitening = Whitening.of(hessian, np.zeros(problem.d))
    if whitening is None:
        return np.full(len(iterates), np.nan)
    W = whitening.matrix
    solution = point.theta - W @ (W.T @ point.gradient)
    points = np.array([*iterates, point.theta + solution])
    *distances, size = np.linalg.norm(
        solve_triangular(W, (points - solution).T), axis=0
    )
    error = problem.gradient_resolution(point.theta) * np.linalg.norm(W, 2)
    rounding = max(error, EPS * size)
    return np.where(np.array(distances) > rounding, distances, np.nan)
