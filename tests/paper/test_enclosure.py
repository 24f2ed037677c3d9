"""The balls at a point, and the error bound of the Hessian, against 60 digits."""

import mpmath as mp
import numpy as np
import pytest

from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.enclosure import Enclosure
from tests.references_mpmath import ExactProblem
from tests.references_paper import SMOOTH, DenseProblem, attention

FORMS = [(sparse, A2) for sparse in (False, True) for A2 in ("dense", "csr")]


def hostile(rng, h, m, n=15, d=3):
    """Columns of different length, an offset that cancels, logits of some size."""
    units = 10.0 ** rng.uniform(-4, 4, d)
    A1 = rng.standard_normal((n, d)) * units
    A2 = np.eye(n) if m is None else rng.standard_normal((m, n)) + 2
    b = np.ones(len(A2)) + 1e-3 * rng.standard_normal(len(A2))
    dense = DenseProblem(A1, A2, b, h, 1e-4 * rng.random(n))
    return dense, rng.choice([0.3, 5.0]) * rng.standard_normal(d) / units


def assert_within(exact, middle, radius):
    for e, m, r in zip(list(exact), middle.ravel(), radius.ravel(), strict=True):
        assert abs(e - mp.mpf(float(m))) <= mp.mpf(float(r))


@pytest.mark.parametrize("h", SMOOTH)
@pytest.mark.parametrize(("sparse", "form"), [*FORMS, (False, "identity")])
def test_the_exact_numbers_are_within_the_balls(h, sparse, form):
    rng = np.random.default_rng(0)
    for _ in range(5):
        dense, x = hostile(rng, h, None if form == "identity" else 3)
        at = Enclosure(problem := attention(dense, sparse_A1=sparse, A2=form), x)
        exact = ExactProblem(dense.A1, dense.A2, dense.b, h, dense.w)
        point = mp.matrix(x.tolist())
        f, u, _, g = exact.at(list(exact.A1 * point))
        diagonal = exact.diagonal(point, form == "identity")
        r = [both - w2 for both, w2 in zip(diagonal, exact.w2, strict=True)]
        for numbers, ball in (
            (f, at.f),
            (u, at.u),
            (g, at.output_curvature),
            (r, at.row_weights),
            (exact.gradient(point), at.gradient),
        ):
            assert_within(numbers, ball.middle, ball.radius)
            assert (ball.radius <= 1e-10 * np.abs(ball.middle).max()).all()
        H, c = Curvature(problem, x).hessian(), at.hessian_errors()
        assert_within(exact.hessian(point), H, np.outer(c, c))
        size = np.sqrt(np.abs(np.diag(H)))
        assert (c <= 1e-3 * size).all()


def test_logits_that_rounding_hides_give_no_numbers():
    dense, x = hostile(np.random.default_rng(1), "tanh", 2)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = Enclosure(attention(dense), 1e17 * x).hessian_errors()
    assert not (errors < 1e10).any()


@pytest.mark.parametrize("form", ["dense", "identity"])
def test_an_offset_of_all_logits_costs_digits(form):
    """Softmax does not see it, but the computed logits have lost their last digits."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        dense, x = hostile(rng, "identity", None if form == "identity" else 2)
        A1 = dense.A1.copy()
        A1[:, 0], x[0] = 1 + 1e-8 * rng.random(15), 1e8
        dense = DenseProblem(A1, dense.A2, dense.b, "identity", np.zeros(15))
        at = Enclosure(problem := attention(dense, A2=form), x)
        exact = ExactProblem(A1, dense.A2, dense.b, "identity", dense.w)
        point = mp.matrix(x.tolist())
        assert_within(exact.at(list(exact.A1 * point))[0], at.f.middle, at.f.radius)
        assert_within(exact.gradient(point), at.gradient.middle, at.gradient.radius)
        c = at.hessian_errors()
        assert_within(
            exact.hessian(point), Curvature(problem, x).hessian(), np.outer(c, c)
        )
