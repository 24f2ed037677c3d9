"""A value is the same whatever pandas took its column for."""

import io

import numpy as np
import pandas as pd
import pytest

from sksoftnewton._cli.columns import (
    MISSING,
    PANDAS_MISSING,
    ColumnWarning,
    as_categories,
    as_days,
    as_numbers,
    is_missing,
    typed,
)

NAN = np.nan


def column(*fields, **options):
    """What pandas makes of the fields of one column."""
    text = "\n".join(["c,d", *(f'"{field}",' for field in fields)])
    return pd.read_csv(io.StringIO(text), **options)["c"]


RAW = {"keep_default_na": False, "na_values": [""]}


@pytest.mark.parametrize("options", [{}, RAW])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["1", "2.5", ""], [1, 2.5, NAN]),
        (["True", "false", "NA"], [1, 0, NAN]),
        (["TRUE", "FALSE"], [1, 0]),
        (["1", "inf", "-inf"], [1, NAN, NAN]),
        (["1", "x", "?"], [1, NAN, NAN]),
        (["1,234", "12,345,678.5", " 7 ", "-1'000"], [1234, 12345678.5, 7, -1000]),
        (["1 234", "1\u202f234", "1,23", "1e3"], [1234, 1234, NAN, 1000]),
    ],
)
def test_numbers(options, fields, expected):
    np.testing.assert_array_equal(as_numbers(column(*fields, **options)), expected)


def test_numbers_with_a_decimal_comma():
    text = column("1.234,5", "1,5", "1.234", "1.5", "2")
    np.testing.assert_array_equal(
        as_numbers(text, ","), [1234.5, 1.5, 1234.0, np.nan, 2.0]
    )
    read = column("1,5", "2,25", decimal=",")
    np.testing.assert_array_equal(as_numbers(read, ","), [1.5, 2.25])


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_numbers_of_types_with_a_mask(dtype):
    values = pd.Series([1, None, 0], dtype=dtype)
    np.testing.assert_array_equal(as_numbers(values), [1, NAN, 0])


@pytest.mark.parametrize(
    ("alone", "among"),
    [
        (["1", "2"], ["1", "2", "x"]),  # integers, or text
        (["1", "2"], ["1", "2", ""]),  # integers, or floats
        (["01", "2.0"], ["01", "2.0", "x"]),
        (["true", "FALSE"], ["true", "FALSE", "maybe"]),
        (["1.5", "1e3"], ["1.5", "1e3", "x"]),
        ([" red", "blue "], [" red", "blue ", ""]),
    ],
)
def test_categories_do_not_depend_on_the_other_rows(alone, among):
    first = as_categories(column(*alone), False)
    second = as_categories(column(*among), False)
    assert list(first) == list(second)[: len(alone)]


def test_categories_apart():
    names = ["1", "1.5", "True", "x", "X", "123456789012345678901", "1_000", "nano"]
    assert list(as_categories(column(*names), False)) == names


def test_missing_words_are_categories_on_request():
    words = column("NA", "None", "?", "", " ", "x", **RAW)
    assert is_missing(words).tolist() == [True] * 5 + [False]
    assert as_categories(words, False).isna().tolist() == [True] * 5 + [False]
    kept = as_categories(words, True)
    assert list(kept[:3]) == ["NA", "None", "?"]
    assert kept.isna().tolist() == [False] * 3 + [True] * 2 + [False]


def test_missing_words_are_those_of_pandas():
    words = [word for word in PANDAS_MISSING if word]
    assert column(*words, "x").isna().tolist() == [True] * len(words) + [False]
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(PANDAS_MISSING) == STR_NA_VALUES
    assert MISSING - set(PANDAS_MISSING) == {"?"}


def test_days():
    text = column("1970-01-02", "2000-01-01T12:00", "NA", "x")
    np.testing.assert_array_equal(as_days(text, "ISO8601"), [1, 10957.5, NAN, NAN])
    parsed = column("1970-01-02", "2000-01-01", parse_dates=["c"])
    np.testing.assert_array_equal(as_days(parsed, "ISO8601"), [1, 10957])
    np.testing.assert_array_equal(as_days(column("02/01/1970"), "%d/%m/%Y"), [1])
    zone = column("1970-01-02T00:00+06:00", "1970-01-02T00:00Z")
    np.testing.assert_array_equal(as_days(zone, "ISO8601"), [0.75, 1])
    np.testing.assert_array_equal(as_days(column("", ""), "ISO8601"), [NAN, NAN])
    # Years far from ours are dates, but for pandas 2, which counts nanoseconds; numbers
    # are none.
    far = column("1000-01-02", "-0.2", "1234", "1970-01-02", dtype=str)
    of_year_1000 = NAN if pd.__version__ < "3" else -354284
    np.testing.assert_array_equal(as_days(far, "ISO8601"), [of_year_1000, NAN, NAN, 1])


KINDS = {"b": "number", "c": "category", "a": "date"}


def typed_frame(frame):
    return typed(frame, KINDS, {"a": "ISO8601"}, ".", False)


def test_typed_takes_the_columns_by_name():
    frame = pd.DataFrame(
        {"x": [1, 2], "c": ["u", "v"], "a": ["1970-01-02", None], "b": [1, 2]},
        index=[5, 3],
    )
    found = typed_frame(frame)
    assert list(found.columns) == list(KINDS) and list(found.index) == [5, 3]
    np.testing.assert_array_equal(found["a"], [1, NAN])
    assert found["c"].dtype == "category" and found["b"].dtype == float


def test_typed_names_what_does_not_fit():
    with pytest.raises(ValueError, match="no column 'b', 'a'; the model takes b, c, a"):
        typed_frame(pd.DataFrame({"c": [1]}))
    with pytest.raises(TypeError, match=r"takes a pandas DataFrame .* got ndarray"):
        typed_frame(np.ones((2, 3)))
    frame = pd.DataFrame({"a": ["soon"], "b": [1], "c": ["u"]})
    with pytest.warns(ColumnWarning, match="'a': 1 value .* a date, such as 'soon'"):
        typed_frame(frame)
