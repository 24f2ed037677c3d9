"""Every way of sketching, through the estimator."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(6000, noise=1.0, random_state=0)


def fit(data, **kwargs):
    params = {"n_hidden": 8, "alpha": 1e-4, "random_state": 0, **kwargs}
    return TwoLayerSoftmaxRegressor(**params).fit(*data)


# A seed whose runs do not depend on the last digits of sums.
SEED = 2


@pytest.fixture(scope="module")
def exact(friedman):
    return fit(friedman, sketch="none", n_init=2, random_state=SEED)


@pytest.mark.parametrize("sketch", ["auto", "uniform", "leverage", "countsketch"])
def test_every_sketch_reaches_the_exact_minimum(friedman, exact, sketch):
    sketched = fit(friedman, sketch=sketch, n_init=2, random_state=SEED)
    assert sketched.status_ == exact.status_ == "converged"
    assert_allclose(sketched.loss_, exact.loss_, rtol=1e-4)
    assert (exact.history_["sketch_size"] == 0).all()
    assert (exact.history_["n_cg"] == 0).all()
    last = {name: column[-1] for name, column in sketched.history_.items()}
    assert last["n_rows"] == 6000 and 0 < last["sketch_size"] < 6000
    assert last["n_cg"] > 0
    assert sketched.history_["n_rows"][0] < 6000  # a sample came first
    assert last["passes"] < exact.history_["passes"][-1]


def test_sketches_do_not_depend_on_the_number_of_threads(friedman):
    one, three = (fit(friedman, n_jobs=n) for n in (1, 3))
    np.testing.assert_array_equal(one.hidden_coef_, three.hidden_coef_)


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
@pytest.mark.parametrize("sparse", [False, True])
def test_outputs_weights_activations_and_sparse_rows(activation, sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 6)) * (rng.random((5000, 6)) < 0.7)
    u = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]], axis=1) / 3
    Y = (np.log1p(np.exp(u)) if activation == "softplus" else np.tanh(u)) * 0.9
    weight = rng.integers(1, 4, 5000)
    data = (sp.csr_array(X) if sparse else X), Y, weight
    params = {"output_activation": activation, "alpha": 1e-5, "n_hidden": 6}
    params["random_state"] = 1
    exact = fit(data, **params, sketch="none")
    sketched = fit(data, **params)
    assert sketched.history_["sketch_size"].max() > 0
    assert_allclose(sketched.loss_, exact.loss_, rtol=0.02)
