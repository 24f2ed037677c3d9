"""What each feature does to predictions: the difference that leaving it out makes.

A feature is left out by putting all its columns at their means over the training rows.
Its effect on a prediction is the prediction less the one without it. In a linear model
that is β_j (x_j − mean).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]

BLOCK_ELEMENTS = 2**18  # logits made at a time


@dataclass(frozen=True)
class Block:
    """What a network makes of some rows.

    Attributes
    ----------
    rows : slice
    columns : ndarray of shape (n_columns, n), less their means
    logits : ndarray of shape (n_hidden, n)
    """

    rows: slice
    columns: Array
    logits: Array


@dataclass(frozen=True)
class Columns:
    """The features in use, and the columns of the basis that they enter as.

    Attributes
    ----------
    used : ndarray of int, the features in use
    basis : Basis of the features in use
    moments : Standardisation of the columns, over the training rows
    """

    used: Index
    basis: Basis
    moments: Standardisation

    @property
    def _features(self) -> Standardisation:
        """Moments of the features themselves."""
        return self.moments.take(self.basis.starts)

    def plain(self, X: Any) -> Array:
        """The columns of rows of all features that are no ramps, (n_plain, n)."""
        columns: Array = self.basis.without_ramps().transform(self.dense(X)).T
        return columns

    def dense(self, X: Any) -> Array:
        """The features of dense or CSR rows of all, within reach, (n, n_used)."""
        X = X[:, self.used]
        X = X.toarray() if sp.issparse(X) else X
        everything = np.arange(len(self.used))
        with np.errstate(over="ignore"):  # no limit is as good as one of infinity
            x: Array = self._features.within_reach(X.astype(np.float64), everything)
        return x

    def standardised(self, X: Any) -> Array:
        """The same, standardised."""
        moments = self.moments.take(self.basis.plain_columns)
        x: Array = (self.plain(X).T - moments.mean) / moments.scale
        return x.T

    def mapped(self, X: Any) -> Array:
        """The columns of dense or CSR rows of all features, (n_columns, n)."""
        columns: Array = self.basis.transform(self.dense(X)).T
        return columns


@dataclass(frozen=True)
class CentredNetwork:
    """A network in the user's units, about the means of its columns, in float64.

    Attributes
    ----------
    hidden_coef : ndarray of shape (n_hidden, n_columns), of the features in use
    base : ndarray of shape (n_hidden,), logits where all columns are at their means
    output_coef : ndarray of shape (n_outputs, n_hidden)
    columns : Columns
    activation : Activation
    """

    hidden_coef: Array
    base: Array
    output_coef: Array
    columns: Columns
    activation: Activation

    @classmethod
    def of(
        cls,
        layers: tuple[Array, Array, Array],
        basis: Basis,
        columns: Columns,
        activation: Activation,
    ) -> CentredNetwork:
        """From the layers and the basis of all features."""
        first, intercept, second = (layer.astype(np.float64) for layer in layers)
        first = first[:, basis.columns_of(columns.used)]
        base = intercept + first @ columns.moments.mean
        return cls(first, base, second, columns, activation)

    def blocks(self, X: Any) -> Iterator[Block]:
        """All rows of X, some at a time."""
        n_hidden, n_columns = self.hidden_coef.shape
        step = max(1, BLOCK_ELEMENTS // (n_hidden * max(n_columns, 1)))
        for start in range(0, X.shape[0], step):
            rows = slice(start, start + step)
            centred = self.columns.mapped(X[rows])
            centred -= self.columns.moments.mean[:, None]
            logits = self.base[:, None] + self.hidden_coef @ centred
            yield Block(rows, centred, logits)

    def parts(self, block: Block) -> Array:
        """What each feature adds to the mean of each logit, (n_hidden, n_used, n)."""
        basis = self.columns.basis
        parts: Array = self.hidden_coef[:, :, None] * block.columns
        if not basis.is_linear:
            parts = np.add.reduceat(parts, basis.starts, axis=1)
        return parts

    def memberships(self, block: Block) -> Array:
        """Shape (n_hidden, n)."""
        return softmax(block.logits)

    def outputs(self, block: Block) -> Array:
        """Predictions, of logarithms on the log scale, (n_outputs, n)."""
        return self._outputs(block.logits)

    def outputs_without(self, block: Block) -> Array:
        """The same with each feature left out in turn, (n_outputs, n_used, n)."""
        return self._outputs(block.logits[:, None, :] - self.parts(block))

    def _outputs(self, logits: Array) -> Array:
        u = np.tensordot(self.output_coef, softmax(logits), axes=1)
        outputs: Array = self.activation.value(u)
        return outputs
