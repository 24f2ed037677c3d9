"""Ramps, logarithms and the noise of units as the user of the estimator sees them."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.noise import quantile_of
from sksoftnewton._rows.basis import Basis
from tests.estimator.callbacks import Callback
from tests.references import objective, standardised

KINDS = {
    "ramps": {"n_hidden": 2, "basis": "ramps"},
    "ramps, given alpha": {"n_hidden": 3, "basis": "ramps", "alpha": 1e-3},
    "log": {"n_hidden": 2, "target_transform": "log", "basis": "linear"},
    "log, given alpha": {"n_hidden": 3, "target_transform": "log", "alpha": 1e-3},
    "log on ramps": {"n_hidden": 2, "target_transform": "log", "basis": "ramps"},
    "auto": {},
}
each_kind = pytest.mark.parametrize("kwargs", KINDS.values(), ids=KINDS.keys())


def data(n=60, seed=0):
    """Positive targets over two orders; a column of two values."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.uniform(-1, 1, n), rng.lognormal(size=n), rng.integers(0, 2, n)]
    )
    smooth = 2 * np.tanh(2 * X[:, 0]) + X[:, 2]
    return X, np.exp(smooth + 0.4 * rng.normal(size=n))


def fit(X, y, weight=None, **kwargs):
    model = TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})
    return model.fit(X, y, sample_weight=weight)


@pytest.fixture(scope="module")
def fitted():
    X, y = data()
    return {name: fit(X, y, **kwargs) for name, kwargs in KINDS.items()}


each_model = pytest.mark.parametrize("name", KINDS)


# -- what is predicted --------------------------------------------------------------


@each_model
def test_prediction_is_the_documented_formula(fitted, name):
    model, X = fitted[name], data()[0]
    columns = model.basis_.transform(X)
    assert model.hidden_coef_.shape == (model.n_hidden_, columns.shape[1])
    assert len(model.basis_.get_feature_names_out(["a", "b", "c"])) == columns.shape[1]
    assert ("ramps" in name) <= (columns.shape[1] > 3)
    z = columns @ model.hidden_coef_.T + model.hidden_intercept_
    f = np.exp(z - z.max(axis=1, keepdims=True))
    f /= f.sum(axis=1, keepdims=True)
    assert_allclose(model.hidden_activations(X), f, atol=1e-12)
    expected = (f @ model.output_coef_.T)[:, 0]
    if model.target_transform_ == "log":
        residual = np.log(data()[1]) - expected
        assert_allclose(model.smearing_, [np.mean(np.exp(residual))])
        expected = np.exp(expected) * model.smearing_
    else:
        assert_array_equal(model.smearing_, 1)
    assert_allclose(model.predict(X), expected, rtol=1e-9)


def test_logarithms_are_predicted_by_conditional_means():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2000, 1))
    y = np.exp(x[:, 0] + 0.8 * rng.normal(size=2000))
    model = fit(x, y, n_hidden=2, target_transform="log")
    assert_allclose(np.mean(model.predict(x)), np.mean(y), rtol=0.02)
    there = np.array([[-0.5], [0.5]])
    mean = np.exp(there[:, 0] + 0.32)
    predicted, std = model.predict(there, return_std=True)
    assert_allclose(predicted, mean, rtol=0.1)
    # The standard deviation of a log-normal of that mean, and its quantiles.
    assert_allclose(std, mean * np.sqrt(np.expm1(0.64)), rtol=0.15)
    ends = model.predict_interval(there, 0.8)
    expected = np.exp(there + 0.8 * norm.ppf([0.1, 0.9]))
    assert_allclose(ends, expected, rtol=0.15)
    inside = model.predict_interval(x, 0.8)
    covered = (inside[:, 0] < y) & (y < inside[:, 1])
    assert_allclose(covered.mean(), 0.8, atol=0.03)


@each_model
def test_intervals_are_central_and_grow_with_their_level(fitted, name):
    model, (X, _) = fitted[name], data()
    narrow, wide = model.predict_interval(X, 0.5), model.predict_interval(X, 0.99)
    assert narrow.shape == (60, 2)
    assert (wide[:, 0] < narrow[:, 0]).all() and (narrow[:, 1] < wide[:, 1]).all()
    mean, std = model.predict(X, return_std=True)
    if model.target_transform_ == "log":
        assert (wide > 0).all()
        std = np.log1p((std / mean) ** 2) ** 0.5
        narrow, wide, mean = (
            np.log(narrow),
            np.log(wide),
            np.log(mean / model.smearing_),
        )
    quantiles = model._posterior.quantiles
    for ends, shares in ((narrow, (0.25, 0.75)), (wide, (0.005, 0.995))):
        for end, share in zip(ends.T, shares, strict=True):
            factor = quantile_of(quantiles, share)
            assert_allclose(end, mean + factor * std, rtol=1e-7, atol=1e-9)


def test_intervals_cover_noise_that_is_not_normal():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 1))
    y = x[:, 0] + rng.standard_gamma(2, 3000)  # skewed, with a long tail
    model = fit(x[:1500], y[:1500], target_transform="identity")
    for level in (0.5, 0.8, 0.95):
        lower, upper = model.predict_interval(x[1500:], level).T
        share = (1 - level) / 2
        assert_allclose((y[1500:] < lower).mean(), share, atol=0.025)
        assert_allclose((y[1500:] > upper).mean(), share, atol=0.025)


def test_intervals_stay_in_the_range_of_the_activation():
    X, y = data()
    model = fit(X, y / y.max(), n_hidden=2, alpha=1e-2, output_activation="sigmoid")
    ends = model.predict_interval(X, 0.999)
    assert ends.min() == 0 and ends.max() == 1
    two = fit(X, np.column_stack([y, -y]), n_hidden=2, alpha=1e-2)
    ends = two.predict_interval(X, 0.8)
    assert ends.shape == (60, 2, 2)
    mean, std = two.predict(X, return_std=True)
    factors = [quantile_of(two._posterior.quantiles, share) for share in (0.1, 0.9)]
    expected = mean[..., None] + np.transpose(factors) * std[..., None]
    assert_allclose(ends, expected)


def test_several_targets_may_be_logarithms():
    X, y = data()
    Y = np.column_stack([y, 1e3 / y])
    model = fit(X, Y, n_hidden=4, target_transform="log")
    predicted, std = model.predict(X, return_std=True)
    assert predicted.shape == std.shape == (60, 2)
    assert model.smearing_.shape == (2,)
    f = model.hidden_activations(X)
    logs = f @ model.output_coef_.T
    residual = np.log(Y) - logs
    assert_allclose(model.smearing_, np.exp(residual).mean(axis=0))
    assert_allclose(predicted, np.exp(logs) * model.smearing_)
    r2 = 1 - np.mean(residual**2, axis=0) / np.var(np.log(Y), axis=0)
    assert (r2 > 0.8).all()


def test_the_scale_of_the_targets_is_chosen():
    X, y = data(200)
    assert fit(X, y).target_transform_ == "log"
    assert fit(X, y, target_transform="identity").target_transform_ == "identity"
    path = fit(X, y).width_path_
    assert set(path["target_transform"]) == {"identity", "log"}
    for other in (y - 1, 100 + y / y.max(), np.column_stack([y, y])):
        path = fit(X, other, n_hidden=2, basis="linear").width_path_
        assert set(path["target_transform"]) == {"identity"}
    for kwargs in ({"alpha": 1e-3}, {"output_activation": "softplus"}):
        path = fit(X, y, n_hidden=2, **kwargs).width_path_
        assert set(path["target_transform"]) == {"identity"}
    rng = np.random.default_rng(0)
    additive = 2 + np.tanh(2 * X[:, 0]) + 0.3 * rng.uniform(-1, 1, 200)
    model = fit(X, additive)
    assert set(model.width_path_["target_transform"]) == {"identity", "log"}
    assert model.target_transform_ == "identity"


# -- what is reported ---------------------------------------------------------------


@each_model
def test_the_loss_is_the_documented_objective(name):
    X, y = data()
    weight = np.random.default_rng(3).integers(1, 4, 60).astype(float)
    model = fit(X, y, weight, **KINDS[name])
    columns = model.basis_.transform(X)[:, model.support_[model.basis_.feature_of]]
    coef = model.hidden_coef_[:, model.support_[model.basis_.feature_of]]
    mean = np.average(columns, axis=0, weights=weight)
    scale = np.sqrt(np.average((columns - mean) ** 2, axis=0, weights=weight))
    A1 = np.column_stack([coef * scale, model.hidden_intercept_ + coef @ mean])
    t = np.log(y) if model.target_transform_ == "log" else y
    t_mean = np.average(t, weights=weight)
    t_scale = np.sqrt(np.average((t - t_mean) ** 2, weights=weight))
    expected = objective(
        standardised(columns, weight),
        (t[:, None] - t_mean) / t_scale,
        weight,
        A1,
        (model.output_coef_ - t_mean) / t_scale,
        lambda u: u,
        model.alpha_,
    )
    assert_allclose(model.loss_, expected, rtol=1e-7)
    assert model.loss_curve_[-1] == model.history_["loss"][-1]


def test_attributes_of_the_scales(fitted):
    for name, model in fitted.items():
        if name == "auto":
            continue
        log = "log" in name
        assert model.target_transform_ == ("log" if log else "identity")
        assert model.smearing_.shape == (1,)
        assert model.unit_noise_variance_.shape == (1, model.n_hidden_)
        assert model.support_.shape == (3,)
        assert len(model.basis_.knots_) == 3 and len(model.basis_.knots_[2]) == 0
        lengths = {len(column) for column in model.width_path_.values()}
        assert len(lengths) == 1
        path = model.width_path_
        assert (path["n_columns"] >= path["n_features"]).all()


# -- exactness ----------------------------------------------------------------------


@each_kind
def test_weights_are_repetitions(kwargs):
    X, y = data()
    counts = np.random.default_rng(1).integers(0, 4, 60)
    weighted = fit(X, y, counts, **kwargs)
    repeated = fit(X.repeat(counts, axis=0), y.repeat(counts), **kwargs)
    for a, b in zip(
        weighted.predict(X, return_std=True),
        repeated.predict(X, return_std=True),
        strict=True,
    ):
        assert_allclose(a, b, rtol=1e-10)
    for name in ("log_evidence_", "smearing_", "unit_noise_variance_", "loss_"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-10)
    for a, b in zip(weighted.basis_.knots_, repeated.basis_.knots_, strict=True):
        assert_array_equal(a, b)


@each_model
def test_units_of_the_features_do_not_matter(fitted, name):
    X, y = data()
    there = X * [1e3, 1e-4, 7.0] + [1e4, -1e-3, 3.0]
    model = fit(there, y, **KINDS[name])
    assert model.n_hidden_ == fitted[name].n_hidden_
    assert_allclose(model.predict(there), fitted[name].predict(X), rtol=1e-6)
    assert_allclose(model.log_evidence_, fitted[name].log_evidence_, atol=1e-6)


@each_model
@pytest.mark.parametrize("factor", [1e-6, 2.0**20])
def test_units_of_the_targets_do_not_matter(fitted, name, factor):
    X, y = data()
    model = fit(X, factor * y, **KINDS[name])
    for a, b in zip(
        model.predict(X, return_std=True),
        fitted[name].predict(X, return_std=True),
        strict=True,
    ):
        assert_allclose(a / factor, b, rtol=1e-6)
    ends = model.predict_interval(X), fitted[name].predict_interval(X)
    assert_allclose(ends[0] / factor, ends[1], rtol=1e-5, atol=1e-9)
    assert_allclose(model.log_evidence_, fitted[name].log_evidence_, atol=1e-6)


def test_shifts_of_targets_do_not_matter_to_the_identity():
    X, y = data()
    for given in (KINDS["ramps, given alpha"], {"n_hidden": 2}):
        kwargs = {**given, "target_transform": "identity"}
        here, there = fit(X, y, **kwargs), fit(X, y - 100, **kwargs)
        assert_allclose(there.predict(X) + 100, here.predict(X), rtol=1e-6)


@each_model
def test_the_order_of_the_rows_does_not_matter(fitted, name):
    X, y = data()
    order = np.random.default_rng(0).permutation(60)
    model = fit(X[order], y[order], **KINDS[name])
    assert_allclose(model.predict(X), fitted[name].predict(X), rtol=1e-7)


@each_model
def test_features_of_the_other_sign_lead_to_equal_models(fitted, name):
    """Random starts are others, but from the mirrored model nothing is left to do."""
    model, (X, y) = fitted[name], data()
    sign = np.array([-1.0, 1.0, -1.0])
    mirrored = pickle.loads(pickle.dumps(model)).set_params(warm_start=True)
    knots = model.basis_.knots_
    mirrored.basis_ = Basis([np.sort(s * b) for s, b in zip(sign, knots, strict=True)])
    coef = model.hidden_coef_
    for j in np.flatnonzero(sign < 0):
        first, *ramps = model.basis_.columns_of([j])
        mirrored.hidden_coef_[:, first] *= -1
        # A ramp of −x is one minus a ramp of x.
        mirrored.hidden_coef_[:, ramps] = -coef[:, ramps[::-1]]
        mirrored.hidden_intercept_ += coef[:, ramps].sum(axis=1)
    again = pickle.loads(pickle.dumps(model)).set_params(warm_start=True)
    assert_allclose(mirrored.predict(X * sign), model.predict(X), rtol=1e-9)
    mirrored.fit(X * sign, y)
    again.fit(X, y)
    assert_allclose(mirrored.loss_, again.loss_, rtol=1e-8)
    assert_allclose(mirrored.log_evidence_, again.log_evidence_, atol=1e-5)
    assert_allclose(mirrored.predict(X * sign), again.predict(X), rtol=1e-5)


@each_model
def test_float32_agrees_with_float64(fitted, name):
    X, y = data()
    single = fit(X.astype(np.float32), y, **KINDS[name])
    for attribute in ("hidden_coef_", "hidden_intercept_", "output_coef_"):
        assert getattr(single, attribute).dtype == np.float32
    predicted = single.predict(X.astype(np.float32), return_std=True)
    for a, b in zip(predicted, fitted[name].predict(X, return_std=True), strict=True):
        assert a.dtype == np.float32
        assert_allclose(a, b, rtol=2e-3, atol=1e-2)
    ends = single.predict_interval(X.astype(np.float32))
    assert ends.dtype == np.float32
    assert_allclose(ends, fitted[name].predict_interval(X), rtol=2e-3, atol=2e-2)


@each_model
def test_threads_change_nothing(fitted, name):
    X, y = data()
    two = fit(X, y, n_jobs=2, **KINDS[name])
    assert_array_equal(two.hidden_coef_, fitted[name].hidden_coef_)
    assert_array_equal(two.smearing_, fitted[name].smearing_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_threads_change_nothing_where_blocks_are_many():
    X, y = data(20_000)
    kwargs = {"n_hidden": 2, "alpha": 1e-3, "max_iter": 4, "basis": "ramps"}
    models = [fit(X, y, target_transform="log", n_jobs=n, **kwargs) for n in (None, 2)]
    assert_array_equal(models[0].hidden_coef_, models[1].hidden_coef_)
    assert_array_equal(*(model.predict(X) for model in models))


# -- life with it -------------------------------------------------------------------


@each_model
def test_pickles_and_clones(fitted, name):
    X, _ = data()
    model = fitted[name]
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_interval(X), model.predict_interval(X))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "basis_")


@each_model
def test_a_warm_start_goes_on_on_the_same_scales(name):
    X, y = data()
    model = fit(X, y, **{**KINDS[name], "warm_start": True})
    before = clone(model), model.predict(X), model.basis_.knots_
    n_iter, scale = model.n_iter_, model.target_transform_
    model.fit(X, y)
    assert list(model.width_path_["start"]) == ["warm"]
    assert model.n_iter_ <= max(n_iter / 2, 5)
    assert model.target_transform_ == scale
    for a, b in zip(before[2], model.basis_.knots_, strict=True):
        assert_array_equal(a, b)
    assert_allclose(model.predict(X), before[1], rtol=0.05)


def test_warm_starts_on_another_scale_are_refused(fitted):
    X, y = data()
    for name, change, message in (
        ("ramps", {"basis": "linear"}, "basis changed from ramps to linear"),
        ("log", {"basis": "ramps"}, "basis changed from linear to ramps"),
        (
            "log",
            {"target_transform": "identity"},
            "target_transform changed from log to identity",
        ),
        ("ramps", {"target_transform": "log"}, "changed from identity to log"),
    ):
        model = pickle.loads(pickle.dumps(fitted[name]))
        model.set_params(warm_start=True, **change)
        if "basis" in change:
            assert model.basis_.is_linear == (name == "log")
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)


def test_warm_starts_from_logarithms_need_what_logarithms_need():
    X, y = data()
    model = fit(X, y, n_hidden=2, target_transform="log", warm_start=True)
    model.set_params(target_transform="auto")
    for targets, kwargs in ((y - y.min(), {}), (y, {"output_activation": "softplus"})):
        other = pickle.loads(pickle.dumps(model)).set_params(**kwargs)
        with pytest.raises(ValueError, match=r"warm_start=True.*logarithms of y"):
            other.fit(X, targets)


@pytest.mark.parametrize("stop", [False, True])
def test_warm_starts_from_logarithms_where_they_are_no_more_a_choice(stop):
    X, y = data()
    for targets, kwargs in ((y, {"alpha": 1e-3}), (10 + y / y.max(), {})):
        model = fit(X, y, n_hidden=2, target_transform="log", warm_start=True)
        model.set_params(target_transform="auto", **kwargs)
        if stop:
            model.set_callbacks(StopAt(1))
        model.fit(X, targets)
        assert model.target_transform_ == "log"
        assert model.status_ == ("stopped_by_callback" if stop else "converged")
        assert_allclose(model.predict(X).mean(), targets.mean(), rtol=0.1)


def test_a_warm_start_on_ramps_takes_csr_data():
    X, y = data()
    dense = fit(X, y, n_hidden=2, basis="ramps", warm_start=True)
    sparse = pickle.loads(pickle.dumps(dense)).set_params(basis="auto")
    dense.fit(X, y)
    sparse.fit(sp.csr_array(X), y)
    assert not sparse.basis_.is_linear
    assert_allclose(sparse.predict(sp.csr_array(X)), dense.predict(X), rtol=1e-6)


class StopAt(Callback):
    """A callback that asks to stop after so many iterations."""

    def __init__(self, number):
        self.number, self.seen, self.predictions = number, 0, []

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name != "iteration":
            return False
        self.seen += 1
        self.predictions.append(fitted_estimator.predict(X))
        return self.seen == self.number


@each_kind
@pytest.mark.parametrize("number", [1, 12, 60])
def test_stopped_fits_are_usable(kwargs, number):
    X, y = data()
    model = TwoLayerSoftmaxRegressor(random_state=0, **kwargs)
    callback = StopAt(number)
    model.set_callbacks(callback).fit(X, y)
    expected = "stopped_by_callback" if callback.seen == number else "converged"
    assert model.status_ == expected
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(mean).all() and (std > 0).all()
    # Every model on the way predicted y, not its logarithm.
    for predicted in callback.predictions:
        assert predicted.shape == (60,)
        assert_allclose(predicted.mean(), y.mean(), rtol=0.5)
    if number == 1:
        assert_array_equal(callback.predictions[0], mean)


# -- messages -----------------------------------------------------------------------


def test_logarithms_need_positive_targets():
    X, y = data()
    for bad in (0.0, -2.5):
        y[7] = bad
        with pytest.raises(ValueError, match=rf'"log" needs pos.*y\[7\] = {bad:g}'):
            fit(X, y, target_transform="log")
        Y = np.column_stack([np.exp(y), y])
        with pytest.raises(ValueError, match=rf"y\[7, 1\] = {bad:g}"):
            fit(X, Y, target_transform="log")
    with pytest.raises(ValueError, match='"log" goes with output_activation="id'):
        fit(X, np.exp(y), target_transform="log", output_activation="exp")


@pytest.mark.parametrize("name", ["basis", "target_transform", "noise"])
def test_other_values_are_refused(name):
    X, y = data()
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        fit(X, y, **{name: "quadratic"})


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, np.nan, "0.9", None, [0.9]])
def test_levels_are_probabilities(fitted, level):
    with pytest.raises(ValueError, match=r"level=.* is not a number between 0 and 1"):
        fitted["log"].predict_interval(data()[0], level)


def test_intervals_need_a_posterior(monkeypatch):
    X, y = data()
    monkeypatch.setattr("sksoftnewton._inference.evidence.LARGEST_MATRIX", 3)
    model = fit(X, y, n_hidden=2, alpha=1e-2)
    with pytest.raises(ValueError, match="predict_interval is not available"):
        model.predict_interval(X)
    with pytest.raises(ValueError, match="return_std=True is not available"):
        model.predict(X, return_std=True)


# -- rows that outweigh all others ----------------------------------------------------


def warned(X, y, weight=None, **kwargs):
    """The messages of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(X, y, weight, **{"n_hidden": 2, "alpha": 1e-2, **kwargs})
    assert all(item.filename == __file__ for item in caught)
    return [str(item.message) for item in caught]


def normal(n=100):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)), rng.normal(size=n)


def test_one_row_that_outweighs_all_others_is_named():
    X, y = normal()
    assert warned(X, y) == []
    y[17] = 1e4
    (message,) = warned(X, y)
    assert "of y are those of row 17:" in message
    assert warned(X[10:29], y[10:29]) == []  # so few rows that one may well do


def test_several_rows_are_named_where_they_are_one_in_a_thousand():
    X, y = normal(4000)
    y[[5, 77, 1234, 2000]] = [3e3, -4e3, 4e3, 4e3]
    (message,) = warned(X, y, max_iter=5, tol=1.0)
    assert "rows 77, 1234:" in message or "rows 77, 1234, 2000:" in message
    y[:9] = 4e3  # more than half of them would be five
    y[[77, 1234, 2000]] = 0.0
    assert warned(X, y, max_iter=5, tol=1.0) == []


def test_rows_of_several_outputs_are_named_with_their_output():
    X, y = normal()
    Y = np.column_stack([y, y, y])
    Y[3, 0], Y[9, 2] = 1e5, -1e5
    first, second = warned(X, Y)
    assert "of y of output 0 are those of row 3:" in first
    assert "of y of output 2 are those of row 9:" in second


def test_rows_of_weight_zero_outweigh_nothing():
    X, y = normal()
    weight = np.ones(100)
    y[17], weight[17] = 1e4, 0
    assert warned(X, y, weight) == []
    y[4] = 1e-100  # beside it, deviations of the others would round to zero
    y *= 1e-20
    y[17], y[4] = 1e150, 1e-10
    (message,) = warned(X, y, weight)
    assert "row 4:" in message


def test_a_row_that_stands_for_many_is_no_outlier():
    """Of a table of values and counts, with as many zeros as there are others."""
    X, y = normal()
    y, weight = np.abs(y) + 1, np.ones(100)
    y[17], weight[17] = 0.0, 1000.0
    assert warned(X, y, weight) == []
    y[30] = 1e4
    (message,) = warned(X, y, weight)
    assert "row 30:" in message


def test_logarithms_have_no_such_rows():
    X, y = normal()
    y = np.exp(y)
    y[17] = 1e6
    assert len(warned(X, y)) == 1
    assert warned(X, y, target_transform="log") == []


def test_logarithms_of_rows_far_outside_stay_near_those_of_the_targets():
    X, y = data(200)
    model = fit(X, y, target_transform="log", basis="linear", n_hidden=4)
    model.output_coef_ = model.output_coef_ * 10  # values far beyond the targets
    far = 1e3 * X
    predicted = model.predict(far) / model.smearing_
    assert_allclose(predicted.max(), 2 * y.max(), rtol=1e-9)
    assert_allclose(predicted.min(), y.min() / 2, rtol=1e-9)
