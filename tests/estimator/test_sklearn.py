"""scikit-learn's own checks, and life inside its meta-estimators."""

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from sksoftnewton import TwoLayerSoftmaxRegressor

# scikit-learn's check of the multi_output tag fits negative targets, which the
# positive activations refuse, so they do not set the tag: one check fewer.
FIXED = {"n_hidden": 3, "alpha": 1e-3}
# One configuration chooses everything; the others leave out what it has shown, since
# each check fits some hundred models. Sketches are missing: the checks have so few rows
# that nothing is sketched (test_sketches.py).
CONFIGURATIONS = [
    ({}, 61),
    (FIXED, 61),
    ({**FIXED, "penalty": "logits"}, 61),
    ({**FIXED, "output_activation": "relu"}, 60),
    ({**FIXED, "output_activation": "exp", "penalty": "logits"}, 60),
    ({"n_hidden": 1}, 61),
    ({"n_hidden": 2, "output_activation": "softplus", "basis": "linear"}, 60),
    ({"n_hidden": 3, "alpha": 1e-2, "basis": "ramps", "noise": "constant"}, 61),
    ({"n_hidden": 2, "alpha": 1e-2, "target_transform": "log"}, 55),
]


# Checks of transformers have targets of zero, which have no logarithms.
NEED_ZERO = dict.fromkeys(
    (
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_transformer_n_iter",
    ),
    "needs positive targets",
)


@pytest.mark.parametrize(("params", "n_checks"), CONFIGURATIONS, ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_check_estimator(params, n_checks):
    log = params.get("target_transform") == "log"
    results = check_estimator(
        TwoLayerSoftmaxRegressor(**params),
        on_skip=None,
        on_fail=None,
        expected_failed_checks=NEED_ZERO if log else None,
    )
    failed = [
        f"{r['check_name']} {r['status']}: {r['exception']}"
        for r in results
        if r["status"] not in ("passed", "xfail") and not _needs_another_library(r)
    ]
    assert not failed, "\n".join(failed)
    n_passed = sum(r["status"] == "passed" for r in results)
    # Six checks of transformers; array_api_strict: inputs and namespaces.
    assert n_passed >= n_checks + 8


def _needs_another_library(result):
    """A check of arrays whose library or device is not there."""
    array = result["check_name"].startswith("check_array_api")
    return array and result["status"] == "skipped"


def test_tags():
    default = get_tags(TwoLayerSoftmaxRegressor())
    assert default.input_tags.sparse and default.target_tags.multi_output
    assert not default.target_tags.positive_only
    assert set(default.transformer_tags.preserves_dtype) == {"float32", "float64"}
    for params in ({"output_activation": "exp"}, {"target_transform": "log"}):
        positive = get_tags(TwoLayerSoftmaxRegressor(**params))
        assert positive.target_tags.positive_only


def test_a_column_of_positive_targets_is_flattened_with_scikit_learns_warning():
    X, y = make_friedman1(50, random_state=0)
    model = TwoLayerSoftmaxRegressor(output_activation="softplus", random_state=0)
    with pytest.warns(DataConversionWarning):
        assert model.fit(X, y[:, None]).predict(X).shape == (50,)


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(300, noise=0.5, random_state=0)


def test_pipeline_grid_search_and_cross_validate(friedman):
    X, y = friedman
    pipeline = make_pipeline(StandardScaler(), TwoLayerSoftmaxRegressor(random_state=0))
    grid = GridSearchCV(
        pipeline,
        {
            "twolayersoftmaxregressor__alpha": [1e-4, 1e-2, 1.0],
            "twolayersoftmaxregressor__n_hidden": [2, 4],
        },
    ).fit(X, y)
    assert grid.best_score_ > 0.85
    assert grid.best_params_["twolayersoftmaxregressor__alpha"] != 1.0
    scores = cross_validate(grid.best_estimator_, X, y, return_train_score=True)
    assert scores["test_score"].mean() > 0.8


def test_several_outputs_at_once(friedman):
    X, y = friedman
    Y = np.column_stack([y, -2 * y + 3, X[:, 0]])
    model = TwoLayerSoftmaxRegressor(n_hidden=12, alpha=1e-4, random_state=0)
    scores = cross_validate(model, X, Y)["test_score"]
    assert scores.mean() > 0.8


def test_no_convergence_warning_with_defaults(recwarn, friedman):
    X, y = friedman
    TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]
