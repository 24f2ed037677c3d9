"""Covariances and draws of new observations, for every form of the posterior."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.noise import LEVELS

CASES = {
    "primal": (60, {}),
    "dual, wide": (12, {}),
    "logits": (60, {"penalty": "logits"}),
    "wide logits": (12, {"penalty": "logits"}),
    "ramps": (60, {"basis": "ramps"}),
    "given second layer": (60, {"output_weights": [[0.0, 3.0], [1.0, 4.0]]}),
    "softplus": (60, {"output_activation": "softplus"}),
}


def with_normal_residuals(model):
    """The model, with quantiles of residuals that are those of a normal distribution.

    Then draws are normal, and have the mean and covariance that `predict` returns.
    """
    quantiles = np.tile(norm.ppf(LEVELS), (len(model.output_coef_), 1))
    model._posterior = replace(model._posterior, quantiles=quantiles)
    return model


def fitted(case):
    n, params = CASES[case]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 14)) * rng.uniform(0.5, 2, 14) + 1
    Y = np.column_stack([np.exp(0.3 * X[:, 0]), 1 + X[:, 1] ** 2])
    model = TwoLayerSoftmaxRegressor(2, alpha=(0.03, 0.01), random_state=0, **params)
    model.fit(X, Y + rng.uniform(0, 0.5, Y.shape))
    return with_normal_residuals(model), X[:5] + 0.3 * rng.normal(size=(5, 14))


@pytest.mark.parametrize("case", CASES)
def test_the_diagonal_is_the_square_of_std(case):
    model, X = fitted(case)
    y, cov = model.predict(X, return_cov=True)
    std = model.predict(X, return_std=True)[1]
    assert cov.shape == (5, 5, 2)
    assert_allclose(y, model.predict(X))
    for o in range(2):
        assert_allclose(cov[:, :, o].diagonal(), std[:, o] ** 2, rtol=1e-10)
        assert np.linalg.eigvalsh(cov[:, :, o]).min() > 0


@pytest.mark.parametrize("case", CASES)
def test_draws_have_the_covariance(case):
    """1e5 draws, or 2e4 slow ones: covariances are known to 1 or 2 % of variances."""
    model, X = fitted(case)
    if case == "softplus":  # which moves draws to the end of its range
        X[:, 1] += 3
    n = 20_000 if case in ("dual, wide", "ramps") else 100_000
    draws = model.sample_y(X, n, random_state=0)
    y, cov = model.predict(X, return_cov=True)
    assert draws.shape == (5, 2, n)
    for o in range(2):
        deviation = np.sqrt(cov[:, :, o].diagonal())
        error = draws[:, o].mean(axis=1) - y[:, o]
        assert np.abs(error / deviation).max() < 5 / np.sqrt(n)
        difference = np.cov(draws[:, o]) - cov[:, :, o]
        largest = np.abs(difference / np.outer(deviation, deviation)).max()
        assert largest < 5 * np.sqrt(2 / n)


def log_model():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (200, 1))
    y = np.exp(X[:, 0] + 0.3 * rng.normal(size=200))
    model = TwoLayerSoftmaxRegressor(2, target_transform="log", random_state=0)
    return with_normal_residuals(model.fit(X, y)), np.array([[-1.0], [0.0], [1.5]])


def test_draws_of_log_targets_are_exponentials():
    model, X = log_model()
    draws = model.sample_y(X, 100_000, random_state=0)
    assert draws.shape == (3, 100_000) and draws.min() > 0
    mean, std = model.predict(X, return_std=True)
    median, of_log = mean / model.smearing_, np.sqrt(np.log1p((std / mean) ** 2))
    assert_allclose(np.median(draws, axis=1), median, rtol=0.01)
    assert_allclose(np.std(np.log(draws), axis=1), of_log, rtol=0.01)
    assert_allclose(draws.mean(axis=1), model.predict(X), rtol=0.05)


def test_covariance_of_log_targets():
    model, X = log_model()
    _, cov = model.predict(X, return_cov=True)
    _, std = model.predict(X, return_std=True)
    assert_allclose(cov.diagonal(), std**2)
    assert_allclose(cov, np.cov(model.sample_y(X, 400_000, 0)), rtol=0.1, atol=2e-3)


def test_draws_stay_in_the_range_of_the_activation():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (200, 1))
    y = np.maximum(X[:, 0] + 0.3 * rng.normal(size=200), 0)
    model = TwoLayerSoftmaxRegressor(2, output_activation="softplus", random_state=0)
    draws = model.fit(X, y).sample_y([[-2.0]], 1000, random_state=0)
    assert draws.min() == 0 and 0.2 < np.mean(draws == 0) < 0.9


def test_draws_are_determined_by_their_random_state():
    model, X = fitted("primal")
    a, b = (model.sample_y(X, 3, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (a != model.sample_y(X, 3, random_state=8)).all()
    instance = np.random.RandomState(7)
    np.testing.assert_array_equal(a, model.sample_y(X, 3, instance))
    assert (a != model.sample_y(X, 3, instance)).all()


def test_rows_of_one_draw_share_their_parameters():
    """Rows at one place have independent noise, and the function in common."""
    model, X = fitted("primal")
    _, cov = model.predict(np.repeat(X[:1], 2, axis=0), return_cov=True)
    noise = np.exp(np.log(model.unit_noise_variance_) @ model.transform(X)[0])
    assert_allclose(cov[0, 0] - cov[0, 1], noise, rtol=1e-8)


def test_float32_is_kept():
    model, X = fitted("primal")
    X = X.astype(np.float32)
    assert model.predict(X, return_cov=True)[1].dtype == np.float32
    assert model.sample_y(X).dtype == np.float32


def test_errors_name_what_is_wrong():
    model, X = fitted("primal")
    with pytest.raises(ValueError, match="Only one of return_std and return_cov"):
        model.predict(X, return_std=True, return_cov=True)
    for n in (0, 1.5, True, "3"):
        with pytest.raises(ValueError, match=f"n_samples={n!r} is not a positive"):
            model.sample_y(X, n)
    model._posterior = None
    with pytest.raises(ValueError, match="sample_y is not available"):
        model.sample_y(X)
    with pytest.raises(ValueError, match="return_cov=True is not available"):
        model.predict(X, return_cov=True)


@pytest.mark.parametrize("transform", ["identity", "log"])
def test_draws_have_the_quantiles_of_intervals(transform):
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (1000, 1))
    skewed = rng.standard_exponential(1000) - 1
    y = np.exp(X[:, 0] + 0.3 * skewed) if transform == "log" else X[:, 0] + skewed
    model = TwoLayerSoftmaxRegressor(2, target_transform=transform, random_state=0)
    draws = model.fit(X, y).sample_y(X[:3], 100_000, random_state=0)
    for level in (0.5, 0.9, 0.998):
        lower, upper = model.predict_interval(X[:3], level).T[:, :, None]
        outside = np.mean(draws < lower, axis=1), np.mean(draws > upper, axis=1)
        assert_allclose(outside, (1 - level) / 2, atol=5 * np.sqrt((1 - level) / 2e5))
    if transform == "identity":  # normal draws would have 5 % below
        mean, std = model.predict(X[:3], return_std=True)
        assert np.mean(draws < (mean - 1.645 * std)[:, None]) < 0.01
