"""Leverage scores and the sparsifier's band, against dense matrices."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sksoftnewton._paper.sparsifier import (
    FAILURE_PROBABILITY,
    ReusedScores,
    leverage_scores,
    sampling_rate,
    spectral_sparsifier,
)
from tests.references_paper import spectral_error

deterministic = settings(derandomize=True, deadline=None, max_examples=60)


def scores_by_definition(A, D):
    B = np.sqrt(np.abs(D))[:, None] * A
    return np.einsum("ij,jk,ik->i", B, np.linalg.pinv(B.T @ B), B)


def gram(A, sparsifier):
    rows = A[sparsifier.rows]
    return rows.T @ (sparsifier.weights[:, None] * rows)


def coherent(rng, n=6000, d=4):
    """Three rows carry directions that the others do not have."""
    A = rng.standard_normal((n, d))
    A[:, 1:] *= 1e-4
    A[rng.choice(n, 3, replace=False), 1:] = 50 * np.eye(3, d - 1)
    return A


def one_hot(rng, n=6000, d=4):
    return np.eye(d)[rng.integers(0, d, n)]


def gaussian(rng, n=6000, d=4):
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d))


FAMILIES = {"gaussian": gaussian, "one-hot": one_hot, "coherent": coherent}


# -- leverage scores -----------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_exact_scores_by_definition(sparse):
    rng = np.random.default_rng(0)
    A, D = rng.standard_normal((50, 6)), rng.standard_normal(50)
    given_A = sp.csr_array(A) if sparse else A
    scores = leverage_scores(given_A, D, exact=True)
    assert_allclose(scores, scores_by_definition(A, D), rtol=1e-10)
    assert_allclose(scores.sum(), 6)
    assert_allclose(
        leverage_scores(given_A, exact=True), scores_by_definition(A, np.ones(50))
    )


def test_exact_scores_do_not_square_the_condition_number():
    """By QR: normal equations of condition 1e18 would have lost everything."""
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.standard_normal((80, 4)))[0]
    A = Q * np.logspace(0, -9, 4)
    assert_allclose(leverage_scores(A, exact=True), np.sum(Q**2, axis=1), rtol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_scores_of_a_rank_deficient_matrix_add_up_to_its_rank(exact):
    rng = np.random.default_rng(2)
    A = rng.standard_normal((3000, 2)) @ rng.standard_normal((2, 5))
    scores = leverage_scores(A, exact=exact, random_state=0)
    assert_allclose(scores.sum(), 2, rtol=1e-8 if exact else 0.3)


@pytest.mark.parametrize("exact", [True, False])
def test_a_zero_matrix_has_no_leverage(exact):
    assert_allclose(leverage_scores(np.zeros((5, 2)), exact=exact, random_state=0), 0)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_approximate_scores_are_near_the_exact_ones(family, sparse):
    """CountSketch with 20 d rows: each score within a factor of two."""
    rng = np.random.default_rng(3)
    A = FAMILIES[family](rng)
    D = rng.random(len(A))
    exact = leverage_scores(A, D, exact=True)
    for seed in range(5):
        approximate = leverage_scores(
            sp.csr_array(A) if sparse else A, D, random_state=seed
        )
        assert (approximate <= np.minimum(1, 2 * exact + 1e-12)).all()
        assert (approximate >= 0.5 * exact - 1e-12).all()


def test_scores_are_projected_where_there_are_many_columns():
    """Johnson–Lindenstrauss with 64 directions: errors of about sqrt(2/64)."""
    rng = np.random.default_rng(4)
    A = rng.standard_normal((4000, 100))
    exact = leverage_scores(A, exact=True)
    ratio = leverage_scores(A, random_state=0) / exact
    assert 0.1 < ratio.std() < 0.3
    assert abs(ratio.mean() - 1) < 0.1


def test_block_sketches_add_up(monkeypatch):
    """Blocks of 64 rows: the scores are as good as those of one sketch."""
    monkeypatch.setattr("sksoftnewton._matrices.BLOCK_ELEMENTS", 1)
    A = gaussian(np.random.default_rng(5))
    exact = scores_by_definition(A, np.ones(len(A)))
    assert_allclose(leverage_scores(A, exact=True), exact, rtol=1e-9)
    ratio = leverage_scores(A, random_state=0) / exact
    assert 0.5 < ratio.min() <= ratio.max() < 2


def test_reused_scores_bound_the_exact_ones_from_above():
    """A theorem for exact scores, which stand in for the approximate ones here."""
    rng = np.random.default_rng(6)
    A = gaussian(rng, n=500)
    D0 = 1 + rng.random(500)
    reused = ReusedScores(A, rng)
    reused.at(D0)
    reused._scores0 = leverage_scores(A, D0, exact=True)
    for n_vanishing in (0, 3, 10):
        D = D0 * (1 + 0.05 * rng.random(500))
        D[rng.choice(500, n_vanishing, replace=False)] = 0
        bound = reused.at(D)
        assert (bound >= leverage_scores(A, D, exact=True) - 1e-12).all()
        assert bound.sum() <= 1.5 * 4
    assert reused.n_computed == 1


def test_reused_scores_are_computed_anew_where_the_bound_is_loose():
    rng = np.random.default_rng(6)
    A = gaussian(rng, n=500)
    reused = ReusedScores(A, rng)
    half = np.arange(500) < 250
    for D in (np.ones(500), np.where(half, 0.0, 1.0), np.where(half, 1.0, 1e-3)):
        exact = leverage_scores(A, D, exact=True)
        assert_allclose(reused.at(D).sum(), exact.sum(), rtol=0.3)
    assert reused.n_computed == 3


# -- the sparsifier ------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["leverage", "uniform"])
def test_the_sparsifier_is_unbiased(sampling):
    """The mean of 400 draws is within the standard error of a mean of 400."""
    rng = np.random.default_rng(7)
    A = gaussian(rng, n=2000, d=3)
    D = rng.standard_normal(2000)
    size = A.T @ (np.abs(D)[:, None] * A)
    L = np.linalg.inv(np.linalg.cholesky(size))
    errors = []
    for seed in range(400):
        draw = spectral_sparsifier(A, D, 0.5, sampling=sampling, random_state=seed)
        assert len(draw.rows) < 1000
        errors.append(L @ (gram(A, draw) - A.T @ (D[:, None] * A)) @ L.T)
    errors = np.array(errors)
    standard_error = errors.std(axis=0) / np.sqrt(400)
    assert (np.abs(errors.mean(axis=0)) <= 4 * standard_error).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_band_holds_with_the_stated_probability(family):
    """δ = 0.3 stated; 200 draws. Bernstein is loose, so that few fail at all."""
    rng = np.random.default_rng(8)
    A = FAMILIES[family](rng)
    D = 0.1 + rng.random(len(A))
    exact = A.T @ (D[:, None] * A)
    errors = []
    for seed in range(200):
        draw = spectral_sparsifier(
            A, D, 0.25, failure_probability=0.3, exact_scores=True, random_state=seed
        )
        assert len(draw.rows) < len(A) / 2
        errors.append(spectral_error(gram(A, draw), exact))
    assert np.mean(np.array(errors) > 0.25) <= 0.3
    # The draw is random: a test that would pass with all rows kept says nothing.
    assert np.median(errors) > 0.02


def test_uniform_sampling_misses_rows_that_matter():
    rng = np.random.default_rng(9)
    A = coherent(rng)
    D = np.ones(len(A))
    exact = A.T @ A
    uniform, leverage = (
        [
            spectral_error(
                gram(
                    A, spectral_sparsifier(A, D, 0.2, sampling=kind, random_state=seed)
                ),
                exact,
            )
            for seed in range(20)
        ]
        for kind in ("uniform", "leverage")
    )
    assert np.median(uniform) > 0.9
    assert max(leverage) < 0.2


@deterministic
@given(
    family=st.sampled_from(sorted(FAMILIES)),
    d=st.integers(2, 5),
    scale=st.floats(-6, 6),
    negative=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_attack_on_the_band(family, d, scale, negative, seed):
    """δ = 1e-3 a draw: sixty adversarial draws must all be in the band."""
    rng = np.random.default_rng(seed)
    A = FAMILIES[family](rng, n=8000, d=d)
    D = np.exp(0.5 * scale * rng.standard_normal(8000))
    if negative:
        D *= rng.choice([-1, 1], 8000)
    draw = spectral_sparsifier(
        A, D, 0.3, failure_probability=1e-3, exact_scores=True, random_state=rng
    )
    absolute = A.T @ (np.abs(D)[:, None] * A)
    error = gram(A, draw) - A.T @ (D[:, None] * A)
    assert spectral_error(absolute + error, absolute) <= 0.3
    assert (np.sign(draw.weights) == np.sign(D[draw.rows])).all()


def test_approximate_scores_keep_the_band_too():
    """Not proven: 0 failures expected of 100 at the default δ = 0.01."""
    rng = np.random.default_rng(10)
    failures = 0
    for seed in range(100):
        A = one_hot(rng, n=8000, d=5)
        D = rng.random(8000)
        draw = spectral_sparsifier(A, D, 0.2, random_state=seed)
        assert len(draw.rows) < 4000
        failures += spectral_error(gram(A, draw), A.T @ (D[:, None] * A)) > 0.2
    assert failures <= 100 * FAILURE_PROBABILITY


def test_sample_size_is_the_formula():
    A, D = gaussian(np.random.default_rng(11), n=40_000, d=3), np.ones(40_000)
    sizes = [
        len(spectral_sparsifier(A, D, 0.2, exact_scores=True, random_state=seed).rows)
        for seed in range(10)
    ]
    expected = 2 * (1 + 0.2 / 3) * 3 * np.log(6 / 0.01) / 0.2**2
    assert_allclose(3 * sampling_rate(3, 0.2, 0.01), expected)
    assert_allclose(np.mean(sizes), expected, rtol=0.03)


@pytest.mark.parametrize(("epsilon", "n"), [(0.0, 50_000), (0.1, 400)])
def test_every_row_is_kept_where_sampling_would_not_pay(epsilon, n):
    rng = np.random.default_rng(12)
    A, D = rng.standard_normal((n, 2)), rng.standard_normal(n)
    for sampling in ("leverage", "uniform"):
        draw = spectral_sparsifier(A, D, epsilon, sampling=sampling, random_state=0)
        assert_allclose(draw.rows, np.arange(n))
        assert_allclose(draw.weights, D)


def test_zero_weights_are_never_drawn():
    rng = np.random.default_rng(13)
    A = gaussian(rng, n=20_000, d=2)
    D = np.where(np.arange(20_000) % 2, 1.0, 0.0)
    draw = spectral_sparsifier(A, D, 0.3, random_state=0)
    assert len(draw.rows) > 0
    assert (draw.rows % 2 == 1).all()
    empty = spectral_sparsifier(A, np.zeros(20_000), 0.3, random_state=0)
    assert len(empty.rows) == 0


def test_the_same_seed_gives_the_same_rows():
    A = gaussian(np.random.default_rng(14), n=20_000, d=2)
    first, second, other = (
        spectral_sparsifier(A, np.ones(20_000), 0.2, random_state=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.rows, second.rows)
    assert not np.array_equal(first.rows, other.rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda A: leverage_scores(A, np.ones(3)), "D has length 3, but .* 10"),
        (lambda A: leverage_scores(sp.csc_array(A)), r"'csc', .*A\.tocsr\(\)"),
        (lambda A: leverage_scores(A[0]), "A has 1 dimensions, .* 2"),
        (lambda A: leverage_scores(A[:0]), r"A has shape \(0, 2\)"),
        (lambda A: leverage_scores(A * np.nan), r"A is nan at position \(0, 0\)"),
        (lambda A: leverage_scores(A * 1j), "A has dtype complex128"),
        (lambda A: spectral_sparsifier(A, A, 0.1), r"D has shape \(10, 2\), but .* 10"),
        (lambda A: leverage_scores(1e150 * A), r"A .* size .*e\+150 .* rescale A"),
        (lambda A: leverage_scores(A, np.full(10, 1e-99)), r"D .* size 1e-99 .*"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((10, 2)))
