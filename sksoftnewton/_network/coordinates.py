"""Other coordinates for the first layer: row space of wide data, whitened features."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.interface import RANK_TOLERANCE, range_of
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]


class RowSpace:
    """Exact coordinates of wide data (more features than rows) in its row space.

    A pivoted Cholesky factor of the kernel, X Xᵀ = P L Lᵀ Pᵀ with L of rank r,
    gives X = Z Q with Z = P L (n x r) and Q = L₁₁⁻¹ X_pivots, whose rows are
    orthonormal. Rows of A1 orthogonal to Q change no prediction, and a ridge
    penalty makes them zero, so A1 Qᵀ holds everything.

    Attributes
    ----------
    rows : Rows with the r columns of Z as features
    """

    def __init__(self, rows: Rows) -> None:
        kernel = rows.kernel
        # dpstrf keeps pivots above an absolute tolerance.
        tolerance = RANK_TOLERANCE * max(float(kernel.diagonal().max()), 0.0)
        factor, pivots, rank, _ = dpstrf(kernel, tol=tolerance, lower=1)
        rank = max(int(rank), 1)
        pivots = pivots - 1
        Z = np.zeros((rows.n_rows, rank))
        Z[pivots] = np.tril(factor)[:, :rank]
        self._factor = np.tril(factor[:rank, :rank])
        if not self._factor[0, 0] > 0:  # every feature is constant
            self._factor[0, 0] = 1.0
        self._pivots = rows.block(pivots[:rank])
        self.rows = Rows(
            Z,
            rows.targets,
            rows.weight,
            Standardisation.identity(rank),
            n_threads=rows.n_threads,
        )

    def project(self, A1: Array) -> Array:
        """A1 Qᵀ: from the features of X to those of Z (constant kept last)."""
        without = np.hstack([A1[:, :-1], np.zeros((len(A1), 1))])
        at_pivots = self._pivots.logits(without)
        inner = solve_triangular(self._factor, at_pivots.T, lower=True).T
        return np.hstack([inner, A1[:, -1:]])

    def without_rows(self) -> RowSpace:
        """The map alone, for predictions: it keeps the pivot rows only."""
        part = copy.copy(self)
        del part.rows
        return part

    def coordinates(self, block: Block) -> Array:
        """Q x of other rows with the same features, shape (r, n)."""
        pivots = self._pivots.all_dense().T.copy()
        pivots[:, -1] = 0
        inner: Array = solve_triangular(
            self._factor, block.logits(pivots), lower=True, check_finite=False
        )
        return inner

    def lift(self, A1: Array) -> Array:
        """A1 Q: from the features of Z to those of X."""
        inner = solve_triangular(self._factor, A1[:, :-1].T, lower=True, trans=1).T
        return np.hstack([self._pivots.outer(inner)[:, :-1], A1[:, -1:]])


class Whitening:
    """Coordinates in which the features have unit second moments.

    ``map`` (r x n_features) satisfies map M mapᵀ = I for the second moments M;
    A1 of the features is Ã map, and |Ã|² is the weighted mean of |A1 x|².
    """

    def __init__(self, moments: Array) -> None:
        values, vectors = range_of(moments)
        # Where every feature is constant, one coordinate is left that stays zero.
        self.map = (vectors / np.sqrt(np.where(values > 0, values, 1.0))).T
        self._inverse = (vectors * np.sqrt(values)).T

    def coordinates(self, features: Array) -> Array:
        """map x of rows with a last feature of ones, which is kept, (r + 1, n)."""
        return np.vstack([self.map @ features[:-1], features[-1:]])

    def project(self, A1: Array) -> Array:
        return np.hstack([A1[:, :-1] @ self._inverse.T, A1[:, -1:]])

    def lift(self, A1: Array) -> Array:
        return np.hstack([A1[:, :-1] @ self.map, A1[:, -1:]])


@dataclass(frozen=True)
class Coordinates:
    """From rows in the user's units to the coordinates of the first layer.

    Attributes
    ----------
    features : Standardisation of the columns of the basis
    used : ndarray of int, the columns of X in use
    basis : Basis of the columns of X in use
    row_space, whitening : applied after it, or None
    """

    features: Standardisation
    used: Index
    basis: Basis
    row_space: RowSpace | None
    whitening: Whitening | None

    def __call__(self, block: Block) -> tuple[Array, Array]:
        """Coordinates with a last one of ones, and the square norm they leave out.

        Returns
        -------
        x : ndarray of shape (n_coordinates + 1, n)
        outside : ndarray of shape (n,)
            |x|² of the part orthogonal to the training rows (wide data).
        """
        n = block.weight.size
        outside = np.zeros(n)
        if self.row_space is None:
            x = block.all_dense()
        else:
            x = np.vstack([self.row_space.coordinates(block), np.ones((1, n))])
            inside = np.sum(x[:-1] ** 2, axis=0)
            outside = np.maximum(block.square_norms() - inside, 0.0)
        if self.whitening is not None:
            x = self.whitening.coordinates(x)
            outside = np.zeros(n)  # no penalty and no data there: left out
        return x, outside
