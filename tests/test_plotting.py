"""The displays draw what the model says, and say what they cannot draw."""

import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._selection import DECISIVE
from sksoftnewton.plotting import (
    ConvergenceDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)
from sksoftnewton.plotting._common import COLORS, GREY, LINE_STYLES
from sksoftnewton.plotting._membership import TINT

matplotlib.use("Agg")

NAMES = ["a", "b", "c"]


def make_data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(n)
    return X, y


X, Y = make_data()
FRAME = pd.DataFrame(X, columns=NAMES)


def on_x(display, *args, **kwargs):
    """The display of one of the estimators in this file, with data if it takes any."""
    if display in (MembershipDisplay, PredictionIntervalDisplay):
        kwargs.setdefault("grid_resolution", 20)
        return lambda model: display.from_estimator(model, X, *args, **kwargs)
    return lambda model: display.from_estimator(model, **kwargs)


DISPLAYS = (
    ConvergenceDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)
GRID_DISPLAYS = (MembershipDisplay, PredictionIntervalDisplay)


@pytest.fixture(scope="module")
def model():
    return TwoLayerSoftmaxRegressor(random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def named():
    return TwoLayerSoftmaxRegressor(n_hidden=4, random_state=0).fit(FRAME, Y)


@pytest.fixture(scope="module")
def sampled():
    """A model whose fit began on a sample of the rows and used a sketch."""
    data = make_friedman1(5000, noise=1.0, random_state=0)
    fit = TwoLayerSoftmaxRegressor(n_hidden=4, alpha=1e-4, random_state=0).fit(*data)
    n_rows = fit.history_["n_rows"]
    assert n_rows[0] < n_rows[-1] and fit.history_["sketch_size"].any()
    return fit


@pytest.fixture(scope="module")
def two_outputs():
    return TwoLayerSoftmaxRegressor(n_hidden=3, random_state=0).fit(
        X, np.column_stack([Y, -10 * Y])
    )


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def points(line):
    """The points of a line, without the gaps in it."""
    xy = line.get_xydata()
    return xy[np.isfinite(xy).all(axis=1)].T


def entries(legend):
    return [text.get_text() for text in legend.get_texts()]


# -- all displays -------------------------------------------------------------------


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
    "display, n", list(zip(DISPLAYS, (3, 2, None, None), strict=True))
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


@pytest.mark.parametrize("display, n", [(ConvergenceDisplay, 3), (EvidenceDisplay, 2)])
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
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
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
    with pytest.raises(ValueError, match="'z' is not among .*: a, b, c"):
        MembershipDisplay.from_estimator(named, FRAME, ["a", "z"])
    with pytest.raises(ValueError, match="'z' is not among .*: a, b, c"):
        PredictionIntervalDisplay.from_estimator(named, FRAME, feature="z")
    with pytest.raises(ValueError, match="'a' is a name, but .* without names"):
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


# -- convergence --------------------------------------------------------------------


@pytest.mark.parametrize("x", ["iteration", "passes", "time"])
def test_convergence_draws_the_history(x, sampled):
    display = ConvergenceDisplay.from_estimator(sampled, x=x)
    history = sampled.history_
    place = np.arange(1, sampled.n_iter_ + 1) if x == "iteration" else history[x]
    for name in ("loss", "gradient_norm"):
        line = getattr(display, f"{name}_")
        np.testing.assert_array_equal(points(line), [place, history[name]])
    np.testing.assert_array_equal(points(display.n_rows_)[1], history["n_rows"])
    assert x in display.ax_[2].get_xlabel()
    assert [panel.get_yscale() for panel in display.ax_] == ["log"] * 3


def test_convergence_says_how_the_matrix_was_made(sampled):
    display = ConvergenceDisplay.from_estimator(sampled)
    history, place = sampled.history_, np.arange(1, sampled.n_iter_ + 1)
    sketched = history["sketch_size"] > 0
    exact = ~sketched & (history["n_cg"] == 0)
    np.testing.assert_array_equal(points(display.exact_)[0], place[exact])
    np.testing.assert_array_equal(
        points(display.sketch_size_),
        [place[sketched], history["sketch_size"][sketched]],
    )
    assert points(display.diagonal_).size == 0
    assert "exact matrix" in entries(display.ax_[2].get_legend())
    assert "diagonal of the matrix" not in entries(display.ax_[2].get_legend())


def test_convergence_without_a_matrix(sampled):
    history = {**sampled.history_, "sketch_size": np.zeros(sampled.n_iter_, int)}
    display = ConvergenceDisplay(
        x=np.arange(sampled.n_iter_), history=history, n_samples=5000
    ).plot()
    without = history["n_cg"] > 0
    assert without.any()
    np.testing.assert_array_equal(points(display.diagonal_)[0], np.flatnonzero(without))
    assert points(display.sketch_size_).size == 0


def test_convergence_marks_samples(sampled, model):
    display = ConvergenceDisplay.from_estimator(sampled, x="passes")
    n_rows, passes = sampled.history_["n_rows"], sampled.history_["passes"]
    end = passes[n_rows < 5000][-1]
    assert [span.get_x() + span.get_width() for span in display.samples_] == [end] * 3
    assert entries(display.ax_[0].get_legend()) == ["on a sample of the rows"]
    # A line is broken wherever rows were added, and nowhere else.
    gaps = np.isnan(display.loss_.get_ydata()).sum()
    assert gaps == np.sum(np.diff(n_rows) != 0) > 0

    whole = ConvergenceDisplay.from_estimator(model)
    assert whole.samples_ == []
    assert whole.ax_[0].get_legend() is None
    assert np.isfinite(whole.loss_.get_ydata()).all()


def test_convergence_of_a_fit_that_saw_samples_only(sampled):
    stopped = clone(sampled)
    stopped.__dict__.update(vars(sampled))
    on_sample = sampled.history_["n_rows"] < 5000
    stopped.history_ = {k: v[on_sample] for k, v in sampled.history_.items()}
    stopped.n_iter_ = int(on_sample.sum())
    display = ConvergenceDisplay.from_estimator(stopped)
    assert display.samples_[0].get_width() == stopped.n_iter_


def test_convergence_over_many_decades_has_powers_of_ten():
    n = 4
    history = {
        "loss": 10.0 ** -np.arange(n),
        "gradient_norm": np.ones(n),
        "n_rows": np.full(n, 1000),
        "sketch_size": np.zeros(n, int),
        "n_cg": np.zeros(n, int),
    }
    display = ConvergenceDisplay(x=np.arange(n), history=history, n_samples=1000)
    display.plot()
    ticks = display.ax_[0].get_yticks()
    np.testing.assert_allclose(ticks[1:] / ticks[:-1], 10)
    low, high = display.ax_[2].get_ylim()
    np.testing.assert_allclose([low, high], [100, 10_000])


def test_convergence_over_something_else(model):
    with pytest.raises(ValueError, match="x='epoch' is not one of iteration, passes"):
        ConvergenceDisplay.from_estimator(model, x="epoch")


# -- evidence -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def searched():
    """A model that left features out, and gave starts up on a sample."""
    data = make_friedman1(5000, noise=1.0, random_state=0)
    fit = TwoLayerSoftmaxRegressor(random_state=0).fit(*data)
    assert fit.support_.sum() == 5
    assert len(np.unique(fit.width_path_["n_rows"])) > 1
    return fit


def test_evidence_draws_what_can_be_compared(searched):
    display = EvidenceDisplay.from_estimator(searched)
    path = searched.width_path_
    score = path["log_evidence"] + path["log_prior"]
    chosen = display.chosen
    assert path["n_hidden"][chosen] == searched.n_hidden_
    assert path["n_features"][chosen] == 5
    same = path["n_rows"] == 5000
    np.testing.assert_allclose(
        display.candidates_.get_offsets(),
        np.column_stack([path["n_hidden"], score - score[chosen]])[same],
    )
    # Crosses stand near their width, and side by side.
    crosses = np.asarray(display.rejected_.get_offsets())
    np.testing.assert_array_equal(
        2 ** np.round(np.log2(crosses[:, 0])), path["n_hidden"][~same]
    )
    assert len(np.unique(crosses[:, 0])) == len(crosses)
    assert "5,000 rows" in display.ax_[0].get_ylabel()


def test_evidence_joins_the_best_of_each_width(searched):
    display = EvidenceDisplay.from_estimator(searched)
    path = searched.width_path_
    score = path["log_evidence"] + path["log_prior"]
    for n_features, line, dof in zip(
        (10, 5), display.kept_, display.effective_dof_, strict=True
    ):
        widths, differences = points(line)
        assert line.get_label() == f"best with {n_features} features"
        assert np.all(np.diff(widths) > 0)
        among = (path["n_features"] == n_features) & (path["n_rows"] == 5000)
        among &= path["kept"]
        for width, difference, effective in zip(
            widths, differences, points(dof)[1], strict=True
        ):
            here = np.flatnonzero(among & (path["n_hidden"] == width))
            best = here[np.argmax(score[here])]
            assert difference == pytest.approx(score[best] - score[display.chosen])
            assert effective == path["effective_dof"][best]
    styles = {(line.get_color(), line.get_marker()) for line in display.kept_}
    assert len(styles) == 2
    n_params = points(display.n_params_)
    np.testing.assert_array_equal(n_params[1], n_params[0] * (5 + 1 + 1))


def test_evidence_marks_the_chosen_width(searched):
    upper, lower = EvidenceDisplay.from_estimator(searched).chosen_
    np.testing.assert_array_equal(points(upper).ravel(), [searched.n_hidden_, 0])
    assert points(lower)[1] == pytest.approx(searched.effective_dof_, rel=0.05)


def test_evidence_of_one_candidate_and_all_features():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, alpha=1e-3, random_state=0).fit(X, Y)
    display = EvidenceDisplay.from_estimator(fit)
    assert len(display.kept_) == 1
    assert display.rejected_ is None
    assert list(display.difference) == [0.0]
    low, high = display.ax_[0].get_ylim()
    assert low <= -DECISIVE and high >= DECISIVE


def test_evidence_of_a_model_without_any():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, alpha=0, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="no evidence .* positive alpha"):
        EvidenceDisplay.from_estimator(fit)


# -- memberships --------------------------------------------------------------------


def slice_of(columns):
    """Rows at the medians of X with the given columns."""
    rows = np.tile(np.median(X, axis=0), (len(next(iter(columns.values()))), 1))
    for index, values in columns.items():
        rows[:, index] = values
    return rows


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


def test_line_styles_do_not_recur_early():
    looks = {(i % len(COLORS), i % len(LINE_STYLES)) for i in range(28)}
    assert len(looks) == 28


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


# -- intervals ----------------------------------------------------------------------


def test_interval_is_that_of_predict(model):
    display = PredictionIntervalDisplay.from_estimator(
        model, X, Y, feature=1, level=0.8, grid_resolution=40
    )
    grid = np.linspace(X[:, 1].min(), X[:, 1].max(), 40)
    mean, std = model.predict(slice_of({1: grid}), return_std=True)
    np.testing.assert_allclose(points(display.line_), [grid, mean])
    half = norm.ppf(0.9) * std
    np.testing.assert_allclose(display.lower, mean - half)
    np.testing.assert_allclose(display.upper, mean + half)
    vertices = display.band_.get_paths()[0].vertices
    for end in (mean - half, mean + half):
        for point in np.column_stack([grid, end]):
            assert np.isclose(vertices, point).all(axis=1).any()
    np.testing.assert_array_equal(points(display.points_), [X[:, 1], Y])
    assert entries(display.ax_.get_legend()) == [
        "data (other features as observed)",
        "prediction",
        "80 % of new observations",
    ]


def test_interval_without_targets(model):
    display = PredictionIntervalDisplay.from_estimator(model, X)
    assert display.points_ is None
    assert len(entries(display.ax_.get_legend())) == 2


def test_interval_of_one_feature_has_no_others():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, random_state=0).fit(X[:, :1], Y)
    display = PredictionIntervalDisplay.from_estimator(fit, X[:, :1], Y)
    assert display.ax_.get_xlabel() == "feature 0"
    assert entries(display.ax_.get_legend())[0] == "data"


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
