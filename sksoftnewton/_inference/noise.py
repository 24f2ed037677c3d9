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
from sklearn.linear_model import GammaRegressor

from sksoftnewton._activations import softmax
from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton._inference.evidence import Laplace
from sksoftnewton._inference.validation import LEAST_SHARE, leverages, residuals
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.rows import Rows

Array = NDArray[np.float64]

MOST_ROWS = 10_000  # that variances are estimated from
LEAST_SQUARE = 1e-9  # of a residual, over the mean of all


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
    A1, _ = network.layers(laplace.theta)
    f = softmax(rows.whole().logits(A1)).T.astype(np.float64)
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
    """The variances of the units, each with one more square of one."""
    k = f.shape[1]
    regression = GammaRegressor(
        alpha=0, fit_intercept=False, solver="newton-cholesky", tol=1e-6
    )
    regression.fit(
        np.vstack([f, np.eye(k)]),
        np.append(squares, np.ones(k)),
        np.append(weight, np.ones(k)),
    )
    variances: Array = np.exp(regression.coef_)
    return variances
