"""Distances between rows and columns: exact, or bounds that are not too loose."""

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._paper import geometry
from sksoftnewton._paper.geometry import (
    DenseHull,
    IdentityHull,
    InputGeometry,
    OutputHull,
    SparseHull,
    diameter,
    row_diameter,
)
from tests.references_paper import pairwise


def test_diameters_do_not_cancel():
    """The Gram identity |x|² + |y|² − 2 <x, y> gives zero here."""
    points = np.array([[1e4, 1.0], [1e4, 1.0 + 1e-8]])
    assert_allclose(diameter(points), 1e-8, rtol=1e-6)
    assert_allclose(row_diameter(sp.csr_array(points)), 1e-8, rtol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
def test_diameters_of_many_points_are_bounds(metric, monkeypatch):
    rng = np.random.default_rng(1)
    points = rng.standard_normal((80, 3)) + 5
    norms = {"euclidean": np.linalg.norm, "cityblock": lambda v: np.abs(v).sum()}
    exact = pairwise(points, norms[metric])
    assert_allclose(diameter(points, metric), exact, rtol=1e-12)
    monkeypatch.setattr(geometry, "PAIRWISE_ROWS", 10)
    assert exact <= diameter(points, metric) <= 2 * exact
    if metric == "euclidean":
        assert exact <= row_diameter(points) <= 2 * exact
        assert exact <= row_diameter(sp.csr_array(points)) <= 8 * exact


def test_sparse_row_diameter_is_nearly_exact_for_sparse_rows(monkeypatch):
    monkeypatch.setattr(geometry, "PAIRWISE_ROWS", 10)
    A = sp.random_array((300, 60), density=0.05, rng=np.random.default_rng(2)).tocsr()
    exact = pairwise(A.toarray(), np.linalg.norm)
    assert exact <= row_diameter(A) <= 2 * exact


@pytest.mark.parametrize("form", ["csr", "identity", "many outputs"])
def test_hulls_are_never_smaller_than_the_dense_one(form, monkeypatch):
    rng = np.random.default_rng(3)
    n = 40
    A2 = sp.random_array((30, n), density=0.2, rng=rng).toarray()
    if form == "identity":
        A2 = np.eye(n)
    dense = DenseHull(A2)
    weights = rng.random(len(A2))
    f = rng.random(n) / n
    f /= f.sum()
    u = A2 @ f
    exact = dense.deviation(f, u)(weights)
    if form == "many outputs":
        monkeypatch.setattr(geometry, "COVARIANCE_OUTPUTS", 5)
    hull = {
        "csr": SparseHull(sp.csr_array(A2)),
        "identity": IdentityHull(n),
        "many outputs": dense,
    }[form]
    assert_allclose(hull.lower, A2.min(axis=1))
    assert_allclose(hull.upper, A2.max(axis=1))
    assert_allclose(hull.variances(f, u), dense.variances(f, u), rtol=1e-12)
    assert exact <= hull.deviation(f, u)(weights) <= 6 * exact
    for name in ("diameter", "diameter_l1"):
        bound, value = getattr(hull, name)(weights), getattr(dense, name)(weights)
        assert value * (1 - 1e-12) <= bound <= 2.5 * value
        if form == "identity":
            assert_allclose(bound, value, rtol=1e-12)


def test_the_hull_of_a_small_sparse_matrix_is_that_of_the_dense_one():
    A2 = sp.random_array((3, 9), density=0.5, rng=np.random.default_rng(4)).tocsr()
    assert isinstance(OutputHull.of(A2, 9), DenseHull)
    assert isinstance(OutputHull.of(None, 9), IdentityHull)


def test_whitened_distances_include_rounding():
    """Nearly dependent columns cancel in A1 W: seven digits are lost."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        A1 = rng.standard_normal((6, 2))
        A1[:, 1] = A1[:, 0] + 1e-7 * A1[:, 1]
        W = np.linalg.inv(np.linalg.qr(A1, mode="r"))
        found = InputGeometry.of(A1, np.full(6, 1 / 6), W)
        rows = (mp.matrix(A1.tolist()) * mp.matrix(W.tolist())).tolist()
        exact = pairwise([mp.matrix(row) for row in rows], mp.norm)
        assert exact <= found.diameter <= 1.001 * float(exact)


def test_distances_from_the_mean_are_sharp_for_two_points(monkeypatch):
    rows = np.array([[3.0, 1.0], [-1.0, 1.0]] * 8)
    f = np.full(16, 1 / 16)
    for most in (16 * 16 * 2, 16 * 16 * 2 - 1):  # by pairs, and by the mean
        monkeypatch.setattr(geometry, "PAIRWISE_WORK", most)
        found = InputGeometry.of(rows, f, np.eye(2))
        assert_allclose([found.diameter, found.deviation], [4.0, 2.0], rtol=1e-12)


def test_pairs_are_many(monkeypatch):
    # Corners of a triangle: their distances are less than twice those from the mean.
    angles = np.linspace(0, 2 * np.pi, 3, endpoint=False)
    rows = np.column_stack([np.cos(angles), np.sin(angles)])
    f = np.full(3, 1 / 3)
    for most, expected in ((18, np.sqrt(3)), (17, 2.0)):
        monkeypatch.setattr(geometry, "PAIRWISE_WORK", most)
        found = InputGeometry.of(rows, f, np.eye(2)).diameter
        assert_allclose(found, expected, rtol=1e-12)
