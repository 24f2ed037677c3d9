"""The solver of the paper's problem: convergence, globalisation, theory, failures."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from references_attention import SMOOTH, DenseProblem, energy_norm, spectral_error
from scipy.optimize import minimize

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._attention import check_problem
from sksoftnewton._functional import two_layer_softmax_regression
from sksoftnewton._hessian import HessianSketch
from sksoftnewton._theory import certify, theoretical_rate

HISTORY = {
    "loss",
    "gradient_norm",
    "damping",
    "decrement",
    "indefinite",
    "n_rows",
    "rows_kept",
    "sketch_size",
    "n_cg",
    "passes",
    "time",
    "contraction",
}


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def matrices(rng, n=300, d=4, m=3):
    return rng.standard_normal((n, d)), rng.standard_normal((m, n))


def planted(rng, h="identity", n=300, d=4, m=6, noise=0.0):
    """A problem whose outputs at ``x_true`` are b, up to noise."""
    A1, A2 = matrices(rng, n, d, m)
    x_true = rng.standard_normal(d)
    if h == "relu":  # where an output is off, it says nothing about x
        A2 = np.abs(A2)
    b = get_activation(h).value(A2 @ softmax(A1 @ x_true))
    return A1, A2, b + noise * rng.standard_normal(m), x_true


def trust_exact(problem, x0):
    return minimize(
        problem.value_and_gradient,
        x0,
        jac=True,
        hess=lambda x: problem.curvature(x).hessian(),
        method="trust-exact",
        options={"gtol": 1e-7, "maxiter": 500},
    )


# -- solutions -----------------------------------------------------------------


@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_a_planted_solution_is_found(h):
    A1, A2, b, x_true = planted(np.random.default_rng(0), h)
    x0 = x_true + 0.1
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=0.0, x0=x0)
    assert result.success
    assert_allclose(result.x, x_true, atol=1e-6)
    assert result.fun < 1e-12


@pytest.mark.parametrize("h", SMOOTH)
@pytest.mark.parametrize("sketch", ["leverage", "uniform", "frozen", "none"])
def test_every_sketch_reaches_the_same_minimiser(h, sketch):
    """Rows are really left out: n is more than twice the sample size."""
    rng = np.random.default_rng(1)
    A1, A2, b, x_true = planted(rng, h, n=3000, d=2, noise=0.01)
    options = {"h": h, "w": 0.01, "x0": x_true}
    exact = two_layer_softmax_regression(A1, A2, b, epsilon=0, **options)
    result = two_layer_softmax_regression(
        A1, A2, b, sketch=sketch, epsilon=0.3, random_state=0, **options
    )
    scale = np.linalg.norm(
        check_problem(A1, A2, b, h, 0.01).value_and_gradient(x_true)[1]
    )
    for r in (exact, result):
        assert r.success
        assert np.linalg.norm(r.jac) <= 1e-8 * scale
    assert_allclose(result.x, exact.x, atol=1e-6)
    kept = result.history["rows_kept"]
    if sketch == "none":
        assert (kept == 3000).all()
    else:
        assert (kept < 1500).any()


@pytest.mark.parametrize("form", ["csr A1", "csr_matrix A1", "csr A2", "lists"])
def test_formats_do_not_change_the_solution(form):
    rng = np.random.default_rng(2)
    A1, A2, b, x_true = planted(rng, n=40, d=2, noise=0.1)
    expected = two_layer_softmax_regression(A1, A2, b, w=0.1, x0=x_true)
    converted = {
        "csr A1": (sp.csr_array(A1), A2, b),
        "csr_matrix A1": (sp.csr_matrix(A1), A2, b),
        "csr A2": (A1, sp.csr_matrix(A2), b),
        "lists": (A1.tolist(), A2.tolist(), b.tolist()),
    }[form]
    result = two_layer_softmax_regression(*converted, w=0.1, x0=x_true.tolist())
    assert_allclose(result.x, expected.x, rtol=1e-9)


def test_identity_A2_needs_no_matrix():  # noqa: N802
    rng = np.random.default_rng(3)
    A1, b = rng.standard_normal((200, 3)), softmax(rng.standard_normal(200))
    expected = two_layer_softmax_regression(A1, np.eye(200), b, w=1e-3)
    result = two_layer_softmax_regression(A1, None, b, w=1e-3)
    assert result.success
    assert_allclose(result.x, expected.x, rtol=1e-7)


def test_repeated_entries_of_a_csr_matrix_are_added():
    A1 = sp.csr_array(
        (
            np.array([1.0, 2.0, -1.0, 0.5]),
            np.array([0, 0, 0, 0]),
            np.array([0, 2, 3, 4]),
        ),
        shape=(3, 1),
    )
    before = A1.data.copy()
    result = two_layer_softmax_regression(A1, None, [0.7, 0.2, 0.1], w=0.1)
    expected = two_layer_softmax_regression(A1.toarray(), None, [0.7, 0.2, 0.1], w=0.1)
    assert_allclose(result.x, expected.x, rtol=1e-9)
    assert_allclose(A1.data, before)


def test_nothing_given_is_changed():
    rng = np.random.default_rng(4)
    A1, A2, b, x0 = planted(rng)
    w = rng.random(300)
    given = [A1, A2, b, x0, w]
    copies = [a.copy() for a in given]
    for a in given:
        a.flags.writeable = False
    two_layer_softmax_regression(A1, A2, b, w=w, x0=x0)
    for a, copy in zip(given, copies, strict=True):
        assert_allclose(a, copy, rtol=0)


def test_the_solution_is_where_the_next_run_stays():
    """The rounding error of the gradient stops it: its tolerance is out of reach."""
    A1, A2, b, _ = planted(np.random.default_rng(5), noise=0.1)
    first = two_layer_softmax_regression(A1, A2, b, w=0.1, tol=1e-12)
    again = two_layer_softmax_regression(A1, A2, b, w=0.1, tol=1e-12, x0=first.x)
    assert again.success
    assert again.nit <= 3
    assert_allclose(again.x, first.x, atol=1e-12)


def test_the_gradient_goes_on_where_the_loss_stalls():
    """L is constant to rounding long before |∇L| has fallen to 1e-11 of its start."""
    rng = np.random.default_rng(6)
    A1, A2, b, _ = planted(rng, n=20_000, d=3, noise=1.0)
    result = two_layer_softmax_regression(A1, A2, b, w=0.01, tol=1e-11, random_state=0)
    assert result.success
    loss = result.history["loss"]
    stalled = np.abs(loss - loss[-1]) <= 4 * np.finfo(float).eps * loss[-1]
    assert stalled[:-1].sum() >= 2
    assert (np.diff(result.history["gradient_norm"]) < 0).all()


def test_iterations_grow_with_the_logarithm_of_the_tolerance():
    """At most log(1/tol)/log(1/0.4) of them, and one more for each decimal or so."""
    A1, A2, b, _ = planted(np.random.default_rng(7), n=20_000, d=3)
    nit = [
        two_layer_softmax_regression(
            A1, A2, b, w=1.0, tol=tol, sketch="leverage", random_state=0
        ).nit
        for tol in (1e-3, 1e-6, 1e-9)
    ]
    assert nit[0] < nit[1] < nit[2] <= np.log(1e9) / np.log(1 / 0.4)
    assert abs((nit[2] - nit[1]) - (nit[1] - nit[0])) <= 1


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_units_of_a_column_do_not_matter(scale):
    rng = np.random.default_rng(8)
    A1, A2, b, _ = planted(rng, noise=0.3)
    expected = two_layer_softmax_regression(A1, A2, b, w=0.02)
    units = np.array([scale, 1, 1, 1])
    result = two_layer_softmax_regression(A1 * units, A2, b, w=0.02, tol=1e-11)
    assert result.success
    assert_allclose(result.x * units, expected.x, rtol=1e-5)
    assert abs(result.nit - expected.nit) <= 4


def test_a_large_sparse_problem_in_little_memory():
    n, d, stored = 200_000, 50, 5
    rng = np.random.default_rng(9)
    A1 = sp.csr_array(
        (
            rng.standard_normal(stored * n),
            rng.integers(0, d, stored * n),
            np.arange(0, stored * n + 1, stored),
        ),
        shape=(n, d),
    )
    A1.sum_duplicates()
    b = softmax(A1 @ rng.standard_normal(d))
    tracemalloc.start()
    result = two_layer_softmax_regression(A1, None, b, w=1e-5, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.success
    # As many bytes as a dense A1 would take, and nothing like an n x n array.
    assert peak < 8 * n * d
    gradient = check_problem(A1, None, b, "identity", 1e-5).value_and_gradient
    scale = np.linalg.norm(gradient(np.zeros(d))[1])
    assert np.linalg.norm(gradient(result.x)[1]) <= 1e-8 * scale


# -- far starts ------------------------------------------------------------------


def far_problem(seed):
    """n = 1000, d = 8, w = 0.01: the Hessian is indefinite at most starts."""
    rng = np.random.default_rng(seed)
    A1, A2 = matrices(rng, n=1000, d=8)
    b = rng.standard_normal(3)
    x0 = rng.standard_normal(8) if seed % 2 else np.zeros(8)
    return A1, A2, b, x0


def test_far_starts_end_at_minima_as_good_as_those_of_trust_exact():
    n_as_good = n_indefinite = 0
    for seed in range(50):
        A1, A2, b, x0 = far_problem(seed)
        problem = check_problem(A1, A2, b, "identity", 0.01)
        result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0)
        assert result.success
        first = np.linalg.norm(problem.value_and_gradient(x0)[1])
        assert np.linalg.norm(result.jac) <= 1e-8 * first
        smallest = np.linalg.eigvalsh(problem.curvature(result.x).hessian())[0]
        assert smallest > 0
        certificate = result.certificate
        assert_allclose(certificate.lambda_min, smallest, rtol=1e-6)
        assert not certificate.conditions_hold
        assert not certificate.conditions_hold["penalty"]
        assert not certificate.conditions_hold["initialisation"]
        n_as_good += result.fun <= 1.01 * trust_exact(problem, x0).fun
        start = np.linalg.eigvalsh(problem.curvature(x0).hessian())[0]
        n_indefinite += start < 0
    assert n_as_good >= 45
    assert n_indefinite >= 45


def test_the_papers_iteration_needs_a_good_start():
    """From the same starts, without globalisation."""
    n_minima = 0
    for seed in range(20):
        A1, A2, b, x0 = far_problem(seed)
        result = two_layer_softmax_regression(
            A1, A2, b, w=0.01, x0=x0, globalize=False, max_iter=50
        )
        assert (result.history["damping"] == 0).all()
        n_minima += result.success and result.certificate.lambda_min > 0
    assert n_minima <= 5


@pytest.mark.parametrize("scale", [10.0, 1000.0])
@pytest.mark.parametrize("h", SMOOTH)
def test_very_far_starts(h, scale):
    """Softmax saturates: one row has all the weight, and curvature is in w alone."""
    rng = np.random.default_rng(10)
    A1, A2, b, _ = planted(rng, h, noise=0.1)
    x0 = scale * rng.standard_normal(4)
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=0.05, x0=x0, max_iter=200)
    assert result.success
    assert result.certificate.lambda_min > 0


def test_far_starts_with_a_sketched_hessian():
    """d = 2, so that ε = 0.3 leaves rows out; still from indefinite starts.

    γ is 3 to 30 here, so that the sketched Hessian is off by 100 % and more: where
    no step is accepted any more, ε is halved.
    """
    n_refined = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        A1, A2 = matrices(rng, n=3000, d=2)
        b, x0 = 3 * rng.standard_normal(3), 2 * rng.standard_normal(2)
        for sketch in ("leverage", "frozen"):
            result = two_layer_softmax_regression(
                A1, A2, b, w=0.01, x0=x0, sketch=sketch, epsilon=0.3, random_state=seed
            )
            assert result.success
            assert result.certificate.lambda_min > 0
            assert result.history["rows_kept"].min() < 1500
            n_refined += result.certificate.sample_size_theory > 1000
    assert n_refined > 0


def test_a_saddle_is_left_along_negative_curvature():
    """x = 0 is stationary by symmetry, and no minimum: u wants to move up."""
    A1 = np.array([[1.0], [0.0], [-1.0]])
    A2, b = np.array([[1.0, 0.0, 1.0]]), np.array([1.0])
    result = two_layer_softmax_regression(A1, A2, b, w=0.01)
    assert result.success
    assert abs(result.x[0]) > 1
    assert result.certificate.lambda_min > 0
    assert result.history["indefinite"][0]
    # The paper's iteration stays where the gradient vanishes.
    stays = two_layer_softmax_regression(A1, A2, b, w=0.01, globalize=False)
    assert_allclose(stays.x, 0)
    assert stays.certificate.lambda_min < 0
    assert not stays.certificate.certified


# -- the theory ------------------------------------------------------------------


def theorys_problem(seed):
    """The paper's conditions hold: w² above what convexity asks for, x0 within the
    guaranteed radius, ε = 0.1, and n more than twice the sample size."""
    rng = np.random.default_rng(seed)
    h = SMOOTH[seed % len(SMOOTH)]
    n, d = 12_000, 3
    A1, A2, b, _ = planted(rng, h, n=n, d=d, m=2, noise=0.5)
    zero = certify(A1, A2, b, np.zeros(d), h=h, sketch="none")
    required = min(zero.w2_required_eig, zero.w2_required_diameter)
    w = np.sqrt(rng.choice([1.01, 1.5, 3.0]) * required)
    near = two_layer_softmax_regression(A1, A2, b, h=h, w=w, sketch="none")
    direction = rng.standard_normal(d)
    distance = 0.9 * near.certificate.radius_euclidean
    x0 = near.x + distance * direction / np.linalg.norm(direction)
    return A1, A2, b, h, w, x0


@pytest.fixture
def drawn_hessians(monkeypatch):
    """Every sketched Hessian, with the exact one at the same point."""
    pairs = []
    original = HessianSketch.__call__

    def recording(self, curvature):
        drawn = original(self, curvature)
        pairs.append((drawn.matrix, curvature.hessian(), drawn.exact))
        return drawn

    monkeypatch.setattr(HessianSketch, "__call__", recording)
    return pairs


def test_the_papers_contraction_over_100_problems(drawn_hessians):
    """Every ratio ≤ 0.4, and ≤ θ(ε, δ) with the ε of that very draw.

    δ = 0.1 bounds the whole run: it begins within the guaranteed radius.
    """
    n_ratios, worst = 0, 0.0
    for seed in range(100):
        A1, A2, b, h, w, x0 = theorys_problem(seed)
        for globalize in (True, False):
            drawn_hessians.clear()
            result = two_layer_softmax_regression(
                A1, A2, b, h=h, w=w, x0=x0, globalize=globalize, random_state=seed
            )
            assert result.success
            assert result.certificate.conditions_hold, str(result.certificate)
            ratios = result.history["contraction"]
            # The last draw belongs to the certificate.
            assert len(drawn_hessians) == result.nit + 1
            for ratio, pair in zip(ratios, drawn_hessians, strict=False):
                if np.isnan(ratio):
                    continue
                sketched, exact, kept_all = pair
                assert not kept_all
                error = spectral_error(sketched, exact)
                assert error <= 0.1
                assert ratio <= 0.4
                if not globalize:  # θ is about the undamped step
                    assert ratio <= theoretical_rate(error, 0.1)
                assert ratio <= theoretical_rate(0.1, 0.1)
                n_ratios += 1
                worst = max(worst, ratio)
    assert n_ratios > 600
    # A sketch is at work: the exact Hessian would contract far more.
    assert worst > 0.02


def test_recorded_contraction_is_that_of_the_iterates():
    A1, A2, b, h, w, x0 = theorys_problem(1)
    path = [x0]
    result = two_layer_softmax_regression(
        A1,
        A2,
        b,
        h=h,
        w=w,
        x0=x0,
        random_state=0,
        callback=lambda r: path.append(r.x) and 0,
    )
    solution = two_layer_softmax_regression(
        A1, A2, b, h=h, w=w, x0=result.x, tol=1e-14, sketch="none"
    ).x
    H = check_problem(A1, A2, b, h, w).curvature(solution).hessian()
    distances = np.array([energy_norm(x - solution, H) for x in path])
    recorded = result.history["contraction"]
    measurable = ~np.isnan(recorded)
    assert measurable.sum() >= 4
    ratios = (distances[1:] / distances[:-1])[measurable]
    assert_allclose(recorded[measurable], ratios, rtol=1e-3)
    assert result.certificate.observed_contraction == recorded[measurable].max()


def test_sketching_the_changing_part_alone_takes_few_rows():
    """w² much larger than |s|: next to nothing is left to sample."""
    A1, A2, b, _ = planted(np.random.default_rng(11), n=20_000, d=3, noise=0.1)
    whole, frozen = (
        two_layer_softmax_regression(A1, A2, b, w=0.1, sketch=sketch, random_state=0)
        for sketch in ("leverage", "frozen")
    )
    assert frozen.success
    assert frozen.history["rows_kept"].max() < 0.05 * whole.history["rows_kept"].min()
    assert_allclose(frozen.x, whole.x, atol=1e-8)


def test_uniform_sampling_fails_where_leverage_does_not():
    """Three rows carry two of the three directions: uniform draws miss them."""
    rng = np.random.default_rng(12)
    A1, A2, b, _ = planted(rng, n=20_000, d=3, noise=0.1)
    A1[:, 1:] *= 1e-4
    A1[:3, 1:] = 30 * rng.standard_normal((3, 2))
    options = {"w": 0.1, "globalize": False, "random_state": 0, "max_iter": 15}
    leverage, uniform = (
        two_layer_softmax_regression(A1, A2, b, sketch=sketch, **options)
        for sketch in ("leverage", "uniform")
    )
    assert leverage.success
    assert not uniform.success
    assert uniform.certificate.sketch_eps > 0.5 > 5 * leverage.certificate.sketch_eps


# -- the result --------------------------------------------------------------------


def test_history_and_fields():
    A1, A2, b, _ = planted(np.random.default_rng(13), noise=0.1)
    result = two_layer_softmax_regression(A1, A2, b, w=0.1)
    history = result.history
    assert set(history) == HISTORY
    assert {len(column) for column in history.values()} == {result.nit}
    assert history["loss"][-1] == result.fun
    assert_allclose(history["gradient_norm"][-1], np.linalg.norm(result.jac))
    assert (np.diff(history["loss"]) <= 1e-14).all()
    assert (np.diff(history["time"]) > 0).all()
    assert (np.diff(history["passes"]) > 0).all()
    assert (history["rows_kept"] == 300).all()
    assert (history["sketch_size"] == 0).all()
    assert result.status == "converged"
    assert result.message
    problem = check_problem(A1, A2, b, "identity", 0.1)
    value, gradient = problem.value_and_gradient(result.x)
    assert result.fun == value
    assert_allclose(result.jac, gradient)
    assert result["x"] is result.x


def test_the_certificate_is_that_of_certify():
    A1, A2, b, h, w, x0 = theorys_problem(2)
    result = two_layer_softmax_regression(A1, A2, b, h=h, w=w, x0=x0, random_state=0)
    alone = certify(A1, A2, b, result.x, h=h, w=w, x0=x0)
    for field in ("beta", "lipschitz_euclidean", "radius_H", "lambda_min", "gamma"):
        assert getattr(result.certificate, field) == getattr(alone, field)
    # Draws differ, and only a run can have seen a contraction.
    assert np.isnan(alone.observed_contraction)
    assert result.certificate.observed_contraction <= result.certificate.theory_rate


def test_nfev_counts_every_evaluation(monkeypatch):
    from sksoftnewton._attention import Attention

    A1, A2, b, x0 = far_problem(1)
    calls = []
    original = Attention.value_and_gradient
    monkeypatch.setattr(
        Attention,
        "value_and_gradient",
        lambda self, x: calls.append(x) or original(self, x),
    )
    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0)
    # One more for the certificate.
    assert result.nfev == len(calls) - 1


def test_the_same_seed_gives_the_same_run():
    A1, A2, b, _ = planted(np.random.default_rng(14), n=20_000, d=3, noise=0.1)
    first, second, other = (
        two_layer_softmax_regression(A1, A2, b, w=0.1, random_state=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.history["rows_kept"], second.history["rows_kept"])
    assert not np.array_equal(first.history["rows_kept"], other.history["rows_kept"])


def test_results_can_be_pickled():
    A1, A2, b, _ = planted(np.random.default_rng(15), n=50)
    result = two_layer_softmax_regression(A1, A2, b)
    copy = pickle.loads(pickle.dumps(result))
    assert_allclose(copy.x, result.x)
    assert str(copy.certificate) == str(result.certificate)


# -- how a run can end ---------------------------------------------------------------


def test_max_iter():
    A1, A2, b, x0 = far_problem(1)
    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0, max_iter=2)
    assert (result.status, result.success, result.nit) == ("max_iter", False, 2)


@pytest.mark.parametrize("raises", [False, True])
def test_stopped_by_callback(raises):
    A1, A2, b, x0 = far_problem(1)
    seen = []

    def callback(state):
        seen.append(state)
        if raises and len(seen) == 3:
            raise StopIteration
        return len(seen) == 3

    result = two_layer_softmax_regression(A1, A2, b, w=0.01, x0=x0, callback=callback)
    assert (result.status, result.success, result.nit) == (
        "stopped_by_callback",
        False,
        3,
    )
    assert [state.nit for state in seen] == [1, 2, 3]
    assert seen[-1].fun == result.fun
    assert_allclose(seen[-1].x, result.x)
    assert seen[-1].gradient_norm == np.linalg.norm(seen[-1].jac)


def test_no_progress():
    """Two equal columns make the Hessian singular: the plain iteration has no step."""
    rng = np.random.default_rng(16)
    A1 = np.repeat(rng.standard_normal((30, 1)), 2, axis=1)
    A2, b = rng.standard_normal((2, 30)), rng.standard_normal(2)
    plain = two_layer_softmax_regression(A1, A2, b, globalize=False)
    assert (plain.status, plain.success) == ("no_progress", False)
    # Damping makes it definite; the minimum is a line, not certified.
    damped = two_layer_softmax_regression(A1, A2, b)
    assert damped.success


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A2": np.ones((2, 7))}, "A2 has 7 columns, but A1 has 9 rows"),
        ({"b": np.ones(4)}, "b has length 4, but the number of rows of A2 is 2"),
        ({"b": np.ones((2, 1))}, r"b has shape \(2, 1\), but .* 2"),
        (
            {"A2": None},
            "b has length 2, but A2 is the identity, and the number of rows of A1 is 9",
        ),
        ({"w": np.ones(3)}, "w has length 3, but the number of rows of A1 is 9"),
        ({"w": -0.5}, r"w is -0\.5 at position 0, but w >= 0"),
        ({"w": np.where(np.arange(9) == 4, -1.0, 1.0)}, r"w is -1\.0 at position 4"),
        ({"x0": np.ones(5)}, "x0 has length 5, but the number of columns of A1 is 3"),
        ({"A1": np.full((9, 3), np.nan)}, r"A1 is nan at position \(0, 0\)"),
        ({"A2": np.full((2, 9), np.inf)}, r"A2 is inf at position \(0, 0\)"),
        ({"b": [0.0, np.nan]}, "b is nan at position 1"),
        ({"w": np.inf}, "w is inf at position 0"),
        ({"x0": [0, np.nan, 0]}, "x0 is nan at position 1"),
        ({"A1": np.ones(9)}, "A1 has 1 dimensions, but it must have 2"),
        ({"A1": np.ones((9, 0))}, r"A1 has shape \(9, 0\)"),
        ({"A1": np.full((9, 3), "a")}, "A1 has dtype <U1"),
        ({"A1": sp.csc_array(np.ones((9, 3)))}, r"A1 .* 'csc'.*A1\.tocsr\(\)"),
        ({"A2": sp.coo_matrix(np.ones((2, 9)))}, r"A2 .* 'coo'.*A2\.tocsr\(\)"),
        (
            {"epsilon": 1.0},
            r"epsilon = 1\.0, but it must be at least 0 and less than 1",
        ),
        ({"epsilon": -0.1}, r"epsilon = -0\.1"),
        ({"epsilon": np.nan}, "epsilon = nan"),
        ({"h": "gelu"}, "h = 'gelu', but it must be one of .*'softplus'"),
        ({"h": None}, "h = None, but it must be one of"),
        ({"sketch": "gauss"}, "sketch = 'gauss', but it must be one of .*'frozen'"),
        ({"tol": -1}, "tol = -1, but"),
        ({"tol": np.nan}, "tol = nan, but"),
        ({"max_iter": 0}, "max_iter = 0, but"),
        ({"h": "exp", "A2": np.full((2, 9), 1e3)}, "L overflows at x0"),
    ],
)
def test_bad_input_is_named(change, message):
    rng = np.random.default_rng(17)
    options = {
        "A1": rng.standard_normal((9, 3)),
        "A2": rng.standard_normal((2, 9)),
        "b": rng.standard_normal(2),
    } | change
    with pytest.raises(ValueError, match=message):
        two_layer_softmax_regression(
            options.pop("A1"), options.pop("A2"), options.pop("b"), **options
        )


def test_a_nan_in_sparse_data_is_named():
    A1 = sp.csr_array(np.eye(3))
    A1.data[1] = np.nan
    with pytest.raises(ValueError, match="A1 is nan at position 1"):
        two_layer_softmax_regression(A1, None, np.ones(3))


def test_a_dense_reference_of_the_whole_problem():
    """L, ∇L and ∇²L of the result, from n x n matrices."""
    rng = np.random.default_rng(18)
    A1, A2, b, _ = planted(rng, "sigmoid", n=30, noise=0.1)
    result = two_layer_softmax_regression(A1, A2, b, h="sigmoid", w=0.2)
    dense = DenseProblem(A1, A2, b, "sigmoid", np.full(30, 0.2))
    assert_allclose(result.fun, dense.value(result.x), rtol=1e-12)
    assert np.linalg.norm(dense.gradient(result.x)) < 1e-8
    smallest = np.linalg.eigvalsh(dense.hessian(result.x))[0]
    assert_allclose(result.certificate.lambda_min, smallest, rtol=1e-9)
