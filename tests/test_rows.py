import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton import _rows
from sksoftnewton._coordinates import RowSpace, Whitening
from sksoftnewton._rows import Rows, Standardisation
from tests.references import standardised


def data(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 10, d) + rng.normal(size=d)
    X[rng.random((n, d)) < 0.5] = 0
    return X, rng.normal(size=(n, 2)), rng.uniform(0.5, 3, n)


def make_rows(X, Y, weight, sparse=False, **kwargs):
    A = sp.csr_array(X) if sparse else X
    return Rows(A, Y, weight, Standardisation.of(A, weight), **kwargs)


@pytest.mark.parametrize("sparse", [False, True])
def test_standardisation_is_weighted(sparse):
    X, _, weight = data()
    X[:, 1] = 0.3  # constant
    A = sp.csr_array(X) if sparse else X
    s = Standardisation.of(A, weight)
    mean = np.average(X, axis=0, weights=weight)
    std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(s.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(np.delete(s.scale, 1), np.delete(std, 1), rtol=1e-12)
    assert s.scale[1] == 1


def test_standardisation_keeps_small_variation_about_a_large_mean():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20000, 1))
    s = Standardisation.of(1e9 + noise, np.ones(20000))
    np.testing.assert_allclose(s.scale, noise.std(), rtol=1e-6)


def test_standardisation_equals_that_of_repeated_rows():
    X, _, _ = data()
    counts = np.arange(len(X)) % 4
    a = Standardisation.of(X, counts.astype(float))
    b = Standardisation.of(X.repeat(counts, axis=0), np.ones(counts.sum()))
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-12)
    np.testing.assert_allclose(a.scale, b.scale, rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_block_operations_match_standardised_data(sparse):
    X, Y, weight = data()
    rows = make_rows(X, Y, weight, sparse)
    X1 = np.column_stack([standardised(X, weight), np.ones(len(X))])
    rng = np.random.default_rng(1)
    A1, s = rng.normal(size=(3, 6)), rng.normal(size=(3, 60))
    block = rows.whole()
    np.testing.assert_allclose(block.logits(A1), A1 @ X1.T, atol=1e-12)
    np.testing.assert_allclose(block.outer(s), s @ X1, atol=1e-11)
    dense = np.hstack([part for _, part in block.dense(25)])
    np.testing.assert_allclose(dense, X1.T, atol=1e-12)
    np.testing.assert_allclose(rows.kernel, X1[:, :-1] @ X1[:, :-1].T, atol=1e-11)
    moments = (X1[:, :-1].T * weight) @ X1[:, :-1] / weight.sum()
    np.testing.assert_allclose(rows.second_moments, moments, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_are_made_dense_a_part_at_a_time(sparse):
    X, Y, weight = data(n=200)
    block = make_rows(X, Y, weight, sparse).whole()
    parts = list(block.dense(64))
    assert [part.shape[1] for _, part in parts] == [64, 64, 64, 8]
    assert [rows.start for rows, _ in parts] == [0, 64, 128, 192]


def test_sum_covers_every_row_once_whatever_the_threads(monkeypatch):
    monkeypatch.setattr(_rows, "BLOCK_ELEMENTS", 1)  # blocks of 256 rows
    X, Y, weight = data(n=5000)

    def terms(block):
        return block.weight.sum(), block.outer(np.ones((1, block.weight.size)))

    one = make_rows(X, Y, weight).sum(terms)
    three = make_rows(X, Y, weight, n_threads=3).sum(terms)
    assert one[0] == three[0]
    np.testing.assert_array_equal(one[1], three[1])
    np.testing.assert_allclose(one[0], weight.sum())


@pytest.mark.parametrize("sparse", [False, True])
def test_row_space_is_an_exact_change_of_coordinates(sparse):
    X, Y, weight = data(n=8, d=30)
    X[5] = X[2]  # rank 7
    space = RowSpace(rows := make_rows(X, Y, weight, sparse))
    assert space.rows.n_features <= 7
    np.testing.assert_allclose(space.rows.kernel, rows.kernel, atol=1e-10)
    A1 = np.random.default_rng(0).normal(size=(3, 31))
    inner = space.project(A1)
    logits = rows.whole().logits(A1)
    np.testing.assert_allclose(space.rows.whole().logits(inner), logits, atol=1e-10)
    lifted = space.lift(inner)
    np.testing.assert_allclose(rows.whole().logits(lifted), logits, atol=1e-10)
    np.testing.assert_allclose(space.project(lifted), inner, atol=1e-10)
    # The norm that the penalty sees is kept: the rows of Q are orthonormal.
    np.testing.assert_allclose(np.linalg.norm(lifted), np.linalg.norm(inner))


def test_row_space_and_whitening_of_constant_features():
    X, Y, weight = np.ones((3, 5)), np.zeros((3, 2)), np.ones(3)
    rows = make_rows(X, Y, weight)
    A1 = np.random.default_rng(0).normal(size=(2, 6))
    for space in (RowSpace(rows), Whitening(rows.second_moments)):
        assert np.isfinite(space.lift(space.project(A1))).all()


def test_whitened_norm_is_the_mean_square_of_the_logits():
    X, Y, weight = data()
    rows = make_rows(X, Y, weight)
    whitening = Whitening(rows.second_moments)
    A1 = np.random.default_rng(0).normal(size=(3, 6))
    inner = whitening.project(A1)
    mean_square = weight @ (rows.whole().logits(A1) ** 2).sum(axis=0) / weight.sum()
    np.testing.assert_allclose((inner**2).sum(), mean_square)
    np.testing.assert_allclose(whitening.lift(inner), A1, atol=1e-10)


def test_onto_range_changes_no_logit_and_removes_what_predictions_ignore():
    X, Y, weight = data()
    X[:, 3] = X[:, 0] - 2 * X[:, 1]
    rows = make_rows(X, Y, weight)
    A1 = np.random.default_rng(0).normal(size=(3, 6))
    kept = rows.onto_range(A1)
    block = rows.whole()
    np.testing.assert_allclose(block.logits(kept), block.logits(A1), atol=1e-10)
    assert np.linalg.norm(kept) < np.linalg.norm(A1) * 0.999
    full = make_rows(*data())
    assert full.onto_range(A1) is A1
