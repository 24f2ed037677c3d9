import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._activations import get_activation
from sksoftnewton._network import pairs as pairs_module
from sksoftnewton._network.pairs import (
    DenseFeatures,
    SparseFeatures,
    by_entries,
    by_pairs,
    centred_sums,
    unfolded,
)
from sksoftnewton._network.products import Products, product_work
from sksoftnewton._rows.blocks import SparseBlock
from sksoftnewton._rows.scratch import Scratch


def made(n_outputs=2, k=3, D=4, n=20):
    rng = np.random.default_rng(0)
    f = rng.dirichlet(np.ones(k), size=n).T
    x, targets = rng.normal(size=(D, n)), rng.uniform(size=(n_outputs, n))
    return rng.normal(size=(n_outputs, k)), f, x, targets, rng.uniform(size=n)


def sums_of(h, A2, exact, f, x, *rest):
    scratch = Scratch(np.float64)
    return Products(h, A2, exact, scratch).of(f, DenseFeatures(x, scratch), *rest)


def row_by_row(h, A2, f, x, targets, weight, exact):
    """The sums of the module's docstring, one row and output at a time."""
    k, D = len(f), len(x)
    first = np.zeros((k, D, k, D))
    cross, second = np.zeros((len(A2), k, k, D)), np.zeros((len(A2), k, k))
    for i, w in enumerate(weight):
        for o, row in enumerate(A2):
            fi, xi = f[:, i], x[:, i]
            u = row @ fi
            a = fi * (row - u)
            c = h.value(u) - targets[o, i]
            p = w * (h.d1(u) ** 2 + exact * c * h.d2(u))
            r = exact * w * h.d1(u) * c
            W = p * np.outer(a, a) - r * (np.outer(fi, a) + np.outer(a, fi))
            W += np.diag(r * a)
            C = np.outer(p * a - r * fi, fi) + np.diag(r * fi)
            first += np.einsum("ij,d,e->idje", W, xi, xi)
            cross[o] += np.einsum("ij,d->ijd", C, xi)
            second[o] += p * np.outer(fi, fi)
    return first.reshape(k * D, k * D), cross, second


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_sums_are_those_of_single_rows(monkeypatch, exact, pairs, activation):
    monkeypatch.setattr(pairs_module, "FEATURES_PER_UNIT", 10 if pairs else 0)
    A2, *data = made()
    h = get_activation(activation)
    assert by_pairs(3, 4) == pairs
    sums = sums_of(h, A2, exact, *data)
    first, cross, second = row_by_row(h, A2, *data, exact)
    assert_allclose(unfolded(sums[0], 3, 4), first, atol=1e-12)
    assert_allclose(sums[1], cross, atol=1e-12)
    assert_allclose(sums[2], second, atol=1e-12)


def test_traces_are_those_of_the_gauss_newton_matrix_in_both_cases():
    A2, *data = made()
    h = get_activation("tanh")
    first, _, second = row_by_row(h, A2, *data, False)
    for exact in (False, True):
        sums = sums_of(h, A2, exact, *data)
        assert_allclose(sums[3], first.diagonal().reshape(3, 4).sum(axis=1))
        assert_allclose(sums[4], second.diagonal(axis1=1, axis2=2))


def test_sums_do_not_live_in_the_scratch():
    A2, f, x, *rest = made()
    scratch = Scratch(np.float64)
    products_of = Products(get_activation("identity"), A2, True, scratch).of
    features = DenseFeatures(x, scratch)
    before = [np.copy(term) for term in products_of(f, features, *rest)]
    kept = products_of(f, features, *rest)
    products_of(np.roll(f, 1, axis=-1), features, *rest)
    for first, again in zip(before, kept, strict=True):
        assert_allclose(first, again, rtol=0)


@pytest.mark.parametrize("exact", [False, True])
def test_products_of_stored_entries_are_those_of_dense_rows(exact):
    A2, f, _, targets, weight = made(n=30)
    d = 7
    X = sp.random_array(
        (30, d), density=0.2, format="csr", rng=np.random.default_rng(0)
    )
    shift = np.linspace(-1, 2, d)
    block = SparseBlock(X, shift, targets, weight)
    features = SparseFeatures(block, Scratch(np.float64))
    h = get_activation("tanh")
    sums = Products(h, A2, exact, Scratch(np.float64)).of(f, features, targets, weight)
    first, cross = centred_sums(sums[0], sums[1], shift)
    ((_, x),) = block.dense(30)
    expected = sums_of(h, A2, exact, f, x, targets, weight)
    assert_allclose(
        unfolded(first, 3, d + 1), unfolded(expected[0], 3, d + 1), atol=1e-12
    )
    assert_allclose(cross, expected[1], atol=1e-12)
    for ours, other in zip(sums[2:], expected[2:], strict=True):
        assert_allclose(ours, other, atol=1e-12)


def test_entries_are_multiplied_where_few_are_stored():
    assert by_entries(1.5, 51) and not by_entries(51.0, 51)
    dense = product_work(8, 51, 1, 51.0)
    assert product_work(8, 51, 1, 1.5) < dense / 10
    assert product_work(8, 51, 1, 25.0) == dense


def test_dense_products_are_those_of_pairs():
    assert product_work(3, 5, 2, 5.0) == 6 * 15 + 2 * 9 * 5
    assert product_work(1, 40, 2, 40.0) == 40**2 + 2 * 40  # not of pairs of features
