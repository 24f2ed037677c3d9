"""Life with scikit-learn's tools, data frames, and files."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_friedman1
from sklearn.ensemble import BaggingRegressor, StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_validate,
)
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor

NAMES = [f"x{j}" for j in range(10)]
STORED = Path(__file__).parent / "data" / "model_0_1.pkl"


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(300, noise=1.0, random_state=0)


def small():
    return TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0)


# -- frames -------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_give_the_results_of_arrays_and_names(frame, friedman):
    X, y = friedman
    data = frame({name: X[:, j] for j, name in enumerate(NAMES)})
    model = small().fit(data, y)
    expected = small().fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(data), expected, rtol=1e-12)
    assert list(model.feature_names_in_) == NAMES
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(data[NAMES[::-1]])
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_targets_and_weights_may_be_columns_of_frames(frame, friedman):
    X, y = friedman
    weight = np.linspace(0, 2, len(y))
    table = frame({"y": y, "weight": weight})
    model = small().fit(X, table["y"], sample_weight=table["weight"])
    expected = small().fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


@pytest.mark.parametrize(("output", "frame"), [("pandas", pd), ("polars", pl)])
def test_memberships_as_a_frame(output, frame, friedman):
    X, y = friedman
    model = small().set_output(transform=output)
    memberships = model.fit(X, y).transform(X)
    assert isinstance(memberships, frame.DataFrame)
    names = [f"twolayersoftmaxregressor{unit}" for unit in range(3)]
    assert list(memberships.columns) == list(model.get_feature_names_out()) == names
    np.testing.assert_array_equal(memberships, model.hidden_activations(X))


def test_memberships_as_features_of_a_pipeline(friedman):
    X, y = friedman
    pipeline = make_pipeline(TwoLayerSoftmaxRegressor(random_state=0), Ridge(1e-6))
    assert pipeline.fit(X, y).score(X, y) > 0.9


# -- sample weights by metadata routing ---------------------------------------------


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def weighted():
    return small().set_fit_request(sample_weight=True)


def halves(n):
    """Weights that leave out every second row."""
    return np.arange(n) % 2.0


@pytest.mark.usefixtures("routing")
def test_weights_through_a_pipeline(friedman):
    X, y = friedman
    weight = halves(len(y))
    # The scaler's own request is refused, so that only the regressor is weighted.
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, weighted()).fit(X, y, sample_weight=weight)
    expected = small().fit(X[weight > 0], y[weight > 0]).predict(X)
    np.testing.assert_allclose(pipeline.predict(X), expected, rtol=1e-6)


@pytest.mark.usefixtures("routing")
def test_weights_through_a_grid_search(friedman):
    X, y = friedman
    weight = halves(len(y))
    scorer = get_scorer("r2").set_score_request(sample_weight=True)
    grid = GridSearchCV(weighted(), {"alpha": [1e-3, 1.0]}, cv=2, scoring=scorer)
    grid.fit(X, y, sample_weight=weight)
    kept = weight > 0
    expected = GridSearchCV(small(), {"alpha": [1e-3, 1.0]}, cv=2)
    expected.fit(X[kept], y[kept])
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            grid.cv_results_[name], expected.cv_results_[name], rtol=1e-6
        )


@pytest.mark.usefixtures("routing")
def test_weights_through_cross_validate(friedman):
    X, y = friedman
    weight = halves(len(y))
    scores = cross_validate(
        weighted().set_score_request(sample_weight=True),
        X,
        y,
        cv=2,
        params={"sample_weight": weight},
    )
    kept = weight > 0
    expected = cross_validate(small(), X[kept], y[kept], cv=2)
    np.testing.assert_allclose(scores["test_score"], expected["test_score"], rtol=1e-6)


# -- meta-estimators and inspection -------------------------------------------------


def test_partial_dependence(friedman):
    X, y = friedman
    model = small().fit(X, y)
    result = partial_dependence(model, X, [3], grid_resolution=5, kind="average")
    for value, average in zip(
        result["grid_values"][0], result["average"][0], strict=True
    ):
        moved = X.copy()
        moved[:, 3] = value
        assert average == pytest.approx(model.predict(moved).mean())
    assert (np.diff(result["average"][0]) > 0).all()  # y grows with 10 x3


def test_permutation_importance(friedman):
    X, y = friedman
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert set(np.argsort(importance.importances_mean)[-5:]) == set(range(5))


def test_halving_grid_search(friedman):
    X, y = friedman
    search = HalvingGridSearchCV(
        small(), {"n_hidden": [1, 3, 6], "alpha": [1e-3, 1.0]}, cv=3, random_state=0
    )
    search.fit(X, y)
    assert search.best_params_["n_hidden"] > 1 and search.best_params_["alpha"] < 1
    assert search.score(X, y) > 0.7


def test_stacking(friedman):
    X, y = friedman
    estimators = [("softmax", small()), ("linear", LinearRegression())]
    stack = StackingRegressor(estimators).fit(X, y)
    assert stack.score(X, y) > LinearRegression().fit(X, y).score(X, y)
    assert stack.final_estimator_.coef_[0] > 0.5


def test_bagging_passes_weights(friedman):
    X, y = friedman
    weight = halves(len(y))
    bags = BaggingRegressor(small(), n_estimators=3, random_state=0)
    bags.fit(X, np.where(weight > 0, y, 1e3), sample_weight=weight)
    assert bags.score(X, y) > 0.7


def test_transformed_target(friedman):
    X, y = friedman
    y = np.exp(y / 10)
    model = TransformedTargetRegressor(small(), func=np.log, inverse_func=np.exp)
    expected = np.exp(small().fit(X, np.log(y)).predict(X))
    np.testing.assert_allclose(model.fit(X, y).predict(X), expected)


def test_clone_keeps_parameters_and_nothing_else(friedman):
    X, y = friedman
    model = TwoLayerSoftmaxRegressor(3, alpha=(1e-3, 1e-2), random_state=0).fit(X, y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "hidden_coef_")


# -- representation and files -------------------------------------------------------


def test_html_links_to_the_documentation():
    html = small()._repr_html_()
    page = "/api/sksoftnewton.TwoLayerSoftmaxRegressor.html"
    assert f'href="https://sksoftnewton.readthedocs.io/en/stable{page}"' in html


@pytest.mark.parametrize(
    "parameters",
    [{}, {"n_hidden": 3, "alpha": 1e-3}, {"output_activation": "softplus"}],
    ids=str,
)
@pytest.mark.parametrize("shape", [(300, 10), (40, 60)], ids=str)
def test_skops_trusts_all_but_our_own_classes(parameters, shape):
    X, y = make_friedman1(*shape, noise=1.0, random_state=0)
    model = TwoLayerSoftmaxRegressor(random_state=0, **parameters)
    model.fit(X, np.maximum(y, 0))
    stored = skops.io.dumps(model)
    untrusted = skops.io.get_untrusted_types(data=stored)
    assert all(name.startswith("sksoftnewton.") for name in untrusted), untrusted
    loaded = skops.io.loads(stored, trusted=untrusted)
    for ours, theirs in zip(
        model.predict(X, return_std=True),
        loaded.predict(X, return_std=True),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_models_of_the_previous_minor_version_can_be_read():
    """The file was written by ``python tests/estimator/data/store_model.py``."""
    with STORED.open("rb") as file:
        stored = pickle.load(file)
    for model, mean, std in stored["fits"]:
        predicted = model.predict(stored["X"], return_std=True)
        np.testing.assert_allclose(predicted[0], mean, rtol=1e-10)
        np.testing.assert_allclose(predicted[1], std, rtol=1e-8)
        assert repr(model).startswith("TwoLayerSoftmaxRegressor(")
        assert model.status_ == "converged"


# -- in place of MLPRegressor -------------------------------------------------------


def table(n=400):
    """Mixed columns and a smooth target."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.uniform(0, 3, n),
            "age": rng.uniform(0, 3, n),
            "kind": rng.choice(["a", "b", "c"], n),
        }
    )
    shift = frame["kind"].map({"a": 0.0, "b": 1.0, "c": -1.0}).to_numpy(dtype=float)
    smooth = np.sin(2 * frame["size"]) * frame["age"] + shift
    return frame, smooth.to_numpy() + rng.normal(0, 0.2, n)


def searched(name, regressor, parameters):
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["size", "age"]),
            ("kinds", OneHotEncoder(), ["kind"]),
        ]
    )
    grid = {f"{name}__{key}": values for key, values in parameters.items()}
    return GridSearchCV(make_pipeline(columns, regressor), grid, cv=3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_taking_the_place_of_mlpregressor(capsys):
    from sklearn.callback import ProgressBar

    X, y = table()
    train, test = slice(0, 300), slice(300, None)
    before = searched(
        "mlpregressor",
        MLPRegressor(random_state=0),
        {"hidden_layer_sizes": [(4,), (16,)], "alpha": [1e-4, 1e-2]},
    ).fit(X[train], y[train])
    after = searched(
        "twolayersoftmaxregressor",
        TwoLayerSoftmaxRegressor(random_state=0),
        {"n_hidden": [4, 16], "alpha": [1e-4, 1e-2]},
    )
    after.set_callbacks(ProgressBar()).fit(X[train], y[train])
    assert "100%" in capsys.readouterr().out
    assert after.score(X[test], y[test]) > before.score(X[test], y[test])
    best = after.best_estimator_
    mean, std = best.predict(X[test], return_std=True)
    assert np.mean(np.abs(y[test] - mean) < 1.96 * std) == pytest.approx(0.95, abs=0.06)
    assert r2_score(y[test], mean) > 0.9
