"""Every bound of the certificate, attacked; dense references for all numbers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from references_attention import (
    SMOOTH,
    DenseProblem,
    attention,
    energy_norm,
    random_problem,
    spectral_error,
)
from scipy.optimize import minimize

from sksoftnewton import _geometry
from sksoftnewton._activations import get_activation
from sksoftnewton._bounds import (
    C3,
    C4,
    LocalLipschitz,
    OutputConstants,
    output_derivatives,
)
from sksoftnewton._geometry import (
    DenseHull,
    IdentityHull,
    InputGeometry,
    OutputHull,
    SparseHull,
    diameter,
    row_diameter,
)
from sksoftnewton._theory import certify, theoretical_rate

deterministic = settings(derandomize=True, deadline=None, max_examples=150)
seeds = st.integers(0, 2**32 - 1)
smooth_h = st.sampled_from(SMOOTH)


def constants_of(dense):
    hull = OutputHull.of(dense.A2, dense.A2.shape[1])
    return OutputConstants(hull, get_activation(dense.h), dense.b)


def pairwise(points, norm):
    return max(norm(p - q) for p in points for q in points)


def spiky_problem(rng, h, n, m, d=3):
    """Heavy-tailed entries, so that extremes of the bounds are visited."""
    A1 = rng.standard_t(2, (n, d))
    A2 = np.clip(rng.standard_t(2, (m, n)), -3, 3)
    b = 2 * rng.standard_t(3, m)
    return DenseProblem(A1, A2, b, h, np.zeros(n))


def solved(dense, x0=None):
    """Exact Newton from scipy's answer: a minimiser to rounding."""
    x = minimize(
        dense.value,
        np.zeros(dense.A1.shape[1]) if x0 is None else x0,
        jac=dense.gradient,
        hess=dense.hessian,
        method="trust-exact",
        options={"gtol": 1e-7},
    ).x
    for _ in range(3):
        x = x - np.linalg.solve(dense.hessian(x), dense.gradient(x))
    return x


def certificate_of(dense, x, **options):
    return certify(dense.A1, dense.A2, dense.b, x, h=dense.h, w=dense.w, **options)


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


# -- derivative bounds, diameters, hulls -----------------------------------------


@pytest.mark.parametrize("h", SMOOTH)
def test_output_derivatives_bound_phi_and_are_nearly_tight(h):
    rng = np.random.default_rng(0)
    activation = get_activation(h)
    lower = rng.uniform(-3, 2, 30)
    upper = lower + rng.uniform(0.01, 3, 30)
    b = rng.standard_normal(30)
    bounds = output_derivatives(activation, b, lower, upper)
    u = lower + np.linspace(0, 1, 2001)[:, None] * (upper - lower)
    c, h1, h2, h3 = (
        activation.value(u) - b,
        activation.d1(u),
        activation.d2(u),
        activation.d3(u),
    )
    exact = (
        (bounds.first, np.abs(h1 * c)),
        (bounds.second, np.abs(h1**2 + c * h2)),
        (bounds.third, np.abs(3 * h1 * h2 + c * h3)),
        (bounds.concavity, np.maximum(-(h1**2) - c * h2, 0)),
    )
    for bound, values in exact:
        largest = values.max(axis=0)
        assert (bound >= largest * (1 - 1e-12)).all()
        assert_allclose(bound, largest, rtol=0.1, atol=0.1)


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
    monkeypatch.setattr(_geometry, "PAIRWISE_ROWS", 10)
    assert exact <= diameter(points, metric) <= 2 * exact
    if metric == "euclidean":
        assert exact <= row_diameter(points) <= 2 * exact
        assert exact <= row_diameter(sp.csr_array(points)) <= 8 * exact


def test_sparse_row_diameter_is_nearly_exact_for_sparse_rows(monkeypatch):
    monkeypatch.setattr(_geometry, "PAIRWISE_ROWS", 10)
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
        monkeypatch.setattr(_geometry, "COVARIANCE_OUTPUTS", 5)
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


# -- beta and M, for every x --------------------------------------------------------


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
    best = {"beta": 0.0, "third": 0.0}
    n, m = 2, 1

    def ratios(p, only):
        dense = DenseProblem(
            np.eye(n), p[:n].reshape(m, n), p[n : n + m], h, np.zeros(n)
        )
        constants = constants_of(dense)
        z = p[n + m : 2 * n + m]
        if only == "beta":
            return -np.linalg.eigvalsh(dense.B(z))[0] / (2 * constants.concavity)
        v = np.array([1.0, 0.0])
        return abs(dense.third_derivative(z, v)) / constants.third

    for only in best:
        for seed in range(6):
            start = np.random.default_rng(seed).standard_normal(2 * n + m)
            found = minimize(
                lambda p, o=only: -ratios(p, o),
                start,
                method="Nelder-Mead",
                options={"maxiter": 500},
            )
            assert -found.fun <= 1 + 1e-6  # tiny constants have rounding errors
            best[only] = max(best[only], -found.fun)
            if best[only] > 0.95:
                break
    assert min(best.values()) > 0.95, best


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
    curvature = attention(dense).curvature(x)
    geometry = InputGeometry.of(dense.A1, curvature.f, factor)
    radius = t / geometry.diameter if geometry.diameter else 1.0
    M = LocalLipschitz(curvature, constants_of(dense), geometry)(radius)
    inverse = np.linalg.inv(factor)
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
    curvature = attention(dense).curvature(solved(dense))
    factor = np.linalg.cholesky(curvature.hessian()).T
    geometry = InputGeometry.of(dense.A1, curvature.f, factor)
    everywhere = constants_of(dense).third * geometry.diameter**3
    assert c.lipschitz_local < 0.05 * everywhere


def test_the_local_constant_grows_with_the_ball():
    dense = random_problem(np.random.default_rng(7), n=50, h="softplus")
    curvature = attention(dense).curvature(np.zeros(3))
    geometry = InputGeometry.of(dense.A1, curvature.f, np.eye(3))
    lipschitz = LocalLipschitz(curvature, constants_of(dense), geometry)
    values = [lipschitz(radius) for radius in (0, 0.01, 0.1, 1, 10, 1000)]
    assert values == sorted(values)
    assert values[-1] == lipschitz.everywhere


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


# -- Kantorovich --------------------------------------------------------------------


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


def test_the_initialisation_is_judged_by_a_bound_of_its_distance():
    rng = np.random.default_rng(10)
    dense = random_problem(rng, n=60, d=3, m=2, w=1.0)
    solution = solved(dense)
    x = solution + 1e-4 * rng.standard_normal(3)
    H_star = dense.hessian(solution)
    for scale in (1e-3, 1e-1, 10.0):
        x0 = solution + scale * rng.standard_normal(3)
        condition = certificate_of(dense, x, x0=x0).conditions_hold["initialisation"]
        distance = energy_norm(x0 - solution, H_star)
        assert distance <= condition.value <= 1.01 * distance + 1e-3
        assert condition.limit == certificate_of(dense, x).radius_H
        assert bool(condition) == (condition.value <= condition.limit)


# -- fields and reports -------------------------------------------------------------


def test_measured_fields_equal_dense_references():
    rng = np.random.default_rng(11)
    n = 1000
    dense = random_problem(rng, n=n, d=2, m=2, w=0.01, h="tanh")
    x = solved(dense)
    c = certificate_of(dense, x, epsilon=0.3, random_state=3)
    H = dense.hessian(x)
    eigenvalues = np.linalg.eigvalsh(H)
    assert_allclose(c.lambda_min, eigenvalues[0], rtol=1e-8)
    assert_allclose(c.condition_number, eigenvalues[1] / eigenvalues[0], rtol=1e-8)
    D = dense.w**2 + dense.phi_gradient(dense.A1 @ x)
    absolute = dense.A1.T @ (np.abs(D)[:, None] * dense.A1)
    gamma = np.linalg.eigvals(np.linalg.solve(H, absolute)).real.max()
    assert_allclose(c.gamma, gamma, rtol=1e-8)
    assert 0 < c.rows_used < n / 2
    assert 0 < c.sketch_eps <= 0.3 * gamma
    rate = 2 * (1 + 0.3 / 3) * np.log(4 / 0.01) / 0.3**2
    assert_allclose(c.sample_size_theory, 2 * rate)
    assert_allclose(c.theory_rate, theoretical_rate(0.3 * gamma, 0.1), rtol=1e-8)


def test_an_exact_hessian_has_no_error():
    dense = random_problem(np.random.default_rng(12), n=50)
    for options in ({"epsilon": 0.1}, {"epsilon": 0}, {"sketch": "none"}):
        c = certificate_of(dense, solved(dense), **options)
        assert c.sketch_eps == 0
        assert c.rows_used == 50
        assert_allclose(c.theory_rate, theoretical_rate(0, 0.1))


def test_constants_by_definition():
    rng = np.random.default_rng(13)
    dense = random_problem(rng, n=30, d=2, m=2)
    c = certificate_of(dense, np.zeros(2))
    D = pairwise(dense.A1, np.linalg.norm)
    smallest = np.linalg.svd(dense.A1, compute_uv=False)[-1]
    constants = constants_of(dense)
    assert_allclose(c.beta, 2 * constants.concavity)
    assert c.w2_required_eig == c.beta
    assert_allclose(
        c.w2_required_diameter, constants.concavity * D**2 / smallest**2, rtol=1e-9
    )
    assert_allclose(c.lipschitz_euclidean, constants.third * D**3, rtol=1e-12)


@pytest.mark.parametrize("form", ["csr A1", "csr A2", "identity"])
def test_formats_of_the_matrices_do_not_matter(form):
    rng = np.random.default_rng(14)
    dense = random_problem(rng, n=40, d=2, m=None if form == "identity" else 3, w=1.0)
    x = solved(dense)
    expected = certificate_of(dense, x)
    A1 = sp.csr_array(dense.A1) if form == "csr A1" else dense.A1
    A2 = {"csr A1": dense.A2, "csr A2": sp.csr_matrix(dense.A2), "identity": None}[form]
    c = certify(A1, A2, dense.b, x, w=dense.w)
    # At the solution the decrement is rounding; its fields are not compared.
    fields = "beta w2_required_diameter lipschitz_euclidean lambda_min gamma".split()
    if form == "identity":
        fields.remove("gamma")  # here Jᵀ diag(g) J belongs to the diagonal part
    for field in fields:
        assert_allclose(getattr(c, field), getattr(expected, field), rtol=1e-7)
    # λ_max of the covariance of A2 = I is bounded, not computed.
    tolerance = 0.3 if form == "identity" else 1e-7
    assert_allclose(c.radius_H, expected.radius_H, rtol=tolerance)


def test_many_rows_give_looser_but_valid_constants(monkeypatch):
    rng = np.random.default_rng(15)
    dense = random_problem(rng, n=60, d=3, m=2, w=0.5)
    x = solved(dense)
    exact = certificate_of(dense, x)
    monkeypatch.setattr(_geometry, "PAIRWISE_ROWS", 10)
    loose = certificate_of(dense, x)
    for field in ("beta", "lipschitz_euclidean", "w2_required_diameter"):
        assert (
            getattr(exact, field) < getattr(loose, field) < 17 * getattr(exact, field)
        )
    assert loose.radius_H < exact.radius_H
    assert loose.certified


def test_relu_with_a_kink_in_reach_is_not_certified():
    rng = np.random.default_rng(16)
    dense = random_problem(rng, n=30, d=2, m=2, h="relu")
    c = certificate_of(dense, 0.1 * rng.standard_normal(2))
    assert not c.certified
    assert not c.conditions_hold
    assert np.isinf([c.beta, c.lipschitz_euclidean, c.w2_required_diameter]).all()
    assert any("relu" in gap for gap in c.not_certified)


def test_relu_away_from_its_kink_is_the_identity():
    rng = np.random.default_rng(17)
    dense = random_problem(rng, n=30, d=2, m=2)
    positive = DenseProblem(
        dense.A1, np.abs(dense.A2), np.abs(dense.b), "identity", dense.w
    )
    x = solved(positive)
    expected = certificate_of(positive, x)
    c = certify(positive.A1, positive.A2, positive.b, x, h="relu", w=positive.w)
    assert c.certified
    # φ'' is bounded with h' in [0, 1]: the cut of the interval at its lower end.
    assert_allclose(c.beta, expected.beta)
    assert not any("relu" in gap for gap in c.not_certified)


def test_an_indefinite_point_is_not_certified():
    rng = np.random.default_rng(18)
    while True:
        dense = random_problem(rng, n=50, d=3, m=2, w=0.01)
        x = 2 * rng.standard_normal(3)
        if np.linalg.eigvalsh(dense.hessian(x))[0] < 0:
            break
    c = certificate_of(dense, x)
    assert not c.certified
    assert c.lambda_min < 0
    assert np.isinf(c.condition_number)
    assert np.isnan([c.newton_decrement, c.radius_H, c.gamma, c.sketch_eps]).all()
    assert "no minimiser near x could be proven" in str(c)


def test_overflowing_exp_has_no_constants():
    rng = np.random.default_rng(19)
    A1, A2 = rng.standard_normal((20, 2)), rng.random((1, 20))
    A2[0, 0] = 1e3
    c = certify(A1, A2, [0.0], np.zeros(2), h="exp")
    assert not c.certified
    assert np.isinf([c.beta, c.lipschitz_euclidean]).all()
    assert not np.isfinite(c.lipschitz_local)  # nan where H is indefinite, too
    with pytest.raises(ValueError, match="L overflows at x"):
        certify(A1, 1e3 * A2, [0.0], np.zeros(2), h="exp")


@pytest.mark.parametrize("h", SMOOTH)
def test_a_linear_problem_is_certified_everywhere(h):
    """All columns of A2 equal: u does not move, L is quadratic and M is zero."""
    rng = np.random.default_rng(20)
    A1, A2 = rng.standard_normal((20, 2)), np.ones((1, 20))
    c = certify(A1, A2, [0.3], 5 * rng.standard_normal(2), h=h)
    assert c.beta == c.lipschitz_euclidean == 0
    assert c.certified
    assert np.isinf(c.radius_H)


def test_a_single_row():
    c = certify([[2.0]], None, [0.5], [0.0])
    assert c.certified
    assert_allclose(c.strong_convexity, 4.0)


def test_a_singular_hessian_is_not_certified():
    """w = 0: softmax ignores the direction in which all logits move alike."""
    rng = np.random.default_rng(21)
    A1 = np.hstack([rng.standard_normal((20, 1)), np.ones((20, 1))])
    c = certify(A1, rng.standard_normal((2, 20)), [0.1, 0.2], np.zeros(2), w=0.0)
    assert not c.certified
    assert np.isnan(c.global_strong_convexity)


def test_the_report_reads_like_a_report():
    rng = np.random.default_rng(22)
    dense = random_problem(rng, n=60, w=6.0)
    c = certificate_of(dense, solved(dense))
    report = str(c)
    assert report.startswith("Convergence certificate: x is near a strict local min")
    for heading in (
        "Guaranteed",
        "Measured",
        "The theory's conditions",
        "Not certified",
    ):
        assert f"\n{heading}" in report
    assert max(len(line) for line in report.splitlines()) <= 80
    for condition in c.conditions_hold:
        assert f"{condition.value:.3g}" in report
        assert f"{condition.limit:.3g}" in report


def test_conditions_are_named_and_have_a_truth_value():
    dense = random_problem(np.random.default_rng(23), n=60, w=8.0)
    solution = solved(dense)
    conditions = certificate_of(dense, solution).conditions_hold
    assert [c.name for c in conditions] == [
        "penalty",
        "minimiser",
        "initialisation",
        "sparsifier",
        "contraction",
    ]
    assert len(conditions) == 5
    assert conditions
    with pytest.raises(KeyError):
        conditions["another"]
    far = certificate_of(dense, solution, x0=solution + 1e9).conditions_hold
    assert not far["initialisation"]
    assert not far


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros(4)}, "x has length 4, but the number of columns of A1 is 3"),
        ({"x0": np.zeros(4)}, "x0 has length 4, but .* 3"),
        ({"x": [np.nan, 0, 0]}, "x is nan at position 0"),
        ({"epsilon": 1}, "epsilon = 1, but"),
        ({"sketch": "odd"}, "sketch = 'odd', but it must be one of .*'leverage'"),
        ({"h": "odd"}, "h = 'odd', but it must be one of .*'identity'"),
    ],
)
def test_bad_input_is_named(change, message):
    dense = random_problem(np.random.default_rng(24))
    options = {"x": np.zeros(3)} | change
    x = options.pop("x")
    with pytest.raises(ValueError, match=message):
        certify(dense.A1, dense.A2, dense.b, x, **options)
