"""Blocks of the Hessian, and the damping metric."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import Attention
from tests.references_paper import attention, random_problem

FORMATS = [(sparse, A2) for sparse in (False, True) for A2 in ("dense", "csr")]


@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_blocks_of_rows_and_outputs_do_not_change_the_hessian(h, monkeypatch):
    rng = np.random.default_rng(5)
    dense = random_problem(rng, n=700, d=3, m=200, h=h, scale=0.1)
    x = rng.standard_normal(3)
    whole = Curvature(attention(dense), x).hessian()
    monkeypatch.setattr("sksoftnewton._matrices.BLOCK_ELEMENTS", 1)
    monkeypatch.setattr("sksoftnewton._paper.curvature.BLOCK_ELEMENTS", 1)
    for sparse, A2 in FORMATS:
        blocks = Curvature(attention(dense, sparse_A1=sparse, A2=A2), x).hessian()
        assert_allclose(blocks, whole, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("A2", ["dense", "csr"])
def test_metric_is_column_lengths_times_the_mean_unsigned_curvature(A2):
    rng = np.random.default_rng(7)
    dense = random_problem(rng, h="tanh")
    x = rng.standard_normal(3)
    curvature = Curvature(attention(dense, A2=A2), x)
    z = dense.A1 @ x
    J = dense.A2 @ dense.S(z) @ dense.A1
    squares = np.sum(dense.A1**2, axis=0)
    level = np.mean(dense.w**2 + np.abs(dense.phi_gradient(z)))
    level += np.mean(np.abs(curvature.output_curvature) @ J**2 / squares)
    assert_allclose(curvature.metric(), level * squares, rtol=1e-12)


def test_scaling_a_column_of_A1_scales_the_metric_with_it():  # noqa: N802
    rng = np.random.default_rng(7)
    dense = random_problem(rng, h="tanh")
    x = rng.standard_normal(3)
    scale = np.array([0.1, 1.0, 10.0])
    scaled = type(dense)(dense.A1 * scale, dense.A2, dense.b, dense.h, dense.w)
    metric = Curvature(attention(dense), x).metric()
    assert_allclose(
        Curvature(attention(scaled), x / scale).metric(), metric * scale**2, rtol=1e-10
    )


def test_a_column_of_zeros_has_a_positive_metric():
    dense = random_problem(np.random.default_rng(7))
    A1 = np.hstack([dense.A1, np.zeros((12, 1))])
    problem = Attention(A1, dense.A2, dense.b, get_activation("identity"), dense.w)
    assert (Curvature(problem, np.zeros(4)).metric() > 0).all()
