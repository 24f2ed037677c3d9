"""What displays check about a model and data, and the grids that they draw over."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def check_model(estimator: Any, display: type) -> TwoLayerSoftmaxRegressor:
    """The estimator, if it is a fitted model of ours."""
    if not isinstance(estimator, TwoLayerSoftmaxRegressor):
        raise TypeError(
            f"{display.__name__} needs a fitted TwoLayerSoftmaxRegressor; got "
            f"{type(estimator).__name__}. Of a pipeline pass its last step, "
            "pipeline[-1], with data that pipeline[:-1] has transformed; of a search "
            "its best_estimator_."
        )
    check_is_fitted(estimator)
    return estimator


def check_output(model: TwoLayerSoftmaxRegressor, output: Any) -> int:
    """The index of the output to show."""
    n_outputs = len(model.output_coef_)
    if output is None and n_outputs == 1:
        return 0
    if output is None:
        raise ValueError(
            f"The model has {n_outputs} outputs: choose one with output=0 to "
            f"{n_outputs - 1}."
        )
    if not isinstance(output, (int, np.integer)) or not 0 <= output < n_outputs:
        raise ValueError(
            f"output={output!r} is not an integer from 0 to {n_outputs - 1}."
        )
    return int(output)


def feature_index(model: TwoLayerSoftmaxRegressor, feature: Any) -> int:
    """The column of a feature that is given by its index or name."""
    names = getattr(model, "feature_names_in_", None)
    if isinstance(feature, str):
        if names is None:
            raise ValueError(
                f"feature {feature!r} is a name, but the model was fitted to data "
                "without names: give its index."
            )
        if feature not in names:
            raise ValueError(
                f"feature {feature!r} is not among those of the model: "
                f"{', '.join(names)}."
            )
        return int(np.flatnonzero(names == feature)[0])
    if (
        not isinstance(feature, (int, np.integer))
        or not 0 <= feature < model.n_features_in_
    ):
        raise ValueError(
            f"feature {feature!r} is neither a name nor an integer from 0 to "
            f"{model.n_features_in_ - 1}."
        )
    return int(feature)


def feature_name(model: TwoLayerSoftmaxRegressor, index: int) -> str:
    names = getattr(model, "feature_names_in_", None)
    return f"feature {index}" if names is None else str(names[index])


def check_dense(model: TwoLayerSoftmaxRegressor, X: Any) -> Array:
    """X as an array; scikit-learn's errors if it does not fit the model."""
    dense: Array = validate_data(model, X, reset=False, dtype=np.float64)
    return dense


def grid_over(
    model: TwoLayerSoftmaxRegressor, X: Array, index: int, resolution: Any
) -> Array:
    """Values of a feature from its least to its largest in X."""
    if not isinstance(resolution, (int, np.integer)) or resolution < 2:
        raise ValueError(f"grid_resolution={resolution!r} is not an integer above 1.")
    low, high = X[:, index].min(), X[:, index].max()
    if low == high:
        raise ValueError(
            f"{feature_name(model, index)!r} has the one value {low:g} in X: "
            "there is no range to draw over."
        )
    return np.linspace(low, high, resolution)


def at_median(X: Array, values: dict[int, Array]) -> Array:
    """Rows with the given values in some columns, and X's medians in the others."""
    n_rows = len(next(iter(values.values())))
    rows = np.tile(np.median(X, axis=0), (n_rows, 1))
    for index, column in values.items():
        rows[:, index] = column
    return rows


def nameless(model: TwoLayerSoftmaxRegressor) -> TwoLayerSoftmaxRegressor:
    """The model for plain arrays, such as a grid, which have no feature names."""
    model = copy(model)
    model.__dict__.pop("feature_names_in_", None)
    return model


def others_at_median(model: TwoLayerSoftmaxRegressor, n_shown: int) -> str:
    """What an axis label has to say of the features that are not shown."""
    n_others = model.n_features_in_ - n_shown
    if n_others == 0:
        return ""
    return f" ({'other features' if n_others > 1 else 'other feature'} at the median)"
