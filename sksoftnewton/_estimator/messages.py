"""Warnings after a fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton._inference.monitor import in_units
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._solver.newton import CONVERGED, MAX_ITER, NO_PROGRESS

Array = NDArray[np.float64]

# Rows that hold more than half of the squared deviations are named if they are one in
# so many, or a single one of at least so many.
ONE_IN, LEAST_ROWS = 1000, 20
# Rows so few that a constant may be all that the evidence can tell from noise.
FEW_ROWS = range(5, 20)
# Squared errors beyond so many variances of y are worse than its mean; of constants,
# which have variances of less than `CONSTANT` of their squares, beyond `SEEN` of these.
WORSE, CONSTANT, SEEN = 1.1, 1e-12, 1e-4


def warnings_of(run: Run, settings: Settings, Y: Array, weight: Array) -> list[Warning]:
    """What has to be said of a fit.

    Parameters
    ----------
    run : Run, the outcome
    settings : Settings
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """
    outliers = [] if run.problem.log else outlier_messages(Y, weight)
    return [
        *map(ConvergenceWarning, failure_messages(run, settings.max_iter)),
        *map(UserWarning, outliers),
        *map(UserWarning, constant_messages(run, settings, Y, weight)),
        *map(UserWarning, penalty_messages(run, settings)),
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


def constant_messages(
    run: Run, settings: Settings, Y: Array, weight: Array
) -> list[str]:
    """Say that a constant was chosen where rows are few and targets differ."""
    counted = np.flatnonzero(weight)
    chosen = settings.n_hidden is None and settings.alpha is None
    few = len(counted) in FEW_ROWS and np.ptp(Y[counted], axis=0).any()
    if not (chosen and few and run.network.n_hidden == 1):
        return []
    return [
        f"The fit is a constant: {len(counted)} rows are too few to tell more from "
        "noise. If y has next to none, a kernel method such as "
        "GaussianProcessRegressor interpolates; n_hidden and alpha make a network of "
        "any data."
    ]


def penalty_messages(run: Run, settings: Settings) -> list[str]:
    """Say that a given penalty keeps predictions farther from y than its mean is.

    Only activations other than the identity can need weights for a constant.
    """
    network, units = run.network, run.problem.units
    learned = network.output_weights is None
    if settings.alpha is None or not learned or network.activation.name == "identity":
        return []
    errors = network.residual_squares(run.theta) / network.rows.total_weight
    variances, size = network.rows.target_variances, network.rows.mean_square
    constant = variances <= CONSTANT * size
    worse = errors > np.where(constant, SEEN * size, WORSE * variances)
    if run.status != CONVERGED or size == 0 or not worse.any():
        return []
    given, usual = units.alpha(settings.alpha), units.alpha((1.0, 1.0))
    return [
        f"The fit is worse than the mean of y: alpha = ({given[0]:.3g}, "
        f"{given[1]:.3g}) is large for targets of this size. With output_activation="
        f"{network.activation.name!r} it is in units of y squared: what 1 is for "
        f"standardised targets is about ({usual[0]:.1g}, {usual[1]:.1g}) for these. "
        'Choose a smaller alpha, or "auto".'
    ]


def outlier_messages(Y: Array, weight: Array) -> list[str]:
    """Name the rows whose targets outweigh all others together, if they are so few.

    Parameters
    ----------
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """
    counted: Any = slice(None) if weight.all() else np.flatnonzero(weight)
    weight = weight[counted]
    if len(weight) < LEAST_ROWS:
        return []
    most = max(1, len(weight) // ONE_IN)
    messages = []
    for o, y in enumerate(Y[counted].T):
        squares = _squared_deviations(y, weight)
        half = squares.sum() / 2
        if half == 0 or most * squares.max() < half:  # nearly always
            continue
        largest = _largest(squares, most)
        n_needed = 1 + int(np.searchsorted(np.cumsum(squares[largest]), half))
        if n_needed > most:
            continue
        rows = largest[:n_needed]
        rows = np.sort(rows if isinstance(counted, slice) else counted[rows])[:10]
        which = ", ".join(map(str, rows))
        output = f" of output {o}" if Y.shape[1] > 1 else ""
        messages.append(
            f"More than half of the squared deviations of y{output} are those of row"
            f"{'s' if n_needed > 1 else ''} {which}: the fit describes little else. If "
            "the targets there are errors, leave the rows out; if they are not, fit "
            "y on another scale, such as its logarithm."
        )
    return messages


def _squared_deviations(y: Array, weight: Array) -> Array:
    """Weighted squares about the median, in units that fit into numbers."""
    squares = np.abs(y - _median(y, weight))
    squares /= squares.max() or 1.0
    squares *= squares
    squares *= weight
    return squares


def _median(y: Array, weight: Array) -> float:
    """The least value up to which half of the weight is.

    A row that stands for many is their median, not an outlier.
    """
    if (weight == weight[0]).all():
        return float(np.quantile(y, 0.5, method="inverted_cdf"))
    order = np.argsort(y)
    cumulative = np.cumsum(weight[order])
    return float(y[order[np.searchsorted(cumulative, cumulative[-1] / 2)]])


def _largest(values: Array, number: int) -> NDArray[np.intp]:
    """Where the largest of many numbers are, in falling order; the first of equals."""
    least = np.partition(values, len(values) - number)[len(values) - number]
    some = np.flatnonzero(values >= least)
    return some[np.argsort(-values[some], kind="stable")][:number]
