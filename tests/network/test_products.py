import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._activations import get_activation
from sksoftnewton._network import products
from sksoftnewton._network.products import Products, by_pairs, unfolded
from sksoftnewton._rows.scratch import Scratch


def made(n_outputs=2, k=3, D=4, n=20):
    rng = np.random.default_rng(0)
    f = rng.dirichlet(np.ones(k), size=n).T
    x, targets = rng.normal(size=(D, n)), rng.uniform(size=(n_outputs, n))
    return rng.normal(size=(n_outputs, k)), f, x, targets, rng.uniform(size=n)


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
    monkeypatch.setattr(products, "FEATURES_PER_UNIT", 10 if pairs else 0)
    A2, *data = made()
    h = get_activation(activation)
    assert by_pairs(3, 4) == pairs
    sums = Products(h, A2, exact, Scratch(np.float64)).of(*data)
    first, cross, second = row_by_row(h, A2, *data, exact)
    assert_allclose(unfolded(sums[0], 3, 4), first, atol=1e-12)
    assert_allclose(sums[1], cross, atol=1e-12)
    assert_allclose(sums[2], second, atol=1e-12)


def test_traces_are_those_of_the_gauss_newton_matrix_in_both_cases():
    A2, *data = made()
    h = get_activation("tanh")
    first, _, second = row_by_row(h, A2, *data, False)
    for exact in (False, True):
        sums = Products(h, A2, exact, Scratch(np.float64)).of(*data)
        assert_allclose(sums[3], first.diagonal().reshape(3, 4).sum(axis=1))
        assert_allclose(sums[4], second.diagonal(axis1=1, axis2=2))


def test_sums_do_not_live_in_the_scratch():
    A2, *data = made()
    products_of = Products(get_activation("identity"), A2, True, Scratch(np.float64)).of
    before = [np.copy(term) for term in products_of(*data)]
    kept = products_of(*data)
    products_of(*(np.roll(array, 1, axis=-1) for array in data[:-1]), data[-1])
    for first, again in zip(before, kept, strict=True):
        assert_allclose(first, again, rtol=0)
