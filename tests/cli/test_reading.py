"""Files that are tables, and files that are none."""

import gzip

import numpy as np
import pytest

from sksoftnewton._cli.reading import Format, InputError, read_frame


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_separators_and_the_byte_order_mark(tmp_path, sign):
    path = tmp_path / "t.csv"
    lines = [f"\ufeffx{sign}y, in €"] + [f"{i}{sign}{2 * i}" for i in range(12)]
    if sign == ",":
        lines[0] = '\ufeffx,"y, in €"'
    path.write_text("\r\n".join(lines), encoding="utf-8")
    frame = read_frame(str(path), Format())
    assert list(frame.columns) == ["x", "y, in €"]
    np.testing.assert_array_equal(frame["y, in €"], 2 * np.arange(12))


def test_encoding_of_sixteen_bits(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,ü\n1,2\n", encoding="utf-16")
    assert list(read_frame(str(path), Format(encoding="utf-16")).columns) == ["x", "ü"]
    with pytest.raises(InputError, match="not in the encoding 'utf-8'"):
        read_frame(str(path), Format())


def test_only_empty_fields_are_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\nNA,\nNone,1\n")
    frame = read_frame(str(path), Format())
    assert list(frame["x"]) == ["NA", "None"]
    assert list(frame["y"].isna()) == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header line"),
        (b"\n1,2\n", "no header line"),
        (b"a,b,a\n1,2,3\n", "two columns 'a'"),
        (b"a,b\n1,2\n1,2,3\n", "is not a table: Expected 2 fields in line 3, saw 3"),
        (b"a,b\n1,2,3\n1,2,3\n", "more fields than its header has names"),
        (b"a,b\n\xff\xfe,2\n", "not in the encoding 'utf-8'.* --encoding cp1252"),
        (b"PK\x03\x04" + bytes(30), "an archive or a workbook: save its table as CSV"),
        (gzip.compress(b"a,b\n" + bytes(range(97, 120)) * 9)[:-9], "cut off"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_frame(str(path), Format())
