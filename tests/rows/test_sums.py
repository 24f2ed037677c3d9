import numpy as np

from sksoftnewton._rows import interface
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
