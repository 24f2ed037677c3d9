"""How much each feature matters: the spread of its effects over the training rows.

The importance of a feature is the standard deviation of its effects on the predictions,
in units of the standard deviation of the target; squares are added up over outputs. It
is |β_j| σ_j in a linear model, the root of half a permutation importance where features
add up, and does not change with the units of anything. A standard deviation, and not a
variance: a feature of half the effect counts half, not a quarter, so that the mean
importance, the default threshold of scikit-learn's `SelectFromModel`, keeps it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.effects import CentredNetwork

Array = NDArray[np.float64]

ROUNDING = 1e-12  # of effects, in standard deviations of the target


def feature_importances(
    network: CentredNetwork, X: Any, weight: Array, scale: Array, n_features: int
) -> Array:
    """Importances of all features, with sum one; all zero for a constant.

    Parameters
    ----------
    network : CentredNetwork
    X : ndarray or CSR of shape (n, n_features)
    weight : ndarray of shape (n,)
    scale : ndarray of shape (n_outputs,), standard deviations of the targets
    n_features : int
    """
    shape = len(scale), len(network.columns.used)
    first, second = np.zeros(shape), np.zeros(shape)
    units = np.where(scale > 0, scale, 1.0)[:, None, None]
    for block in network.blocks(X):
        whole = network.outputs(block)[:, None, :]
        effects = (whole - network.outputs_without(block)) / units
        first += effects @ weight[block.rows]
        second += effects**2 @ weight[block.rows]
    total = weight.sum()
    variances = np.maximum(second / total - (first / total) ** 2, 0.0)
    importances = np.zeros(n_features)
    importances[network.columns.used] = np.sqrt(variances.sum(axis=0))
    total_importance = importances.sum()
    if total_importance <= ROUNDING:  # a constant
        return np.zeros(n_features)
    importances /= total_importance
    return importances
