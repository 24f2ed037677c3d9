"""The sketched metric: the curvature of L without its signs, from some of the rows.

The quasi-Newton iteration wants a positive definite matrix that costs little and is
right up to a factor near one; its pairs make up for the rest. It is

    B = A1ᵀ diag(|w² + r|) A1 + Jᵀ diag(|g|) J

(see `Curvature`), the first term from a sample of the rows, the second exact. B is
never below ∇²L but for the terms with a_f, and never indefinite.

A row is kept with probability min(1, s σ), where σ is the mean of three shares of one:
equal ones, those of the weights |w² + r|, and those of the leverage scores τ of the
weighted rows. The first two bound every weight 1/p in the sample; without coherence
they are all that is needed, and τ is left out. Scores are measured by the sample that
the first two draw ("Uniform sampling for matrix approximation", Cohen et al. 2015,
arXiv 1408.5099): with RᵀR the sampled matrix, τ_i = |w² + r|_i |R⁻ᵀ a_i|² is too large
rather than too small, more so where the sample missed a direction. A
Johnson–Lindenstrauss projection makes that one pass over A1 and no d x d x n product.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from sksoftnewton._matrices import Matrix, n_stored, row_slices, weighted_gram
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import TINY, Attention
from sksoftnewton._solver.points import Point
from sksoftnewton._solver.quasi_newton import Metric

Array = NDArray[np.float64]

# Directions of the projection. The scores are needed up to a factor of a few.
JL_DIRECTIONS = 8
# A1 is coherent if a row's score, at equal weights, is so many times the mean. Of a
# million normal rows the largest is 6 times the mean, by the projection alone.
COHERENT = 10.0
# Added to the sampled matrix, relative to the squared lengths of A1's columns, so that
# a direction that the sample missed has a score, and a huge one.
RIDGE = 1e-8
# A metric is kept while its weights change by less than this share of their sum.
UNLIKE = 0.25


class MetricSketch:
    """Draws the rows of a metric at a point; knows whether A1 is coherent.

    Parameters
    ----------
    problem : Attention
    size : int, rows that are drawn, about
    rng : numpy.random.Generator

    Attributes
    ----------
    coherent : bool or None
        Whether rows are drawn by their leverage too; None before the first metric
        in which a row has a weight.
    latest : Metric, the last one made
    """

    latest: Metric
    _weights: Array

    def __init__(self, problem: Attention, size: int, rng: np.random.Generator) -> None:
        self.problem, self.size = problem, size
        self.coherent: bool | None = None
        self._rng = rng
        self._lengths: Array | None = None

    def __call__(self, point: Point, worn_out: bool = True) -> Metric:
        """The metric at a point: a new one if the latest is ``worn_out``, or unlike."""
        curvature = Curvature(self.problem, point.theta)
        weights = np.abs(curvature.diagonal)
        if not worn_out:
            change = float(np.abs(weights - self._weights).sum())
            if change <= UNLIKE * float(self._weights.sum()):
                old = self.latest
                return Metric(old.matrix, old.diagonal, 0.0, old.sketch_size)
        self._weights = weights
        gram, rows = self._draw(weights)
        work = float(rows * self.problem.d**2)
        if self.coherent is None and weights.any():
            lengths = self._measured(gram, weights)
            self.coherent = bool(lengths.max() > COHERENT * lengths.mean())
            work += n_stored(self.problem.A1) * JL_DIRECTIONS
            if self.coherent:
                self._lengths = lengths
                gram, rows = self._draw(weights)
                work *= 2
        low_rank, diagonal = curvature.unsigned_low_rank()
        work += n_stored(self.problem.A1) * self._n_outputs()
        self.latest = Metric(gram + low_rank, diagonal, work, rows)
        return self.latest

    def definite(self) -> Array:
        """The latest matrix, positive definite by a ridge, shape (d, d)."""
        matrix: Array = np.diag(np.maximum(RIDGE * self.latest.diagonal, TINY))
        return matrix if self.latest.matrix is None else matrix + self.latest.matrix

    def _n_outputs(self) -> int:
        return 0 if self.problem.A2 is None else self.problem.A2.shape[0]

    def _draw(self, weights: Array) -> tuple[Array, int]:
        """A1ᵀ diag(weights) A1 from a sample of the rows, and how many it took."""
        p = np.minimum(1, self.size * row_shares(weights, self._lengths))
        rows = np.flatnonzero(self._rng.random(len(p)) < p)
        return weighted_gram(self.problem.A1[rows], weights[rows] / p[rows]), len(rows)

    def _measured(self, gram: Array, weights: Array) -> Array:
        """|R⁻ᵀ a_i|² of all rows, RᵀR the sampled matrix, shape (n,)."""
        squares = self.problem.column_squares
        ridge = np.maximum(RIDGE * squares * float(weights.mean()), TINY)
        return squared_lengths(self.problem.A1, gram, ridge, self._rng)


def row_shares(weights: Array, lengths: Array | None = None) -> Array:
    """The probabilities σ of the rows, of sum one; ``lengths`` where scores matter."""
    n, total = len(weights), float(weights.sum())
    shares = [np.full(n, 1 / n)]
    if total > 0:
        shares.append(weights / total)
        if lengths is not None:
            scores = np.minimum(1, weights * lengths)
            shares.append(scores / scores.sum())
    return np.asarray(sum(shares) / len(shares))


def squared_lengths(
    A: Matrix, gram: Array, ridge: Array, rng: np.random.Generator
) -> Array:
    """About |R⁻ᵀ a_i|² of the rows a_i, for RᵀR = gram + diag(ridge), shape (n,).

    By a projection of R⁻ᵀ a_i to `JL_DIRECTIONS` random directions: a relative
    deviation of ½, at one product of A with as many columns.
    """
    factor = np.linalg.cholesky(gram + np.diag(ridge)).T
    directions = rng.standard_normal((A.shape[1], JL_DIRECTIONS))
    whitened = solve_triangular(factor, directions / np.sqrt(JL_DIRECTIONS))
    if sp.issparse(A):
        return np.asarray(np.sum((A @ whitened) ** 2, axis=1))
    lengths = np.empty(A.shape[0])
    for rows in row_slices(A):
        lengths[rows] = np.sum((A[rows] @ whitened) ** 2, axis=1)
    return lengths
