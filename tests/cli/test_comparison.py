"""Folds, scores and differences, against definitions written out."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold, cross_val_predict

from sksoftnewton._cli.comparison import compare, make_folds, paired
from sksoftnewton._cli.models import perceptron
from sksoftnewton._cli.reading import InputError

X, Y = load_diabetes(return_X_y=True)


def test_folds_by_time_never_look_ahead():
    rng = np.random.default_rng(0)
    moment = rng.integers(0, 30, 400).astype(float)  # many rows at the same moment
    folds = make_folds(400, 4, moment=moment)
    assert len(folds.splits) == 4
    for train, test in folds.splits:
        assert len(train) and len(test)
        assert moment[train].max() < moment[test].min()


def test_folds_by_group_keep_groups_whole():
    group = np.random.default_rng(0).choice(list("abcdefg"), 100)
    folds = make_folds(100, 3, group=group)
    tested = np.concatenate([test for _, test in folds.splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(100))
    for train, test in folds.splits:
        assert not set(group[train]) & set(group[test])


def test_number_of_folds():
    assert len(make_folds(9999, None).splits) == 5
    assert len(make_folds(10_000, None).splits) == 3
    assert len(make_folds(50, 7).splits) == 7
    with pytest.raises(InputError, match="7 folds need 7 rows; there are 6"):
        make_folds(6, 7)
    with pytest.raises(InputError, match=r"3 folds need 4 different .* there are 3"):
        make_folds(6, 3, moment=np.array([1, 1, 2, 2, 3, 3]))


def test_scores_are_those_of_scikit_learn(capsys):
    models = {"linear": LinearRegression(), "mean": DummyRegressor()}
    compare(models, X, Y, make_folds(len(Y), 5))
    out = capsys.readouterr().out.splitlines()
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(LinearRegression(), X, Y, cv=folds)
    scores = [f(Y, predicted) for f in (r2_score, mean_absolute_error)]
    scores.append(root_mean_squared_error(Y, predicted))
    assert out[1].split()[0] == "LinearRegression"
    np.testing.assert_allclose(np.array(out[1].split()[1:4], float), scores, rtol=2e-3)

    mean = cross_val_predict(DummyRegressor(), X, Y, cv=folds)
    loss = ((Y - predicted) ** 2 - (Y - mean) ** 2) / np.var(Y)
    name, difference, _, error = out[4].split()
    assert name == "DummyRegressor"
    assert float(difference) == pytest.approx(loss.mean(), abs=1e-4)
    expected = np.std(loss, ddof=1) / np.sqrt(len(Y))
    assert float(error) == pytest.approx(expected, abs=1e-4)


def test_standard_error_of_a_mean_over_clusters():
    # Rows repeated four times say no more than once.
    rng = np.random.default_rng(0)
    values = rng.normal(size=50)
    once = paired(values, np.arange(50))
    assert once[1] == pytest.approx(np.std(values, ddof=1) / np.sqrt(50))
    assert paired(np.repeat(values, 4), np.repeat(np.arange(50), 4)) == pytest.approx(
        once
    )
    # Rows that were never tested do not count.
    gaps = np.r_[values, np.full(9, np.nan)]
    assert paired(gaps, np.arange(59)) == pytest.approx(once)


class Failing(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        raise MemoryError("too large\nfor this")


class Unsettled(DummyRegressor):
    def fit(self, X, y):
        warnings.warn("has not converged\nat all", ConvergenceWarning, stacklevel=1)
        return super().fit(X, y)


def test_failures_and_warnings_are_said(capsys):
    compare({"a": Failing(), "b": Unsettled()}, X, Y, make_folds(len(Y), 5))
    out = capsys.readouterr().out.splitlines()
    assert out[1].split(maxsplit=1) == ["Failing", "failed: MemoryError: too large"]
    assert out[2].split()[0] == "Unsettled"
    assert out[3] == "  Unsettled: has not converged (5 times)"


@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_the_perceptron_is_no_straw_man(scale):
    fit = perceptron().fit(X, Y)  # warnings are errors: there are iterations enough
    assert fit.score(X, Y) > 0.45
    scaled = perceptron().fit(1e4 * X, scale * Y + 7 * scale)
    np.testing.assert_allclose(
        scaled.predict(1e4 * X) / scale - 7, fit.predict(X), rtol=1e-6
    )
