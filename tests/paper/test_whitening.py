"""Bounds of eigenvalues against 60 digits, near singularity and far from it."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._paper.whitening import Whitening, largest_eigenvalue
from tests.references_mpmath import eigenvalues, relative_eigenvalues


def matrix_of(rng, d, condition, units=0.0):
    """Symmetric, with eigenvalues from 1 to 1/condition, and columns rescaled."""
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    S = (Q * np.geomspace(1, 1 / condition, d)) @ Q.T
    scale = 10.0 ** rng.uniform(-units, units, d)
    S = S * scale * scale[:, None]
    return (S + S.T) / 2


@pytest.mark.parametrize("units", [0.0, 12.0])
@pytest.mark.parametrize("condition", [1e1, 1e6, 1e12, 1e15, 1e17])
def test_eigenvalues_are_bounded(condition, units):
    rng = np.random.default_rng(0)
    n_proven = 0
    for _ in range(10):
        H = matrix_of(rng, 4, condition, units)
        spectrum = eigenvalues(mp.matrix(H.tolist()))
        largest = largest_eigenvalue(H, 0.0)
        assert spectrum[-1] <= largest <= float(spectrum[-1]) * (1 + 1e-12)
        whitening = Whitening.of(H, np.zeros(4))
        if whitening is None:
            continue
        n_proven += 1
        assert 0 < whitening.smallest_eigenvalue <= spectrum[0]
        if condition <= 1e12:
            assert whitening.smallest_eigenvalue > 0.99 * float(spectrum[0])
    if condition != 1e15:  # there it depends
        assert n_proven == (10 if condition <= 1e12 else 0)


def test_a_singular_matrix_is_never_proven_definite():
    """λ_min is zero but for the rounding of the entries, on either side."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        B = rng.standard_normal((2, 3))
        H = B.T @ B
        assert Whitening.of(H, np.full(3, 1e-8)) is None


def test_the_error_of_the_matrix_counts():
    """Every matrix within c_k c_l of the computed one obeys the bounds."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        H = matrix_of(rng, 3, 1e3)
        c = 0.02 * rng.random(3)
        whitening = Whitening.of(H, c)
        if whitening is None:
            continue
        other = H + rng.choice([-1, 1]) * np.outer(c, c)
        G = matrix_of(rng, 3, 10)
        exact = mp.matrix(other.tolist())
        assert whitening.smallest_eigenvalue <= eigenvalues(exact)[0]
        largest = relative_eigenvalues(mp.matrix(G.tolist()), exact)[-1]
        assert largest <= whitening.largest_of(G)
        g = rng.standard_normal(3)
        decrement = np.sqrt(g @ np.linalg.solve(other, g))
        assert decrement <= whitening.decrement(g, np.zeros(3)) * (1 + 1e-12)
        assert decrement <= whitening.decrement(g + 0.1, np.full(3, 0.1)) * (1 + 1e-12)


def test_what_is_not_finite_proves_nothing():
    H = np.array([[1.0, np.inf], [np.inf, 1.0]])
    assert Whitening.of(H, np.zeros(2)) is None
    assert np.isinf(largest_eigenvalue(H, 0.0))
    assert np.isinf(largest_eigenvalue(np.eye(2), np.inf))
    assert_allclose(largest_eigenvalue(-np.eye(2), 0.5), 0.5)
