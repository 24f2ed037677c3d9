import numpy as np
from numpy.testing import assert_allclose

from sksoftnewton._activations import get_activation
from sksoftnewton._inference.run import Run
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def test_score_prefers_neither_numbers_nor_sets_of_features():
    """Sets of one size share 1 / (D + 1); orderings of units cancel."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 6)), rng.normal(size=80)
    problem = Problem(
        ArrayData(X, y[:, None], np.ones(80)),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    some = problem.with_features(np.array([0, 1]))
    for part, n_sets in ((problem, 1), (some, 15)):
        network = part.network(3, (0.1, 0.1))
        theta = part.random_start(network, np.random.default_rng(0))
        run = Run(part, network, theta, network.value(theta)).with_posterior()
        prior = run.score - run.posterior.log_evidence()
        assert_allclose(prior, -np.log(6) - np.log(n_sets) - np.log(7))
