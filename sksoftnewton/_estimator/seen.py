"""What a fit keeps of its training rows, for questions that are asked after it.

Everything comes from at most 2,048 of them, and fewer where features are so many that
this would cost time: all rows of small data, so that weights are equal to repetitions,
and else a sample in proportion to the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.array_api import Place
from sksoftnewton._estimator.effects import CentredNetwork, Columns
from sksoftnewton._estimator.extent import MOST_FEATURES, Extent, Flags
from sksoftnewton._estimator.hidden_units import HiddenUnits
from sksoftnewton._estimator.importances import feature_importances
from sksoftnewton._inference.run import Run
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.data import Data
from sksoftnewton._rows.sampling import sampled
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]

# Memberships computed for the importances: rows, features and units together.
MOST_MEMBERSHIPS, LEAST_ROWS = 2**25, 64
ROWS = 8192  # judged at a time


@dataclass(frozen=True)
class Seen:
    """What a fit keeps of its training rows.

    Attributes
    ----------
    columns : Columns, the features in use
    units : HiddenUnits
    extent : Extent, or None where features are too many
    total_weight : float, of all rows
    messages : tuple of str, the warnings of the fit
    """

    columns: Columns
    units: HiddenUnits
    extent: Extent | None
    total_weight: float
    messages: tuple[str, ...]

    def is_outside(self, X: Any) -> Flags:
        """Whether rows of all features are farther out than the training rows, (n,)."""
        if self.extent is None:
            raise ValueError(
                f"is_outside is not available for {len(self.columns.used)} features in "
                f"use: distances are taken in at most {MOST_FEATURES}."
            )
        out = np.empty(X.shape[0], dtype=bool)
        for start in range(0, len(out), ROWS):
            rows = slice(start, start + ROWS)
            out[rows] = self.extent.is_outside(self.columns.standardised(X[rows]))
        return out


def seen_results(
    run: Run, data: Data, place: Place, warnings: list[Warning]
) -> dict[str, Any]:
    """The fitted attributes that are made of training rows.

    Parameters
    ----------
    run : Run, on all rows
    data : Data
    place : Place of the public attributes
    warnings : list of Warning, those of the fit
    """
    problem = run.problem
    basis, moments = problem.basis.take(problem.used), problem.features
    columns = Columns(problem.used, basis, moments)
    layers = problem.layers(run.network, run.theta)
    network = CentredNetwork.of(
        (layers.hidden_coef, layers.hidden_intercept, layers.output_coef),
        problem.basis,
        columns,
        get_activation(problem.units.activation.name),
    )
    n_memberships = run.network.n_hidden * max(problem.n_features, 1)
    most = int(np.clip(MOST_MEMBERSHIPS // n_memberships, LEAST_ROWS, SMALL))
    rows, of_rows = _some_rows(data.weight, most)
    X = data.taken(rows)
    scale = np.sqrt(run.network.rows.target_variances) * problem.units.targets.scale
    importances = feature_importances(network, X, of_rows, scale, problem.n_features_in)
    extent = None
    if problem.n_features <= MOST_FEATURES:
        extent = Extent.of(columns.standardised(X), of_rows)
    return {
        "feature_importances_": place.moved_here(importances),
        "_seen": Seen(
            columns=columns,
            units=HiddenUnits.of(network, X, of_rows),
            extent=extent,
            total_weight=run.network.rows.total_weight,
            messages=tuple(map(str, warnings)),
        ),
    }


def _some_rows(weight: Array, most: int) -> tuple[Index, Array]:
    """At most so many rows that have a weight, the same for the same weights."""
    if len(weight) > most and weight.all():
        return sampled(weight, most, np.random.default_rng(0))
    counted = np.flatnonzero(weight)
    if len(counted) <= most:
        return counted, weight[counted]
    rows, of_rows = sampled(weight[counted], most, np.random.default_rng(0))
    return counted[rows], of_rows
