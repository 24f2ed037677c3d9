"""Columns of a frame as numbers, categories and dates: a saved pipeline's first step.

`typed` is a step of every pipeline that ``--save`` writes. It makes the same values of
a column whatever pandas took it for: a column of integers is read as floats where one
is missing, and one of "true" and "false" as text where a third word occurs.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# What ``pandas.read_csv`` takes as missing.
PANDAS_MISSING = [
    *("", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NULL", "null"),
    *("None", "NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
]
MISSING = frozenset([*PANDAS_MISSING, "?"])


class ColumnWarning(UserWarning):
    """Values of a column are not what the column consists of."""


def typed(
    frame: Any,
    kinds: dict[str, str],
    date_formats: dict[str, str],
    decimal: str,
    keep_na: bool,
) -> Any:
    """The columns that a model takes, in their order, each of its kind.

    Parameters
    ----------
    frame : DataFrame of shape (n, at least those columns)
    kinds : dict of str
        "number", "category" or "date" for each name.
    date_formats : dict of str
        The format of each date, as ``pandas.to_datetime`` takes it.
    decimal : str
        The decimal point in text that holds numbers.
    keep_na : bool
        Whether "NA" and the like are categories in a column of categories.

    Returns
    -------
    DataFrame of shape (n, len(kinds))
        Finite floats or NaN, dates in days since 1970, and pandas' categories.

    Raises
    ------
    TypeError
        For anything but a frame of pandas.
    ValueError
        If a column is absent.

    Warns
    -----
    ColumnWarning
        For values of a column of numbers or dates that are neither; they are missing.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"the model takes a pandas DataFrame with the columns {', '.join(kinds)}; "
            f"got {type(frame).__name__}"
        )
    absent = [name for name in kinds if name not in frame.columns]
    if absent:
        raise ValueError(
            f"the data have no column {', '.join(map(repr, absent))}; "
            f"the model takes {', '.join(kinds)}"
        )
    columns = {}
    for name, kind in kinds.items():
        if kind == "category":
            columns[name] = as_categories(frame[name], keep_na)
            continue
        columns[name] = (
            as_numbers(frame[name], decimal)
            if kind == "number"
            else as_days(frame[name], date_formats[name])
        )
        _warn_of_strays(frame[name], columns[name], kind)
    return pd.DataFrame(columns, index=frame.index)


def is_missing(column: Any) -> Flags:
    """Where a column has no value, "NA" and the like included."""
    missing: Flags = column.isna().to_numpy()
    if is_numeric(column):
        return missing
    words: Flags = _by_value(column, lambda words: words.isin(MISSING), True)
    return missing | words


def as_numbers(column: Any, decimal: str = ".") -> Array:
    """A column as floats, NaN where there is no finite number.

    Text may have separators of thousands: blanks, apostrophes, and that of comma and
    point that is not the decimal point.
    """
    if is_numeric(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = _by_value(column, lambda words: _parsed(words, decimal), np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _parsed(words: Any, decimal: str) -> Any:
    import pandas as pd

    thousands = rf"[{'.' if decimal == ',' else ','} '’\u00a0\u202f]"
    grouped = rf"[+-]?\d{{1,3}}(?:{thousands}\d{{3}})+(?:{re.escape(decimal)}\d+)?"
    plain = words.str.replace(thousands, "", regex=True)
    words = words.replace({"True": "1", "False": "0"})
    words = words.where(~words.str.fullmatch(grouped), plain)
    if decimal != ".":  # a point that separates no thousands is no part of a number
        words = words.where(~words.str.contains(".", regex=False), "")
        words = words.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(words, errors="coerce")


def as_days(column: Any, date_format: str) -> Array:
    """A column of dates as days since 1970, NaN where there is no date."""
    import pandas as pd

    def days(dates: Any) -> Any:
        # With a zone or without: universal time.
        dates = pd.to_datetime(dates, format=date_format, errors="coerce", utc=True)
        # Nanoseconds end in the year 2262.
        dates = dates.dt.tz_localize(None).to_numpy("datetime64[us]")
        return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "D")

    def parsed(words: Any) -> Any:
        if date_format == "ISO8601":  # for which pandas also takes 1234 and -0.2
            words = words.where(words.str.match(r"\d{4}\D\d"))
        return days(words)

    if pd.api.types.is_datetime64_any_dtype(column):
        return np.asarray(days(column), dtype=np.float64)
    values: Array = _by_value(column, parsed, np.nan)
    return values


def as_categories(column: Any, keep_na: bool) -> Any:
    """A column as pandas' categories; the same value has the same name everywhere."""
    import pandas as pd

    def named(words: Any) -> Any:
        names = words.map(_category)
        return names.where(~names.isin({""} if keep_na else MISSING), None)

    return pd.Categorical(_by_value(column, named, None))


def _category(word: str) -> str:
    """The name of a value: 01, 1 and 1.0 are one category, as pandas reads them."""
    if re.fullmatch(r"[+-]?\d+", word):
        return str(int(word))
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", word):
        return word
    number = float(word)
    return str(int(number)) if number.is_integer() else repr(number)


def _by_value(column: Any, function: Callable[[Any], Any], missing: Any) -> Any:
    """What a function makes of the different values of a column, as stripped text.

    Parameters
    ----------
    column : Series of shape (n,)
    function : callable
        From a Series of words to as many values.
    missing : object
        What stands for a missing value.

    Returns
    -------
    ndarray of shape (n,)
    """
    import pandas as pd

    codes, values = pd.factorize(column)
    words = pd.Series(list(values), dtype=object).map(str).str.strip()
    words = words.replace({"true": "True", "TRUE": "True"})
    words = words.replace({"false": "False", "FALSE": "False"})
    made = np.asarray(function(words))
    return np.append(made, missing)[codes]  # the code of a missing value is -1


def counted(n: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def is_numeric(column: Any) -> bool:
    """Whether pandas took a column for numbers or truth values."""
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column))


def _warn_of_strays(column: Any, numbers: Array, kind: str) -> None:
    strays = np.flatnonzero(np.isnan(numbers) & ~is_missing(column))
    if len(strays):
        count, first = counted(len(strays), "value"), str(column.iloc[strays[0]])
        warnings.warn(
            f"column {column.name!r}: {count} taken as missing for want of a {kind}, "
            f"such as {first!r}",
            ColumnWarning,
            stacklevel=2,
        )
