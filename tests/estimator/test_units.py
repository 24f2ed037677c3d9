"""The units of y change only units, whatever the activation."""

import re
import warnings

import numpy as np
import pytest
from sklearn.metrics import r2_score

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from tests.references import objective, standardised


def data(n=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.sin(1.5 * X[:, 0]) + 0.5 * X[:, 1] + 0.1 * rng.normal(size=n)


def fit(activation, X, y, **kwargs):
    fixed = {"n_hidden": 4, "max_iter": 1000, "random_state": 0}
    model = TwoLayerSoftmaxRegressor(
        output_activation=activation, **{**fixed, **kwargs}
    )
    return model.fit(X, y)


@pytest.mark.parametrize("factor", [2.0**-30, 1e-3, 1e50])
def test_relu_is_homogeneous(factor):
    X, t = data()
    y = np.maximum(t, 0)
    plain, scaled = fit("relu", X, y), fit("relu", X, y * factor)
    assert plain.score(X, y) > 0.9
    predicted, std = scaled.predict(X, return_std=True)
    expected, expected_std = plain.predict(X, return_std=True)
    np.testing.assert_allclose(predicted / factor, expected, atol=1e-4)
    np.testing.assert_allclose(std / factor, expected_std, rtol=1e-3)
    np.testing.assert_allclose(scaled.loss_ / factor**2, plain.loss_, rtol=1e-4)
    np.testing.assert_allclose(scaled.log_evidence_, plain.log_evidence_, atol=0.01)
    in_units = scaled.alpha_ / [factor**2, 1.0]
    np.testing.assert_allclose(in_units, plain.alpha_, rtol=1e-2)


@pytest.mark.parametrize("factor", [1e-8, 1e-5, 1e-3, 1e3, 1e6, 1e50])
@pytest.mark.parametrize("activation", ["softplus", "exp"])
def test_positive_targets_of_any_size_are_learned(activation, factor):
    X, t = data()
    y = np.exp(t) * factor
    assert fit(activation, X, y, tol=1e-3).score(X, y) > 0.95


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e6])
@pytest.mark.parametrize("activation", ["relu", "softplus", "exp"])
def test_targets_far_from_zero_are_learned(activation, offset):
    X, t = data()
    assert fit(activation, X, t + offset).score(X, t + offset) > 0.95


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.0, 1.0), (0.5, 0.501), (0.9, 0.9001), (0.0, 1e-6), (0.999, 1)],
)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_targets_in_a_small_part_of_the_range_are_learned(activation, lower, upper):
    X, t = data()
    y = lower + (upper - lower) * (t - t.min()) / np.ptp(t)
    assert fit(activation, X, np.clip(y, lower, upper)).score(X, y) > 0.95


@pytest.mark.filterwarnings("ignore:The fit is worse than the mean")
@pytest.mark.parametrize("alpha", [(1e-4, 1e-2), "auto"])
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_what_is_reported_is_the_documented_objective(activation, alpha):
    X, t = data()
    Y = np.column_stack([t - t.min(), 2 * (t - t.min())]) / (2 * np.ptp(t)) * 0.01
    model = fit(activation, X, Y, alpha=alpha, n_hidden=3)
    if alpha != "auto":
        np.testing.assert_allclose(model.alpha_, alpha, rtol=1e-12)
    mean, scale = np.zeros(2), np.ones(2)
    if activation == "identity":
        mean, scale = Y.mean(axis=0), Y.std(axis=0)
    columns = model.basis_.transform(X)
    intercept = model.hidden_intercept_ + model.hidden_coef_ @ columns.mean(axis=0)
    A1 = np.column_stack([model.hidden_coef_ * columns.std(axis=0), intercept])
    h = get_activation(activation).value
    expected = objective(
        standardised(columns, np.ones(len(X))),
        (Y - mean) / scale,
        np.ones(len(X)),
        A1,
        (model.output_coef_ - mean[:, None]) / scale[:, None],
        h,
        model.alpha_,
    )
    np.testing.assert_allclose(model.loss_, expected, rtol=1e-7)
    assert model.history_["loss"][-1] == model.loss_curve_[-1]
    np.testing.assert_allclose(model.loss_curve_[-1], model.loss_, rtol=1e-7)
    path = model.width_path_
    assert path["loss"][path["kept"]].min() < 1.5 * model.loss_


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_a_warm_start_goes_on_from_the_penalties_before(activation):
    X, t = data()
    y = 1e-4 * (1 + (t - t.min()) / np.ptp(t))
    model = fit(activation, X, y, warm_start=True)
    alpha, loss = model.alpha_, model.loss_
    model.fit(X, y)
    np.testing.assert_allclose(model.alpha_, alpha, rtol=0.2)
    np.testing.assert_allclose(model.loss_, loss, rtol=0.05)


@pytest.mark.filterwarnings("ignore:The fit is a constant")
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_no_model_is_worse_than_a_constant(activation):
    rng = np.random.default_rng(0)
    for n in (2, 5, 25):
        X = rng.normal(size=(n, 2))
        for y in (
            rng.uniform(0, 1, n) ** 8,
            (rng.random(n) < 0.1).astype(float),
            np.full(n, 0.3),
            1e-7 * rng.uniform(0, 1, n),
        ):
            model = fit(activation, X, y, n_hidden="auto", basis="linear")
            predicted = model.predict(X)
            error = np.mean((predicted - y) ** 2)
            # The penalty may cost a little where rows are two.
            rounding = 1e-7 * (np.mean(y**2) or 1.0)
            assert error <= np.var(y) * 1.02 + rounding


@pytest.mark.parametrize("activation", ["softplus", "exp", "sigmoid", "tanh"])
def test_a_penalty_that_makes_worse_than_the_mean_is_said_to_be_one(activation):
    X, t = data()
    y = 0.7 + 1e-4 * (t - t.min()) / np.ptp(t)
    with pytest.warns(UserWarning, match="worse than the mean of y: alpha = .0.1, 0.1"):
        model = fit(activation, X, y, alpha=0.1)
    assert model.score(X, y) < 0 and "worse than the mean" in str(model.summary())


@pytest.mark.parametrize("factor", [1e-5, 1.0, 1e5])
@pytest.mark.parametrize("activation", ["softplus", "exp"])
def test_the_penalty_that_the_warning_calls_usual_learns(activation, factor):
    X, t = data()
    y = np.exp(t) * factor
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(activation, X, y, alpha=1e4 * factor**2)
    usual = re.search(r"about .(.*), (.*). for these", str(caught[0].message))
    alpha = tuple(1e-3 * float(x) for x in usual.groups())
    assert fit(activation, X, y, alpha=alpha).score(X, y) > 0.9


def test_constants_inside_are_no_part_of_verbose_lines(capsys):
    X, t = data()
    y = np.exp(t) * 1e-5
    model = fit("exp", X, y, alpha=1e-12, n_hidden=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert "alpha 1.00e-12" in lines[0]
    assert float(lines[-4].split()[1]) == pytest.approx(model.loss_, rel=1e-4)
    assert r2_score(y, model.predict(X)) > 0.5
