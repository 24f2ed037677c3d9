"""The paper's problem with 60 digits: the judge of what double precision claims."""

from __future__ import annotations

import mpmath as mp

mp.mp.dps = 60


def _expit(u):
    return 1 / (1 + mp.exp(-u))


def _sigmoid(u):
    s = _expit(u)
    return s, s * (1 - s), s * (1 - s) * (1 - 2 * s)


def _tanh(u):
    t = mp.tanh(u)
    return t, 1 - t**2, -2 * t * (1 - t**2)


# h and its first two derivatives.
ACTIVATIONS = {
    "identity": lambda u: (u, mp.mpf(1), mp.mpf(0)),
    "softplus": lambda u: (mp.log(1 + mp.exp(u)), *_sigmoid(u)[:2]),
    "exp": lambda u: (mp.exp(u),) * 3,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "relu": lambda u: (max(u, 0), mp.mpf(u > 0), mp.mpf(0)),
}


class ExactProblem:
    """L with its derivatives, by the definition of `DenseProblem`."""

    def __init__(self, A1, A2, b, h, w):
        self.A1, self.A2 = mp.matrix(A1.tolist()), mp.matrix(A2.tolist())
        self.b = [mp.mpf(v) for v in b.tolist()]
        self.w2 = [mp.mpf(v) ** 2 for v in w.tolist()]
        self.h = ACTIVATIONS[h]
        self.n, self.d, self.m = self.A1.rows, self.A1.cols, self.A2.rows

    def at(self, z):
        """f, s = dΦ/dz, and what B(z) is made of, for logits z."""
        shift = max(z)
        f = [mp.exp(v - shift) for v in z]
        total = mp.fsum(f)
        f = [v / total for v in f]
        u = [mp.fdot(row, f) for row in self.A2.tolist()]
        h = [self.h(v) for v in u]
        c = [value[0] - target for value, target in zip(h, self.b, strict=True)]
        pull = [value[1] * residual for value, residual in zip(h, c, strict=True)]
        g = [v[1] ** 2 + residual * v[2] for v, residual in zip(h, c, strict=True)]
        q = [mp.fdot(column, pull) for column in self.A2.T.tolist()]
        mean = mp.fdot(f, q)
        s = [fi * (qi - mean) for fi, qi in zip(f, q, strict=True)]
        return f, u, s, g

    def gradient(self, x):
        z = list(self.A1 * x)
        s = self.at(z)[2]
        v = [si + wi * zi for si, wi, zi in zip(s, self.w2, z, strict=True)]
        return self.A1.T * mp.matrix(v)

    def curvature_of(self, z, v):
        """vᵀ B(z) v / vᵀ v for v ∈ R^n."""
        f, u, s, g = self.at(z)
        mean = mp.fdot(f, v)
        rows = self.A2.tolist()
        slopes = [
            mp.fsum(
                fi * (a - uj) * (vi - mean) for fi, a, vi in zip(f, row, v, strict=True)
            )
            for row, uj in zip(rows, u, strict=True)
        ]
        centred = mp.fsum(si * (vi - mean) ** 2 for si, vi in zip(s, v, strict=True))
        bent = mp.fsum(gj * slope**2 for gj, slope in zip(g, slopes, strict=True))
        return (centred + bent) / mp.fdot(v, v)

    def hessian(self, x):
        f, u, s, g = self.at(list(self.A1 * x))
        mean = self.A1.T * mp.matrix(f)
        centred = mp.matrix(self.n, self.d)
        for i in range(self.n):
            for k in range(self.d):
                centred[i, k] = self.A1[i, k] - mean[k]
        J = mp.matrix(self.m, self.d)
        for j in range(self.m):
            shares = [f[i] * (self.A2[j, i] - u[j]) for i in range(self.n)]
            for k in range(self.d):
                J[j, k] = mp.fdot(shares, list(centred[:, k]))
        return (
            weighted_gram(self.A1, self.w2)
            + weighted_gram(centred, s)
            + weighted_gram(J, g)
        )

    def diagonal(self, x, identity):
        """w² + r, whose absolute value the sparsifier's error is relative to."""
        f, _, s, g = self.at(list(self.A1 * x))
        diagonal = [wi + si for wi, si in zip(self.w2, s, strict=True)]
        if identity:
            extra = [fi**2 * gi for fi, gi in zip(f, g, strict=True)]
            diagonal = [di + e for di, e in zip(diagonal, extra, strict=True)]
        return diagonal

    def minimiser(self, x):
        """Newton's limit from x, and whether it has one."""
        for _ in range(12):
            step = mp.lu_solve(self.hessian(x), self.gradient(x))
            x = x - step
            if mp.norm(step) <= mp.mpf(10) ** -45 * (1 + mp.norm(x)):
                return x, True
        return x, False


def weighted_gram(A, weights):
    gram = mp.matrix(A.cols, A.cols)
    columns = [list(A[:, k]) for k in range(A.cols)]
    for k in range(A.cols):
        for ell in range(k + 1):
            gram[k, ell] = gram[ell, k] = mp.fsum(
                w * a * b
                for w, a, b in zip(weights, columns[k], columns[ell], strict=True)
            )
    return gram


def eigenvalues(S):
    """Of a symmetric matrix, in increasing order."""
    return sorted(mp.eigsy(S, eigvals_only=True))


def relative_eigenvalues(G, H):
    """Of H⁻¹ G for symmetric matrices, H positive definite."""
    inverse = mp.inverse(mp.cholesky(H))
    return eigenvalues(inverse * G * inverse.T)


def energy_norm(v, H):
    return mp.sqrt((v.T * H * v)[0])
