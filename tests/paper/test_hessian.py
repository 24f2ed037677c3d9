"""Sketches of the diagonal part: how many rows they keep, and what they miss."""

import numpy as np
from numpy.testing import assert_allclose

from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.kantorovich import theoretical_rate
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import certificate_of, planted, random_problem, solved


def test_an_exact_hessian_has_no_error():
    dense = random_problem(np.random.default_rng(12), n=50)
    for options in ({"epsilon": 0.1}, {"epsilon": 0}, {"sketch": "none"}):
        c = certificate_of(dense, solved(dense), **options)
        assert c.sketch_eps == 0
        assert c.rows_used == 50
        assert_allclose(c.theory_rate, theoretical_rate(0, 0.1))


def test_sketching_the_changing_part_alone_takes_few_rows():
    """w² much larger than |s|: next to nothing is left to sample."""
    A1, A2, b, _ = planted(np.random.default_rng(11), n=20_000, d=3, noise=0.1)
    whole, frozen = (
        two_layer_softmax_regression(A1, A2, b, w=0.1, sketch=sketch, random_state=0)
        for sketch in ("leverage", "frozen")
    )
    assert frozen.success
    assert frozen.history["rows_kept"].max() < 0.05 * whole.history["rows_kept"].min()
    assert_allclose(frozen.x, whole.x, atol=1e-8)


def test_uniform_sampling_fails_where_leverage_does_not():
    """Three rows carry two of the three directions: uniform draws miss them."""
    rng = np.random.default_rng(12)
    A1, A2, b, _ = planted(rng, n=20_000, d=3, noise=0.1)
    A1[:, 1:] *= 1e-4
    A1[:3, 1:] = 30 * rng.standard_normal((3, 2))
    options = {"w": 0.1, "globalize": False, "random_state": 0, "max_iter": 15}
    leverage, uniform = (
        two_layer_softmax_regression(A1, A2, b, sketch=sketch, **options)
        for sketch in ("leverage", "uniform")
    )
    assert leverage.success
    assert not uniform.success
    there = certify(A1, A2, b, leverage.x, w=0.1, sketch="uniform", random_state=0)
    assert there.sketch_eps > 0.5 > 5 * leverage.certificate.sketch_eps
