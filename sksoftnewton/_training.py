"""The training of one network: stages of Newton iterations and updates of alpha."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._evidence import LEAST_NOISE, Laplace, has_evidence, laplace
from sksoftnewton._monitor import Monitor, Stopped
from sksoftnewton._network import Network
from sksoftnewton._newton import (
    CONVERGED,
    FIRST_DAMPING,
    MAX_ITER,
    STOPPED,
    Row,
    minimize,
    small_decrease,
)
from sksoftnewton._problem import Problem
from sksoftnewton._regimes import (
    FIRST_SAMPLE,
    FIRST_WIDE_SAMPLE,
    MATRIX_FREE,
    SKETCHED,
    NewtonSystems,
    Sketch,
    regime,
)

Array = NDArray[np.float64]

# Iterations before starts are compared, and between updates of alpha.
SCREENING, ROUND = 10, 3
LOOSE = 1e-2  # tol of those iterations
# Samples grow by this factor; tol and most iterations on the first of them.
GROWTH, LOOSEST, SAMPLE_ITERATIONS = 4, 1.0, 30
# Widths beyond this one are grown from it. With so many rows a parameter it is the
# best of so many starts.
WIDE = 8
ROWS_FOR_SEVERAL, SEVERAL = 100, 4
SETTLED = 0.05  # relative change of alpha that ends its updates
LARGEST_CHANGE = 10.0  # of alpha in one update
# Updates whose evidence is this much below the best are a runaway (noise → 0).
FALL, PATIENCE = 2.0, 3
ROUNDS = 30
NEGLIGIBLE = 1e-3  # decrease of F as a share of the least noise variance
ENOUGH = 0.1  # change of log evidence in a round that ends the training of a candidate


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
    monitor : Monitor
    """

    n_hidden: int | None
    alpha: tuple[float, float] | None
    n_init: int | None
    sketch: Sketch
    tol: float
    max_iter: int
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
        return self.posterior.log_evidence() + self.log_prior

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

    def with_posterior(self) -> Run:
        if self.posterior is not None or not has_evidence(self.network):
            return self
        run = self.with_value()
        return replace(run, posterior=laplace(run.network, run.theta, run.value))

    def with_value(self) -> Run:
        """With F at θ, which is not known after a move to another problem."""
        if np.isfinite(self.value):
            return self
        return replace(self, value=self.network.value(self.theta))


class Trainer:
    """Takes a network through the stages of its training.

    Parameters
    ----------
    settings : Settings
    n_rows : int, rows of the data; a problem with fewer is a sample of them
    rng : numpy.random.Generator
    """

    def __init__(
        self, settings: Settings, n_rows: int, rng: np.random.Generator
    ) -> None:
        self.settings = settings
        self.n_rows = n_rows
        self.rng = rng

    def first_sample(self, problem: Problem, k: int) -> Problem:
        """Enough rows to tell starts of k units apart; all of a small problem."""
        network = problem.network(k, (1.0, 1.0))
        size = {
            SKETCHED: FIRST_SAMPLE * network.n_params,
            MATRIX_FREE: FIRST_WIDE_SAMPLE,
        }.get(regime(network, self._sketch(network)), problem.rows.n_rows)
        enough = size > problem.rows.n_rows / 2
        return problem if enough else problem.sample(size, self.rng)

    def grows(self, problem: Problem, k: int) -> bool:
        """Whether starts of k units are grown; given second layers cannot be divided.

        Nor is it worth while where every width is trained on all rows.
        """
        sampled = self.first_sample(problem, k) is not problem
        return k > WIDE and problem.output_weights is None and sampled

    def grown_start(self, problem: Problem, k: int, alpha: tuple[float, float]) -> Run:
        """A start for a given width; wide ones are narrower ones, divided.

        Each width is trained shortly, on a sample of rows in proportion to its
        parameters, so that the whole costs less than the first iterations of a random
        start, and ends in better minima more often. Where rows are so many that it
        costs next to nothing, the narrowest is the best of several.
        """
        width = WIDE if self.grows(problem, k) else k
        part = self.first_sample(problem, width)
        cheap = ROWS_FOR_SEVERAL * problem.network(k, alpha).n_params
        sampled = part is not problem and problem.rows.n_rows >= cheap
        n_starts = SEVERAL if sampled and width > 1 else 1
        starts = [self.random_start(part, width, alpha) for _ in range(n_starts)]
        if width < k or n_starts > 1:
            starts = [self._advanced(run, LOOSEST, SCREENING) for run in starts]
        best = min(starts, key=lambda run: run.value)
        if n_starts > 1:
            passes, seconds = np.sum([run.spent for run in starts], axis=0)
            best = replace(best, history=(), before=(float(passes), float(seconds)))
        while width < k:
            width = min(2 * width, k)
            part = self.first_sample(problem, width)
            best = replace(self.divided(best, part, width, alpha), before=best.spent)
            if width < k:
                best = self._advanced(best, LOOSEST, SCREENING)
        return best

    def random_start(self, problem: Problem, k: int, alpha: tuple[float, float]) -> Run:
        network = problem.network(k, alpha)
        return Run(problem, network, problem.random_start(network, self.rng))

    def divided(
        self, run: Run, problem: Problem, k: int, alpha: tuple[float, float]
    ) -> Run:
        """A start of k units from a narrower run."""
        network = problem.network(k, alpha)
        theta = problem.split_start(network, run.network, run.theta, self.rng)
        return Run(problem, network, theta)

    def on_growing_samples(self, run: Run, problem: Problem) -> Run:
        """The run on all rows of a problem, by way of growing samples of them.

        The early iterations, far from the minimum, need few rows. Each sample is
        left when the next step promises less than its own statistical error.
        """
        if run.problem is problem:
            return run
        n, size = problem.rows.n_rows, run.problem.rows.n_rows
        first = size
        largest = min(n / 2, problem.rows.few_enough)
        if problem.n_features > size:  # larger samples would be no cheaper than all
            largest = 0
        while True:
            tol = max(self.settings.tol, LOOSEST * first / size)
            run = self._advanced(run, tol, SAMPLE_ITERATIONS)
            size *= GROWTH
            if size > largest:
                return self.moved(run, problem)
            run = self.moved(run, problem.sample(size, self.rng))

    def alpha_on(self, problem: Problem, run: Run) -> tuple[float, float]:
        """The run's penalties, or for "auto" those of equal precisions."""
        first, second = run.network.alpha
        if self.settings.alpha is not None:
            return first, second
        ratio = run.network.rows.total_weight / problem.rows.total_weight
        return first * ratio, second * ratio

    def with_posterior(self, run: Run) -> Run:
        """The run with its posterior, whose cost goes on the account of its history."""
        began = time.perf_counter()
        judged = run.with_posterior()
        if judged is run or judged.posterior is None or not run.history:
            return judged
        network = run.network
        share = network.rows.n_rows / self.n_rows
        last = dict(run.history[-1])
        last["passes"] += share * judged.posterior.work / network.gradient_work
        last["time"] += time.perf_counter() - began
        return replace(judged, history=(*run.history[:-1], last))

    def stopped(self, run: Run, problem: Problem) -> Run:
        """A run that was stopped early, as a result for all rows of a problem."""
        k = self.settings.n_hidden or run.network.n_hidden
        while run.network.n_hidden < k:  # a start that was still growing
            width = min(2 * run.network.n_hidden, k)
            wider = self.divided(run, run.problem, width, run.network.alpha)
            run = replace(wider, history=run.history)
        run = self.on_all_rows(run, problem)
        return replace(self.with_posterior(run.with_value()), status=STOPPED)

    def on_all_rows(self, run: Run, problem: Problem) -> Run:
        """The run on all rows of a problem that its own is a sample of."""
        if run.problem.rows.n_rows == problem.rows.n_rows:
            return run
        return self.moved(run, problem.with_features(run.problem.used))

    def screened(self, run: Run) -> Run:
        """After the few iterations that tell good starts from bad."""
        return self.with_posterior(self._advanced(run, LOOSE, SCREENING))

    def trained(self, run: Run) -> Run:
        """Far enough to be compared with other networks, with its posterior."""
        if self.settings.alpha is None:
            return self.settled(run, enough=ENOUGH)
        return self.finished(run)

    def settled(self, run: Run, enough: float = 0.0) -> Run:
        """Alternate a few iterations with updates of alpha until it settles.

        Or until a round changes the score by less than ``enough``.
        """
        if run.settled:
            return run
        best: Run | None = None
        falls, score = 0, -np.inf
        for number in range(ROUNDS):
            if number or run.posterior is None:
                iterations = ROUND if run.history else SCREENING
                run = self._advanced(run, LOOSE, iterations)
            run = self.with_posterior(run)
            if best is None or run.score > best.score:
                best = run
            falls = falls + 1 if run.score < best.score - FALL else 0
            if falls == PATIENCE:
                return replace(best, settled=True)
            alpha, change = self._updated_alpha(run)
            if change < SETTLED and run.status == CONVERGED:
                return replace(run, settled=True)
            if abs(run.score - score) < enough or not self._iterations_left(run):
                return run
            score = run.score
            run = self.moved(run, alpha=alpha)
        return replace(self.with_posterior(run), settled=True)

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
        if run.finished:
            return run
        left = self._iterations_left(run)
        if left:
            run = self._advanced(run, self.settings.tol, left)
            double = run.problem.double()
            if double is not run.problem:
                run = self.moved(run, double)
                left = max(self._iterations_left(run), 1)
                run = self._advanced(run, self.settings.tol, left)
        else:
            run = replace(run.with_value(), status=MAX_ITER)
        return replace(self.with_posterior(run.with_value()), finished=True)

    def _iterations_left(self, run: Run) -> int:
        limit = self.settings.max_iter
        if run.network.rows.n_rows < self.n_rows:  # half is kept for all rows
            limit //= 2
        return max(limit - len(run.history), 0)

    def moved(
        self,
        run: Run,
        problem: Problem | None = None,
        alpha: tuple[float, float] | None = None,
    ) -> Run:
        """The run with another alpha, or on another problem with an equivalent one."""
        problem = problem or run.problem
        alpha = alpha or self.alpha_on(problem, run)
        theta = run.theta
        if problem is run.problem:
            network = run.network.with_alpha(alpha)
        else:
            network = problem.network(run.network.n_hidden, alpha)
            theta = problem.start_from_other(network, run.problem, run.network, theta)
        return replace(
            run,
            problem=problem,
            network=network,
            theta=theta,
            value=np.inf,
            damping=float(np.clip(run.damping, 1e-8, 1.0)),
            posterior=None,
            settled=False,
            finished=False,
        )

    def _advanced(self, run: Run, tol: float, iterations: int) -> Run:
        """After at most so many more iterations at the same alpha.

        For alpha="auto" decreases far below the least noise variance do not count.
        """
        network = run.network
        negligible = 0.0
        if self.settings.alpha is None:
            negligible = NEGLIGIBLE * LEAST_NOISE * network.rows.mean_square
        monitor = self.settings.monitor
        if monitor.stopped:
            raise Stopped(run)
        iterations = min(iterations, self._iterations_left(run))
        if not iterations:
            return run.with_value()
        monitor.stage(run.problem, network)
        solution = minimize(
            network,
            run.theta,
            NewtonSystems(network, self._sketch(network), self.rng),
            converged=small_decrease(tol, negligible),
            max_iter=iterations,
            n_rows=network.rows.n_rows,
            damping=run.damping,
            before=monitor.before,
            callback=monitor.after,
        )
        share = network.rows.n_rows / self.n_rows
        passes, seconds = run.spent
        history = tuple(
            {
                **row,
                "passes": passes + share * row["passes"],
                "time": seconds + row["time"],
            }
            for row in solution.history
        )
        advanced = Run(
            run.problem,
            network,
            solution.point.theta,
            solution.point.value,
            solution.damping,
            solution.status,
            run.history + history,
            run.before,
        )
        if solution.status == STOPPED:
            raise Stopped(advanced)
        return advanced

    def _sketch(self, network: Network) -> Sketch:
        """For samples the cost alone decides, also where problems are small."""
        sketch = self.settings.sketch
        sample = network.rows.n_rows < self.n_rows
        return replace(sketch, small=0) if sample else sketch
