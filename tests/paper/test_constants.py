"""Bounds of the second and third derivatives, attacked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from sksoftnewton._paper.constants import C3, C4, LocalLipschitz
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.enclosure import Enclosure
from sksoftnewton._paper.geometry import InputGeometry, row_diameter
from tests.references import directional_derivative
from tests.references_paper import (
    SMOOTH,
    DenseProblem,
    attention,
    certificate_of,
    constants_of,
    deterministic,
    random_problem,
    seeds,
    smooth_h,
    solved,
)


def spiky_problem(rng, h, n, m, d=3):
    """Heavy-tailed entries, so that extremes of the bounds are visited."""
    A1 = rng.standard_t(2, (n, d))
    A2 = np.clip(rng.standard_t(2, (m, n)), -3, 3)
    b = 2 * rng.standard_t(3, m)
    return DenseProblem(A1, A2, b, h, np.zeros(n))


# -- the lemma's constants -------------------------------------------------------


@deterministic
@given(n=st.integers(2, 5), seed=seeds)
def test_attack_on_the_lemma(n, seed):
    """|E q̃ ṽ²| ≤ C3 ρ r² and |E q̃ (ṽ³ − 3 V ṽ)| ≤ C4 ρ r³, by local search."""
    rng = np.random.default_rng(seed)

    def ratios(p):
        f = np.exp(p[:n] - p[:n].max())
        f /= f.sum()
        q, v = (np.tanh(p[k : k + n]) for k in (n, 2 * n))
        rho, r = np.ptp(q) + 1e-12, np.ptp(v) + 1e-12
        q, v = q - f @ q, v - f @ v
        square = abs(f @ (q * v**2)) / (C3 * rho * r**2)
        cube = abs(f @ (q * (v**3 - 3 * (f @ v**2) * v))) / (C4 * rho * r**3)
        return square, cube

    start = 2 * rng.standard_normal(3 * n)
    for which in (0, 1):
        found = minimize(
            lambda p, k=which: -ratios(p)[k],
            start,
            method="Nelder-Mead",
            options={"maxiter": 60},
        )
        assert -found.fun <= 1 + 1e-9


def test_the_lemmas_constants_are_attained():
    # C3: an indicator of probability (1 + 1/√3)/2 against itself.
    P = (1 + 1 / np.sqrt(3)) / 2
    f, q = np.array([P, 1 - P]), np.array([1.0, 0.0])
    centred = q - f @ q
    assert_allclose(abs(f @ centred**3), C3, rtol=1e-12)
    # C4: a fair coin against itself.
    f = np.array([0.5, 0.5])
    centred = q - f @ q
    assert_allclose(abs(f @ (centred**4 - 3 * 0.25 * centred**2)), C4, rtol=1e-12)


# -- beta and M, for every x -----------------------------------------------------


@pytest.mark.parametrize("h", SMOOTH)
def test_third_derivative_of_the_oracle_matches_finite_differences(h):
    """The certificate's Lipschitz bound is attacked with it."""
    rng = np.random.default_rng(4)
    for _ in range(5):
        dense = random_problem(rng, h=h)
        z, v = rng.standard_normal((2, 12))
        change = directional_derivative(lambda y, p=dense, v=v: v @ p.B(y) @ v, z, v)
        assert_allclose(dense.third_derivative(z, v), change, rtol=1e-7, atol=1e-8)


@deterministic
@given(h=smooth_h, n=st.integers(2, 6), m=st.integers(1, 3), seed=seeds)
def test_attack_on_beta(h, n, m, seed):
    """λ_min(B(z)) ≥ −β from many z, the worst of them improved by local search."""
    rng = np.random.default_rng(seed)
    dense = spiky_problem(rng, h, n, m)
    beta = 2 * constants_of(dense).concavity

    def smallest(z):
        return np.linalg.eigvalsh(dense.B(z))[0]

    worst = min(3 * rng.standard_normal((20, n)), key=smallest)
    found = minimize(smallest, worst, method="Nelder-Mead", options={"maxiter": 60})
    assert found.fun >= -beta * (1 + 1e-9)


@deterministic
@given(h=smooth_h, n=st.integers(2, 6), m=st.integers(1, 3), seed=seeds)
def test_attack_on_the_third_derivative(h, n, m, seed):
    """|D³Φ[v, v, v]| ≤ K_M range(v)³, improved by local search over z and v."""
    rng = np.random.default_rng(seed)
    dense = spiky_problem(rng, h, n, m)
    bound = constants_of(dense).third

    def ratio(p):
        z, v = p[:n], np.tanh(p[n:])
        return -abs(dense.third_derivative(z, v)) / (np.ptp(v) ** 3 + 1e-12)

    worst = min(2 * rng.standard_normal((20, 2 * n)), key=ratio)
    found = minimize(ratio, worst, method="Nelder-Mead", options={"maxiter": 60})
    assert -found.fun <= bound * (1 + 1e-9)


@deterministic
@given(h=smooth_h, n=st.integers(2, 30), m=st.integers(1, 3), seed=seeds)
def test_attack_on_the_lipschitz_constant(h, n, m, seed):
    """‖H(x) − H(y)‖ ≤ M |x − y|, near and far."""
    rng = np.random.default_rng(seed)
    dense = spiky_problem(rng, h, n, m)
    M = constants_of(dense).third * row_diameter(dense.A1) ** 3
    for scale in (1e-3, 1e-1, 1.0, 10.0):
        x, step = rng.standard_normal((2, 3))
        x = x * rng.choice([0.01, 1.0])
        difference = dense.hessian(x + scale * step) - dense.hessian(x)
        size = np.linalg.norm(difference, 2)
        noise = 1e-13 * np.linalg.norm(dense.hessian(x), 2)
        assert size <= M * scale * np.linalg.norm(step) + noise


@pytest.mark.parametrize("h", SMOOTH)
def test_beta_and_the_third_derivative_are_attained(h):
    """Search over A2, b and z: nothing above the bounds, something at 95 % of them."""
    n, m = 2, 1

    def ratios(p, only):
        dense = DenseProblem(
            np.eye(n), p[:n].reshape(m, n), p[n : n + m], h, np.zeros(n)
        )
        constants = constants_of(dense)
        z = p[n + m : 2 * n + m]
        if only == "beta":
            if constants.concavity < 1e-9:
                return 0.0  # here the oracle's rounding errors show
            return -np.linalg.eigvalsh(dense.B(z))[0] / (2 * constants.concavity)
        v = np.array([1.0, 0.0])
        return abs(dense.third_derivative(z, v)) / constants.third

    for only in ("beta", "third"):
        best = 0.0
        for seed in range(6):
            start = np.random.default_rng(seed).standard_normal(2 * n + m)
            found = minimize(
                lambda p, o=only: -ratios(p, o),
                start,
                method="Nelder-Mead",
                options={"maxiter": 500},
            )
            assert -found.fun <= 1 + 1e-6
            best = max(best, -found.fun)
            if best > 0.95:
                break
        assert best > 0.95, only


@pytest.mark.parametrize("h", SMOOTH)
def test_global_strong_convexity_is_a_lower_bound(h):
    rng = np.random.default_rng(5)
    for uniform in (True, False):
        dense = random_problem(rng, n=40, d=2, m=2, h=h)
        x = np.zeros(2)
        c = certificate_of(dense, x)
        required = min(c.w2_required_eig, c.w2_required_diameter)
        w = np.sqrt(1.05 * required) * (1 if uniform else 1 + rng.random(40))
        heavy = DenseProblem(dense.A1, dense.A2, dense.b, h, np.broadcast_to(w, 40))
        c = certificate_of(heavy, x)
        assert c.conditions_hold["penalty"]
        assert c.global_strong_convexity > 0
        smallest = min(
            np.linalg.eigvalsh(heavy.hessian(scale * x))[0]
            for scale in (0.01, 0.3, 1, 5)
            for x in rng.standard_normal((50, 2))
        )
        assert smallest >= c.global_strong_convexity
        light = DenseProblem(
            dense.A1, dense.A2, dense.b, h, np.full(40, np.sqrt(0.95 * required))
        )
        c = certificate_of(light, x)
        assert not c.conditions_hold["penalty"]
        assert np.isnan(c.global_strong_convexity)


# -- the local Lipschitz constant ---------------------------------------------------


@deterministic
@given(
    h=smooth_h,
    n=st.integers(2, 40),
    m=st.integers(1, 3),
    t=st.floats(0.0, 3.0),
    seed=seeds,
)
def test_attack_on_the_local_lipschitz_constant(h, n, m, t, seed):
    """In whitened coordinates, between pairs of points of balls of radius t/D."""
    rng = np.random.default_rng(seed)
    dense = spiky_problem(rng, h, n, m)
    x = 0.5 * rng.standard_normal(3)
    factor = np.triu(rng.standard_normal((3, 3))) + 2 * np.eye(3)
    at, inverse = Enclosure(attention(dense), x), np.linalg.inv(factor)
    geometry = InputGeometry.of(dense.A1, at.f.upper, inverse)
    radius = t / geometry.diameter if geometry.diameter else 1.0
    M = LocalLipschitz(at, constants_of(dense), geometry)(radius)
    for _ in range(10):
        steps = rng.standard_normal((2, 3))
        steps *= radius / np.linalg.norm(steps, axis=1, keepdims=True)
        steps[1] = (
            rng.choice([0.0, 0.9, 1.0]) * steps[0] if rng.random() < 0.5 else steps[1]
        )
        first, second = (dense.hessian(x + inverse @ y) for y in steps)
        size = np.linalg.norm(inverse.T @ (first - second) @ inverse, 2)
        noise = 1e-12 * np.linalg.norm(inverse.T @ first @ inverse, 2)
        assert size <= M * np.linalg.norm(steps[0] - steps[1]) + noise


def test_the_local_constant_pays():
    """Far below the one for every x, at the radius where it is used."""
    dense = random_problem(np.random.default_rng(6), n=300, d=4, m=2, w=0.1)
    c = certificate_of(dense, solved(dense))
    curvature = Curvature(attention(dense), solved(dense))
    inverse = np.linalg.inv(np.linalg.cholesky(curvature.hessian()).T)
    geometry = InputGeometry.of(dense.A1, curvature.f, inverse)
    everywhere = constants_of(dense).third * geometry.diameter**3
    assert c.lipschitz_local < 0.05 * everywhere


def test_the_local_constant_grows_with_the_ball():
    dense = random_problem(np.random.default_rng(7), n=50, h="softplus")
    at = Enclosure(attention(dense), np.zeros(3))
    geometry = InputGeometry.of(dense.A1, at.f.upper, np.eye(3))
    lipschitz = LocalLipschitz(at, constants_of(dense), geometry)
    values = [lipschitz(radius) for radius in (0, 0.01, 0.1, 1, 10, 1000)]
    assert values == sorted(values)
    assert values[-1] == lipschitz.everywhere


@pytest.mark.parametrize("h", ["tanh", "exp"])
@pytest.mark.parametrize("t", [0.0, 0.5])
def test_the_local_constant_is_in_units_of_the_cube_of_the_inputs(h, t):
    dense = random_problem(np.random.default_rng(8), n=50, h=h)
    at = Enclosure(attention(dense), np.zeros(3))
    plain = InputGeometry.of(dense.A1, at.f.upper, np.eye(3))
    unit = 2.0**-10
    fine = InputGeometry(plain.diameter * unit, plain.deviation * unit)
    of_plain, of_fine = (
        LocalLipschitz(at, constants_of(dense), geometry)(t / geometry.diameter)
        for geometry in (plain, fine)
    )
    np.testing.assert_allclose(of_fine, unit**3 * of_plain, rtol=1e-9)
