"""Leverage scores, row sampling and the spectral sparsifier AᵀD̃A ≈ AᵀDA.

A row is kept with probability p_i = min(1, ρ τ_i), independently of the others,
and divided by p_i. With τ_i the leverage scores of |D|^½ A and

    ρ = 2 (1 + ε/3) ln(2 d / δ) / ε²

the matrix Bernstein inequality gives −ε Aᵀ|D|A ⪯ AᵀD̃A − AᵀDA ⪯ ε Aᵀ|D|A with
probability at least 1 − δ, from ρ d rows at most in expectation: whitened, each
term is bounded by 1/ρ and the variance by 1/ρ. Scores that are too large keep
this true and cost rows; approximate scores are covered by measurement only.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import clarkson_woodruff_transform

from sksoftnewton._matrices import (
    Matrix,
    check_matrix,
    check_vector,
    dense_rows,
    row_slices,
    scaled_rows,
)
from sksoftnewton._paper.parameters import (
    LEVERAGE_SCORES,
    SPARSIFIER,
    check_options,
    check_size,
)

Array = NDArray[np.float64]
Seed = int | np.random.Generator | np.random.SeedSequence | None

FAILURE_PROBABILITY = 0.01
# Rows of the CountSketch for each column of A.
COUNT_SKETCH_ROWS = 20
# Johnson–Lindenstrauss directions. With 16 the scores of one-hot rows, which
# share one error a level, missed ε = 0.1 in 2 % of draws; with 64 in 0 of 300.
JL_DIRECTIONS = 64
# Singular values below this share of the largest are rank deficiency.
RANK_TOLERANCE = 1e-10


class Sparsifier(NamedTuple):
    """Rows kept, and the diagonal of D̃ on them.

    AᵀD̃A = A[rows].T @ (weights[:, None] * A[rows]).

    Attributes
    ----------
    rows : ndarray of int, shape (k,), increasing
    weights : ndarray of shape (k,), D_i / p_i
    """

    rows: NDArray[np.intp]
    weights: Array


def leverage_scores(
    A: Any, D: Any = None, *, exact: bool = False, random_state: Seed = None
) -> Array:
    """Leverage scores of |D|^½ A: τ_i = |D_i| a_iᵀ (Aᵀ|D|A)⁺ a_i.

    Approximate scores cost O(nnz(A) min(d, 64) + d³): a CountSketch of 20 d rows
    (`scipy.linalg.clarkson_woodruff_transform`), its SVD, and a
    Johnson–Lindenstrauss projection to 64 directions where d is larger.

    Parameters
    ----------
    A : array or CSR array of shape (n, d)
    D : array of shape (n,), optional
        Weights of the rows, of any sign; ones by default.
    exact : bool
        By QR of all rows, in blocks: O(n d²).
    random_state : int, Generator, SeedSequence or None

    Returns
    -------
    ndarray of shape (n,), without unit: in [0, 1] and with sum rank(A) where
    exact.

    Raises
    ------
    ValueError
        For entries that are not finite, shapes that do not match and sparse
        formats other than CSR.
    """
    check_options("leverage_scores", LEVERAGE_SCORES, locals())
    A = check_matrix(A, "A")
    check_size(A, "A")
    n = A.shape[0]
    weights = np.ones(n) if D is None else np.abs(_check_weights(D, n))
    return _scores(A, weights, exact, np.random.default_rng(random_state))


def spectral_sparsifier(
    A: Any,
    D: Any,
    epsilon: float,
    *,
    sampling: Literal["leverage", "uniform"] = "leverage",
    failure_probability: float = FAILURE_PROBABILITY,
    exact_scores: bool = False,
    random_state: Seed = None,
) -> Sparsifier:
    """Rows of A and weights with AᵀD̃A within (1 ± epsilon) of AᵀDA.

    For D ≥ 0, with probability 1 − failure_probability,
    (1 − ε) AᵀDA ⪯ AᵀD̃A ⪯ (1 + ε) AᵀDA. Where D has negative entries, rows are
    drawn by the leverage of |D| and keep their signs; the error is then at most
    ε Aᵀ|D|A. Where half of the rows or more would be kept, all are, with D̃ = D.

    Parameters
    ----------
    A : array or CSR array of shape (n, d)
    D : array of shape (n,)
    epsilon : 0, or float in [1e-8, 1)
        0 keeps every row.
    sampling : {"leverage", "uniform"}
        Uniform sampling draws as many rows, without any guarantee.
    failure_probability : float in (0, 1)
    exact_scores : bool
        The probability is proven with exact leverage scores only.
    random_state : int, Generator, SeedSequence or None

    Raises
    ------
    ValueError
        As `leverage_scores`, and for numbers outside of their ranges.
    """
    check_options("spectral_sparsifier", SPARSIFIER, locals())
    A = check_matrix(A, "A")
    check_size(A, "A")
    D = _check_weights(D, A.shape[0])
    n, d = A.shape
    if epsilon == 0:
        return all_rows(D)
    rng = np.random.default_rng(random_state)
    rate = sampling_rate(d, epsilon, failure_probability)
    if sampling == "uniform":
        return draw_rows(np.full(n, d / n), D, rate, rng)
    return draw_rows(_scores(A, np.abs(D), exact_scores, rng), D, rate, rng)


def sampling_rate(d: int, epsilon: float, failure_probability: float) -> float:
    """ρ of the module's docstring, for epsilon > 0."""
    log_term = float(np.log(2 * d) - np.log(failure_probability))
    return 2 * (1 + epsilon / 3) * log_term / epsilon**2


def all_rows(D: Array) -> Sparsifier:
    """The sparsifier that keeps everything."""
    return Sparsifier(np.arange(len(D)), D)


def draw_rows(
    scores: Array, D: Array, rate: float, rng: np.random.Generator
) -> Sparsifier:
    """Each row with probability min(1, rate · score); all if that is half of them."""
    p = np.minimum(1, rate * scores)
    if 2 * p.sum() >= len(D):
        return all_rows(D)
    rows = np.flatnonzero(rng.random(len(D)) < p)
    return Sparsifier(rows, D[rows] / p[rows])


class ReusedScores:
    """Leverage scores of |D|^½ A for a D that changes a little between calls.

    Scores for D₀ bound those for D from above: for any κ, with T the sum of the
    τ_i(D₀) over the rows with D_i < D₀_i / κ,

        τ_i(D) ≤ κ / (1 − T) · (D_i / D₀_i) τ_i(D₀),

    since the other rows alone give AᵀDA ⪰ (1 − T)/κ AᵀD₀A. The best of a few κ is
    used while it asks for at most ``SLACK`` times as many rows, and the scores are
    computed anew otherwise.
    """

    SLACK = 1.5
    KAPPAS = (1.01, 1.05, 1.1, 1.2, 1.4)

    def __init__(self, A: Matrix, rng: np.random.Generator) -> None:
        self._A, self._rng = A, rng
        self._D0: Array | None = None
        self._scores0 = np.empty(0)
        self.n_computed = 0

    def at(self, D: Array) -> Array:
        """Upper bounds of the scores for D ≥ 0, shape (n,)."""
        if self._D0 is not None and (self._D0 > 0).all():
            ratio = D / self._D0
            growth = self._growth(ratio)
            if np.isfinite(growth):
                scores = np.minimum(1, growth * ratio * self._scores0)
                if scores.sum() <= self.SLACK * self._scores0.sum():
                    return np.asarray(scores)
        self._D0, self._scores0 = D, _scores(self._A, D, False, self._rng)
        self.n_computed += 1
        return self._scores0

    def _growth(self, ratio: Array) -> float:
        """The smallest κ/(1 − T), infinite where every T reaches one."""
        shrunk = ((k, self._scores0[k * ratio < 1].sum()) for k in self.KAPPAS)
        return min((k / (1 - T) for k, T in shrunk if T < 1), default=np.inf)


def _check_weights(D: Any, n: int) -> Array:
    weights: Array = check_vector(D, "D", n, "the number of rows of A is")
    check_size(weights, "D")
    return weights


def _scores(A: Matrix, D: Array, exact: bool, rng: np.random.Generator) -> Array:
    """Leverage scores of D^½ A for D ≥ 0."""
    factor = _triangular_factor(A, D) if exact else _count_sketch(A, D, rng)
    whitening = _whitening(factor)
    rank = whitening.shape[1]
    if not exact and rank > JL_DIRECTIONS:
        projection = rng.standard_normal((rank, JL_DIRECTIONS))
        whitening = whitening @ (projection / np.sqrt(JL_DIRECTIONS))
    scores = np.empty(len(D))
    for rows in row_slices(A):
        scores[rows] = np.sum((A[rows] @ whitening) ** 2, axis=1)
    return np.minimum(1, D * scores)


def _count_sketch(A: Matrix, D: Array, rng: np.random.Generator) -> Array:
    """S D^½ A for a CountSketch S, block of rows by block (their sketches add up)."""
    size = COUNT_SKETCH_ROWS * A.shape[1]
    root = np.sqrt(D)
    sketch = np.zeros((size, A.shape[1]))
    for rows in row_slices(A):
        block = scaled_rows(A[rows], root[rows])
        sketch += clarkson_woodruff_transform(block, size, rng)
    return sketch


def _triangular_factor(A: Matrix, D: Array) -> Array:
    """R with RᵀR = AᵀDA by QR, block of rows by block: no squared condition."""
    root = np.sqrt(D)
    R: Array = np.zeros((0, A.shape[1]))
    for rows, block in dense_rows(A):
        stacked = np.vstack([R, block * root[rows, None]])
        R = np.asarray(np.linalg.qr(stacked, mode="r"))
    return R


def _whitening(factor: Array) -> Array:
    """W with orthonormal factor @ W, shape (d, rank)."""
    _, sizes, Vt = np.linalg.svd(factor, full_matrices=False)
    kept = sizes > RANK_TOLERANCE * sizes[0]
    whitening: Array = Vt[kept].T / sizes[kept]
    return whitening
