from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton._rows import basis as basis_module
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.ramps import ramps
from tests.references import standardised
from tests.references_rows import make_rows

LEVELS = (1, 3, 7, 15, 31)
KNOTS = [np.array([-1.0, 0.5, 2.0, 4.0]), np.empty(0), np.array([0.0, 1.0])]


def data(n=200, seed=0):
    """A continuous column, one of few values, one of two, and one that is skewed."""
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            rng.normal(size=n),
            rng.integers(0, 6, n),
            rng.integers(0, 2, n),
            rng.lognormal(sigma=2.0, size=n),
        ]
    )


def by_definition(X, knots):
    """Each feature, then clip((x − b) / (b' − b), 0, 1), number by number."""
    rows = []
    for x in X:
        row = []
        for value, edges in zip(x, knots, strict=True):
            row.append(value)
            for below, above in pairwise(edges):
                row.append(min(max((value - below) / (above - below), 0), 1))
        rows.append(row)
    return np.array(rows)


# -- the map ------------------------------------------------------------------------


@pytest.mark.parametrize("block", [3, 8192])
def test_transform_is_the_definition(monkeypatch, block):
    monkeypatch.setattr(basis_module, "MAPPED_ROWS", block)
    X = np.random.default_rng(0).normal(scale=3.0, size=(20, 3))
    X[:4, 0] = KNOTS[0]
    expected = by_definition(X, KNOTS)
    assert_allclose(Basis(KNOTS).transform(X), expected, rtol=1e-15)
    assert_array_equal(Basis(KNOTS).transform(sp.csr_array(X)), expected)


def test_transform_keeps_float32_and_makes_floats_of_integers():
    X = np.array([[3, 1, 0], [0, 7, 1]])
    expected = by_definition(X, KNOTS)
    single = Basis(KNOTS).transform(X.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, expected, rtol=1e-6)
    for given in (X, X.tolist(), pd.DataFrame(X), X.astype(bool).astype(int) * X):
        mapped = Basis(KNOTS).transform(given)
        assert mapped.dtype == np.float64
        assert_allclose(mapped, expected)
    assert_allclose(Basis(KNOTS).transform(X > 0), by_definition(X > 0, KNOTS))


def test_float32_is_rounded_after_the_ramps_are_made():
    # One step in the last digit of float32 at 1e6 is a sixteenth.
    edges = np.float32(1e6) + np.arange(5, dtype=np.float32) / 16
    basis = Basis([edges.astype(np.float64)])
    between = np.array([[edges[0]], [edges[2]], [edges[4]]])
    expected = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    assert_array_equal(basis.transform(between)[:, 1:], expected)


def test_rows_far_beyond_narrow_ramps_do_not_overflow():
    basis = Basis([np.array([1e-40, 2e-40, 1.0])])
    for dtype in (np.float32, np.float64):
        far = np.array([[-1.0], [1.0], [1e30]], dtype=dtype)
        expected = [[-1, 0, 0], [1, 1, 1], [1e30, 1, 1]]
        assert_allclose(basis.transform(far), expected, rtol=1e-6)
    largest = np.finfo(np.float64).max
    wide = Basis([np.array([-1e301, 0.0, 1e301])])
    assert_array_equal(wide.transform([[-largest], [largest]])[:, 1:], [[0, 0], [1, 1]])


def test_without_ramps_the_data_are_passed_on():
    X = sp.csr_array(data(5))
    assert Basis.linear(4).is_linear and Basis.linear(4).n_columns == 4
    assert Basis.linear(4).transform(X) is X
    assert not Basis(KNOTS).is_linear


def test_another_number_of_features_is_named():
    with pytest.raises(ValueError, match="X has 2 features, but the basis has 3"):
        Basis(KNOTS).transform(np.ones((4, 2)))
    with pytest.raises(ValueError, match="2 names were given for 3 features"):
        Basis(KNOTS).get_feature_names_out(["a", "b"])


def test_names_of_the_columns():
    expected = ["x0", "x0: ramp 1", "x0: ramp 2", "x0: ramp 3", "x1", "x2"]
    expected.append("x2: ramp 1")
    assert list(Basis(KNOTS).get_feature_names_out()) == expected
    named = Basis(KNOTS[:2]).get_feature_names_out(np.array(["size", "age"]))
    assert list(named) == ["size", *(f"size: ramp {t}" for t in (1, 2, 3)), "age"]
    assert list(Basis.linear(2).get_feature_names_out()) == ["x0", "x1"]


def test_columns_features_and_parts():
    basis = Basis(KNOTS)
    assert basis.n_columns == 7
    assert_array_equal(basis.feature_of, [0, 0, 0, 0, 1, 2, 2])
    assert_array_equal(basis.starts, [0, 4, 5])
    assert_array_equal(basis.columns_of(np.array([2, 0])), [5, 6, 0, 1, 2, 3])
    assert len(basis.columns_of(np.array([], dtype=int))) == 0
    X = np.random.default_rng(0).normal(size=(10, 3))
    some = np.array([0, 2])
    part = basis.take(some)
    columns = basis.columns_of(some)
    assert_array_equal(part.transform(X[:, some]), basis.transform(X)[:, columns])
    again = part.spread(some, Basis.linear(3))
    assert_array_equal(again.transform(X), basis.transform(X))
    assert [
        len(edges) for edges in part.spread(np.array([1, 3]), Basis.linear(5)).knots_
    ] == [*(0, 4, 0, 2, 0)]


# -- the knots ----------------------------------------------------------------------


def quantiles_by_definition(x, n_inner):
    """The mean of the ends of all values that may be called the quantile."""
    ordered, n = np.sort(x), len(x)
    shares = np.arange(1, n_inner + 1) / (n_inner + 1)
    places = [(int(np.ceil(n * s)) - 1, int(np.floor(n * s))) for s in shares]
    inner = [(ordered[low] + ordered[min(high, n - 1)]) / 2 for low, high in places]
    return np.unique([ordered[0], *inner, ordered[-1]])


@pytest.mark.parametrize("n_inner", LEVELS)
@pytest.mark.parametrize("n", [20, 64, 65])
def test_knots_are_quantiles(n_inner, n):
    X = data(n)
    found = ramps(X, np.ones(n), n_inner).knots_
    for j in (0, 1, 3):
        assert_array_equal(found[j], quantiles_by_definition(X[:, j], n_inner))
    assert len(found[2]) == 0  # two values


@pytest.mark.parametrize("n_inner", LEVELS)
def test_knots_depend_on_weights_as_on_repetitions(n_inner):
    X = data()
    rng = np.random.default_rng(1)
    for counts in (rng.integers(0, 4, 200), rng.integers(0, 2, 200) * 10):
        weighted = ramps(X, counts.astype(float), n_inner)
        repeated = ramps(X.repeat(counts, axis=0), np.ones(counts.sum()), n_inner)
        # Knots depend on the weights' shares alone.
        scaled = ramps(X, counts / 7.0, n_inner)
        for a, b, c in zip(
            weighted.knots_, repeated.knots_, scaled.knots_, strict=True
        ):
            assert_array_equal(a, b)
            assert_array_equal(a, c)


def test_rows_of_weight_zero_have_no_say():
    X, weight = data(60), np.ones(60)
    weight[:30] = 0
    X[:30] = 1e6 * np.arange(30)[:, None]
    found, expected = ramps(X, weight, 7), ramps(X[30:], np.ones(30), 7)
    for a, b in zip(found.knots_, expected.knots_, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("n_inner", LEVELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_column_of_the_other_sign_has_the_knots_of_the_other_sign(n_inner, weighted):
    X = data()
    weight = np.random.default_rng(2).integers(0, 4, 200) if weighted else np.ones(200)
    there = ramps(X, weight, n_inner).knots_
    flipped = ramps(-X, weight, n_inner).knots_
    for a, b in zip(there, flipped, strict=True):
        assert_array_equal(b, -a[::-1])


@pytest.mark.parametrize("n_inner", LEVELS)
def test_knots_have_the_units_of_their_column_and_no_order_of_rows(n_inner):
    X, weight = data(), np.ones(200)
    there = ramps(X, weight, n_inner).knots_
    scaled = ramps(X * 2.0**10, weight, n_inner).knots_
    shuffled = ramps(X[np.random.default_rng(0).permutation(200)], weight, n_inner)
    for a, b, c in zip(there, scaled, shuffled.knots_, strict=True):
        assert_array_equal(b, a * 2.0**10)
        assert_array_equal(c, a)


def test_ties_leave_knots_out_and_knots_ascend():
    x = np.repeat([0.0, 1.0, 2.0, 5.0], [80, 10, 5, 5])
    found = ramps(x[:, None], np.ones(100), 7).knots_[0]
    assert_array_equal(found, [0, 1, 5])
    for edges in ramps(data(), np.ones(200), 31).knots_:
        assert (np.diff(edges) > 0).all()


def test_fewer_than_three_values_need_no_ramps():
    X = np.column_stack([np.full(9, 3.0), np.arange(9) % 2, np.arange(9) % 3])
    sizes = [len(edges) for edges in ramps(X, np.ones(9), 3).knots_]
    assert sizes[:2] == [0, 0] and sizes[2] == 3
    two = np.where(X[:, 2] == 2, 0.0, 1.0)  # without the third value
    assert len(ramps(X[:, 2:], two, 3).knots_[0]) == 0


# -- finer maps ---------------------------------------------------------------------


@pytest.mark.parametrize(("coarse", "fine"), [(1, 3), (3, 7), (7, 31), (15, 31)])
@pytest.mark.parametrize("n", [9, 200])
def test_knots_of_one_level_are_among_those_of_the_next(coarse, fine, n):
    X, weight = data(n), np.random.default_rng(0).integers(1, 4, n)
    few, many = (ramps(X, weight, level) for level in (coarse, fine))
    for a, b in zip(few.knots_, many.knots_, strict=True):
        assert np.isin(a, b).all()
    T = few.embedding(many)
    assert T.shape == (few.n_columns, many.n_columns)
    there = np.random.default_rng(1).normal(scale=4.0, size=(300, 4))
    assert_allclose(many.transform(there) @ T.T, few.transform(there), atol=1e-12)


def test_a_linear_map_is_part_of_every_map():
    T = Basis.linear(3).embedding(Basis(KNOTS))
    X = np.random.default_rng(0).normal(size=(10, 3))
    assert_array_equal(Basis(KNOTS).transform(X) @ T.T, X)
    assert_array_equal(Basis(KNOTS).embedding(Basis(KNOTS)), np.eye(7))


# -- rows on a basis ----------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_have_the_standardised_columns_of_the_basis(sparse, dtype):
    X = data(60)
    Y, weight = np.zeros((60, 1)), np.random.default_rng(0).uniform(0.5, 2, 60)
    basis = ramps(X, weight, 3)
    there = make_rows(X, Y, weight, sparse, basis=Basis.linear(4), dtype=dtype)
    rows = there.with_basis(basis)
    expected = standardised(by_definition(X, basis.knots_), weight)
    block = rows.whole().all_dense()
    assert block.dtype == dtype
    assert_allclose(block[:-1].T, expected, atol=1e-5 if dtype == np.float32 else 1e-9)
    assert_allclose(
        rows.second_moments,
        (expected.T * weight) @ expected / weight.sum(),
        atol=1e-5 if dtype == np.float32 else 1e-9,
    )
    some = np.array([0, 3])
    part = rows.with_columns(some).whole().all_dense()
    kept = np.append(basis.columns_of(some), -1)
    assert_array_equal(part, block[kept])
    two = rows.take(np.array([5, 7])).whole().all_dense()
    assert_array_equal(two, block[:, [5, 7]])


def test_a_memory_map_is_mapped_block_by_block(tmp_path):
    X = data(500)
    stored = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
    stored[:] = X
    basis = ramps(X, np.ones(500), 7)
    args = np.zeros((500, 1)), np.ones(500)
    mapped = make_rows(stored, *args).with_basis(basis)
    assert isinstance(mapped.X, np.memmap)
    expected = make_rows(X, *args).with_basis(basis)
    assert_array_equal(mapped.second_moments, expected.second_moments)
