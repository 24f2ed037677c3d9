"""Conversion of fitted models to ONNX, for skl2onnx.

The graph is the chain that `predict` is, in float64 whatever the input is: columns of
the basis, missing numbers filled in, logits, softmax, second layer, output activation,
and on the scale of logarithms the exponential with its smearing. It has standard
operators only, and any runtime can read it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.posterior import Posterior
from sksoftnewton._network.coordinates import Coordinates
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
    this. With ``{"return_std": True}`` standard deviations are a second output, but for
    models on more features than rows. NaN is a missing number, as in ``predict``.
    Intervals and models of categories are not converted. Needs the extra ``onnx``.

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
        parser=_parse,
        options={"memberships": [False, True], "return_std": [False, True]},
    )


def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the outputs of a model."""
    from skl2onnx.common.data_types import guess_tensor_type

    operator = scope.declare_local_operator(ALIAS, model)
    operator.inputs = inputs
    names = (
        ["variable", "std"] if _asks_for("return_std", scope, model) else ["variable"]
    )
    for name in names:
        of_kind = guess_tensor_type(inputs[0].type)
        operator.outputs.append(scope.declare_local_variable(name, of_kind))
    return operator.outputs


def _set_output_type(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    model, given = operator.raw_operator, [x.type for x in operator.inputs]
    memberships = _asks_for("memberships", operator.scope_inst, model)
    n_columns = model.n_hidden_ if memberships else model.output_coef_.shape[0]
    double = any(isinstance(of_input, DoubleTensorType) for of_input in given)
    tensor = DoubleTensorType if double else FloatTensorType
    for output in operator.outputs:
        output.type = tensor([given[0].shape[0], n_columns])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a fitted model to a graph."""
    from skl2onnx.algebra import onnx_ops as ops
    from skl2onnx.common.data_types import guess_numpy_type, guess_proto_type

    if container.target_opset < LEAST_OPSET:
        raise ValueError(
            f"target_opset={container.target_opset} has not all operators in float64 "
            f"that TwoLayerSoftmaxRegressor needs. Use {LEAST_OPSET} or more."
        )
    model, outputs = operator.raw_operator, operator.outputs
    if model._table.has_categories:
        raise ValueError(
            "The model was fitted to categories, which are not converted to ONNX. "
            "Put an encoder in front of it in a pipeline, and convert that."
        )
    version = {"op_version": container.target_opset}
    given = [ops.OnnxCast(x, to=DOUBLE, **version) for x in operator.inputs]
    if len(given) > 1:  # a frame with an input for each column
        given = [ops.OnnxConcat(*given, axis=1, **version)]
    columns = _columns(given[0], model.basis_, version)
    answers = [_memberships(columns, model, version)]
    if not _asks_for("memberships", container, model):
        answers = [_predictions(answers[0], model, version)]
        if _asks_for("return_std", container, model):
            answers.append(_deviations(columns, answers[0], model, version))
    for values, output in zip(answers, outputs, strict=True):
        largest = np.finfo(guess_numpy_type(output.type)).max
        finite = ops.OnnxClip(values, *_numbers(-largest, largest), **version)
        ops.OnnxCast(
            finite, to=guess_proto_type(output.type), output_names=[output], **version
        ).add_to(scope, container)


def _asks_for(name: str, options: Any, model: Any) -> bool:
    # The defaults are changed by what is asked.
    asked = options.get_options(model, {"memberships": False, "return_std": False})
    if asked["memberships"] and asked["return_std"]:
        raise ValueError("memberships have no standard deviations: leave return_std.")
    return bool(asked[name])


def _memberships(columns: Any, model: Any, version: dict[str, int]) -> Any:
    """softmax(A1 φ(x)) of columns in float64."""
    from skl2onnx.algebra import onnx_ops as ops

    hidden_coef, hidden_intercept, _ = model._layers()
    logits = ops.OnnxAdd(
        ops.OnnxMatMul(
            columns,
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


def _deviations(columns: Any, mean: Any, model: Any, version: dict[str, int]) -> Any:
    """Standard deviations of new observations, as `Posterior.variance` has them."""
    node = partial(_node, version)
    posterior = model._posterior_for("return_std=True")
    x = _coordinates(columns, model.basis_, posterior.coordinates, node)
    f = node("Softmax", node("MatMul", x, posterior.A1.T), axis=1)
    u = node("MatMul", f, posterior.A2.T)
    slope = _slope(u, posterior, node)
    variances = []
    for o, A2_row in enumerate(posterior.A2):
        u_o, slope_o = (node("Gather", of, np.array([o]), axis=1) for of in (u, slope))
        by_value = node("Mul", f, slope_o)
        by_logit = node("Mul", by_value, node("Sub", A2_row[None], u_o))
        noise = node("Exp", node("MatMul", f, np.log(posterior.unit_noise[o])[:, None]))
        quadratic = _quadratic(by_logit, by_value, x, posterior, o, node)
        variances.append(node("Add", noise, quadratic))
    variance = node("Concat", *variances, axis=1)
    if model.target_transform_ != "log":
        return node("Sqrt", variance)
    ratio = node("Sqrt", node("Sub", node("Exp", variance), *_numbers(1)))
    return node("Mul", mean, ratio)


def _node(version: dict[str, int], name: str, *inputs: Any, **attributes: Any) -> Any:
    from skl2onnx.algebra import onnx_ops as ops

    return getattr(ops, f"Onnx{name}")(*inputs, **attributes, **version)


def _coordinates(columns: Any, basis: Basis, to: Coordinates, node: Any) -> Any:
    """Rows in the coordinates of the posterior, with a last one of ones."""
    if to.row_space is not None:
        raise ValueError(
            "Standard deviations of a model on more features than rows are not "
            "converted: leave return_std."
        )
    used = np.flatnonzero(np.isin(basis.feature_of, to.used))
    x = node("Sub", node("Gather", columns, used, axis=1), to.features.mean)
    x = node("Div", x, to.features.scale)
    if to.whitening is not None:
        x = node("MatMul", x, to.whitening.map.T)
    return node("Pad", x, np.array([0, 0, 0, 1]), *_numbers(1))


def _slope(u: Any, posterior: Posterior, node: Any) -> Any:
    """dh/du of u ↦ h(inside · u) / outside."""
    inside, outside = posterior.scales
    u = node("Mul", u, *_numbers(inside))
    h = _activated(u, posterior.activation, node.args[0])
    one, zero = _numbers(1, 0)
    slope = {
        "identity": lambda: node("Exp", node("Mul", u, zero)),
        "exp": lambda: h,
        "softplus": lambda: node("Sigmoid", u),
        "sigmoid": lambda: node("Mul", h, node("Sub", one, h)),
        "tanh": lambda: node("Sub", one, node("Mul", h, h)),
        "relu": lambda: node("Cast", node("Greater", u, zero), to=DOUBLE),
    }[posterior.activation]()
    return node("Mul", slope, *_numbers(inside / outside))


def _quadratic(
    by_logit: Any, by_value: Any, x: Any, posterior: Posterior, o: int, node: Any
) -> Any:
    """g C gᵀ for the gradients g of an output and the covariance C, (n, 1)."""
    n_hidden, n_columns = posterior.A1.shape
    parameters = np.arange(n_hidden * n_columns)
    left = node("Reshape", by_logit, np.array([-1, n_hidden, 1]))
    right = node("Reshape", x, np.array([-1, 1, n_columns]))
    g = node("Reshape", node("Mul", left, right), np.array([-1, len(parameters)]))
    if posterior.learned:
        g = node("Concat", g, by_value, axis=1)
        own = (n_columns + o) * n_hidden + np.arange(n_hidden)
        parameters = np.concatenate([parameters, own])
    factor = posterior.factor[:, parameters]
    covariance = factor.T @ factor
    if posterior.ridge is not None:
        covariance = np.diag(1 / posterior.ridge[parameters]) - covariance
    covariance *= posterior.noise[o] / posterior.total_weight
    spread = node("Mul", node("MatMul", g, covariance), g)
    sums = node("MatMul", spread, np.ones((len(parameters), 1)))
    return node("Max", sums, *_numbers(0))


def _numbers_of(basis: Basis) -> list[Number]:
    """The maps of a basis without categories."""
    return [of_feature for of_feature in basis.maps if isinstance(of_feature, Number)]


def _numbers(*values: float) -> tuple[NDArray[np.float64], ...]:
    return tuple(np.array(value, dtype=np.float64) for value in values)
