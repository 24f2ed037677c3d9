"""A network in training, and what its user asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.evidence import Laplace, has_evidence, laplace
from sksoftnewton._inference.monitor import Monitor
from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem
from sksoftnewton._network.regimes import Sketch
from sksoftnewton._solver.newton import FIRST_DAMPING, MAX_ITER, Row

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What the user asked for; None stands for "auto".

    Attributes
    ----------
    n_hidden : int or None
    alpha : (float, float) or None
    n_init : int or None
    sketch : Sketch
    tol, max_iter : float, int
    basis, target_transform, noise : str, as the estimator's
    monitor : Monitor
    """

    n_hidden: int | None
    alpha: tuple[float, float] | None
    n_init: int | None
    sketch: Sketch
    tol: float
    max_iter: int
    basis: str = "auto"
    target_transform: str = "auto"
    noise: str = "auto"
    monitor: Monitor = field(default_factory=Monitor)


@dataclass(frozen=True)
class Run:
    """A network in training.

    Attributes
    ----------
    problem : Problem
    network : Network on the rows of the problem
    theta : ndarray, parameters
    value : float, F
    damping : float, λ to go on with
    status : str
    history : list of rows; ``passes`` in gradients over all rows of the data
    before : (float, float), passes and seconds spent before the history
    posterior : Laplace at θ, or None where it was not asked for or is too large
    settled : bool, alpha needs no more updates
    finished : bool, trained to the user's tolerance
    """

    problem: Problem
    network: Network
    theta: Array
    value: float = np.inf
    damping: float = FIRST_DAMPING
    status: str = MAX_ITER
    history: tuple[Row, ...] = ()
    before: tuple[float, float] = (0.0, 0.0)
    posterior: Laplace | None = None
    settled: bool = False
    finished: bool = False

    @property
    def score(self) -> float:
        """Log posterior probability of width and features, up to a constant."""
        assert self.posterior is not None
        return self.log_evidence + self.log_prior

    @property
    def log_evidence(self) -> float:
        """Of the standardised targets, also where the network has their logarithms."""
        assert self.posterior is not None
        rows = self.problem.rows
        jacobian = self.problem.units.log_jacobian(rows.targets, rows.weight)
        return self.posterior.log_evidence() + jacobian

    @property
    def log_prior(self) -> float:
        """Log prior probability of width and features, up to a constant.

        The prior of the width is Poisson(1), P(k) ∝ 1/k! (the usual one for the
        number of components of a mixture): the 1/k! cancels the k! equivalent
        orderings that the evidence counts, without which units that the data do not
        need would be rewarded for being exchangeable. The prior of the set of
        features gives all numbers of features, and all sets of one number, the same
        probability, so that many candidates do not make a chance find likely (Scott
        & Berger 2010). One unit is a constant and uses none.
        """
        k = self.network.n_hidden
        D = self.problem.n_features_in
        used = self.problem.n_features if k > 1 else 0
        n_sets = lgamma(D + 1) - lgamma(used + 1) - lgamma(D - used + 1)
        return -lgamma(k + 1) - n_sets - log(D + 1)

    @property
    def spent(self) -> tuple[float, float]:
        """Passes and seconds up to now."""
        if not self.history:
            return self.before
        return self.history[-1]["passes"], self.history[-1]["time"]

    def with_posterior(self, *, coarse: bool = False) -> Run:
        """With the posterior at θ, if float32 is too ``coarse`` for it in float64."""
        if self.posterior is not None or not has_evidence(self.network):
            return self
        run = self.with_value()
        posterior = laplace(run.network, run.theta, run.value, coarse=coarse)
        return replace(run, posterior=posterior)

    def with_value(self) -> Run:
        """With F at θ, which is not known after a move to another problem."""
        if np.isfinite(self.value):
            return self
        return replace(self, value=self.network.value(self.theta))
