"""Columns of CSR data whose mean is far from zero, centred in their entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Standard deviations between mean and zero beyond which products of uncentred columns
# would lose more than two digits.
FAR = 10.0


def centred(scaled: Any, shift: Array) -> tuple[Any, Array]:
    """CSR data and their means, with those of columns far from zero taken off.

    Elsewhere only the scaling is applied to the entries, and the means are taken off
    what is computed from them. Where they are large that is a difference of large
    numbers, and nearly every entry of such a column is stored: a column with a share q
    of zeros has a mean of at most √((1 − q)/q) standard deviations.

    Parameters
    ----------
    scaled : csr_array of shape (n, n_features), X diag(1 / scale)
    shift : ndarray of shape (n_features,), its means

    Returns
    -------
    scaled : csr_array with as many entries at most twice
    shift : ndarray of shape (n_features,), 0 for centred columns
    """
    n, d = scaled.shape
    stored = np.bincount(scaled.indices, minlength=d)
    here = (np.abs(shift) > FAR) & (2 * stored >= n)
    if not here.any():
        return scaled, shift
    there = scaled.indices, scaled.indptr
    data = scaled.data - np.where(here, shift, 0.0)[scaled.indices]
    moved = sp.csr_array((data, *there), shape=scaled.shape)
    columns = np.flatnonzero(here & (stored < n))
    pattern = sp.csr_array((np.ones(scaled.nnz, bool), *there), shape=scaled.shape)
    rows, which = np.nonzero(~pattern[:, columns].toarray())
    if len(rows):  # the entries that are not stored are minus the mean from now on
        absent = -shift[columns][which], (rows, columns[which])
        moved = moved + sp.csr_array(absent, shape=scaled.shape)
    return moved, np.where(here, 0.0, shift)
