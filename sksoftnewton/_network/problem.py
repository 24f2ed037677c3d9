"""A regression problem in the coordinates in which it is solved, and the way back."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import Activation
from sksoftnewton._network.coordinates import RowSpace, Whitening
from sksoftnewton._network.limits import check_magnitudes, check_output_weights
from sksoftnewton._network.objective import Network
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._network.units import Units
from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.data import Data
from sksoftnewton._rows.interface import WeightedRows
from sksoftnewton._rows.ramps import ramps
from sksoftnewton._rows.sampling import sampled
from sksoftnewton._rows.standardisation import Index, Standardisation, extremes

Array = NDArray[np.float64]

# Most rows for which n x n matrices are made, and most features for D x D ones.
ROW_SPACE_ROWS, MOMENTS_FEATURES = 4000, 4000
# Largest standardised value, and ratio of weights, of data searched in float32.
LARGEST_VALUE, LARGEST_RATIO = 1e3, 1e4
LARGEST_SINGLE = 1e9  # standardised value, weight and its inverse, of data in float32
LOG_RANGE = 3.0  # largest over smallest target from which logarithms are tried
KNOT_ROWS = 10_000  # from which knots are made where there are more
SPLIT = 0.3  # how far the copies of a divided unit are moved apart


@dataclass(frozen=True)
class Layers:
    """A network in the units of the user's data.

    Attributes
    ----------
    hidden_coef : ndarray of shape (n_hidden, n_columns), for the columns of the basis
    hidden_intercept : ndarray of shape (n_hidden,)
    output_coef : ndarray of shape (n_outputs, n_hidden)
    basis : Basis of all features
    log : bool, whether it predicts logarithms
    """

    hidden_coef: Array
    hidden_intercept: Array
    output_coef: Array
    basis: Basis
    log: bool

    @property
    def features_in_use(self) -> Index:
        columns = np.flatnonzero(self.hidden_coef.any(axis=0))
        return np.unique(self.basis.feature_of[columns])


def _has_row_space(n_features: int, n_rows: int) -> bool:
    return n_rows < n_features and n_rows <= ROW_SPACE_ROWS


class Problem:
    """A regression problem in the coordinates in which it is solved.

    Columns of X and y are standardised by their weighted moments, those of y as
    `Units` says. Data with more features than rows are rotated exactly into their row
    space, unless rows are too many for that.

    Parameters
    ----------
    data : Data, with weights that are not all zero
    activation : Activation
    penalty : {"weights", "logits"}
    output_weights : ndarray of shape (n_outputs, n_hidden) or None
    n_threads : int
    dense_blocks : bool
        Whether blocks of CSR rows are made dense, as ramps need them.

    Attributes
    ----------
    used : ndarray of int, the features in use, in ascending order
    basis : Basis of all features; only those in use may have ramps
    rows : Rows, what the networks are trained on
    features : Standardisation of the columns in use
    units : Units of targets, second layer and F
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
        dense_blocks: bool = False,
    ) -> None:
        self.penalty = penalty
        self.n_features_in = data.n_features
        self.used: Index = np.arange(data.n_features)
        self._rounds = data.rounds
        data = data.counted()
        self.basis = data.basis
        Y, weight = data.Y, data.weight
        wide = _has_row_space(self.basis.n_columns, len(weight))
        if wide:
            data = data.local
        self.features = data.standardisation
        if not data.sparse:
            self.basis = self.basis.with_fills(self.features.mean)
        moments = Standardisation.of(Y, weight)
        lowest, highest = data.extremes
        first = self.basis.starts
        limits, spread = (lowest[first], highest[first]), self.features.scale[first]
        check_magnitudes("X", limits, spread, data.dtype)
        check_magnitudes("y", extremes(Y), moments.scale, data.dtype)
        self.units = Units.of(activation, Y, weight, moments)
        self._Y = Y
        targets = (Y - self.units.targets.mean) / self.units.targets.scale
        self.output_weights: Array | None = None
        if output_weights is not None:
            self.output_weights = self._standardised(output_weights)
            check_output_weights(
                output_weights, self.output_weights, self.units.activation
            )
        single = (
            not wide
            and not self.units.steep
            and penalty == "weights"
            and not data.sparse
            and single_precision(data, targets, self.features)
        )
        dtype = np.float32 if single else data.dtype
        if self.units.steep or not fits_float32(data, targets, self.features):
            dtype = np.dtype(np.float64)
        plain = self.basis.is_linear and not dense_blocks
        basis = None if plain else self.basis
        rows = data.rows(self.features, self.units.targets, basis, dtype, n_threads)
        self._use(rows, wide)

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

    def on_log_scale(self) -> Problem:
        """The problem of all rows with the logarithms of its targets, all positive."""
        part = copy.copy(self)
        part.__dict__.pop("output_precision", None)
        logarithms, weight = np.log(self._Y), self._plain_rows.weight
        part.units = Units.of_logarithms(logarithms, weight, self.units)
        targets = (logarithms - part.units.targets.mean) / part.units.targets.scale
        part._use(self._plain_rows.with_targets(targets), self.row_space is not None)
        return part

    @property
    def log(self) -> bool:
        """Whether the targets are logarithms of the user's."""
        return self.units.logarithms_of is not None

    @property
    def may_be_logs(self) -> bool:
        """Whether logarithms are another scale for the targets.

        For one positive target over a range in which a logarithm is far from linear.
        """
        Y, least = self._Y, self._Y.min()
        fits = self.units.activation.name == "identity" and Y.shape[1] == 1
        return bool(fits and least > 0 and Y.max() >= LOG_RANGE * least)

    @property
    def rounds(self) -> int:
        """Questions that workers have answered so far, about any part of the data."""
        return self._rounds.n

    @property
    def n_features(self) -> int:
        """Number of features in use."""
        return len(self.used)

    @property
    def n_columns(self) -> int:
        """Number of columns of the features in use."""
        return len(self.features.mean)

    @property
    def columns(self) -> Index:
        """The columns of the basis that belong to features in use."""
        return self.basis.columns_of(self.used)

    @property
    def feature_of(self) -> Index:
        """The feature of each column, both counted among those in use."""
        return self._basis_in_use.feature_of

    def with_features(self, kept: Index) -> Problem:
        """The same problem with some of its features, counted among those in use."""
        part = copy.copy(self)
        part.used = self.used[kept]
        part.basis = self._basis_in_use.take(kept).spread(part.used, self.basis)
        part.features = self.features.take(self._basis_in_use.columns_of(kept))
        rows = self._plain_rows.with_columns(kept)
        wide = self.row_space is not None and part.n_columns > rows.n_rows
        part._use(rows, wide)
        return part

    def with_ramps(self, n_inner: int) -> Problem:
        """The same problem with ramps between so many inner knots of each feature.

        The knots are quantiles of the features on the rows of this problem, or on some
        of them where they are many.
        """
        return self.with_basis(self.ramps(n_inner).spread(self.used, self.basis))

    def ramps(self, n_inner: int) -> Basis:
        """The basis of the features in use that `with_ramps` has."""
        rows = self._plain_rows.some(KNOT_ROWS)
        X = rows.raw(slice(0, rows.n_rows))
        return ramps(X, rows.weight, n_inner, self._basis_in_use)

    def with_basis(self, basis: Basis) -> Problem:
        """The same problem on another basis of all features."""
        part = copy.copy(self)
        part.basis = basis
        rows = self._plain_rows.with_basis(part._basis_in_use)
        part.features = rows.standardisation
        part._use(rows, _has_row_space(part.n_columns, rows.n_rows))
        return part

    def like(self, other: Problem) -> Problem:
        """The same problem with the features and the basis of another one."""
        part = self.with_features(np.flatnonzero(np.isin(self.used, other.used)))
        return part.with_basis(other.basis) if other.basis.has_ramps else part

    @property
    def _basis_in_use(self) -> Basis:
        return self.basis.take(self.used)

    def double(self) -> Problem:
        """The same problem in float64."""
        if self.rows.double is self.rows:
            return self
        part = copy.copy(self)
        part._use(self._plain_rows.double, wide=False)
        return part

    def sample(self, n_rows: int, rng: np.random.Generator) -> Problem:
        """The same problem on some of its rows, with their share of the weight."""
        return self.on(*sampled(self.rows.weight, n_rows, rng))

    def on(self, chosen: Index, weight: Array | None = None) -> Problem:
        """The same problem on some of its rows, with weights of their own or those."""
        part = copy.copy(self)
        rows = self._plain_rows.take(chosen, weight)
        part._use(rows, _has_row_space(self.n_columns, rows.n_rows))
        return part

    def network(self, n_hidden: int, alpha: tuple[float, float]) -> Network:
        return Network(
            self.rows,
            n_hidden,
            self.units.activation,
            alpha,
            whitening=self.whitening,
            output_weights=self.output_weights,
            mean_over=self.n_columns,
        )

    def random_start(self, network: Network, rng: np.random.Generator) -> Array:
        """A1 ~ N(0, 1/D) on standardised features, A2 by ridge regression.

        No row of the data enters A1 and the number of draws does not depend on
        the number of rows, so that weights are equal to repeated rows exactly.
        Only the part of A1 that predictions see is kept.
        """
        return network.start(self._random_layer(network.n_hidden, rng))

    def _random_layer(self, n_hidden: int, rng: np.random.Generator) -> Array:
        D = self.n_columns + 1
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
        rows = self.rows
        mean = (rows.targets.T @ rows.weight / rows.total_weight)[:, None]
        goal = self.units.activation.inverse_of_targets(rows.targets.T, mean)
        mean_square = float(np.mean(goal**2 @ rows.weight)) / rows.total_weight
        return 0.25 / (mean_square or 1.0)

    def start_from(self, network: Network, layers: Layers) -> Array:
        """The parameter vector of a network given in the user's units."""
        coef = layers.hidden_coef[:, self.columns].astype(np.float64)
        intercept = layers.hidden_intercept + coef @ self.features.mean
        A1: Array = np.hstack([coef * self.features.scale, intercept[:, None]])
        return self._packed(network, A1, self._standardised(layers.output_coef))

    def start_from_other(
        self, network: Network, other: Problem, other_network: Network, theta: Array
    ) -> Array:
        """The parameter vector of a network on other rows or with more features.

        Features that are not in use here are left out at their means. Ramps there must
        be sums of ramps here.
        """
        _, A2 = other_network.layers(theta)
        A1 = other.hidden_layer(other_network, theta)
        kept = np.searchsorted(other.used, self.used)
        columns = other._basis_in_use.columns_of(kept)
        A1 = A1[:, np.append(columns, -1)]
        if not self.basis.is_linear:
            A1 = self._on_ramps(
                A1, other._basis_in_use.take(kept), other.features.take(columns)
            )
        return self._packed(network, A1, A2)

    def _on_ramps(self, A1: Array, before: Basis, features: Standardisation) -> Array:
        """A first layer for the columns of the basis in use, from those before."""
        basis = self._basis_in_use
        coef = A1[:, :-1] / features.scale
        finer = coef @ before.embedding(basis)
        old_mean, new_mean = features.mean.copy(), self.features.mean.copy()
        # What the plain columns add has the same mean before and after.
        old_mean[before.plain_columns] = new_mean[basis.plain_columns] = 0
        intercept = A1[:, -1] + finer @ new_mean - coef @ old_mean
        return np.hstack([finer * self.features.scale, intercept[:, None]])

    def hidden_layer(self, network: Network, theta: Array) -> Array:
        """A1 of the standardised features in use, intercepts last."""
        A1, _ = network.layers(theta)
        return self.row_space.lift(A1) if self.row_space else A1

    def coordinates_of_features(self) -> Array:
        """What one unit of each column is in θ's coordinates, (r, n_columns)."""
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
        hidden_coef = np.zeros((len(coef), self.basis.n_columns))
        hidden_coef[:, self.columns] = coef
        mean, scale = self.units.values.mean[:, None], self.units.values.scale[:, None]
        return Layers(hidden_coef, intercept, A2 * scale + mean, self.basis, self.log)

    def _standardised(self, A2: Array) -> Array:
        # Softmax sums to one, so the mean of y moves into A2.
        values = self.units.values
        return (A2 - values.mean[:, None]) / values.scale[:, None]


def single_precision(data: Data, targets: Array, features: Standardisation) -> bool:
    """Whether dense data may be searched in float32; the end is in float64.

    Small problems are exact to the last digit: they stay in float64. So do data of
    which float32 would lose something: targets or weights over many orders, and
    columns whose standardised values are extreme. Standardisation itself is always in
    float64.
    """
    weight = data.weight
    if weight.sum() * targets.shape[1] <= SMALL:
        return False
    if not _fit_weights(weight) or weight.max() > LARGEST_RATIO * weight.min():
        return False
    if np.abs(targets).max() > LARGEST_VALUE:
        return False
    return _within(LARGEST_VALUE, data, features)


def fits_float32(data: Data, targets: Array, features: Standardisation) -> bool:
    """Whether weights times squares of float32 data, standardised, fit into float32."""
    if data.dtype != np.float32:
        return True
    weight = data.weight
    if not _fit_weights(weight):
        return False
    if np.abs(targets).max() > LARGEST_SINGLE:
        return False
    return _within(LARGEST_SINGLE, data, features)


def _fit_weights(weight: Array) -> bool:
    """Whether weights times standardised values fit into float32."""
    return bool(weight.min() >= 1 / LARGEST_SINGLE and weight.max() <= LARGEST_SINGLE)


def _within(limit: float, data: Data, features: Standardisation) -> bool:
    """Whether no standardised value is larger."""
    lowest, highest = data.extremes
    farthest = np.maximum(highest - features.mean, features.mean - lowest)
    return bool((farthest <= limit * features.scale).all())
