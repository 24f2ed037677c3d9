"""The rows that `partial_fit` remembers, and when it searches anew.

A posterior of earlier rows, the Gauss–Newton matrix of the parameters, would remember
them in less space. But it belongs to the width, features, ramps and scales that the
first rows chose, and to a model that is linear about the parameters of that time: on
rows that come in any order it fails (docs/benchmarks/streams.py). Rows do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]

# As many as a fit makes its choices on.
MOST_ROWS = 10_000
# Width, features and scales are chosen anew once so many times as many rows were seen.
GROWTH = 1.5


@dataclass(frozen=True)
class Memory:
    """A sample of all rows seen, in their order; each has the same chance to be in it.

    Attributes
    ----------
    X : ndarray or CSR of shape (n, n_features)
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,), positive
    keys : ndarray of shape (n,), random numbers; the rows of the least ones are kept
    n_seen : int, rows seen so far
    n_searched : int, rows seen at the last search; 0 before it
    parameters : str, of the estimator at that time
    """

    X: Any
    Y: Array
    weight: Array
    keys: Array
    n_seen: int = 0
    n_searched: int = 0
    parameters: str = ""

    @classmethod
    def empty(cls, X: Any, Y: Array) -> Memory:
        """No rows, of the kind that the given ones are."""
        return cls(X[:0], Y[:0], np.zeros(0), np.zeros(0))

    def with_rows(self, X: Any, Y: Array, weight: Array, seed: int) -> Memory:
        """The sample after more rows.

        Raises
        ------
        ValueError
            For rows of another kind.
        """
        if self.Y.shape[1] != Y.shape[1]:
            raise ValueError(
                f"y has {Y.shape[1]} outputs, but {self.Y.shape[1]} in earlier calls "
                "to partial_fit."
            )
        if sp.issparse(X) != sp.issparse(self.X):
            now, before = ("sparse", "dense") if sp.issparse(X) else ("dense", "sparse")
            raise ValueError(
                f"X is {now}, but it was {before} in earlier calls to partial_fit."
            )
        counted = np.flatnonzero(weight)  # a weight of zero is no row
        rng = np.random.default_rng([self.n_seen, seed])
        keys = np.concatenate([self.keys, rng.random(len(counted))])
        kept = np.arange(len(keys))
        if len(keys) > MOST_ROWS:
            kept = np.sort(np.argpartition(keys, MOST_ROWS)[:MOST_ROWS])
        stack = sp.vstack if sp.issparse(X) else np.concatenate
        return replace(
            self,
            X=stack([self.X, X[counted]])[kept],
            Y=np.concatenate([self.Y, Y[counted]])[kept],
            weight=np.concatenate([self.weight, weight[counted]])[kept],
            keys=keys[kept],
            n_seen=self.n_seen + len(counted),
        )

    def is_due(self, parameters: str) -> bool:
        """Whether to search anew: rows are many more, or parameters have changed."""
        grown = self.n_seen >= GROWTH * self.n_searched
        return grown or parameters != self.parameters

    def searched(self, parameters: str) -> Memory:
        """The same after a search."""
        return replace(self, n_searched=self.n_seen, parameters=parameters)
