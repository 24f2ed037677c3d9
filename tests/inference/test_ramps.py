import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._inference import ramps as ramps_module
from sksoftnewton._inference import widths as widths_module
from sksoftnewton._inference.ramps import fitting_levels, given_ramps
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


def waves(n, seed=0):
    """Waves along the axes, which one softmax over the features bends to slowly."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    y = np.sin(9 * X[:, 0]) + 2 * np.sin(6 * X[:, 1])
    return X, y + 0.1 * rng.normal(size=n)


def problem_of(n_features, n=100):
    rng = np.random.default_rng(0)
    return Problem(
        ArrayData(
            rng.normal(size=(n, n_features)), rng.normal(size=(n, 1)), np.ones(n)
        ),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = waves(400)
    return X, y, auto().fit(X, y)


def test_ramps_are_chosen_where_structure_follows_the_axes(fitted):
    X, y, model = fitted
    X_test, y_test = waves(2000, 1)
    plain = auto(basis="linear").fit(X, y)
    assert plain.hidden_coef_.shape[1] == 3 and plain.basis_.is_linear
    assert model.log_evidence_ > plain.log_evidence_ + 20
    assert model.score(X_test, y_test) > plain.score(X_test, y_test) + 0.1
    assert model.hidden_coef_.shape == (model.n_hidden_, model.basis_.n_columns)
    n_inner = {len(knots) - 2 for knots in model.basis_.knots_ if len(knots)}
    assert n_inner <= {3, 7, 15, 31}
    assert model.basis_.n_columns <= ramps_module.MOST_COLUMNS


def test_only_features_in_use_have_ramps(fitted):
    _, _, model = fitted
    assert_array_equal(model.support_, [True, True, False])
    assert [len(knots) > 0 for knots in model.basis_.knots_] == [True, True, False]
    assert not model.hidden_coef_[:, model.basis_.feature_of == 2].any()
    assert (model.hidden_coef_[:, 0] != 0).all()


def test_the_path_tells_ramps_from_the_plain_search(fitted):
    _, _, model = fitted
    path = model.width_path_
    here = path["n_columns"] > path["n_features"]
    assert here.any() and not here[0]
    # All the plain search comes first.
    assert (np.diff(here.astype(int)) >= 0).all()
    started = path["start"] == "ramps"
    assert (started <= here).all()
    # From the plain network, and from one on fewer columns.
    assert len(set(path["n_columns"][started])) >= 2
    n_columns = model.basis_.take(np.flatnonzero(model.support_)).n_columns
    final = path["n_columns"] == n_columns
    best = path["log_evidence"][final & path["kept"]].max()
    assert abs(best - model.log_evidence_) < 10  # the end is on a finer tolerance


def test_knots_are_those_of_one_level_on_the_rows(fitted):
    X, y, model = fitted
    levels = {n: given_level(X, y, n).knots_[0] for n in (3, 7, 15, 31)}
    found = model.basis_.knots_[0]
    (level,) = [n for n, knots in levels.items() if len(knots) == len(found)]
    assert_array_equal(found, levels[level])


def given_level(X, y, n_inner):
    problem = Problem(
        ArrayData(X, y[:, None], np.ones(len(y))),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    return problem.with_ramps(n_inner).basis


@pytest.mark.parametrize("seed", range(3))
def test_smooth_data_keep_their_features(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 4))
    y = X @ [1.0, -2.0, 0.5, 1.0] + 0.3 * rng.normal(size=300)
    model = auto().fit(X, y)
    assert model.basis_.is_linear
    tried = model.width_path_["n_columns"] > model.width_path_["n_features"]
    assert tried.any()  # and were rejected


def test_noise_has_no_ramps():
    rng = np.random.default_rng(0)
    model = auto().fit(rng.normal(size=(200, 3)), rng.normal(size=200))
    assert model.n_hidden_ == 1 and model.basis_.is_linear


@pytest.mark.parametrize(
    ("n_features", "levels"),
    [
        (1, [3, 7, 15, 31]),
        (3, [3, 7, 15, 31]),  # 99 columns
        (4, [3, 7, 15]),
        (20, [3]),  # 100 columns
        (21, [1]),
        (33, [1]),
        (34, []),
    ],
)
def test_levels_that_fit_into_a_hundred_columns(n_features, levels):
    problem = problem_of(n_features)
    assert fitting_levels(problem) == levels
    assert fitting_levels(problem, at_least_one=True) == (levels or [1])
    given = given_ramps(problem).basis.knots_
    assert {len(knots) - 2 for knots in given} == {min(7, max(levels or [1]))}


def test_sparse_wide_and_rotated_data_stay_linear_unless_asked():
    X, y = waves(200)
    X[np.abs(X) < 0.4] = 0
    wide = np.hstack([X[:40], np.random.default_rng(0).normal(size=(40, 60))])
    for data, targets, kwargs in (
        (sp.csr_array(X), y, {}),
        (wide, y[:40], {}),
        (X, y, {"penalty": "logits"}),
        (X, y, {"alpha": 1e-3}),
    ):
        model = auto(n_hidden=2, **kwargs).fit(data, targets)
        assert model.basis_.is_linear
        asked = auto(n_hidden=2, basis="ramps", **kwargs).fit(data, targets)
        assert not asked.basis_.is_linear
        shape = 2, asked.basis_.n_columns
        assert asked.hidden_coef_.shape == shape
        assert np.isfinite(asked.predict(data)).all()


def test_csr_data_on_ramps_are_dense_data_on_ramps():
    X, y = waves(150)
    X[np.abs(X) < 0.4] = 0
    for kwargs in ({"alpha": 1e-3, "n_hidden": 3}, {"n_hidden": 2}):
        dense = auto(basis="ramps", **kwargs).fit(X, y)
        sparse = auto(basis="ramps", **kwargs).fit(sp.csr_array(X), y)
        for a, b in zip(dense.basis_.knots_, sparse.basis_.knots_, strict=True):
            assert_array_equal(a, b)
        assert_allclose(sparse.predict(sp.csr_array(X)), dense.predict(X), atol=1e-6)


def test_features_of_two_values_have_no_ramps_to_offer():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (200, 4)).astype(float)
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=200)
    model = auto(basis="ramps").fit(X, y)
    assert model.basis_.is_linear and model.score(X, y) > 0.8


def test_finer_ramps_start_where_coarser_ones_ended(fitted, monkeypatch):
    """A network on finer ramps is the coarser one before it is trained."""
    X, y, _ = fitted
    moved = []  # what F is without its penalty, and the start
    finer = ramps_module.RampSearch._finer

    def watched(self, coarse, problem):
        start = self.widths.trainer.moved(coarse, problem).with_value()
        network, theta = coarse.network, coarse.theta
        moved.append((network.value(theta) - network.penalty(theta), start))
        return finer(self, coarse, problem)

    monkeypatch.setattr(ramps_module.RampSearch, "_finer", watched)
    auto().fit(X, y)
    assert moved
    for value, start in moved:
        fit = start.value - start.network.penalty(start.theta)
        assert_allclose(fit, value, rtol=1e-9)


def test_what_costs_too_much_is_not_refined(fitted, monkeypatch):
    X, y, _ = fitted
    monkeypatch.setattr(widths_module.WidthSearch, "affordable", lambda *_: False)
    model = auto().fit(X, y)
    assert model.n_hidden_ <= widths_module.ALWAYS_TRIED
    sizes = {len(knots) for knots in model.basis_.knots_ if len(knots)}
    assert sizes <= {ramps_module.FIRST_LEVEL + 2}


def test_many_rows_have_the_knots_of_the_rows_that_they_were_chosen_on():
    X, y = make_friedman1(2500, noise=0.5, random_state=0)
    model = auto(n_hidden=2, basis="ramps", max_iter=60).fit(X[:, :3], y)
    path = model.width_path_
    assert path["n_rows"].max() == 2000  # four fifths
    for j, knots in enumerate(model.basis_.knots_):
        assert not len(knots) or np.isin(knots[[0, -1]], X[:, j]).all()
    assert model.history_["n_rows"][-1] == 2500
