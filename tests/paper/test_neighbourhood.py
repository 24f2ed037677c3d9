"""Statements near a point, from matrices that are given: rounding included."""

import mpmath as mp
import numpy as np

from sksoftnewton._paper.kantorovich import Kantorovich
from sksoftnewton._paper.neighbourhood import Neighbourhood
from sksoftnewton._paper.whitening import Whitening
from tests.references_mpmath import eigenvalues, energy_norm


def neighbourhood(H, errors):
    exact_point = Kantorovich.test(0.0, lambda radius: 1.0)
    whitening = Whitening.of(H, errors)
    return Neighbourhood(np.zeros(len(H)), H, errors, whitening, exact_point, 1.0)


def test_distances_along_the_weakest_direction():
    """yᵀHy cancels by ten digits."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        H = (Q * [1, 1e-3, 1e-10]) @ Q.T
        H = (H + H.T) / 2
        near = neighbourhood(H, np.zeros(3))
        exact = mp.matrix(H.tolist())
        weakest = np.linalg.eigh(H)[1][:, 0]
        distance = energy_norm(mp.matrix(weakest.tolist()), exact)
        assert distance <= near.distance_to_minimiser(weakest) <= 1.01 * float(distance)
        spectrum = eigenvalues(exact)
        assert near.strong_convexity <= spectrum[0]
        assert near.radius_euclidean <= 1 / mp.sqrt(spectrum[-1])


def test_without_a_proof_there_are_no_numbers():
    near = neighbourhood(np.diag([1.0, -1.0]), np.zeros(2))
    assert near.smallest_eigenvalue == 0
    assert np.isnan(near.distance)
