"""The training of one network: stages of Newton iterations and updates of alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._evidence import Laplace, laplace
from sksoftnewton._network import Network
from sksoftnewton._newton import (
    CONVERGED,
    FIRST_DAMPING,
    MAX_ITER,
    STOPPED,
    ConvergenceRule,
    Point,
    Row,
    minimize,
    small_decrease,
)
from sksoftnewton._problem import Problem
from sksoftnewton._regimes import NewtonSystems

Array = NDArray[np.float64]

# Iterations before starts are compared, and between updates of alpha.
SCREENING, ROUND = 10, 3
LOOSE = 1e-2  # tol of those iterations
SETTLED = 0.05  # relative change of alpha that ends its updates
LARGEST_CHANGE = 10.0  # of alpha in one update
# Updates whose evidence is this much below the best are a runaway (noise → 0).
FALL, PATIENCE = 2.0, 3
ROUNDS = 30


@dataclass(frozen=True)
class Settings:
    """What the user asked for; None stands for "auto".

    Attributes
    ----------
    n_hidden : int or None
    alpha : (float, float) or None
    n_init : int or None
    tol, max_iter : float, int
    announce : callable (str) -> callback or None
        Called with the title of every stage of the training.
    """

    n_hidden: int | None
    alpha: tuple[float, float] | None
    n_init: int | None
    tol: float
    max_iter: int
    announce: Callable[[str], Callable[[Point, Row], bool] | None]


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
    posterior : Laplace at θ, or None where it was not asked for
    finished : bool, trained to the user's tolerance
    """

    problem: Problem
    network: Network
    theta: Array
    value: float = np.inf
    damping: float = FIRST_DAMPING
    status: str = MAX_ITER
    history: tuple[Row, ...] = ()
    posterior: Laplace | None = None
    finished: bool = False

    @property
    def score(self) -> float:
        """Log posterior probability of width and features, up to a constant.

        The prior of the width is Poisson(1), P(k) ∝ 1/k! (the usual one for the
        number of components of a mixture): the 1/k! cancels the k! equivalent
        orderings that the evidence counts, without which units that the data do not
        need would be rewarded for being exchangeable. The prior of the set of
        features gives all numbers of features, and all sets of one number, the same
        probability, so that many candidates do not make a chance find likely (Scott
        & Berger 2010). One unit is a constant and uses none.
        """
        assert self.posterior is not None
        k = self.network.n_hidden
        D = self.problem.n_features_in
        used = self.problem.n_features if k > 1 else 0
        n_sets = lgamma(D + 1) - lgamma(used + 1) - lgamma(D - used + 1)
        prior = -lgamma(k + 1) - n_sets - log(D + 1)
        return self.posterior.log_evidence() + prior

    def with_posterior(self) -> Run:
        if self.posterior is not None:
            return self
        return replace(self, posterior=laplace(self.network, self.theta, self.value))


class Trainer:
    """Takes a network through the stages of its training.

    Parameters
    ----------
    settings : Settings
    n_rows : int, rows of the data; a problem with fewer is a sample of them
    """

    def __init__(self, settings: Settings, n_rows: int) -> None:
        self.settings = settings
        self.n_rows = n_rows

    def screened(self, run: Run) -> Run:
        """After the few iterations that tell good starts from bad."""
        return self._advanced(run, small_decrease(LOOSE), SCREENING).with_posterior()

    def trained(self, run: Run) -> Run:
        """Far enough to be compared with other networks."""
        if self.settings.alpha is None:
            return self._settled(run)
        return self.finished(run)

    def _settled(self, run: Run) -> Run:
        """Alternate a few iterations with updates of alpha until it settles."""
        best: Run | None = None
        falls = 0
        for number in range(ROUNDS):
            iterations = ROUND if run.history else SCREENING
            if number or run.posterior is None:
                run = self._advanced(run, small_decrease(LOOSE), iterations)
            run = run.with_posterior()
            if best is None or run.score > best.score:
                best = run
            falls = falls + 1 if run.score < best.score - FALL else 0
            if falls == PATIENCE or run.status == STOPPED:
                return best
            alpha, change = self._updated_alpha(run)
            settled = change < SETTLED and run.status == CONVERGED
            if settled or not self._iterations_left(run):
                return run
            run = self.moved(run, alpha=alpha)
        return run

    def _updated_alpha(self, run: Run) -> tuple[tuple[float, float], float]:
        """The next penalties, and their largest relative change."""
        assert run.posterior is not None
        old = np.array(run.network.alpha)
        proposed = run.posterior.updated_alpha(run.problem.output_precision)
        new = np.clip(proposed, old / LARGEST_CHANGE, old * LARGEST_CHANGE)
        learned = 2 if run.network.output_weights is None else 1
        change = np.abs(np.log(new / old))[:learned].max()
        return (float(new[0]), float(new[1])), float(change)

    def finished(self, run: Run) -> Run:
        """Converge to the user's tolerance at the alpha reached."""
        if run.status == STOPPED or run.finished:
            return run
        left = self._iterations_left(run)
        if left:
            rule = small_decrease(self.settings.tol)
            run = self._advanced(run, rule, left)
        else:
            run = replace(run, status=MAX_ITER)
        return replace(run.with_posterior(), finished=True)

    def _iterations_left(self, run: Run) -> int:
        reserved = 1 if run.network.rows.n_rows < self.n_rows else 0
        return max(self.settings.max_iter - reserved - len(run.history), 0)

    def moved(
        self,
        run: Run,
        problem: Problem | None = None,
        alpha: tuple[float, float] | None = None,
    ) -> Run:
        """The run with another alpha, or on another problem with an equivalent one."""
        problem = problem or run.problem
        if alpha is None:
            alpha = run.network.alpha
            if self.settings.alpha is None:  # equal precisions on other rows
                ratio = run.network.rows.total_weight / problem.rows.total_weight
                alpha = (alpha[0] * ratio, alpha[1] * ratio)
        network = problem.network(run.network.n_hidden, alpha)
        theta = run.theta
        if problem is not run.problem:
            theta = problem.start_from_other(network, run.problem, run.network, theta)
        return replace(
            run,
            problem=problem,
            network=network,
            theta=theta,
            value=network.value(theta),
            damping=float(np.clip(run.damping, 1e-8, 1.0)),
            posterior=None,
            finished=False,
        )

    def _advanced(self, run: Run, rule: ConvergenceRule, iterations: int) -> Run:
        """After at most so many more iterations at the same alpha."""
        network = run.network
        title = f"{network.n_hidden} units, alpha {network.alpha[0]:.2e}"
        iterations = min(iterations, self._iterations_left(run))
        if not iterations:
            return run
        solution = minimize(
            network,
            run.theta,
            NewtonSystems(network),
            converged=rule,
            max_iter=iterations,
            n_rows=network.rows.n_rows,
            damping=run.damping,
            callback=self.settings.announce(title),
        )
        share = network.rows.n_rows / self.n_rows
        before = run.history[-1] if run.history else {"passes": 0.0, "time": 0.0}
        history = tuple(
            {
                **row,
                "passes": before["passes"] + share * row["passes"],
                "time": before["time"] + row["time"],
            }
            for row in solution.history
        )
        return Run(
            run.problem,
            network,
            solution.point.theta,
            solution.point.value,
            solution.damping,
            solution.status,
            run.history + history,
        )
