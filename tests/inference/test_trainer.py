import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import get_activation
from sksoftnewton._inference.run import Settings
from sksoftnewton._inference.starts import Starts
from sksoftnewton._inference.trainer import HOPELESS, Trainer
from sksoftnewton._network import problem
from sksoftnewton._network.regimes import Sketch


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


def test_a_candidate_without_hope_is_given_up():
    X, y = make_friedman1(400, noise=1.0, random_state=0)
    rng = np.random.default_rng(0)
    whole = problem.Problem(
        X,
        y[:, None],
        np.ones(len(y)),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    settings = Settings(
        n_hidden=None, alpha=None, n_init=None, sketch=Sketch(), tol=1e-4, max_iter=200
    )
    trainer = Trainer(settings, len(y), rng)
    start = Starts(trainer, rng).random(whole, 4, (1e-3, 1e-3))
    trained = trainer.trained(start)
    near = trainer.trained(start, rival=trained.score + HOPELESS / 2)
    far = trainer.trained(start, rival=trained.score + 1000 * HOPELESS)
    assert near.score == trained.score
    assert far.score < trained.score
    assert len(far.history) < len(trained.history)
