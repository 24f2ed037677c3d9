import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._estimator.parameters import settings_of
from sksoftnewton._inference.run import Run
from sksoftnewton._inference.trainer import HOPELESS, ROUND, SCREENING, Trainer
from sksoftnewton._network import problem
from sksoftnewton._rows.data import ArrayData


def test_max_iter_leaves_iterations_for_all_rows():
    X, y = make_friedman1(6000, noise=1.0, random_state=0)
    for max_iter in (1, 2, 5):
        model = TwoLayerSoftmaxRegressor(
            8, alpha=1e-4, max_iter=max_iter, tol=1e-10, random_state=0
        )
        with pytest.warns(UserWarning, match="max_iter"):
            model.fit(X, y)
        assert model.n_iter_ <= max_iter
        assert model.history_["n_rows"][-1] == 6000
        assert model.loss_curve_[-1] == model.loss_


def test_the_search_in_float32_ends_where_float64_does(monkeypatch):
    X, y = make_friedman1(4000, noise=1.0, random_state=0)
    losses = []
    for single in (True, False):
        if not single:
            monkeypatch.setattr(problem, "single_precision", lambda *_: False)
        model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, tol=1e-8, random_state=0)
        losses.append(model.fit(X, y).loss_)
        assert model.status_ == "converged"
        assert model.loss_curve_[-1] == model.loss_
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_hopeless_candidates_are_given_up():
    X, y = make_friedman1(300, noise=0.1, random_state=0)
    part = problem.Problem(
        ArrayData(X, y[:, None], np.ones(300)),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    settings, _ = settings_of(TwoLayerSoftmaxRegressor(), 1)
    network = part.network(4, (1e-3, 1e-3))
    theta = part.random_start(network, np.random.default_rng(0))

    def trained(rival):
        trainer = Trainer(settings, 300, np.random.default_rng(0))
        return trainer.trained(Run(part, network, theta), rival)

    alone = trained(-np.inf)
    near, far = trained(alone.score + HOPELESS - 1), trained(alone.score + 1e6)
    assert near.score == alone.score > far.score
    # The second of several rounds cannot gain a fifth of so much.
    assert len(far.history) == SCREENING + ROUND < len(alone.history)


def test_the_end_in_float64_goes_on_where_float32_stopped():
    """With its pairs, its metric and what the rule has seen: a few more gradients."""
    X, y = make_friedman1(20_000, noise=1.0, random_state=0)
    model = TwoLayerSoftmaxRegressor(16, alpha=1e-4, random_state=0).fit(X, y)
    steps, rows = model.history_["n_cg"], model.history_["n_rows"]
    assert steps[-1] <= 2 < steps[-2] and rows[-2] == 20_000
    assert model.history_["sketch_size"][-1] == model.history_["sketch_size"][-2] > 0


def test_the_end_in_float64_may_have_more_coordinates():
    """Logits that float32 cannot tell apart from none."""
    X = (np.random.default_rng(0).normal(size=(100, 3)) + 1e3).astype(np.float32)
    params = {"penalty": "logits", "basis": "ramps", "alpha": 1e-3, "random_state": 0}
    exact, sketched = (
        TwoLayerSoftmaxRegressor(2, sketch=s, sketch_size=20, **params).fit(X, X[:, 0])
        for s in ("none", "uniform")
    )
    assert sketched.loss_ == pytest.approx(exact.loss_, rel=1e-3)
