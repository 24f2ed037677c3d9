"""Warnings after a fit."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton._inference.monitor import in_units
from sksoftnewton._inference.run import Run
from sksoftnewton._solver.newton import MAX_ITER, NO_PROGRESS

Array = NDArray[np.float64]

# Rows that hold more than half of the squared deviations are named if they are one in
# so many, or a single one of at least so many.
ONE_IN, LEAST_ROWS = 1000, 20


def warnings_of(run: Run, max_iter: int, Y: Array, weight: Array) -> list[Warning]:
    """What has to be said of a fit.

    Parameters
    ----------
    run : Run, the outcome
    max_iter : int
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """
    outliers = [] if run.problem.log else outlier_messages(Y, weight)
    return [
        *map(ConvergenceWarning, failure_messages(run, max_iter)),
        *map(UserWarning, outliers),
    ]


def warn_of(found: list[Warning]) -> None:
    """Warn the caller of `fit`."""
    for warning in found:
        warnings.warn(warning, stacklevel=5)


def failure_messages(run: Run, max_iter: int) -> list[str]:
    """What is wrong with a fit that ended by itself before it converged."""
    last = in_units(run.history[-1], run.problem.units.loss)
    loss = run.value * run.problem.units.loss
    where = f"(loss {loss:.3e}, gradient norm {last['gradient_norm']:.1e})"
    if run.status == MAX_ITER:
        return [
            f"Stopped at max_iter={max_iter} while the objective was still falling "
            f"{where}. A larger max_iter, tol or alpha lets the fit converge."
        ]
    if run.status == NO_PROGRESS:
        return [
            f"Stopped after {len(run.history)} iterations because no step lowers the "
            f"objective any more {where}. A larger alpha makes the problem better "
            "conditioned."
        ]
    return []


def outlier_messages(Y: Array, weight: Array) -> list[str]:
    """Name the rows whose targets outweigh all others together, if they are so few.

    Parameters
    ----------
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """
    counted = np.flatnonzero(weight)
    if len(counted) < LEAST_ROWS:
        return []
    most = max(1, len(counted) // ONE_IN)
    weight = weight[counted]
    messages = []
    for o, y in enumerate(Y[counted].T):
        # A row that stands for many is their median, not an outlier.
        median = np.quantile(y, 0.5, weights=weight, method="inverted_cdf")
        deviation = np.abs(y - median)
        squares = weight * (deviation / (deviation.max() or 1.0)) ** 2
        largest = np.argsort(-squares, kind="stable")[:most]
        n_needed = 1 + int(
            np.searchsorted(np.cumsum(squares[largest]), squares.sum() / 2)
        )
        if squares.sum() == 0 or n_needed > most:
            continue
        which = ", ".join(str(row) for row in np.sort(counted[largest[:n_needed]])[:10])
        output = f" of output {o}" if Y.shape[1] > 1 else ""
        messages.append(
            f"More than half of the squared deviations of y{output} are those of row"
            f"{'s' if n_needed > 1 else ''} {which}: the fit describes little else. If "
            "the targets there are errors, leave the rows out; if they are not, fit "
            "y on another scale, such as its logarithm."
        )
    return messages
