"""The Hessian of the paper's problem: a diagonal part, and the rest of low rank."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._matrices import BLOCK_ELEMENTS, row_slices, weighted_gram
from sksoftnewton._paper.objective import TINY, Attention

Array = NDArray[np.float64]


class Curvature:
    """The Hessian at one x as A1ᵀ diag(w² + r) A1 plus terms of low rank.

    r = s, and s + f² ∘ g for A2 = I. Subtracting the f-mean of the rows gives,
    with a_f = A1ᵀ f and a_r = A1ᵀ r,

        Ãᵀ diag(r) Ã = A1ᵀ diag(r) A1 − a_r a_fᵀ − a_f a_rᵀ + (Σ r) a_f a_fᵀ.

    Attributes
    ----------
    f, row_weights : ndarray of shape (n,), softmax and r
    diagonal : ndarray of shape (n,), w² + r
    output_curvature : ndarray of shape (m,), g
    """

    def __init__(self, problem: Attention, x: Array) -> None:
        self.problem = problem
        self.at = at = problem.forward(x)
        h = problem.activation
        self.f = at.f
        self.q = problem.pulled(at)
        self.output_curvature: Array = h.d1(at.u) ** 2 + at.c * h.d2(at.u)
        self.row_weights = at.f * (self.q - at.f @ self.q)
        if problem.A2 is None:
            self.row_weights = self.row_weights + at.f**2 * self.output_curvature
        self.diagonal = problem.w2 + self.row_weights
        self.mean_row: Array = problem.A1.T @ at.f

    def hessian(self) -> Array:
        """∇²L, dense, shape (d, d)."""
        return weighted_gram(self.problem.A1, self.diagonal) + self.low_rank

    def hessian_work(self) -> float:
        """Multiply-adds of `hessian` (as if every row were dense)."""
        return float(self.problem.n * self.problem.d**2)

    @cached_property
    def low_rank(self) -> Array:
        """∇²L − A1ᵀ diag(w² + r) A1, shape (d, d)."""
        a_f, r = self.mean_row, self.row_weights
        a_r = self.problem.A1.T @ r
        half = np.outer(a_f, 0.5 * r.sum() * a_f - a_r)
        return half + half.T + self._output_terms[0]

    def metric(self) -> Array:
        """The damping metric, shape (d,), positive.

        Squared lengths of A1's columns, times one number: the mean over the
        coordinates of the curvature without its signs. So scaling a column of A1
        changes nothing, as with Marquardt's diag(H), but the metric keeps its
        shape and is positive where H is not. From far starts it led to lower
        minima than |diag(H)| did.
        """
        return self._metric(self._output_terms[1])

    def _metric(self, output_diagonal: Array) -> Array:
        squares = self.problem.column_squares
        level = float(np.mean(self.problem.w2 + np.abs(self.row_weights)))
        level += float(np.mean(output_diagonal / squares))
        return squares * max(level, TINY)

    def unsigned_low_rank(self) -> tuple[Array, Array]:
        """Jᵀ diag(|g|) J, shape (d, d), and the damping metric, from one pass for J."""
        gram, size = np.zeros((self.problem.d,) * 2), np.abs(self.output_curvature)
        for outputs, J in self._jacobian_rows():
            gram += J.T @ (size[outputs, None] * J)
        return (gram + gram.T) / 2, self._metric(gram.diagonal())

    @cached_property
    def _output_terms(self) -> tuple[Array, Array]:
        """Jᵀ diag(g) J and the diagonal of Jᵀ diag(|g|) J; zero for A2 = I."""
        d, g = self.problem.d, self.output_curvature
        gram, diagonal = np.zeros((d, d)), np.zeros(d)
        for outputs, J in self._jacobian_rows():
            gram += J.T @ (g[outputs, None] * J)
            diagonal += np.abs(g[outputs]) @ J**2
        return (gram + gram.T) / 2, diagonal

    def _jacobian_rows(self) -> Iterator[tuple[slice, Array]]:
        """J = (A2 − u) diag(f) A1, dense, a block of outputs at a time."""
        A1, A2, f, u = self.problem.A1, self.problem.A2, self.f, self.at.u
        if A2 is None:
            return
        if sp.issparse(A2):
            weighted = sp.csr_array(
                (A2.data * f[A2.indices], A2.indices, A2.indptr), shape=A2.shape
            )
            step = max(64, BLOCK_ELEMENTS // self.problem.d)
            for start in range(0, len(u), step):
                outputs = slice(start, min(start + step, len(u)))
                J = weighted[outputs] @ A1
                J = J.toarray() if sp.issparse(J) else J
                yield outputs, J - np.outer(u[outputs], self.mean_row)
            return
        J = np.zeros((len(u), self.problem.d))
        for rows in row_slices(A2.T):
            centred = (A2[:, rows] - u[:, None]) * f[rows]
            J += (A1[rows].T @ centred.T).T
        yield slice(None), J
