"""Dense or CSR matrices with many rows: checks, weighted Gram, blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix: TypeAlias = Any  # ndarray or csr_array (SciPy has no types)

# Elements of a block of rows: enough to hide the interpreter, small enough for
# the cache.
BLOCK_ELEMENTS = 2**18
# A product of two sparse entries costs about as much as this many of a dense
# matrix product (measured on x86 with one BLAS thread).
SPARSE_PRODUCT_COST = 150.0


def check_matrix(A: Any, name: str) -> Matrix:
    """``A`` as float64: an ndarray of two dimensions, or a canonical CSR array.

    Nothing is copied unless the dtype or repeated entries ask for it.

    Raises
    ------
    ValueError
        For another sparse format, another number of dimensions, complex or
        non-numeric entries, an empty matrix, infinity or NaN.
    """
    if sp.issparse(A):
        if A.format != "csr":
            raise ValueError(
                f"{name} is sparse in format {A.format!r}, but only 'csr' is "
                f"accepted; convert it with {name}.tocsr()."
            )
        A = canonical(A)
        A = sp.csr_array((as_float(A.data, name), A.indices, A.indptr), shape=A.shape)
    else:
        A = as_float(A, name)
    if A.ndim != 2:
        raise ValueError(f"{name} has {A.ndim} dimensions, but it must have 2.")
    if 0 in A.shape:
        raise ValueError(
            f"{name} has shape {A.shape}, but it must have at least 1 row and 1 column."
        )
    return A


def canonical(A: Any) -> Matrix:
    """A CSR matrix as an array without repeated entries; dense arrays as they are."""
    if not sp.issparse(A):
        return A
    A = sp.csr_array(A)
    if not A.has_canonical_format:
        A = A.copy()
        A.sum_duplicates()
    return A


def check_vector(given: Any, name: str, length: int, owner: str) -> Array:
    """``given`` as a float64 vector with as many entries as ``owner`` says.

    Raises
    ------
    ValueError
        With both numbers in the message.
    """
    v = as_float(given, name)
    if v.shape != (length,):
        size = f"length {len(v)}" if v.ndim == 1 else f"shape {v.shape}"
        raise ValueError(f"{name} has {size}, but {owner} {length}.")
    return v


def as_float(given: Any, name: str) -> Array:
    """``given`` as a float64 array of finite numbers; a ValueError names it."""
    if np.ma.is_masked(given):
        raise ValueError(f"{name} has masked entries, but every entry must be given.")
    try:
        given = np.asarray(given)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{name} is no array: {error}") from error
    if given.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has dtype {given.dtype}, but it must hold real numbers."
        )
    values: Array = given.astype(np.float64, copy=False)
    # One number tells whether all are finite; only then is the culprit looked for.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
    if not finite:
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        place = f" at position {where[0] if len(where) == 1 else where}"
        raise ValueError(
            f"{name} is {values[where]}{place if where else ''}, "
            "but every entry must be finite."
        )
    return values


def n_stored(A: Matrix) -> int:
    """Number of stored entries: nnz of a CSR array, all of a dense one."""
    return int(A.nnz if sp.issparse(A) else A.size)


def row_slices(A: Matrix) -> Iterator[slice]:
    """Consecutive slices of rows, each a bounded number of dense elements."""
    n, d = A.shape
    step = max(64, BLOCK_ELEMENTS // d)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def dense_rows(A: Matrix) -> Iterator[tuple[slice, Array]]:
    """The rows of ``A``, dense, a block at a time with the rows it holds."""
    for rows in row_slices(A):
        block = A[rows]
        yield rows, block.toarray() if sp.issparse(A) else block


def scaled_rows(A: Matrix, scale: Array) -> Matrix:
    """diag(scale) A, a new matrix in the format of ``A``."""
    if sp.issparse(A):
        data = A.data * np.repeat(scale, np.diff(A.indptr))
        return sp.csr_array((data, A.indices, A.indptr), shape=A.shape)
    return A * scale[:, None]


def weighted_gram(A: Matrix, weights: Array) -> Array:
    """Aᵀ diag(weights) A, dense, shape (d, d), for weights of any sign.

    A CSR array is multiplied as it is where its rows are short, and in dense
    blocks of rows otherwise.
    """
    n, d = A.shape
    if sp.issparse(A):
        entries_per_row = np.diff(A.indptr).astype(float)
        if SPARSE_PRODUCT_COST * (entries_per_row @ entries_per_row) < n * d**2:
            sparse_gram: Array = (A.T @ scaled_rows(A, weights)).toarray()
            return sparse_gram
    gram = np.zeros((d, d))
    for rows, block in dense_rows(A):
        gram += block.T @ (block * weights[rows, None])
    return (gram + gram.T) / 2


def weighted_column_squares(A: Matrix, weights: Array) -> Array:
    """The diagonal of Aᵀ diag(weights) A, shape (d,)."""
    if sp.issparse(A):
        squares = A.data**2 * np.repeat(weights, np.diff(A.indptr))
        return sums(squares, A.indices, A.shape[1])
    total = np.zeros(A.shape[1])
    for rows, block in dense_rows(A):
        total += np.einsum("ij,ij,i->j", block, block, weights[rows])
    return total


def sums(values: Array, group: NDArray[np.integer], n_groups: int) -> Array:
    """Sums of the values of each group, shape (n_groups,)."""
    return np.asarray(np.bincount(group, values, n_groups), dtype=np.float64)
