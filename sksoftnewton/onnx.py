"""Conversion of fitted models to ONNX, for skl2onnx.

The graph is the chain that `predict` is, in float64 whatever the input is: columns of
the basis, missing numbers filled in, logits, softmax, second layer, output activation,
and on the scale of logarithms the exponential with its smearing. It has standard
operators only, and any runtime can read it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.maps import Number

__all__ = ["register_converter"]

ALIAS = "SksoftnewtonTwoLayerSoftmaxRegressor"
DOUBLE = 11  # the code of float64 in the format
# Earlier operators have other axes of Softmax and no Clip of float64.
LEAST_OPSET = 13


def register_converter() -> None:
    """Make skl2onnx know `TwoLayerSoftmaxRegressor`, also inside of pipelines.

    After it ``skl2onnx.to_onnx(model, X[:1])`` converts a fitted model. The graph takes
    the dtype of the given rows and returns what ``predict`` does, with shape
    (n_samples, n_outputs) and in float64 for float64, else in float32. With
    ``options={id(model): {"memberships": True}}`` it returns what
    ``hidden_activations`` does; a model that is not the last step of a pipeline needs
    this. NaN is a missing number, as in ``predict``. Standard deviations, intervals and
    models of categories are not converted. Needs the extra ``onnx``.

    Raises
    ------
    ImportError
        Without skl2onnx.

    See Also
    --------
    TwoLayerSoftmaxRegressor.predict : What is converted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_friedman1
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.onnx import register_converter
    >>> X, y = make_friedman1(n_samples=200, random_state=0)
    >>> model = TwoLayerSoftmaxRegressor(n_hidden=4, random_state=0).fit(X, y)
    >>> register_converter()
    >>> from onnxruntime import InferenceSession
    >>> from skl2onnx import to_onnx
    >>> graph = to_onnx(model, X[:1]).SerializeToString()
    >>> session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    >>> (y_mean,) = session.run(None, {"X": X})
    >>> bool(np.allclose(y_mean[:, 0], model.predict(X)))
    True
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "Conversion to ONNX needs skl2onnx. Install it with "
            "`pip install sksoftnewton[onnx]`."
        ) from error
    update_registered_converter(
        TwoLayerSoftmaxRegressor,
        ALIAS,
        _set_output_type,
        _convert,
        options={"memberships": [False, True]},
    )


def _set_output_type(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    model, given = operator.raw_operator, [x.type for x in operator.inputs]
    memberships = _asks_for_memberships(operator.scope_inst, model)
    n_columns = model.n_hidden_ if memberships else model.output_coef_.shape[0]
    double = any(isinstance(of_input, DoubleTensorType) for of_input in given)
    tensor = DoubleTensorType if double else FloatTensorType
    operator.outputs[0].type = tensor([given[0].shape[0], n_columns])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a fitted model to a graph."""
    from skl2onnx.algebra import onnx_ops as ops
    from skl2onnx.common.data_types import guess_numpy_type, guess_proto_type

    if container.target_opset < LEAST_OPSET:
        raise ValueError(
            f"target_opset={container.target_opset} has not all operators in float64 "
            f"that TwoLayerSoftmaxRegressor needs. Use {LEAST_OPSET} or more."
        )
    model, (output,) = operator.raw_operator, operator.outputs
    if model._table.has_categories:
        raise ValueError(
            "The model was fitted to categories, which are not converted to ONNX. "
            "Put an encoder in front of it in a pipeline, and convert that."
        )
    version = {"op_version": container.target_opset}
    given = [ops.OnnxCast(x, to=DOUBLE, **version) for x in operator.inputs]
    if len(given) > 1:  # a frame with an input for each column
        given = [ops.OnnxConcat(*given, axis=1, **version)]
    values = _memberships(given[0], model, version)
    if not _asks_for_memberships(container, model):
        values = _predictions(values, model, version)
        largest = np.finfo(guess_numpy_type(output.type)).max
        values = ops.OnnxClip(values, *_numbers(-largest, largest), **version)
    values = ops.OnnxCast(
        values, to=guess_proto_type(output.type), output_names=[output], **version
    )
    values.add_to(scope, container)


def _asks_for_memberships(options: Any, model: Any) -> bool:
    # The defaults are changed by what is asked.
    return bool(options.get_options(model, {"memberships": False})["memberships"])


def _memberships(given: Any, model: Any, version: dict[str, int]) -> Any:
    """softmax(A1 φ(x)) of rows in float64."""
    from skl2onnx.algebra import onnx_ops as ops

    hidden_coef, hidden_intercept, _ = model._layers()
    logits = ops.OnnxAdd(
        ops.OnnxMatMul(
            _columns(given, model.basis_, version),
            hidden_coef.T.astype(np.float64),
            **version,
        ),
        hidden_intercept.astype(np.float64),
        **version,
    )
    return ops.OnnxSoftmax(logits, axis=1, **version)


def _predictions(memberships: Any, model: Any, version: dict[str, int]) -> Any:
    """h(A2 f), and means of targets whose logarithms were fitted."""
    from skl2onnx.algebra import onnx_ops as ops

    _, _, output_coef = model._layers()
    output = ops.OnnxMatMul(memberships, output_coef.T.astype(np.float64), **version)
    output = _activated(output, model.output_activation, version)
    if model.target_transform_ == "log":
        logarithm = ops.OnnxClip(output, *_numbers(*model._limits), **version)
        smearing = np.asarray(to_numpy(model.smearing_), dtype=np.float64)
        mean = ops.OnnxExp(logarithm, **version)
        output = ops.OnnxMul(mean, smearing, **version)
    return output


def _activated(u: Any, activation: str, version: dict[str, int]) -> Any:
    """h(u), without the operators that onnxruntime has for float32 only."""
    from skl2onnx.algebra import onnx_ops as ops

    if activation == "identity":
        return u
    if activation == "relu":
        return ops.OnnxMax(u, *_numbers(0), **version)
    if activation == "softplus":  # max(u, 0) + log(1 + exp(−|u|))
        distance = ops.OnnxAbs(u, **version)
        far = ops.OnnxExp(ops.OnnxNeg(distance, **version), **version)
        near = ops.OnnxLog(ops.OnnxAdd(far, *_numbers(1), **version), **version)
        return ops.OnnxAdd(ops.OnnxMax(u, *_numbers(0), **version), near, **version)
    return getattr(ops, f"Onnx{activation.capitalize()}")(u, **version)


def _columns(given: Any, basis: Basis, version: dict[str, int]) -> Any:
    """φ(x): a feature in each column, moved, divided, clipped, and filled in."""
    from skl2onnx.algebra import onnx_ops as ops

    stands_for_missing = np.concatenate(
        [[*number.fills, *[1.0] * number.indicator] for number in _numbers_of(basis)]
    )
    has_means = not np.isnan(stands_for_missing).any()
    if basis.is_linear and not has_means:
        return given
    shift, width = np.zeros(basis.n_columns), np.ones(basis.n_columns)
    lower, upper = np.full((2, basis.n_columns), [[-np.inf], [np.inf]])
    for first, number in zip(basis.starts, _numbers_of(basis), strict=True):
        ramps = slice(first + 1, first + len(number.knots))
        shift[ramps], width[ramps] = number.knots[:-1], np.diff(number.knots)
        lower[ramps], upper[ramps] = 0, 1
        if number.indicator:
            last = first + number.n_columns - 1
            lower[last] = upper[last] = 0
    values = ops.OnnxGather(given, basis.feature_of, axis=1, **version)
    columns = ops.OnnxSub(values, shift, **version)
    columns = ops.OnnxDiv(columns, width, **version)
    columns = ops.OnnxMax(columns, lower, **version)
    columns = ops.OnnxMin(columns, upper, **version)
    if not has_means:
        return columns
    missing = ops.OnnxIsNaN(values, **version)
    return ops.OnnxWhere(missing, stands_for_missing, columns, **version)


def _numbers_of(basis: Basis) -> list[Number]:
    """The maps of a basis without categories."""
    return [of_feature for of_feature in basis.maps if isinstance(of_feature, Number)]


def _numbers(*values: float) -> tuple[NDArray[np.float64], ...]:
    return tuple(np.array(value, dtype=np.float64) for value in values)
