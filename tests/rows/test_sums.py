import math

import numpy as np

from sksoftnewton._rows import interface
from sksoftnewton._rows.sums import Total
from tests.references_rows import make_rows, random_data


def test_sum_covers_every_row_once_whatever_the_threads(monkeypatch):
    monkeypatch.setattr(interface, "BLOCK_ELEMENTS", 1)  # blocks of 256 rows
    X, Y, weight = random_data(n=5000)

    def terms(block):
        return block.weight.sum(), block.outer(np.ones((1, block.weight.size)))

    one = make_rows(X, Y, weight).sum(terms)
    three = make_rows(X, Y, weight, n_threads=3).sum(terms)
    assert one[0] == three[0]
    np.testing.assert_array_equal(one[1], three[1])
    np.testing.assert_allclose(one[0], weight.sum())


def test_totals_do_not_depend_on_the_order_of_the_terms():
    rng = np.random.default_rng(0)
    size = 10.0 ** rng.integers(-12, 12, (200, 5))
    terms = [(row, row[0]) for row in size * rng.normal(size=(200, 5))]
    terms += [(-row, -first) for row, first in terms[:150]]  # much cancels
    exact = [math.fsum(row[i] for row, _ in terms) for i in range(5)]
    for _ in range(5):
        order = rng.permutation(len(terms))
        parts = np.array_split(order, [3, 50, 51, 200])
        total = Total.joined(Total.of(terms[i] for i in part) for part in parts)
        array, number = total.rounded
        np.testing.assert_array_equal(array, exact)
        assert number.shape == () and number == exact[0]


def test_sums_beside_each_other():
    one = Total.of([(np.ones(2), 3.0), (np.ones(2), 4.0)])
    two = Total.of([(np.eye(2),)])
    both = Total.beside(one, two).rounded
    for found, expected in zip(both, ([2, 2], 7, np.eye(2)), strict=True):
        np.testing.assert_array_equal(found, expected)
