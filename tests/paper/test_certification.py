"""Fields of the certificate against dense references, and points without one."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._paper import geometry
from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.kantorovich import theoretical_rate
from sksoftnewton._paper.regression import two_layer_softmax_regression
from tests.references_paper import (
    SMOOTH,
    DenseProblem,
    certificate_of,
    constants_of,
    energy_norm,
    pairwise,
    random_problem,
    solved,
)


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
    fields = [
        "beta",
        "w2_required_diameter",
        "lipschitz_euclidean",
        "lambda_min",
        "gamma",
    ]
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
    monkeypatch.setattr(geometry, "PAIRWISE_ROWS", 10)
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


@pytest.mark.parametrize("w", [0.0, 1.0])
def test_a_direction_that_A1_does_not_see_is_not_certified(w):  # noqa: N802
    """Dependent columns: the Hessian is singular, whatever rounding makes of it."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        A1 = rng.standard_normal((40, 3))
        A1[:, 2] = A1[:, :2] @ rng.standard_normal(2)
        A2, b = rng.standard_normal((3, 40)), rng.standard_normal(3)
        x = two_layer_softmax_regression(A1, A2, b, w=w, certificate=False).x
        for c in (certify(A1, A2, b, x, w=w), certify(A1, A2, b, np.zeros(3), w=w)):
            assert not c.certified
            assert np.isnan([c.strong_convexity, c.distance, c.radius_euclidean]).all()
            assert np.isinf(c.w2_required_diameter)


def test_columns_of_very_different_length_are_certified():
    """Rounding is judged column by column: the condition number is 10²⁴ here."""
    rng = np.random.default_rng(25)
    dense = random_problem(rng, n=40, d=3, m=2, w=1.0)
    x = solved(dense)
    units = 10.0 ** np.array([-6, 0, 6])
    expected = certificate_of(dense, x)
    c = certify(dense.A1 * units, dense.A2, dense.b, x / units, w=dense.w)
    assert c.certified
    assert_allclose(c.radius_H, expected.radius_H, rtol=1e-6)
    assert c.condition_number > 1e20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros(4)}, "x has length 4, but the number of columns of A1 is 3"),
        ({"x0": np.zeros(4)}, "x0 has length 4, but .* 3"),
        ({"x": [np.nan, 0, 0]}, "x is nan at position 0"),
    ],
)
def test_bad_input_is_named(change, message):
    dense = random_problem(np.random.default_rng(24))
    options = {"x": np.zeros(3)} | change
    x = options.pop("x")
    with pytest.raises(ValueError, match=message):
        certify(dense.A1, dense.A2, dense.b, x, **options)
