"""Numbers of every size: units change nothing, or an error says what is too large."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton import TwoLayerSoftmaxRegressor


def model(**kwargs):
    fixed = {
        "n_hidden": 3,
        "alpha": 1e-3,
        "n_init": 1,
        "basis": "linear",
        "random_state": 0,
    }
    return TwoLayerSoftmaxRegressor(**{**fixed, **kwargs})


def data(n=100):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2)) + np.array([1.0, 0.0])
    return X, np.sin(X[:, 0]) + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("exponent", [-960, 960])
def test_units_of_features_change_nothing(sparse, exponent):
    X, y = data()
    scaled = X * [1.0, 2.0**exponent]
    kind = sp.csr_array if sparse else np.asarray
    expected = model().fit(kind(X), y).predict(kind(X))
    predicted = model().fit(kind(scaled), y).predict(kind(scaled))
    np.testing.assert_allclose(predicted, expected, rtol=1e-9)


@pytest.mark.parametrize("factor", [2.0**-490, 2.0**490])
def test_units_of_targets_change_only_units(factor):
    X, y = data()
    plain, scaled = model().fit(X, y), model().fit(X, y * factor)
    np.testing.assert_array_equal(scaled.predict(X), plain.predict(X) * factor)
    assert scaled.loss_ == plain.loss_
    variance = plain.noise_variance_ * factor**2
    np.testing.assert_allclose(scaled.noise_variance_, variance)
    _, std = scaled.predict(X, return_std=True)
    np.testing.assert_allclose(std, plain.predict(X, return_std=True)[1] * factor)


@pytest.mark.parametrize(
    ("dtype", "factor", "message"),
    [
        (np.float64, 1e305, "X[:, 1] has the value"),
        (np.float64, 1e-305, "X[:, 1] has the standard deviation"),
        (np.float32, 1e37, "X[:, 1] has the value"),
        (np.float32, 1e-37, "X[:, 1] has the standard deviation"),
    ],
)
def test_features_whose_weights_would_not_fit_are_named(dtype, factor, message):
    X, y = data()
    with pytest.raises(ValueError, match=re.escape(message)):
        model().fit((X * [1.0, factor]).astype(dtype), y)


@pytest.mark.parametrize(
    ("dtype", "factor", "message"),
    [
        (np.float64, 1e155, "y[:, 1] has the value"),
        (np.float64, 1e-155, "y[:, 1] has the standard deviation"),
        (np.float32, 1e37, "y[:, 1] has the value"),
        (np.float32, 1e-37, "y[:, 1] has the standard deviation"),
    ],
)
def test_targets_whose_squares_would_not_fit_are_named(dtype, factor, message):
    X, y = data()
    with pytest.raises(ValueError, match=re.escape(message)):
        model().fit(X.astype(dtype), np.column_stack([y, y * factor]))


@pytest.mark.parametrize("constant", [1e-200, 1e200])
@pytest.mark.parametrize("sparse", [False, True])
def test_constant_columns_of_any_size_are_left_alone(sparse, constant):
    X, y = data()
    wide = np.column_stack([X, np.full(100, constant)])
    kind = sp.csr_array if sparse else np.asarray
    expected = model().fit(X, y).predict(X)
    fitted = model().fit(kind(wide), y)
    np.testing.assert_allclose(fitted.predict(kind(wide)), expected, rtol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [1e-3, "auto"])
def test_no_finite_row_has_a_prediction_that_is_not(dtype, alpha):
    X, y = data()
    fitted = model(alpha=alpha).fit(X.astype(dtype), y)
    largest = np.finfo(dtype).max
    far = np.array([[largest, 0], [-largest, largest], [0, -largest]], dtype=dtype)
    memberships = fitted.hidden_activations(far)
    np.testing.assert_allclose(memberships.sum(axis=1), 1, rtol=1e-6)
    # As far away as float64 can tell: one unit has the row.
    near = (far / largest * 1e6).astype(dtype)
    expected = fitted.hidden_activations(near)
    np.testing.assert_allclose(memberships, expected, atol=1e-6)
    predicted, std = fitted.predict(far, return_std=True)
    assert np.isfinite(predicted).all() and np.isfinite(std).all()
    sparse = fitted.predict(sp.csr_array(far), return_std=True)
    np.testing.assert_allclose(sparse[0], predicted, rtol=1e-6)
    np.testing.assert_allclose(sparse[1], std, rtol=1e-5)


def test_predictions_that_overflow_are_the_largest_number():
    X, y = data()
    fitted = model(output_activation="exp").fit(X, np.exp(y))
    fitted.output_coef_ = np.full_like(fitted.output_coef_, 1e4)
    np.testing.assert_array_equal(fitted.predict(X), np.finfo(np.float64).max)


@pytest.mark.parametrize("offset", [1e5, 1e7, 1e8])
@pytest.mark.parametrize(("n_rows", "n_features"), [(30, 60), (60, 30), (200, 4)])
def test_large_offsets_cost_csr_nothing(n_rows, n_features, offset):
    # The row space, the dual and the primal form.
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(n_rows, n_features)), 6) + offset
    X[:, 1] -= offset
    X[0, 2] = 0.0
    y = np.sin(X[:, 0] - offset) + 0.1 * rng.normal(size=n_rows)
    dense = model(alpha="auto").fit(X, y)
    sparse = model(alpha="auto").fit(sp.csr_array(X), y)
    np.testing.assert_allclose(sparse.loss_, dense.loss_, rtol=1e-4)
    np.testing.assert_allclose(sparse.log_evidence_, dense.log_evidence_, rtol=1e-4)
    np.testing.assert_allclose(sparse.effective_dof_, dense.effective_dof_, rtol=1e-3)
    expected, actual = dense.predict(X), sparse.predict(sp.csr_array(X))
    np.testing.assert_allclose(actual, expected, atol=1e-3)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("offset", [1e3, 1e5, 1e6])
def test_large_offsets_cost_float32_nothing_but_its_rounding(sparse, offset):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(300, 3)) + offset).astype(np.float32)
    y = np.sin(X[:, 0].astype(np.float64) - offset) + 0.1 * rng.normal(size=300)
    kind = sp.csr_array if sparse else np.asarray
    single = model().fit(kind(X), y)
    double = model().fit(X.astype(np.float64), y)
    expected = double.predict(X.astype(np.float64))
    np.testing.assert_allclose(single.predict(kind(X)), expected, atol=2e-5)
    assert single.hidden_intercept_.dtype == np.float32


@pytest.mark.parametrize("size", [1e9, 1e100, 1e149])
def test_the_rounding_of_constant_targets_is_not_learned(size):
    X, _ = data()
    y = size * (1 + np.finfo(float).eps * (np.arange(100) % 2))
    fitted = model(alpha="auto").fit(X, np.column_stack([y, X[:, 0]]))
    np.testing.assert_allclose(fitted.predict(X)[:, 0], size, rtol=1e-12)
    assert fitted.loss_ < 1 and fitted.score(X, np.column_stack([y, X[:, 0]])) > 0


@pytest.mark.parametrize("activation", ["relu", "softplus", "exp", "sigmoid", "tanh"])
def test_constant_targets_whose_squares_are_zero_are_refused(activation):
    X, _ = data()
    with pytest.raises(ValueError, match=r"y has the size 1e-200"):
        model(output_activation=activation).fit(X, np.full(100, 1e-200))
    fitted = model(output_activation=activation).fit(X, np.zeros(100))
    assert np.abs(fitted.predict(X)).max() < 0.1


def test_the_deviation_about_a_mean_that_rounds_to_zero_is_zero():
    # In float32, and with logarithms that vary too much for an exponential.
    X = np.ones((1, 2), dtype=np.float32)
    fitted = model(target_transform="log", alpha=1.0).fit(X, [1e-150], [1e-90])
    mean, std = fitted.predict(X, return_std=True)
    np.testing.assert_array_equal([mean, std], 0.0)
