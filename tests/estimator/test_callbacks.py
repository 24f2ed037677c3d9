"""scikit-learn's callbacks: the tree of tasks, progress, scores, stopping."""

import warnings

import numpy as np
import pandas as pd
import pytest
import rich
from sklearn import config_context
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from tests.estimator.callbacks import Callback


class Recorder(Callback):
    """Keeps begin and end of every task, and stops where it is told to.

    Parameters
    ----------
    stop_at : int or None, the number of the iteration that asks to stop
    stop_after : str or None, name of a task whose end asks to stop
    error : exception raised at that iteration instead
    """

    def __init__(self, stop_at=None, stop_after=None, error=None):
        self.stop_at = stop_at
        self.stop_after = stop_after
        self.error = error
        self.events = []
        self.n_iterations = 0
        self.n_teardowns = 0

    def teardown(self, estimator, context):
        self.n_teardowns += 1

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", *self._place(context)))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", *self._place(context)))
        if context.task_name == "iteration":
            self.n_iterations += 1
            if self.n_iterations == self.stop_at:
                if self.error is not None:
                    raise self.error
                return True
        return context.task_name == self.stop_after

    @staticmethod
    def _place(context):
        parent = context.parent.task_name if context.parent else None
        return parent, context.task_name

    def names(self, parent):
        return [name for kind, p, name in self.events if kind == "end" and p == parent]


def friedman(n=300, seed=0):
    return make_friedman1(n, noise=1.0, random_state=seed)


# -- the tree -----------------------------------------------------------------------


def test_every_task_begins_and_ends_inside_its_parent():
    recorder = Recorder()
    model = TwoLayerSoftmaxRegressor(random_state=0).set_callbacks(recorder)
    model.fit(*friedman())
    open_tasks = []
    for kind, parent, name in recorder.events:
        if kind == "begin":
            assert parent == (open_tasks[-1] if open_tasks else None)
            open_tasks.append(name)
        else:
            assert open_tasks.pop() == name
    assert open_tasks == []
    assert recorder.n_teardowns == 1
    parts = recorder.names("fit")
    assert parts[:3] == ["1 unit", "2 units", "4 units"]
    assert "fewer features" in parts and parts[-1] == "convergence"
    assert not hasattr(model, "_callback_fit_ctx")


def test_one_task_per_outer_iteration():
    recorder = Recorder()
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, n_init=1, random_state=0)
    model.set_callbacks(recorder).fit(*friedman())
    assert recorder.names("fit") == ["2 units", "convergence"]
    assert recorder.n_iterations == model.n_iter_


def test_each_start_that_is_trained_to_the_end_is_a_task():
    recorder = Recorder()
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, n_init=3, random_state=0)
    model.set_callbacks(recorder).fit(*friedman())
    starts = [f"4 units, start {i}" for i in (1, 2, 3)]
    assert recorder.names("fit") == [*starts, "convergence"]
    for start in starts:
        assert set(recorder.names(start)) == {"iteration"}


def test_callbacks_change_nothing():
    X, y = friedman()
    plain = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    told = TwoLayerSoftmaxRegressor(random_state=0).set_callbacks(Recorder())
    np.testing.assert_array_equal(plain.predict(X), told.fit(X, y).predict(X))


# -- scikit-learn's own callbacks -----------------------------------------------------


def frames():
    X, y = friedman(120)
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(10)]), pd.Series(y)


def regressor(*callbacks):
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0)
    return model.set_callbacks(*callbacks)


def pipeline(*callbacks):
    return make_pipeline(StandardScaler(), regressor(*callbacks))


def grid_search(*callbacks):
    widths = {"twolayersoftmaxregressor__n_hidden": [2, 3]}
    return GridSearchCV(pipeline(*callbacks), widths, cv=2, n_jobs=2)


@pytest.fixture
def wide_console():
    rich.reconfigure(width=200)
    yield
    rich.reconfigure()


@pytest.mark.parametrize(
    ("make", "n_fits"), [(regressor, 1), (pipeline, 1), (grid_search, 5)]
)
def test_progress_bar_and_scores_with_data_frames(make, n_fits, capsys, wide_console):
    X, y = frames()
    monitor = ScoringMonitor(scoring="r2")
    model = make(monitor)
    progress = ProgressBar(max_propagation_depth=None)
    own = [monitor] if make is regressor else []
    model.set_callbacks(progress, *own).fit(X, y)
    shown = capsys.readouterr().out
    assert shown.count("TwoLayerSoftmaxRegressor - 2 units") >= 1
    assert shown.count("TwoLayerSoftmaxRegressor - convergence") == n_fits
    log = [r for r in monitor.get_logs().data if r["task_name"] == "iteration"]
    assert min(row["r2"] for row in log) < 0.5 < max(row["r2"] for row in log)
    fits = {row["task_id_path"][:-2] for row in log}
    assert len(fits) == n_fits
    assert model.predict(X).shape == (120,)


def test_the_last_score_is_that_of_the_fitted_model():
    X, y = frames()
    monitor = ScoringMonitor(scoring="r2")
    model = regressor(monitor).fit(X, y)
    log = monitor.get_logs().data
    iterations = [row["r2"] for row in log if row["task_name"] == "iteration"]
    assert len(iterations) == model.n_iter_
    assert iterations[-1] == pytest.approx(model.score(X, y), abs=1e-12)
    assert iterations[0] < iterations[-1]


def test_scores_use_sample_weights():
    X, y = frames()
    weight = np.linspace(0, 2, len(y))
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("r2").set_score_request(sample_weight=True)
        monitor = ScoringMonitor(scoring=scorer)
        model = regressor(monitor).set_fit_request(sample_weight=True)
        model.fit(X, y, sample_weight=weight)
    log = monitor.get_logs().data
    iterations = [row["score"] for row in log if row["task_name"] == "iteration"]
    assert iterations[-1] == pytest.approx(model.score(X, y, weight), abs=1e-12)


# -- stopping -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "n"),
    [
        ({"n_hidden": 3, "alpha": 1e-3}, 200),
        ({"n_hidden": 3, "alpha": 1e-3, "n_init": 3}, 200),
        ({"n_hidden": 16, "alpha": 1e-4}, 5000),  # grown on samples
        ({"n_hidden": 16, "alpha": 1e-4, "sketch": "leverage"}, 5000),
        ({"n_hidden": 5}, 200),
        ({"alpha": 1e-3}, 200),
        ({}, 200),
        ({}, 11_000),  # chosen on fewer rows
    ],
)
@pytest.mark.parametrize("stop_at", [1, 2, 10])
def test_a_stopped_fit_is_usable(parameters, n, stop_at):
    X, y = friedman(n)
    recorder = Recorder(stop_at)
    model = TwoLayerSoftmaxRegressor(random_state=0, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_callbacks(recorder).fit(X, y)
    assert recorder.n_iterations == stop_at
    assert recorder.n_teardowns == 1
    assert model.status_ == "stopped_by_callback"
    assert model.n_hidden_ == parameters.get("n_hidden", model.n_hidden_)
    assert 1 <= model.n_iter_ <= stop_at
    assert len(model.history_["loss"]) == model.n_iter_
    assert model.width_path_["start"][-1] == "stopped"
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(mean).all() and (std > 0).all()
    objective = np.mean((y - mean) ** 2) / (2 * np.var(y))
    assert objective <= model.loss_ <= 1  # F is that of the stored network


def test_a_search_that_is_stopped_has_the_best_network_so_far():
    X, y = friedman()
    recorder = Recorder(stop_after="2 units")
    model = TwoLayerSoftmaxRegressor(random_state=0).set_callbacks(recorder).fit(X, y)
    assert recorder.names("fit") == ["1 unit", "2 units", "4 units"]
    assert recorder.names("4 units") == []
    assert (model.status_, model.n_hidden_) == ("stopped_by_callback", 2)
    assert model.score(X, y) > 0.5


class GoodEnough(Recorder):
    """Stops at the first model of an iteration with a high enough score."""

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "iteration":
            self.score = fitted_estimator.score(X, y)
            return self.score > 0.9
        return False


def test_a_search_returns_the_model_that_the_callback_was_content_with():
    X, y = friedman(500)
    callback = GoodEnough()
    model = TwoLayerSoftmaxRegressor(random_state=0).set_callbacks(callback).fit(X, y)
    assert model.score(X, y) == pytest.approx(callback.score)


@pytest.mark.parametrize("stop_at", [11, 21])
def test_starts_that_were_screened_are_not_lost(stop_at):
    X, y = friedman()
    model = TwoLayerSoftmaxRegressor(5, random_state=0)
    model.set_callbacks(Recorder(stop_at)).fit(X, y)
    assert model.score(X, y) > 0.9


def test_a_stopped_search_prefers_wider_networks_only_by_the_evidence():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.normal(size=60)
    model = TwoLayerSoftmaxRegressor(alpha=1e-5, random_state=0)
    model.set_callbacks(Recorder(stop_after="2 units")).fit(X, y)
    assert model.n_hidden_ == 1


def test_callbacks_do_not_see_the_names_of_a_fit_before():
    X, y = frames()
    model = regressor().fit(X, y)
    model.set_callbacks(ScoringMonitor(scoring="r2")).fit(X.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")


def test_warm_start_can_be_stopped():
    X, y = friedman()
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, warm_start=True, random_state=0)
    before = model.fit(X, y).loss_
    model.set_params(alpha=1e-4).set_callbacks(Recorder(stop_at=1)).fit(X, y)
    assert (model.status_, model.n_iter_) == ("stopped_by_callback", 1)
    assert model.loss_ < before
    model.set_callbacks().fit(X, y)
    assert model.status_ == "converged"


def test_float32_fits_can_be_stopped():
    X, y = friedman(5000)
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-3, random_state=0)
    model.set_callbacks(Recorder(stop_at=8)).fit(X.astype(np.float32), y)
    assert model.status_ == "stopped_by_callback"
    assert model.predict(X.astype(np.float32)).dtype == np.float32


# -- interrupts -----------------------------------------------------------------------


@pytest.mark.parametrize("stop_at", [1, 10])
def test_an_interrupted_fit_leaves_an_unfitted_estimator_unfitted(stop_at):
    X, y = friedman()
    recorder = Recorder(stop_at, error=KeyboardInterrupt())
    model = TwoLayerSoftmaxRegressor(random_state=0).set_callbacks(recorder)
    before = set(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert set(vars(model)) == before
    assert recorder.n_teardowns == 1
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_an_interrupted_fit_leaves_a_fitted_estimator_as_it_was():
    X, y = friedman()
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0).fit(X, y)
    model.set_callbacks(Recorder(stop_at=2, error=KeyboardInterrupt()))
    before = dict(vars(model))
    frame = pd.DataFrame(X[:, :5], columns=list("abcde"))
    with pytest.raises(KeyboardInterrupt):
        model.fit(frame, y)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    assert model.predict(X).shape == y.shape


def test_a_refit_without_names_forgets_them():
    X, y = frames()
    model = regressor().fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    model.fit(X.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")
