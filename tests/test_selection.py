import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.linear_model import RidgeCV

from sksoftnewton import TwoLayerSoftmaxRegressor, _evidence, _selection


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(1500, noise=1.0, random_state=0)


def test_linear_targets_end_as_good_as_ridge():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 8))
    y = X @ rng.normal(size=8) + 0.5 * rng.normal(size=1500)
    model = auto().fit(X[:500], y[:500])
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit(X[:500], y[:500])
    assert model.n_hidden_ == 2
    assert model.score(X[500:], y[500:]) > ridge.score(X[500:], y[500:]) - 0.01


@pytest.mark.parametrize("n_features", [1, 5])
def test_noise_ends_as_the_mean(n_features):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, n_features)), rng.normal(size=300)
    model = auto().fit(X, y)
    assert model.n_hidden_ == 1 and model.effective_dof_ < 1.5
    assert_allclose(model.predict(X), y.mean(), atol=0.01)


def test_constant_targets_end_as_the_constant():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = auto().fit(X, np.full(50, 7.5))
    assert_allclose(model.predict(X), 7.5)
    assert np.isfinite(model.predict(X, return_std=True)[1]).all()


def test_width_grows_with_what_the_data_show(friedman):
    X, y = friedman
    model = auto().fit(X[:1000], y[:1000])
    assert 8 <= model.n_hidden_ <= 16
    assert model.score(X[1000:], y[1000:]) > 0.94
    fixed = auto(n_hidden=2).fit(X[:1000], y[:1000])
    assert model.log_evidence_ > fixed.log_evidence_ + 100


def test_path_holds_every_width_and_start(friedman):
    model = auto().fit(*friedman)
    path = model.width_path_
    assert {len(column) for column in path.values()} == {len(path["n_hidden"])}
    widths = np.unique(path["n_hidden"])
    assert_allclose(widths, 2 ** np.arange(len(widths)))
    assert model.n_hidden_ in widths
    started = path["start"] != "fewer features"
    for n_features in (10, 5):
        here = started & (path["n_features"] == n_features)
        for width in np.unique(path["n_hidden"][here]):
            assert path["kept"][here & (path["n_hidden"] == width)].sum() == 1
    assert set(path["start"]) == {"random", "split", "fewer features"}
    # P(k) ∝ 1/k!, and 1/11 for each number of features of which 252 sets have five.
    prior = {(1, 10): 1 / 11, (2, 10): 1 / 22, (4, 5): 1 / (24 * 11 * 252)}
    for (k, n_features), probability in prior.items():
        here = (path["n_hidden"] == k) & (path["n_features"] == n_features)
        assert here.any()
        assert_allclose(np.exp(path["log_prior"][here]), probability)
    kept = path["kept"] & (path["n_hidden"] == model.n_hidden_)
    best = path["log_evidence"][kept & (path["n_features"] == 5)].max()
    assert abs(best - model.log_evidence_) < 5


def test_given_width_has_its_alpha_chosen_and_given_alpha_its_width():
    X, y = load_diabetes(return_X_y=True)
    width = auto(n_hidden=3).fit(X, y)
    assert width.n_hidden_ == 3 and width.alpha_[0] > 1e-3
    alpha = auto(alpha=(0.05, 1e-3)).fit(X, y)
    assert_allclose(alpha.alpha_, [0.05, 1e-3])
    assert alpha.n_hidden_ in (2, 4)
    assert len(np.unique(alpha.width_path_["n_hidden"])) >= 3


def test_width_needs_a_positive_penalty():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match=r"positive alpha; got alpha=0\."):
        auto(alpha=0.0).fit(X, y)


def test_number_of_starts():
    X, y = load_diabetes(return_X_y=True)
    model = auto(n_hidden=4, n_init=5).fit(X, y)
    path = model.width_path_
    random = path["start"] == "random"
    assert random.sum() == 5
    evidence = path["log_evidence"][random]
    assert_allclose(evidence[path["kept"][random]], evidence.max())


def test_a_width_too_large_for_an_evidence_is_chosen_for_on_fewer_rows(monkeypatch):
    X, y = make_friedman1(400, noise=1.0, random_state=0)
    monkeypatch.setattr(_evidence, "LARGEST_MATRIX", 50)
    monkeypatch.setattr(_selection, "FEW_SELECTION_ROWS", 50)
    model = auto(n_hidden=8).fit(X, y)
    assert set(model.width_path_["n_rows"]) == {50}
    assert model.status_ == "converged"


def test_many_rows_are_searched_on_a_sample(monkeypatch, friedman):
    X, y = friedman
    monkeypatch.setattr(_selection, "SELECTION_ROWS", 500)
    model = auto().fit(X[:1000], y[:1000])
    assert set(model.history_["n_rows"]) == {500, 1000}
    assert model.loss_curve_ and model.loss_curve_[-1] == model.loss_
    assert (np.diff(model.history_["passes"]) > 0).all()
    assert model.score(X[1000:], y[1000:]) > 0.93
    again = auto().fit(X[:1000], y[:1000])
    np.testing.assert_array_equal(again.hidden_coef_, model.hidden_coef_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 2, 12])
def test_few_iterations_still_give_a_model(monkeypatch, max_iter):
    monkeypatch.setattr(_selection, "SELECTION_ROWS", 100)
    X, y = load_diabetes(return_X_y=True)
    model = auto(max_iter=max_iter).fit(X, y)
    assert len(model.loss_curve_) >= 1 and model.n_iter_ <= max_iter
    assert np.isfinite(model.predict(X)).all()


def test_near_interpolation_ends_sensibly():
    """As many parameters as rows and no noise to speak of."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 100))
    y = np.tanh(X @ rng.normal(size=100) / 10) + 0.1 * rng.normal(size=60)
    model = auto().fit(X, y)
    assert np.isfinite(model.log_evidence_)
    mean, std = model.predict(rng.normal(size=(500, 100)), return_std=True)
    assert np.abs(mean - y.mean()).max() < 2 * np.ptp(y)
    assert std.min() > 0.2  # it knows that it does not know


def test_warm_start_keeps_the_width_and_the_penalties():
    X, y = load_diabetes(return_X_y=True)
    model = auto(warm_start=True).fit(X, y)
    width, iterations = model.n_hidden_, model.n_iter_
    model.fit(X, y)
    assert model.n_hidden_ == width and model.n_iter_ < iterations
    assert list(model.width_path_["start"]) == ["warm"]


@pytest.mark.parametrize("activation", ["softplus", "exp", "sigmoid"])
def test_other_activations_choose_too(activation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = 1 / (1 + np.exp(-2 * X[:, 0] * X[:, 1])) * 0.8 + 0.1
    y = np.clip(y + 0.03 * rng.normal(size=400), 0, 1)
    model = auto(output_activation=activation).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9
    assert_allclose(np.sqrt(model.noise_variance_), 0.03, rtol=0.3)


def test_wide_starts_of_large_problems_are_grown(capsys):
    X, y = make_friedman1(6000, noise=1.0, random_state=0)
    model = auto(n_hidden=20, alpha=1e-3, verbose=True).fit(X, y)
    titles = [row for row in capsys.readouterr().out.splitlines() if "units" in row]
    widths = [int(title.split()[0]) for title in titles]
    assert widths == sorted(widths) and set(widths) == {8, 16, 20}
    assert model.width_path_["start"] == ["grown"]
    small = auto(n_hidden=20, alpha=1e-3).fit(X[:500], y[:500])
    assert small.width_path_["start"] == ["random"]
