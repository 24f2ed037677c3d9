"""What a block of rows turns out to be once it is read, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._rows.standardisation import Index, extremes

Extremes = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class BlockFacts:
    """Shape and kind of a block, and the first entry that is not allowed.

    Attributes
    ----------
    n_rows, n_columns : int; a vector has one column
    n_dimensions : int
    dtype : dtype
    sparse : bool
    n_bytes : int
    origin : ndarray of shape (n_columns,)
        The first row of a dense block, 0 for others.
    bad : (int, int, float) or None
        Row in the block, column and value of an entry that is not finite or lies
        outside the range.
    extremes : (ndarray, ndarray) of shape (n_columns,)
        Least and largest number of each column; (∞, −∞) where there are none.
    here : ndarray or None
        The block itself, where all of it is wanted here.
    """

    n_rows: int
    n_columns: int
    n_dimensions: int
    dtype: np.dtype[Any]
    sparse: bool
    n_bytes: int
    origin: NDArray[np.float64]
    bad: tuple[int, int, float] | None
    extremes: Extremes
    here: NDArray[Any] | None = None


def facts_of(
    block: Any, lower: float, upper: float, *, wanted: bool = False
) -> BlockFacts:
    """The facts of an array or sparse matrix whose entries lie in a range."""
    if np.ma.is_masked(block):
        block = np.ma.filled(block.astype(np.float64), np.nan)  # found below
    sparse = bool(sp.issparse(block))
    block = sp.csr_array(block) if sparse else np.asarray(block)
    stored = block.data if sparse else block
    real = stored.dtype.kind in "biuf"
    n_columns = block.shape[1] if block.ndim > 1 else 1
    some = bool(real and block.shape[0])
    first = np.zeros(n_columns)
    if some and not sparse:
        first = block[0].astype(np.float64)
    none = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    return BlockFacts(
        n_rows=block.shape[0],
        n_columns=n_columns,
        n_dimensions=block.ndim,
        dtype=stored.dtype,
        sparse=sparse,
        n_bytes=stored.nbytes,
        origin=np.atleast_1d(first),
        bad=_first_bad(block, stored, lower, upper) if real else None,
        extremes=extremes(block.reshape(-1, n_columns)) if some else none,
        here=block if wanted else None,
    )


def edges_of(facts: list[BlockFacts]) -> Index:
    """The first row of each block, and the number of all rows."""
    return np.cumsum([0, *(block.n_rows for block in facts)])


def joint_extremes(parts: list[Extremes]) -> Extremes:
    """Least and largest numbers of the columns of all blocks."""
    lowest, highest = (np.stack(part) for part in zip(*parts, strict=True))
    return lowest.min(axis=0), highest.max(axis=0)


def _first_bad(
    block: Any, stored: Any, lower: float, upper: float
) -> tuple[int, int, float] | None:
    allowed = np.isfinite(stored) & (stored >= lower) & (stored <= upper)
    if allowed.all():
        return None
    where = tuple(int(i) for i in np.argwhere(~allowed)[0])
    value = float(stored[where])
    if sp.issparse(block):
        row = int(np.searchsorted(block.indptr, where[0], side="right")) - 1
        return row, int(block.indices[where[0]]), value
    return where[0], where[1] if len(where) > 1 else 0, value
