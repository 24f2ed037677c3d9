"""What a column is taken as: numbers, categories, dates, or nothing."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._cli.columns import (
    as_categories,
    as_days,
    as_numbers,
    counted,
    is_missing,
    is_numeric,
)
from sksoftnewton._cli.reading import InputError

SEPARATED = r"\d[^\d.eE]\d"
# A column is of a kind if all of its values are, but for so large a part.
STRAYS = 0.05
# Text with more different values than this part of the rows is no category.
DISTINCT = 0.9
ID_NAME = re.compile(
    r"(?i:unnamed: 0|index|row|uuid|guid)|(?:.*_)?(?i:id)|.*[a-z]I[Dd]"
)
DATES = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y"]
FORMATS = ["ISO8601", *(d + t for d in DATES for t in ("", " %H:%M", " %H:%M:%S"))]
FORMATS_TRIED_ON = 200  # values


@dataclass(frozen=True)
class Choices:
    """What the user says about columns.

    Attributes
    ----------
    numeric, categorical, drop : collection of str, names of columns
    group : str, default=None
        A column that makes the folds: no feature unless it is named above.
    time : str, default=None
        A column along which the folds go.
    decimal : str
    keep_na : bool
        Whether "NA" and the like are categories in columns of text.
    """

    numeric: Collection[str] = ()
    categorical: Collection[str] = ()
    drop: Collection[str] = ()
    group: str | None = None
    time: str | None = None
    decimal: str = "."
    keep_na: bool = False


@dataclass(frozen=True)
class Column:
    """One column of the file: ``taken_as`` a number, category, date, or dropped."""

    name: str
    taken_as: str
    missing: int = 0
    example: str = ""
    remark: str = ""
    date_format: str = ""


def decided(column: Any, choices: Choices) -> Column:
    """What a column is taken as, with a remark where that may be wrong."""
    missing = is_missing(column)
    present = column[~missing]
    example = str(present.iloc[0]) if len(present) else ""
    found = Column(str(column.name), "dropped", int(missing.sum()), example)
    if column.name in choices.drop:
        return replace(found, remark="by --drop")
    if column.name in choices.numeric:
        return _forced_number(found, present, choices.decimal)
    if column.name in choices.categorical:
        return _category(found, column, choices)
    if column.name == choices.group:
        return replace(found, remark="makes the folds")
    if present.nunique() < 2 and not (choices.keep_na and column.nunique() > 1):
        return replace(found, remark="constant" if len(present) else "empty")
    return (
        _number(found, present, choices.decimal)
        or _date(found, present)
        or _text(found, column, choices)
    )


def _forced_number(found: Column, present: Any, decimal: str) -> Column:
    strays = np.isnan(as_numbers(present, decimal))
    if strays.all():
        raise InputError(f"--numeric: column {found.name!r} has no numbers")
    return replace(found, taken_as="number", remark=_strays(present, strays))


def _number(found: Column, present: Any, decimal: str) -> Column | None:
    numbers = as_numbers(present, decimal)
    strays = np.isnan(numbers)
    if strays.mean() > STRAYS and not is_numeric(present):
        return None
    if strays.any():
        remark = f"nearly numeric: {_strays(present, strays)}"
        if not is_numeric(present):
            remark += "; else --categorical"
        return replace(found, taken_as="number", remark=remark)
    whole = bool(np.all(numbers == np.floor(numbers)))
    if whole and len(np.unique(numbers)) == len(numbers):
        if ID_NAME.fullmatch(found.name):
            return replace(found, remark="looks like an ID; to keep it: --numeric")
        if np.all(np.diff(numbers) == 1):
            remark = "counts the rows; to leave it out: --drop"
            return replace(found, taken_as="number", remark=remark)
    if not is_numeric(present) and present.astype(str).str.contains(SEPARATED).any():
        return replace(found, taken_as="number", remark="with separators")
    return replace(found, taken_as="number")


def _strays(present: Any, strays: NDArray[np.bool_]) -> str:
    if not strays.any():
        return ""
    first = str(present[strays].iloc[0])
    return f"{strays.sum():,} taken as missing, such as {first!r}"


def _date(found: Column, present: Any) -> Column | None:
    sample = present.iloc[:FORMATS_TRIED_ON]
    dates = {form: np.mean(~np.isnan(as_days(sample, form))) for form in FORMATS}
    best = max(dates, key=lambda form: dates[form])
    if dates[best] < 1 - STRAYS:
        return None
    # Only now all rows: 03/04 in the first of them says nothing about 23/04.
    tied = [form for form in FORMATS if dates[form] >= 1 - STRAYS]
    strays = {form: np.isnan(as_days(present, form)) for form in tied}
    best = min(tied, key=lambda form: strays[form].sum())
    if strays[best].mean() > STRAYS:
        return None
    remark = f"read as {best}, in days since 1970"
    other = best.replace("%m/%d", "%d/%m")
    if other != best and not strays.get(other, np.ones(1)).any():
        remark += "; day or month first?"
    if strays[best].any():
        remark += f"; {_strays(present, strays[best])}"
    return replace(found, taken_as="date", remark=remark, date_format=best)


def _text(found: Column, column: Any, choices: Choices) -> Column:
    hint = decimal_hint(column, choices.decimal)
    category = _category(found, column, choices)
    present = len(column) - category.missing
    if len(set(as_categories(column, choices.keep_na).dropna())) > DISTINCT * present:
        remark = hint.strip("; ") or "looks like an ID or free text"
        return replace(
            category, taken_as="dropped", remark=remark + "; or --categorical"
        )
    return replace(category, remark=category.remark + hint)


def _category(found: Column, column: Any, choices: Choices) -> Column:
    values = as_categories(column, choices.keep_na)
    missing = int(values.isna().sum())
    remark = counted(len(values.categories), "value")
    unsaid = missing - int(column.isna().sum())
    if unsaid:
        remark += f"; {unsaid:,} such as NA taken as missing; else --keep-na"
    return replace(found, taken_as="category", missing=missing, remark=remark)


def decimal_hint(column: Any, decimal: str) -> str:
    other = "," if decimal == "." else "."
    looks = np.isnan(as_numbers(column, decimal)) & ~np.isnan(as_numbers(column, other))
    return f"; perhaps --decimal {other}" if looks.any() else ""


def moments(column: Any, decimal: str) -> NDArray[np.float64]:
    """A column of numbers or dates, along which time goes.

    Raises
    ------
    InputError
        If it is something else, or has gaps.
    """
    present = column[~is_missing(column)]
    found = Column(str(column.name), "dropped")
    taken = _number(found, present, decimal) or _date(found, present)
    if taken is None:
        raise InputError(f"--time: column {column.name!r} has no numbers or dates")
    if taken.date_format:
        values = as_days(column, taken.date_format)
    else:
        values = as_numbers(column, decimal)
    _refuse_gaps("--time", column, np.isnan(values))
    return values


def groups(column: Any) -> Any:
    """The names of the groups, an ndarray of str of shape (n,).

    Raises
    ------
    InputError
        If one is missing.
    """
    values = as_categories(column, keep_na=True)
    _refuse_gaps("--group", column, values.isna())
    return np.asarray(values, dtype=str)


def _refuse_gaps(option: str, column: Any, gaps: NDArray[np.bool_]) -> None:
    if gaps.any():
        rows = counted(gaps.sum(), "row")
        raise InputError(f"{option}: column {column.name!r} has no value in {rows}")
