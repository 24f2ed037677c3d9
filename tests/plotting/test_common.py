"""What all displays do: refuse, say why, and draw in the axes given."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import (
    ConvergenceDisplay,
    DiagnosticsDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)
from sksoftnewton.plotting._base import COLORS, GREY, LINE_STYLES, unit_color
from tests.plotting.cases import FRAME, NAMES, X, Y, points, slice_of

DISPLAYS = (
    ConvergenceDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
    DiagnosticsDisplay,
)
GRID_DISPLAYS = (MembershipDisplay, PredictionIntervalDisplay)


def on_x(display, *args, **kwargs):
    """A function that draws the display of a model, on X if the display takes data."""
    if display is DiagnosticsDisplay:
        return lambda model: display.from_estimator(model, X, targets(model), **kwargs)
    if display in (MembershipDisplay, PredictionIntervalDisplay):
        kwargs.setdefault("grid_resolution", 20)
        return lambda model: display.from_estimator(model, X, *args, **kwargs)
    return lambda model: display.from_estimator(model, **kwargs)


def targets(model):
    """Targets for each output of a model."""
    n_outputs = len(getattr(model, "output_coef_", [None]))
    return np.column_stack([Y] * n_outputs)


@pytest.mark.parametrize("display", DISPLAYS)
def test_of_an_unfitted_model(display):
    with pytest.raises(NotFittedError):
        on_x(display)(TwoLayerSoftmaxRegressor())


@pytest.mark.parametrize("display", DISPLAYS)
def test_of_another_estimator(display):
    with pytest.raises(TypeError, match=f"{display.__name__} needs .* got LinearR"):
        on_x(display)(LinearRegression())
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)
    with pytest.raises(TypeError, match="got Pipeline of LinearRegression"):
        on_x(display)(pipeline)


@pytest.fixture(scope="module")
def around_models():
    """Two pipelines and a search around models like the fixture ``model``."""
    pipeline = make_pipeline(StandardScaler(), TwoLayerSoftmaxRegressor(random_state=0))
    search = GridSearchCV(pipeline, {"standardscaler__with_mean": [True]}, cv=2)
    bare = make_pipeline(clone(pipeline[-1]))
    return [estimator.fit(X, Y) for estimator in (pipeline, bare, search)]


@pytest.mark.parametrize("display", DISPLAYS)
def test_pipelines_and_searches_are_those_of_their_model(display, model, around_models):
    shown = pictured(on_x(display)(model))
    for estimator in around_models:
        again = pictured(on_x(display)(estimator))
        assert len(again) == len(shown) > 0
        for line, other in zip(shown, again, strict=True):
            np.testing.assert_allclose(line, other, rtol=1e-3, atol=1e-3)


def pictured(display):
    """The lines of a picture, but for those that show times or rounding errors."""
    if isinstance(display, ConvergenceDisplay):
        return [points(display.loss_)]
    return [
        points(line) for panel in np.ravel(display.ax_) for line in panel.get_lines()
    ]


@pytest.mark.parametrize("display", DISPLAYS)
def test_new_figure_is_the_only_one_and_draws(display, model):
    drawn = on_x(display)(model)
    assert plt.get_fignums() == [drawn.figure_.number]
    drawn.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("display", "n"), list(zip(DISPLAYS, (3, 2, None, None, 3), strict=True))
)
def test_given_axes_leave_pyplot_alone(display, n, model):
    figure = Figure()
    ax = figure.subplots(n) if n else figure.subplots()
    drawn = on_x(display, ax=ax)(model)
    assert plt.get_fignums() == []
    assert drawn.figure_ is figure
    assert np.all(np.atleast_1d(drawn.ax_) == np.atleast_1d(ax))
    again = drawn.plot()
    assert again is drawn
    assert drawn.figure_ is not figure


@pytest.mark.parametrize(
    ("display", "n"),
    [(ConvergenceDisplay, 3), (EvidenceDisplay, 2), (DiagnosticsDisplay, 3)],
)
def test_wrong_number_of_axes(display, n, model):
    for ax in (Figure().subplots(), Figure().subplots(n + 1)):
        with pytest.raises(ValueError, match=f"sequence of {n} axes"):
            on_x(display, ax=ax)(model)


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib(display, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.*sksoftnewton\[plot\]"):
        on_x(display)(model)


def test_import_needs_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None; import sksoftnewton.plotting; "
        "print(len(sksoftnewton.plotting.__all__))"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, check=False, capture_output=True, text=True)
    assert out.stdout == "5\n", out.stderr


@pytest.mark.parametrize("display", GRID_DISPLAYS)
@pytest.mark.parametrize("resolution", [1, 10.0, "ten"])
def test_wrong_resolution(display, resolution, model):
    with pytest.raises(ValueError, match="grid_resolution"):
        on_x(display, grid_resolution=resolution)(model)


@pytest.mark.parametrize("display", GRID_DISPLAYS)
def test_of_data_that_do_not_fit(display, model):
    with pytest.raises(TypeError, match="Sparse data"):
        display.from_estimator(model, csr_array(X))
    with pytest.raises(ValueError, match="2 features, but"):
        display.from_estimator(model, X[:, :2])
    argument = "features" if display is MembershipDisplay else "feature"
    constant = X.copy()
    constant[:, 0] = 1.5
    with pytest.raises(ValueError, match=r"'feature 0' has the one value 1\.5"):
        display.from_estimator(model, constant, **{argument: 0})


@pytest.mark.parametrize("feature", [3, -1, 1.0])
def test_feature_that_does_not_exist(feature, model):
    with pytest.raises(ValueError, match=f"feature {feature} is neither"):
        MembershipDisplay.from_estimator(model, X, [feature])
    with pytest.raises(ValueError, match=f"feature {feature} is neither"):
        PredictionIntervalDisplay.from_estimator(model, X, feature=feature)


def test_feature_name_that_does_not_exist(model, named):
    with pytest.raises(ValueError, match=r"'z' is not among .*: a, b, c"):
        MembershipDisplay.from_estimator(named, FRAME, ["a", "z"])
    with pytest.raises(ValueError, match=r"'z' is not among .*: a, b, c"):
        PredictionIntervalDisplay.from_estimator(named, FRAME, feature="z")
    with pytest.raises(ValueError, match=r"'a' is a name, but .* without names"):
        MembershipDisplay.from_estimator(model, X, "a")


@pytest.mark.parametrize("display", [*GRID_DISPLAYS, DiagnosticsDisplay])
def test_of_several_outputs(display, two_outputs):
    with pytest.raises(ValueError, match="from 0 to 1: the model has 2 outputs"):
        on_x(display)(two_outputs)
    for output in (2, -1, "y", True):
        with pytest.raises(ValueError, match=f"output={output!r} has to be"):
            on_x(display, output=output)(two_outputs)


@pytest.mark.parametrize("frame", [FRAME, pl.DataFrame(X, schema=NAMES)])
@pytest.mark.parametrize("display", GRID_DISPLAYS)
def test_frames(display, frame):
    fit = TwoLayerSoftmaxRegressor(n_hidden=3, alpha=1e-3, random_state=0)
    fit.fit(frame, Y)
    key = "features" if display is MembershipDisplay else "feature"
    drawn = display.from_estimator(fit, frame, **{key: "b"})
    assert drawn.ax_.get_xlabel() == "b (other features at the median)"
    assert list(fit.feature_names_in_) == NAMES  # not touched


def test_line_styles_do_not_recur_early():
    looks = {(i % len(COLORS), i % len(LINE_STYLES)) for i in range(28)}
    assert len(looks) == 28


@pytest.fixture(scope="module")
def mixed():
    """A pipeline in front of which stand numbers with gaps, text and categories."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": 1e4 * X[:, 0],
            "rooms": rng.integers(1, 6, len(X)),
            "sold": rng.random(len(X)) < 0.7,
            "colour": rng.choice(["red", "blue", None], len(X), p=[0.3, 0.6, 0.1]),
            "kind": pd.Categorical(rng.choice(["u", "v"], len(X), p=[0.8, 0.2])),
        }
    )
    frame.loc[::9, "rooms"] = np.nan
    prepare = make_column_transformer(
        (SimpleImputer(), ["size", "rooms"]),
        (OneHotEncoder(), ["sold", "colour", "kind"]),
    )
    model = TwoLayerSoftmaxRegressor(n_hidden=3, random_state=0)
    return make_pipeline(prepare, model).fit(frame, Y), frame


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_axes_of_a_pipeline_are_the_columns_of_its_data(mixed, library):
    pipeline, frame = mixed
    rows = pd.DataFrame({"size": np.linspace(*frame["size"].agg(["min", "max"]), 20)})
    rows = rows.assign(
        rooms=frame["rooms"].median(), sold=True, colour="blue", kind="u"
    )
    mean = pipeline.predict(rows)
    ends = pipeline[-1].predict_interval(pipeline[:-1].transform(rows), 0.95)
    data = frame
    if library == "polars":
        columns = {name: frame[name].tolist() for name in frame}
        columns["colour"] = [v if isinstance(v, str) else None for v in frame["colour"]]
        data = pl.DataFrame(columns)
    display = PredictionIntervalDisplay.from_estimator(
        pipeline, data, Y, feature="size", grid_resolution=20
    )
    np.testing.assert_allclose(points(display.line_), [rows["size"], mean])
    np.testing.assert_allclose([display.lower, display.upper], ends.T)
    np.testing.assert_array_equal(display.points_.get_xdata(), frame["size"])
    label = "size (other features at the median or most frequent value)"
    assert display.ax_.get_xlabel() == label
    display = MembershipDisplay.from_estimator(pipeline, data, 0, grid_resolution=20)
    expected = pipeline[-1].hidden_activations(pipeline[:-1].transform(rows))
    np.testing.assert_allclose(display.memberships, expected)


def codes(frame):
    return frame.assign(kind=frame["kind"].cat.codes)


def test_categories_of_pandas_stay_categories():
    kind = pd.Categorical(np.where(X[:, 1] > 0, "v", "u"), categories=["v", "u", "w"])
    frame = pd.DataFrame({"size": X[:, 0], "kind": kind})
    model = TwoLayerSoftmaxRegressor(n_hidden=2, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(codes), model).fit(frame, Y)
    display = PredictionIntervalDisplay.from_estimator(pipeline, frame)
    most = frame["kind"].cat.codes.mode()[0]
    rows = pd.DataFrame({"size": display.grid, "kind": most})
    np.testing.assert_allclose(display.prediction, model.predict(rows))


def test_columns_that_there_are_not(mixed):
    with pytest.raises(ValueError, match=r"'price' is not among .*: size, rooms"):
        MembershipDisplay.from_estimator(*mixed, "price")


@pytest.mark.parametrize("target_transform", ["identity", "log"])
def test_every_display_draws_a_model_on_ramps(target_transform):
    y = np.exp(Y / 2)
    fit = TwoLayerSoftmaxRegressor(
        n_hidden=3, basis="ramps", target_transform=target_transform, random_state=0
    ).fit(X, y)
    grid = np.linspace(X[:, 0].min(), X[:, 0].max(), 30)
    rows = slice_of({0: grid})
    memberships = MembershipDisplay.from_estimator(fit, X, 0, grid_resolution=30)
    np.testing.assert_allclose(memberships.memberships, fit.hidden_activations(rows))
    interval = PredictionIntervalDisplay.from_estimator(
        fit, X, y, feature=0, grid_resolution=30
    )
    np.testing.assert_allclose(points(interval.line_), [grid, fit.predict(rows)])
    for drawn in (
        ConvergenceDisplay.from_estimator(fit),
        EvidenceDisplay.from_estimator(fit),
        DiagnosticsDisplay.from_estimator(fit, X, y),
    ):
        assert isinstance(drawn.figure_, Figure)


@pytest.mark.parametrize("display", [PredictionIntervalDisplay, MembershipDisplay])
def test_the_most_important_feature_is_the_default(display):
    rng = np.random.default_rng(0)
    columns = {
        "constant": np.zeros(200),
        "weak": rng.standard_normal(200),
        "kind": rng.choice(["u", "v"], 200),
        "strong": rng.uniform(0, 1e4, 200),
    }
    frame = pd.DataFrame(columns)
    y = (
        np.tanh(frame["strong"] / 2e3 - 2)
        + 0.2 * frame["weak"]
        + (columns["kind"] == "u")
    )
    plain = TwoLayerSoftmaxRegressor(3, random_state=0)
    model = clone(plain).fit(frame[["constant", "weak", "strong"]], y)
    shown = display.from_estimator(model, frame[["constant", "weak", "strong"]])
    assert shown.ax_.get_xlabel().startswith("strong")

    encoder = make_column_transformer(
        (OneHotEncoder(), ["kind"]), (StandardScaler(), ["strong", "constant", "weak"])
    )
    pipeline = make_pipeline(encoder, plain).fit(frame, y)
    shown = display.from_estimator(pipeline, frame)
    assert shown.ax_.get_xlabel().startswith("strong")
    shown = display.from_estimator(pipeline, frame.assign(weak=1.0, strong=1.0))
    assert shown.ax_.get_xlabel().startswith("kind")
    with pytest.raises(ValueError, match="no column whose values are not all the same"):
        display.from_estimator(pipeline, frame.assign(weak=1.0, strong=1.0, kind="u"))


@pytest.mark.parametrize("display", DISPLAYS)
def test_on_a_dark_background(model, sampled, display):
    fits = [model, sampled] if display is ConvergenceDisplay else [model]
    for fit in fits:
        with plt.style.context("dark_background"):
            figure = on_x(display)(fit).figure_
            figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        light = (pixels > 200).all(axis=-1).mean()
        assert light < 0.04  # lines and letters, no surface that hides them
        dark = (pixels < 50).all(axis=-1).mean()
        assert dark > 0.5


def test_letters_and_lines_on_a_dark_background(model):
    with plt.style.context("dark_background"):
        lines = MembershipDisplay.from_estimator(model, X, grid_resolution=20)
        colors = [unit_color(place) for place in range(len(COLORS))]
        two = MembershipDisplay.from_estimator(model, X, [0, 1], grid_resolution=20)
        points = PredictionIntervalDisplay.from_estimator(model, X, Y).points_
    assert {line.get_color() for line in lines.lines_} <= {*colors, GREY}
    assert "white" in colors and "#000000" not in colors
    assert all(text.get_color() == "black" for text in two.texts_)  # in white boxes
    assert points.get_color() == "white"
