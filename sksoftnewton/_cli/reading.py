"""A delimited text file as the frame that pandas makes of it."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"  # Excel's workbooks, too
SEPARATORS = ",;\t|"


class InputError(ValueError):
    """Something about files or arguments that their owner can put right."""


@dataclass(frozen=True)
class Format:
    """How a file is written.

    Attributes
    ----------
    separator : str, default=None
        None: whichever of comma, semicolon, tab and bar makes the most fields of the
        first two lines.
    decimal : str
    encoding : str
    """

    separator: str | None = None
    decimal: str = "."
    encoding: str = "utf-8-sig"


def read_frame(path: str, form: Format) -> Any:
    """Read a file with a header line.

    Parameters
    ----------
    path : str
        "-": the standard input. Data packed by gzip are unpacked, whatever the name.
    form : Format

    Returns
    -------
    frame : DataFrame
        As ``pandas.read_csv`` makes it, except that only empty fields are missing:
        what "NA" is depends on the column.

    Raises
    ------
    InputError
        Without pandas, and for a file that cannot be read as a table.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InputError(
            'reading a file needs pandas: pip install "sksoftnewton[cli]"'
        ) from None
    with reasons(path), _opened(path) as stream:
        separator = _check_header(path, stream, form)
        try:
            frame = pd.read_csv(
                stream,
                sep=separator,
                decimal=form.decimal,
                encoding=form.encoding,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,  # a column has one type, not one for each chunk
            )
        except pd.errors.ParserError as error:
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
            raise InputError(f"{path} is not a table: {reason}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError(
            f"the rows of {path} have more fields than its header has names"
        )
    return frame


@contextmanager
def reasons(path: str) -> Iterator[None]:
    """Errors in the way of a file, in one line that names it."""
    try:
        yield
    except UnicodeError as error:
        raise InputError(
            f"{path} is not in the encoding {error.encoding!r}: name the right one, "
            "such as --encoding cp1252"
            if isinstance(error, UnicodeDecodeError)
            else f"{path} cannot be decoded: {error}"
        ) from None
    except (EOFError, zlib.error):
        raise InputError(f"{path} is packed by gzip, and damaged or cut off") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked, from their beginning and seekable."""
    if path == "-":
        stream: IO[bytes] = io.BytesIO(sys.stdin.buffer.read())
    else:
        stream = open(path, "rb")  # noqa: SIM115 (closed below)
    with stream:
        if not stream.seekable():  # a pipe with a name
            stream = io.BytesIO(stream.read())
        start = stream.read(len(ZIP))
        stream.seek(0)
        if start == ZIP:
            raise InputError(
                f"{path} is an archive or a workbook: save its table as CSV"
            )
        packed = start.startswith(GZIP)
        yield gzip.GzipFile(fileobj=stream) if packed else stream  # type: ignore[misc]


def _check_header(path: str, stream: IO[bytes], form: Format) -> str:
    """The separator; an error if the header is absent or names a column twice."""
    text = io.TextIOWrapper(stream, encoding=form.encoding, newline="")
    lines = [text.readline(), text.readline()]
    if not lines[0].strip():
        raise InputError(f"{path} has no header line")

    def fields(separator: str) -> int:
        rows = csv.reader(lines, delimiter=separator)
        return min(len(row) for row in rows if row)

    separator = form.separator or max(SEPARATORS, key=fields)
    text.seek(0)
    header = next(csv.reader(text, delimiter=separator))
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise InputError(f"{path} has two columns {min(repeated)!r}")
    text.seek(0)
    text.detach()
    return separator
