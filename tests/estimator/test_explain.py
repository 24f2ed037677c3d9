"""Explanations of single rows, by the definition of an effect."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor


def effects(model, X, train, output):
    """By moving the columns of one feature to their means."""
    columns, of_train = (model.basis_.transform(rows) for rows in (X, train))
    found = []
    for j in range(X.shape[1]):
        here = model.basis_.feature_of == j
        without = np.where(here, of_train.mean(axis=0), columns)
        z = without @ model.hidden_coef_.T + model.hidden_intercept_
        f = np.exp(z - z.max(axis=1, keepdims=True))
        y = (f / f.sum(axis=1, keepdims=True)) @ model.output_coef_[output]
        if model.target_transform_ == "log":
            y = np.exp(y) * model.smearing_[output]
        predicted = model.predict(X)
        found.append((predicted if predicted.ndim == 1 else predicted[:, output]) - y)
    return np.array(found).T


@pytest.mark.parametrize(
    "params",
    [{"alpha": 1e-3}, {"basis": "ramps"}, {"target_transform": "log"}],
    ids=["given", "ramps", "log"],
)
def test_leading_units_and_features(params):
    X, y = make_friedman1(200, n_features=7, noise=0.5, random_state=0)
    model = TwoLayerSoftmaxRegressor(4, random_state=0, **params).fit(X, abs(y) + 1)
    rows = X[:20]
    table = model.explain(rows)
    assert_allclose(table["prediction"], model.predict(rows), rtol=1e-10)
    f = model.transform(rows)
    expected = effects(model, rows, X, 0)
    i = np.arange(20)
    for place in (1, 2, 3):
        unit = table[f"unit_{place}"]
        np.testing.assert_array_equal(unit, np.argsort(-f, axis=1)[:, place - 1])
        assert_allclose(table[f"share_{place}"], f[i, unit], rtol=1e-10)
        value = model.output_coef_[0, unit]
        if model.target_transform_ == "log":
            value = np.exp(value) * model.smearing_
        assert_allclose(table[f"value_{place}"], value)
        leading = np.argsort(-abs(expected), axis=1)[:, place - 1]
        assert list(table[f"feature_{place}"]) == [f"x{j}" for j in leading]
        assert_allclose(table[f"effect_{place}"], expected[i, leading], rtol=1e-6)
    np.testing.assert_array_equal(table["outside"], model.is_outside(rows))
    assert "unit_4" not in table and "feature_4" not in table


def test_names_and_index_of_a_frame_are_kept():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-2, random_state=0).fit(X, y)
    rows = X.set_index(X.index + 1000).tail(5)
    table = model.explain(rows, n_leading=4)
    pd.testing.assert_index_equal(table.index, rows.index)
    assert set(table["feature_1"]) <= set(X.columns)
    assert "feature_4" in table and "unit_3" not in table


def test_one_of_several_outputs_and_sparse_rows():
    X, y = make_friedman1(100, n_features=6, random_state=0)
    Y = np.column_stack([y, X[:, 5]])
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0).fit(X, Y)
    table = model.explain(X[:10], output=1)
    assert_allclose(table["prediction"], model.predict(X[:10])[:, 1])
    expected = effects(model, X[:10], X, 1)
    assert_allclose(np.abs(table["effect_1"]), np.abs(expected).max(axis=1), rtol=1e-8)
    sparse = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0)
    sparse = sparse.fit(sp.csr_array(X), Y)
    again = sparse.explain(sp.csr_array(X[:10]), output=1)
    assert_allclose(again["effect_1"], table["effect_1"], rtol=1e-3)


def test_what_is_wrong_is_named():
    X, y = make_friedman1(50, random_state=0)
    model = TwoLayerSoftmaxRegressor(2, alpha=0.1, random_state=0)
    model.fit(X, np.column_stack([y, y]))
    for output in (None, 2, -1, 0.5, True):
        with pytest.raises(ValueError, match=f"output={output!r} has to be an integer"):
            model.explain(X, output)
    with pytest.raises(ValueError, match="n_leading=0 is not a positive integer"):
        model.explain(X, 0, n_leading=0)
    with pytest.raises(ValueError, match="9 features, but"):
        model.explain(X[:, :9], 0)


def test_without_pandas():
    """In a process that cannot import it."""
    script = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name == "pandas":
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
from sksoftnewton import TwoLayerSoftmaxRegressor
model = TwoLayerSoftmaxRegressor(1).fit([[0], [1]], [0, 1])
try:
    model.explain([[0]])
except ImportError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "explain needs pandas: pip install pandas"


def test_the_farthest_rows_have_finite_effects():
    X, y = make_friedman1(50, random_state=0)
    model = TwoLayerSoftmaxRegressor(2, alpha=0.1, random_state=0).fit(X, y)
    far = X[:2].copy()
    far[0, 0] = 1e300
    table = model.explain(far)
    assert np.isfinite(table.select_dtypes(float)).all(axis=None)
    np.testing.assert_array_equal(table["outside"], [True, False])


def test_far_rows_are_predicted_as_predict_does():
    """Predicted logarithms stay near the range of the targets."""
    X, y = make_friedman1(200, random_state=0)
    model = TwoLayerSoftmaxRegressor(
        4, alpha=1e-4, target_transform="log", output_activation="identity"
    )
    model.set_params(random_state=0).fit(X, np.exp(y / 5))
    far = 100 * X[:20]
    assert_allclose(model.explain(far)["prediction"], model.predict(far), rtol=1e-12)
