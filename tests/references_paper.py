"""Dense oracles of the paper's problem: n x n matrices and loops, no tricks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from hypothesis import settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from sksoftnewton._activations import get_activation
from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.constants import OutputConstants
from sksoftnewton._paper.geometry import OutputHull
from sksoftnewton._paper.objective import Attention, check_problem
from sksoftnewton._paper.regression import two_layer_softmax_regression

SMOOTH = ("identity", "softplus", "exp", "tanh", "sigmoid")

# For attacks on bounds: the same examples in every run.
deterministic = settings(derandomize=True, deadline=None, max_examples=150)
seeds = st.integers(0, 2**32 - 1)
smooth_h = st.sampled_from(SMOOTH)


@dataclass(frozen=True)
class DenseProblem:
    """The problem by its definition, with B(z) as an n x n matrix."""

    A1: np.ndarray
    A2: np.ndarray
    b: np.ndarray
    h: str
    w: np.ndarray

    def phi(self, z):
        c = get_activation(self.h).value(self.A2 @ softmax(z)) - self.b
        return 0.5 * np.sum(c**2)

    def value(self, x):
        z = self.A1 @ x
        return self.phi(z) + 0.5 * np.sum((self.w * z) ** 2)

    def S(self, z):  # noqa: N802
        f = softmax(z)
        return np.diag(f) - np.outer(f, f)

    def phi_gradient(self, z):
        h = get_activation(self.h)
        u = self.A2 @ softmax(z)
        return self.S(z) @ self.A2.T @ (h.d1(u) * (h.value(u) - self.b))

    def gradient(self, x):
        z = self.A1 @ x
        return self.A1.T @ (self.phi_gradient(z) + self.w**2 * z)

    def B(self, z):  # noqa: N802
        """Second derivative of Phi in z: S A2ᵀ diag(g) A2 S + diag(s) − s fᵀ − f sᵀ."""
        h = get_activation(self.h)
        f, S = softmax(z), self.S(z)
        u = self.A2 @ f
        c = h.value(u) - self.b
        g = h.d1(u) ** 2 + c * h.d2(u)
        s = self.phi_gradient(z)
        outer = S @ self.A2.T @ np.diag(g) @ self.A2 @ S
        return outer + np.diag(s) - np.outer(s, f) - np.outer(f, s)

    def hessian(self, x):
        z = self.A1 @ x
        return self.A1.T @ (self.B(z) + np.diag(self.w**2)) @ self.A1

    def third_derivative(self, z, v):
        """D³Phi(z)[v, v, v] by joint cumulants of A2's rows and v under f."""
        h = get_activation(self.h)
        f = softmax(z)
        u = self.A2 @ f
        a = self.A2 - u[:, None]
        t = v - f @ v
        variance = f @ t**2
        u1, u2 = a @ (f * t), a @ (f * t**2)
        u3 = a @ (f * t**3) - 3 * variance * u1
        c = h.value(u) - self.b
        h1, h2, h3 = h.d1(u), h.d2(u), h.d3(u)
        first = (3 * h1 * h2 + c * h3) * u1**3
        return np.sum(first + 3 * (h1**2 + c * h2) * u1 * u2 + h1 * c * u3)


def random_problem(rng, n=12, d=3, m=4, h="identity", w=0.3, scale=1.0):
    """A dense problem with iid normal matrices; A2 square when m is None."""
    A1 = rng.standard_normal((n, d))
    A2 = np.eye(n) if m is None else scale * rng.standard_normal((m, n))
    b = rng.standard_normal(len(A2))
    return DenseProblem(A1, A2, b, h, w * (1 + 0.2 * rng.random(n)))


def attention(dense, *, sparse_A1=False, A2="dense"):
    """The package's objective for a dense problem, in the chosen formats."""
    A1 = sp.csr_array(dense.A1) if sparse_A1 else dense.A1
    forms = {"dense": dense.A2, "csr": sp.csr_array(dense.A2), "identity": None}
    return Attention(A1, forms[A2], dense.b, get_activation(dense.h), dense.w)


def energy_norm(v, H):
    """|v|_H = sqrt(vᵀ H v)."""
    return float(np.sqrt(v @ H @ v))


def spectral_error(approximate, exact):
    """The smallest ε with (1 − ε) exact ⪯ approximate ⪯ (1 + ε) exact."""
    L = np.linalg.cholesky(exact)
    inverse = np.linalg.inv(L)
    return float(
        np.abs(np.linalg.eigvalsh(inverse @ (approximate - exact) @ inverse.T)).max()
    )


def pairwise(points, norm):
    return max(norm(p - q) for p in points for q in points)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


# -- problems ----------------------------------------------------------------------


def matrices(rng, n=300, d=4, m=3):
    return rng.standard_normal((n, d)), rng.standard_normal((m, n))


def planted(rng, h="identity", n=300, d=4, m=6, noise=0.0):
    """A problem whose outputs at ``x_true`` are b, up to noise."""
    A1, A2 = matrices(rng, n, d, m)
    x_true = rng.standard_normal(d)
    if h == "relu":  # where an output is off, it says nothing about x
        A2 = np.abs(A2)
    b = get_activation(h).value(A2 @ softmax(A1 @ x_true))
    return A1, A2, b + noise * rng.standard_normal(m), x_true


def far_problem(seed):
    """n = 1000, d = 8, w = 0.01: the Hessian is indefinite at most starts."""
    rng = np.random.default_rng(seed)
    A1, A2 = matrices(rng, n=1000, d=8)
    b = rng.standard_normal(3)
    x0 = rng.standard_normal(8) if seed % 2 else np.zeros(8)
    return A1, A2, b, x0


def theorys_problem(seed):
    """The paper's conditions hold: w² above what convexity asks for, x0 within the
    guaranteed radius, ε = 0.1, and n more than twice the sample size."""
    rng = np.random.default_rng(seed)
    h = SMOOTH[seed % len(SMOOTH)]
    n, d = 12_000, 3
    A1, A2, b, _ = planted(rng, h, n=n, d=d, m=2, noise=0.5)
    zero = certify(A1, A2, b, np.zeros(d), h=h, sketch="none")
    required = min(zero.w2_required_eig, zero.w2_required_diameter)
    w = np.sqrt(rng.choice([1.01, 1.5, 3.0]) * required)
    near = two_layer_softmax_regression(A1, A2, b, h=h, w=w, sketch="none")
    direction = rng.standard_normal(d)
    distance = 0.9 * near.certificate.radius_euclidean
    x0 = near.x + distance * direction / np.linalg.norm(direction)
    return A1, A2, b, h, w, x0


# -- certificates of dense problems ------------------------------------------------


def constants_of(dense):
    hull = OutputHull.of(dense.A2, dense.A2.shape[1])
    return OutputConstants(hull, get_activation(dense.h), dense.b)


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


def symmetric_saddle(n=3000, d=40, w=1e-3, seed=0):
    """Rows in pairs ±a with the same output: x = 0 is stationary, and no minimum."""
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((n, d))
    a2 = (half @ rng.standard_normal(d) / np.sqrt(d)) ** 2
    A1 = np.vstack([half, -half])
    return check_problem(A1, np.concatenate([a2, a2])[None], [9.0], "identity", w)


def small_problem(**change):
    """Arguments of the regression of nine rows, some of them others."""
    rng = np.random.default_rng(17)
    given = {
        "A1": rng.standard_normal((9, 3)),
        "A2": rng.standard_normal((2, 9)),
        "b": rng.standard_normal(2),
    }
    return given | change
