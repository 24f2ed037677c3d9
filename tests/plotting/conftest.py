"""Models that several displays are tested on; they are not to be changed."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from tests.plotting.cases import FRAME, X, Y

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def model():
    return TwoLayerSoftmaxRegressor(random_state=0).fit(X, Y)


@pytest.fixture(scope="session")
def named():
    return TwoLayerSoftmaxRegressor(n_hidden=4, random_state=0).fit(FRAME, Y)


@pytest.fixture(scope="session")
def sampled():
    """A model whose fit began on a sample of the rows and used a sketch."""
    data = make_friedman1(5000, noise=1.0, random_state=0)
    fit = TwoLayerSoftmaxRegressor(n_hidden=4, alpha=1e-4, random_state=0).fit(*data)
    n_rows = fit.history_["n_rows"]
    assert n_rows[0] < n_rows[-1] and fit.history_["sketch_size"].any()
    return fit


@pytest.fixture(scope="session")
def two_outputs():
    return TwoLayerSoftmaxRegressor(n_hidden=3, random_state=0).fit(
        X, np.column_stack([Y, -10 * Y])
    )


@pytest.fixture(scope="session")
def logarithmic():
    """A model of logarithms; its targets are np.exp(Y)."""
    model = TwoLayerSoftmaxRegressor(n_hidden=3, target_transform="log", random_state=0)
    return model.fit(X, np.exp(Y))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
