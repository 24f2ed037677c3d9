"""The Gauss–Newton matrix and the Hessian of the network, dense or sketched.

A row of the Jacobian J is a Khatri–Rao product (a ⊗ x, f), with
a = h'(u) f ∘ (A2_o − u) for output o: it is never stored for all rows, except in
the dual form (`DualGaussNewton`), which is for few residuals.

For one output JᵀJ is made of J, a part at a time: p²/2 multiply-adds a row, but in one
symmetric product. Several outputs and the Hessian are made of `Products`, with half as
many for all outputs together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk, ssyrk
from scipy.linalg.lapack import dtpttr, dtrttp

from sksoftnewton._activations import softmax
from sksoftnewton._network.objective import Network
from sksoftnewton._network.pairs import (
    DenseFeatures,
    Features,
    SparseFeatures,
    by_entries,
    by_pairs,
    centred_sums,
    number_of_pairs,
    unfolded,
)
from sksoftnewton._network.products import Products
from sksoftnewton._rows.blocks import Block, SparseBlock, slices
from sksoftnewton._rows.sums import Terms, added

Array = NDArray[np.float64]

# Elements of products or of J made for a part of a block, which should stay in the
# cache, and the least and most rows of a part.
PRODUCT_ELEMENTS, JACOBIAN_ELEMENTS, PART_ROWS = 2**18, 2**20, (256, 2048)
LEAST_PART = 128


class Curvature:
    """The Gauss–Newton matrix and the Hessian at one θ, ridge included.

    Attributes
    ----------
    theta, ridge : ndarray of shape (p,)
    """

    def __init__(self, network: Network, theta: Array) -> None:
        self.network = network
        self.theta = theta
        self.ridge = network.ridge
        self.A1, A2 = network.layers(theta)
        self.A2: Array = A2.astype(network.rows.dtype, copy=False)

    def metric(self, unit: Array, output: Array) -> Array:
        """Marquardt's damping metric, shape (p,).

        One number a hidden unit (its curvature averaged over the features, which
        are standardised) and one a weight of the second layer. It does not
        change when the features are rotated, so the primal system, the dual
        system and wide data in the coordinates of their row space take the same
        steps.

        Parameters
        ----------
        unit : ndarray of shape (k,), trace of JᵀJ over the unit's features
        output : ndarray of shape (n_outputs, k), diagonal of JᵀJ for A2
        """
        network = self.network
        first = unit / network.mean_over + network.alpha[0]
        first = np.repeat(_floored(first), network.shape1[1])
        if network.output_weights is not None:
            return first
        return np.concatenate([first, _floored(output.ravel() + network.alpha[1])])

    def gram(self, *, exact: bool = False) -> tuple[Array, Array]:
        """JᵀJ + ridge or (``exact``) the Hessian, dense, and the damping metric.

        Returns
        -------
        matrix : ndarray of shape (p, p)
        metric : ndarray of shape (p,), that of JᵀJ for both
        """
        network = self.network
        if exact or not network.knows_products_at(self.theta):
            sums = network.rows.sum(self._sums_of_blocks(exact))
            if not exact:
                network.products = self.theta, sums
        else:
            _, sums = network.products
        totals = tuple(total / network.rows.total_weight for total in sums)
        H, unit, output = (_of_packed if len(totals) == 1 else _of_products)(
            network, *totals
        )
        H.flat[:: network.n_params + 1] += network.ridge
        return H, self.metric(unit, output)

    def sketched_gram(
        self, kind: str, size: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """An unbiased estimate of JᵀJ, plus the ridge, and its damping metric.

        Parameters
        ----------
        kind : {"uniform", "leverage", "countsketch"}
            Rows drawn with equal probability or by approximate leverage, or all
            rows thrown with random signs into ``size`` buckets.
        size : int, rows of the sketch (for each output)
        rng : numpy.random.Generator
        """
        network, rows = self.network, self.network.rows
        if kind != "countsketch":
            drawn = rows.draw(size, rng, by_leverage=kind == "leverage")
            return Curvature(network.on(drawn), self.theta).gram()
        key = int(rng.integers(2**63))

        def thrown(block: Block) -> Terms:
            buckets = np.zeros((size, network.n_params))
            for o, J in enumerate(self.jacobian(block)):
                bucket, sign = _throws(key, o * rows.n_rows + block.first_row, len(J))
                place = bucket % np.uint64(size), np.arange(len(J))
                buckets += sp.csr_array((sign, place), shape=(size, len(J))) @ J
            return (buckets,)

        (buckets,) = rows.sum(thrown, network.n_params)
        H = buckets.T @ buckets / rows.total_weight
        metric = self.metric(*_traces(network, H.diagonal()))
        H.flat[:: network.n_params + 1] += self.ridge
        return H, metric

    def diagonal_metric(self) -> Array:
        """The damping metric of all rows, without a p x p matrix."""

        def traces(block: Block) -> Terms:
            f = softmax(block.logits(self.A1))
            u = self.A2 @ f
            g = block.weight * self.network.activation.d1(u) ** 2
            norms = self._square_norms(block)
            unit = np.zeros(len(f))
            for A2_row, u_o, g_o in zip(self.A2, u, g, strict=True):
                unit += (f * (A2_row[:, None] - u_o)) ** 2 @ (g_o * norms)
            return unit, g @ (f**2).T

        unit, output = self.network.rows.sum(traces, 4 * self.network.n_hidden)
        total = self.network.rows.total_weight
        return self.metric(unit / total, output / total)

    def _square_norms(self, block: Block) -> Array:
        """|x|² of every row in the coordinates of θ, constant included."""
        whitening = self.network.whitening
        if whitening is None:
            return block.square_norms() + 1
        norms = np.empty(block.weight.size)
        for rows, x in block.dense(LEAST_PART):
            norms[rows] = np.sum(whitening.coordinates(x) ** 2, axis=0)
        return norms

    def jacobian(self, block: Block, out: Array | None = None) -> Iterator[Array]:
        """The rows of √ω J for some rows: one dense matrix (n, p) for each output.

        In the memory ``out`` of shape (p, n), if given, each overwrites the one before.
        """
        network = self.network
        x = network.in_coordinates(block.all_dense())
        f = softmax(block.logits(self.A1))
        u = self.A2 @ f
        g = np.sqrt(block.weight) * network.activation.d1(u)
        k = network.n_hidden
        for o, A2_row in enumerate(self.A2):
            J = np.empty((network.n_params, x.shape[1])) if out is None else out
            first, second = np.split(J, [network.size1])
            of_values = g[o] * f
            a = of_values * (A2_row[:, None] - u[o])
            np.multiply(a[:, None], x, out=first.reshape(k, len(x), -1))
            if network.output_weights is None:
                second[:] = 0
                second[o * k : (o + 1) * k] = of_values
            yield J.T

    def sketch_work(self, kind: str, size: int) -> float:
        """Multiply-adds of `sketched_gram`."""
        network = self.network
        p = network.n_params
        if kind == "countsketch":
            return float(2 * network.n_residuals * p + size * p**2 / 2)
        return size * network.row_work

    def gram_work(self) -> float:
        """Multiply-adds of `gram`."""
        return float(self.network.rows.n_rows * self.network.row_work)

    def _sums_of_blocks(self, exact: bool) -> Callable[[Block], Terms]:
        """What is added up over the blocks for a matrix."""
        network = self.network
        entries, D = network.rows.entries_per_row, network.shape1[1]
        sparse = network.whitening is None and by_entries(entries, D)
        if network.rows.n_outputs == 1 and not exact and not sparse:
            return self._packed_square
        return partial(self._products_of, exact=exact, sparse=sparse)

    def _packed_square(self, block: Block) -> Terms:
        """JᵀJ of a block for one output, packed column by column above the diagonal."""
        p, rows = self.network.n_params, self.network.rows
        syrk = ssyrk if rows.dtype == np.float32 else dsyrk
        total = np.zeros((p, p), order="F")
        for here in slices(block.weight.size, _part_rows(JACOBIAN_ELEMENTS, p)):
            part = block.part(here)
            out = rows.scratch("J", p, part.weight.size)
            (J,) = self.jacobian(part, out)
            total += syrk(1.0, J, trans=1)
        return (dtrttp(total, uplo="U")[0],)

    def _products_of(self, block: Block, *, exact: bool, sparse: bool) -> Terms:
        network = self.network
        memberships = softmax(block.logits(self.A1))
        products = Products(network.activation, self.A2, exact, network.rows.scratch)
        sums = added(
            products.of(
                memberships[:, rows], x, block.targets[:, rows], block.weight[rows]
            )
            for rows, x in self._parts(block, sparse)
        )
        if not sparse:
            return sums
        assert isinstance(block, SparseBlock)
        first, cross, *rest = sums
        return *centred_sums(first, cross, block.shift), *rest

    def _parts(self, block: Block, sparse: bool) -> Iterator[tuple[slice, Features]]:
        """Rows of a block whose products fit in the cache, and their features."""
        network, scratch = self.network, self.network.rows.scratch
        k, D = network.shape1
        made = number_of_pairs(k) + k * min(k, D)
        if sparse:
            assert isinstance(block, SparseBlock)
            for rows in slices(block.weight.size, _part_rows(PRODUCT_ELEMENTS, made)):
                yield rows, SparseFeatures(block.part(rows), scratch)
            return
        made += number_of_pairs(D) if by_pairs(k, D) else k * D
        for rows, features in block.dense(_part_rows(PRODUCT_ELEMENTS, made)):
            yield rows, DenseFeatures(network.in_coordinates(features), scratch)


def _of_packed(network: Network, packed: Array) -> tuple[Array, Array, Array]:
    """JᵀJ from what is packed, and its traces as `Curvature.metric` takes them."""
    H, _ = dtpttr(network.n_params, packed, uplo="U")
    diagonal = H.diagonal().copy()
    H = H + H.T
    np.fill_diagonal(H, diagonal)
    return H, *_traces(network, diagonal)


def _of_products(
    network: Network, first: Array, cross: Array, second: Array, *traces: Array
) -> tuple[Array, ...]:
    """The matrix from `Products`, and the traces of JᵀJ."""
    k, n1, p = network.n_hidden, network.size1, network.n_params
    H = np.zeros((p, p))
    H[:n1, :n1] = unfolded(first, *network.shape1)
    if network.output_weights is None:
        for o, C in enumerate(cross):
            here = slice(n1 + o * k, n1 + (o + 1) * k)
            H[here, :n1] = C.transpose(1, 0, 2).reshape(k, n1)
            H[:n1, here] = H[here, :n1].T
            H[here, here] = second[o]
    return H, *traces


def _traces(network: Network, diagonal: Array) -> tuple[Array, Array]:
    """Of a diagonal of JᵀJ: traces over units' features, and what is A2's."""
    first, second = np.split(diagonal, [network.size1])
    return first.reshape(network.shape1).sum(axis=1), second


def _part_rows(elements: int, made: int) -> int:
    """Rows of a part, if so many numbers are made of each."""
    return int(np.clip(elements / made, *PART_ROWS))


def _throws(key: int, first: int, n: int) -> tuple[NDArray[np.uint64], Array]:
    """Random numbers and signs of n consecutive residuals of all, shape (n,) each.

    They depend on the key and the number of the residual, not on who asks for which.
    """
    words = np.random.Philox(key=key, counter=first).random_raw(4 * n).reshape(n, 4)
    return words[:, 0], np.where(words[:, 1] % np.uint64(2), 1.0, -1.0)


def _floored(values: Array) -> Array:
    """Values kept above 1e-4 of their mean (a dead unit has no curvature)."""
    return np.maximum(values, max(1e-4 * float(values.mean()), 1e-12))
