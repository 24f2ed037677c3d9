"""Balls against 60 digits: they contain the exact result, and little else."""

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._paper import rounding
from sksoftnewton._paper.rounding import (
    TINY,
    Ball,
    down,
    product,
    transposed_product,
    up,
)


def exact_sum(terms):
    return mp.fsum(mp.mpf(float(t)) for t in terms)


def assert_contains(ball, exact, width):
    """Every exact number within its ball, whose radius is below ``width``."""
    pairs = zip(np.atleast_1d(ball.middle), np.atleast_1d(ball.radius), strict=True)
    for (middle, radius), value in zip(pairs, exact, strict=True):
        assert abs(mp.mpf(float(middle)) - value) <= mp.mpf(float(radius))
    assert (ball.radius <= width).all()


def test_a_chain_of_operations():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200)) * 10.0 ** rng.uniform(-8, 8, (2, 200))
    x, y = Ball.exact(a), Ball.exact(b)
    ball = (x + y) * (x - y) - x * x
    mp_a, mp_b = ([mp.mpf(v) for v in given.tolist()] for given in (a, b))
    exact = [p * p - q * q - p * p for p, q in zip(mp_a, mp_b, strict=True)]
    assert_contains(ball, exact, 1e-14 * (a**2 + b**2))
    # The result cancels, and computed numbers are not right to all digits.
    assert any(mp.mpf(m) != e for m, e in zip(ball.middle.tolist(), exact, strict=True))


def test_a_radius_is_carried_along():
    middle, radius = np.array([3.0, -2.0]), np.array([0.5, 0.25])
    ball = Ball(middle, radius) * Ball(middle[::-1], radius[::-1])
    for signs in ((1, 1), (1, -1), (-1, -1)):
        ends = middle + np.array(signs) * radius
        assert (np.abs(ends[0] * ends[1] - ball.middle) <= ball.radius).all()
    assert (ball.lower <= ball.middle).all() and (ball.middle <= ball.upper).all()
    assert (ball.size == np.maximum(-ball.lower, ball.upper)).all()


@pytest.mark.parametrize("n", [1, 7, 1000, 20_000])
def test_sums(n):
    rng = np.random.default_rng(n)
    terms = rng.standard_normal(n) * 10.0 ** rng.uniform(-10, 10, n)
    size = np.abs(terms).sum()
    assert_contains(Ball.exact(terms).sum(), [exact_sum(terms)], 1e-12 * size)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("shape", [(40, 3), (3, 40), (1, 1)])
def test_products(shape, sparse, monkeypatch):
    monkeypatch.setattr(rounding, "BLOCK_ELEMENTS", 70)
    rng = np.random.default_rng(1)
    dense = rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 6, shape)
    M = sp.csr_array(dense) if sparse else dense
    v, v_t = (rng.standard_normal(length) for length in reversed(shape))
    forward, back = product(M, Ball.exact(v)), transposed_product(M, Ball.exact(v_t))
    rows, columns = mp.matrix(dense.tolist()), mp.matrix(dense.T.tolist())
    exact = list(rows * mp.matrix(v.tolist()))
    assert_contains(forward, exact, 1e-12 * np.abs(dense) @ np.abs(v) + TINY)
    exact = list(columns * mp.matrix(v_t.tolist()))
    assert_contains(back, exact, 1e-12 * np.abs(dense.T) @ np.abs(v_t) + TINY)


def test_bounds_of_scalars():
    value = float(np.sum(np.full(1000, 0.1)))
    assert down(value, 1000) < mp.mpf(0.1) * 1000 < up(value, 1000)
    assert up(value, 1000) - down(value, 1000) < 1e-8
    assert up(0.0) > 0 == down(0.0) == down(-1.0)
    assert np.isnan(up(np.nan)) and np.isnan(down(np.nan))


def test_a_sum_that_cancels():
    rng = np.random.default_rng(2)
    for _ in range(20):
        terms = rng.standard_normal(2000)
        terms = rng.permutation(np.concatenate([terms, -terms, [1e-12]]))
        total = Ball.exact(terms).sum()
        assert_contains(total, [exact_sum(terms)], 1e-9)
