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


def warn_of_failure(run: Run, max_iter: int) -> None:
    """Warn of a fit that ended by itself before it converged."""
    last = in_units(run.history[-1], run.problem.units.loss)
    loss = run.value * run.problem.units.loss
    where = f"(loss {loss:.3e}, gradient norm {last['gradient_norm']:.1e})"
    if run.status == MAX_ITER:
        message = (
            f"Stopped at max_iter={max_iter} while the objective was still falling "
            f"{where}. A larger max_iter, tol or alpha lets the fit converge."
        )
    elif run.status == NO_PROGRESS:
        message = (
            f"Stopped after {len(run.history)} iterations because no step lowers the "
            f"objective any more {where}. A larger alpha makes the problem better "
            "conditioned."
        )
    else:
        return
    warnings.warn(message, ConvergenceWarning, stacklevel=5)


def warn_of_outliers(Y: Array, weight: Array) -> None:
    """Name the rows whose targets outweigh all others together, if they are so few.

    Parameters
    ----------
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """
    most = max(1, int(np.count_nonzero(weight) / ONE_IN))
    if np.count_nonzero(weight) < LEAST_ROWS:
        return
    for o, y in enumerate(Y.T):
        deviation = np.abs(y - np.median(y[weight > 0]))
        squares = weight * (deviation / (deviation.max() or 1.0)) ** 2
        largest = np.argsort(-squares, kind="stable")[:most]
        n_needed = 1 + int(
            np.searchsorted(np.cumsum(squares[largest]), squares.sum() / 2)
        )
        if squares.sum() == 0 or n_needed > most:
            continue
        which = ", ".join(str(row) for row in np.sort(largest[:n_needed])[:10])
        output = f" of output {o}" if Y.shape[1] > 1 else ""
        warnings.warn(
            f"More than half of the squared deviations of y{output} are those of row"
            f"{'s' if n_needed > 1 else ''} {which}: the fit describes little else. If "
            "the targets there are errors, leave the rows out; if they are not, fit "
            "y on another scale, such as its logarithm.",
            UserWarning,
            stacklevel=5,
        )
