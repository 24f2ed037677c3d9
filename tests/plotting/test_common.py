"""What all displays do: refuse, say why, and draw in the axes given."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import (
    ConvergenceDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)
from sksoftnewton.plotting._base import COLORS, LINE_STYLES
from tests.plotting.cases import FRAME, NAMES, X, Y

DISPLAYS = (
    ConvergenceDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)
GRID_DISPLAYS = (MembershipDisplay, PredictionIntervalDisplay)


def on_x(display, *args, **kwargs):
    """A function that draws the display of a model, on X if the display takes data."""
    if display in (MembershipDisplay, PredictionIntervalDisplay):
        kwargs.setdefault("grid_resolution", 20)
        return lambda model: display.from_estimator(model, X, *args, **kwargs)
    return lambda model: display.from_estimator(model, **kwargs)


@pytest.mark.parametrize("display", DISPLAYS)
def test_of_an_unfitted_model(display):
    with pytest.raises(NotFittedError):
        on_x(display)(TwoLayerSoftmaxRegressor())


@pytest.mark.parametrize("display", DISPLAYS)
def test_of_another_estimator(display):
    pipeline = make_pipeline(StandardScaler(), TwoLayerSoftmaxRegressor(n_hidden=2))
    pipeline.fit(X, Y)
    with pytest.raises(TypeError, match=r"got Pipeline\. .*pipeline\[-1\]"):
        on_x(display)(pipeline)
    with pytest.raises(TypeError, match=f"{display.__name__} needs .* got LinearR"):
        on_x(display)(LinearRegression())
    on_x(display)(pipeline[-1])


@pytest.mark.parametrize("display", DISPLAYS)
def test_new_figure_is_the_only_one_and_draws(display, model):
    drawn = on_x(display)(model)
    assert plt.get_fignums() == [drawn.figure_.number]
    drawn.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("display", "n"), list(zip(DISPLAYS, (3, 2, None, None), strict=True))
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
    ("display", "n"), [(ConvergenceDisplay, 3), (EvidenceDisplay, 2)]
)
def test_wrong_number_of_axes(display, n, model):
    for ax in (Figure().subplots(), Figure().subplots(n + 1)):
        with pytest.raises(ValueError, match=f"sequence of {n} axes"):
            display.from_estimator(model, ax=ax)


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
    assert out.stdout == "4\n", out.stderr


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
    constant = X.copy()
    constant[:, 0] = 1.5
    with pytest.raises(ValueError, match=r"'feature 0' has the one value 1\.5"):
        display.from_estimator(model, constant)


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


@pytest.mark.parametrize("display", GRID_DISPLAYS)
def test_of_several_outputs(display, two_outputs):
    with pytest.raises(ValueError, match="2 outputs: choose one with output=0 to 1"):
        on_x(display)(two_outputs)
    for output in (2, -1, "y"):
        with pytest.raises(ValueError, match=f"output={output!r} is not"):
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
