"""The interval display draws what is predicted, and how surely."""

import numpy as np
import pytest

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay
from tests.plotting.cases import X, Y, entries, points, slice_of


def test_interval_is_that_of_predict(model):
    display = PredictionIntervalDisplay.from_estimator(
        model, X, Y, feature=1, level=0.8, grid_resolution=40
    )
    grid = np.linspace(X[:, 1].min(), X[:, 1].max(), 40)
    mean = model.predict(slice_of({1: grid}))
    np.testing.assert_allclose(points(display.line_), [grid, mean])
    lower, upper = model.predict_interval(slice_of({1: grid}), 0.8).T
    np.testing.assert_allclose(display.lower, lower)
    np.testing.assert_allclose(display.upper, upper)
    vertices = display.band_.get_paths()[0].vertices
    for end in (lower, upper):
        for point in np.column_stack([grid, end]):
            assert np.isclose(vertices, point).all(axis=1).any()
    np.testing.assert_array_equal(points(display.points_), [X[:, 1], Y])
    assert entries(display.ax_.get_legend()) == [
        "prediction",
        "80 % of new observations",
        "data (other features as observed)",
    ]


def test_interval_marks_what_lies_outside_the_training_rows():
    x = np.linspace(-1, 1, 200)[:, None]
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, random_state=0).fit(x, x[:, 0])
    wider = np.linspace(-3, 3, 61)[:, None]
    display = PredictionIntervalDisplay.from_estimator(fit, wider, grid_resolution=61)
    np.testing.assert_array_equal(display.outside, fit.is_outside(wider))
    np.testing.assert_array_equal(display.outside, np.abs(wider[:, 0]) > 1.05)
    assert entries(display.ax_.get_legend())[-1] == "outside the training data"
    shaded = np.concatenate([p.vertices for p in display.outside_.get_paths()])
    inner = np.abs(shaded[:, 0]).min()
    assert inner == pytest.approx(1.1) and shaded[:, 1].max() == 1
    inside = PredictionIntervalDisplay.from_estimator(fit, 0.5 * x)
    assert inside.outside_ is None
    assert "outside the training data" not in entries(inside.ax_.get_legend())


def test_interval_of_too_many_features_to_tell_what_is_outside(model, monkeypatch):
    monkeypatch.setattr(model, "_seen", None)
    display = PredictionIntervalDisplay.from_estimator(model, X)
    assert display.outside is None and display.outside_ is None


def test_interval_without_targets(model):
    display = PredictionIntervalDisplay.from_estimator(model, X)
    assert display.points_ is None
    assert len(entries(display.ax_.get_legend())) == 2


def test_interval_of_one_feature_has_no_others():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, random_state=0).fit(X[:, :1], Y)
    display = PredictionIntervalDisplay.from_estimator(fit, X[:, :1], Y)
    assert display.ax_.get_xlabel() == "feature 0"
    assert entries(display.ax_.get_legend())[-1] == "data"


def test_interval_of_the_chosen_output(two_outputs):
    targets = np.column_stack([Y, -10 * Y])
    display = PredictionIntervalDisplay.from_estimator(
        two_outputs, X, targets, feature=0, output=1, grid_resolution=10
    )
    grid = np.linspace(X[:, 0].min(), X[:, 0].max(), 10)
    expected = two_outputs.predict(slice_of({0: grid}))[:, 1]
    np.testing.assert_allclose(points(display.line_)[1], expected)
    np.testing.assert_array_equal(points(display.points_)[1], -10 * Y)


def test_interval_of_targets_that_do_not_fit(model, two_outputs):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PredictionIntervalDisplay.from_estimator(model, X, Y[:-1])
    with pytest.raises(ValueError, match=r"y has shape \(200, 2\).* 1 output\."):
        PredictionIntervalDisplay.from_estimator(model, X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match=r"y has shape \(200,\).* 2 outputs\."):
        PredictionIntervalDisplay.from_estimator(two_outputs, X, Y, output=0)


def test_interval_of_a_column_of_targets(model):
    display = PredictionIntervalDisplay.from_estimator(model, X, Y[:, None])
    np.testing.assert_array_equal(points(display.points_)[1], Y)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_interval_of_an_impossible_level(level, model):
    with pytest.raises(ValueError, match=f"level={level} is not between 0 and 1"):
        PredictionIntervalDisplay.from_estimator(model, X, level=level)


def test_interval_of_a_model_of_logarithms(logarithmic):
    display = PredictionIntervalDisplay.from_estimator(
        logarithmic, X, feature=0, level=0.8
    )
    rows = slice_of({0: display.grid})
    ends = logarithmic.predict_interval(rows, level=0.8)
    np.testing.assert_allclose(np.column_stack([display.lower, display.upper]), ends)
    np.testing.assert_allclose(display.prediction, logarithmic.predict(rows))
