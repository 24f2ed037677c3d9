"""Categories in frames and arrays: columns for few levels, means for many."""

import pickle

import dask.array as da
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.categories import category, shrunken_means, without_others
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows import mapped as mapped_module
from sksoftnewton._rows import plain as plain_module
from sksoftnewton._rows.data import ArrayData

FIXED = {"n_hidden": 3, "alpha": 1e-2, "basis": "linear", "random_state": 0}
AUTO = {"random_state": 0}
EFFECT = {"u": 0.0, "v": 1.0, "w": 2.0, "x": -1.0}


def data(n=400, seed=0):
    """Numbers, text, truth values and a category of no influence, some missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(list("uvwx"), n, p=[0.4, 0.3, 0.2, 0.1]),
            "new": rng.random(n) < 0.5,
            "none": pd.Categorical(rng.choice(list("pqr"), n)),
        }
    )
    y = np.sin(2 * frame["size"]) + frame["kind"].map(EFFECT) + 0.7 * frame["new"]
    frame.loc[rng.random(n) < 0.1, "size"] = np.nan
    frame.loc[rng.random(n) < 0.1, "kind"] = None
    return frame, (y + 0.2 * rng.normal(size=n)).to_numpy()


def many(n=2500, n_levels=300, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, n_levels, n)
    x, effect = rng.normal(size=n), spread * rng.normal(size=n_levels)
    frame = pd.DataFrame({"x": x, "town": [f"t{i}" for i in level]})
    return frame, x + effect[level] + 0.5 * rng.normal(size=n), effect


@pytest.fixture(scope="module")
def fitted():
    return TwoLayerSoftmaxRegressor(**AUTO).fit(*data())


# -- what is fitted -------------------------------------------------------------------


@pytest.mark.parametrize("params", [FIXED, {**FIXED, "n_hidden": 2, "alpha": 1e-3}])
def test_the_fit_is_that_of_imputer_and_encoder_in_front(params, monkeypatch):
    """With the scale of its own for each level that standardisation gives it."""
    own = lambda shares: np.sqrt(shares * (1 - shares))  # noqa: E731
    monkeypatch.setattr(plain_module, "common_scale", own)
    frame, y = data()
    ours = TwoLayerSoftmaxRegressor(**params).fit(frame, y)
    names = ours.basis_.get_feature_names_out(["size", "kind", "new", "none"])
    # Encoded in the order of our columns, so that starts are the same.
    codes, steps = frame.assign(kind=frame["kind"].fillna("missing")), []
    for name in ("kind", "new", "none"):
        order = [c.rpartition(" ")[2] for c in names if c.startswith(f"{name} ")]
        codes[name] = [order.index(str(value)) for value in codes[name]]
        steps.append((OneHotEncoder(sparse_output=False), [name]))
    columns = make_column_transformer(
        (SimpleImputer(add_indicator=True), ["size"]), *steps
    )
    theirs = make_pipeline(columns, TwoLayerSoftmaxRegressor(**params)).fit(codes, y)
    assert_allclose(ours.predict(frame), theirs.predict(codes), rtol=0, atol=1e-8)
    assert_allclose(
        ours.predict(frame, return_std=True)[1],
        theirs.predict(codes, return_std=True)[1],
        rtol=1e-6,
    )


def test_the_defaults_find_what_matters(fitted):
    frame, y = data(seed=1)
    assert fitted.score(frame, y) > 0.75
    importances = dict(
        zip(fitted.feature_names_in_, fitted.feature_importances_, strict=True)
    )
    assert importances["none"] < 0.05 < min(importances["kind"], importances["new"])
    assert fitted.n_features_in_ == 4 and fitted.support_.shape == (4,)
    names = list(fitted.basis_.get_feature_names_out(fitted.feature_names_in_))
    for name in ("size is missing", "kind = u", "kind is missing", "new = True"):
        assert name in names
    assert fitted.hidden_coef_.shape == (fitted.n_hidden_, len(names))
    assert "kind =" in str(fitted.summary())
    assert set(fitted.explain(frame[:9])["feature_1"]) <= set(frame.columns)
    with np.errstate(all="raise"):
        ends = fitted.predict_interval(frame)
    assert np.isfinite(ends).all()
    covered = (ends[:, 0] <= y) & (y <= ends[:, 1])
    assert 0.84 < covered.mean() < 0.96
    assert not fitted.is_outside(frame).mean() > 0.05


@pytest.mark.parametrize("params", [FIXED, AUTO])
def test_names_and_codes_of_levels_do_not_matter(params):
    frame, y = data()
    expected = TwoLayerSoftmaxRegressor(**params).fit(frame, y).predict(frame)
    renamed = frame.assign(
        kind=frame["kind"].map({"u": "z", "v": "10", "w": "a", "x": "ä"}),
        none=frame["none"].cat.set_categories(list("zrqp")),
    )
    found = TwoLayerSoftmaxRegressor(**params).fit(renamed, y).predict(renamed)
    assert_array_equal(found, expected)


def test_frames_of_both_libraries_and_all_their_types_are_one():
    frame, y = data()
    expected = TwoLayerSoftmaxRegressor(**FIXED).fit(frame, y).predict(frame)
    text = frame.astype({"none": str})
    before = frame.copy()
    polars = pl.from_pandas(text)
    guises = [
        frame,
        text.astype({"kind": "category", "new": "boolean", "size": "Float64"}),
        text.astype({"kind": object, "none": "string", "new": object}),
        polars,
        polars.with_columns(pl.col("kind").cast(pl.Categorical)),
        polars.with_columns(pl.col("none").cast(pl.Enum(["r", "q", "p", "o"]))),
    ]
    for guise in guises:
        model = TwoLayerSoftmaxRegressor(**FIXED).fit(guise, y)
        assert_array_equal(model.predict(guise), expected)
        for other in guises:
            assert_array_equal(model.predict(other), expected)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("params", [FIXED, AUTO])
def test_weights_are_repetitions(params):
    frame, y = data(200)
    counts = np.random.default_rng(0).integers(0, 3, len(y))
    frame.loc[counts == 0, "kind"] = "of no weight"
    rows = np.repeat(np.arange(len(y)), counts)
    ours = TwoLayerSoftmaxRegressor(**params).fit(frame, y, sample_weight=counts)
    repeated = TwoLayerSoftmaxRegressor(**params).fit(frame.iloc[rows], y[rows])
    new = data(seed=1)[0]
    assert_allclose(ours.predict(new), repeated.predict(new), rtol=1e-6, atol=1e-6)


def test_float32_columns():
    frame, y = data()
    single = frame.astype({"size": np.float32})
    predicted = TwoLayerSoftmaxRegressor(**FIXED).fit(single, y).predict(single)
    assert predicted.dtype == np.float32
    expected = TwoLayerSoftmaxRegressor(**FIXED).fit(frame, y).predict(frame)
    assert_allclose(predicted, expected, atol=1e-3)


def test_a_numeric_frame_is_the_array():
    X, y = np.random.default_rng(0).normal(size=(2, 200, 3))
    frame = pd.DataFrame(X, columns=list("abc"))
    expected = TwoLayerSoftmaxRegressor(**AUTO).fit(X, y[:, 0]).predict(X)
    found = TwoLayerSoftmaxRegressor(**AUTO).fit(frame, y[:, 0])
    assert_array_equal(found.predict(frame), expected)


def test_several_targets_and_logarithms():
    frame, y = data()
    Y = np.column_stack([y, -y])
    assert TwoLayerSoftmaxRegressor(**FIXED).fit(frame, Y).score(frame, Y) > 0.6
    log = TwoLayerSoftmaxRegressor(**AUTO, target_transform="log").fit(frame, np.exp(y))
    assert np.corrcoef(np.log(log.predict(frame)), y)[0, 1] > 0.85


def test_levels_have_one_scale_and_a_category_the_variance_of_a_number():
    frame, y = data()
    X, Y, weight = np.zeros((len(y), 1)), y[:, None], np.ones(len(y))
    values = frame["kind"].fillna("missing").tolist()
    found, X[:, 0] = category(values, "text", Y, weight, 0)
    problem = Problem(
        ArrayData(X, Y, weight, labels=[found.labels]),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    standardised = problem.rows.whole().all_dense()[:-1]
    assert np.ptp(problem.features.scale) == 0
    assert_allclose(standardised.var(axis=1).sum(), 1)
    assert_allclose(standardised.mean(axis=1), 0, atol=1e-12)


def test_leaving_zeros_of_levels_out_changes_no_prediction(monkeypatch):
    frame, y, _ = many(n_levels=50)
    frame["kind"] = np.random.default_rng(0).choice(list("uvwx"), len(frame))
    found = TwoLayerSoftmaxRegressor(**FIXED, tol=1e-10).fit(frame, y)
    monkeypatch.setattr(mapped_module, "COLUMNS_PER_ENTRY", 1000)
    expected = TwoLayerSoftmaxRegressor(**FIXED, tol=1e-10).fit(frame, y)
    assert_allclose(found.predict(frame), expected.predict(frame), atol=1e-5)
    assert (found.predict(frame) != expected.predict(frame)).any()  # another path


# -- rare and unknown levels ----------------------------------------------------------


def columns_of(values, weight=None, seed=0):
    weight = np.ones(len(values)) if weight is None else weight
    y = np.random.default_rng(seed).normal(size=(len(values), 1))
    return category(values, "text", y, weight, 0)


def test_levels_seen_once_are_merged_and_unknown_ones_are_like_them():
    values = ["a"] * 10 + ["b"] * 2 + list("cdefg")
    found, codes = columns_of(values)
    assert found.labels == (" = a", " = b", " is another")
    assert_array_equal(codes, [0] * 10 + [1] * 2 + [2] * 5)
    assert_array_equal(found.codes(["a", "new", "c", None]), [0, 2, 2, 2])
    # By weight: b is rare now, and a level without weight is none.
    weight = np.array([1.0] * 10 + [0.5] * 2 + [1] * 3 + [0, 3])
    found, _ = columns_of([*values[:-1], None], weight)
    assert found.labels == (" = a", " is missing")
    assert found.codes(["a", None]).tolist() == [0, 1]
    weight = np.array([1.0] * 10 + [0.5] * 2 + [1] * 4 + [3])
    found, _ = columns_of([*values[:-1], None], weight)
    assert found.labels == (" = a", " is missing", " is another")
    assert_array_equal(found.codes(["b", "d", "new"]), [2, 2, 2])


def test_a_few_levels_seen_once_are_the_average():
    found, codes = columns_of(["a"] * 10 + ["b"] * 5 + list("cdef"))
    assert found.labels == (" = a", " = b")
    assert_array_equal(codes, [0] * 10 + [1] * 5 + [np.nan] * 4)
    assert_array_equal(found.codes(["c", "new"]), [np.nan, np.nan])
    # Where there are no others they have a column, which is constant.
    assert columns_of(list("abc"))[0].labels == (" is another",)


def test_levels_of_a_few_rows_are_told_apart():
    rng = np.random.default_rng(0)
    levels = np.repeat([f"level {i}" for i in range(50)], 4)
    effect = np.repeat(rng.normal(size=50), 4)
    frame = pd.DataFrame({"x": rng.normal(size=200), "kind": levels})
    y = frame["x"] + effect + 0.2 * rng.normal(size=200)
    train = np.arange(200) % 4 > 0
    model = TwoLayerSoftmaxRegressor(**AUTO).fit(frame[train], y[train])
    assert model.score(frame[~train], y[~train]) > 0.9


def test_without_rare_levels_unknown_ones_are_the_average():
    found, _ = columns_of(["a"] * 10 + ["b"] * 5)
    assert_array_equal(found.codes(["b", "new", None]), [1, np.nan, np.nan])
    frame, y = data()
    model = TwoLayerSoftmaxRegressor(**FIXED).fit(frame, y)
    names = list(model.basis_.get_feature_names_out(frame.columns))
    new = model._table.array(frame[:1].assign(none="zzz"))
    (columns,) = model.basis_.transform(new)
    for level, share in frame["none"].value_counts(normalize=True).items():
        assert_allclose(columns[names.index(f"none = {level}")], share)


def test_what_has_a_new_value_in_every_row_says_nothing():
    frame, y = data()
    frame["id"] = [f"row {i}" for i in range(len(y))]
    model = TwoLayerSoftmaxRegressor(**AUTO).fit(frame, y)
    assert model.feature_importances_[4] == 0


# -- many levels ----------------------------------------------------------------------


def test_shrunken_means_are_the_formula():
    rng = np.random.default_rng(0)
    level, y = rng.integers(0, 5, 60), rng.normal(size=60)
    y += np.array([0, 2, -1, 1, 3])[level]
    weight = rng.integers(0, 3, 60).astype(float)
    groups = [
        np.repeat(y[level == j], weight[level == j].astype(int)) for j in range(5)
    ]
    sizes, n = np.array([len(g) for g in groups]), weight.sum()
    mean = np.concatenate(groups).mean()
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - 5)
    square = sum(len(g) * (g.mean() - mean) ** 2 for g in groups)
    between = (square - 4 * within) / (n - (sizes**2).sum() / n)
    kept = sizes / (sizes + within / between)
    expected = [mean + k * (g.mean() - mean) for k, g in zip(kept, groups, strict=True)]
    found, of_all = shrunken_means(y, weight, level, 6)
    assert_allclose(found[:5], expected)
    assert_allclose([found[5], of_all], mean)  # a level without rows


def test_other_columns_have_their_share_in_the_target_first():
    rng = np.random.default_rng(0)
    level, weight = rng.integers(0, 9, 200), rng.integers(0, 3, 200).astype(float)
    effect = rng.normal(size=9)
    others = rng.normal(size=(200, 2)) + 3 * effect[level, None] + [0, 1e3]
    others = np.column_stack([others, np.ones(200)])
    y = effect[level] + others @ [2.0, -3.0, 0.0]
    found = without_others(y, weight, level, others)
    mean = np.average(others, axis=0, weights=weight)
    assert_allclose(found, effect[level] + mean @ [2.0, -3.0, 0.0], atol=1e-3)


def test_levels_that_do_not_differ_have_one_mean():
    y = np.tile([0.0, 1.0], 50)
    found, mean = shrunken_means(y, np.ones(100), np.repeat(np.arange(50), 2), 50)
    assert_array_equal(found, np.full(50, mean))


def test_many_levels_are_one_number_and_recovered():
    frame, y, effect = many()
    model = TwoLayerSoftmaxRegressor(**AUTO).fit(frame, y)
    names = model.basis_.without_ramps().get_feature_names_out(frame.columns)
    assert list(names) == ["x", "town"]
    new = pd.DataFrame({"x": 0.0, "town": [f"t{i}" for i in range(300)]})
    assert np.corrcoef(model.predict(new), effect)[0, 1] > 0.95
    unknown = model.predict(pd.DataFrame({"x": [0.0], "town": ["elsewhere"]}))
    assert abs(unknown[0] - effect.mean()) < 0.3


def test_many_levels_of_noise_are_no_feature():
    frame, y, _ = many(spread=0.0)
    model = TwoLayerSoftmaxRegressor(**AUTO).fit(frame, y)
    assert model.feature_importances_[1] < 0.03


def test_rows_do_not_see_their_own_target():
    frame, y, _ = many(1200, 100)
    weight = np.ones(1200)
    found, rows = category(frame["town"].tolist(), "text", y[:, None], weight, 0)
    assert found.labels is None
    other = y.copy()
    other[7] += 1000
    _, changed = category(frame["town"].tolist(), "text", other[:, None], weight, 0)
    assert changed[7] == rows[7]
    assert (changed != rows).any()


def test_many_levels_with_several_targets():
    frame, y, _ = many()
    Y = np.column_stack([y, -3 * y])
    model = TwoLayerSoftmaxRegressor(**AUTO).fit(frame, Y)
    assert model.score(frame, Y) > 0.75


# -- what is asked for ----------------------------------------------------------------


@pytest.mark.parametrize(
    "asked_for", [["k"], [1], np.array([False, True, False]), "from_dtype"]
)
def test_columns_are_named_numbered_or_masked(asked_for):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    X[:, 1] = rng.integers(-2, 3, 300)
    y = X[:, 0] + X[:, 1] ** 2
    frame = pd.DataFrame(X, columns=["a", "k", "b"]).astype({"k": int})
    if isinstance(asked_for, str):
        frame = frame.astype({"k": "category"})
    model = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=asked_for)
    predicted = model.fit(frame, y).predict(frame)
    names = list(model.basis_.get_feature_names_out(["a", "k", "b"]))
    assert sorted(names[1:-1]) == sorted(f"k = {i}" for i in range(-2, 3))
    if not isinstance(asked_for, (str, list)) or asked_for == [1]:
        array = model.fit(X, y)
        assert_array_equal(array.predict(X), predicted)


def test_none_takes_numbers_only_and_arrays_stay_numeric():
    frame, y = data()
    with pytest.raises(ValueError, match=r"text in column 'kind'"):
        TwoLayerSoftmaxRegressor(**FIXED, categorical_features=None).fit(frame, y)
    with pytest.raises(ValueError, match=r"text in column 1"):
        TwoLayerSoftmaxRegressor(**FIXED).fit(frame.to_numpy(), y)


@pytest.mark.parametrize(
    ("asked_for", "message"),
    [
        (["nothing"], "'nothing' which is not a valid feature name"),
        ([9], r"must be in \[0, n_features - 1\]"),
        ([True], "boolean mask must have shape"),
        ("kind", "categorical_features"),
    ],
)
def test_columns_that_there_are_not_are_refused(asked_for, message):
    frame, y = data()
    with pytest.raises(ValueError, match=message):
        TwoLayerSoftmaxRegressor(categorical_features=asked_for).fit(frame, y)


def test_sparse_data_have_no_categories():
    X = sp.random_array((20, 3), density=0.5, rng=np.random.default_rng(0)).tocsr()
    with pytest.raises(ValueError, match="categorical_features needs a frame"):
        TwoLayerSoftmaxRegressor(categorical_features=[0]).fit(X, np.arange(20.0))


# -- what changed since the fit -------------------------------------------------------


def test_other_kinds_of_values_are_refused_by_name(fitted):
    frame, _ = data()
    for wrong, message in (
        ({"kind": 1.5}, "numbers in column 'kind', which held text"),
        ({"new": "yes"}, "text in column 'new', which held truth values"),
        ({"size": "large"}, "text in column 'size'"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.predict(frame.assign(**wrong))
    with pytest.raises(ValueError, match=r"row 3, column 'size'"):
        fitted.predict(frame.assign(size=np.where(frame.index == 3, np.inf, 0)))
    mixed = frame.assign(kind=frame["kind"].astype(object).where(frame.index > 3, 7))
    with pytest.raises(ValueError, match=r"numbers and text \('.'\) in column 'kind'"):
        fitted.predict(mixed)
    with pytest.raises(ValueError, match=r"numbers and text \('.'\) in column 'kind'"):
        TwoLayerSoftmaxRegressor().fit(mixed, data()[1])


def test_other_columns_are_refused_as_scikit_learn_does(fitted):
    frame, _ = data()
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame.drop(columns="kind"))


def test_a_column_may_be_missing_altogether(fitted):
    frame, _ = data()
    nothing = frame.assign(kind=None, none=np.nan, new=None, size=np.nan)
    assert np.isfinite(fitted.predict(nothing)).all()


def test_lengths_have_to_agree():
    frame, y = data()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TwoLayerSoftmaxRegressor().fit(frame, y[:-1])


def test_partial_fit_takes_no_categories_and_dask_predicts_them():
    frame, y = data()
    with pytest.raises(ValueError, match="partial_fit takes no categories"):
        TwoLayerSoftmaxRegressor(**FIXED).partial_fit(frame, y)
    X = np.column_stack([np.arange(60.0), np.arange(60) % 3])
    codes = TwoLayerSoftmaxRegressor(**FIXED, categorical_features=[1]).fit(X, X[:, 1])
    lazy = codes.predict(da.from_array(X, chunks=(20, 2)))
    assert_array_equal(lazy.compute(), codes.predict(X))


# -- life in scikit-learn -------------------------------------------------------------


def test_models_are_stored(fitted):
    frame, _ = data()
    dumped = skops.io.dumps(fitted)
    types = skops.io.get_untrusted_types(data=dumped)
    for again in (
        pickle.loads(pickle.dumps(fitted)),
        skops.io.loads(dumped, trusted=types),
    ):
        assert_array_equal(again.predict(frame), fitted.predict(frame))
        assert str(again.summary()) == str(fitted.summary())


def test_searches_pipelines_and_outputs_take_frames():
    frame, y = data()
    model = TwoLayerSoftmaxRegressor(**FIXED).set_output(transform="pandas")
    search = GridSearchCV(
        make_pipeline(model), {"twolayersoftmaxregressor__alpha": [1e-2, 1]}
    )
    search.fit(frame, y)
    assert search.best_score_ > 0.5
    memberships = search.best_estimator_.transform(frame)
    assert memberships.shape == (len(y), 3)
    assert_array_equal(memberships.index, frame.index)


def test_a_warm_start_keeps_the_levels():
    frame, y = data()
    model = TwoLayerSoftmaxRegressor(**FIXED, warm_start=True).fit(frame, y)
    names = list(model.basis_.get_feature_names_out())
    fewer = frame["kind"] != "u"
    model.fit(frame[fewer], y[fewer])
    assert list(model.basis_.get_feature_names_out()) == names
    assert model.score(frame[fewer], y[fewer]) > 0.6


def test_a_fit_that_fails_leaves_the_table(fitted):
    frame, y = data()
    model = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(frame[["size"]], np.where(y > 1, np.nan, y))
    assert_array_equal(model.predict(frame), fitted.predict(frame))
