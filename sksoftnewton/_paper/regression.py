"""The paper's own problem: one softmax over the rows of A1 (arXiv 2311.15390)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from sksoftnewton._paper.certification import certificate_at, cholesky_factor
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.hessian import HessianSketch, check_sketch
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.result import MESSAGES, SoftmaxRegressionResult
from sksoftnewton._paper.sparsifier import Seed, check_epsilon
from sksoftnewton._solver.directions import PlainSystem, PrimalSystem, System
from sksoftnewton._solver.newton import (
    CONVERGED,
    Row,
    Solution,
    SystemFor,
    minimize,
)
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.rules import small_gradient

Array = NDArray[np.float64]

FIRST_DAMPING = 1e-3
# Curvature below this share of the largest, and negative, is a saddle's.
SADDLE_TOLERANCE = 1e-10


def two_layer_softmax_regression(
    A1: Any,
    A2: Any,
    b: Any,
    *,
    h: str = "identity",
    w: Any = 1.0,
    x0: Any = None,
    sketch: str = "leverage",
    epsilon: float = 0.1,
    globalize: bool = True,
    tol: float = 1e-8,
    max_iter: int = 100,
    random_state: Seed = None,
    callback: Callable[[OptimizeResult], Any] | None = None,
) -> SoftmaxRegressionResult:
    """Minimise L(x) = ½ |h(A2 softmax(A1 x)) − b|² + ½ |w ∘ (A1 x)|² over x.

    The approximate Newton method of arXiv 2311.15390: full gradient, Hessian with
    its diagonal part A1ᵀ diag(·) A1 replaced by a spectral sparsifier. Damping
    after Levenberg and Marquardt, and steps along negative curvature, lead from
    any x0 to a second-order stationary point.

    Parameters
    ----------
    A1 : array or CSR array of shape (n, d)
    A2 : array or CSR array of shape (m, n), or None
        None stands for the identity, m = n.
    b : array of shape (m,)
    h : {"identity", "softplus", "exp", "tanh", "sigmoid", "relu"}
        For relu the Hessian ignores the kink, and nothing is certified where it
        is in reach.
    w : float or array of shape (n,), w ≥ 0
    x0 : array of shape (d,), zeros by default
    sketch : {"leverage", "uniform", "frozen", "none"}
        How rows are drawn for the Hessian: by leverage scores; uniformly, with
        no guarantee; by leverage, but for the part that changes only, with
        A1ᵀ diag(w²) A1 formed once ("frozen"); or all of them ("none").
    epsilon : float in [0, 1)
        Spectral error of the diagonal part, kept with probability 0.99 at each
        iteration. Where that would take half of the rows or more, and for 0, the
        Hessian is exact. Halved whenever no step can be accepted with it.
    globalize : bool
        False: the paper's iteration as it stands, x ← x − H̃⁻¹ ∇L(x).
    tol : float
        Stop at |∇L(x)| ≤ tol |∇L(x0)|, or at the rounding error of ∇L.
    max_iter : int
    random_state : int, Generator, SeedSequence or None
    callback : callable, optional
        Called after each iteration with an OptimizeResult: ``x``, ``fun``,
        ``jac``, ``nit`` and that iteration's history. A true value, or
        StopIteration, ends the run.

    Returns
    -------
    SoftmaxRegressionResult

    Raises
    ------
    ValueError
        For shapes that do not match, entries that are not finite, negative w,
        sparse formats other than CSR, and unknown or impossible options.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoftnewton import two_layer_softmax_regression
    >>> rng = np.random.default_rng(0)
    >>> A1, A2 = rng.standard_normal((500, 4)), rng.standard_normal((3, 500))
    >>> x_true = rng.standard_normal(4)
    >>> f = np.exp(A1 @ x_true)
    >>> b = A2 @ (f / f.sum())
    >>> result = two_layer_softmax_regression(A1, A2, b, w=1e-3)
    >>> result.status, bool(result.certificate.certified)
    ('converged', True)
    """
    problem = check_problem(A1, A2, b, h, w)
    check_sketch(sketch)
    check_epsilon(epsilon)
    _check_loop(tol, max_iter)
    start = np.zeros(problem.d)
    if x0 is not None:
        start = problem.check_point(x0, "x0")
    run = _Run(problem, start, callback)
    draw = HessianSketch(problem, sketch, epsilon, np.random.default_rng(random_state))
    scale = float(np.linalg.norm(problem.finite_gradient(start, "x0")))
    solution = minimize(
        problem,
        start,
        run.systems(draw, globalize),
        converged=small_gradient(
            tol * scale, lambda point: problem.gradient_resolution(point.theta)
        ),
        max_iter=max_iter,
        n_rows=problem.n,
        damping=FIRST_DAMPING,
        globalize=globalize,
        beyond=run.beyond_saddle if globalize else None,
        callback=run.record,
    )
    return run.result(solution, draw)


def _check_loop(tol: float, max_iter: int) -> None:
    if not tol >= 0:
        raise ValueError(f"tol = {tol}, but it must be at least 0.")
    if not max_iter >= 1:
        raise ValueError(f"max_iter = {max_iter}, but it must be at least 1.")


class _Run:
    """What one call of the solver gathers beside the history of `minimize`."""

    def __init__(
        self,
        problem: Attention,
        start: Array,
        callback: Callable[[OptimizeResult], Any] | None,
    ) -> None:
        self.problem = problem
        self.callback = callback
        self.iterates = [start]
        self.rows_kept: list[int] = []
        self._exact: tuple[Array, Curvature, Array] | None = None

    def exact(self, x: Array) -> tuple[Curvature, Array]:
        """The curvature at x and its Hessian, kept for the last x asked for."""
        if self._exact is None or self._exact[0] is not x:
            curvature = Curvature(self.problem, x)
            self._exact = x, curvature, curvature.hessian()
        return self._exact[1:]

    def systems(self, draw: HessianSketch, globalize: bool) -> SystemFor:
        """The Newton system of each iteration, with a fresh draw of rows.

        Where no step of the last one was accepted, the sketch is refined: its
        error relative to an ill-conditioned or nearly indefinite Hessian can be
        much larger than ε (by the certificate's gamma).
        """

        def system_for(point: Point, _decrease: float) -> System:
            if globalize and self._stayed():
                draw.refine()
            curvature = Curvature(self.problem, point.theta)
            drawn = draw(curvature)
            self.rows_kept.append(drawn.rows)
            sketch_size = 0 if drawn.exact else drawn.rows
            if not globalize:
                return PlainSystem(drawn.matrix, drawn.work, sketch_size)
            return PrimalSystem(
                drawn.matrix, curvature.metric(), drawn.work, sketch_size
            )

        return system_for

    def _stayed(self) -> bool:
        return len(self.iterates) > 1 and self.iterates[-1] is self.iterates[-2]

    def record(self, point: Point, row: Row) -> bool:
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

    def beyond_saddle(self, point: Point) -> Array | None:
        """A point of lower loss along negative curvature; None at a minimum.

        The first step moves the logits by one at most. It is halved until the
        loss falls by half of what the curvature promises.
        """
        problem = self.problem
        eigenvalues, vectors = np.linalg.eigh(self.exact(point.theta)[1])
        if eigenvalues[0] >= -SADDLE_TOLERANCE * np.abs(eigenvalues).max():
            return None
        direction = vectors[:, 0]
        if direction @ point.gradient > 0:
            direction = -direction
        step = 1 / float(np.abs(problem.A1 @ direction).max())
        while 0.25 * -eigenvalues[0] * step**2 > problem.resolution(point.value):
            trial: Array = point.theta + step * direction
            promised = 0.25 * eigenvalues[0] * step**2
            if problem.value(trial) <= point.value + promised:
                self.iterates[-1] = trial
                return trial
            step /= 2
        return None

    def result(
        self, solution: Solution, draw: HessianSketch
    ) -> SoftmaxRegressionResult:
        point = solution.point
        curvature, hessian = self.exact(point.theta)
        distances = _distances(self.problem, self.iterates, point, hessian)
        with np.errstate(invalid="ignore"):
            contraction = distances[1:] / distances[:-1]

        def within(radius: float) -> float:
            inside = contraction[(distances[:-1] <= radius) & ~np.isnan(contraction)]
            return float(inside.max()) if inside.size else np.nan

        rows = solution.history
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
            certificate=certificate_at(
                curvature,
                point.theta,
                self.iterates[0],
                draw,
                hessian=hessian,
                contraction=within,
            ),
        )


def _distances(
    problem: Attention, iterates: list[Array], point: Point, hessian: Array
) -> Array:
    """|x_k − x*|_H of the iterates, with one more exact Newton step in place of x*.

    nan where rounding hides the distance, or where H is not positive definite.
    """
    factor = cholesky_factor(hessian)
    if factor is None:
        return np.full(len(iterates), np.nan)
    solution = point.theta - np.linalg.solve(hessian, point.gradient)
    distances = np.linalg.norm((np.array(iterates) - solution) @ factor.T, axis=1)
    eps = np.finfo(np.float64).eps
    inverse_norm = np.linalg.norm(np.linalg.inv(factor), 2)
    rounding = max(
        problem.gradient_resolution(point.theta) * inverse_norm,
        eps * np.linalg.norm(factor @ point.theta),
    )
    return np.where(distances > rounding, distances, np.nan)
