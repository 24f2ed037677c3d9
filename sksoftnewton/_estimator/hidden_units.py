"""What the hidden units are: how many rows they have, and what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.effects import CentredNetwork
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.maps import Levels
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]

LEADING = 3  # features of a unit that are kept
LEAST_SHARE = 1e-300  # of a unit that no row belongs to, of the largest weight


@dataclass(frozen=True)
class HiddenUnits:
    """The hidden units, as the training rows see them.

    A feature leads a unit by the standard deviation of what it adds to the unit's
    logit, less the mean of what it adds to all logits.

    Attributes
    ----------
    share : ndarray of shape (n_hidden,), mean memberships
    leading : ndarray of int of shape (n_hidden, n_leading), features
    sign : ndarray of the same shape
        Whether more of the feature raises the membership (1), lowers it (−1), or
        neither (0).
    mean : ndarray of the same shape
        Means of the features weighted by the membership, in the user's units. Those of
        categories are of one level, the share of which is farthest above its share in
        all rows.
    level : ndarray of int of the same shape
        That level; 0 for numbers.
    """

    share: Array
    leading: Index
    sign: Array
    mean: Array
    level: Index

    @classmethod
    def of(cls, network: CentredNetwork, X: Any, weight: Array) -> HiddenUnits:
        """The units of a network on weighted rows of all features."""
        columns, basis = network.columns, network.columns.basis
        plain = basis.without_ramps()
        means = columns.moments.mean[basis.plain_columns]
        share = np.zeros(len(network.base))
        sums = np.zeros((len(share), len(means)))
        moments = _Moments.of(basis)
        weight = weight / weight.max()
        for block in network.blocks(X):
            w = weight[block.rows]
            f = network.memberships(block) * w
            share += f.sum(axis=1)
            sums += f @ block.columns[basis.plain_columns].T
            moments.add(block.columns / columns.moments.scale[:, None], w)
        total = float(weight.sum())
        coef = (network.hidden_coef - network.hidden_coef.mean(axis=0)) * (
            columns.moments.scale
        )
        variance, mixed = moments.of_logits(coef, total)
        leading = np.argsort(-variance, axis=1, kind="stable")[:, :LEADING]
        in_unit = means + sums / np.maximum(share, LEAST_SHARE)[:, None]
        level = _leading_levels(plain, in_unit - means)
        told = np.take_along_axis(plain.starts + level, leading, axis=1)
        return cls(
            share=share / total,
            leading=columns.used[leading],
            sign=np.sign(
                np.take_along_axis(mixed[:, basis.plain_columns], told, axis=1)
            ),
            mean=np.take_along_axis(in_unit, told, axis=1),
            level=np.take_along_axis(level, leading, axis=1),
        )


@dataclass(frozen=True)
class _Moments:
    """Weighted sums and second moments of the columns of each feature.

    Attributes
    ----------
    parts : list of slice, the columns of each feature
    first : ndarray of shape (n_columns,)
    second : list of ndarray of shape (r, r), for the r columns of each feature
    """

    parts: list[slice]
    first: Array
    second: list[Array]

    @classmethod
    def of(cls, basis: Basis) -> _Moments:
        ends = [*basis.starts[1:], basis.n_columns]
        parts = [slice(*both) for both in zip(basis.starts, ends, strict=True)]
        sizes = np.diff([*basis.starts, basis.n_columns])
        second = [np.zeros((r, r)) for r in sizes]
        return cls(parts, np.zeros(basis.n_columns), second)

    def add(self, x: Array, weight: Array) -> None:
        """Add rows of columns, (n_columns, n)."""
        weighted = x * weight
        self.first[:] += weighted.sum(axis=1)
        for part, second in zip(self.parts, self.second, strict=True):
            np.add(second, weighted[part] @ x[part].T, out=second)

    def of_logits(self, coef: Array, total: float) -> tuple[Array, Array]:
        """Of what features add to logits by coefficients, (n_hidden, n_columns).

        Returns
        -------
        variance : ndarray of shape (n_hidden, n_features)
        mixed : ndarray of shape (n_hidden, n_columns)
            Sums of its products with the columns of the feature.
        """
        variance = np.empty((len(coef), len(self.parts)))
        mixed = np.empty_like(coef)
        for d, (part, second) in enumerate(zip(self.parts, self.second, strict=True)):
            mixed[:, part] = coef[:, part] @ second
            mean_square = np.sum(mixed[:, part] * coef[:, part], axis=1) / total
            mean = coef[:, part] @ self.first[part] / total
            variance[:, d] = mean_square - mean**2
        return variance, mixed


def _leading_levels(plain: Basis, excess: Array) -> Index:
    """The level of each category that has the largest excess, 0 for numbers.

    Parameters
    ----------
    plain : Basis without ramps
    excess : ndarray of shape (n_hidden, n_columns)

    Returns
    -------
    ndarray of int of shape (n_hidden, n_features)
    """
    level = np.zeros((len(excess), len(plain.maps)), dtype=np.intp)
    for d, of_feature in enumerate(plain.maps):
        if isinstance(of_feature, Levels):
            level[:, d] = np.argmax(excess[:, plain.columns_of([d])], axis=1)
    return level
