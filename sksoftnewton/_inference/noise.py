"""The noise of each hidden unit, where it differs from unit to unit.

The memberships f(x) divide the observations softly: with a variance σ_j² for each
unit, the noise at x has the variance s(x) with log s = Σ_j f_j(x) log σ_j². Given the
memberships, the likelihood of squared residuals is that of a gamma regression with the
logarithm as link, and concave. A residual c lost a share h of its variance to the fit,
which is why the squares are c² / (1 − h).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import GammaRegressor

from sksoftnewton._activations import softmax
from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton._inference.evidence import Laplace
from sksoftnewton._inference.validation import LEAST_SHARE, leverages, residuals
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.basis import weighted_quantiles
from sksoftnewton._rows.rows import Rows

Array = NDArray[np.float64]

MOST_ROWS = 10_000  # that variances are estimated from
LEAST_SQUARE = 1e-9  # of a residual, over the mean of all
# Of the logarithm of a unit's variance about that of the constant one: a factor of e²
# is usual, and units that share all their rows with others do not run away.
PRIOR_DEVIATION = 2.0
# Where quantiles of residuals are kept, and how many normal residuals count among them.
LEVELS = np.linspace(0.005, 0.995, 199)
NORMAL_RESIDUALS = 50


def unit_variances(laplace: Laplace) -> Array:
    """σ² of each output and unit, standardised, shape (n_outputs, n_hidden).

    All units have the same unless the likelihood of residuals of rows left out speaks
    against it, by more than the number of variances.
    """
    network, constant = laplace.network, laplace.noise_variances()
    variances = np.repeat(constant[:, None], network.n_hidden, axis=1)
    if network.n_hidden == 1:
        return variances
    rows, h = _rows_and_leverages(laplace)
    f = _memberships(laplace, rows)
    left = np.maximum(1 - h, LEAST_SHARE)
    c = residuals(network.on(rows), laplace.theta)
    for o, variance in enumerate(constant):
        squares = np.maximum(c[:, o] ** 2 / left[:, o] / variance, LEAST_SQUARE)
        relative = _of_units(f, squares, rows.weight)
        of_rows = np.exp(f @ np.log(relative))
        # Residuals of rows left out have lost nothing.
        outside = squares / left[:, o]
        terms = outside - np.log(of_rows) - outside / of_rows
        gain = 0.5 * float(rows.weight @ terms)
        if gain > DECISIVE + network.n_hidden - 1:
            variances[o] = variance * relative
    return variances


def residual_quantiles(laplace: Laplace, variances: Array) -> Array:
    """Quantiles of standardised residuals at `LEVELS`, shape (n_outputs, n_levels).

    Residuals often have heavier tails than the normal distribution, or a skew: then
    its quantiles make central intervals too wide and outer ones too narrow. Those of
    residuals of rows left out are drawn to it as by so many normal residuals.

    Parameters
    ----------
    laplace : Laplace
    variances : ndarray of shape (n_outputs, n_hidden), from `unit_variances`
    """
    rows, h = _rows_and_leverages(laplace)
    c = residuals(laplace.network.on(rows), laplace.theta)
    f = _memberships(laplace, rows)
    of_rows = np.exp(f @ np.log(variances).T)
    z = -c / np.sqrt(of_rows * np.maximum(1 - h, LEAST_SHARE))
    share = NORMAL_RESIDUALS / (NORMAL_RESIDUALS + rows.total_weight)
    found = np.array(
        [weighted_quantiles(column, rows.weight, LEVELS) for column in z.T]
    )
    quantiles: Array = share * norm.ppf(LEVELS) + (1 - share) * found
    return quantiles


def quantile_of(quantiles: Array, level: float) -> Array:
    """The quantile of each output at a level, beyond the outer ones as of a normal."""
    inner = float(np.clip(level, LEVELS[0], LEVELS[-1]))
    factor = norm.ppf(level) / norm.ppf(inner) if inner != level else 1.0
    at = [np.interp(inner, LEVELS, of_output) for of_output in quantiles]
    return factor * np.array(at)


def _memberships(laplace: Laplace, rows: Rows) -> Array:
    A1, _ = laplace.network.layers(laplace.theta)
    f: Array = softmax(rows.whole().logits(A1)).T.astype(np.float64)
    return f


def _rows_and_leverages(laplace: Laplace) -> tuple[Rows, Array]:
    """All rows of a small problem, or some, where leverages hardly differ from γ/N."""
    rows = laplace.network.rows
    if rows.total_weight * rows.n_outputs <= SMALL:
        return rows, leverages(laplace)
    n = min(rows.n_rows, MOST_ROWS)
    some = rows.take(np.linspace(0, rows.n_rows - 1, n).astype(np.intp))
    return some, np.full((n, rows.n_outputs), laplace.dof / laplace.n_observations)


def _of_units(f: Array, squares: Array, weight: Array) -> Array:
    """The variances of the units, over the constant that squares are relative to."""
    regression = GammaRegressor(
        alpha=2 / (PRIOR_DEVIATION**2 * weight.sum()),
        fit_intercept=False,
        solver="newton-cholesky",
        tol=1e-6,
    )
    regression.fit(f, squares, weight)
    variances: Array = np.exp(regression.coef_)
    return variances
