"""What second derivatives are made of: sums over rows of products.

For output o let a = f ∘ (A2_o − u_o), r = ω h' c, and p the curvature of the residual
by u_o: ω h'², or ω (h'² + c h'') for the Hessian; in the Gauss–Newton matrix r counts
as 0. The second derivatives of a row are

    within A1        W ⊗ x xᵀ, W_ij = Σ_o p a_i a_j − r (f_i a_j + a_i f_j) + δ_ij r a_i
    of A1 and A2_o   C ⊗ x,    C_ij = (p a_i − r f_i) f_j + δ_ij r f_i
    within A2_o      p f fᵀ.

The largest part takes p²/4 multiply-adds a row for p parameters, see `Features`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._network.pairs import (
    SPARSE_PRODUCT,
    Features,
    by_entries,
    by_pairs,
    number_of_pairs,
)
from sksoftnewton._rows.scratch import Scratch
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]


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

    def of(self, f: Array, x: Features, targets: Array, weight: Array) -> Terms:
        """The sums over rows.

        Parameters
        ----------
        f : ndarray of shape (k, n), memberships
        x : Features
        targets : ndarray of shape (n_outputs, n)
        weight : ndarray of shape (n,), ω

        Returns
        -------
        first : ndarray, moments for W
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
        W = self.scratch("W", number_of_pairs(k), n)
        cross: list[Array] = []
        second: list[Array] = []
        unit = np.zeros(k)
        norms = x.norms
        for A2_o, u_o, g_o, p_o, r_o in zip(self.A2, u, g, p, r, strict=True):
            a = f * (A2_o[:, None] - u_o)
            unit += a**2 @ (g_o * norms)
            left = p_o * a
            if self.exact:
                left -= r_o * f
            self._add_pairs(W, left, a, f, r_o, first=not cross)
            cross.append(x.cross(left, f))
            if self.exact:
                cross[-1][np.arange(k), np.arange(k)] += x.outer(r_o * f)
            second.append((p_o * f) @ f.T)
        return x.moments(W, k), np.stack(cross), np.stack(second), unit, g @ (f**2).T

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


def product_work(
    k: int, n_coordinates: int, n_outputs: int, entries_per_row: float
) -> float:
    """Multiply-adds of the products of one row."""
    D, e = n_coordinates, entries_per_row
    if by_entries(e, D):
        pairs, entries = SPARSE_PRODUCT * e**2 / 2, SPARSE_PRODUCT * e
    else:
        pairs, entries = number_of_pairs(D) if by_pairs(k, D) else D**2, D
    return float(number_of_pairs(k) * pairs + n_outputs * k**2 * entries)
