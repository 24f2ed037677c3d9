"""When the loop has converged: rules that look at its latest move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sksoftnewton._solver.points import ConvergenceRule, Move, Point

EFFECTIVELY_UNDAMPED = 1e-6


# A last stage ends when so many calls of its rule together gained less than tol F.
PATIENCE = 10


def small_decrease(
    tol: float, negligible: float = 0.0, *, last: bool = False
) -> ConvergenceRule:
    """Rule: the model promises less than 1e-2 tol F, at a damping that lets it.

    Or less than ``negligible``.

    A large λ promises little wherever it stands: beyond 1 its promises do not
    count, and unless it is negligible they have to be small three times in a
    row. A promise below the rounding error of F is small at any λ.

    In a ``last`` stage promises are not waited for where they are not kept: less than
    tol F gained in ten calls is the end, too.
    """
    in_a_row = 0
    values: deque[float] = deque(maxlen=PATIENCE + 1)

    def rule(move: Move) -> bool:
        nonlocal in_a_row
        values.append(move.point.value)
        if (
            last
            and len(values) > PATIENCE
            and values[0] - values[-1] < tol * values[-1]
        ):
            return True
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
        size = move.point.gradient_norm
        if size <= threshold:
            return True
        return move.predicted <= move.resolution and size <= rounding(move.point)

    return rule
