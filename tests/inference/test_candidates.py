import numpy as np
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor


def test_path_holds_every_width_and_start():
    X, y = make_friedman1(1500, noise=1.0, random_state=0)
    model = TwoLayerSoftmaxRegressor(
        basis="linear", target_transform="identity", random_state=0
    ).fit(X, y)
    path = model.width_path_
    assert {len(column) for column in path.values()} == {len(path["n_hidden"])}
    widths = np.unique(path["n_hidden"])
    assert_allclose(widths, 2 ** np.arange(len(widths)))
    assert model.n_hidden_ in widths
    started = path["start"] != "fewer features"
    for n_features in (10, 5):
        here = started & (path["n_features"] == n_features)
        for width in np.unique(path["n_hidden"][here]):
            assert path["kept"][here & (path["n_hidden"] == width)].sum() == 1
    assert set(path["start"]) == {"random", "split", "fewer features"}
    # P(k) ∝ 1/k!, and 1/11 for each number of features of which 252 sets have five.
    prior = {(1, 10): 1 / 11, (2, 10): 1 / 22, (4, 5): 1 / (24 * 11 * 252)}
    for (k, n_features), probability in prior.items():
        here = (path["n_hidden"] == k) & (path["n_features"] == n_features)
        assert here.any()
        assert_allclose(np.exp(path["log_prior"][here]), probability)
    kept = path["kept"] & (path["n_hidden"] == model.n_hidden_)
    best = path["log_evidence"][kept & (path["n_features"] == 5)].max()
    assert abs(best - model.log_evidence_) < 5
