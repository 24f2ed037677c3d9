import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification, make_friedman1
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation, softmax
from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton._inference.evidence import (
    Laplace,
    _dual_summary,
    _primal_summary,
    laplace,
)
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._inference.search import Search
from sksoftnewton._inference.validation import (
    Validation,
    leave_one_out,
    leverages,
    residuals,
    smearing,
)
from sksoftnewton._inference.widths import WidthSearch
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.problem import Problem
from sksoftnewton._network.regimes import Sketch
from sksoftnewton._rows.data import ArrayData
from tests.references_network import each_case, make_network

FIXED_FIRST_LAYER = (1e12, 0.02)  # its prior lets nothing move it


def problem_of(X, Y, weight=None, activation="identity"):
    return Problem(
        ArrayData(X, Y, np.ones(len(X)) if weight is None else weight),
        activation=get_activation(activation),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )


def data(n=30, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    Y = np.tanh(X[:, :n_outputs]) + 0.2 * rng.normal(size=(n, n_outputs))
    return X, Y, rng.integers(1, 4, n).astype(float)


def ridge_on_memberships(problem, k, alpha):
    """A network whose first layer is given and whose second is at the minimum of F."""
    network = problem.network(k, alpha)
    A1 = np.random.default_rng(1).normal(size=network.shape1)
    f = softmax(problem.rows.whole().logits(A1)).T
    A2 = ridge(f, problem.rows.targets, problem.rows.weight, problem.rows, alpha[1])
    theta = network.pack(A1, A2.T)
    return laplace(network, theta, network.value(theta)), f


def ridge(f, targets, weight, rows, alpha):
    """argmin Σ ω |f A2 − y|² + α₂ Σω |A2|²; the second Σω is that of all rows."""
    gram = (f.T * weight) @ f + alpha * rows.total_weight * np.eye(f.shape[1])
    return np.linalg.solve(gram, (f.T * weight) @ targets)


# -- one row left out ---------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(30, 4), (8, 6)])  # primal, dual
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_exact_where_the_second_layer_alone_is_learned(n, k, n_outputs):
    """Against refits without one repetition of each row, with the same prior."""
    X, Y, weight = data(n, n_outputs)
    problem = problem_of(X, Y, weight)
    found, f = ridge_on_memberships(problem, k, FIXED_FIRST_LAYER)
    assert found.dual == (n == 8)
    targets, rows = problem.rows.targets, problem.rows
    expected = []
    for i in range(n):
        left = weight - (np.arange(n) == i)
        A2 = ridge(f, targets, left, rows, FIXED_FIRST_LAYER[1])
        expected.append(f[i] @ A2 - targets[i])
    assert_allclose(leave_one_out(found), expected, rtol=1e-7, atol=1e-9)
    inside = residuals(found.network, found.theta)
    assert (np.abs(leave_one_out(found)) > np.abs(inside)).all()


@each_case
def test_leverages_are_those_of_the_dense_matrices(case):
    network, theta, *_ = make_network(**case)
    found = laplace(network, theta, network.value(theta))
    curvature = Curvature(network, theta)
    H, _ = curvature.gram()
    rows = network.rows
    expected = np.empty((rows.n_rows, rows.n_outputs))
    for o, J in enumerate(curvature.jacobian(rows.whole())):
        g = J / np.sqrt(rows.weight)[:, None]
        inverse = np.linalg.inv(H)
        expected[:, o] = np.einsum("np,pq,nq->n", g, inverse, g) / rows.total_weight
    assert_allclose(leverages(found), expected, rtol=1e-6)
    # All repetitions of all observations together have the determined parameters.
    assert_allclose(rows.weight @ leverages(found).sum(axis=1), found.dof, rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_primal_and_dual_agree(n_outputs):
    network, theta, *_ = make_network(n_outputs=n_outputs)
    curvature, value = Curvature(network, theta), network.value(theta)
    summary = _primal_summary(network, curvature.gram()[0])
    primal = Laplace(network, theta, value, *summary, False)
    dual = Laplace(network, theta, value, *_dual_summary(curvature), True)
    assert_allclose(leverages(dual), leverages(primal), rtol=1e-7)


@pytest.mark.parametrize("log", [False, True])
def test_weights_are_repetitions(log):
    X, Y, weight = data()
    Y = np.exp(Y)
    counts = weight.astype(int)
    repeated = X.repeat(counts, axis=0), Y.repeat(counts, axis=0)
    errors, gains = [], []
    for problem in (problem_of(X, Y, weight), problem_of(*repeated)):
        there = problem.on_log_scale() if log else problem
        run, other = run_of(there, 0), run_of(there, 1)
        errors.append(Validation().squared_errors(run))
        gains.append(Validation().gain(run, other))
    assert_allclose(errors[0].repeat(counts), errors[1], rtol=1e-9)
    assert_allclose(gains[0], gains[1], rtol=1e-9)


def run_of(problem, seed, k=3, alpha=(0.05, 0.01)):
    network = problem.network(k, alpha)
    theta = np.random.default_rng(seed).normal(size=network.n_params)
    return Run(problem, network, theta, network.value(theta)).with_posterior()


def test_observations_that_the_fit_follows_have_large_but_finite_errors():
    X, Y, _ = data(6, 1)
    problem = problem_of(X, Y)
    run = run_of(problem, 0, k=8, alpha=(1e-9, 1e-9))
    assert leverages(run.posterior).max() > 0.999
    errors = leave_one_out(run.posterior)
    assert np.isfinite(errors).all()
    ratio = np.abs(errors / residuals(run.network, run.theta))
    assert 100 < ratio.max() < 1001


# -- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("ramps", [False, True])
@pytest.mark.parametrize("log", [False, True])
def test_errors_on_held_out_rows_are_those_of_predictions(log, ramps):
    X, Y, weight = data(60, 1)
    Y = np.exp(Y)
    everything = problem_of(X, Y, weight)
    problems = {False: everything, True: everything.on_log_scale()}
    train, others = np.arange(40), np.arange(40, 60)
    part = problems[log].on(train).with_features(np.array([0, 2]))
    run = run_of(part.with_ramps(3) if ramps else part, 0)
    held_out = {key: problem.on(others) for key, problem in problems.items()}
    found = Validation(held_out).squared_errors(run)

    layers = run.problem.layers(run.network, run.theta)
    z = layers.basis.transform(X) @ layers.hidden_coef.T + layers.hidden_intercept
    predicted = softmax(z.T).T @ layers.output_coef.T
    if log:
        share = weight[train] / weight[train].sum()
        factor = share @ np.exp(np.log(Y[train]) - predicted[train])
        assert_allclose(smearing(part, run.network, run.theta), factor)
        predicted = factor * np.exp(predicted)
    else:
        assert_array_equal(smearing(part, run.network, run.theta), 1)
    scale = everything.units.targets.scale
    expected = np.sum(((predicted - Y) / scale) ** 2, axis=1)[others]
    assert_allclose(found, expected, rtol=1e-8)
    gain, error = Validation(held_out).gain(run, run)
    assert gain == error == 0
    assert not Validation(held_out).speaks_for(run, run)


def test_gain_is_a_weighted_mean_with_its_standard_error():
    X, Y, weight = data()
    problem = problem_of(X, Y, weight)
    run, other = run_of(problem, 0), run_of(problem, 1)
    differences = np.repeat(
        np.sum(leave_one_out(other.posterior) ** 2, axis=1)
        - np.sum(leave_one_out(run.posterior) ** 2, axis=1),
        weight.astype(int),
    )
    expected = differences.mean(), differences.std() / np.sqrt(len(differences))
    assert_allclose(Validation().gain(run, other), expected)
    better, worse = (run, other) if expected[0] > 0 else (other, run)
    assert abs(expected[0]) > expected[1]
    assert Validation().speaks_for(better, worse)
    assert not Validation().speaks_for(worse, better)


def test_gains_within_their_standard_error_count_only_on_held_out_rows(monkeypatch):
    problem = problem_of(*data())
    run, other = run_of(problem, 0), run_of(problem, 1)
    monkeypatch.setattr(Validation, "gain", lambda *_: (0.1, 0.2))
    assert not Validation().speaks_for(run, other)
    assert Validation({False: problem}).speaks_for(run, other)


def test_wild_predictions_of_logarithms_do_not_overflow():
    X, Y, _ = data(40, 1)
    logs = problem_of(X, np.exp(Y)).on_log_scale()
    held_out = Validation({True: logs})
    for size in (300.0, 1e3, 1e5):  # squares overflow, then exponentials
        run = run_of(logs, 0)
        A1, _ = run.network.layers(run.theta)
        theta = run.network.pack(A1, np.array([[size, -size, size]]))
        wild = Run(logs, run.network, theta, np.inf)
        errors = held_out.squared_errors(wild)
        assert np.isfinite(errors).all() and errors.max() > 1e50
        gain, error = held_out.gain(wild, run)
        assert gain < 0 and np.isfinite(error)


# -- the guard ------------------------------------------------------------------------


def settings(**kwargs):
    given = {"n_hidden": None, "alpha": None, "n_init": None, "tol": 1e-4}
    return Settings(**{**given, "sketch": Sketch(), "max_iter": 200, **kwargs})


def test_errors_reject_what_the_evidence_is_fooled_by():
    """Two of sixty rows far off: units that settle there explain most of the variance.

    Nothing is predicted by it, which the rows show when they are left out.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 6)), rng.normal(size=60)
    y[[3, 40]] = [60.0, -80.0]
    problem = problem_of(X, y[:, None])
    widths = WidthSearch(60, settings(), np.random.default_rng(0))
    one, wider = widths.best_start(problem, 1), widths.best_start(problem, 4)
    assert wider.score > one.score + 10 * DECISIVE
    assert not widths.validation.speaks_for(wider, one)
    assert not widths.preferred(wider, one)
    # Nor do such networks come back by way of fewer features.
    found = Search(problem, settings(), np.random.default_rng(0)).best()
    assert found.network.n_hidden == 1


def test_errors_alone_do_not_decide_either(monkeypatch):
    X, y = make_friedman1(200, noise=1.0, random_state=0)
    widths = WidthSearch(200, settings(), np.random.default_rng(0))
    problem = problem_of(X, y[:, None])
    one, two = widths.best_start(problem, 1), widths.best_start(problem, 2)
    assert widths.preferred(two, one) and not widths.preferred(one, two)
    monkeypatch.setattr(Run, "score", property(lambda run: 0.0))
    assert widths.validation.speaks_for(two, one)
    assert not widths.preferred(two, one)


def test_separable_classes_as_numbers_are_not_run_away_with():
    X, y = make_classification(400, 20, n_informative=5, random_state=0)
    X, X_test, y, y_test = train_test_split(X, y.astype(float), random_state=0)
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > 0.6
    assert model.noise_variance_[0] >= np.var(y) / 3 * (1 - 1e-12)
    predicted = model.predict(X_test)
    assert predicted.min() > -0.5 and predicted.max() < 1.5
