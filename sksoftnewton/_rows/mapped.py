"""Columns of a basis of rows: made where they are read, or the entries of levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from sksoftnewton._rows.basis import Basis
from sksoftnewton._rows.standardisation import Index, Standardisation

Array = NDArray[np.float64]

# Columns for each one that is not zero, from which sums over levels leave zeros out.
COLUMNS_PER_ENTRY = 5


def leaves_zeros_out(basis: Basis | None) -> bool:
    """Whether the columns of dense rows are so many levels that zeros are left out."""
    if basis is None or not basis.has_levels:
        return False
    return basis.n_columns > COLUMNS_PER_ENTRY * basis.entries_per_row


class MappedRows:
    """The columns of a basis of rows, made where they are read.

    Parameters
    ----------
    raw : callable
        Gives the dense rows of a slice.
    of : int and dtype, the number of rows and what they are stored in
    basis : Basis
    """

    def __init__(
        self,
        raw: Callable[[slice | Index], Array],
        of: tuple[int, DTypeLike],
        basis: Basis,
    ) -> None:
        self._raw, self._basis = raw, basis
        self.shape = of[0], basis.n_columns
        self.dtype = np.dtype(of[1])

    def __getitem__(self, rows: slice | Index) -> Array:
        columns: Array = self._basis.transform(self._raw(rows))
        return columns


def entries_of_levels(
    blocks: Iterable[Array], basis: Basis, standardisation: Standardisation, dtype: Any
) -> tuple[sp.csr_array, Array]:
    """Scaled columns as CSR, and the means that are still to be taken off.

    Numbers are centred; columns of levels are not, so that most of them are zero.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, n_columns), columns of a basis
    basis : Basis
    standardisation : Standardisation of the columns
    dtype : float64 or float32

    Returns
    -------
    scaled : csr_array of shape (n, n_columns)
    shift : ndarray of shape (n_columns,)
    """
    mean, scale = standardisation.mean, standardisation.scale
    of_levels = np.where(basis.are_levels, mean, 0.0)
    parts = [sp.csr_array((block - (mean - of_levels)) / scale) for block in blocks]
    return sp.vstack(parts, format="csr", dtype=dtype), of_levels / scale
