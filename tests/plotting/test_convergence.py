"""The convergence display draws the history of the fit."""

import numpy as np
import pytest
from sklearn.base import clone

from sksoftnewton.plotting import ConvergenceDisplay
from tests.plotting.cases import entries, points


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
    assert entries(whole.ax_[0].get_legend())[0].startswith("alpha changed")
    assert np.isfinite(whole.loss_.get_ydata()).all()


def test_convergence_marks_changes_of_the_penalty(model, sampled):
    history = model.history_
    assert history["alpha"][-1] == model.alpha_[0]
    changes = np.flatnonzero(np.diff(history["alpha"])) + 1.5
    display = ConvergenceDisplay.from_estimator(model)
    places = [line.get_xdata()[0] for line in display.penalties_]
    assert len(changes) > 0
    np.testing.assert_array_equal(places, [*changes, *changes])
    (text,) = entries(display.ax_[0].get_legend())
    assert text == f"alpha changed, {model.alpha_[0]:.1e} at the end"

    # Rows that are added change alpha too, but not the prior: the line is broken there.
    n_rows = sampled.history_["n_rows"]
    grown = {**sampled.history_, "alpha": 1 / n_rows}
    x = np.arange(sampled.n_iter_)
    display = ConvergenceDisplay(x=x, history=grown, n_samples=5000).plot()
    assert len(np.unique(n_rows)) > 1
    assert display.penalties_ == []


def test_convergence_of_a_history_without_penalties(sampled):
    history = {k: v for k, v in sampled.history_.items() if k != "alpha"}
    x = np.arange(sampled.n_iter_)
    display = ConvergenceDisplay(x=x, history=history, n_samples=5000).plot()
    assert display.penalties_ == []


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
