"""The outer loop: a damped Newton method for every objective of this package."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sksoftnewton._solver.damped import damped_step, plain_step
from sksoftnewton._solver.directions import System
from sksoftnewton._solver.points import Array, ConvergenceRule, Move, Objective, Point
from sksoftnewton._solver.quasi_newton import QuasiNewton

CONVERGED = "converged"
MAX_ITER = "max_iter"
NO_PROGRESS = "no_progress"
STOPPED = "stopped_by_callback"

FIRST_DAMPING = 1e-2
TINY = float(np.finfo(np.float64).tiny)

Row = dict[str, Any]
SystemFor = Callable[[Point, float], System | QuasiNewton]


@dataclass(frozen=True)
class Solution:
    """What `minimize` found: the last point, why it stopped, a row an iteration."""

    point: Point
    status: str
    history: list[Row]
    n_evaluations: int
    damping: float


def minimize(
    objective: Objective,
    theta: Array,
    system_for: SystemFor,
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

    Each iteration asks for the system at its point once, then solves
    (H + λ D) δ = −g with growing λ until the loss falls by a fair part of what the
    model promises. A `QuasiNewton` system takes several steps with one matrix.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (p,), the start
    system_for : callable (point, decrease) -> System or QuasiNewton
        Makes the system at a point; ``decrease`` is the last iteration's relative
        decrease of the loss (infinite at the first).
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
    point = Point.at(objective, theta)
    history: list[Row] = []
    status, n_evaluations, work, decrease = MAX_ITER, 1, 0.0, np.inf
    for _ in range(max_iter):
        if before is not None:
            before()
        system = system_for(point, decrease)
        move, done = _moved(objective, point, system, damping, converged, globalize)
        decrease = (point.value - move.point.value) / max(abs(move.point.value), TINY)
        point, damping = move.point, move.damping
        n_evaluations += move.n_trials
        work += system.work
        row = _row(move, system) | {
            "n_rows": n_rows,
            "passes": n_evaluations + work / objective.gradient_work,
            "time": time.perf_counter() - started,
        }
        history.append(row)
        if callback is not None and callback(point, row):
            status = STOPPED
            break
        if done:
            further = beyond(point) if beyond is not None else None
            if further is None:
                status = CONVERGED
                break
            point = Point.at(objective, further)
            n_evaluations += 1
        elif move.stuck and not (globalize and system.sketch_size):
            status = NO_PROGRESS  # damped, the next sketch may do better
            break
    return Solution(point, status, history, n_evaluations, damping)


def _moved(
    objective: Objective,
    point: Point,
    system: System | QuasiNewton,
    damping: float,
    converged: ConvergenceRule,
    globalize: bool,
) -> tuple[Move, bool]:
    """One iteration, and whether the rule holds after it."""
    if isinstance(system, QuasiNewton):
        return system.advance(objective, point, damping, converged)
    if globalize:
        move = damped_step(objective, point, system, damping)
    else:
        move = plain_step(objective, point, system)
    return move, converged(move)


def _row(move: Move, system: System | QuasiNewton) -> Row:
    """What an iteration did, as a row of the history."""
    return {
        "loss": move.point.value,
        "gradient_norm": move.point.gradient_norm,
        "damping": move.step_damping,
        "decrement": np.sqrt(max(2 * move.predicted, 0.0)),
        "indefinite": move.indefinite,
        "sketch_size": system.sketch_size,
        "n_cg": move.n_steps,
    }
