import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes, make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference import evidence, search
from sksoftnewton._inference.trainer import Trainer


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


def test_many_rows_are_searched_on_a_sample(monkeypatch):
    X, y = make_friedman1(1500, noise=1.0, random_state=0)
    monkeypatch.setattr(search, "SELECTION_ROWS", 500)
    model = auto().fit(X[:1000], y[:1000])
    assert set(model.history_["n_rows"]) == {500, 1000}
    assert model.loss_curve_ and model.loss_curve_[-1] == model.loss_
    assert (np.diff(model.history_["passes"]) > 0).all()
    assert model.score(X[1000:], y[1000:]) > 0.93
    again = auto().fit(X[:1000], y[:1000])
    np.testing.assert_array_equal(again.hidden_coef_, model.hidden_coef_)


def test_all_rows_are_met_after_a_large_sample(monkeypatch):
    monkeypatch.setattr(search, "SELECTION_ROWS", 500)
    X, y = make_friedman1(5000, noise=1.0, random_state=0)

    def fits(*stages):
        models = [auto(n_hidden=4, random_state=seed).fit(X, y) for seed in range(3)]
        for model in models:
            assert list(dict.fromkeys(model.history_["n_rows"])) == list(stages)
        return models

    after_a_sample = fits(500, 2500, 5000)
    monkeypatch.setattr(search, "LEAST_REFINED", 6)  # the sample is no larger than that
    directly = fits(500, 5000)

    def steps(model):
        return (model.history_["n_rows"] == 5000) @ model.history_["n_cg"]

    assert sum(map(steps, after_a_sample)) < sum(map(steps, directly))
    for model, other in zip(after_a_sample, directly, strict=True):
        assert model.loss_ < 1.02 * other.loss_


def test_large_data_are_selected_on_a_sample_and_fitted_on_all(monkeypatch):
    monkeypatch.setattr(search, "SELECTION_ROWS", 400)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 8))
    y = 2 * np.tanh(X[:, :3].sum(axis=1)) + 0.2 * rng.normal(size=1200)
    model = auto().fit(X, y)
    assert_array_equal(np.flatnonzero(model.support_), [0, 1, 2])
    assert model.history_["n_rows"][-1] == 1200


def test_a_width_too_large_for_an_evidence_is_chosen_for_on_fewer_rows(monkeypatch):
    X, y = make_friedman1(400, noise=1.0, random_state=0)
    monkeypatch.setattr(evidence, "LARGEST_MATRIX", 50)
    monkeypatch.setattr(search, "FEW_SELECTION_ROWS", 50)
    model = auto(n_hidden=8).fit(X, y)
    assert set(model.width_path_["n_rows"]) == {50}
    assert model.status_ == "converged"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 2, 12])
def test_few_iterations_still_give_a_model(monkeypatch, max_iter):
    monkeypatch.setattr(search, "SELECTION_ROWS", 100)
    X, y = load_diabetes(return_X_y=True)
    model = auto(max_iter=max_iter).fit(X, y)
    assert len(model.loss_curve_) >= 1 and model.n_iter_ <= max_iter
    assert np.isfinite(model.predict(X)).all()


def test_warm_start_keeps_the_width_and_the_penalties():
    X, y = load_diabetes(return_X_y=True)
    model = auto(warm_start=True).fit(X, y)
    width, iterations = model.n_hidden_, model.n_iter_
    model.fit(X, y)
    assert model.n_hidden_ == width and model.n_iter_ < iterations
    assert list(model.width_path_["start"]) == ["warm"]


def test_warm_start_keeps_the_features_left_out():
    X, y = make_friedman1(1000, noise=1.0, random_state=0)
    model = auto(warm_start=True, n_hidden=4).fit(X, y)
    support = model.support_
    assert not support.all()
    model.fit(X, y)
    assert_array_equal(model.support_, support)


def test_logarithms_are_given_up_where_they_are_far_behind():
    X, y = make_friedman1(400, noise=0.5, random_state=0)
    shifted = y - y.min() + 1.0
    path = TwoLayerSoftmaxRegressor(random_state=0).fit(X, shifted).width_path_
    logs = path["target_transform"] == "log"
    assert set(path["n_hidden"][logs]) == {1, 2, 4}
    assert max(path["n_hidden"][~logs]) > 4
    assert "fewer features" not in path["start"][logs]
    # Where they are not, the search goes on.
    path = TwoLayerSoftmaxRegressor(random_state=0).fit(X, np.exp(y / 5)).width_path_
    assert max(path["n_hidden"][path["target_transform"] == "log"]) > 4


def test_a_sample_is_not_kept_beside_all_rows(monkeypatch):
    """Nothing holds it, not even a circle that Python would have to look for."""
    X, y = make_friedman1(9000, random_state=0)
    monkeypatch.setattr(search, "SELECTION_ROWS", 1000)
    samples = []
    on_most_rows, advanced = search.Search._on_most_rows, Trainer.advanced

    def remembered(self, run):
        run = on_most_rows(self, run)
        samples.append(weakref.ref(run.problem.rows))
        return run

    def checked(self, run, *args):
        later = advanced(self, run, *args)
        if run.network.rows.n_rows == 9000:
            samples.append(samples[0]())
        return later

    monkeypatch.setattr(search.Search, "_on_most_rows", remembered)
    monkeypatch.setattr(Trainer, "advanced", checked)
    gc.disable()
    try:
        auto(n_hidden=2, basis="linear").fit(X, y)
    finally:
        gc.enable()
    assert samples[0]() is None and samples[1] is None
