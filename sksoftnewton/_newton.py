"""The outer loop: a damped Newton method for every objective of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._directions import Step, System

Array = NDArray[np.float64]

CONVERGED = "converged"
MAX_ITER = "max_iter"
NO_PROGRESS = "no_progress"
STOPPED = "stopped_by_callback"

FIRST_DAMPING = 1e-2
SMALLEST_DAMPING = 1e-12
LARGEST_DAMPING = 1e8
# Ratios of actual to predicted decrease: the least that is accepted, and those
# beyond which the damping grows and shrinks.
ACCEPTED, POOR, GOOD = 1e-4, 0.25, 0.75
EFFECTIVELY_UNDAMPED = 1e-6
TINY = float(np.finfo(np.float64).tiny)

Row = dict[str, Any]


class Objective(Protocol):
    """What the loop asks of a problem with parameter vector θ."""

    gradient_work: float  # multiply-adds of one value and gradient

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]: ...

    def curvature(self, theta: Array) -> Any: ...

    def resolution(self, value: float) -> float:
        """Rounding error of a value of this size: smaller decreases are noise."""
        ...


@dataclass(frozen=True)
class Point:
    """A parameter vector with its loss and gradient."""

    theta: Array
    value: float
    gradient: Array


@dataclass(frozen=True)
class Move:
    """The outcome of one outer iteration.

    Attributes
    ----------
    point : Point, the new one (the old one where no step was accepted)
    predicted : float, decrease promised by the first model tried
    resolution : float, rounding error of the loss: smaller promises are noise
    step_damping : float, λ of the step taken
    damping : float, λ to try next
    n_trials : int, values with gradients spent
    n_steps : int, steps taken with one matrix
    indefinite : bool, the first matrix tried was not positive definite
    stuck : bool, no damping gave an acceptable step
    """

    point: Point
    predicted: float
    resolution: float
    step_damping: float
    damping: float
    n_trials: int
    indefinite: bool
    stuck: bool = False
    n_steps: int = 1


@dataclass(frozen=True)
class Solution:
    """What `minimize` found: the last point, why it stopped, a row an iteration."""

    point: Point
    status: str
    history: list[Row]
    n_evaluations: int
    damping: float


ConvergenceRule = Callable[[Move], bool]


def small_decrease(tol: float, negligible: float = 0.0) -> ConvergenceRule:
    """Rule: the model promises less than 1e-2 tol F, at a damping that lets it.

    Or less than ``negligible``.

    A large λ promises little wherever it stands: beyond 1 its promises do not
    count, and unless it is negligible they have to be small three times in a
    row. A promise below the rounding error of F is small at any λ.
    """
    in_a_row = 0

    def rule(move: Move) -> bool:
        nonlocal in_a_row
        threshold = max(1e-2 * tol * abs(move.point.value), negligible)
        small = move.predicted <= threshold
        in_a_row = in_a_row + 1 if small and move.step_damping <= 1 else 0
        enough = 1 if move.step_damping <= EFFECTIVELY_UNDAMPED else 3
        return in_a_row >= enough or move.predicted <= move.resolution

    return rule


def small_gradient(
    threshold: float, rounding: Callable[[Point], float]
) -> ConvergenceRule:
    """Rule: |∇F| is at most ``threshold``, or as small as rounding lets it be.

    Parameters
    ----------
    threshold : float
    rounding : callable, Point -> float
        Rounding error of |∇F|; asked only once the loss cannot tell steps apart.
    """

    def rule(move: Move) -> bool:
        size = float(np.linalg.norm(move.point.gradient))
        if size <= threshold:
            return True
        return move.predicted <= move.resolution and size <= rounding(move.point)

    return rule


def minimize(
    objective: Objective,
    theta: Array,
    system_for: Callable[[Any, float], Any],
    *,
    converged: ConvergenceRule,
    max_iter: int,
    n_rows: int,
    damping: float = FIRST_DAMPING,
    globalize: bool = True,
    beyond: Callable[[Point], Array | None] | None = None,
    before: Callable[[], None] | None = None,
    callback: Callable[[Point, Row], bool] | None = None,
) -> Solution:
    """Minimise by Newton steps damped after Levenberg and Marquardt.

    Each iteration builds the curvature once, then solves (H + λ D) δ = −g with
    growing λ until the loss falls by a fair part of what the model promises. A
    system that can `advance` by itself takes several steps with one matrix.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (p,), the start
    system_for : callable (curvature, decrease) -> System or QuasiNewton
        Makes the system from the objective's curvature; ``decrease`` is the last
        iteration's relative decrease of the loss (infinite at the first).
    converged : callable, Move -> bool
        The rule that ends the loop with status "converged".
    max_iter : int
    n_rows : int, recorded in the history
    damping : float, the first λ
    globalize : bool
        False: the plain iteration θ ← θ − H⁻¹ g, every finite step accepted.
    beyond : callable, Point -> θ or None
        Asked where the rule holds: at a saddle it returns a θ of lower loss, from
        which the loop goes on.
    before : callable, or None
        Called before each iteration.
    callback : callable (Point, row of the history) -> bool, or None
        Called after each iteration; a true value ends the loop.
    """
    started = time.perf_counter()
    point = Point(theta, *objective.value_and_gradient(theta))
    history: list[Row] = []
    status, n_evaluations, work = MAX_ITER, 1, 0.0
    decrease = np.inf
    for _ in range(max_iter):
        if before is not None:
            before()
        system = system_for(objective.curvature(point.theta), decrease)
        if not globalize:
            move = _plain_step(objective, point, system)
            done = converged(move)
        elif hasattr(system, "advance"):
            move, done = system.advance(objective, point, damping, converged)
        else:
            move = _advance(objective, point, system, damping)
            done = converged(move)
        decrease = (point.value - move.point.value) / max(abs(move.point.value), TINY)
        point, damping = move.point, move.damping
        n_evaluations += move.n_trials
        work += system.work
        row = _row(move, system)
        row["n_rows"] = n_rows
        row["passes"] = n_evaluations + work / objective.gradient_work
        row["time"] = time.perf_counter() - started
        history.append(row)
        if callback is not None and callback(point, row):
            status = STOPPED
        elif done:
            further = beyond(point) if beyond is not None else None
            if further is not None:
                point = Point(further, *objective.value_and_gradient(further))
                n_evaluations += 1
                continue
            status = CONVERGED
        elif move.stuck and not (globalize and system.sketch_size):
            status = NO_PROGRESS  # damped, the next sketch may do better
        else:
            continue
        break
    return Solution(point, status, history, n_evaluations, damping)


def _row(move: Move, system: Any) -> Row:
    """What an iteration did, as a row of the history."""
    return {
        "loss": move.point.value,
        "gradient_norm": float(np.linalg.norm(move.point.gradient)),
        "damping": move.step_damping,
        "decrement": np.sqrt(max(2 * move.predicted, 0.0)),
        "indefinite": move.indefinite,
        "sketch_size": system.sketch_size,
        "n_cg": move.n_steps if hasattr(system, "advance") else 0,
    }


def _advance(
    objective: Objective, point: Point, system: System, damping: float
) -> Move:
    """The first acceptable step for λ = damping, 4 damping, 16 damping, …"""
    resolution = objective.resolution(point.value)
    predicted = None
    indefinite = False
    n_trials = 0
    for trial_damping in _growing(damping):
        step = system.solve(point.gradient, trial_damping)
        if step is None:
            indefinite = indefinite or trial_damping == damping
            continue
        if predicted is None:
            predicted = step.predicted
        trial = _moved(objective, point, step)
        n_trials += 1
        if predicted > resolution:
            ratio = (point.value - trial.value) / step.predicted
        else:
            ratio = float(
                _shrinks(point, trial, step, system, trial_damping, resolution)
            )
        if ratio > ACCEPTED:
            following = _next_damping(trial_damping, ratio)
            return Move(
                trial,
                predicted,
                resolution,
                trial_damping,
                following,
                n_trials,
                indefinite,
            )
        if predicted <= resolution:
            break
    return Move(
        point,
        predicted or 0.0,
        resolution,
        damping,
        damping,
        n_trials,
        indefinite,
        stuck=True,
    )


def _plain_step(objective: Objective, point: Point, system: System) -> Move:
    """The undamped step, accepted if it is finite."""
    resolution = objective.resolution(point.value)
    step = system.solve(point.gradient, 0.0)
    if step is not None:
        trial = _moved(objective, point, step)
        if np.isfinite(trial.value):
            return Move(trial, step.predicted, resolution, 0.0, 0.0, 1, False)
    return Move(
        point, 0.0, resolution, 0.0, 0.0, int(step is not None), False, stuck=True
    )


def _moved(objective: Objective, point: Point, step: Step) -> Point:
    """The point after a step; its value is infinite if anything overflowed."""
    theta = point.theta + step.direction
    value, gradient = objective.value_and_gradient(theta)
    finite = np.isfinite(value) and np.isfinite(gradient).all()
    return Point(theta, value if finite else np.inf, gradient)


def _growing(damping: float) -> Iterator[float]:
    while damping <= LARGEST_DAMPING:
        yield damping
        damping *= 4


def _shrinks(
    point: Point,
    trial: Point,
    step: Step,
    system: System,
    damping: float,
    resolution: float,
) -> bool:
    """Below the resolution of the loss the gradient decides, in the system's norm.

    In the Euclidean norm a good step may well lengthen it, if H is only
    approximate and badly conditioned.
    """
    if not trial.value <= point.value + resolution:
        return False
    following = system.solve(trial.gradient, damping)
    return following is not None and following.predicted < step.predicted


def _next_damping(damping: float, ratio: float) -> float:
    if ratio > GOOD:
        return max(damping / 3, SMALLEST_DAMPING)
    return damping * 2 if ratio < POOR else damping
