"""Missing numbers: the mean of the feature, and a column that says so."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sksoftnewton import TwoLayerSoftmaxRegressor

RAMPS = {"n_hidden": 3, "alpha": 1e-2, "basis": "ramps", "random_state": 0}
LINEAR = {**RAMPS, "basis": "linear"}


def data(n=300, seed=0):
    """What is missing tells of y in column 2 and nothing in column 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1, 10, 1, 1] + [3, 0, 0, 0]
    y = np.sin(X[:, 0]) + X[:, 1] / 10 + 2.0 * (X[:, 2] > 1) + 0.1 * rng.normal(size=n)
    X[X[:, 2] > 1, 2] = np.nan
    X[rng.random(n) < 0.2, 0] = np.nan
    return X, y


def test_the_fit_is_that_of_an_imputer_in_front():
    X, y = data()
    new = X[:50].copy()
    new[:3] = np.nan  # columns 1 and 3 are missing at predict only
    pipeline = make_pipeline(
        SimpleImputer(add_indicator=True), TwoLayerSoftmaxRegressor(**LINEAR)
    )
    ours = TwoLayerSoftmaxRegressor(**LINEAR)
    # The columns come in another order: from there on starts differ.
    first = TwoLayerSoftmaxRegressor(**LINEAR).fit(X, y)
    given = pipeline.set_params(twolayersoftmaxregressor__tol=1e-10).fit(X, y)
    found = ours.set_params(tol=1e-10).fit(X, y)
    assert abs(found.loss_ - given[-1].loss_) < 1e-10
    assert_allclose(found.predict(new), given.predict(new), atol=1e-5)
    names = first.basis_.get_feature_names_out(["a", "b", "c", "d"])
    assert list(names) == ["a", "a is missing", "b", "c", "c is missing", "d"]
    columns = first.basis_.transform(X)
    filled = SimpleImputer(add_indicator=True).fit_transform(X)
    assert_allclose(columns, filled[:, [0, 4, 1, 2, 5, 3]], rtol=1e-14)


@pytest.mark.parametrize("params", [LINEAR, RAMPS, {"random_state": 0}])
def test_weights_are_repetitions(params):
    X, y = data(150)
    counts = np.random.default_rng(1).integers(0, 4, 150)
    X[counts == 0, 1] = np.nan  # rows without weight say nothing
    ours = TwoLayerSoftmaxRegressor(**params).fit(X, y, sample_weight=counts)
    repeated = TwoLayerSoftmaxRegressor(**params).fit(
        X.repeat(counts, axis=0), y.repeat(counts)
    )
    names = ours.basis_.get_feature_names_out()
    assert "x1 is missing" not in names
    assert_array_equal(repeated.basis_.get_feature_names_out(), names)
    new = data(40, seed=2)[0]
    assert_allclose(ours.predict(new), repeated.predict(new), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("params", [LINEAR, RAMPS])
def test_missing_is_every_column_of_the_number_at_its_mean(params):
    X, y = data()
    fitted = TwoLayerSoftmaxRegressor(**params).fit(X, y)
    columns, missing = fitted.basis_.transform(X), np.full((1, 4), np.nan)
    (found,) = fitted.basis_.transform(missing)
    names = fitted.basis_.get_feature_names_out()
    for j, name in enumerate(names):
        if name.endswith("missing"):
            assert found[j] == 1
        else:
            there = ~np.isnan(X[:, fitted.basis_.feature_of[j]])
            assert_allclose(found[j], columns[there, j].mean(), rtol=1e-12, atol=1e-14)


def test_everything_speaks_of_the_users_columns():
    X, y = data()
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = TwoLayerSoftmaxRegressor(random_state=0).fit(frame, y)
    assert fitted.score(frame, y) > 0.9
    assert fitted.support_.tolist() == [True, True, True, False]
    assert fitted.feature_importances_.shape == (4,)
    assert fitted.feature_importances_[2] > 0.1
    assert "3 of 4 features" in str(fitted.summary())
    told = fitted.explain(frame[:5])
    assert set(told["feature_1"]) <= {"a", "b", "c"}
    assert np.isfinite(told["effect_1"]).all()
    for result in (
        *fitted.predict(frame, return_std=True),
        fitted.predict_interval(frame),
        fitted.sample_y(frame, random_state=0),
    ):
        assert np.isfinite(result).all()
    assert not fitted.is_outside(pd.DataFrame([[np.nan] * 4], columns=frame.columns))


def test_what_stands_for_missing_in_frames():
    X, y = data()
    expected = TwoLayerSoftmaxRegressor(**RAMPS).fit(X, y).predict(X)
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    before = frame.copy()
    nullable = frame.astype("Float64")
    objects = frame.astype(object).where(frame.notna(), None)
    nulls = pl.DataFrame({name: frame[name].to_numpy() for name in frame})
    nulls = nulls.with_columns(pl.all().fill_nan(None))
    for given in (frame, nullable, objects, nulls):
        fitted = TwoLayerSoftmaxRegressor(**RAMPS).fit(given, y)
        assert_array_equal(fitted.predict(given), expected)
    pd.testing.assert_frame_equal(frame, before)


def test_a_column_without_any_number_says_nothing():
    X, y = data()
    expected = TwoLayerSoftmaxRegressor(**LINEAR).fit(X, y).score(X, y)
    empty = np.column_stack([X, np.full(len(X), np.nan)])
    fitted = TwoLayerSoftmaxRegressor(**LINEAR).fit(empty, y)
    assert abs(fitted.score(empty, y) - expected) < 0.02
    present = empty.copy()
    present[:, 4] = 1e3
    assert_allclose(fitted.predict(present), fitted.predict(empty), atol=1e-3)


def test_float32_and_large_data():
    X, y = data(6000)
    fitted = TwoLayerSoftmaxRegressor(random_state=0).fit(X.astype(np.float32), y)
    predicted = fitted.predict(X.astype(np.float32))
    assert predicted.dtype == np.float32
    assert 1 - np.var(y - predicted) / np.var(y) > 0.94


@pytest.mark.parametrize("before", [True, False])
def test_a_warm_start_keeps_the_columns(before):
    X, y = data()
    full = np.where(np.isnan(X), 0.0, X)
    first, second = (X, full) if before else (full, X)
    model = TwoLayerSoftmaxRegressor(**LINEAR, warm_start=True).fit(first, y)
    names = list(model.basis_.get_feature_names_out())
    assert model.fit(second, y).score(second, y) > 0.5
    assert list(model.basis_.get_feature_names_out()) == names


def test_memory_maps_and_streams_may_have_gaps(tmp_path):
    X, y = data()
    expected = TwoLayerSoftmaxRegressor(**RAMPS).fit(X, y).predict(X)
    there = np.memmap(tmp_path / "X", np.float64, "w+", shape=X.shape)
    there[:] = X
    mapped = TwoLayerSoftmaxRegressor(**RAMPS).fit(there, y)
    assert_allclose(mapped.predict(there), expected, rtol=1e-9)
    stream = TwoLayerSoftmaxRegressor(**RAMPS)
    for rows in (slice(0, 100), slice(100, 300)):
        stream.partial_fit(X[rows], y[rows])
    assert_allclose(stream.predict(X), expected, rtol=1e-9)


def test_infinity_is_refused_with_its_place():
    X, y = data()
    fitted = TwoLayerSoftmaxRegressor(**LINEAR).fit(X, y)
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    for bad in (np.inf, -np.inf):
        wrong = X.copy()
        wrong[7, 2] = bad
        with pytest.raises(ValueError, match=r"infinity.*row 7, column 2"):
            fitted.predict(wrong)
        named = pd.DataFrame(wrong, columns=frame.columns)
        with pytest.raises(ValueError, match=r"infinity.*row 7, column 'c'"):
            TwoLayerSoftmaxRegressor(**LINEAR).fit(named, y)


def test_nan_in_csr_data_targets_and_weights_is_refused():
    X, y = data()
    with pytest.raises(ValueError, match=r"NaN.*row 1, column 2"):
        TwoLayerSoftmaxRegressor().fit(
            sp.csr_array([[1.0, 0, 2], [0, 0, np.nan]]), [0, 1]
        )
    with pytest.raises(ValueError, match="y contains NaN"):
        TwoLayerSoftmaxRegressor().fit(X, np.where(y > 1, np.nan, y))
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        TwoLayerSoftmaxRegressor().fit(X, y, sample_weight=np.where(y > 1, np.nan, 1.0))


def test_a_model_of_sparse_data_has_no_means():
    X, y = data()
    X = np.where(np.isnan(X), 0.0, X)
    fitted = TwoLayerSoftmaxRegressor(**LINEAR).fit(sp.csr_array(X), y)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"contains NaN.*no means"):
        fitted.predict(X)


def test_models_are_stored():
    X, y = data()
    fitted = TwoLayerSoftmaxRegressor(**RAMPS).fit(X, y)
    dumped = skops.io.dumps(fitted)
    types = skops.io.get_untrusted_types(data=dumped)
    for again in (
        pickle.loads(pickle.dumps(fitted)),
        skops.io.loads(dumped, trusted=types),
    ):
        assert_array_equal(again.predict(X), fitted.predict(X))


def test_the_tag():
    assert get_tags(TwoLayerSoftmaxRegressor()).input_tags.allow_nan
