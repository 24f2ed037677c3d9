"""A CSV file as features and a target, for the command line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
FEWEST_ROWS = 10


class TableError(ValueError):
    """Something about the file that its owner can put right."""


@dataclass(frozen=True)
class Table:
    """Features and target.

    Attributes
    ----------
    X : ndarray of shape (n, n_columns), of floats, or of objects with text
    y : ndarray of shape (n,)
    numeric, categorical : lists of int, positions of the two kinds of columns
    """

    X: NDArray[Any]
    y: NDArray[np.float64]
    numeric: list[int]
    categorical: list[int]

    @classmethod
    def of_numbers(cls, X: NDArray[Any], y: NDArray[np.float64]) -> Table:
        return cls(X, y, list(range(X.shape[1])), [])


def read_table(path: str, target: str) -> Table:
    """Read a CSV file with a header line.

    Raises
    ------
    TableError
        For a file that cannot be read, a target that is absent or not numeric, a
        row of the wrong length, or a missing value; it names the column.
    """
    header, lines = _read_lines(path)
    if target not in header:
        raise TableError(
            f"{path} has no column {target!r}; its columns are {', '.join(header)}"
        )
    columns = {name: [line[i] for line in lines] for i, name in enumerate(header)}
    for name, values in columns.items():
        _refuse_missing(path, name, values)
    y = _as_numbers(columns.pop(target))
    if y is None:
        raise TableError(f"the target {target!r} is text; regression needs numbers")
    if not columns:
        raise TableError(f"{path} has no column besides the target {target!r}")
    parsed = {name: _as_numbers(values) for name, values in columns.items()}
    X = np.empty((len(lines), len(columns)), dtype=object)
    for i, (name, numbers) in enumerate(parsed.items()):
        X[:, i] = columns[name] if numbers is None else numbers
    numeric = [i for i, values in enumerate(parsed.values()) if values is not None]
    categorical = [i for i in range(len(columns)) if i not in numeric]
    return Table(X if categorical else X.astype(np.float64), y, numeric, categorical)


def _read_lines(path: str) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            header, *lines = csv.reader(file, delimiter=delimiter)
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not a text file in UTF-8") from None
    except (ValueError, csv.Error):
        raise TableError(f"{path} has no header line") from None
    header = [name.strip() for name in header]
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise TableError(f"{path} has two columns {min(repeated)!r}")
    lines = [line for line in lines if line]
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise TableError(
                f"row {number} of {path} has {len(line)} fields, the header "
                f"{len(header)}"
            )
    if len(lines) < FEWEST_ROWS:
        raise TableError(
            f"{path} has {len(lines)} rows; cross-validation needs {FEWEST_ROWS}"
        )
    return header, lines


def _refuse_missing(path: str, name: str, values: list[str]) -> None:
    rows = [i for i, value in enumerate(values, 2) if value.strip().lower() in MISSING]
    if rows:
        raise TableError(
            f"column {name!r} of {path} has {len(rows)} missing value"
            f"{'s' if len(rows) > 1 else ''}, the first in row {rows[0]}; fill them "
            "in or leave the rows out"
        )


def _as_numbers(values: list[str]) -> NDArray[np.float64] | None:
    """The values as finite floats, or None where one of them is text."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None
