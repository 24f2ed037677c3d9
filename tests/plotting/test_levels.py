"""Displays along a category: one place for each level."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import MembershipDisplay, PredictionIntervalDisplay

FIXED = {"n_hidden": 3, "alpha": 1e-2, "basis": "linear", "random_state": 0}
EFFECT = {"u": 0.0, "v": 4.0, "w": 2.0}


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(list("uvw"), n, p=[0.2, 0.3, 0.5]),
            "new": rng.random(n) < 0.6,
            "town": [f"town {i}" for i in rng.integers(30, size=n)],
        }
    )
    y = frame["size"] + frame["kind"].map(EFFECT) + 0.1 * rng.normal(size=n)
    frame.loc[::11, "kind"] = None
    return frame, y.to_numpy()


def typical(frame, **columns):
    """Rows of the median or most frequent values, with the given columns."""
    given = {name: frame[name].mode()[0] for name in ("kind", "new", "town")}
    given["size"] = frame["size"].median()
    n_rows = len(next(iter(columns.values())))
    return pd.DataFrame({**given, **columns}, index=range(n_rows))[list(frame.columns)]


@pytest.fixture(scope="module")
def fitted():
    return TwoLayerSoftmaxRegressor(**FIXED).fit(*table())


@pytest.mark.parametrize("of", [pd.DataFrame, pl.from_pandas])
def test_intervals_of_levels(fitted, of):
    frame, y = table()
    display = PredictionIntervalDisplay.from_estimator(
        fitted, of(frame), y, feature="kind"
    )
    assert_array_equal(display.grid, ["w", "v", "u"])  # the most frequent first
    rows = typical(frame, kind=["w", "v", "u"])
    assert_allclose(display.line_.get_ydata(), fitted.predict(rows))
    bars = np.array([bar[:, 1] for bar in display.band_.get_segments()])
    assert_allclose(bars, fitted.predict_interval(rows, 0.95))
    places, targets = display.points_.get_data()
    level = np.array(["w", "v", "u"])[np.floor(places).astype(int)]
    known = frame["kind"].notna()
    assert_array_equal(targets, y[known])
    assert_array_equal(level, frame["kind"][known])
    ticks = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert ticks == ["w", "v", "u"]


def test_places_beside_the_bars_say_nothing(fitted):
    frame, _ = table()
    y = np.random.default_rng(0).uniform(size=len(frame))  # a seed that many take
    display = PredictionIntervalDisplay.from_estimator(fitted, frame, y, feature="new")
    places, targets = display.points_.get_data()
    assert abs(np.corrcoef(places % 1, targets)[0, 1]) < 0.15


def test_memberships_of_levels(fitted):
    frame, _ = table()
    display = MembershipDisplay.from_estimator(fitted, frame, "new")
    rows = typical(frame, new=[True, False])
    expected = fitted.hidden_activations(rows)
    assert_allclose(display.memberships, expected)
    heights = [[bar.get_height() for bar in bars] for bars in display.bars_]
    assert_allclose(np.transpose(heights), expected)
    assert_allclose([bar.get_y() for bar in display.bars_[1]], expected[:, 0])
    assert display.lines_ == []


def test_the_default_may_be_a_category(fitted):
    frame, _ = table()
    assert np.argmax(fitted.feature_importances_) == 1
    for display in (MembershipDisplay, PredictionIntervalDisplay):
        shown = display.from_estimator(fitted, frame)
        assert shown.ax_.get_xlabel().startswith(
            "kind (other features at the median or"
        )


def test_of_many_levels_the_most_frequent_are_shown(fitted):
    frame, y = table()
    display = PredictionIntervalDisplay.from_estimator(fitted, frame, y, feature="town")
    counts = frame["town"].value_counts()
    assert len(display.grid) == 20 and counts[display.grid].min() >= counts.iloc[20]
    assert "town, 20 most frequent of 30 levels" in display.ax_.get_xlabel()
    assert len(display.points_.get_xdata()) == counts[display.grid].sum()
    assert display.ax_.get_xticklabels()[0].get_rotation() == 90


def test_codes_of_categories_are_levels_too():
    rng = np.random.default_rng(0)
    codes = rng.choice([3.0, 7.0, 1.0], 200, p=[0.25, 0.35, 0.4])
    X, y = np.column_stack([rng.normal(size=200), codes]), codes + 1
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1]).fit(X, y)
    display = PredictionIntervalDisplay.from_estimator(model, X, feature=1)
    assert_array_equal(display.grid, [1, 7, 3])
    middle = np.median(X[:, 0])
    expected = model.predict([[middle, code] for code in (1, 7, 3)])
    assert_allclose(display.prediction, expected)
    # Elsewhere it is at the most frequent one, not at the median.
    assert np.median(codes) == 3
    display = MembershipDisplay.from_estimator(model, X, 0, grid_resolution=2)
    ends = [[X[:, 0].min(), 1], [X[:, 0].max(), 1]]
    assert_allclose(display.memberships, model.hidden_activations(ends))


def test_levels_outside_the_training_rows_are_shaded(fitted):
    frame, _ = table()
    far = frame.assign(size=frame["size"] + 1e3)
    display = PredictionIntervalDisplay.from_estimator(fitted, far, feature="kind")
    assert display.outside.all()
    (path,) = display.outside_.get_paths()
    assert (path.vertices[:, 0].min(), path.vertices[:, 0].max()) == (-0.5, 2.5)


def test_columns_without_any_value(fitted):
    frame, _ = table()
    nothing = frame.assign(kind=None, size=np.nan)
    display = MembershipDisplay.from_estimator(fitted, nothing, "new")
    rows = pd.DataFrame(
        {"size": np.nan, "kind": None, "new": [True, False], "town": "town 0"}
    ).assign(town=frame["town"].mode()[0])
    assert_allclose(display.memberships, fitted.hidden_activations(rows))
    with pytest.raises(ValueError, match="'kind' is missing in all rows"):
        MembershipDisplay.from_estimator(fitted, nothing, "kind")


def test_nullable_numbers_are_numbers(fitted):
    frame, _ = table()
    frame["size"] = frame["size"].astype("Float64").where(frame.index % 9 > 0)
    display = MembershipDisplay.from_estimator(fitted, frame, "size")
    assert len(display.lines_) == 3 and not display.bars_


def test_regions_are_drawn_over_numbers(fitted):
    frame, _ = table()
    with pytest.raises(ValueError, match="'kind' is a category"):
        MembershipDisplay.from_estimator(fitted, frame, ["size", "kind"])


def test_many_units_over_a_category_share_colours_but_not_hatches():
    display = MembershipDisplay(
        grid=(np.array(["u", "v"]),),
        memberships=np.full((2, 9), 1 / 9),
        values=np.arange(9.0),
        labels=("kind",),
        levels=True,
    ).plot()
    looks = {(b[0].get_facecolor(), b[0].get_hatch()) for b in display.bars_}
    assert len(looks) == 9
