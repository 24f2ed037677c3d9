"""The theorem on the contraction, and what a small Newton decrement proves."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sksoftnewton._paper.hessian import HessianSketch
from sksoftnewton._paper.kantorovich import Kantorovich, in_norm_of, theoretical_rate
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import (
    SMOOTH,
    certificate_of,
    deterministic,
    energy_norm,
    random_problem,
    seeds,
    smooth_h,
    solved,
    spectral_error,
    theorys_problem,
)

# -- the theorem on the contraction -------------------------------------------------


@deterministic
@given(
    h=smooth_h,
    epsilon=st.sampled_from([0.0, 0.1, 0.3]),
    distance=st.floats(1e-3, 1.0),
    seed=seeds,
)
def test_attack_on_the_contraction(h, epsilon, distance, seed):
    """|x⁺ − x*| ≤ θ(ε, δ) |x − x*| in the norm of H(x*), for the worst H̃ in the band.

    δ is measured: the Lipschitz constant of the Hessian along the segment, times
    its length. (Changes from H(x*) alone would not do: with δ the largest of
    |H(x*)^-½ (H(x') − H(x*)) H(x*)^-½| |x − x*| / |x' − x*| this test fails.)
    """
    rng = np.random.default_rng(seed)
    dense = random_problem(rng, n=60, d=3, m=2, h=h, w=0.5)
    solution = solved(dense)
    H_star = dense.hessian(solution)
    L = np.linalg.cholesky(H_star)
    step = np.linalg.solve(L.T, rng.standard_normal(3))
    x = solution + distance * step / np.linalg.norm(step)
    inverse = np.linalg.inv(L)
    path = [
        inverse @ dense.hessian(solution + t * (x - solution)) @ inverse.T
        for t in np.linspace(0, 1, 41)
    ]
    changes = np.diff(path, axis=0)
    delta = 40 * max(np.linalg.norm(change, 2) for change in changes)
    if delta >= 1:
        return
    root = np.linalg.cholesky(dense.hessian(x))
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    signs = rng.choice([-1.0, 1.0], 3)
    sketched = root @ (np.eye(3) + epsilon * (Q * signs) @ Q.T) @ root.T
    new = x - np.linalg.solve(sketched, dense.gradient(x))
    factor = energy_norm(new - solution, H_star) / energy_norm(x - solution, H_star)
    # 1e-3: the path is sampled.
    assert factor <= theoretical_rate(epsilon, delta) * (1 + 1e-3) + 1e-9


def test_theoretical_rates():
    assert_allclose(theoretical_rate(0.1, 0.1), 0.1975, atol=5e-5)
    assert_allclose(theoretical_rate(0.1, 0.27), 0.40, atol=5e-3)
    assert_allclose(theoretical_rate(0.0, 2 / 3), 1)
    assert np.isinf(theoretical_rate(1.0, 0.1))


def test_the_contraction_is_false_in_the_euclidean_norm():
    """A quadratic whose step is longer than the distance, and still contracts in H."""
    H = np.diag([1.0, 1e4])
    root = np.sqrt(H)
    sketched = root @ (np.eye(2) + 0.1 * np.array([[0, 1], [1, 0]])) @ root
    assert spectral_error(sketched, H) <= 0.1 + 1e-12
    error = np.array([0.0, 1.0])
    new = error - np.linalg.solve(sketched, H @ error)
    assert np.linalg.norm(new) > 10
    assert energy_norm(new, H) / energy_norm(error, H) < theoretical_rate(0.1, 0.0)


@pytest.fixture
def drawn_hessians(monkeypatch):
    """Every sketched Hessian, with the exact one at the same point."""
    pairs = []
    original = HessianSketch.__call__

    def recording(self, curvature):
        drawn = original(self, curvature)
        pairs.append((drawn.matrix, curvature.hessian(), drawn.exact))
        return drawn

    monkeypatch.setattr(HessianSketch, "__call__", recording)
    return pairs


def test_the_papers_contraction_over_100_problems(drawn_hessians):
    """Every ratio ≤ 0.4, and ≤ θ(ε, δ) with the ε of that very draw.

    δ = 0.1 bounds the whole run: it begins within the guaranteed radius.
    """
    n_ratios, worst = 0, 0.0
    for seed in range(100):
        A1, A2, b, h, w, x0 = theorys_problem(seed)
        for globalize in (True, False):
            drawn_hessians.clear()
            result = two_layer_softmax_regression(
                A1,
                A2,
                b,
                h=h,
                w=w,
                x0=x0,
                sketch="leverage",
                globalize=globalize,
                random_state=seed,
            )
            assert result.success
            assert result.certificate.conditions_hold, str(result.certificate)
            ratios = result.history["contraction"]
            # The last draw belongs to the certificate.
            assert len(drawn_hessians) == result.nit + 1
            for ratio, pair in zip(ratios, drawn_hessians, strict=False):
                if np.isnan(ratio):
                    continue
                sketched, exact, kept_all = pair
                assert not kept_all
                error = spectral_error(sketched, exact)
                assert error <= 0.1
                assert ratio <= 0.4
                if not globalize:  # θ is about the undamped step
                    assert ratio <= theoretical_rate(error, 0.1)
                assert ratio <= theoretical_rate(0.1, 0.1)
                n_ratios += 1
                worst = max(worst, ratio)
    assert n_ratios > 600
    # A sketch is at work: the exact Hessian would contract far more.
    assert worst > 0.02


# -- existence of a minimiser, its distance, the radius -----------------------------


@pytest.mark.parametrize("h", SMOOTH)
def test_certified_distances_and_convexity_are_true(h):
    rng = np.random.default_rng(8)
    n_certified, tightness = 0, []
    for _ in range(12):
        dense = random_problem(rng, n=60, d=3, m=2, h=h, w=rng.choice([0.1, 0.5, 2.0]))
        solution = solved(dense)
        smallest = np.linalg.eigvalsh(dense.hessian(solution))[0]
        for scale in (1e-6, 1e-3, 1e-2, 1e-1):
            x = solution + scale * rng.standard_normal(3)
            c = certificate_of(dense, x)
            if not c.certified:
                assert np.isnan([c.distance, c.strong_convexity, c.radius_H]).all()
                continue
            n_certified += 1
            distance_H = energy_norm(x - solution, dense.hessian(x))
            assert distance_H <= c.distance_H * (1 + 1e-6)
            assert np.linalg.norm(x - solution) <= c.distance * (1 + 1e-6)
            assert c.strong_convexity <= smallest * (1 + 1e-9)
            tightness.append(distance_H / c.distance_H)
    # Most points at 1e-3 and closer; there the bound is tight.
    assert n_certified >= 20
    assert np.median(tightness) > 0.95


@pytest.mark.parametrize("h", SMOOTH)
def test_steps_from_the_radius_contract(h):
    """From its boundary: δ ≤ 0.1 along the way, and the factor is below θ(0.1, 0.1)."""
    rng = np.random.default_rng(9)
    for _ in range(5):
        dense = random_problem(rng, n=60, d=3, m=2, h=h, w=0.3)
        solution = solved(dense)
        c = certificate_of(dense, solution + 1e-5 * rng.standard_normal(3))
        assert c.certified
        H_star = dense.hessian(solution)
        L = np.linalg.cholesky(H_star)
        for _ in range(10):
            step = rng.standard_normal(3)
            step = np.linalg.solve(L.T, step / np.linalg.norm(step))
            x = solution + c.radius_H * step
            assert spectral_error(dense.hessian(x), H_star) <= 0.1
            root = np.linalg.cholesky(dense.hessian(x))
            Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
            signs = rng.choice([-1.0, 1.0], 3)
            sketched = root @ (np.eye(3) + 0.1 * (Q * signs) @ Q.T) @ root.T
            new = x - np.linalg.solve(sketched, dense.gradient(x))
            factor = energy_norm(new - solution, H_star) / c.radius_H
            assert factor <= theoretical_rate(0.1, 0.1)
        # The Euclidean ball lies within the one in the norm of H(x*).
        step = c.radius_euclidean * Q
        assert max(energy_norm(s, H_star) for s in step.T) <= c.radius_H


def test_beyond_one_half_nothing_is_proven():
    proven = Kantorovich.test(1.0, lambda radius: 0.49)
    assert proven.certified and proven.distance > 1
    refused = Kantorovich.test(1.0, lambda radius: 0.51)
    assert not refused.certified
    assert np.isnan([refused.distance, refused.radius(lambda radius: 0.51)]).all()


def test_the_radius_of_a_constant_that_vanishes_at_the_centre():
    """M(ρ) = ρ up to one: ρ² ≤ 0.1, and no infinite radius."""
    proven = Kantorovich.test(0.0, lambda radius: min(radius + 1e-300, 1.0))
    assert 0.95 * np.sqrt(0.1) <= proven.radius(lambda r: min(r + 1e-300, 1.0))
    assert proven.radius(lambda r: min(r + 1e-300, 1.0)) <= np.sqrt(0.1)
    assert np.isinf(proven.radius(lambda r: 0.0))


def test_a_constant_in_other_coordinates_is_that_of_the_largest_change_of_norms():
    # Lengths are twice as large at most, and the constant is in units of their cube.
    asked = []
    bound = in_norm_of(SimpleNamespace(kappa=0.75), lambda r: asked.append(r) or 3.0)
    assert_allclose(bound(0.7), 3.0 * 8, rtol=1e-12)
    assert_allclose(asked, [1.4], rtol=1e-12)
