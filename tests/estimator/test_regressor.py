import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman3
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._network.objective import Network
from tests.references import objective, standardised


def model(**kwargs):
    """One network of given width and penalty, from one start."""
    fixed = {"n_hidden": 8, "alpha": 1e-3, "n_init": 1, "random_state": 0}
    return TwoLayerSoftmaxRegressor(**{**fixed, **kwargs})


# -- it learns -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "alpha", "least"),
    [
        (make_friedman1(5000, noise=1, random_state=0), 1e-5, 0.955),
        (make_friedman3(5000, noise=0.1, random_state=0), 1e-6, 0.89),
    ],
)
def test_friedman(problem, alpha, least):
    X, X_test, y, y_test = train_test_split(*problem, random_state=0)
    fitted = model(n_hidden=8, alpha=alpha, max_iter=400).fit(X, y)
    assert fitted.score(X_test, y_test) >= least


@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("activation", ["identity", "softplus"])
def test_minimiser_is_one_for_scipy_too(small, penalty, activation):
    X, Y, weight = small
    fitted = model(
        n_hidden=3,
        alpha=(1e-3, 1e-2),
        penalty=penalty,
        output_activation=activation,
        tol=1e-9,
    ).fit(X, Y, sample_weight=weight)
    A1, A2, Xs, Ys = standard_units(fitted, X, Y, weight)
    h = get_activation(activation).value

    def loss(theta):
        first, second = theta[: A1.size].reshape(A1.shape), theta[A1.size :]
        second = second.reshape(A2.shape)
        return objective(
            Xs, Ys, weight, first, second, h, fitted.alpha_, penalty=penalty
        )

    theta = np.append(A1, A2)
    assert_allclose(loss(theta), fitted.loss_, rtol=1e-9)
    best = minimize(loss, theta, method="BFGS", options={"maxiter": 20})
    assert best.fun > fitted.loss_ * (1 - 1e-6)


def standard_units(fitted, X, Y, weight):
    """The fitted layers on the documented scale, from the public attributes."""
    mean = np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    A1 = np.column_stack(
        [
            fitted.hidden_coef_ * scale,
            fitted.hidden_intercept_ + fitted.hidden_coef_ @ mean,
        ]
    )
    y_mean, y_scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
    if fitted.output_activation == "identity":
        y_mean = np.average(Y, axis=0, weights=weight)
        y_scale = np.sqrt(np.average((Y - y_mean) ** 2, axis=0, weights=weight))
    A2 = (fitted.output_coef_ - y_mean[:, None]) / y_scale[:, None]
    return A1, A2, standardised(X, weight), (Y - y_mean) / y_scale


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_every_activation_learns_several_outputs(small, activation):
    X, Y, _ = small
    top = 1.1 * Y.max() if activation in ("sigmoid", "tanh") else 1
    fitted = model(output_activation=activation, max_iter=500, alpha=1e-4).fit(
        X, Y / top
    )
    assert fitted.score(X, Y / top) > 0.8
    assert fitted.predict(X).shape == Y.shape


def test_output_weights_are_kept(small):
    X, Y, weight = small
    A2 = np.array([[0.5, 1.0, 2.5], [1.0, 3.0, 2.0]])
    fitted = model(n_hidden=3, output_weights=A2).fit(X, Y, sample_weight=weight)
    assert_allclose(fitted.output_coef_, A2)
    A1, A2s, Xs, Ys = standard_units(fitted, X, Y, weight)
    F = objective(Xs, Ys, weight, A1, A2s, lambda u: u, fitted.alpha_, learned=False)
    assert_allclose(F, fitted.loss_)
    assert fitted.score(X, Y) > 0.3


# -- what it stores ------------------------------------------------------------


def test_fitted_attributes(small):
    X, Y, _ = small
    fitted = model(n_hidden=3, alpha=(1e-3, 1e-2)).fit(X, Y)
    assert fitted.hidden_coef_.shape == (3, 5)
    assert fitted.hidden_intercept_.shape == (3,)
    assert fitted.output_coef_.shape == (2, 3)
    assert fitted.n_hidden_ == 3 and fitted.n_features_in_ == 5
    assert_allclose(fitted.alpha_, [1e-3, 1e-2])
    assert fitted.status_ == "converged"
    assert fitted.loss_curve_[-1] == fitted.loss_
    assert (np.diff(fitted.loss_curve_) <= 0).all()
    assert {len(column) for column in fitted.history_.values()} == {fitted.n_iter_}
    assert set(fitted.history_) == {
        *("loss", "gradient_norm", "damping", "n_rows", "sketch_size"),
        *("n_cg", "passes", "rounds", "time", "alpha"),
    }
    assert (fitted.history_["n_rows"] == 80).all()


def test_prediction_is_the_documented_formula(small):
    X, Y, _ = small
    fitted = model(output_activation="softplus").fit(X, Y)
    z = X @ fitted.hidden_coef_.T + fitted.hidden_intercept_
    f = np.exp(z - z.max(axis=1, keepdims=True))
    f /= f.sum(axis=1, keepdims=True)
    assert_allclose(fitted.hidden_activations(X), f, atol=1e-12)
    assert_allclose(fitted.predict(X), np.logaddexp(0, f @ fitted.output_coef_.T))


def test_one_output_has_one_dimension(small):
    X, Y, _ = small
    one = model().fit(X, Y[:, 0])
    column = model().fit(X, Y[:, :1])
    assert one.predict(X).shape == (80,) and column.predict(X).shape == (80, 1)
    assert_allclose(one.predict(X), column.predict(X)[:, 0], rtol=1e-12)


def test_float32_is_kept_and_agrees_with_float64(small):
    X, Y, _ = small
    wide = model().fit(X, Y)
    narrow = model().fit(X.astype(np.float32), Y)
    for name in ("hidden_coef_", "hidden_intercept_", "output_coef_"):
        assert getattr(narrow, name).dtype == np.float32
        assert getattr(wide, name).dtype == np.float64
    predictions = narrow.predict(X.astype(np.float32))
    assert predictions.dtype == np.float32
    assert_allclose(predictions, wide.predict(X), rtol=1e-3)


# -- symmetries and paths ------------------------------------------------------


@pytest.mark.parametrize("n_features", [3, 12, 40])
@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_equal_repeated_rows(n_features, penalty, sparse):
    """Also where one of the two is wide, or solved in the dual, and not the other."""
    rng = np.random.default_rng(1)
    n = 20
    X = rng.normal(size=(n, n_features))
    y = rng.normal(size=n)
    counts = rng.integers(0, 5, n)
    A = sp.csr_array if sparse else np.asarray
    with_weights = model(n_hidden=2, penalty=penalty, max_iter=15, tol=0)
    repeated = clone(with_weights)
    with pytest.warns(ConvergenceWarning):
        with_weights.fit(A(X), y, sample_weight=counts)
    with pytest.warns(ConvergenceWarning):
        repeated.fit(A(X.repeat(counts, axis=0)), y.repeat(counts))
    assert_allclose(with_weights.predict(X), repeated.predict(X), rtol=1e-8, atol=1e-9)
    assert_allclose(with_weights.loss_curve_, repeated.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("n_features", [5, 100])
def test_sparse_equals_dense(n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, n_features)) * (rng.random((60, n_features)) < 0.3)
    y = X[:, 0] + rng.normal(size=60)
    dense = model().fit(X, y)
    for container in (sp.csr_array, sp.csr_matrix):
        fitted = model().fit(container(X), y)
        assert_allclose(fitted.predict(container(X)), dense.predict(X), atol=1e-7)


def test_duplicate_entries_of_sparse_data_are_summed():
    data, index = np.ones(4), np.array([0, 0, 1, 1])
    X = sp.csr_array((data, index, [0, 2, 3, 4]), shape=(3, 2))
    y = np.array([1.0, 2.0, 3.0])
    fitted = model(n_hidden=2).fit(X, y)
    expected = model(n_hidden=2).fit(X.toarray(), y).predict(X.toarray())
    assert_allclose(fitted.predict(X), expected)
    assert X.nnz == 4  # the caller's matrix is as it was


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_results_do_not_depend_on_the_number_of_threads():
    X, y = make_friedman1(20000, random_state=0)
    one = model(max_iter=5, tol=1).fit(X, y)
    two = model(max_iter=5, tol=1, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.hidden_coef_, two.hidden_coef_)


def test_memory_map_is_read_only_and_gives_the_same(tmp_path):
    X, y = make_friedman1(3000, random_state=0)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = model(tol=1).fit(X, y).predict(X)
    assert_allclose(model(tol=1).fit(mapped, y).predict(mapped), expected)


def test_scale_of_the_data_does_not_matter():
    X, y = make_friedman1(200, random_state=0)
    plain = model().fit(X, y).predict(X)
    scaled = model().fit(1e6 * X - 1e7, 1e-3 * y + 50)
    assert_allclose((scaled.predict(1e6 * X - 1e7) - 50) / 1e-3, plain, rtol=1e-5)


def test_wide_data_equal_the_unrotated_solution():
    """With one more feature than rows; adding it as zeros must change nothing."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 29)), rng.normal(size=30)
    zeros = np.zeros((30, 1))
    wide = model(n_hidden=2, tol=1e-10, max_iter=500).fit(
        np.hstack([X, zeros, zeros]), y
    )
    tall = model(n_hidden=2, tol=1e-10, max_iter=500)
    tall.warm_start = True
    tall.fit(X, y)  # sets the attributes that the next line overwrites
    tall.hidden_coef_ = wide.hidden_coef_[:, :29]
    tall.hidden_intercept_, tall.output_coef_ = (
        wide.hidden_intercept_,
        wide.output_coef_,
    )
    tall.fit(X, y)
    assert_allclose(tall.loss_, wide.loss_, rtol=1e-8)
    assert_allclose(
        tall.predict(X), wide.predict(np.hstack([X, zeros, zeros])), rtol=1e-4
    )
    assert tall.n_iter_ <= 5


# -- special data --------------------------------------------------------------


def test_constant_target_is_predicted():
    X = np.random.default_rng(0).normal(size=(30, 3))
    assert_allclose(model().fit(X, np.full(30, 7.5)).predict(X), 7.5)


def test_one_sample_and_constant_features():
    fitted = model().fit([[1.0, 2.0]], [3.0])
    assert_allclose(fitted.predict([[1.0, 2.0]]), 3)
    X = np.ones((20, 2))
    y = np.arange(20.0)
    assert_allclose(model().fit(X, y).predict(X), y.mean())


def test_no_penalty_at_all():
    X, y = load_diabetes(return_X_y=True)
    fitted = model(n_hidden=2, alpha=0).fit(X, y)
    assert fitted.score(X, y) >= Ridge(alpha=1e-6).fit(X, y).score(X, y)


# -- parameters ----------------------------------------------------------------


def test_random_state_and_n_init(small):
    X, Y, _ = small
    a, b = model().fit(X, Y), model().fit(X, Y)
    np.testing.assert_array_equal(a.hidden_coef_, b.hidden_coef_)
    five = model(n_init=5).fit(X, Y)
    losses = [model(random_state=seed).fit(X, Y).loss_ for seed in range(8)]
    assert five.loss_ <= np.median(losses)
    assert five.loss_ <= a.loss_


def test_random_state_instances_are_used(small):
    X, Y, _ = small
    a = model(random_state=np.random.RandomState(5)).fit(X, Y)
    b = model(random_state=5).fit(X, Y)
    np.testing.assert_array_equal(a.hidden_coef_, b.hidden_coef_)


def test_the_global_random_state_is_left_alone(small):
    X, Y, _ = small
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (it is what is meant)
    model(random_state=0).fit(X, Y)
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(after, before)


def test_warm_start_goes_on_where_it_was(small):
    X, Y, _ = small
    fitted = model(warm_start=True, max_iter=10, tol=1e-8)
    with pytest.warns(ConvergenceWarning):
        fitted.fit(X, Y)
    first = fitted.loss_
    fitted.set_params(max_iter=500).fit(X, Y)
    assert fitted.loss_ < first
    assert fitted.fit(X, Y).n_iter_ <= 4


@pytest.mark.parametrize(
    ("params", "columns", "outputs", "name"),
    [
        ({"n_hidden": 4}, 5, 2, "n_hidden changed from 8 to 4"),
        ({}, 4, 2, "features changed from 5 to 4"),
        ({}, 5, 1, "outputs changed from 2 to 1"),
    ],
)
def test_warm_start_with_another_shape(small, params, columns, outputs, name):
    X, Y, _ = small
    fitted = model(warm_start=True).fit(X, Y).set_params(**params)
    with pytest.raises(ValueError, match=name):
        fitted.fit(X[:, :columns], Y[:, :outputs])


def test_max_iter_warns_and_still_predicts(small):
    X, Y, _ = small
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        fitted = model(max_iter=2).fit(X, Y)
    assert fitted.status_ == "max_iter" and fitted.n_iter_ == 2
    assert fitted.score(X, Y) > 0


def test_no_progress_warns(small, monkeypatch):
    X, Y, _ = small
    gradient = Network.value_and_gradient

    def uphill(self, theta):
        value, g = gradient(self, theta)
        return value, -g

    monkeypatch.setattr(Network, "value_and_gradient", uphill)
    with pytest.warns(ConvergenceWarning, match="no step lowers the objective"):
        fitted = model().fit(X, Y)
    assert fitted.status_ == "no_progress"


def test_pickle(small):
    X, Y, _ = small
    fitted = model().fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_the_warning_names_the_line_of_the_user(small):
    X, Y, _ = small
    with pytest.warns(ConvergenceWarning) as record:
        model(max_iter=1).fit(X, Y)
    assert record[0].filename == __file__
