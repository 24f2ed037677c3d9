"""Weights of zero, and weights that differ by many orders."""

import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def data(n=12_000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.sin(X[:, 0]) + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_of_weight_zero_may_as_well_be_absent(sparse):
    # The first of them has values that would spoil every sum.
    X, y = data()
    weight = np.zeros(len(y))
    weight[5000:5100] = 1
    X[0], y[0] = 1e150, -1e150
    kind = sp.csr_array if sparse else np.asarray
    some = slice(5000, 5100)
    expected = TwoLayerSoftmaxRegressor(random_state=0).fit(kind(X[some]), y[some])
    fitted = TwoLayerSoftmaxRegressor(random_state=0).fit(kind(X), y, weight)
    assert fitted.log_evidence_ == expected.log_evidence_
    np.testing.assert_array_equal(fitted.predict(X[some]), expected.predict(X[some]))


def test_a_memory_map_with_weights_of_zero_is_not_copied(tmp_path):
    X, y = data()
    stored = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
    stored[:] = X
    weight = (np.arange(len(y)) % 2).astype(float)
    problem = Problem(
        ArrayData(stored, y[:, None], weight),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    assert not isinstance(problem.rows.X, np.ndarray)
    assert problem.rows.n_rows == len(y) // 2
    block = problem.double().rows.block(slice(0, 10)).features[:-1]
    standardised = (X[1:21:2] - X[1::2].mean(axis=0)) / X[1::2].std(axis=0)
    np.testing.assert_allclose(block.T, standardised, rtol=1e-9)


def problem_of(weight):
    X, y = data(len(weight))
    return Problem(
        ArrayData(X, y[:, None], weight),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )


def test_samples_have_their_share_of_the_weight():
    # Half of it is on one row in a hundred.
    rng = np.random.default_rng(0)
    weight = np.where(np.arange(4000) % 100 == 0, 99.0, 1.0) * rng.uniform(
        0.9, 1.1, 4000
    )
    problem = problem_of(weight)
    for _ in range(5):
        sample = problem.sample(400, rng).rows
        assert sample.n_rows == 400
        np.testing.assert_allclose(sample.total_weight, 0.1 * weight.sum(), rtol=1e-9)


def test_sums_over_samples_are_unbiased():
    rng = np.random.default_rng(0)
    weight = rng.lognormal(sigma=2.0, size=3000)
    problem = problem_of(weight)
    targets, total = problem.rows.targets[:, 0], weight.sum()
    sums = []
    for _ in range(300):
        sample = problem.sample(100, rng).rows
        sums.append(sample.weight @ sample.targets[:, 0] * 30 / total)
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - weight @ targets / total) < 4 * error


def test_the_one_row_that_counts_is_in_every_sample():
    weight = np.full(12_000, 1e-6)
    weight[3] = 1.0
    problem = problem_of(weight)
    sample = problem.sample(1000, np.random.default_rng(1)).rows
    assert sample.weight.max() > 0.98 * sample.total_weight


def test_equal_weights_are_sampled_as_rows():
    problem = problem_of(np.full(3000, 2.0))
    sample = problem.sample(300, np.random.default_rng(0)).rows
    np.testing.assert_array_equal(sample.weight, 2.0)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(30, 5e-324), r"sample_weight.*sum"),
        (np.full(30, 1e308), r"sample_weight.*sum"),
    ],
)
def test_weights_whose_sum_is_no_ordinary_number_are_refused(weight, message):
    X, y = data(30)
    with pytest.raises(ValueError, match=message):
        TwoLayerSoftmaxRegressor(random_state=0).fit(X, y, weight)


def test_weights_that_leave_no_number_for_alpha_are_named():
    X, y = data(30)
    model = TwoLayerSoftmaxRegressor(2, output_activation="relu", random_state=0)
    with pytest.raises(ValueError, match=r"alpha_ would be.* sample_weight"):
        model.fit(X, 1e140 * np.abs(y), np.full(30, 1e-98))


@pytest.mark.parametrize("n_hidden", [2, "auto"])
@pytest.mark.parametrize("size", [1e40, 1e97])
def test_large_weights_are_so_many_rows(size, n_hidden):
    X, y = data(30)
    fitted = TwoLayerSoftmaxRegressor(n_hidden, random_state=0)
    fitted.fit(X, y, np.full(30, size))
    expected = TwoLayerSoftmaxRegressor(n_hidden, random_state=0)
    expected.fit(X, y, np.full(30, 1e15))
    np.testing.assert_allclose(fitted.score(X, y), expected.score(X, y), rtol=1e-3)


@pytest.mark.parametrize("size", [1e-90, 1e90])
def test_the_size_of_weights_costs_float32_nothing(size):
    X, y = data(60)
    X, weight = X.astype(np.float32), np.linspace(0.5, 2, 60)
    params = {"n_hidden": 8, "alpha": (1e-3, 0.0), "max_iter": 1000, "random_state": 0}
    expected = TwoLayerSoftmaxRegressor(**params).fit(X, y, weight)
    fitted = TwoLayerSoftmaxRegressor(**params).fit(X, y, weight * size)
    np.testing.assert_allclose(fitted.score(X, y), expected.score(X, y), atol=0.02)


def test_a_far_row_of_next_to_no_weight_costs_float32_nothing():
    X, y = data(60)
    X, weight = X.astype(np.float32), np.append(1e-80, np.ones(59))
    X[0], y[0] = 1e25, 1e20
    fitted = TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0).fit(X, y, weight)
    expected = TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0)
    expected.fit(X[1:], y[1:])
    assert abs(fitted.score(X[1:], y[1:]) - expected.score(X[1:], y[1:])) < 0.02
