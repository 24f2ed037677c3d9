"""How blocks of Dask collections become chunks of data on the workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from operator import getitem
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.chunks import Chunks
from sksoftnewton._rows.data import ArrayData
from sksoftnewton._rows.interface import MOST_ROWS
from sksoftnewton._rows.standardisation import Index
from sksoftnewton._rows.tasks import Key, Tasks

Array = NDArray[np.float64]
Cut = Callable[[Any, slice], Any]

# Chunks end at multiples of a power of two of rows, which is that of the largest blocks
# unless so many rows would have more bytes than this.
MULTIPLE_BYTES = 2**26


def multiple_of(n_rows: int, n_bytes: int) -> int:
    """What chunks of rows of so many bytes end at multiples of."""
    affordable = max(MULTIPLE_BYTES * n_rows // max(n_bytes, 1), 1)
    return int(min(2 ** int(np.log2(affordable)), MOST_ROWS))


def joined(
    blocks: dict[str, Tasks],
    edges: dict[str, Index],
    bounds: Index,
    dtype: np.dtype[Any],
) -> Tasks:
    """Tasks that make the `ArrayData` of each chunk.

    Parameters
    ----------
    blocks : dict of Tasks
        "X", "y" and perhaps "sample_weight", each in its own blocks of rows.
    edges : dict of ndarray of shape (n_blocks + 1,), where these begin and end
    bounds : ndarray of shape (n_chunks + 1,), where the chunks do
    dtype : that of X
    """
    tasks = Tasks({k: v for own in blocks.values() for k, v in own.graph.items()}, [])
    for start, stop in pairwise(bounds):
        parts = [
            pieces(tasks, blocks[name].keys, edges[name], start, stop)
            for name in ("X", "y", "sample_weight")
            if name in blocks
        ]
        make = partial(array_data, dtype, int(start))
        tasks.keys.append(tasks.added(make, *parts))
    return tasks


def cut_anew(chunks: Chunks, edges: Index) -> Chunks:
    """Chunks of `ArrayData` of which rows were left out, at multiples as before.

    Parameters
    ----------
    chunks : Chunks, with the bounds that they had before
    edges : ndarray of shape (n_chunks + 1,), where they begin and end now
    """
    divisor = int(np.gcd.reduce(chunks.bounds[1:-1], initial=0))
    bounds = chunk_bounds(edges, min(divisor & -divisor or MOST_ROWS, MOST_ROWS))
    tasks, old = chunks.objects.copy(), chunks.objects.keys
    tasks.keys = []
    for start, stop in pairwise(bounds):
        parts = pieces(tasks, old, edges, start, stop, ArrayData.part)
        tasks.keys.append(tasks.added(partial(_joined_from, int(start)), parts))
    return Chunks(tasks, bounds, chunks.rounds, chunks.kept)


def _joined_from(first_row: int, parts: list[ArrayData]) -> ArrayData:
    return ArrayData.joined(parts, first_row)


def array_data(
    dtype: np.dtype[Any],
    first_row: int,
    X: list[Any],
    Y: list[Any],
    weight: list[Any] | None = None,
) -> ArrayData:
    """A chunk from the pieces that it is made of.

    Parameters
    ----------
    dtype : that of X
    first_row : int, its number among all rows
    X : list of ndarray, or of sparse matrices, of shape (n_i, n_features)
    Y : list of ndarray of shape (n_i,) or (n_i, n_outputs)
    weight : list of ndarray of shape (n_i,), default=None: all of weight 1
    """
    features: Any
    if sp.issparse(X[0]):
        features = sp.csr_array(sp.vstack(X, format="csr"))
        features.sum_duplicates()
    else:
        arrays = [np.asarray(x) for x in X]  # without masks
        features = np.concatenate(arrays) if len(X) > 1 else arrays[0]
    targets = np.concatenate([np.asarray(y, dtype=np.float64) for y in Y])
    ones = np.ones(len(targets))
    return ArrayData(
        features.astype(dtype, copy=False),
        targets.reshape(len(targets), -1),
        ones if weight is None else np.concatenate(weight).astype(np.float64).ravel(),
        first_row,
    )


def chunk_bounds(edges: Index, multiple: int) -> Index:
    """Bounds near the given edges of blocks, at multiples of a number of rows."""
    inner = np.round(edges / multiple).astype(np.int64) * multiple
    return np.unique(np.clip(np.append(inner, (0, edges[-1])), 0, edges[-1]))


def pieces(
    tasks: Tasks,
    keys: list[Key],
    edges: Index,
    start: int,
    stop: int,
    cut: Cut = getitem,
) -> list[Key]:
    """The blocks, or new slices of them, that make up the rows from start to stop."""
    first = int(np.searchsorted(edges, start, side="right")) - 1
    found = []
    for key, low, high in zip(
        keys[first:], edges[first:], edges[first + 1 :], strict=False
    ):
        if low >= stop:
            break
        rows = slice(int(max(start, low) - low), int(min(stop, high) - low))
        if rows == slice(0, int(high - low)) and rows.stop:
            found.append(key)
        elif rows.start < rows.stop:
            found.append(tasks.added(partial(_cut, cut, rows), key))
    return found


def _cut(cut: Cut, rows: slice, block: Any) -> Any:
    return cut(block, rows)
