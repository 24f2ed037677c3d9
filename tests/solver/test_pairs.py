import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton._solver.pairs import Pairs

P = 12


def problem(n_pairs, seed=0):
    """A first inverse, and pairs of a quadratic function."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(P, P))
    H = A @ A.T + np.eye(P)
    steps = rng.normal(size=(n_pairs, P))
    B = rng.normal(size=(P, P))
    return B @ B.T + np.eye(P), [(step, H @ step) for step in steps]


def updated(inverse, pairs):
    """The inverse after BFGS updates, as dense matrices."""
    for step, change in pairs:
        share = 1 / (step @ change)
        left = np.eye(P) - share * np.outer(step, change)
        inverse = left @ inverse @ left.T + share * np.outer(step, step)
    return inverse


@pytest.mark.parametrize("n_pairs", [0, 1, 3, 4, 5, 11])
def test_the_inverse_is_that_of_dense_updates_with_the_latest_pairs(n_pairs):
    first, of_problem = problem(n_pairs)
    pairs = Pairs(4)
    for pair in of_problem:
        pairs.add(*pair)
    assert len(pairs) == min(n_pairs, 4)
    expected = updated(first, of_problem[-4:])
    g = np.random.default_rng(1).normal(size=P)
    assert_allclose(pairs.inverse(g, lambda v: first @ v), expected @ g, rtol=1e-9)


def test_the_first_inverse_is_scaled_to_the_latest_pair():
    first, of_problem = problem(3)
    pairs = Pairs(5)
    for pair in of_problem:
        pairs.add(*pair)
    step, change = of_problem[-1]
    scaled = first * (step @ change) / (change @ first @ change)
    g = np.random.default_rng(1).normal(size=P)
    found = pairs.inverse(g, lambda v: first @ v, scaled=True)
    assert_allclose(found, updated(scaled, of_problem) @ g, rtol=1e-9)


def test_what_was_cleared_is_forgotten_and_vectors_stay_as_they_are():
    first, of_problem = problem(6)
    pairs = Pairs(4)
    for pair in of_problem[:3]:
        pairs.add(*pair)
    pairs.clear()
    assert not len(pairs)
    for pair in of_problem[3:]:
        pairs.add(*pair)
    g = np.random.default_rng(1).normal(size=P)
    before = g.copy()
    found = pairs.inverse(g, lambda v: first @ v)
    assert_array_equal(g, before)
    assert_allclose(found, updated(first, of_problem[3:]) @ g, rtol=1e-9)
