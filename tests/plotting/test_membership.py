"""The membership display draws the units' shares and values."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import MembershipDisplay
from sksoftnewton.plotting._base import COLORS, GREY
from sksoftnewton.plotting._membership import TINT
from tests.plotting.cases import FRAME, NAMES, X, Y, entries, points, slice_of


def test_membership_over_one_feature(named, model):
    display = MembershipDisplay.from_estimator(named, FRAME, "b", grid_resolution=30)
    grid = np.linspace(X[:, 1].min(), X[:, 1].max(), 30)
    rows = pd.DataFrame(slice_of({1: grid}), columns=NAMES)
    f = named.hidden_activations(rows)
    assert len(display.lines_) == 4
    for unit, line in enumerate(display.lines_):
        np.testing.assert_allclose(points(line), [grid, f[:, unit]])
    assert display.image_ is None
    # A sequence, and an index, mean the same.
    for features in (["b"], 1, [1], np.array([1])):
        other = MembershipDisplay.from_estimator(
            named, FRAME, features, grid_resolution=30
        )
        np.testing.assert_array_equal(other.memberships, display.memberships)
    assert display.ax_.get_xlabel() == "b (other features at the median)"


def test_membership_legend_gives_the_values_of_the_units(named):
    display = MembershipDisplay.from_estimator(named, FRAME, "a")
    value = named.output_coef_[0]
    largest = display.memberships.max(axis=0)
    order = [unit for unit in np.argsort(-value) if largest[unit] > 0.05]
    expected = [f"{u}: {value[u]:.4g}".replace("-", "\N{MINUS SIGN}") for u in order]
    assert entries(display.ax_.get_legend())[: len(order)] == expected


def test_membership_value_is_what_the_unit_predicts():
    fit = TwoLayerSoftmaxRegressor(
        n_hidden=3, output_activation="exp", alpha=1e-4, random_state=0
    ).fit(X, np.exp(Y / 4))
    display = MembershipDisplay.from_estimator(fit, X)
    np.testing.assert_allclose(display.values, np.exp(fit.output_coef_[0]))


def test_membership_values_of_the_chosen_output(two_outputs):
    display = MembershipDisplay.from_estimator(two_outputs, X, output=1)
    np.testing.assert_array_equal(display.values, two_outputs.output_coef_[1])


def test_membership_names_only_units_that_can_be_seen():
    n = 11
    memberships = np.zeros((20, n))
    memberships[:, :9] = 1 / 9
    display = MembershipDisplay(
        grid=(np.arange(20.0),),
        memberships=memberships,
        values=np.arange(n, dtype=float),
        labels=("x",),
    ).plot()
    names = entries(display.ax_.get_legend())
    assert names == [f"{unit}: {unit}" for unit in range(8, -1, -1)] + [
        "2 others, at most 0.05"
    ]
    looks = [(line.get_color(), line.get_linestyle()) for line in display.lines_]
    assert len(set(looks[:9])) == 9
    assert {color for color, _ in looks[9:]} == {GREY}


def test_membership_over_two_features(named):
    display = MembershipDisplay.from_estimator(
        named, FRAME, ["c", 0], grid_resolution=25
    )
    c = np.linspace(X[:, 2].min(), X[:, 2].max(), 25)
    a = np.linspace(X[:, 0].min(), X[:, 0].max(), 25)
    rows = slice_of({2: np.tile(c, 25), 0: np.repeat(a, 25)})
    f = named.hidden_activations(pd.DataFrame(rows, columns=NAMES)).reshape(25, 25, 4)
    np.testing.assert_allclose(display.memberships, f)
    assert display.ax_.get_xlabel() == "c (other feature at the median)"
    assert display.ax_.get_ylabel() == "a"
    assert display.lines_ == []

    winner = f.argmax(axis=-1)
    image = display.image_.get_array()
    for place, unit in enumerate(np.unique(winner)):
        strength = (f[..., unit][winner == unit] - 0.25) / 0.75
        expected = 1 - TINT * strength[:, None] * (1 - np.array(to_rgb(COLORS[place])))
        np.testing.assert_allclose(image[winner == unit], expected, atol=1e-12)


def test_membership_numbers_stand_in_their_regions(named):
    display = MembershipDisplay.from_estimator(named, FRAME, ["a", "b"])
    assert display.texts_
    for text in display.texts_:
        x, y = text.get_position()
        rows = pd.DataFrame(slice_of({0: [x], 1: [y]}), columns=NAMES)
        assert named.hidden_activations(rows).argmax() == int(text.get_text())


def test_membership_borders_are_where_two_units_are_equal(named):
    display = MembershipDisplay.from_estimator(named, FRAME, ["a", "b"])
    assert len(display.borders_) == len(display.texts_) > 1
    for border in display.borders_:
        x, y = np.concatenate([p.vertices for p in border.get_paths()]).T
        rows = pd.DataFrame(slice_of({0: x, 1: y}), columns=NAMES)
        f = np.sort(named.hidden_activations(rows), axis=1)
        assert np.median(f[:, -1] - f[:, -2]) < 0.02


def test_membership_of_one_unit():
    fit = TwoLayerSoftmaxRegressor(n_hidden=1, random_state=0).fit(X, Y)
    display = MembershipDisplay.from_estimator(fit, X, [0, 1], grid_resolution=5)
    assert display.borders_ == []
    tint = 1 - TINT * (1 - np.array(to_rgb(COLORS[0])))
    np.testing.assert_allclose(display.image_.get_array()[0, 0], tint)


def test_membership_says_how_many_units_are_nowhere_the_largest():
    memberships = np.zeros((4, 4, 3))
    memberships[..., 0] = 1
    display = MembershipDisplay(
        grid=(np.arange(4.0), np.arange(4.0)),
        memberships=memberships,
        values=np.zeros(3),
        labels=("x", "y"),
    ).plot()
    assert entries(display.ax_.get_legend()) == ["0: 0", "2 nowhere the largest"]


@pytest.mark.parametrize("features", [[], [0, 1, 2]])
def test_membership_over_a_wrong_number_of_features(features, model):
    with pytest.raises(ValueError, match="one feature or two"):
        MembershipDisplay.from_estimator(model, X, features)


def test_membership_over_one_feature_twice(named):
    with pytest.raises(ValueError, match="one feature twice"):
        MembershipDisplay.from_estimator(named, FRAME, ["a", 0])


def test_membership_values_of_a_model_of_logarithms(logarithmic):
    display = MembershipDisplay.from_estimator(logarithmic, X)
    expected = np.exp(logarithmic.output_coef_[0]) * logarithmic.smearing_[0]
    np.testing.assert_allclose(display.values, expected)
