"""What the hidden units are: how many rows they have, and what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.effects import CentredNetwork
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]

LEADING = 3  # features of a unit that are kept
LEAST_SHARE = 1e-300  # of a unit that no row belongs to


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
        Means of the features weighted by the membership, in the user's units.
    """

    share: Array
    leading: Index
    sign: Array
    mean: Array

    @classmethod
    def of(cls, network: CentredNetwork, X: Any, weight: Array) -> HiddenUnits:
        """The units of a network on weighted rows of all features."""
        shape = len(network.base), len(network.columns.used)
        share = np.zeros(shape[0])
        sums, first, second, mixed = np.zeros((4, *shape))
        for block in network.blocks(X):
            w = weight[block.rows]
            f = network.memberships(block) * w
            added = block.parts - block.parts.mean(axis=0)
            share += f.sum(axis=1)
            sums += f @ block.x.T
            first += added @ w
            second += added**2 @ w
            centred = (block.x - network.columns.features.mean[:, None]) * w
            mixed += np.einsum("kdn,dn->kd", added, centred)
        total = float(weight.sum())
        variance = second / total - (first / total) ** 2
        leading = np.argsort(-variance, axis=1, kind="stable")[:, :LEADING]
        means = sums / np.maximum(share, LEAST_SHARE * total)[:, None]
        return cls(
            share=share / total,
            leading=network.columns.used[leading],
            sign=np.sign(np.take_along_axis(mixed, leading, axis=1)),
            mean=np.take_along_axis(means, leading, axis=1),
        )
