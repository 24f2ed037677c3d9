import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._network.coordinates import Coordinates, RowSpace, Whitening
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.rows import Rows
from tests.references_rows import make_rows, random_data


@pytest.mark.parametrize("sparse", [False, True])
def test_row_space_is_an_exact_change_of_coordinates(sparse):
    X, Y, weight = random_data(n=8, d=30)
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
    X, Y, weight = random_data()
    rows = make_rows(X, Y, weight)
    whitening = Whitening(rows.second_moments)
    A1 = np.random.default_rng(0).normal(size=(3, 6))
    inner = whitening.project(A1)
    mean_square = weight @ (rows.whole().logits(A1) ** 2).sum(axis=0) / weight.sum()
    np.testing.assert_allclose((inner**2).sum(), mean_square)
    np.testing.assert_allclose(whitening.lift(inner), A1, atol=1e-10)


@pytest.mark.parametrize("sparse", [False, True])
def test_coordinates_of_other_rows_are_their_part_in_the_row_space(sparse):
    X, Y, weight = random_data(n=8, d=30)
    space = RowSpace(rows := make_rows(X, Y, weight, sparse)).without_rows()
    others, *_ = random_data(n=5, d=30, seed=1)
    features = rows.standardisation
    kind = sp.csr_array if sparse else np.asarray
    block = Rows(kind(others), Y[:5], weight[:5], features).whole()
    # Centred: the rank of eight rows is seven.
    Q = np.linalg.svd(((X - features.mean) / features.scale).T)[0][:, :7]
    z = (others - features.mean) / features.scale
    coordinates = Coordinates(features, np.arange(30), Basis.linear(30), space, None)
    x, outside = coordinates(block)
    np.testing.assert_allclose(x[-1], 1)
    np.testing.assert_allclose(x[:-1].T @ x[:-1], z @ Q @ Q.T @ z.T, atol=1e-8)
    left = z - z @ Q @ Q.T
    np.testing.assert_allclose(outside, np.sum(left**2, axis=1), rtol=1e-6)
