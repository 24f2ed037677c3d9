"""Graphs of ONNX give what `predict` gives."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_friedman1
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.onnx import register_converter

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

X, Y = make_friedman1(n_samples=150, n_features=6, noise=0.5, random_state=0)
FAR = 100 * X[:5]  # beyond all knots
ACTIVATIONS = {
    "identity": Y,
    "softplus": Y - Y.min(),
    "exp": Y,
    "tanh": np.tanh(Y - Y.mean()),
    "sigmoid": Y / Y.max(),
    "relu": np.maximum(Y - 10, 0),
}


@pytest.fixture(autouse=True)
def _registered():
    register_converter()


def of_graph(model, given, **options):
    (out,) = outputs_of_graph(model, given, **options)
    return out


def outputs_of_graph(model, given, **options):
    graph = skl2onnx.to_onnx(model, given[:1], **options).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    inputs = [i.name for i in session.get_inputs()]
    if isinstance(given, pd.DataFrame):
        feed = {name: given[[name]].to_numpy() for name in inputs}
    else:
        feed = {inputs[0]: given}
    return session.run(None, feed)


def check(model, given):
    expected = model.predict(given)
    out = of_graph(model, given)
    assert out.dtype == expected.dtype
    assert out.shape == (len(given), expected.size // len(given))
    np.testing.assert_allclose(out, expected.reshape(out.shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("basis", ["linear", "ramps"])
def test_every_activation_basis_and_dtype(activation, basis, dtype):
    model = TwoLayerSoftmaxRegressor(
        3,
        output_activation=activation,
        basis=basis,
        target_transform="identity",
        random_state=0,
    )
    rows = X.astype(dtype)
    model.fit(rows, ACTIVATIONS[activation])
    assert model.basis_.is_linear == (basis == "linear")
    check(model, np.vstack([rows, FAR]).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_with_smearing_and_limits(dtype):
    model = TwoLayerSoftmaxRegressor(3, target_transform="log", random_state=0)
    noisy = np.exp(Y / 5 + np.random.default_rng(0).normal(size=len(Y)))
    model.fit(X.astype(dtype), noisy)
    assert model.smearing_[0] > 1.2
    model._limits = np.quantile(np.log(noisy), [0.4, 0.6]).tolist()
    predictions = model.predict(X.astype(dtype))
    assert (predictions == predictions.max()).sum() > 1  # limits are in force
    check(model, X.astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_outputs(dtype):
    targets = np.column_stack([Y, 100 * X[:, 0], -Y])
    model = TwoLayerSoftmaxRegressor(4, random_state=0).fit(X.astype(dtype), targets)
    check(model, X.astype(dtype))


def test_features_far_from_zero_in_float32():
    rows = (1e4 + X).astype(np.float32)
    model = TwoLayerSoftmaxRegressor(3, random_state=0).fit(rows, Y)
    check(model, rows)


def test_what_float32_cannot_hold_is_its_largest_number():
    model = TwoLayerSoftmaxRegressor(
        2, output_activation="exp", alpha=1e-3, random_state=0
    )
    model.fit(X.astype(np.float32), ACTIVATIONS["exp"])
    model.output_coef_ = 1000 * np.abs(model.output_coef_)
    rows = X.astype(np.float32)
    assert (model.predict(rows) == np.finfo(np.float32).max).any()
    check(model, rows)


@pytest.mark.parametrize("basis", ["linear", "ramps"])
def test_memberships(basis):
    model = TwoLayerSoftmaxRegressor(3, basis=basis, random_state=0).fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(X, Y)
    for given, last in ((model, model), (pipeline, pipeline[-1])):
        out = of_graph(given, X, options={id(last): {"memberships": True}})
        rows = X if given is model else pipeline[:-1].transform(X)
        np.testing.assert_allclose(out, last.transform(rows), rtol=1e-5, atol=1e-12)


def check_deviations(model, given, last=None):
    """A graph with a second output, that of ``return_std``."""
    options = {id(last or model): {"return_std": True}}
    outputs = outputs_of_graph(model, given, options=options)
    expected = model.predict(given, return_std=True)
    for out, values in zip(outputs, expected, strict=True):
        assert out.dtype == values.dtype
        np.testing.assert_allclose(out, values.reshape(out.shape), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("basis", ["linear", "ramps"])
def test_deviations_of_every_activation_basis_and_dtype(activation, basis, dtype):
    model = TwoLayerSoftmaxRegressor(
        3, output_activation=activation, basis=basis, random_state=0
    )
    rows = X.astype(dtype)
    model.fit(rows, ACTIVATIONS[activation])
    check_deviations(model, rows)


@pytest.mark.parametrize(
    "parameters",
    [
        {"target_transform": "log"},
        {"penalty": "logits", "alpha": 1e-3},
        {"output_weights": [[-10.0, 10.0, 30.0]]},
        {"alpha": 1e-2},
    ],
    ids=str,
)
def test_deviations_of_other_models(parameters):
    positive = Y - Y.min() + 1
    model = TwoLayerSoftmaxRegressor(3, random_state=0).set_params(**parameters)
    check_deviations(model.fit(X, positive), X)


def test_deviations_of_units_that_are_loud_and_quiet():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (400, 2))
    loud = np.where(rows[:, 0] < 0, 0.1, 2.0)
    targets = 5 * np.sign(rows[:, 0]) + loud * rng.normal(size=400)
    model = TwoLayerSoftmaxRegressor(2, random_state=0).fit(rows, targets)
    assert np.ptp(model.unit_noise_variance_) > 0.1
    check_deviations(model, rows)


@pytest.mark.parametrize("n_rows", [150, 20])
def test_deviations_of_several_outputs_in_a_pipeline_with_gaps(n_rows):
    gaps = np.hstack([X, X**2])[:n_rows]
    gaps[::7, 2] = np.nan
    targets = np.column_stack([Y, X[:, 0]])[:n_rows]
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(gaps, targets)
    assert (model._posterior.ridge is None) == (n_rows == 150)
    check_deviations(pipeline, gaps, model)


def test_deviations_that_there_are_not():
    wide = np.random.default_rng(0).normal(size=(20, 40))
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0).fit(wide, Y[:20])
    with pytest.raises(ValueError, match="more features than rows"):
        outputs_of_graph(model, wide, options={id(model): {"return_std": True}})
    model = TwoLayerSoftmaxRegressor(2, random_state=0).fit(X, Y)
    both = {id(model): {"return_std": True, "memberships": True}}
    with pytest.raises(ValueError, match="memberships have no standard deviations"):
        outputs_of_graph(model, X, options=both)
    model._posterior = None
    with pytest.raises(ValueError, match="return_std=True is not available"):
        outputs_of_graph(model, X, options={id(model): {"return_std": True}})


def test_pipelines_of_mixed_columns():
    frame = pd.DataFrame(
        {"a": X[:, 0], "b": X[:, 3], "c": np.where(X[:, 1] > 0.5, "u", "v")}
    )
    pipeline = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["c"]), (StandardScaler(), ["a", "b"])
        ),
        TwoLayerSoftmaxRegressor(3, random_state=0),
    ).fit(frame, Y)
    out = of_graph(pipeline, frame)[:, 0]
    np.testing.assert_allclose(out, pipeline.predict(frame), rtol=1e-5)


def test_a_frame_with_an_input_for_each_column():
    frame = pd.DataFrame(X[:, :4], columns=list("abcd"))
    model = TwoLayerSoftmaxRegressor(3, random_state=0).fit(frame, Y)
    np.testing.assert_allclose(of_graph(model, frame)[:, 0], model.predict(frame), 1e-5)


def test_integers():
    rows = np.round(10 * X).astype(np.int64)
    model = TwoLayerSoftmaxRegressor(3, random_state=0).fit(rows, Y)
    out = of_graph(model, rows)[:, 0]
    np.testing.assert_allclose(out, model.predict(rows), rtol=1e-5)


def test_inside_of_another_regressor():
    targets = np.column_stack([Y, X[:, 0]])
    inner = TwoLayerSoftmaxRegressor(2, random_state=0)
    check(MultiOutputRegressor(inner).fit(X, targets), X)


def test_old_operators_are_refused():
    model = TwoLayerSoftmaxRegressor(2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="target_opset=11"):
        skl2onnx.to_onnx(model, X[:1], target_opset=11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("basis", ["linear", "ramps"])
@pytest.mark.parametrize("when", ["in fit", "in predict only"])
def test_missing_numbers(when, basis, dtype):
    gaps = X.astype(dtype)
    gaps[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    gaps[:, 5] = X[:, 5]
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, basis=basis, random_state=0)
    model.fit(gaps if when == "in fit" else X.astype(dtype), Y)
    assert any(number.indicator for number in model.basis_.maps) == (when == "in fit")
    check(model, np.vstack([gaps, np.full((1, 6), np.nan, dtype=dtype)]))


def test_a_frame_with_gaps():
    gaps = pd.DataFrame(X[:, :4], columns=list("abcd")).mask(X[:, :4] > 0.8)
    model = TwoLayerSoftmaxRegressor(3, random_state=0).fit(gaps, Y)
    np.testing.assert_allclose(of_graph(model, gaps)[:, 0], model.predict(gaps), 1e-5)


def test_categories_are_refused():
    kind = np.where(X[:, 0] > 0.5, "a", "b")
    given = pd.DataFrame({"number": X[:, 1], "kind": kind})
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0).fit(given, Y)
    with pytest.raises(ValueError, match=r"to categories.*Put an encoder in front"):
        skl2onnx.to_onnx(model, X[:1, :2])


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install sksoftnewton\[onnx\]"):
        register_converter()
