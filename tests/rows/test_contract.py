"""The same suite for rows in memory, in a memory map and in chunks of Dask."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton._activations import get_activation
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.objective import Network
from sksoftnewton._rows.data import ArrayData
from sksoftnewton._rows.ramps import ramps
from sksoftnewton._rows.standardisation import Standardisation
from tests.references import standardised
from tests.references_rows import in_chunks, random_data

N, D = 30_000, 5
SIZES = (9000, 1, 12_999, 8000)
HOMES = ["memory", "map", "chunks", "sparse", "sparse chunks"]


def given(dtype=np.float64):
    X, Y, weight = random_data(n=N, d=D)
    return X.astype(dtype), Y, weight


def data_at(home, tmp_path, dtype=np.float64):
    X, Y, weight = given(dtype)
    A = sp.csr_array(X) if "sparse" in home else X
    if home == "map":
        np.save(tmp_path / "X.npy", X)
        A = np.load(tmp_path / "X.npy", mmap_mode="r")
    if "chunks" in home:
        return in_chunks(A, Y, weight, SIZES)
    return ArrayData(A, Y, weight)


def rows_of(data, dtype=np.float64):
    identity = Standardisation.identity(data.n_outputs)
    return data.rows(data.standardisation, identity, None, dtype, 1)


@pytest.fixture(params=HOMES)
def rows(request, tmp_path):
    return rows_of(data_at(request.param, tmp_path))


@pytest.fixture(name="X")
def standardised_features():
    """Standardised features."""
    X, _, weight = given()
    return standardised(X, weight)


def moments(block):
    x, w = block.all_dense(), block.weight
    return w.sum(), (x * w) @ x.T, (x * w) @ block.targets.T


def test_facts(rows):
    assert (rows.n_rows, rows.n_features, rows.n_outputs) == (N, D, 2)
    assert_allclose(rows.total_weight, given()[2].sum(), rtol=1e-14)
    assert rows.local.n_rows == N
    assert rows.few_enough > 1000


def test_blocks_know_their_numbers(rows):
    (numbers,) = rows.sum(lambda block: (float(block.first_row),))
    assert rows.block_rows(0) == 8192
    assert numbers == sum(range(0, N, 8192))


def test_sums_are_those_of_all_rows(rows, X):
    _, Y, weight = given()
    x = np.column_stack([X, np.ones(N)])
    total, inner, with_targets = rows.sum(moments)
    assert_allclose(total, weight.sum())
    assert_allclose(inner, (x.T * weight) @ x, atol=1e-8)
    assert_allclose(with_targets, (x.T * weight) @ Y, atol=1e-8)
    assert_allclose(rows.second_moments, (X.T * weight) @ X / weight.sum(), atol=1e-12)


def test_moments_of_targets(rows):
    _, Y, weight = given()
    mean = weight @ Y / weight.sum()
    variances = weight @ (Y - mean) ** 2 / weight.sum()
    assert_allclose(rows.target_variances, variances)
    assert_allclose(rows.mean_square, weight @ (Y**2).sum(axis=1) / weight.sum())


def test_taken_rows_are_the_rows_of_these_numbers(rows, X):
    _, Y, weight = given()
    numbers = np.array([0, 5, 8999, 9000, 9001, 21_999, 22_000, N - 1, N - 1])
    taken = rows.take(numbers)
    assert_allclose(taken.whole().all_dense()[:-1].T, X[numbers], atol=1e-12)
    assert_array_equal(taken.targets, Y[numbers])
    assert_array_equal(taken.weight, weight[numbers])


@pytest.mark.parametrize("home", HOMES)
def test_some_rows_of_x_are_taken_here(home, tmp_path):
    numbers = np.array([0, 3, 8999, 9000, 9001, N - 1])
    found = data_at(home, tmp_path).taken(numbers)
    found = found.toarray() if sp.issparse(found) else found
    assert_array_equal(found, given()[0][numbers])


@pytest.mark.parametrize("by_leverage", [False, True])
def test_draws_keep_the_expectation_of_sums(rows, by_leverage):
    rng = np.random.default_rng(0)
    _, inner, _ = rows.sum(moments)
    drawn = rows.draw(20_000, rng, by_leverage=by_leverage)
    assert drawn.total_weight == rows.total_weight
    _, estimate, _ = drawn.sum(moments)
    assert_allclose(estimate, inner, atol=0.03 * rows.total_weight)


@pytest.mark.parametrize("kind", ["", "sparse "])
@pytest.mark.parametrize("by_leverage", [False, True])
def test_draws_are_the_same_wherever_the_rows_are(tmp_path, kind, by_leverage):
    one = rows_of(data_at(kind.strip() or "memory", tmp_path))
    two = rows_of(data_at(f"{kind}chunks", tmp_path))
    first, second = (
        rows.draw(500, np.random.default_rng(3), by_leverage=by_leverage)
        for rows in (one, two)
    )
    assert_array_equal(first.targets, second.targets)
    assert_allclose(first.weight, second.weight, rtol=1e-12)


def test_some_columns(rows, X):
    kept = np.array([1, 4])
    part = rows.with_columns(kept)
    assert part.n_features == 2 and part.n_rows == N
    _, _, weight = given()
    expected = (X[:, kept].T * weight) @ X[:, kept] / weight.sum()
    assert_allclose(part.second_moments, expected, atol=1e-12)
    again = part.with_columns(np.array([1]))
    assert_allclose(again.second_moments, expected[1:, 1:], atol=1e-12)


@pytest.mark.parametrize("home", ["memory", "map", "chunks"])
def test_ramps_other_targets_and_weights(home, tmp_path):
    X, Y, weight = given()
    rows = rows_of(data_at(home, tmp_path))
    basis = ramps(X[:1000], weight[:1000], 3)
    mapped = rows.with_basis(basis).with_targets(np.exp(Y))
    expected = standardised(basis.transform(X), weight)
    assert_allclose(
        mapped.second_moments,
        (expected.T * weight) @ expected / weight.sum(),
        atol=1e-10,
    )
    total = mapped.sum(moments)[2]
    x = np.column_stack([expected, np.ones(N)])
    assert_allclose(total, (x.T * weight) @ np.exp(Y), atol=1e-6)
    numbers = np.array([0, 9000, N - 1])
    taken = mapped.take(numbers, np.array([1.0, 2.0, 3.0]))
    assert_allclose(taken.whole().all_dense()[:-1].T, expected[numbers], atol=1e-10)
    assert_array_equal(taken.weight, [1, 2, 3])
    kept = np.array([0, 3])
    fewer = mapped.with_columns(kept)
    columns = basis.columns_of(kept)
    assert_allclose(
        fewer.second_moments,
        mapped.second_moments[np.ix_(columns, columns)],
        atol=1e-10,
    )


@pytest.mark.parametrize("home", HOMES)
def test_rows_without_weight_are_left_out(home, tmp_path):
    X, Y, weight = given()
    weight = np.where(np.arange(N) % 3 == 0, 0.0, weight)
    weight[9000:21_999] = 0  # all of a chunk
    A = sp.csr_array(X) if "sparse" in home else X
    data = in_chunks(A, Y, weight, SIZES) if "chunks" in home else None
    data = (data or ArrayData(A, Y, weight)).counted()
    some = weight > 0
    assert_array_equal(data.Y, Y[some])
    assert_allclose(
        rows_of(data).sum(moments)[1],
        rows_of(ArrayData(A[some], Y[some], weight[some])).sum(moments)[1],
        atol=1e-8,
    )


def test_onto_range_removes_what_predictions_ignore(rows):
    assert rows.onto_range(np.ones((2, D + 1))).shape == (2, D + 1)


@pytest.mark.parametrize("home", HOMES)
def test_double_of_float32_blocks(home, tmp_path):
    single = rows_of(data_at(home, tmp_path), np.float32)
    assert single.dtype == np.float32
    double = single.double
    assert double.dtype == np.float64 and double.double is double
    assert single.double is double  # made once
    assert_allclose(double.second_moments, single.second_moments, atol=1e-4)
    assert not np.array_equal(double.second_moments, single.second_moments)


@pytest.mark.parametrize("kind", ["", "sparse "])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chunks_change_no_digit_of_a_sum(tmp_path, kind, dtype):
    one = data_at(kind.strip() or "memory", tmp_path, dtype)
    two = data_at(f"{kind}chunks", tmp_path, dtype)
    for name in ("mean", "scale"):
        first, second = (getattr(d.standardisation, name) for d in (one, two))
        assert_array_equal(first, second)
    first, second = rows_of(one, dtype), rows_of(two, dtype)
    assert first.total_weight == second.total_weight
    networks = [
        Network(rows, 20, get_activation("identity"), (0.1, 0.1))  # smaller blocks
        for rows in (first, second)
    ]
    theta = np.random.default_rng(0).normal(size=networks[0].n_params)
    (value, gradient), (value_2, gradient_2) = (
        network.value_and_gradient(theta) for network in networks
    )
    assert value == value_2
    assert_array_equal(gradient, gradient_2)
    for exact in (False, True):
        matrices = [Curvature(n, theta).gram(exact=exact)[0] for n in networks]
        assert_array_equal(*matrices)
    sketches = [
        Curvature(n, theta).sketched_gram("countsketch", 300, np.random.default_rng(0))
        for n in networks
    ]
    assert_allclose(sketches[0][0], sketches[1][0], rtol=1e-5, atol=1e-8)


def test_a_function_of_blocks_travels_without_rows_and_sums(tmp_path):
    rows = rows_of(data_at("chunks", tmp_path))
    network = Network(rows, 40, get_activation("identity"), (0.1, 0.1))
    theta = np.random.default_rng(0).normal(size=network.n_params)
    Curvature(network, theta).gram()
    _, sums = network.products
    assert sum(part.nbytes for part in sums) > 200_000  # kept here
    travelling = pickle.dumps(network)
    assert len(travelling) < 20_000
    facts = pickle.loads(travelling).rows
    assert facts.n_rows == N and not hasattr(facts, "chunks")
    assert facts.scratch("name", 2, 3).shape == (2, 3)


def test_rows_that_move_leave_behind_what_can_be_made_again(tmp_path):
    rows = rows_of(data_at("memory", tmp_path))
    size = rows.__sizeof__()
    before = len(pickle.dumps(rows))
    rows.sum(moments)
    rows.draw(3, np.random.default_rng(0), by_leverage=True)
    assert before < size + 20_000
    moved = pickle.loads(pickle.dumps(rows))
    assert len(pickle.dumps(rows)) < size + 20_000
    assert_array_equal(moved.sum(moments)[1], rows.sum(moments)[1])
