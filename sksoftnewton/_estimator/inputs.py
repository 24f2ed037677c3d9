"""Input that is no table of numbers is refused with the place where it is none.

What scikit-learn checks itself (shapes, NaN, infinity, sparse formats) stays with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._rows.standardisation import extremes

NUMBERS = "biufc"  # kinds of NumPy dtypes
TEXT, DATES, OBJECTS = "text", "dates or times", "values of type"
LARGEST = float(np.finfo(np.float64).max)
HINTS = {
    TEXT: " Text is taken in the columns that categorical_features names; with "
    '"from_dtype" these are all columns of text in a frame.',
    DATES: " Dates can be given as numbers, such as days since the first one.",
}


def unmasked(given: Any, name: str) -> Any:
    """Input as NumPy knows it; masked entries are refused."""
    refuse_masked(given, name)
    return to_numpy(given)


def numeric_input(given: Any, name: str, columns: Sequence[int] | None = None) -> Any:
    """Input as scikit-learn's validation takes it, on the CPU.

    Parameters
    ----------
    given : array-like, sparse matrix, frame or None
    name : str, of the argument
    columns : sequence of int, default=None
        The numbers that the columns of an array have for the user.

    Raises
    ------
    ValueError
        For masked entries, text and dates, with their column.
    TypeError
        For other objects, with their column.
    """
    given = unmasked(given, name)
    if given is None or sp.issparse(given):
        return given
    for label, values in _columns_to_check(given, columns):
        found = _no_numbers(values)
        if found is not None:
            what, example = found
            if what.startswith(OBJECTS):
                raise TypeError(
                    f"{name} holds {what}{label}: every entry of this argument must be "
                    "a string or a number."
                )
            hint = HINTS.get(what, "") if name == "X" else ""
            raise ValueError(
                f"{name} holds {what}{label}{example}, but only numbers are accepted."
                + hint
            )
    return with_nan(given) if name == "X" else given


def with_nan(given: Any) -> Any:
    """NaN for pandas' NA among objects, which is no number for NumPy."""
    if isinstance(given, np.ndarray) and given.dtype == object:
        absent = np.array([_is_na(value) for value in given.ravel()], dtype=bool)
        return np.where(absent.reshape(given.shape), np.nan, given)
    if hasattr(given, "isetitem"):  # a frame of pandas
        kinds = [getattr(dtype, "kind", "O") for dtype in given.dtypes]
        objects = [j for j, kind in enumerate(kinds) if kind == "O"]
        given = given.copy(deep=False) if objects else given
        for j in objects:
            given.isetitem(j, with_nan(given.iloc[:, j].to_numpy(dtype=object)))
    return given


def refuse_masked(given: Any, name: str) -> None:
    """Raise ValueError for masked entries."""
    if np.ma.is_masked(given):
        raise ValueError(
            f"{name} has masked entries, which have no value. Fill them in or leave "
            "their rows out."
        )


def _is_na(value: Any) -> bool:
    return type(value).__name__ == "NAType"


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


def _columns_to_check(
    given: Any, columns: Sequence[int] | None
) -> Iterator[tuple[str, Any]]:
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
            yield f" in column {j if columns is None else columns[j]}", values
    else:
        yield "", given


def _is_numeric(dtype: Any) -> bool:
    if hasattr(dtype, "is_numeric"):  # polars
        return bool(dtype.is_numeric())
    return getattr(dtype, "kind", "O") in NUMBERS


def _no_numbers(values: Any) -> tuple[str, str] | None:
    """What the values are if they are no numbers, and an example of text."""
    if values.dtype.kind in "mM":
        return DATES, ""
    for value in values.ravel():
        if isinstance(value, str | bytes):
            try:
                float(value)
            except ValueError:
                plain = str(value) if isinstance(value, str) else bytes(value)
                return TEXT, f" ({plain!r})"
        elif isinstance(value, int) and abs(value) > LARGEST:
            return "an integer too large for float64", ""
        elif hasattr(value, "isoformat"):
            return DATES, ""
        elif not _may_be_number(value):
            return f"{OBJECTS} {type(value).__name__}", ""
    return None


def _may_be_number(value: Any) -> bool:
    """Whether it is one, or missing; of complex ones scikit-learn tells."""
    complex_or_missing = value is None or isinstance(value, complex) or _is_na(value)
    return complex_or_missing or hasattr(value, "__float__")


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
