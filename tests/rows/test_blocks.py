import numpy as np
import pytest

from tests.references import standardised
from tests.references_rows import make_rows, random_data


@pytest.mark.parametrize("sparse", [False, True])
def test_block_operations_match_standardised_data(sparse):
    X, Y, weight = random_data()
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
    X, Y, weight = random_data(n=200)
    block = make_rows(X, Y, weight, sparse).whole()
    parts = list(block.dense(64))
    assert [part.shape[1] for _, part in parts] == [64, 64, 64, 8]
    assert [rows.start for rows, _ in parts] == [0, 64, 128, 192]
