import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from tests.references import forward, jacobian, penalty_matrix, standardised


def dense_cov(model, X, Y, X_test):
    """Covariance of new observations, (n, n, n_outputs), all matrices dense.

    Works on the documented scale and in the original features, whatever
    coordinates the estimator used.
    """
    mean, scale = X.mean(axis=0), X.std(axis=0)
    A1 = np.column_stack(
        [
            model.hidden_coef_ * scale,
            model.hidden_intercept_ + model.hidden_coef_ @ mean,
        ]
    )
    y_mean, y_scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
    if model.output_activation == "identity":
        y_mean, y_scale = Y.mean(axis=0), Y.std(axis=0)
    A2 = (model.output_coef_ - y_mean[:, None]) / y_scale[:, None]
    h = get_activation(model.output_activation).value
    n, theta = len(X), np.append(A1, A2)

    def outputs(rows):
        def function(theta):
            first, second = theta[: A1.size], theta[A1.size :]
            layers = first.reshape(A1.shape), second.reshape(A2.shape)
            return forward(rows, *layers, h).T.ravel()

        return function

    Xs = standardised(X, np.ones(n))
    J = jacobian(outputs(Xs), theta)
    ridge = np.zeros((theta.size, theta.size))
    M = penalty_matrix(Xs, np.ones(n), model.penalty)
    ridge[: A1.size, : A1.size] = model.alpha_[0] * np.kron(np.eye(len(A1)), M)
    ridge[A1.size :, A1.size :] = model.alpha_[1] * np.eye(A2.size)
    H = J.T @ J / n + ridge
    g = jacobian(outputs((X_test - mean) / scale), theta)
    g = g.reshape(Y.shape[1], len(X_test), -1)
    quadratic = g @ np.linalg.solve(H, g.transpose(0, 2, 1))
    f = forward((X_test - mean) / scale, A1, np.eye(len(A1)), lambda u: u)
    noise = np.exp(f @ np.log(model.unit_noise_variance_).T)
    cov = model.noise_variance_ * quadratic.transpose(1, 2, 0) / n
    return cov + np.eye(len(X_test))[:, :, None] * noise[:, None]


@pytest.mark.parametrize(
    ("n", "penalty"),
    [
        (60, "weights"),  # primal
        (60, "logits"),
        (12, "weights"),  # dual, wide and rotated
    ],
)
@pytest.mark.parametrize("activation", ["identity", "softplus"])
@pytest.mark.parametrize("sparse", [False, True])
def test_std_is_that_of_the_dense_formula(n, penalty, activation, sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 14)) * rng.uniform(0.5, 2, 14) + 1
    Y = np.column_stack([np.exp(0.3 * X[:, 0]), 1 + X[:, 1] ** 2])
    Y += rng.uniform(0, 0.5, Y.shape)
    model = TwoLayerSoftmaxRegressor(
        2,
        alpha=(0.03, 0.01),
        penalty=penalty,
        output_activation=activation,
        noise="constant",
        random_state=0,
    )
    A = sp.csr_array if sparse else np.asarray
    model.fit(A(X), Y)
    X_test = X[:5] + 0.3 * rng.normal(size=(5, 14))
    y, std = model.predict(A(X_test), return_std=True)
    assert_allclose(y, model.predict(A(X_test)))
    expected = dense_cov(model, X, Y, X_test)
    assert_allclose(std**2, expected.diagonal().T, rtol=1e-5)
    y, cov = model.predict(A(X_test), return_cov=True)
    assert_allclose(y, model.predict(A(X_test)))
    assert_allclose(cov, expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_shapes_dtypes_and_units():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2)), rng.normal(size=100)
    model = TwoLayerSoftmaxRegressor(2, random_state=0).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (100,)
    bigger = TwoLayerSoftmaxRegressor(2, random_state=0).fit(X, 1e4 * y)
    assert_allclose(bigger.predict(X, return_std=True)[1], 1e4 * std, rtol=1e-5)
    narrow = TwoLayerSoftmaxRegressor(2, random_state=0)
    narrow.fit(X.astype(np.float32), y)
    _, std32 = narrow.predict(X.astype(np.float32), return_std=True)
    assert std32.dtype == np.float32


def test_std_grows_away_from_the_data():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 1))
    y = np.sin(3 * X[:, 0]) + 0.1 * rng.normal(size=80)
    model = TwoLayerSoftmaxRegressor(4, random_state=0).fit(X, y)
    _, std = model.predict([[0.0], [1.5]], return_std=True)
    assert std[1] > 1.5 * std[0]


def test_given_output_weights_are_taken_as_certain():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.tanh(X[:, 0]) + 0.1 * rng.normal(size=200)
    model = TwoLayerSoftmaxRegressor(output_weights=[[-1.0, 1.0]], random_state=0)
    model.fit(X, y)
    _, std = model.predict(X, return_std=True)
    assert_allclose(std, 0.1, rtol=0.15)


@pytest.mark.parametrize(("n", "repetitions"), [(100, 8), (500, 4), (5000, 1)])
def test_intervals_cover_what_they_promise(n, repetitions):
    """Homoscedastic noise: within four points on held-out rows."""
    covered = []
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-2, 2, (n + 2000, 3))
        y = np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=len(X))
        model = TwoLayerSoftmaxRegressor(random_state=0).fit(X[:n], y[:n])
        mean, std = model.predict(X[n:], return_std=True)
        z = np.abs(y[n:] - mean) / std
        covered.append([np.mean(z < factor) for factor in (1.645, 1.960)])
    assert_allclose(np.mean(covered, axis=0), [0.90, 0.95], atol=0.04)
