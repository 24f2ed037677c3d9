"""Arrays of other libraries give the results of NumPy, in their own place."""

import importlib

import numpy as np
import pytest
from sklearn import config_context
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_friedman1
from sklearn.model_selection import GridSearchCV

from sksoftnewton import TwoLayerSoftmaxRegressor

CONFIGURATIONS = [
    {},
    {"n_hidden": 3, "alpha": 1e-3},
    {"n_hidden": 3, "alpha": 1e-3, "sketch": "uniform", "sketch_size": 200},
    {"n_hidden": 3, "alpha": 1e-3, "penalty": "logits"},
]


# torch's own namespace lacks parts of the standard.
MODULES = {
    "array_api_strict": "array_api_strict",
    "torch": "sklearn.externals.array_api_compat.torch",
}


@pytest.fixture(scope="module", params=MODULES)
def xp(request):
    pytest.importorskip(request.param)
    return importlib.import_module(MODULES[request.param])


@pytest.fixture(autouse=True)
def dispatch():
    with config_context(array_api_dispatch=True):
        yield


def friedman(n=250):
    return make_friedman1(n, noise=1.0, random_state=0)


def close(actual, desired):
    np.testing.assert_allclose(np.asarray(actual), desired, rtol=1e-6, atol=1e-6)


def after_a_fit(model, X):
    """Everything that is as many numbers as X has rows."""
    return (
        *model.predict(X, return_std=True),
        model.predict(X, return_cov=True)[1],
        model.predict_interval(X),
        model.sample_y(X, 2, random_state=0),
        model.hidden_activations(X),
    )


@pytest.mark.parametrize("parameters", CONFIGURATIONS, ids=str)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_results_are_those_of_numpy(xp, parameters, n_outputs):
    X, y = friedman()
    if n_outputs == 2:
        y = np.column_stack([y, X[:, 0] ** 2])
    weight = np.linspace(0.5, 2, len(y))
    model = TwoLayerSoftmaxRegressor(random_state=0, **parameters)
    there = TwoLayerSoftmaxRegressor(random_state=0, **parameters)
    model.fit(X, y, weight)
    Xt, yt = xp.asarray(X), xp.asarray(y)
    there.fit(Xt, yt, xp.asarray(weight))
    for name, value in vars(model).items():
        if isinstance(value, np.ndarray):
            assert type(getattr(there, name)) is type(Xt)
            close(getattr(there, name), value)
    for ours, numpys in zip(
        after_a_fit(there, Xt),
        after_a_fit(model, X),
        strict=True,
    ):
        assert type(ours) is type(Xt) and ours.dtype == Xt.dtype
        close(ours, numpys)
    assert isinstance(there.score(Xt, yt), float)
    outside = there.is_outside(Xt)
    assert type(outside) is type(Xt)
    np.testing.assert_array_equal(np.asarray(outside), model.is_outside(X))
    title, *_ = str(there.summary()).splitlines()
    assert title == str(model.summary()).splitlines()[0]
    output = n_outputs - 1
    close(there.explain(Xt, output)["effect_1"], model.explain(X, output)["effect_1"])


def test_float32_stays(xp):
    X, y = friedman(3000)
    Xt, yt = xp.asarray(X.astype(np.float32)), xp.asarray(y.astype(np.float32))
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0).fit(Xt, yt)
    assert model.hidden_coef_.dtype == model.predict(Xt).dtype == xp.float32


def test_another_library_at_predict_is_an_error(xp):
    X, y = friedman()
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0).fit(
        xp.asarray(X), xp.asarray(y)
    )
    for method in (model.predict, model.hidden_activations):
        with pytest.raises(ValueError, match="must use the same namespace"):
            method(X)
    assert isinstance(model.fit(X, y).predict(X), np.ndarray)


def test_warm_start(xp):
    X, y = map(xp.asarray, friedman())
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, warm_start=True, random_state=0)
    loss = model.fit(X, y).loss_
    # Two ways to the units of the user and back differ in the last digits.
    assert model.fit(X, y).loss_ <= loss * (1 + 1e-12)
    assert model.n_iter_ <= 3


def test_grid_search():
    torch = pytest.importorskip("torch")
    X, y = map(torch.asarray, friedman())
    grid = GridSearchCV(
        TwoLayerSoftmaxRegressor(alpha=1e-3, random_state=0), {"n_hidden": [1, 3]}
    )
    assert grid.fit(X, y).best_params_ == {"n_hidden": 3}


def test_callbacks_get_a_model_for_the_arrays_of_the_user(xp):
    X, y = friedman()
    Xt, yt = xp.asarray(X), xp.asarray(y)
    monitor = ScoringMonitor(scoring="r2")
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0)
    model.set_callbacks(monitor).fit(Xt, yt)
    assert monitor.get_logs().data[-1]["r2"] == pytest.approx(model.score(Xt, yt))


def test_tensors_that_require_a_gradient_and_a_dispatch_that_is_off_later():
    torch = pytest.importorskip("torch")
    X, y = friedman()
    Xt = torch.tensor(X, requires_grad=True)
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0)
    expected = model.fit(X, y).predict(X)
    close(model.fit(Xt, torch.asarray(y)).predict(Xt), expected)
    with config_context(array_api_dispatch=False):
        close(model.predict(X), expected)
        model.set_params(warm_start=True).fit(X, y)


def test_one_weight_for_all(xp):
    X, y = map(xp.asarray, friedman())
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0).fit(X, y, 2.0)
    assert model.status_ == "converged"
