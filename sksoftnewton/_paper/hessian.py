"""The Hessian of the paper's problem with its diagonal part sparsified.

Only A1ᵀ diag(w² + r) A1 costs O(nnz(A1) d) or more; the rest of the Hessian has
low rank and stays exact (see `Curvature`). ε is the target error of the diagonal
part, relative to A1ᵀ diag(|w² + r|) A1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._matrices import n_stored, weighted_gram
from sksoftnewton._paper.curvature import Curvature
from sksoftnewton._paper.objective import Attention
from sksoftnewton._paper.rounding import up
from sksoftnewton._paper.sparsifier import (
    FAILURE_PROBABILITY,
    JL_DIRECTIONS,
    ReusedScores,
    Sparsifier,
    draw_rows,
    sampling_rate,
)
from sksoftnewton._paper.whitening import Whitening

Array = NDArray[np.float64]


class SketchedMatrix(NamedTuple):
    """An approximation of ∇²L.

    Attributes
    ----------
    matrix : ndarray of shape (d, d)
    rows : int, rows of A1 that it was made of
    exact : bool, whether these were all rows, with their own weights
    work : float, multiply-adds spent
    """

    matrix: Array
    rows: int
    exact: bool
    work: float


class HessianSketch:
    """Draws a fresh sparsifier of the diagonal part at every call.

    Parameters
    ----------
    problem : Attention
    sketch : {"leverage", "uniform", "frozen", "none"}
        "leverage" samples w² + r by the leverage of its absolute value.
        "frozen" forms A1ᵀ diag(w²) A1 once and samples r alone, to the same
        error relative to A1ᵀ diag(w² + |r|) A1: few rows where |r| << w².
        "uniform" samples as many rows as "leverage" without looking at them.
    epsilon : float in [0, 1)
        0 stands for "none".
    rng : numpy.random.Generator
    """

    def __init__(
        self, problem: Attention, sketch: str, epsilon: float, rng: np.random.Generator
    ) -> None:
        self.problem = problem
        self.sketch = sketch if epsilon > 0 else "none"
        self._rng = rng
        self._set_error(epsilon)
        self._scores = ReusedScores(problem.A1, rng)

    def _set_error(self, epsilon: float) -> None:
        self.epsilon, self.sample_size = epsilon, np.inf
        if self.sketch != "none":
            self._rate = sampling_rate(self.problem.d, epsilon, FAILURE_PROBABILITY)
            self.sample_size = self._rate * self.problem.d

    def refine(self) -> None:
        """Halve ε from the next draw on: four times as many rows."""
        self._set_error(self.epsilon / 2)

    def __call__(self, curvature: Curvature) -> SketchedMatrix:
        problem, scores_before = self.problem, self._scores.n_computed
        frozen = self.sketch == "frozen"
        weights = curvature.row_weights if frozen else curvature.diagonal
        kept = self._sample(weights)
        work = float(curvature.hessian_work())
        if kept is None:
            return SketchedMatrix(curvature.hessian(), problem.n, True, work)
        matrix = weighted_gram(problem.A1[kept.rows], kept.weights)
        if frozen:
            matrix += problem.penalty_gram
        work *= len(kept.rows) / problem.n
        if self._scores.n_computed > scores_before:
            work += n_stored(problem.A1) * min(problem.d, JL_DIRECTIONS)
        return SketchedMatrix(matrix + curvature.low_rank, len(kept.rows), False, work)

    def absolute_gram(self, curvature: Curvature, hessian: Array) -> Array:
        """The matrix to which ε is relative.

        It is A1ᵀ diag(|w² + r|) A1 or, for "frozen", A1ᵀ diag(w² + |r|) A1.
        """
        weights = np.abs(curvature.diagonal)
        if self.sketch == "frozen":
            weights = self.problem.w2 + np.abs(curvature.row_weights)
        if np.array_equal(weights, curvature.diagonal):
            return hessian - curvature.low_rank
        return weighted_gram(self.problem.A1, weights)

    def _sample(self, weights: Array) -> Sparsifier | None:
        """Rows for A1ᵀ diag(weights) A1; None where half of them or more are due."""
        n, d = self.problem.A1.shape
        if self.sketch == "none":
            return None
        if self.sketch == "uniform":
            scores = np.full(n, d / n)
        else:
            size = np.abs(weights)
            share = np.ones(n)
            if self.sketch == "frozen":
                size = size + self.problem.w2
                share = np.abs(weights) / np.where(size > 0, size, 1)
            # Not worth a pass over A1 where even d rows of full leverage are many.
            if self.sample_size * share.max() >= n:
                return None
            scores = share * self._scores.at(size)
        kept = draw_rows(scores, weights, self._rate, self._rng)
        return None if len(kept.rows) == n else kept


class MeasuredSketch(NamedTuple):
    """One draw compared with the exact Hessian H; upper bounds.

    Attributes
    ----------
    eps : float, smallest ε with (1 − ε) H ⪯ H̃ ⪯ (1 + ε) H
        0 where no row is left out: H̃ is ∇²L then, up to its own rounding.
    gamma : float, λ_max(H⁻¹ A1ᵀ|D|A1), which magnifies the diagonal part's error
    rows : int, rows kept
    promised : float
        Bound of ``eps`` that holds with probability 0.99; infinite for uniform
        sampling.
    """

    eps: float
    gamma: float
    rows: int
    promised: float


def measure_sketch(
    curvature: Curvature, H: Array, whitening: Whitening | None, draw: HessianSketch
) -> MeasuredSketch:
    """The error of a fresh draw; nan where H is not proven positive definite."""
    drawn = draw(curvature)
    if whitening is None:
        promised = 0.0 if drawn.exact else np.nan
        return MeasuredSketch(np.nan, np.nan, drawn.rows, promised)
    gamma = whitening.largest_of(draw.absolute_gram(curvature, H))
    if drawn.exact:
        return MeasuredSketch(0.0, gamma, drawn.rows, 0.0)
    error = drawn.matrix - H
    largest = max(whitening.largest_of(error), whitening.largest_of(-error))
    promised = np.inf if draw.sketch == "uniform" else up(draw.epsilon * gamma)
    return MeasuredSketch(largest, gamma, drawn.rows, promised)
