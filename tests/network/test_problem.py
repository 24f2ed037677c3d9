import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._activations import get_activation
from sksoftnewton._network import problem as problem_module
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def data(n=3000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, np.sin(X[:, :1]) + 0.1 * rng.normal(size=(n, 1)), np.ones(n)


def problem(X, Y, weight, *, penalty="weights", activation="identity"):
    return Problem(
        ArrayData(X, Y, weight),
        activation=get_activation(activation),
        penalty=penalty,
        output_weights=None,
        n_threads=1,
    )


def test_many_rows_are_searched_in_float32_and_finished_in_float64():
    searched = problem(*data())
    assert searched.rows.dtype == np.float32
    assert searched.sample(500, np.random.default_rng(0)).rows.dtype == np.float32
    double = searched.double()
    assert double.rows.dtype == np.float64
    X, *_ = data()
    features = double.rows.whole().all_dense()
    expected = (X - X.mean(0)) / X.std(0)
    np.testing.assert_allclose(features[:-1].T, expected, rtol=1e-10, atol=1e-14)


def few():
    return data(2048)


def sparse():
    X, Y, weight = data()
    return sp.csr_array(X), Y, weight


def spread_weights():
    X, Y, weight = data()
    weight[0] = 1e-5
    return X, Y, weight


def extreme_column():
    X, Y, weight = data(4000)
    X[0, 1] = 1e9
    return X, Y, weight


def extreme_target():
    X, Y, weight = data(4000)
    Y[7] = 1e9
    return X, Y, weight


@pytest.mark.parametrize(
    "made", [few, sparse, spread_weights, extreme_column, extreme_target]
)
def test_what_float32_would_lose_stays_in_float64(monkeypatch, made):
    # One outlier of n rows lies √n standard deviations off.
    monkeypatch.setattr(problem_module, "LARGEST_VALUE", 60.0)
    assert problem(*data(4000)).rows.dtype == np.float32
    assert problem(*made()).rows.dtype == np.float64


def test_the_penalty_on_logits_stays_in_float64():
    assert problem(*data(), penalty="logits").rows.dtype == np.float64


def test_a_large_offset_costs_float32_nothing():
    X, Y, weight = data()
    there = problem(X + np.array([0.0, 1e6, -1e4]), Y, weight)
    assert there.rows.dtype == np.float32
    here = problem(X, Y, weight).rows.whole().all_dense()
    np.testing.assert_allclose(there.rows.whole().all_dense(), here, atol=1e-6)


def test_weights_of_zero_do_not_count_as_small():
    X, Y, weight = data(5000)
    weight[::2] = 0
    assert problem(X, Y, weight).rows.dtype == np.float32
