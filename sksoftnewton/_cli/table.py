"""The features and the target of a file, and the table that says what they are."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._cli.columns import as_numbers, counted, is_missing
from sksoftnewton._cli.kinds import Choices, Column, decided, decimal_hint
from sksoftnewton._cli.reading import InputError

FEWEST_ROWS = 10
NAMES_SAID = 20
PLAIN_ROWS = 40  # numbers without remark beyond so many are counted, not listed


@dataclass(frozen=True)
class Table:
    """Features and target.

    Attributes
    ----------
    frame : DataFrame of shape (n, columns of the file), rows with a target
    y : ndarray of shape (n,)
    columns : list of Column, all but the target
    remark : str, on the target
    typing : dict, the arguments of `typed` besides the frame
    """

    frame: Any
    y: NDArray[np.float64]
    columns: list[Column]
    remark: str
    typing: dict[str, Any]


def make_table(frame: Any, target: str, choices: Choices) -> Table:
    """Decide about all columns.

    Raises
    ------
    InputError
        For a column that is absent or named for two purposes, a target that is not
        numeric or is constant, and too little data; it names the column.
    """
    _check_names(frame, target, choices)
    y, remark = _target(frame[target], choices.decimal)
    known = ~np.isnan(y)
    if known.sum() < FEWEST_ROWS:
        raise InputError(
            f"the models need {FEWEST_ROWS} rows with a target; there are {known.sum()}"
        )
    if np.ptp(y[known]) == 0:
        raise InputError(f"the target {target!r} is {y[known][0]:g} in every row")
    frame, y = frame[known].reset_index(drop=True), y[known]
    columns = [
        decided(frame[name], choices) for name in frame.columns if name != target
    ]
    used = [column for column in columns if column.taken_as != "dropped"]
    if not used:
        raise InputError(f"no column is left besides the target {target!r}")
    typing = {
        "kinds": {column.name: column.taken_as for column in used},
        "date_formats": {c.name: c.date_format for c in used if c.taken_as == "date"},
        "decimal": choices.decimal,
        "keep_na": choices.keep_na,
    }
    return Table(frame, y, columns, remark, typing)


def _check_names(frame: Any, target: str, choices: Choices) -> None:
    named = [target, *choices.numeric, *choices.categorical, *choices.drop]
    for name in [*named, choices.group, choices.time]:
        if name is not None and name not in frame.columns:
            raise InputError(f"there is no column {name!r}; {_near(name, frame)}")
    for name in named:
        if named.count(name) > 1:
            raise InputError(
                f"column {name!r} is named twice among --target, --numeric, "
                "--categorical and --drop"
            )
    for option, name in (("--group", choices.group), ("--time", choices.time)):
        if name == target:
            raise InputError(f"{option}: {name!r} is the target")


def _near(name: str, frame: Any) -> str:
    """The column that may be meant by a name, or the first ones."""
    names = {str(column).lower(): column for column in frame.columns}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    if near:
        return f"is it {names[near[0]]!r}?"
    first = ", ".join(map(repr, frame.columns[:NAMES_SAID]))
    more = len(frame.columns) - NAMES_SAID
    return f"the columns are {first}" + (f" and {more:,} more" if more > 0 else "")


def _target(column: Any, decimal: str) -> tuple[NDArray[np.float64], str]:
    """The target, NaN where it is missing, and what is to be said about it."""
    y, missing = as_numbers(column, decimal), is_missing(column)
    strays = np.flatnonzero(np.isnan(y) & ~missing)
    if len(strays):
        values, first = counted(len(strays), "value"), str(column.iloc[strays[0]])
        raise InputError(
            f"the target {column.name!r} has {values} that are no finite numbers, the "
            f"first {first!r} in row {strays[0] + 1}{decimal_hint(column, decimal)}"
        )
    count = int(missing.sum())
    return y, f"left out: {counted(count, 'row')} without it" if count else ""


def lines(table: Table, file: str, target: str) -> Iterator[str]:
    """What is known about the file: the target, and a line for each column.

    Columns of numbers without anything remarkable are counted where they are many.
    """
    yield f"{file}: {len(table.y):,} rows"
    yield (
        f"target {target}: mean {table.y.mean():.4g}, from {table.y.min():.4g} to "
        f"{table.y.max():.4g}" + (f"; {table.remark}" if table.remark else "")
    )
    yield ""
    yield from _column_lines(table.columns)
    yield ""


def _column_lines(columns: list[Column]) -> Iterator[str]:
    plain = [
        column.name
        for column in columns
        if column.taken_as == "number" and not column.missing and not column.remark
    ]
    left_out = {*plain[PLAIN_ROWS:]}
    shown = [c for c in columns if c.name not in left_out]
    width = min(28, max(len("column"), *(len(c.name) for c in shown)))
    head = f"{'column':{width}}  {'taken as':8}  {'missing':>9}  {'example':16}  remark"
    yield f"  {head}"
    for c in shown:
        example = _cut(c.example, 16)
        line = f"  {_cut(c.name, width)}  {c.taken_as:8}  {c.missing:9,}  {example}  "
        yield (line + c.remark).rstrip()
    if left_out:
        yield f"  and {len(left_out):,} more columns of numbers, without missing values"


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return f"{text:{width}}" if len(text) <= width else text[: width - 1] + "…"
