"""What second derivatives are made of: sums over rows of products.

For output o let a = f ∘ (A2_o − u_o), r = ω h' c, and p the curvature of the residual
by u_o: ω h'², or ω (h'² + c h'') for the Hessian; in the Gauss–Newton matrix r counts
as 0. The second derivatives of a row are

    within A1        W ⊗ x xᵀ, W_ij = Σ_o p a_i a_j − r (f_i a_j + a_i f_j) + δ_ij r a_i
    of A1 and A2_o   C ⊗ x,    C_ij = (p a_i − r f_i) f_j + δ_ij r f_i
    within A2_o      p f fᵀ.

W and x xᵀ are symmetric, so the largest part takes one product of the pairs of units
with the pairs of features, p²/4 multiply-adds a row for p parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# With more features a unit than this, making their pairs costs more than it saves.
FEATURES_PER_UNIT = 10


@dataclass(frozen=True)
class Products:
    """The sums of products of some rows at one point.

    Parameters
    ----------
    activation : Activation, h
    A2 : ndarray of shape (n_outputs, k)
    exact : bool, whether the products are the Hessian's
    scratch : Scratch
    """

    activation: Activation
    A2: Array
    exact: bool
    scratch: Scratch

    def of(self, f: Array, x: Array, targets: Array, weight: Array) -> Terms:
        """The sums over rows.

        Parameters
        ----------
        f : ndarray of shape (k, n), memberships
        x : ndarray of shape (D, n)
        targets : ndarray of shape (n_outputs, n)
        weight : ndarray of shape (n,), ω

        Returns
        -------
        first : ndarray, see `unfolded`
        cross : ndarray of shape (n_outputs, k, k, D)
        second : ndarray of shape (n_outputs, k, k)
        unit : ndarray of shape (k,), trace of JᵀJ over a unit's features
        output : ndarray of shape (n_outputs, k), diagonal of JᵀJ for A2
        """
        h = self.activation
        u = self.A2 @ f
        slope = h.d1(u)
        g = weight * slope**2
        p, r = g, np.zeros_like(g)
        if self.exact:
            c = weight * (h.value(u) - targets)
            p, r = g + c * h.d2(u), slope * c
        k, n = f.shape
        W = self.scratch("W", k * (k + 1) // 2, n)
        C = self.scratch("C", k, k, n)
        cross: list[Array] = []
        second: list[Array] = []
        unit = np.zeros(k)
        norms = np.sum(x**2, axis=0)
        for A2_o, u_o, g_o, p_o, r_o in zip(self.A2, u, g, p, r, strict=True):
            a = f * (A2_o[:, None] - u_o)
            unit += a**2 @ (g_o * norms)
            left = p_o * a
            if self.exact:
                left -= r_o * f
            self._add_pairs(W, left, a, f, r_o, first=not cross)
            np.multiply(left[:, None], f, out=C)
            if self.exact:
                C.reshape(k * k, n)[:: k + 1] += r_o * f
            cross.append((C.reshape(k * k, n) @ x.T).reshape(k, k, -1))
            second.append((p_o * f) @ f.T)
        first = _moments(W, x, k, self.scratch)
        return first, np.stack(cross), np.stack(second), unit, g @ (f**2).T

    def _add_pairs(
        self, W: Array, left: Array, a: Array, f: Array, r: Array, first: bool
    ) -> None:
        """Add one output's part to the pairs i ≤ j of W; the first one sets them."""
        k, n = a.shape
        scratch, start = self.scratch("pairs", k, n), 0
        for i in range(k):
            part, term = W[start : start + k - i], scratch[: k - i]
            if first:
                np.multiply(left[i], a[i:], out=part)
            else:
                part += np.multiply(left[i], a[i:], out=term)
            if self.exact:
                ra = r * a[i]
                part -= np.multiply(ra, f[i:], out=term)
                part[0] += ra
            start += k - i


def _moments(W: Array, x: Array, k: int, scratch: Scratch) -> Array:
    """Σ W_ij x xᵀ for every pair of units.

    Returns
    -------
    ndarray of shape (k (k + 1) / 2, D (D + 1) / 2), or, for many features,
    (k (k + 1) / 2, D, D).
    """
    D, n = x.shape
    if by_pairs(k, D):
        pairs, start = scratch("x pairs", D * (D + 1) // 2, n), 0
        for d in range(D):
            np.multiply(x[d], x[d:], out=pairs[start : start + D - d])
            start += D - d
        by_pair: Array = W @ pairs.T
        return by_pair
    moments = np.empty((len(W), D, D), dtype=x.dtype)
    weighted, start = scratch("x weighted", k, D, n), 0
    for i in range(k):
        here = slice(start, start + k - i)
        part = np.multiply(W[here, None], x, out=weighted[: k - i])
        moments[here] = (part.reshape(-1, n) @ x.T).reshape(-1, D, D)
        start += k - i
    return moments


def by_pairs(k: int, n_coordinates: int) -> bool:
    """Whether pairs of features are made for k units."""
    return n_coordinates <= FEATURES_PER_UNIT * k


def unfolded(first: Array, k: int, n_coordinates: int) -> Array:
    """The block of A1, shape (k D, k D), from the sums of `Products`."""
    D = n_coordinates
    if first.ndim == 2:
        first = np.take(first, _place_of_pair(D), axis=1)
    blocks = first[_place_of_pair(k)]  # (k, k, D, D)
    return blocks.transpose(0, 2, 1, 3).reshape(k * D, k * D)


@lru_cache(maxsize=32)
def _place_of_pair(n: int) -> Index:
    """Where the pair (i, j) or (j, i) stands among those with i ≤ j, (n, n)."""
    place = np.empty((n, n), dtype=np.intp)
    i, j = np.triu_indices(n)
    place[i, j] = place[j, i] = np.arange(len(i))
    return place


def product_work(k: int, n_coordinates: int, n_outputs: int) -> float:
    """Multiply-adds of the products of one row."""
    D = n_coordinates
    features = D * (D + 1) / 2 if by_pairs(k, D) else D**2
    return float(k * (k + 1) / 2 * features + n_outputs * k**2 * D)
