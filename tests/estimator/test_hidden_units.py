"""What is kept of the hidden units depends on what predictions see only."""

import numpy as np
from numpy.testing import assert_allclose

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.effects import CentredNetwork, Columns
from sksoftnewton._estimator.hidden_units import HiddenUnits
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.ramps import ramps
from sksoftnewton._rows.standardisation import Standardisation


def units(A1, basis, X, weight):
    moments = Standardisation.of(basis.transform(X), weight)
    columns = Columns(np.arange(X.shape[1]), basis, moments)
    layers = A1, np.zeros(len(A1)), np.zeros((1, len(A1)))
    network = CentredNetwork.of(layers, basis, columns, get_activation("identity"))
    return HiddenUnits.of(network, X, weight)


def test_logits_that_all_units_share_do_not_count():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(50, 6)), rng.integers(0, 3, 50).astype(float)
    for basis in (Basis.linear(6), ramps(X, weight, 3)):
        A1 = rng.normal(size=(4, basis.n_columns))
        plain = units(A1, basis, X, weight)
        shifted = units(A1 + 10 * rng.normal(size=basis.n_columns), basis, X, weight)
        for name in ("share", "leading", "sign", "mean"):
            assert_allclose(getattr(shifted, name), getattr(plain, name))
        counts = weight.astype(int)
        repeated = units(A1, basis, X.repeat(counts, axis=0), np.ones(counts.sum()))
        for name in ("share", "leading", "sign", "mean"):
            assert_allclose(getattr(repeated, name), getattr(plain, name))


def test_the_feature_that_sets_units_apart_leads():
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1, 100, 0.01]
    A1 = np.array([[0.1, 0.03, 0], [0.1, -0.03, 0], [-0.5, 0, 500]])
    found = units(A1, Basis.linear(3), X, np.ones(200))
    np.testing.assert_array_equal(found.leading[:, :2], [[1, 2], [1, 2], [2, 0]])
    np.testing.assert_array_equal(found.sign[:, :2], [[1, -1], [-1, -1], [1, -1]])
    z = X @ A1.T
    f = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert_allclose(found.share, f.mean(axis=0))
    expected = [np.average(X[:, i], weights=f[:, j]) for j, i in enumerate([1, 1, 2])]
    assert_allclose(found.mean[:, 0], expected)


def test_weights_of_any_size_lead_to_the_same_units():
    X = np.random.default_rng(0).normal(size=(20, 2))
    A1 = np.array([[1e6, 0.0], [-1e6, 0.0], [0.0, 0.0]])  # no row is of the third
    expected = units(A1, Basis.linear(2), X, np.ones(20))
    for size in (2.0**-900, 2.0**900):
        found = units(A1, Basis.linear(2), X, np.full(20, size))
        for name in ("share", "leading", "sign", "mean"):
            assert_allclose(getattr(found, name), getattr(expected, name))
