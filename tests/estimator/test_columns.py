"""Tables in the guises that users have them in: what is taken, and what is told."""

import datetime
import decimal

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton import TwoLayerSoftmaxRegressor

FIXED = {"n_hidden": 2, "alpha": 1e-2, "basis": "linear", "random_state": 0}
N = 60


def model(**params):
    return TwoLayerSoftmaxRegressor(**{**FIXED, **params})


def data(seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"size": rng.normal(size=N), "kind": rng.choice(["u", "v"], N)}
    )
    return frame, (frame["size"] + 2 * (frame["kind"] == "u")).to_numpy()


def names(fitted):
    return list(
        fitted.basis_.get_feature_names_out(getattr(fitted, "feature_names_in_", None))
    )


# -- what is taken --------------------------------------------------------------------


def test_arrays_and_lists_with_text_in_the_columns_that_are_named():
    frame, y = data()
    expected = model().fit(frame, y).predict(frame)
    array = frame.to_numpy()
    for given in (array, array.tolist(), array.astype(str)):
        fitted = model(categorical_features=[1]).fit(given, y)
        assert_allclose(fitted.predict(given), expected, rtol=1e-12)
        assert set(names(fitted)) == {"x0", "x1 = u", "x1 = v"}


def test_a_model_of_a_frame_takes_its_array():
    frame, y = data()
    fitted = model().fit(frame, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        predicted = fitted.predict(frame.to_numpy())
    assert_array_equal(predicted, fitted.predict(frame))


@pytest.mark.parametrize("others", [{}, {"kind": "u"}])
def test_what_is_missing_in_columns_of_objects(others):
    frame, y = data()
    numbers = frame[["size"]].assign(**others)
    gaps = numbers.assign(size=numbers["size"].where(numbers.index % 9 > 0))
    fitted = model().fit(gaps, y)
    expected = fitted.predict(gaps)
    before = gaps.astype({"size": object})
    for absent in (pd.NA, None, np.nan):
        objects = before.assign(
            size=before["size"].where(before["size"].notna(), absent)
        )
        untouched = objects.copy()
        assert_array_equal(fitted.predict(objects), expected)
        assert_array_equal(model().fit(objects, y).predict(gaps), expected)
        pd.testing.assert_frame_equal(objects, untouched)
    assert np.isfinite(fitted.predict(gaps.assign(size=pd.NA))).all()


def test_an_array_of_a_nullable_frame():
    frame, y = data()
    numbers = frame[["size"]].astype("Float64")
    numbers.loc[::9] = pd.NA
    expected = model().fit(numbers, y).predict(numbers)
    array = numbers.to_numpy(dtype=object)
    assert_array_equal(model().fit(array, y).predict(array), expected)


@pytest.mark.parametrize(
    "values",
    [
        pd.cut(np.arange(N), 3),
        pd.Categorical(pd.date_range("2020", periods=3).repeat(N // 3)),
        pd.Categorical(pd.period_range("2020", periods=3, freq="M").repeat(N // 3)),
        pd.Categorical([decimal.Decimal(i % 3) for i in range(N)]),
    ],
    ids=["intervals", "dates", "periods", "decimals"],
)
def test_a_categorical_column_may_hold_anything(values):
    frame, y = data()
    frame["group"] = values
    y = y + 3 * frame["group"].cat.codes
    fitted = model().fit(frame, y)
    text = frame.assign(group=frame["group"].astype(str))
    assert_array_equal(fitted.predict(frame), model().fit(text, y).predict(text))
    assert f"group = {frame['group'][0]}" in names(fitted)
    with pytest.raises(
        ValueError, match="text in column 'group', which held values of"
    ):
        fitted.predict(text)


def test_arrow_tables():
    frame, y = data()
    frame.loc[::7, "kind"] = None
    table = pa.Table.from_pandas(frame)
    expected = model().fit(frame, y).predict(frame)
    assert_array_equal(model().fit(table, y).predict(table), expected)


# -- what is told ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pd.period_range("2020", periods=N, freq="D"), "values of type Period"),
        ([[1]] * N, "values of type list"),
        ([b"a"] * N, r"text.*\(b'a'\)"),
        (pd.date_range("2020", periods=N, tz="UTC"), "dates or times"),
        ([datetime.date(2020, 1, 1)] * N, "dates or times"),
    ],
)
@pytest.mark.parametrize("kind", ["u", 1.0])
def test_columns_of_anything_else_are_named(values, what, kind):
    frame, y = data()
    with pytest.raises((ValueError, TypeError), match=what) as error:
        model().fit(frame.assign(kind=kind, odd=values), y)
    assert "X holds" in str(error.value) and "column 'odd'" in str(error.value)


def test_hints_are_about_what_was_found():
    frame, y = data()
    with pytest.raises(ValueError, match="categorical_features") as error:
        model(categorical_features=None).fit(frame, y)
    assert "date" not in str(error.value)
    with pytest.raises(ValueError, match="Dates can be given as numbers") as error:
        model().fit(frame.assign(day=pd.Timestamp("2020-01-01")), y)
    assert "text" not in str(error.value).lower()


def test_a_column_of_an_array_that_is_no_category_is_named_by_its_number():
    frame, y = data()
    three = np.column_stack([frame["kind"], frame["size"], frame["kind"]])
    with pytest.raises(ValueError, match="text in column 2"):
        model(categorical_features=[0]).fit(three.astype(object), y)


def test_marks_of_missing_numbers_are_shown():
    frame, y = data()
    marked = frame["size"].astype(object).where(frame.index != 3, "?")
    with pytest.raises(ValueError, match=r"numbers and text \('\?'\) in column 'size'"):
        model().fit(frame.assign(size=marked), y)


def test_lazy_frames_are_to_be_collected():
    frame, y = data()
    lazy = pl.from_pandas(frame).lazy()
    with pytest.raises(TypeError, match=r"X\.collect\(\)"):
        model().fit(lazy, y)
    with pytest.raises(TypeError, match=r"X\.collect\(\)"):
        model().fit(frame, y).predict(lazy)


@pytest.mark.parametrize("X", [[1.0, 2.0], [[1.0, 2.0], [3.0]], None, {"a": [1.0]}])
def test_what_is_no_table_is_left_to_scikit_learn(X):
    with pytest.raises((ValueError, TypeError)) as expected:
        model(categorical_features=None).fit(X, [0.0, 1.0])
    with pytest.raises(type(expected.value)) as found:
        model(categorical_features=[0]).fit(X, [0.0, 1.0])
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("asked_for", [{"kind"}, {}])
def test_sets_are_no_lists_of_columns(asked_for):
    with pytest.raises(ValueError, match="list of names or indices, or a mask"):
        model(categorical_features=asked_for).fit(*data())


@pytest.mark.parametrize(("before", "now"), [(None, [1]), ([1], None), ([1], [0])])
def test_a_warm_start_has_the_same_categories(before, now):
    frame, y = data()
    X = np.column_stack([frame["size"].round(), frame["kind"] == "u"])
    fitted = model(warm_start=True, categorical_features=before).fit(X, y)
    expected = fitted.predict(X)
    fitted.set_params(categorical_features=now)
    with pytest.raises(ValueError, match="categories changed"):
        fitted.fit(X, y)
    assert_array_equal(fitted.predict(X), expected)


def test_fits_to_collections_refuse_categories_and_gaps_with_a_way_out():
    frame, y = data()
    frame["code"] = np.arange(N) % 3
    numbers = frame[["size", "code"]]
    lazy = dd.from_pandas(numbers, npartitions=2)
    for given, asked_for in (
        (dd.from_pandas(frame, npartitions=2), "from_dtype"),
        (lazy, ["code"]),
        (lazy, [False, True]),
        (da.from_array(numbers.to_numpy(), chunks=(N // 2, 2)), [1]),
    ):
        with pytest.raises(ValueError, match=r"no categories.*sample"):
            model(categorical_features=asked_for).fit(given, y)
    for none in ([], [False, False], None):
        model(categorical_features=none).fit(lazy, y)
