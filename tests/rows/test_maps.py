"""Columns of single features, number by number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton._rows.maps import Levels, Number
from sksoftnewton._rows.plain import plain_basis
from sksoftnewton._rows.ramps import ramps

NAN = np.nan
KNOTS = np.array([0.0, 1.0, 3.0])


def columns(of_feature, x):
    out = np.empty((of_feature.n_columns, len(x)))
    of_feature.fill(np.array(x), out)
    return out.T


def test_a_missing_number_is_its_fills_and_a_flag():
    number = Number(KNOTS, np.array([5.0, 0.25, 0.125]), indicator=True)
    expected = [[2, 1, 0.5, 0], [5, 0.25, 0.125, 1], [-1, 0, 0, 0]]
    assert_array_equal(columns(number, [2.0, NAN, -1.0]), expected)
    assert number.names("a") == ["a", "a: ramp 1", "a: ramp 2", "a is missing"]
    assert number.without_ramps().names("a") == ["a", "a is missing"]
    assert number.plain == [0, 3]


def test_a_number_that_was_never_missing_has_no_flag_but_may_have_fills():
    assert_array_equal(columns(Number(np.empty(0), np.array([5.0])), [NAN]), [[5.0]])
    with pytest.raises(ValueError, match="no means"):
        columns(Number.of_knots(KNOTS), [NAN])


def test_levels_have_a_column_each_and_unknown_ones_are_the_average():
    levels = Levels((" = a", " = b", " is another"), np.array([0.5, 0.3, 0.2]))
    expected = [[0, 1, 0], [0.5, 0.3, 0.2], [0, 0, 1], [1, 0, 0]]
    assert_array_equal(columns(levels, [1.0, NAN, 2.0, 0.0]), expected)
    assert levels.names("k") == ["k = a", "k = b", "k is another"]


def made(n=400):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 3, n), rng.normal(size=n)])
    X[rng.random(n) < 0.3, 0] = NAN
    X[rng.random(n) < 0.1, 1] = NAN
    return X, rng.integers(0, 3, n).astype(float)


def test_fills_and_shares_are_weighted_and_of_what_is_there():
    X, weight = made()
    counted = weight > 0
    labels = [None, (" = u", " = v", " = w"), None]
    basis = plain_basis(X[counted], weight[counted], labels)
    names = list(basis.get_feature_names_out(["a", "k", "c"]))
    assert names == ["a", "a is missing", "k = u", "k = v", "k = w", "c"]
    there = ~np.isnan(X[:, 0])
    mean = np.average(X[there, 0], weights=weight[there])
    (found,) = basis.transform(np.array([[NAN, NAN, 7.0]]))
    assert_allclose(found[:2], [mean, 1])
    known = ~np.isnan(X[:, 1])
    shares = [np.average(X[known, 1] == v, weights=weight[known]) for v in range(3)]
    assert_allclose(found[2:5], shares)
    assert found[5] == 7
    assert not basis.is_linear and not basis.has_ramps and basis.has_levels


@pytest.mark.parametrize("n_inner", [1, 3])
def test_ramps_of_what_is_there_have_their_means_and_levels_have_none(n_inner):
    X, weight = made()
    labels = [None, (" = u", " = v", " = w"), None]
    plain = plain_basis(X, np.maximum(weight, 1e-9), labels)
    found = ramps(X, weight, n_inner, plain)
    there = (weight > 0) & ~np.isnan(X[:, 0])
    expected = ramps(X[there][:, [0]], weight[there], n_inner).knots_[0]
    assert_array_equal(found.knots_[0], expected)
    assert len(found.knots_[1]) == 0
    assert_array_equal(
        found.plain_columns, [0, n_inner + 2, *(n_inner + 3 + np.arange(4))]
    )
    values = found.transform(X[there])[:, 1 : n_inner + 2]
    means = np.average(values, axis=0, weights=weight[there])
    missing = found.transform(np.array([[NAN, 0, 0]]))[0]
    assert_allclose(missing[1 : n_inner + 2], means)
    finer = ramps(X, weight, 7, plain)
    assert_allclose(finer.transform(X) @ found.embedding(finer).T, found.transform(X))


def test_others_keep_their_levels_and_lose_their_ramps():
    X, weight = made()
    plain = plain_basis(X, np.ones(len(X)), [None, (" = u", " = v", " = w"), None])
    whole = ramps(X, weight, 3, plain)
    fewer = whole.take(np.array([0])).spread(np.array([0]), whole)
    assert [len(knots) for knots in fewer.knots_] == [5, 0, 0]
    assert fewer.maps[1] is whole.maps[1]
