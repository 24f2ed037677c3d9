"""The summary says what the fitted attributes say."""

import pickle
import re
from copy import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._estimator.summary import MOST_UNITS, against_next_width


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = TwoLayerSoftmaxRegressor(noise="auto", random_state=0)
    return model.fit(X, y), X, y


def sections(model):
    """Title, table of units and facts."""
    found = re.split("\n-+\n", str(model.summary()))
    assert len(found) == 3
    return found


def facts(model):
    """The lines below the table, by their names."""
    lines = sections(model)[2].splitlines()
    return dict(re.split(" +", line, maxsplit=1) for line in lines)


def unit_lines(model):
    return sections(model)[1].splitlines()[1:]


def test_the_title_and_the_text(diabetes):
    model, *_ = diabetes
    text = str(model.summary())
    n_used = model.support_.sum()
    assert text.splitlines()[0] == (
        f"TwoLayerSoftmaxRegressor: {model.n_hidden_} units, {n_used} of 10 features, "
        "1 output, 442 rows"
    )
    assert repr(model.summary()) == text
    assert max(map(len, text.splitlines())) < 120


def test_weights_count_as_rows():
    X, y = make_friedman1(50, random_state=0)
    model = TwoLayerSoftmaxRegressor(2, alpha=0.1, random_state=0)
    for weight, words in (
        (np.ones(50), "50 rows"),
        (np.full(50, 30_000.0), "1,500,000 rows"),
        (np.full(50, 0.25), "rows of total weight 12.5"),
    ):
        title = str(model.fit(X, y, weight).summary()).splitlines()[0]
        assert title.endswith(f"1 output, {words}")


def test_units_have_shares_values_and_leading_features(diabetes):
    model, X, _ = diabetes
    f = model.transform(X)
    lines = unit_lines(model)
    assert len(lines) == model.n_hidden_
    previous = 1.0
    for line in lines:
        unit, share, value, *features = line.split(maxsplit=3)
        j = int(unit)
        assert float(share[:-1]) / 100 == pytest.approx(f[:, j].mean(), abs=1e-3)
        assert float(share[:-1]) / 100 <= previous
        previous = float(share[:-1]) / 100
        assert float(value) == pytest.approx(model.output_coef_[0, j], rel=1e-3)
        found = re.findall(r"([+-])(\w+) \(([\d.e+-]+)\)", features[0])
        assert len(found) == 3
        for sign, name, mean in found:
            expected = np.average(X[name], weights=f[:, j])
            assert float(mean) == pytest.approx(expected, rel=1e-3)
            towards = X.copy()
            towards[name] += X[name].std()
            change = model.transform(towards)[:, j] - f[:, j]
            assert (change.mean() > 0) == (sign == "+")


def test_the_facts_are_those_of_the_attributes(diabetes):
    model, X, _ = diabetes
    found = facts(model)
    best = X.columns[model.feature_importances_.argmax()]
    percent = f"{model.feature_importances_.max():.0%}"
    assert found["features"].startswith(f"{best} {percent}, ")
    assert found["basis"] == "linear" and found["warnings"] == "none"
    assert f"log evidence {model.log_evidence_:.1f}" in found["evidence"]
    assert f"{np.sqrt(model.noise_variance_[0]):.4g}" in found["noise"]
    assert "by unit" in found["noise"]  # the diabetes data are heteroscedastic
    assert found["status"] == f"converged after {model.n_iter_} iterations"


def path(**columns):
    """Of a search: widths 2, 4 and 8, and 2, 4 and 4 with fewer features."""
    return {
        "target_transform": np.array(["identity"] * 6),
        "n_features": np.array([9, 9, 9, 5, 5, 5]),
        "n_columns": np.array([9, 9, 9, 5, 5, 5]),
        "n_rows": np.full(6, 100),
        "n_hidden": np.array([2, 4, 8, 2, 4, 4]),
        "log_evidence": np.array([-90.0, -80, -70, -60, -65, -50]),
        "log_prior": np.array([0.0, 0, 0, -1, -3, -3]),
        "kept": np.array([True, True, True, True, True, False]),
        **columns,
    }


@pytest.mark.parametrize(
    ("n_hidden", "n_features", "expected"),
    [(2, 5, (4, 7.0)), (2, 9, (4, -10.0)), (4, 9, (8, -10.0)), (4, 5, None)],
)
def test_evidence_against_the_next_width(n_hidden, n_features, expected):
    chosen = {"n_hidden": n_hidden, "n_features": n_features}
    chosen.update(target_transform="identity", n_columns=n_features)
    assert against_next_width(path(), **chosen) == expected
    for name, other in (
        ("target_transform", np.array(["log"] * 6)),
        ("log_evidence", np.full(6, np.nan)),
        ("n_rows", np.arange(6)),
        ("n_columns", np.arange(6)),
    ):
        assert against_next_width(path(**{name: other}), **chosen) is None


def test_evidence_against_the_next_width_on_ramps():
    """The last columns on which there were several widths, and none that are more."""
    several = path(n_features=np.full(6, 9), n_columns=np.array([9, 9, 9, 30, 30, 80]))
    several["kept"][5] = True
    chosen = {"n_hidden": 2, "n_features": 9, "target_transform": "identity"}
    for n_columns, expected in ((80, 7.0), (30, 7.0), (9, -10.0)):
        found = against_next_width(several, n_columns=n_columns, **chosen)
        assert found == (4, expected)


def test_evidence_in_words(diabetes):
    model, *_ = diabetes
    assert model.n_hidden_ == 2 and model.support_.all()
    found = model.width_path_
    score = found["log_evidence"] + found["log_prior"]
    plain = found["kept"] & (found["n_columns"] == 10)
    plain &= found["target_transform"] == "identity"
    wide, chosen = (score[plain & (found["n_hidden"] == k)].max() for k in (4, 2))
    assert -3 < chosen - wide < 0
    assert facts(model)["evidence"].endswith(
        f"; {wide - chosen:.1f} below 4 units, too little to prefer them"
    )
    X, y = make_friedman1(60, random_state=0)
    given = TwoLayerSoftmaxRegressor(2, alpha=0.1, random_state=0).fit(X, y)
    assert facts(given)["evidence"].endswith("no wider network was compared")
    none = TwoLayerSoftmaxRegressor(2, alpha=0.0, random_state=0).fit(X, y)
    assert facts(none)["evidence"] == "none"


@pytest.mark.parametrize(
    ("difference", "words"),
    [(5.0, "5.0 above 8"), (-9.0, "9.0 below 8 units, whose errors on rows left out")],
)
def test_evidence_above_and_below(diabetes, difference, words):
    model = copy(diabetes[0])
    model.n_hidden_ = 4
    model.width_path_ = path(
        n_features=np.full(6, 10), log_evidence=np.full(6, -9.0), log_prior=np.zeros(6)
    )
    model.width_path_["log_evidence"][2] -= difference
    assert words in facts(model)["evidence"]


def test_log_targets_ramps_and_several_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    Y = np.exp(np.column_stack([X[:, 0], X[:, 1]]) + 0.1 * rng.normal(size=(100, 2)))
    params = {"target_transform": "log", "basis": "ramps", "random_state": 0}
    model = TwoLayerSoftmaxRegressor(3, **params).fit(X, Y)
    found = facts(model)
    assert found["target"] == "logarithm"
    columns = model.support_[model.basis_.feature_of].sum()
    assert found["basis"] == f"ramps, {columns} columns"
    assert found["noise"].startswith("standard deviation of the logarithm ")
    values = np.exp(model.output_coef_) * model.smearing_[:, None]
    shown = unit_lines(model)[0].split(maxsplit=2)
    first, second = re.match(r"([\d.e+-]+), ([\d.e+-]+)", shown[2]).groups()
    assert_allclose([float(first), float(second)], values[:, int(shown[0])], rtol=1e-3)
    assert "+x0" in str(model.summary())


def test_many_units_and_features_are_not_all_listed():
    X, y = make_friedman1(200, n_features=30, random_state=0)
    model = TwoLayerSoftmaxRegressor(20, alpha=1e-2, random_state=0).fit(X, y)
    lines = unit_lines(model)
    assert len(lines) == MOST_UNITS + 1 and lines[-1] == "… and 4 more units"
    assert facts(model)["features"].endswith(", 20 more")


def test_warnings_of_the_fit_are_repeated():
    X, y = make_friedman1(80, random_state=0)
    y[3] = 1e6
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, max_iter=2, random_state=0)
    with pytest.warns() as record:
        model.fit(X, y)
    assert {r.category for r in record} == {ConvergenceWarning, UserWarning}
    assert all(r.filename == __file__ for r in record)
    found = facts(model)["warnings"]
    assert found == "; ".join(str(r.message) for r in record)
    assert "row 3" in found and "max_iter=2" in found


def test_a_constant_and_a_stored_model(diabetes):
    X = np.random.default_rng(0).normal(size=(30, 3))
    constant = TwoLayerSoftmaxRegressor(random_state=0).fit(X, np.ones(30))
    assert "1 unit, " in str(constant.summary())
    model, *_ = diabetes
    again = pickle.loads(pickle.dumps(model))
    assert str(again.summary()) == str(model.summary())
    again._seen = None
    for method in ("summary", "explain", "is_outside"):
        arguments = () if method == "summary" else (diabetes[1],)
        with pytest.raises(ValueError, match=f"{method} is not available"):
            getattr(again, method)(*arguments)
