"""The noise of each hidden unit, where it differs from unit to unit.

The memberships f(x) divide the observations softly: with a variance σ_j² for each
unit, the noise at x has the variance s(x) with log s = Σ_j f_j(x) log σ_j². Given the
memberships, the likelihood of squared residuals is that of a gamma regression with the
logarithm as link, and concave. A residual c lost a share h of its variance to the fit,
which is why the squares are c² / (1 − h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import GammaRegressor

from sksoftnewton._activations import softmax
from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton._inference.evidence import Laplace
from sksoftnewton._inference.validation import LEAST_SHARE, leverages, residuals
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.ramps import weighted_quantiles
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


@dataclass(frozen=True)
class Residuals:
    """Residuals of the rows that the noise is estimated from.

    Attributes
    ----------
    c : ndarray of shape (n, n_outputs), ŷ − y, standardised
    left : ndarray of the same shape, 1 − h
    f : ndarray of shape (n, n_hidden), memberships
    weight : ndarray of shape (n,)
    constant : ndarray of shape (n_outputs,), the noise where it is the same everywhere
    """

    c: Array
    left: Array
    f: Array
    weight: Array
    constant: Array

    @classmethod
    def of(cls, laplace: Laplace) -> Residuals:
        """Those of all rows of a small problem, or of some of a larger one."""
        rows, h = _rows_and_leverages(laplace)
        A1, _ = laplace.network.layers(laplace.theta)
        return cls(
            c=residuals(laplace.network.on(rows), laplace.theta),
            left=np.maximum(1 - h, LEAST_SHARE),
            f=softmax(rows.whole().logits(A1)).T.astype(np.float64),
            weight=rows.weight,
            constant=laplace.noise_variances(),
        )

    def constant_variances(self) -> Array:
        """σ² of each output and unit, the same for all units, (n_outputs, n_hidden)."""
        return np.repeat(self.constant[:, None], self.f.shape[1], axis=1)

    def unit_variances(self) -> Array:
        """σ² of each output and unit, standardised, shape (n_outputs, n_hidden).

        All units have the same unless the likelihood of residuals of rows left out
        speaks against it, by more than the number of variances.
        """
        variances = self.constant_variances()
        n_hidden = self.f.shape[1]
        if n_hidden == 1:
            return variances
        for o, variance in enumerate(self.constant):
            left = self.left[:, o]
            squares = np.maximum(self.c[:, o] ** 2 / left / variance, LEAST_SQUARE)
            relative = _of_units(self.f, squares, self.weight)
            of_rows = np.exp(self.f @ np.log(relative))
            # Residuals of rows left out have lost nothing.
            outside = squares / left
            terms = outside - np.log(of_rows) - outside / of_rows
            gain = 0.5 * float(self.weight @ terms)
            if gain > DECISIVE + n_hidden - 1:
                variances[o] = variance * relative
        return variances

    def quantiles(self, variances: Array) -> Array:
        """Quantiles of standardised residuals at `LEVELS`, (n_outputs, n_levels).

        Residuals often have heavier tails than the normal distribution, or a skew: then
        its quantiles make central intervals too wide and outer ones too narrow. Those
        of residuals of rows left out are drawn to it as by so many normal residuals.

        Parameters
        ----------
        variances : ndarray of shape (n_outputs, n_hidden), of the units
        """
        of_rows = np.exp(self.f @ np.log(variances).T)
        z = -self.c / np.sqrt(of_rows * self.left)
        share = NORMAL_RESIDUALS / (NORMAL_RESIDUALS + self.weight.sum())
        found = np.array([weighted_quantiles(x, self.weight, LEVELS) for x in z.T])
        quantiles: Array = share * norm.ppf(LEVELS) + (1 - share) * found
        return quantiles


def quantile_of(quantiles: Array, level: float) -> Array:
    """The quantile of each output at a level, beyond the outer ones as of a normal."""
    z = np.array(norm.ppf(level))
    return np.array([from_normal(of_output, z) for of_output in quantiles])


def from_normal(quantiles: Array, z: Array) -> Array:
    """Standardised residuals in the places of standard normal numbers.

    Parameters
    ----------
    quantiles : ndarray of shape (n_levels,), of one output
    z : ndarray
    """
    outer = norm.ppf(LEVELS[-1])
    inner = np.clip(z, -outer, outer)
    beyond = np.where(inner == z, 1.0, z / np.where(inner == 0, 1.0, inner))
    found: Array = beyond * np.interp(norm.cdf(inner), LEVELS, quantiles)
    return found


def _rows_and_leverages(laplace: Laplace) -> tuple[Rows, Array]:
    """All rows of a small problem, or some, where leverages hardly differ from γ/N."""
    rows = laplace.network.rows
    small = rows.total_weight * rows.n_outputs <= SMALL
    if small and isinstance(rows, Rows):
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
    # Weights so large that no prior is left determine no variance of units that share
    # all their rows.
    limit = -np.log(LEAST_SQUARE)
    variances: Array = np.exp(np.clip(regression.coef_, -limit, limit))
    return variances
