import numpy as np
import pytest

from sksoftnewton._rows import mapped as mapped_module
from sksoftnewton._rows.blocks import DenseBlock, SparseBlock
from sksoftnewton._rows.data import ArrayData
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Standardisation
from tests.references import standardised
from tests.references_rows import make_rows, random_data


def test_onto_range_changes_no_logit_and_removes_what_predictions_ignore():
    X, Y, weight = random_data()
    X[:, 3] = X[:, 0] - 2 * X[:, 1]
    rows = make_rows(X, Y, weight)
    A1 = np.random.default_rng(0).normal(size=(3, 6))
    kept = rows.onto_range(A1)
    block = rows.whole()
    np.testing.assert_allclose(block.logits(kept), block.logits(A1), atol=1e-10)
    assert np.linalg.norm(kept) < np.linalg.norm(A1) * 0.999
    full = make_rows(*random_data())
    assert full.onto_range(A1) is A1


def test_leverage_finds_the_row_that_uniform_sampling_misses():
    ones = np.ones(2000)
    X, Y, _ = random_data(n=2000)
    X = standardised(X, ones)
    X[0] = 100.0  # alone in its direction
    rows = make_rows(X, Y, ones)
    drawn = rows.draw(100, np.random.default_rng(0), by_leverage=True)
    assert (drawn.X[:, 0] == 100).any()
    plain = rows.draw(100, np.random.default_rng(0))
    assert not (plain.X[:, 0] == 100).any()
    np.testing.assert_allclose(drawn.weight.sum(), 2000, rtol=0.3)


def test_blocks_of_sparse_rows_are_worth_their_dense_sums():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 600)) * (rng.random((400, 600)) < 0.05)
    rows = make_rows(X, rng.normal(size=(400, 1)), np.ones(400), sparse=True)
    entries = np.count_nonzero(X) / 400 + 1
    assert rows.entries_per_row == entries
    assert rows.block_rows(0) >= 600 / entries


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_float32_blocks_of_columns_that_do_not_fit_into_float32(scale):
    X = np.random.default_rng(0).normal(size=(50, 3))
    weight = np.ones(50)
    rows = Rows(
        scale * X,
        np.zeros((50, 1)),
        weight,
        Standardisation.of(scale * X, weight),
        dtype=np.float32,
    )
    features = rows.whole().all_dense()
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:-1].T, standardised(X, weight), atol=1e-6)


# -- targets that are rounded ---------------------------------------------------------


def rounding_variances(Y, weight=None):
    Y = np.reshape(Y, (len(Y), -1)).astype(float)
    weight = np.ones(len(Y)) if weight is None else weight
    return make_rows(np.zeros((len(Y), 1)), Y, weight).rounding_variances


def test_classes_have_at_most_the_rounding_of_a_fair_coin():
    balanced, rare = np.arange(100) % 2, np.arange(100) == 7
    np.testing.assert_allclose(rounding_variances(balanced), 1 / 12)
    np.testing.assert_allclose(rounding_variances(rare), 0.01 * 0.99 / 3)
    # Classes that are numbered otherwise, in other units.
    np.testing.assert_allclose(rounding_variances(5.0 - 3 * balanced), 9 / 12)


def test_counts_are_rounded_to_one_and_other_numbers_are_not():
    rng = np.random.default_rng(0)
    counts, continuous = rng.poisson(20, 200), rng.normal(size=200)
    np.testing.assert_allclose(rounding_variances(counts), 1 / 12)
    np.testing.assert_allclose(rounding_variances(np.round(continuous, 1)), 1e-2 / 12)
    assert rounding_variances(continuous) == 0
    assert rounding_variances(np.full(20, 3.0)) == 0
    both = rounding_variances(np.column_stack([counts, continuous]))
    np.testing.assert_allclose(both, [1 / 12, 0])


def test_rounding_depends_on_weights_as_on_repetitions():
    rng = np.random.default_rng(0)
    for y in (rng.integers(0, 3, 40), rng.normal(size=40), rng.poisson(1.0, 40) ** 2):
        counts = rng.integers(1, 4, 40)
        weighted = rounding_variances(y, counts.astype(float))
        np.testing.assert_allclose(weighted, rounding_variances(y.repeat(counts)))
        assert (weighted > 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_of_many_levels_leave_zeros_out_and_are_the_same(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    labels = tuple(f" = {i}" for i in range(40))
    X = np.column_stack([1e3 + rng.normal(size=500), rng.integers(0, 40, (500, 2))])
    X[rng.random(500) < 0.1, 0] = np.nan
    X[7, 1] = np.nan  # an unknown level
    Y, weight = rng.normal(size=(500, 1)), rng.uniform(0.5, 2, 500)
    data = ArrayData(X, Y, weight, labels=[None, labels, labels])
    targets = Standardisation(np.zeros(1), np.ones(1))

    def made():
        return data.rows(data.standardisation, targets, data.basis, dtype, 1)

    few = made()
    block = few.block(slice(100, 200))
    assert isinstance(block, SparseBlock) and few.entries_per_row == 5
    assert block.scaled.nnz <= 100 * 4 + 80
    monkeypatch.setattr(mapped_module, "COLUMNS_PER_ENTRY", 1000)
    all_columns = made()
    dense = all_columns.block(slice(100, 200))
    assert isinstance(dense, DenseBlock)
    close = {"rtol": 1e-5, "atol": 1e-5 if dtype == np.float32 else 1e-12}
    np.testing.assert_allclose(block.all_dense(), dense.features, **close)
    A1 = rng.normal(size=(3, 83))
    np.testing.assert_allclose(block.logits(A1), dense.logits(A1), **close)
    np.testing.assert_allclose(few.kernel, all_columns.kernel, rtol=1e-9, atol=1e-9)
    kept = few.with_columns(np.array([0, 2]))
    np.testing.assert_allclose(
        kept.block(slice(0, 9)).all_dense(),
        all_columns.with_columns(np.array([0, 2])).block(slice(0, 9)).all_dense(),
        **close,
    )
