"""Rows outside the training data are flagged, and others hardly ever."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._estimator.extent import Extent


def model(X, y=None, weight=None, **params):
    params = {"n_hidden": 2, "alpha": 0.1, "random_state": 0, **params}
    y = X[:, 0] if y is None else y
    return TwoLayerSoftmaxRegressor(**params).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    ("n", "n_features"), [(100, 1), (100, 20), (50, 100), (3000, 5)]
)
def test_one_new_row_in_a_hundred_is_flagged(n, n_features):
    """Where rows are few the limit is itself uncertain: the mean of several fits."""
    flagged = []
    for seed in range(10 if n < 1000 else 2):
        rng = np.random.default_rng(seed)
        mix = rng.normal(size=(n_features, n_features)) * 10.0 ** rng.uniform(-3, 3)
        X = rng.normal(size=(n + 2000, n_features)) @ mix + rng.normal(size=n_features)
        fitted = model(X[:n])
        flagged.append(fitted.is_outside(X[n:]).mean())
    assert 0.004 < np.mean(flagged) < 0.025


def test_distance_is_that_of_decorrelated_features():
    """Inside both ranges, but not where the two features are together."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    X = np.column_stack([x, 1e3 * (x + 0.1 * rng.normal(size=500))])
    fitted = model(X)
    flags = fitted.is_outside([[0, 0], [1.5, 1500], [1.5, -1500], [9, 9000]])
    np.testing.assert_array_equal(flags, [False, False, True, True])
    assert flags.dtype == bool


def test_features_left_out_do_not_count():
    X, y = make_friedman1(500, n_features=8, noise=1, random_state=0)
    fitted = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert not fitted.support_[7]
    far = X[:1].copy()
    far[0, 7] = 1e9
    assert not fitted.is_outside(far)[0]
    far[0, 0] = 1e9
    assert fitted.is_outside(far)[0]


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_the_farthest_rows_and_all_containers(container):
    X = np.random.default_rng(0).normal(size=(100, 3))
    fitted = model(container(X), X[:, 0])
    far = container(np.array([[1e300, 0, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(fitted.is_outside(far), [True, False])
    narrow = model(container(X.astype(np.float32)), X[:, 0])
    far = container(np.array([[1e30, 0, 0], [0, 0, 0]], dtype=np.float32))
    np.testing.assert_array_equal(narrow.is_outside(far), [True, False])


def test_one_far_training_row_does_not_hide_the_others():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    X[7] = [1000, 0]
    assert model(X, rng.normal(size=300)).is_outside([[0, 10.0]])[0]


def test_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    counts = rng.integers(0, 5, 60)
    weighted = model(X, X[:, 0], counts)._seen.extent
    repeated = model(X.repeat(counts, axis=0))._seen.extent
    np.testing.assert_allclose(weighted.limit, repeated.limit)
    np.testing.assert_allclose(weighted.factor, repeated.factor, atol=1e-10)


def test_training_rows_are_measured_without_themselves():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 30))
    x -= x.mean(axis=1, keepdims=True)
    extent = Extent.of(x, np.ones(30))
    distances = []
    for i in range(30):
        others = np.delete(x, i, axis=1)
        far, others = x[:, i] - others.mean(axis=1), np.cov(others, bias=True) * 29
        distances.append(far @ np.linalg.solve(others + 4 * np.eye(4), far))
    np.testing.assert_allclose(extent.limit, max(distances))


def test_too_many_features_are_refused():
    X = np.random.default_rng(0).normal(size=(10, 1001))
    with pytest.raises(ValueError, match="not available for 1001 features in use"):
        model(X).is_outside(X)
