import numpy as np
import pytest

from sksoftnewton._rows.sampling import all_but, inclusion_probabilities, sampled


@pytest.mark.parametrize("size", [1, 7, 49, 50])
@pytest.mark.parametrize("sigma", [0.1, 3.0, 30.0])
def test_probabilities_are_proportional_up_to_one(size, sigma):
    weight = np.random.default_rng(0).lognormal(sigma=sigma, size=50)
    p = inclusion_probabilities(weight, size)
    np.testing.assert_allclose(p.sum(), size, rtol=1e-9)
    assert (p >= 0).all() and (p <= 1 + 1e-12).all()
    certain = p >= 1
    factors = p[~certain] / weight[~certain]
    np.testing.assert_allclose(factors, factors[:1].repeat(len(factors)))
    if certain.any() and not certain.all():
        assert weight[certain].min() * factors[0] >= 1 - 1e-9


def test_rows_are_drawn_as_often_as_their_probability_says():
    rng = np.random.default_rng(0)
    weight = rng.lognormal(sigma=1.5, size=12)
    p = inclusion_probabilities(weight, 5)
    counts = np.zeros(12)
    for _ in range(4000):
        rows, kept = sampled(weight, 5, rng)
        assert len(np.unique(rows)) == 5
        np.testing.assert_allclose(kept, weight[rows] / p[rows] * 5 / 12)
        counts[rows] += 1
    np.testing.assert_allclose(counts / 4000, p, atol=0.04)


def test_all_rows_but_some():
    np.testing.assert_array_equal(all_but(np.array([0, 3, 4]), 6), [1, 2, 5])
    np.testing.assert_array_equal(all_but(np.array([], dtype=int), 2), [0, 1])
