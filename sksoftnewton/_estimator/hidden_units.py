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
        columns = network.columns
        plain = columns.basis.without_ramps()
        means = columns.moments.mean[columns.basis.plain_columns]
        shape = len(network.base), len(columns.used)
        share = np.zeros(shape[0])
        first, second = np.zeros((2, *shape))
        sums, mixed = np.zeros((2, shape[0], len(means)))
        weight = weight / weight.max()
        for block in network.blocks(X):
            w = weight[block.rows]
            f = network.memberships(block) * w
            added = block.parts - block.parts.mean(axis=0)
            share += f.sum(axis=1)
            sums += f @ block.x.T
            first += added @ w
            second += added**2 @ w
            centred = (block.x - means[:, None]) * w
            mixed += np.einsum("kdn,dn->kd", added[:, plain.feature_of], centred)
        total = float(weight.sum())
        variance = second / total - (first / total) ** 2
        leading = np.argsort(-variance, axis=1, kind="stable")[:, :LEADING]
        in_unit = sums / np.maximum(share, LEAST_SHARE)[:, None]
        level = _leading_levels(plain, in_unit - means)
        told = np.take_along_axis(plain.starts + level, leading, axis=1)
        return cls(
            share=share / total,
            leading=columns.used[leading],
            sign=np.sign(np.take_along_axis(mixed, told, axis=1)),
            mean=np.take_along_axis(in_unit, told, axis=1),
            level=np.take_along_axis(level, leading, axis=1),
        )


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
