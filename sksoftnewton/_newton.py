"""The outer loop: a damped Newton method for every objective of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._directions import System

Array = NDArray[np.floating]

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
    step_damping : float, λ of the step taken
    damping : float, λ to try next
    n_trials : int, values with gradients spent
    stuck : bool, no damping gave an acceptable step
    """

    point: Point
    predicted: float
    step_damping: float
    damping: float
    n_trials: int
    stuck: bool = False


@dataclass(frozen=True)
class Solution:
    """What `minimize` found: the last point, why it stopped, a row an iteration."""

    point: Point
    status: str
    history: list[Row]
    n_evaluations: int
    damping: float


ConvergenceRule = Callable[[Move], bool]


def small_decrease(tol: float) -> ConvergenceRule:
    """Rule: the model promises less than 1e-2 tol F, at a damping that lets it.

    A large λ promises little wherever it stands, so the promise has to be small
    three times in a row unless λ is negligible.
    """
    in_a_row = 0

    def rule(move: Move) -> bool:
        nonlocal in_a_row
        small = move.predicted <= 1e-2 * tol * abs(move.point.value)
        in_a_row = in_a_row + 1 if small else 0
        return in_a_row >= (1 if move.step_damping <= EFFECTIVELY_UNDAMPED else 3)

    return rule


def minimize(
    objective: Objective,
    theta: Array,
    system_for: Callable[[Any], System],
    *,
    converged: ConvergenceRule,
    max_iter: int,
    n_rows: int,
    damping: float = FIRST_DAMPING,
    callback: Callable[[Point, Row], bool] | None = None,
) -> Solution:
    """Minimise by Newton steps damped after Levenberg and Marquardt.

    Each iteration builds the curvature once, then solves (H + λ D) δ = −g with
    growing λ until the loss falls by a fair part of what the model promises.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (p,), the start
    system_for : callable, from the objective's curvature to a `System`
    converged : callable, Move -> bool
        The rule that ends the loop with status "converged".
    max_iter : int
    n_rows : int, recorded in the history
    damping : float, the first λ
    callback : callable (Point, row of the history) -> bool, or None
        Called after each iteration; a true value ends the loop.
    """
    started = time.perf_counter()
    point = Point(theta, *objective.value_and_gradient(theta))
    history: list[Row] = []
    status, n_evaluations, work = MAX_ITER, 1, 0.0
    for _ in range(max_iter):
        system = system_for(objective.curvature(point.theta))
        move = _advance(objective, point, system, damping)
        point, damping = move.point, move.damping
        n_evaluations += move.n_trials
        work += system.work
        history.append(
            {
                "loss": point.value,
                "gradient_norm": float(np.linalg.norm(point.gradient)),
                "damping": move.step_damping,
                "n_rows": n_rows,
                "sketch_size": 0,
                "n_cg": 0,
                "passes": n_evaluations + work / objective.gradient_work,
                "time": time.perf_counter() - started,
            }
        )
        if callback is not None and callback(point, history[-1]):
            status = STOPPED
        elif move.predicted <= objective.resolution(point.value) or converged(move):
            status = CONVERGED
        elif move.stuck:
            status = NO_PROGRESS
        else:
            continue
        break
    return Solution(point, status, history, n_evaluations, damping)


def _advance(
    objective: Objective, point: Point, system: System, damping: float
) -> Move:
    """The first acceptable step for λ = damping, 4 damping, 16 damping, …"""
    predicted = None
    n_trials = 0
    for trial_damping in _growing(damping):
        step = system.solve(point.gradient, trial_damping)
        if step is None:
            continue
        if predicted is None:
            predicted = step.predicted
        theta = point.theta + step.direction
        trial = Point(theta, *objective.value_and_gradient(theta))
        n_trials += 1
        resolution = objective.resolution(point.value)
        ratio = _agreement(point, trial, step.predicted, resolution)
        if ratio > ACCEPTED:
            following = _next_damping(trial_damping, ratio)
            return Move(trial, predicted, trial_damping, following, n_trials)
        if predicted <= resolution:
            break
    return Move(point, predicted or 0.0, damping, damping, n_trials, stuck=True)


def _growing(damping: float) -> Iterator[float]:
    while damping <= LARGEST_DAMPING:
        yield damping
        damping *= 4


def _agreement(
    point: Point, trial: Point, predicted: float, resolution: float
) -> float:
    """Actual over predicted decrease; below rounding the gradient decides."""
    if not (np.isfinite(trial.value) and np.isfinite(trial.gradient).all()):
        return -np.inf
    if predicted > resolution:
        return (point.value - trial.value) / predicted
    shrinks = np.linalg.norm(trial.gradient) < np.linalg.norm(point.gradient)
    return float(shrinks and trial.value <= point.value + resolution)


def _next_damping(damping: float, ratio: float) -> float:
    if ratio > GOOD:
        return max(damping / 3, SMALLEST_DAMPING)
    return damping * 2 if ratio < POOR else damping
