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
