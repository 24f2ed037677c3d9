"""The sketched metric against the matrix that it stands for."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.linalg import eigh

from sksoftnewton._activations import get_activation
from sksoftnewton._paper.metric import MetricSketch, row_shares, squared_lengths
from sksoftnewton._paper.objective import check_problem
from sksoftnewton._paper.sparsifier import leverage_scores
from sksoftnewton._solver.points import Point
from tests.references_paper import softmax


def unsigned_curvature(problem, x):
    """B by its definition, with dense matrices."""
    A1 = problem.A1.toarray() if sp.issparse(problem.A1) else problem.A1
    h = get_activation(problem.activation.name)
    f = softmax(A1 @ x)
    A2 = np.eye(len(f)) if problem.A2 is None else problem.A2
    u = A2 @ f
    c = h.value(u) - problem.b
    q = A2.T @ (h.d1(u) * c)
    g = h.d1(u) ** 2 + c * h.d2(u)
    r = f * (q - f @ q)
    if problem.A2 is None:
        return A1.T @ (np.abs(problem.w2 + r + f**2 * g)[:, None] * A1)
    J = (A2 - u[:, None]) * f @ A1
    return A1.T @ (np.abs(problem.w2 + r)[:, None] * A1) + J.T @ (
        np.abs(g)[:, None] * J
    )


def make(n=4000, d=6, *, h="identity", w=0.01, A2="dense", sparse=False, seed=0):
    rng = np.random.default_rng(seed)
    A1 = rng.standard_normal((n, d))
    given = None if A2 == "identity" else rng.standard_normal((3, n))
    b = rng.random(n if given is None else 3)
    return check_problem(sp.csr_array(A1) if sparse else A1, given, b, h, w)


def relative_spectrum(matrix, exact):
    return eigh(matrix, exact, eigvals_only=True)


@pytest.mark.parametrize("h", ["identity", "tanh", "exp"])
@pytest.mark.parametrize(
    "options",
    [{}, {"sparse": True}, {"A2": "identity"}],
    ids=["dense", "csr", "identity"],
)
def test_all_rows_make_the_curvature_without_its_signs(h, options):
    problem = make(200, h=h, **options)
    x = 0.3 * np.ones(6)
    draw = MetricSketch(problem, 10**9, np.random.default_rng(0))
    metric = draw(Point.at(problem, x))
    assert_allclose(metric.matrix, unsigned_curvature(problem, x), rtol=1e-10)
    assert metric.sketch_size == 200
    assert (metric.diagonal > 0).all()


def test_the_draws_mean_is_the_matrix():
    problem = make(2000, w=1e-3)
    x = np.full(6, 0.5)
    exact = unsigned_curvature(problem, x)
    draw = MetricSketch(problem, 100, np.random.default_rng(1))
    point = Point.at(problem, x)
    mean = np.mean([draw(point).matrix for _ in range(400)], axis=0)
    assert np.abs(relative_spectrum(mean, exact) - 1).max() < 0.05


def test_ten_rows_a_column_are_right_up_to_a_factor():
    problem = make(20_000, 20, w=1e-3)
    x = np.full(20, 0.3)
    draw = MetricSketch(problem, 200, np.random.default_rng(2))
    metric = draw(Point.at(problem, x))
    assert 150 < metric.sketch_size < 250
    spectrum = relative_spectrum(metric.matrix, unsigned_curvature(problem, x))
    assert spectrum[0] > 0.2 and spectrum[-1] < 2.5
    assert draw.coherent is False


def coherent_problem(rotated):
    """Six rows carry three directions, along the axes or not."""
    rng = np.random.default_rng(3)
    n, d = 20_000, 20
    A1 = rng.standard_normal((n, d))
    A1[:, -3:] *= 1e-3
    A1[:6, -3:] = 30 * rng.standard_normal((6, 3))
    if rotated:
        A1 = A1 @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    A2 = rng.standard_normal((3, n))
    return check_problem(A1, A2, rng.standard_normal(3), "identity", 0.01)


@pytest.mark.parametrize("rotated", [False, True])
def test_coherence_is_seen_and_uniform_rows_would_fail(rotated, monkeypatch):
    problem = coherent_problem(rotated)
    point = Point.at(problem, np.zeros(20))
    exact = unsigned_curvature(problem, point.theta)
    draw = MetricSketch(problem, 400, np.random.default_rng(4))
    spectrum = relative_spectrum(draw(point).matrix, exact)
    assert draw.coherent is True
    assert spectrum[0] > 0.3 and spectrum[-1] < 2.5
    # The same rows a column without a look at coherence.
    monkeypatch.setattr("sksoftnewton._paper.metric.COHERENT", np.inf)
    blind = MetricSketch(problem, 400, np.random.default_rng(4))
    assert relative_spectrum(blind(point).matrix, exact)[0] < 1e-2


def test_coherence_is_measured_once(monkeypatch):
    calls = []
    original = MetricSketch._measured
    monkeypatch.setattr(
        MetricSketch,
        "_measured",
        lambda self, *args: calls.append(1) or original(self, *args),
    )
    problem = make()
    draw = MetricSketch(problem, 100, np.random.default_rng(0))
    for _ in range(3):
        draw(Point.at(problem, np.zeros(6)))
    assert len(calls) == 1


def test_squared_lengths_are_the_leverage_scores_up_to_a_factor():
    rng = np.random.default_rng(5)
    A = rng.standard_normal((3000, 10)) * np.exp(rng.standard_normal((3000, 1)))
    ratios = squared_lengths(A, A.T @ A, np.zeros(10), rng) / leverage_scores(
        A, exact=True
    )
    assert abs(ratios.mean() - 1) < 0.2
    assert ratios.min() > 0.02 and ratios.max() < 5


def test_shares_sum_to_one_and_bound_the_weights_of_a_sample():
    rng = np.random.default_rng(6)
    weights, lengths = rng.random(50) ** 4, rng.random(50)
    for shares, parts in (
        (row_shares(weights), 2),
        (row_shares(weights, lengths), 3),
    ):
        assert_allclose(shares.sum(), 1)
        assert (shares >= 1 / (50 * parts)).all()
        assert (shares >= weights / weights.sum() / parts).all()
    assert_allclose(row_shares(np.zeros(4)), 0.25)


def test_a_direction_without_rows_stays_definite():
    problem = make(500, 4)
    problem.A1[:, 3] = 0
    draw = MetricSketch(problem, 100, np.random.default_rng(0))
    draw(Point.at(problem, np.zeros(4)))
    assert np.linalg.eigvalsh(draw.definite())[0] > 0


def test_a_metric_is_kept_while_its_weights_are_alike():
    problem = make(w=1e-3)
    draw = MetricSketch(problem, 100, np.random.default_rng(0))
    here, near, far = (Point.at(problem, x * np.ones(6)) for x in (0.0, 1e-4, 1.0))
    first = draw(here)
    assert first.work > 0
    kept = draw(near, worn_out=False)
    assert kept.matrix is first.matrix and kept.diagonal is first.diagonal
    assert kept.work == 0 and kept.sketch_size == first.sketch_size
    assert draw(near).matrix is not first.matrix
    latest = draw.latest.matrix
    assert draw(far, worn_out=False).matrix is not latest
