import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._rows.standardisation import Standardisation
from tests.references_rows import random_data


@pytest.mark.parametrize("sparse", [False, True])
def test_standardisation_is_weighted(sparse):
    X, _, weight = random_data()
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
    X, _, _ = random_data()
    counts = np.arange(len(X)) % 4
    a = Standardisation.of(X, counts.astype(float))
    b = Standardisation.of(X.repeat(counts, axis=0), np.ones(counts.sum()))
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-12)
    np.testing.assert_allclose(a.scale, b.scale, rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_of_next_to_no_weight_cost_no_digits(sparse):
    X = np.array([[1e10], [1 / 3]])
    s = Standardisation.of(sp.csr_array(X) if sparse else X, np.array([1e-30, 1.0]))
    np.testing.assert_allclose(s.mean, 1 / 3, rtol=1e-14)
    np.testing.assert_allclose(s.scale, 1e-5, rtol=1e-9)


def test_a_start_far_from_the_mean_costs_no_digits():
    X = np.random.default_rng(0).normal(size=(100_000, 1))
    X[0] = 1e8  # what deviations are counted from
    s = Standardisation.of(X, np.ones(len(X)))
    exact = X.astype(np.longdouble)
    mean = exact.sum() / len(X)
    std = np.sqrt(((exact - mean) ** 2).sum() / len(X))
    np.testing.assert_allclose(s.mean, float(mean), rtol=1e-14)
    np.testing.assert_allclose(s.scale, float(std), rtol=1e-14)


@pytest.mark.parametrize("size", [1e-100, 1.0, 1e12, 1e149])
def test_the_rounding_of_constants_is_scaled_down(size):
    X = size * (1 + np.finfo(float).eps * (np.arange(30.0) % 2))[:, None]
    s = Standardisation.of(X, np.ones(30))
    assert np.abs((X - s.mean) / s.scale).max() < 1e-7
