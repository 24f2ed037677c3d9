"""What speaks for each prediction: the leading units and features of every row."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.effects import Block, CentredNetwork
from sksoftnewton._estimator.prediction import exponentials
from sksoftnewton._estimator.seen import Seen
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]


def explanation(
    model: Any, seen: Seen, X: Any, output: int, n_leading: int
) -> dict[str, Any]:
    """The columns of the frame of `explain`.

    Parameters
    ----------
    model : TwoLayerSoftmaxRegressor, fitted
    seen : Seen
    X : ndarray or CSR of shape (n, n_features)
    output, n_leading : int
    """
    activation = get_activation(model.output_activation)
    network = CentredNetwork.of(model._layers(), model.basis_, seen.columns, activation)
    used = seen.columns.used
    n_units, n_features = min(n_leading, model.n_hidden_), min(n_leading, len(used))
    prediction = np.empty(X.shape[0])
    unit, share = _empty(X.shape[0], n_units)
    feature, effect = _empty(X.shape[0], n_features)
    for block in network.blocks(X):
        here = block.rows
        unit[here], share[here] = _leading(network.memberships(block).T, n_units)
        prediction[here], effects = _effects(model, network, block, output)
        feature[here], effect[here] = _leading(effects.T, n_features)
    columns: dict[str, Any] = {"prediction": prediction}
    for i in range(n_units):
        columns[f"unit_{i + 1}"] = unit[:, i]
        columns[f"share_{i + 1}"] = share[:, i]
        columns[f"value_{i + 1}"] = unit_values(model)[output][unit[:, i]]
    for i in range(n_features):
        columns[f"feature_{i + 1}"] = feature_names(model)[used][feature[:, i]]
        columns[f"effect_{i + 1}"] = effect[:, i]
    if seen.extent is not None:
        columns["outside"] = seen.is_outside(X)
    return columns


def feature_names(model: Any) -> NDArray[np.object_]:
    """Those of the data, or ``x0``, ``x1``, …."""
    default = [f"x{j}" for j in range(model.n_features_in_)]
    return np.asarray(getattr(model, "feature_names_in_", default), dtype=object)


def unit_values(model: Any) -> Array:
    """Predictions for rows that belong to one unit alone, (n_outputs, n_hidden)."""
    activation = get_activation(model.output_activation)
    coef = np.asarray(to_numpy(model.output_coef_), dtype=np.float64)
    return _targets(model, activation.value(coef), _smearing(model)[:, None])


def _smearing(model: Any) -> Array:
    return np.asarray(to_numpy(model.smearing_), dtype=np.float64)


def _targets(model: Any, values: Array, smearing: Array) -> Array:
    """Outputs in the units of y: exponentials of those on the log scale."""
    if model.target_transform_ != "log":
        return values
    return exponentials(values, smearing)


def _empty(n_rows: int, n_leading: int) -> tuple[Index, Array]:
    """Room for the places and the values of what leads."""
    return np.empty((n_rows, n_leading), dtype=np.intp), np.empty((n_rows, n_leading))


def _effects(
    model: Any, network: CentredNetwork, block: Block, output: int
) -> tuple[Array, Array]:
    """Predictions of one output, (n,), and effects of the features, (n_used, n)."""
    with np.errstate(over="ignore", invalid="ignore"):
        factor = _smearing(model)[output]
        lower, upper = (-np.inf, np.inf)
        if model.target_transform_ == "log":  # predictions stay near the targets
            lower, upper = np.array(model._limits)[:, output]
        outputs = network.outputs(block)[output], network.outputs_without(block)[output]
        whole, without = (
            _targets(model, np.clip(values, lower, upper), factor) for values in outputs
        )
        return whole, whole - without


def _leading(values: Array, n: int) -> tuple[Index, Array]:
    """The places of the largest magnitudes of every row, and the values there."""
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :n]
    return order, np.take_along_axis(values, order, axis=1)


def check_output(output: Any, n_outputs: int) -> int:
    """The index of the output that is explained.

    Raises
    ------
    ValueError
        Where there are several and none was chosen, and for no index of one.
    """
    if output is None and n_outputs == 1:
        return 0
    whole = isinstance(output, Integral) and not isinstance(output, bool)
    if not whole or not 0 <= output < n_outputs:
        raise ValueError(
            f"output={output!r} has to be an integer from 0 to {n_outputs - 1}: the "
            f"model has {n_outputs} output{'s' if n_outputs > 1 else ''}."
        )
    return int(output)


def pandas() -> Any:
    """The library.

    Raises
    ------
    ImportError
        Without it.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("explain needs pandas: pip install pandas") from error
    return pd
