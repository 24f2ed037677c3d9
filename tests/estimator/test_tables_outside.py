"""Frames as scikit-learn's tests of HistGradientBoosting have them, and around them.

What these tests settle for missing values and categories, in our own words, and what
else takes a frame: displays, the basis, selection, searches and storage.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_regression
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import (
    ConvergenceDisplay,
    DiagnosticsDisplay,
    EvidenceDisplay,
    MembershipDisplay,
    PredictionIntervalDisplay,
)

FIXED = {"n_hidden": 3, "alpha": 1e-3, "basis": "linear", "random_state": 0}
AUTO = {"random_state": 0}


def parity(n=600, n_levels=4, seed=0):
    """A number of no influence, and a code whose even values have the target 1."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n), rng.integers(n_levels, size=n)])
    return X, (X[:, 1] % 2 == 0).astype(float)


def homes(n=400, seed=0):
    """Numbers with gaps, truth values, few levels and many."""
    rng = np.random.default_rng(seed)
    street = rng.integers(80, size=n)
    frame = pd.DataFrame(
        {
            "area": rng.gamma(6, 12, n),
            "year": rng.integers(1900, 2024, n).astype(float),
            "heating": pd.Categorical(rng.choice(["gas", "oil", "pump"], n)),
            "balcony": rng.random(n) < 0.4,
            "street": [f"street {i}" for i in street],
        }
    )
    y = 4 * frame["area"] + 50 * frame["balcony"] + 3 * street + rng.normal(0, 20, n)
    frame.loc[rng.random(n) < 0.2, "year"] = np.nan
    return frame, y.to_numpy()


@pytest.fixture(scope="module")
def fitted():
    return TwoLayerSoftmaxRegressor(**AUTO).fit(*homes())


# -- missing numbers ------------------------------------------------------------------


def test_whether_a_number_is_missing_may_be_all_there_is_to_know():
    X = np.random.default_rng(0).normal(size=(100, 1))
    X[::2] = np.nan
    y = np.isnan(X[:, 0]).astype(float)
    assert TwoLayerSoftmaxRegressor(**AUTO).fit(X, y).score(X, y) > 0.99


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.80), (0.2, 0.65), (0.5, 0.35)])
def test_predictions_stay_decent_where_much_is_missing(share, least):
    X, y = make_regression(n_samples=600, n_features=2, random_state=0)
    X[np.random.default_rng(0).random(X.shape) < share] = np.nan
    assert TwoLayerSoftmaxRegressor(**AUTO).fit(X, y).score(X, y) > least


def test_what_is_missing_in_predict_only_is_the_mean():
    X, y = make_regression(n_samples=200, n_features=2, random_state=0)
    model = TwoLayerSoftmaxRegressor(**FIXED).fit(X, y)
    gaps = np.array([[np.nan, 0.5], [0.5, np.nan]])
    means = np.where(np.isnan(gaps), X.mean(axis=0), gaps)
    assert_allclose(model.predict(gaps), model.predict(means))


# -- categories -----------------------------------------------------------------------


def test_codes_in_no_order_are_learned_as_categories_only():
    X, y = parity(n_levels=6)
    categories = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1])
    assert cross_val_score(categories, X, y).min() > 0.99
    assert cross_val_score(TwoLayerSoftmaxRegressor(**FIXED), X, y).max() < 0.9


@pytest.mark.parametrize("mark", [[1], [False, True]])
@pytest.mark.parametrize("gaps", [True, False])
def test_unknown_negative_and_fractional_codes_have_one_prediction(gaps, mark):
    X, y = parity()
    if gaps:
        X[np.random.default_rng(1).random(X.shape) < 0.02] = np.nan
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=mark).fit(X, y)
    new = np.array([[0.3, code] for code in (30, -2, 1.5)])
    predicted = model.predict(new)
    assert np.isfinite(predicted).all() and np.ptp(predicted) == 0
    assert np.isfinite(model.predict([[0.3, np.nan], [np.nan, np.nan]])).all()


def test_a_code_that_is_missing_is_an_average_or_a_level():
    X, y = parity()
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1]).fit(X, y)
    missing, unknown = model.predict([[0.3, np.nan], [0.3, 9]])
    assert missing == unknown
    X[:60, 1], y[:60] = np.nan, 5.0
    model.fit(X, y)
    missing, unknown = model.predict([[0.3, np.nan], [0.3, 9]])
    assert abs(missing - 5) < 0.5 < abs(unknown - missing)
    assert "x1 is missing" in model.basis_.get_feature_names_out()


@pytest.mark.parametrize("codes", [[-3, -1, 2], [0.5, 1.5, -2.25]])
def test_codes_are_any_numbers(codes):
    X, y = parity(n_levels=3)
    other = np.column_stack([X[:, 0], np.array(codes)[X[:, 1].astype(int)]])
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1])
    expected = model.fit(X, y).predict(X)
    assert_array_equal(model.fit(other, y).predict(other), expected)
    named = set(model.basis_.get_feature_names_out()[1:])
    assert named == {f"x1 = {code}" for code in codes}


@pytest.mark.parametrize("of", [pd.DataFrame, pl.DataFrame])
def test_a_frame_of_text_is_an_array_of_codes(of):
    X, y = parity(n_levels=20)
    frame = of({"number": X[:, 0], "code": [f"cat{code:03.0f}" for code in X[:, 1]]})
    codes = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1]).fit(X, y)
    text = TwoLayerSoftmaxRegressor(**FIXED).fit(frame, y)
    assert_array_equal(text.predict(frame), codes.predict(X))


@pytest.mark.parametrize("none", [[], [False, False], np.array([], dtype=int), None])
def test_none_of_the_columns_may_be_a_category(none):
    X, y = parity()
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=none).fit(X, y)
    assert model.basis_.is_linear


@pytest.mark.parametrize(
    ("asked_for", "message"),
    [
        ([b"code"], "must be an array-like of bool, int or str, got: bytes"),
        (np.array([b"a", 1.3], dtype=object), "of bool, int or str, got: bytes, float"),
        ([0, -1], r"must be in \[0, n_features - 1\]"),
        ([True, False, True], "boolean mask must have shape"),
        (["code"], "array of integers or as a boolean mask"),
    ],
)
def test_what_does_not_say_which_columns_is_refused(asked_for, message):
    X, y = parity(60)
    with pytest.raises(ValueError, match=message):
        TwoLayerSoftmaxRegressor(categorical_features=asked_for).fit(X, y)


@pytest.mark.parametrize("dtype", ["string", "str", "object", "category"])
def test_every_type_of_text_of_pandas_has_its_missing_value(dtype):
    frame, y = homes()
    text = frame["heating"].astype(object).where(frame.index % 9 > 0, None)
    given = frame.assign(heating=text.astype(dtype))
    model = TwoLayerSoftmaxRegressor(**FIXED).fit(given, y)
    names = list(model.basis_.get_feature_names_out(frame.columns))
    assert "heating is missing" in names and "heating = gas" in names
    assert not any("None" in name or "nan" in name for name in names)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_nullable_numbers_and_truth_values(dtype):
    X, y = parity()
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] % 2})
    given = frame.astype({"b": dtype})
    given.loc[::7, "b"] = pd.NA
    model = TwoLayerSoftmaxRegressor(**FIXED).fit(given, y)
    assert model.score(given, y) > 0.8
    assert "b is missing" in model.basis_.get_feature_names_out(given.columns)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"heating": 2.0}, "numbers in column 'heating', which held text"),
        ({"balcony": "no"}, "text in column 'balcony', which held truth values"),
        ({"street": True}, "truth values in column 'street', which held text"),
        ({"area": "large"}, "text in column 'area'"),
        ({"year": pd.Timestamp("2020-01-01")}, "dates or times in column 'year'"),
    ],
)
def test_other_types_than_in_fit_are_refused_by_name(changed, message, fitted):
    frame, _ = homes()
    with pytest.raises(ValueError, match=message):
        fitted.predict(frame.assign(**changed))


# -- around it ------------------------------------------------------------------------


def test_displays_take_raw_tables(fitted, pyplot):
    frame, y = homes()
    for column in frame.columns:
        PredictionIntervalDisplay.from_estimator(fitted, frame, y, feature=column)
        MembershipDisplay.from_estimator(fitted, frame, features=column)
    for display in (PredictionIntervalDisplay, MembershipDisplay):
        display.from_estimator(fitted, frame)
    DiagnosticsDisplay.from_estimator(fitted, frame, y)
    ConvergenceDisplay.from_estimator(fitted)
    EvidenceDisplay.from_estimator(fitted)


@pytest.fixture
def pyplot():
    yield plt
    plt.close("all")


def test_the_basis_takes_the_table_as_numbers_only(fitted):
    frame, _ = homes()
    with pytest.raises(ValueError, match="a table with categories is none"):
        fitted.basis_.transform(frame)


def test_a_frame_of_numbers_goes_through_the_basis():
    frame, y = homes()
    numbers = frame[["area", "year"]]
    basis = TwoLayerSoftmaxRegressor(**FIXED).fit(numbers, y).basis_
    assert_array_equal(basis.transform(numbers), basis.transform(numbers.to_numpy()))


def test_searches_pipelines_and_storage_take_raw_tables():
    frame, y = homes()
    imputed = make_column_transformer(
        (SimpleImputer(), ["year"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(imputed, TwoLayerSoftmaxRegressor(**FIXED))
    grid = {"twolayersoftmaxregressor__alpha": [1e-3, 1e-1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(frame, y)
    assert search.best_score_ > 0.7
    best = search.best_estimator_
    assert set(best[-1].feature_names_in_) == set(frame.columns)
    dumped = skops.io.dumps(best[-1])
    types = skops.io.get_untrusted_types(data=dumped)
    rows = best[:-1].transform(frame)
    for again in (
        pickle.loads(pickle.dumps(best[-1])),
        skops.io.loads(dumped, trusted=types),
    ):
        assert_array_equal(again.predict(rows), search.predict(frame))


def test_features_are_selected_by_the_columns_of_the_frame(fitted):
    frame, _ = homes()
    selected = SelectFromModel(fitted, prefit=True).get_support()
    chosen = dict(zip(frame.columns, selected, strict=True))
    assert chosen["area"] and chosen["street"] and not chosen["heating"]
