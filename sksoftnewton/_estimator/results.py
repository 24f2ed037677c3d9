"""The outcome of a search as the fitted attributes of the estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sksoftnewton._estimator.array_api import Place, to_numpy
from sksoftnewton._inference.monitor import HISTORY, columns, in_units
from sksoftnewton._inference.noise import Residuals
from sksoftnewton._inference.posterior import Posterior
from sksoftnewton._inference.run import Run
from sksoftnewton._inference.search import Search
from sksoftnewton._inference.validation import smearing
from sksoftnewton._network.coordinates import Coordinates
from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem

Array = NDArray[np.float64]
Attributes = dict[str, Any]

MAY_BE_INFINITE = ("log_evidence_", "effective_dof_", "width_path_")
NO_NUMBERS = ("basis_",)


def results(search: Search, run: Run, dtype: DTypeLike, place: Place) -> Attributes:
    """All fitted attributes: weights in the given dtype, arrays in the given place."""
    path = search.path
    return {
        **network_results(run.problem, run.network, run.theta, dtype, place),
        **_moved(_evidence_results(run, search.settings.noise), place),
        **_progress_results(run, search.n_rows),
        "width_path_": {**path, "loss": path["loss"] * run.problem.units.loss},
    }


def network_results(
    problem: Problem, network: Network, theta: Array, dtype: DTypeLike, place: Place
) -> Attributes:
    """The attributes that `predict` needs."""
    layers, limits = problem.layers(network, theta), problem.units.limits
    hidden_coef = layers.hidden_coef.astype(dtype, copy=False)
    # The logits of rows far from zero are differences of large numbers: the rounding
    # of the weights goes into the intercept, and what float32 cannot hold is kept.
    rounding = (layers.hidden_coef - hidden_coef)[:, problem.columns]
    intercept = layers.hidden_intercept + rounding @ problem.features.mean
    hidden_intercept = intercept.astype(dtype, copy=False)
    attributes = {
        "n_hidden_": network.n_hidden,
        "support_": np.isin(np.arange(problem.n_features_in), problem.used),
        "alpha_": np.array(problem.units.alpha(network.alpha)),
        "hidden_coef_": hidden_coef,
        "hidden_intercept_": hidden_intercept,
        "_intercept_rest": intercept - hidden_intercept,
        "output_coef_": layers.output_coef.astype(dtype, copy=False),
        "smearing_": smearing(problem, network, theta),
        "_posterior": None,
        "_seen": None,
    }
    return {
        **_moved(attributes, place),
        "basis_": problem.basis,
        "_limits": None if limits is None else limits.tolist(),  # no array of a place
        "target_transform_": "log" if problem.log else "identity",
    }


def _moved(attributes: Attributes, place: Place) -> Attributes:
    return {name: place.moved_here(value) for name, value in attributes.items()}


def _evidence_results(run: Run, noise: str) -> Attributes:
    problem, posterior = run.problem, run.posterior
    scale = problem.units.targets.scale
    if posterior is None:  # its matrix would be too large
        squares = run.network.residual_squares(run.theta)
        variance = squares / run.network.rows.total_weight * scale**2
        return {
            "log_evidence_": np.nan,
            "effective_dof_": np.nan,
            "noise_variance_": variance,
            "unit_noise_variance_": np.repeat(
                variance[:, None], run.network.n_hidden, axis=1
            ),
        }
    noise_variance = posterior.noise_variances() * scale**2
    residuals = Residuals.of(posterior)
    variances = residuals.constant_variances()
    if noise == "auto":
        variances = residuals.unit_variances()
    quantiles = residuals.quantiles(variances)
    unit_noise = variances * scale[:, None] ** 2
    space = problem.row_space.without_rows() if problem.row_space else None
    coordinates = Coordinates(
        problem.features,
        problem.used,
        problem.basis.take(problem.used),
        space,
        problem.whitening,
    )
    return {
        "log_evidence_": run.log_evidence,
        "effective_dof_": posterior.dof,
        "noise_variance_": noise_variance,
        "unit_noise_variance_": unit_noise,
        "_posterior": Posterior.of(
            posterior, coordinates, noise_variance, unit_noise, quantiles
        ),
    }


def check_finite(attributes: Attributes) -> None:
    """Raise FloatingPointError for attributes that are no numbers, the last guard.

    The evidence may be: it is −inf without a penalty and NaN where it is too large.
    """
    for name, value in attributes.items():
        public = name.endswith("_") and name not in (*MAY_BE_INFINITE, *NO_NUMBERS)
        columns_of = value.values() if isinstance(value, dict) else (value,)
        for column in columns_of:
            numbers = np.asarray(to_numpy(column)) if public else np.zeros(0)
            if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
                raise FloatingPointError(
                    f"{name} came out infinite or NaN. Please report it; "
                    "other units of X and y, or a larger alpha, may avoid it."
                )


def _progress_results(run: Run, n_rows: int) -> Attributes:
    unit = run.problem.units.loss
    rows = [in_units(row, unit) for row in run.history]
    history = columns(rows, (*HISTORY, "alpha"))
    on_all = history["loss"][history["n_rows"] == n_rows]
    return {
        "history_": history,
        "loss_": run.value * unit,
        "loss_curve_": [float(loss) for loss in on_all] or [run.value * unit],
        "n_iter_": len(run.history),
        "status_": run.status,
    }
