"""Dense oracles of the paper's problem: n x n matrices and loops, no tricks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sksoftnewton._activations import get_activation
from sksoftnewton._attention import Attention

SMOOTH = ("identity", "softplus", "exp", "tanh", "sigmoid")


@dataclass(frozen=True)
class DenseProblem:
    """The problem by its definition, with B(z) as an n x n matrix."""

    A1: np.ndarray
    A2: np.ndarray
    b: np.ndarray
    h: str
    w: np.ndarray

    def softmax(self, z):
        e = np.exp(z - z.max())
        return e / e.sum()

    def phi(self, z):
        c = get_activation(self.h).value(self.A2 @ self.softmax(z)) - self.b
        return 0.5 * np.sum(c**2)

    def value(self, x):
        z = self.A1 @ x
        return self.phi(z) + 0.5 * np.sum((self.w * z) ** 2)

    def S(self, z):  # noqa: N802
        f = self.softmax(z)
        return np.diag(f) - np.outer(f, f)

    def phi_gradient(self, z):
        h = get_activation(self.h)
        u = self.A2 @ self.softmax(z)
        return self.S(z) @ self.A2.T @ (h.d1(u) * (h.value(u) - self.b))

    def gradient(self, x):
        z = self.A1 @ x
        return self.A1.T @ (self.phi_gradient(z) + self.w**2 * z)

    def B(self, z):  # noqa: N802
        """Second derivative of Phi in z: S A2ᵀ diag(g) A2 S + diag(s) − s fᵀ − f sᵀ."""
        h = get_activation(self.h)
        f, S = self.softmax(z), self.S(z)
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
        f = self.softmax(z)
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


def attention(dense, *, sparse_A1=False, A2="dense"):  # noqa: N803
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
