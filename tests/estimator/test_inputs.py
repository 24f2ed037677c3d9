"""Input that is no table of numbers: the error says where."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sksoftnewton import TwoLayerSoftmaxRegressor

N = 30


def model():
    return TwoLayerSoftmaxRegressor(
        2, alpha=1e-2, categorical_features=None, random_state=0
    )


def numbers():
    return np.random.default_rng(0).normal(size=(N, 2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x"] * N, "text.*'b'.*'x'"),
        ([1.0] * (N - 1) + ["x"], "text.*'b'.*'x'"),
        (pd.date_range("2020-01-01", periods=N), "dates.*'b'"),
        (pd.to_timedelta(np.arange(N), unit="D"), "dates.*'b'"),
        (pd.Categorical(["u", "v"] * (N // 2)), "text.*'b'.*'u'"),
        (pd.Series(["x"] * N, dtype="string"), "text.*'b'.*'x'"),
    ],
)
def test_a_column_of_a_frame_that_holds_no_numbers_is_named(values, message):
    frame = pd.DataFrame({"a": np.arange(N), "b": values})
    y = numbers()[:, 0]
    with pytest.raises(ValueError, match=message):
        model().fit(frame, y)
    # A date column alone would be converted to numbers without a word.
    with pytest.raises(ValueError, match=message):
        model().fit(frame[["b"]], y)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x"] * N, "text.*'b'.*'x'"),
        (pd.date_range("2020-01-01", periods=N).to_numpy(), "dates.*'b'"),
    ],
)
def test_so_is_a_column_of_a_polars_frame(values, message):
    frame = pl.DataFrame({"a": np.arange(N), "b": values})
    with pytest.raises(ValueError, match=message):
        model().fit(frame, numbers()[:, 0])


def test_integers_beyond_the_largest_number_are_named():
    X, y = numbers().astype(object), numbers()[:, 0].tolist()
    X[3, 1] = y[5] = 10**400
    with pytest.raises(ValueError, match=r"X holds an integer too large.*column 1"):
        model().fit(X, numbers()[:, 0])
    with pytest.raises(ValueError, match="y holds an integer too large"):
        model().fit(numbers(), y)


def test_columns_of_arrays_are_named_by_number():
    X = numbers().astype(object)
    X[3, 1] = "x"
    for given in (X, X.tolist()):
        with pytest.raises(ValueError, match=r"text in column 1.*'x'"):
            model().fit(given, numbers()[:, 0])
    dates = np.full((N, 2), np.datetime64("2020-01-01"))
    with pytest.raises(ValueError, match="dates or times in column 0"):
        model().fit(dates, numbers()[:, 0])


def test_rows_of_different_lengths_are_left_to_scikit_learn():
    with pytest.raises(ValueError, match="inhomogeneous"):
        model().fit([[1.0, 2.0], [3.0]], [0.0, 1.0])


def test_objects_that_know_their_date_are_dates():
    X = numbers().astype(object)
    X[0, 1] = datetime.date(2020, 1, 1)
    with pytest.raises(ValueError, match="dates or times in column 1"):
        model().fit(X, numbers()[:, 0])


def test_frames_of_numbers_in_other_guises_are_taken():
    X, y = numbers(), numbers()[:, 0]
    expected = model().fit(X, y).predict(X)
    frame = pd.DataFrame(X, columns=["a", "b"])
    for column in (frame["b"].astype(object), frame["b"].astype("Float64")):
        guise = frame.assign(b=column)
        predicted = model().fit(guise, y).predict(guise)
        np.testing.assert_allclose(predicted, expected, rtol=1e-9)


def test_predict_names_the_column_as_well():
    frame = pd.DataFrame(numbers(), columns=["a", "b"])
    fitted = model().fit(frame, frame["a"])
    with pytest.raises(ValueError, match=r"text.*'b'"):
        fitted.predict(frame.assign(b="x"))


@pytest.mark.parametrize(
    "y",
    [["x"] * N, pd.date_range("2020-01-01", periods=N), np.array(["x"] * N)],
)
def test_targets_have_to_be_numbers(y):
    with pytest.raises(ValueError, match="y holds"):
        model().fit(numbers(), y)


def test_masked_entries_are_refused():
    X, y = numbers(), numbers()[:, 0]
    masked = np.ma.masked_greater(X, 0.5)
    with pytest.raises(ValueError, match="X has masked entries"):
        model().fit(masked, y)
    with pytest.raises(ValueError, match="y has masked entries"):
        model().fit(X, masked[:, 0])
    with pytest.raises(ValueError, match="sample_weight has masked entries"):
        model().fit(X, y, sample_weight=np.ma.masked_greater(np.abs(y), 0.5))
    with pytest.raises(ValueError, match="X has masked entries"):
        model().fit(X, y).predict(masked)
    expected = model().fit(X, y).predict(X)
    given = np.ma.masked_equal([[1.0, 2.0]], 2.0)
    with pytest.raises(ValueError, match="output_weights has masked entries"):
        model().set_params(output_weights=given).fit(X, y)
    nothing_masked = np.ma.masked_greater(X, 1e9)
    np.testing.assert_array_equal(model().fit(nothing_masked, y).predict(X), expected)
