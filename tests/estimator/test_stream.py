"""`partial_fit`: earlier rows count, in whatever order they come."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.multioutput import MultiOutputRegressor

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._estimator import stream
from sksoftnewton._estimator.stream import Memory
from tests.estimator.callbacks import Callback

X, Y = make_friedman1(600, n_features=6, noise=1.0, random_state=0)
X_NEW, Y_NEW = make_friedman1(1000, n_features=6, noise=0.0, random_state=1)
SORTED = np.argsort(X[:, 3])


def regressor(**params):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **params})


def streamed(model, rows, n_batches):
    for batch in np.array_split(rows, n_batches):
        model.partial_fit(X[batch], Y[batch])
    return model


def test_the_first_rows_are_fitted_as_by_fit():
    model = regressor().partial_fit(X[:200], Y[:200])
    assert_array_equal(model.predict(X), regressor().fit(X[:200], Y[:200]).predict(X))


def test_a_new_fit_is_that_to_all_rows():
    model = streamed(regressor(), np.arange(600), 2)
    assert_array_equal(model.predict(X), regressor().fit(X, Y).predict(X))
    assert model.warm_start is False


@pytest.mark.parametrize("rows", [np.arange(600), SORTED, SORTED[::-1]])
def test_a_stream_is_as_good_as_all_rows_in_any_order(rows):
    whole = regressor().fit(X, Y).score(X_NEW, Y_NEW)
    last = regressor().fit(X[rows[-60:]], Y[rows[-60:]]).score(X_NEW, Y_NEW)
    score = streamed(regressor(), rows, 10).score(X_NEW, Y_NEW)
    assert score > whole - 0.01 > last + 0.05


def test_most_calls_go_on_from_the_solution_before():
    model = regressor()
    candidates = []
    for batch in np.array_split(np.arange(600), 10):
        model.partial_fit(X[batch], Y[batch])
        candidates.append(list(model.width_path_["start"]))
    warm = [call for call, starts in enumerate(candidates, 1) if starts == ["warm"]]
    assert warm == [4, 6, 7, 9, 10]  # after 60, 120, 180, 300 and 480 rows


def test_rows_are_remembered_with_equal_chances(monkeypatch):
    monkeypatch.setattr(stream, "MOST_ROWS", 50)
    counts = np.zeros(200)
    for seed in range(400):
        memory = Memory.empty(np.zeros((1, 1)), np.zeros((1, 1)))
        for batch in np.split(np.arange(200.0), [30, 90, 95]):
            column = batch[:, None]
            memory = memory.with_rows(column, 2 * column, batch + 1, seed)
        kept = memory.X[:, 0]
        assert len(kept) == len(set(memory.keys)) == 50 and (np.diff(kept) > 0).all()
        assert_array_equal(memory.Y[:, 0], 2 * kept)
        assert_array_equal(memory.weight, kept + 1)
        counts[kept.astype(int)] += 1
    deviations = (counts - 100) / np.sqrt(400 * 0.25 * 0.75)
    assert 0.8 < deviations.std() < 1.2 and np.abs(deviations).max() < 4.5


def test_more_rows_than_are_remembered(monkeypatch):
    monkeypatch.setattr(stream, "MOST_ROWS", 300)
    model = streamed(regressor(), SORTED, 10)
    assert model._memory.n_seen == 600 and len(model._memory.Y) == 300
    assert model.score(X_NEW, Y_NEW) > 0.93
    assert regressor().fit(X[SORTED[-60:]], Y[SORTED[-60:]]).score(X_NEW, Y_NEW) < 0.5


def test_weights_are_kept_and_rows_without_any_are_none():
    weight = np.random.default_rng(0).integers(0, 3, 300).astype(float)
    model = regressor(n_hidden=2)
    model.partial_fit(X[:100], Y[:100], weight[:100])
    model.partial_fit(X[100:300], Y[100:300], sample_weight=weight[100:])
    whole = regressor(n_hidden=2).fit(X[:300], Y[:300], weight)
    assert_allclose(model.predict(X), whole.predict(X), rtol=1e-8)
    assert model._memory.n_seen == np.sum(weight > 0)


def test_a_changed_parameter_asks_for_a_new_fit():
    model = regressor(n_hidden=2).partial_fit(X[:300], Y[:300])
    model.set_params(n_hidden=4).partial_fit(X[300:330], Y[300:330])
    whole = regressor(n_hidden=4).fit(X[:330], Y[:330])
    assert_array_equal(model.predict(X), whole.predict(X))


def test_logarithms_are_given_up_for_targets_that_have_none():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(-1, 1, 200), rng.integers(0, 2, 200)])
    y = np.exp(2 * np.tanh(2 * x[:, 0]) + x[:, 1] + 0.4 * rng.normal(size=200))
    model = regressor().partial_fit(x, y)
    assert model.target_transform_ == "log"
    model.partial_fit(x[:10], np.zeros(10))
    assert model.target_transform_ == "identity"


def test_sparse_rows_stay_sparse():
    rows = sp.csr_array(np.where(X > 0.5, X, 0))
    model = regressor(n_hidden=2)
    model.partial_fit(rows[:300], Y[:300]).partial_fit(rows[300:], Y[300:])
    assert sp.issparse(model._memory.X)
    whole = regressor(n_hidden=2).fit(rows, Y)
    assert_array_equal(model.predict(rows), whole.predict(rows))


def test_float32_and_names_are_kept():
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcdef"))
    model = regressor(n_hidden=2).partial_fit(frame[:300], Y[:300])
    model.partial_fit(frame[300:], Y[300:])
    assert list(model.feature_names_in_) == list("abcdef")
    assert model.predict(frame).dtype == np.float32
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.rename(columns={"a": "z"}), Y)


def test_several_outputs():
    targets = np.column_stack([Y, -X[:, 0]])
    model = regressor(n_hidden=2)
    model.partial_fit(X[:200], targets[:200]).partial_fit(X[200:], targets[200:])
    whole = regressor(n_hidden=2).fit(X, targets)
    assert_array_equal(model.predict(X), whole.predict(X))
    one_each = MultiOutputRegressor(regressor(n_hidden=2))
    for rows in (slice(200), slice(200, 600)):
        one_each.partial_fit(X[rows], targets[rows])
    alone = regressor(n_hidden=2).fit(X, Y)
    assert_array_equal(one_each.predict(X)[:, 0], alone.predict(X))


def test_it_can_be_stored_between_calls():
    model = regressor(n_hidden=2).partial_fit(X[:300], Y[:300])
    stored = pickle.loads(pickle.dumps(model))
    for each in (model, stored):
        each.partial_fit(X[300:350], Y[300:350])
    assert_array_equal(model.predict(X), stored.predict(X))


def test_fit_forgets_the_rows():
    model = regressor(n_hidden=2).partial_fit(X[:300], Y[:300]).fit(X[:200], Y[:200])
    assert model._memory is None
    with pytest.warns(UserWarning, match="not from fit, which keeps no rows") as found:
        model.partial_fit(X[300:400], Y[300:400])
    assert [Path(warning.filename) for warning in found] == [Path(__file__)]
    assert model._memory.n_seen == 100
    clone(model).partial_fit(X[:300], Y[:300])  # without a warning


def test_callbacks_hear_of_it():
    class Listener(Callback):
        names: tuple = ()

        def on_fit_task_begin(self, estimator, context):
            self.names = (*self.names, context.task_name)

    listener = Listener()
    model = regressor(n_hidden=2).set_callbacks(listener)
    model.partial_fit(X[:300], Y[:300])
    assert "iteration" in listener.names
    before = len(listener.names)
    model.partial_fit(X[300:310], Y[300:310])
    assert len(listener.names) > before


def test_errors_name_what_is_wrong_and_leave_the_model_as_it_was():
    model = regressor(n_hidden=2, output_activation="exp").partial_fit(X, Y + 5)
    before = model.predict(X)
    for given, message in (
        ((X[:9], Y[:9] - 99), "output_activation='exp' has the range"),
        ((X[:9], np.column_stack([Y, Y])[:9] + 5), "y has 2 outputs, but 1 in earlier"),
        ((sp.csr_array(X[:9]), Y[:9] + 5), "X is sparse, but it was dense"),
        ((X[:9, :4], Y[:9] + 5), "X has 4 features"),
        ((X[:9], Y[:8] + 5), "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(*given)
        assert model._memory.n_seen == 600
        assert_array_equal(model.predict(X), before)


def test_a_fit_that_does_not_converge_says_so():
    model = regressor(n_hidden=4, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        model.partial_fit(X, Y)
