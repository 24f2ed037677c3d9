"""A regression problem in the coordinates in which it is solved, and the way back."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._network.coordinates import RowSpace, Whitening
from sksoftnewton._network.objective import Network
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.data import Data, Summary
from sksoftnewton._rows.interface import WeightedRows
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]

# Most rows for which n x n matrices are made, and most features for D x D ones.
ROW_SPACE_ROWS, MOMENTS_FEATURES = 4000, 4000
# Largest standardised value, and ratio of weights, of data searched in float32.
LARGEST_VALUE, LARGEST_RATIO = 1e3, 1e4
SPLIT = 0.3  # how far the copies of a divided unit are moved apart


@dataclass(frozen=True)
class Layers:
    """A network in the units of the user's data.

    Attributes
    ----------
    hidden_coef : ndarray of shape (n_hidden, n_features)
    hidden_intercept : ndarray of shape (n_hidden,)
    output_coef : ndarray of shape (n_outputs, n_hidden)
    """

    hidden_coef: Array
    hidden_intercept: Array
    output_coef: Array


def _has_row_space(n_features: int, n_rows: int) -> bool:
    return n_rows < n_features and n_rows <= ROW_SPACE_ROWS


class Problem:
    """A regression problem in the coordinates in which it is solved.

    Columns of X and, for the identity h, of y are standardised by their weighted
    moments. Data with more features than rows are rotated exactly into their row
    space, unless rows are too many for that.

    Parameters
    ----------
    data : Data, with weights that are not all zero
    activation : Activation
    penalty : {"weights", "logits"}
    output_weights : ndarray of shape (n_outputs, n_hidden) or None
    n_threads : int

    Attributes
    ----------
    used : ndarray of int, the features in use, in ascending order
    rows : Rows, what the networks are trained on
    features, targets : Standardisation of the features in use and of the targets
    row_space, whitening : between features and the coordinates of θ, or None
    """

    def __init__(
        self,
        data: Data,
        *,
        activation: Activation,
        penalty: str,
        output_weights: Array | None,
        n_threads: int,
    ) -> None:
        self.activation = activation
        self.penalty = penalty
        self.n_features_in = data.n_features
        self.used: Index = np.arange(data.n_features)
        self._rounds = data.rounds
        summary = data.summary
        self.features = summary.features
        if activation.name == "identity":
            self.targets = summary.targets
        else:
            self.targets = Standardisation.identity(data.n_outputs)
        wide = _has_row_space(data.n_features, summary.counts.n_counted)
        if wide:  # the row space is that of counted rows
            data = data.counted()
        self.output_weights = (
            None if output_weights is None else self._standardised(output_weights)
        )
        single = (
            not wide
            and penalty == "weights"
            and not data.sparse
            and single_precision(summary, self.features, self.targets)
        )
        dtype = np.float32 if single else data.dtype
        self._use(data.rows(self.features, self.targets, dtype, n_threads), wide)

    def _use(self, rows: WeightedRows, wide: bool) -> None:
        """Choose the coordinates for standardised rows."""
        self._plain_rows = rows
        self.row_space = RowSpace(rows.local) if wide else None
        self.rows = self.row_space.rows if self.row_space else rows
        logits = self.penalty == "logits"
        if logits and self.rows.n_features > MOMENTS_FEATURES:
            raise ValueError(
                'penalty="logits" needs the second moments of the features, a matrix '
                f"of {self.rows.n_features} x {self.rows.n_features} numbers here; at "
                f"most {MOMENTS_FEATURES} features are supported with more than "
                f'{ROW_SPACE_ROWS} rows. Use penalty="weights".'
            )
        self.whitening = Whitening(self.rows.second_moments) if logits else None

    @property
    def rounds(self) -> int:
        """Questions that workers have answered so far, about any part of the data."""
        return self._rounds.n

    @property
    def n_features(self) -> int:
        """Number of features in use."""
        return len(self.used)

    def with_features(self, kept: Index) -> Problem:
        """The same problem with some of its features, counted among those in use."""
        part = copy.copy(self)
        part.used = self.used[kept]
        part.features = self.features.take(kept)
        rows = self._plain_rows.with_features(kept)
        wide = self.row_space is not None and len(kept) > rows.n_rows
        part._use(rows, wide)
        return part

    def double(self) -> Problem:
        """The same problem in float64."""
        if self.rows.double is self.rows:
            return self
        part = copy.copy(self)
        part._use(self._plain_rows.double, wide=False)
        return part

    def sample(self, n_rows: int, rng: np.random.Generator) -> Problem:
        """The same problem on some of its rows, drawn without replacement."""
        part = copy.copy(self)
        chosen = rng.choice(self.rows.n_rows, n_rows, replace=False)
        rows = self._plain_rows.take(np.sort(chosen))
        part._use(rows, _has_row_space(self.n_features, n_rows))
        return part

    def network(self, n_hidden: int, alpha: tuple[float, float]) -> Network:
        return Network(
            self.rows,
            n_hidden,
            self.activation,
            alpha,
            whitening=self.whitening,
            output_weights=self.output_weights,
            mean_over=self.n_features,
        )

    def random_start(self, network: Network, rng: np.random.Generator) -> Array:
        """A1 ~ N(0, 1/D) on standardised features, A2 by ridge regression.

        No row of the data enters A1 and the number of draws does not depend on
        the number of rows, so that weights are equal to repeated rows exactly.
        Only the part of A1 that predictions see is kept.
        """
        return network.start(self._random_layer(network.n_hidden, rng))

    def _random_layer(self, n_hidden: int, rng: np.random.Generator) -> Array:
        D = self.n_features + 1
        A1: Array = rng.normal(scale=1 / np.sqrt(D), size=(n_hidden, D))
        if self.row_space:
            return self.row_space.project(A1)
        return A1 if D > MOMENTS_FEATURES else self.rows.onto_range(A1)

    def split_start(
        self,
        network: Network,
        narrower: Network,
        theta: Array,
        rng: np.random.Generator,
    ) -> Array:
        """A start that divides the units of a narrower network among more units.

        Copies of a unit share its membership, and are moved apart by a part of
        what a random start is made of.
        """
        A1, _ = narrower.layers(theta)
        parent = np.arange(network.n_hidden) % narrower.n_hidden
        copies = A1[parent]
        copies[:, -1] -= np.log(network.n_hidden / narrower.n_hidden)
        return network.start(copies + SPLIT * self._random_layer(network.n_hidden, rng))

    @cached_property
    def output_precision(self) -> float:
        """Prior precision of A2: its values belong on the scale of h⁻¹(y).

        Predictions are convex combinations of the values, which therefore have to
        reach over the whole range of y: their prior standard deviation is twice the
        root mean square of h⁻¹(y), two for standardised targets.
        """
        typical = self.rows.mean_magnitude[:, None]
        inverse = self.activation.inverse_of_targets
        squares = self.rows.target_mean(lambda targets: inverse(targets, typical) ** 2)
        mean_square = float(np.mean(squares))
        return 0.25 / (mean_square or 1.0)

    def start_from(self, network: Network, layers: Layers) -> Array:
        """The parameter vector of a network given in the user's units."""
        coef = layers.hidden_coef[:, self.used].astype(np.float64)
        intercept = layers.hidden_intercept + coef @ self.features.mean
        A1: Array = np.hstack([coef * self.features.scale, intercept[:, None]])
        return self._packed(network, A1, self._standardised(layers.output_coef))

    def start_from_other(
        self, network: Network, other: Problem, other_network: Network, theta: Array
    ) -> Array:
        """The parameter vector of a network on other rows or with more features.

        Features that are not in use here are left out at their means.
        """
        _, A2 = other_network.layers(theta)
        A1 = other.hidden_layer(other_network, theta)
        kept = np.searchsorted(other.used, self.used)
        return self._packed(network, A1[:, np.append(kept, -1)], A2)

    def hidden_layer(self, network: Network, theta: Array) -> Array:
        """A1 of the standardised features in use, intercepts last."""
        A1, _ = network.layers(theta)
        return self.row_space.lift(A1) if self.row_space else A1

    def coordinates_of_features(self) -> Array:
        """What one unit of each feature is in θ's coordinates, (r, n_features)."""
        inner = self.whitening.map if self.whitening else np.eye(self.rows.n_features)
        if self.row_space:
            padded = np.hstack([inner, np.zeros((len(inner), 1))])
            inner = self.row_space.lift(padded)[:, :-1]
        return inner

    def _packed(self, network: Network, A1: Array, A2: Array) -> Array:
        if self.row_space:
            A1 = self.row_space.project(A1)
        return network.pack(A1, A2)

    def layers(self, network: Network, theta: Array) -> Layers:
        """The network at θ in the user's units; weights of unused features are 0."""
        _, A2 = network.layers(theta)
        A1 = self.hidden_layer(network, theta)
        coef = A1[:, :-1] / self.features.scale
        intercept = A1[:, -1] - coef @ self.features.mean
        hidden_coef = np.zeros((len(coef), self.n_features_in))
        hidden_coef[:, self.used] = coef
        mean, scale = self.targets.mean[:, None], self.targets.scale[:, None]
        return Layers(hidden_coef, intercept, A2 * scale + mean)

    def _standardised(self, A2: Array) -> Array:
        # Softmax sums to one, so the mean of y moves into A2.
        return (A2 - self.targets.mean[:, None]) / self.targets.scale[:, None]


def single_precision(
    summary: Summary, features: Standardisation, targets: Standardisation
) -> bool:
    """Whether dense data may be searched in float32; the end is in float64.

    Small problems are exact to the last digit: they stay in float64. So do data of
    which float32 would lose something: targets or weights over many orders, and
    columns whose standardised values are extreme. Standardisation itself is always in
    float64.
    """
    if summary.total_weight * len(targets.mean) <= SMALL:
        return False
    counts = summary.counts
    lightest, heaviest = counts.weight_limits
    if heaviest > LARGEST_RATIO * lightest:
        return False
    assert counts.limits is not None
    limits = (counts.limits, features), (counts.target_limits, targets)
    return all(
        bool((np.abs(values - columns.mean) <= LARGEST_VALUE * columns.scale).all())
        for values, columns in limits
    )
