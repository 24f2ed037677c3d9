"""Input that is no table of numbers is refused with the place where it is none.

What scikit-learn checks itself (shapes, NaN, infinity, sparse formats) stays with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._rows.standardisation import extremes

NUMBERS = "biufc"  # kinds of NumPy dtypes
HINT = (
    " Text in columns of a frame is taken as categories with "
    'categorical_features="from_dtype"; dates can be given as differences.'
)


def numeric_input(given: Any, name: str) -> Any:
    """Input as scikit-learn's validation takes it, on the CPU.

    Parameters
    ----------
    given : array-like, sparse matrix, frame or None
    name : str, of the argument

    Raises
    ------
    ValueError
        For masked entries, text and dates, with their column.
    """
    refuse_masked(given, name)
    given = to_numpy(given)
    if given is None or sp.issparse(given):
        return given
    for label, values in _columns_to_check(given):
        found = _no_numbers(values)
        if found is not None:
            what, example = found
            hint = HINT if name == "X" else ""
            raise ValueError(
                f"{name} holds {what}{label}{example}, but only numbers are accepted."
                + hint
            )
    return given


def refuse_masked(given: Any, name: str) -> None:
    """Raise ValueError for masked entries."""
    if np.ma.is_masked(given):
        raise ValueError(
            f"{name} has masked entries, which have no value. Fill them in or leave "
            "their rows out."
        )


def check_infinity(X: Any, names: Any = None) -> None:
    """Raise ValueError for infinite numbers, and for NaN that CSR data store.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, n_features), floats with NaN for missing numbers
    names : sequence of str, default=None
        Names of the columns.
    """
    if sp.issparse(X):
        if np.isfinite(X.data).all():
            return
        stored = X.tocoo()
        wrong = np.flatnonzero(~np.isfinite(stored.data))
        i, j, value = (part[wrong[0]] for part in (*stored.coords, stored.data))
    else:
        infinite = np.isinf(np.stack(extremes(X))).any(axis=0)
        if not infinite.any():
            return
        j = int(np.argmax(infinite))
        i = int(np.argmax(np.isinf(X[:, j])))
        value = X[i, j]
    what = (
        "NaN, which sparse data cannot have"
        if np.isnan(value)
        else f"infinity or a value too large for {X.dtype}"
    )
    column = j if names is None else repr(names[j])
    raise ValueError(f"Input X contains {what}: row {i}, column {column}.")


def _columns_to_check(given: Any) -> Iterator[tuple[str, Any]]:
    """Columns whose dtype does not say that they hold numbers, with their names."""
    if hasattr(given, "columns") and hasattr(given, "dtypes"):  # a frame
        types = zip(given.columns, given.dtypes, strict=True)
        for j, (column, dtype) in enumerate(types):
            if not _is_numeric(dtype):
                values = given.iloc[:, j] if hasattr(given, "iloc") else given[:, j]
                yield f" in column {column!r}", np.asarray(values)
        return
    if not isinstance(given, np.ndarray):
        if _is_numeric(getattr(given, "dtype", None)):
            return
        try:
            given = np.asarray(given)
        except ValueError:  # rows of different lengths: scikit-learn's error
            return
    if given.dtype.kind in NUMBERS:
        return
    if given.ndim == 2:
        for j, values in enumerate(given.T):
            yield f" in column {j}", values
    else:
        yield "", given


def _is_numeric(dtype: Any) -> bool:
    if hasattr(dtype, "is_numeric"):  # polars
        return bool(dtype.is_numeric())
    return getattr(dtype, "kind", "O") in NUMBERS


def _no_numbers(values: Any) -> tuple[str, str] | None:
    """What the values are if they are no numbers, and an example of text."""
    if values.dtype.kind in "mM":
        return "dates or times", ""
    for value in values.ravel():
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                return "text", f" ({str(value)!r})"
        elif hasattr(value, "isoformat"):
            return "dates or times", ""
    return None


def is_map(X: Any) -> bool:
    """Whether X is a memory map of numbers, which is only ever read in blocks."""
    return isinstance(X, np.memmap) and X.dtype.kind in "biuf"


def checks_of(X: Any) -> dict[str, Any]:
    """What scikit-learn checks of X; it would copy memory maps."""
    if is_map(X):
        return {"dtype": None, "ensure_all_finite": False}
    return {
        "dtype": [np.float64, np.float32],
        "accept_sparse": "csr",
        "ensure_all_finite": False,
    }
