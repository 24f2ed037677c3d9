"""What columns are taken as, and what is said about it."""

import numpy as np
import pandas as pd
import pytest

from sksoftnewton._cli.kinds import Choices, decided, groups, moments
from sksoftnewton._cli.reading import InputError
from sksoftnewton._cli.table import lines, make_table

N = 40
COUNT = np.arange(N)


def taken(values, name="c", **choices):
    column = decided(pd.Series(values, name=name), Choices(**choices))
    return column.taken_as, column.remark


def days(form):
    return pd.date_range("2020-02-20", periods=N).strftime(form)


@pytest.mark.parametrize(
    ("values", "kind", "remark"),
    [
        (COUNT**2, "number", ""),
        (COUNT % 2 == 0, "number", ""),
        (COUNT, "number", "counts the rows"),
        ([f"{1000 * (i % 5 + 1):,}" for i in COUNT], "number", "with separators"),
        (["x", *map(str, COUNT % 7)], "number", "nearly numeric: 1 taken as missing"),
        (["x", "y", "z"] + ["1", "2"] * 10, "category", "5 values"),
        ([np.nan] * N, "dropped", "empty"),
        ([1.0, np.nan] * 5, "dropped", "constant"),
        (["red", "blue"] * 9, "category", "2 values"),
        ([f"text {i}" for i in COUNT], "dropped", "ID or free text; or --categorical"),
        ([f"{i}.{i % 9},5" for i in COUNT], "dropped", "ID or free text"),
        ([f"{i},5" for i in COUNT], "dropped", "perhaps --decimal ,"),
        (["mar", "may", "sun"] * 9, "category", "3 values"),
        (days("%Y-%m-%d"), "date", "read as ISO8601"),
        (days("%d.%m.%Y"), "date", "read as %d.%m.%Y"),
        (days("%m/%d/%Y %H:%M"), "date", "read as %m/%d/%Y %H:%M"),
        # The day comes first, but not before the fifteenth row is this clear.
        (
            [f"0{i % 9 + 1}/04/2020" for i in range(14)] + ["23/04/2020"] * 9,
            "date",
            "%d/",
        ),
        (["03/04/2020", "05/06/2021"] * 9, "date", "%m/%d/%Y, .* day or month first"),
        ([*days("%Y-%m-%d"), "soon"], "date", "1 taken as missing, such as 'soon'"),
    ],
)
def test_what_a_column_is_taken_as(values, kind, remark):
    found, said = taken(values)
    assert found == kind
    assert not said if not remark else pd.Series([said]).str.contains(remark).all(), (
        said
    )


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "userId", "Unnamed: 0"])
def test_ids_are_dropped_by_name(name):
    assert taken(COUNT + 7, name)[0] == "dropped"
    assert taken(COUNT + 7, name, numeric=[name]) == ("number", "")
    assert taken(COUNT % 9, name)[0] == "number"


@pytest.mark.parametrize("name", ["humid", "width", "paid", "Avoid"])
def test_words_that_end_in_id_are_no_ids(name):
    assert taken(COUNT**2, name) == ("number", "")


def test_choices_come_first():
    words = ["x", "NA"] * 9
    assert taken(words, drop=["c"]) == ("dropped", "by --drop")
    assert taken(words, group="c") == ("dropped", "makes the folds")
    assert taken(words, group="c", categorical=["c"])[0] == "category"
    assert taken(COUNT % 3, categorical=["c"]) == ("category", "3 values")
    assert taken(["x", "1"] * 9, numeric=["c"])[1] == "9 taken as missing, such as 'x'"
    assert taken(words)[0] == "dropped"  # constant
    assert taken(words, keep_na=True) == ("category", "2 values")


def test_moments_and_groups():
    times = pd.Series(["2020-01-02", "2020-01-01"] * 9, name="t")
    assert moments(times, ".")[0] - moments(times, ".")[1] == 1
    np.testing.assert_array_equal(moments(pd.Series(COUNT, name="index"), "."), COUNT)
    with pytest.raises(InputError, match="--time: column 't' has no numbers or dates"):
        moments(pd.Series(["a", "b"] * 9, name="t"), ".")
    with pytest.raises(InputError, match=r"--time: .* no value in 1 row"):
        moments(pd.Series([*COUNT, np.nan], name="t"), ".")
    assert list(groups(pd.Series(["NA", 1.0, "b"], name="g"))) == ["NA", "1", "b"]
    with pytest.raises(InputError, match=r"--group: .* no value in 1 row"):
        groups(pd.Series([*COUNT, np.nan], name="g"))


def test_rows_without_a_target_are_left_out_and_counted():
    y = np.r_[np.nan, COUNT[1:]]
    table = make_table(pd.DataFrame({"x": COUNT**2, "y": y}), "y", Choices())
    np.testing.assert_array_equal(table.y, COUNT[1:])
    np.testing.assert_array_equal(table.frame["x"], COUNT[1:] ** 2)
    assert "left out: 1 row without it" in list(lines(table, "f", "y"))[1]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"x": COUNT, "y": [*COUNT[1:], np.inf]}, "1 value .* first 'inf' in row 40"),
        ({"x": COUNT, "y": [f"{i},5" for i in COUNT]}, "perhaps --decimal ,"),
        ({"x": COUNT[:9], "y": COUNT[:9]}, "need 10 rows with a target; there are 9"),
        ({"x": ["a"] * N, "y": COUNT}, "no column is left"),
        ({"y": COUNT}, "no column is left"),
    ],
)
def test_tables_that_cannot_be_used(frame, message):
    with pytest.raises(InputError, match=message):
        make_table(pd.DataFrame(frame), "y", Choices())


def test_many_plain_columns_are_counted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=N) for i in range(100)})
    frame.loc[3, "x99"] = np.nan
    frame["y"] = COUNT
    said = list(lines(make_table(frame, "y", Choices()), "f", "y"))
    assert said[-2] == "  and 59 more columns of numbers, without missing values"
    assert any(line.startswith("  x99 ") for line in said)
    assert len(said) == 3 + 1 + 41 + 1 + 1
