"""One outer iteration with a Newton system: a damped step, or the plain one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sksoftnewton._solver.directions import Step, System
from sksoftnewton._solver.points import Move, Objective, Point

SMALLEST_DAMPING = 1e-12
LARGEST_DAMPING = 1e8
# Ratios of actual to predicted decrease: the least that is accepted, and those
# beyond which the damping grows and shrinks.
ACCEPTED, POOR, GOOD = 1e-4, 0.25, 0.75


def damped_step(
    objective: Objective, point: Point, system: System, damping: float
) -> Move:
    """The first acceptable step for λ = damping, 4 damping, 16 damping and so on."""
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
        trial = Point.at(objective, point.theta + step.direction)
        n_trials += 1
        if predicted > resolution:
            decrease = point.value - trial.value
            ratio = decrease / step.predicted if step.predicted > 0 else 0.0
        else:
            shrinks = trial.value <= point.value + resolution and _shrinks(
                trial, step, system, trial_damping
            )
            ratio = float(shrinks)
        if ratio > ACCEPTED:
            following = _next_damping(trial_damping, ratio)
            done = predicted, resolution, trial_damping, following
            return Move(trial, *done, n_trials, indefinite)
        if predicted <= resolution:
            break
    stays = predicted or 0.0, resolution, damping, damping
    return Move(point, *stays, n_trials, indefinite, stuck=True)


def plain_step(objective: Objective, point: Point, system: System) -> Move:
    """The undamped step, accepted if it is finite."""
    resolution = objective.resolution(point.value)
    step = system.solve(point.gradient, 0.0)
    if step is None:
        return Move(point, 0.0, resolution, 0.0, 0.0, n_trials=0, stuck=True)
    trial = Point.at(objective, point.theta + step.direction)
    if not np.isfinite(trial.value):
        return Move(point, 0.0, resolution, 0.0, 0.0, n_trials=1, stuck=True)
    return Move(trial, step.predicted, resolution, 0.0, 0.0, n_trials=1)


def _growing(damping: float) -> Iterator[float]:
    while damping <= LARGEST_DAMPING:
        yield damping
        damping *= 4


def _shrinks(trial: Point, step: Step, system: System, damping: float) -> bool:
    """Below the resolution of the loss the gradient decides, in the system's norm.

    In the Euclidean norm a good step may well lengthen it, if H is only
    approximate and badly conditioned.
    """
    following = system.solve(trial.gradient, damping)
    return following is not None and following.predicted < step.predicted


def _next_damping(damping: float, ratio: float) -> float:
    if ratio > GOOD:
        return max(damping / 3, SMALLEST_DAMPING)
    return damping * 2 if ratio < POOR else damping
