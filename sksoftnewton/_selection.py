"""Regularisation, width and start chosen by the evidence.

A width is judged by log evidence + log P(k) with the Poisson(1) prior P(k) ∝ 1/k!
on the number of units (the usual prior for the number of components of a mixture).
The 1/k! cancels the k! equivalent orderings that the evidence counts: without it,
units that the data do not need would be rewarded for being exchangeable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import lgamma
from typing import Any

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
from sksoftnewton._problem import Layers, Problem
from sksoftnewton._regimes import NewtonSystems

Array = NDArray[np.float64]

FIRST_ALPHA = 1e-3
# Features per row from which the data count as few.
FEW = 0.1
# Iterations before several starts are compared, and between updates of alpha.
SCREENING, ROUND = 10, 3
LOOSE = 1e-2  # tol of those iterations
SETTLED = 0.05  # relative change of alpha that ends its updates
LARGEST_CHANGE = 10.0  # of alpha in one update
# Updates whose evidence is this much below the best are a runaway (noise → 0).
FALL, PATIENCE = 2.0, 3
ROUNDS = 30
SCREENED_STARTS = 3
# Rows on which starts, alpha and width are chosen; more rows only refine them.
SELECTION_ROWS = 10_000
# A difference of log evidence that decides between widths (odds of 20).
DECISIVE = 3.0
ALWAYS_TRIED = 4
# A width is affordable if its Gram matrices, some 70 of p²/4 multiply-adds a row, cost
# no more than a perceptron's 200 epochs of 3 products with 100 units. Below so many
# rows both are cheap.
GRAMS_PER_WIDTH = 70
PEER_WORK = 200 * 3 * 100
PEER_ROWS = 3000


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
    network : Network
    theta : ndarray, parameters
    value : float, F
    damping : float, λ to go on with
    status : str
    history : list of rows; ``passes`` in gradients over all rows of the data
    posterior : Laplace at θ, or None where it was not asked for
    finished : bool, trained to the user's tolerance
    """

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
        """Log posterior probability of the width, up to a constant."""
        assert self.posterior is not None
        prior = -lgamma(self.network.n_hidden + 1)
        return self.posterior.log_evidence() + prior

    def with_posterior(self) -> Run:
        if self.posterior is not None:
            return self
        return replace(self, posterior=laplace(self.network, self.theta, self.value))


class Search:
    """Trains networks on one problem and keeps the best.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    rng : numpy.random.Generator

    Attributes
    ----------
    path : list of dict, one row per width and start
    """

    def __init__(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.rng = rng
        self.path: list[Row] = []
        self._all_rows = problem

    def best(self) -> Run:
        """The best network from random starts."""
        n = self.problem.rows.n_rows
        if n > SELECTION_ROWS and self._chooses and self.settings.max_iter > SCREENING:
            self.problem = self._all_rows.sample(SELECTION_ROWS, self.rng)
        k = self.settings.n_hidden
        run = self._best_width() if k is None else self._best_start(k, None)
        if self.problem is not self._all_rows:
            self.problem = self._all_rows
            run = self._trained(self._moved(run))
        return self._finished(run)

    def best_from(self, layers: Layers, alpha: Array) -> Run:
        """The network reached from given layers (a warm start)."""
        began = time.perf_counter()
        first, second = self.settings.alpha or alpha
        k = len(layers.hidden_coef)
        network = self.problem.network(k, (float(first), float(second)))
        theta = self.problem.start_from(network, layers)
        run = self._finished(self._trained(Run(network, theta)))
        self._record(run, "warm", time.perf_counter() - began, True)
        return run

    @property
    def _chooses(self) -> bool:
        s = self.settings
        return any(value is None for value in (s.n_hidden, s.alpha, s.n_init))

    # -- widths -------------------------------------------------------------------

    def _best_width(self) -> Run:
        best = run = self._best_start(1, None)
        for k in self._widths():
            run = self._best_start(k, run)
            if run.score > best.score + DECISIVE:
                best = run
            elif k >= ALWAYS_TRIED and run.score < best.score - DECISIVE:
                break
            elif k >= 4 * max(best.network.n_hidden, 2):
                break
        return best

    def _widths(self) -> Iterator[int]:
        """2, 4, 8, … as long as there are data for them and work is moderate."""
        k = 2
        while k <= ALWAYS_TRIED or self._affordable(k):
            yield k
            k *= 2

    def _affordable(self, k: int) -> bool:
        network = self.problem.network(k, (1.0, 1.0))
        rows = network.rows
        n_observations = rows.total_weight * rows.n_outputs
        work = GRAMS_PER_WIDTH * network.n_params**2 / 4 * rows.n_rows
        n_all = max(self._all_rows.rows.n_rows, PEER_ROWS)
        limit = PEER_WORK * (rows.n_features + 1) * n_all
        return bool(network.n_params <= n_observations and work <= limit)

    # -- starts -------------------------------------------------------------------

    def _best_start(self, k: int, narrower: Run | None) -> Run:
        """The best network of k units, from random starts and from a narrower one."""
        settings = self.settings
        starts = list(self._starts(k, narrower))
        if len(starts) > 1 and settings.n_init is None:
            return self._screened(starts)
        runs = []
        for kind, run in starts:
            began = time.perf_counter()
            run = self._trained(run).with_posterior()
            runs.append((kind, run, time.perf_counter() - began))
        return self._kept(runs)

    def _starts(self, k: int, narrower: Run | None) -> Iterator[tuple[str, Run]]:
        settings, problem = self.settings, self.problem
        if narrower is not None and narrower.network.n_hidden > 1:
            network = problem.network(k, settings.alpha or narrower.network.alpha)
            theta = problem.split_start(
                network, narrower.network, narrower.theta, self.rng
            )
            yield "split", Run(network, theta)
            alphas = [network.alpha]
        else:
            alphas = self._first_alphas() if k > 1 else self._first_alphas()[:1]
        n_random = settings.n_init
        if n_random is None:
            given = settings.n_hidden is not None
            plain = given and settings.alpha is not None
            several = not plain and (given or k <= ALWAYS_TRIED)
            n_random = SCREENED_STARTS if several else 1
        for i in range(n_random if k > 1 else 1):
            network = problem.network(k, alphas[i % len(alphas)])
            yield "random", Run(network, problem.random_start(network, self.rng))

    def _first_alphas(self) -> list[tuple[float, float]]:
        """Penalties to start from: a weak one, and where data are few a strong one.

        The strong one is that of the prior which random starts are drawn from, of
        precision D, under a noise as large as the targets: D/Σω. It leads to smooth
        solutions where the weak one leads to interpolation.
        """
        if self.settings.alpha is not None:
            return [self.settings.alpha]
        strong = (self.problem.n_features + 1) / self.problem.rows.total_weight
        alphas = [(FIRST_ALPHA, FIRST_ALPHA)]
        return alphas + [(strong, FIRST_ALPHA)] if strong > FEW else alphas

    def _screened(self, starts: list[tuple[str, Run]]) -> Run:
        """Go on with the start that is best after a few iterations."""
        screened = []
        for kind, run in starts:
            began = time.perf_counter()
            run = self._advanced(run, small_decrease(LOOSE), SCREENING)
            screened.append((kind, run.with_posterior(), time.perf_counter() - began))
        first = self._kept(screened)
        began = time.perf_counter()
        run = self._trained(first).with_posterior()
        row = next(row for row in reversed(self.path) if row["kept"])
        row.update(_summary(run), time=row["time"] + time.perf_counter() - began)
        return run

    def _kept(self, runs: list[tuple[str, Run, float]]) -> Run:
        """The best of several runs of one width: by F at one alpha, else evidence."""
        same_alpha = len({run.network.alpha for _, run, _ in runs}) == 1
        best = max(runs, key=lambda r: -r[1].value if same_alpha else r[1].score)
        for kind, run, seconds in runs:
            self._record(run, kind, seconds, run is best[1])
        return best[1]

    def _record(self, run: Run, kind: str, seconds: float, kept: bool) -> None:
        self.path.append(
            {
                "n_hidden": run.network.n_hidden,
                "start": kind,
                **_summary(run),
                "time": seconds,
                "kept": kept,
            }
        )

    # -- stages of the training of one network ------------------------------------

    def _trained(self, run: Run) -> Run:
        """Far enough to be compared with other networks."""
        if self.settings.alpha is None:
            return self._settled(run)
        return self._finished(run)

    def _settled(self, run: Run) -> Run:
        """Alternate a few iterations with updates of alpha until it settles."""
        best: Run | None = None
        falls = 0
        for number in range(ROUNDS):
            iterations = ROUND if run.history else SCREENING
            if number or not run.history:
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
            run = self._moved(run, alpha)
        return run

    def _updated_alpha(self, run: Run) -> tuple[tuple[float, float], float]:
        """The next penalties, and their largest relative change."""
        assert run.posterior is not None
        old = np.array(run.network.alpha)
        proposed = run.posterior.updated_alpha(self.problem.output_precision)
        new = np.clip(proposed, old / LARGEST_CHANGE, old * LARGEST_CHANGE)
        learned = 2 if run.network.output_weights is None else 1
        change = np.abs(np.log(new / old))[:learned].max()
        return (float(new[0]), float(new[1])), float(change)

    def _finished(self, run: Run) -> Run:
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
        reserved = 1 if self.problem is not self._all_rows else 0
        return max(self.settings.max_iter - reserved - len(run.history), 0)

    def _moved(self, run: Run, alpha: tuple[float, float] | None = None) -> Run:
        """The run on the current problem, with the given or an equivalent alpha."""
        if alpha is None:
            alpha = run.network.alpha
            if self.settings.alpha is None:  # equal precisions on other rows
                ratio = run.network.rows.total_weight / self.problem.rows.total_weight
                alpha = (alpha[0] * ratio, alpha[1] * ratio)
        network = self.problem.network(run.network.n_hidden, alpha)
        damping = float(np.clip(run.damping, 1e-8, 1.0))
        return replace(
            run,
            network=network,
            value=network.value(run.theta),
            damping=damping,
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
        share = network.rows.n_rows / self._all_rows.rows.n_rows
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
            network,
            solution.point.theta,
            solution.point.value,
            solution.damping,
            solution.status,
            run.history + history,
        )


def _summary(run: Run) -> dict[str, Any]:
    assert run.posterior is not None
    return {
        "log_evidence": run.posterior.log_evidence(),
        "effective_dof": run.posterior.dof,
        "loss": run.value,
    }
