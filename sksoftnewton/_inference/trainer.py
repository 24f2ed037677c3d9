"""The training of one network: stages of Newton iterations and updates of alpha."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from sksoftnewton._inference.evidence import LEAST_NOISE
from sksoftnewton._inference.monitor import Stopped
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem
from sksoftnewton._network.regimes import CHEAP_GRADIENTS, NewtonSystems, Sketch
from sksoftnewton._solver.newton import CONVERGED, MAX_ITER, STOPPED, Row, minimize
from sksoftnewton._solver.points import ConvergenceRule, Point
from sksoftnewton._solver.rules import small_decrease

# Iterations before starts are compared, and between updates of alpha.
SCREENING, ROUND = 10, 3
LOOSE = 1e-2  # tol of those iterations
SETTLED = 0.05  # relative change of alpha that ends its updates
LARGEST_CHANGE = 10.0  # of alpha in one update
# Updates whose evidence is this much below the best are a runaway (noise → 0).
FALL, PATIENCE = 2.0, 3
ROUNDS = 30
NEGLIGIBLE = 1e-3  # decrease of F as a share of the least noise variance
ENOUGH = 0.1  # change of log evidence in a round that ends the training of a candidate
# A candidate this far behind a rival is given up when a round gains less than so much
# of the gap.
HOPELESS, HOPE = 10.0, 0.2


@dataclass(frozen=True)
class Stage:
    """Iterations at one alpha: when they end, and what makes their systems."""

    converged: ConvergenceRule
    systems: NewtonSystems


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
        self._coarse = 0.0  # the largest α₁ for which float32 was too coarse

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
        network = run.network
        judged = run.with_posterior(coarse=network.alpha[0] <= self._coarse)
        if judged is run or judged.posterior is None:
            return judged
        if judged.posterior.coarse:
            self._coarse = max(self._coarse, network.alpha[0])
        if not run.history:
            return judged
        share = network.rows.n_rows / self.n_rows
        last = dict(run.history[-1])
        last["passes"] += share * judged.posterior.work / network.gradient_work
        last["rounds"] = run.problem.rounds
        last["time"] += time.perf_counter() - began
        return replace(judged, history=(*run.history[:-1], last))

    def stopped(self, run: Run) -> Run:
        """A run that was stopped early, as a result."""
        run = self.in_double(run)
        return replace(self.with_posterior(run.with_value()), status=STOPPED)

    def on_all_rows(self, run: Run, problem: Problem) -> Run:
        """The run on all rows of a problem that its own is a sample of."""
        if run.problem.rows.n_rows == problem.rows.n_rows:
            return run
        return self.moved(run, problem.like(run.problem))

    def screened(self, run: Run) -> Run:
        """After the few iterations that tell good starts from bad."""
        return self.with_posterior(self.advanced(run, self.stage(run), SCREENING))

    def trained(self, run: Run, rival: float = -np.inf) -> Run:
        """Far enough to be compared with other networks, with its posterior."""
        if self.settings.alpha is None:
            return self.settled(run, enough=ENOUGH, rival=rival)
        return self.finished(run)

    def settled(self, run: Run, enough: float = 0.0, rival: float = -np.inf) -> Run:
        """Alternate a few iterations with updates of alpha until it settles.

        Or until a round changes the score by less than ``enough``, or leaves no hope
        to reach that of a rival.
        """
        if run.settled:
            return run
        best: Run | None = None
        falls, score = 0, -np.inf
        for number in range(ROUNDS):
            if number or run.posterior is None:
                iterations = ROUND if run.history else SCREENING
                run = self.advanced(run, self.stage(run), iterations)
            run = self.with_posterior(run)
            if best is None or run.score > best.score:
                best = run
            falls = falls + 1 if run.score < best.score - FALL else 0
            if falls == PATIENCE:
                return replace(best, settled=True)
            alpha, change = self._updated_alpha(run)
            if change < SETTLED and run.status == CONVERGED:
                return replace(run, settled=True)
            gained, gap = run.score - score, rival - run.score
            hopeless = gap > HOPELESS and gained < HOPE * gap
            enough_known = abs(gained) < enough or hopeless
            if enough_known or not self._iterations_left(run):
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
        """Converge to the user's tolerance at the alpha reached, at last in float64."""
        if run.finished:
            return run
        left, stage = self._iterations_left(run), self._last_stage(run)
        if run.problem.rows.double is not run.problem.rows:
            if left > 1:  # one is kept for the end in float64
                run = self.advanced(run, stage, left - 1)
            run = self.in_double(run)
            left = self._iterations_left(run)
            if run.problem.whitening is None:
                stage.systems.go_on_with(run.network)
            else:  # its coordinates, and perhaps their number, are others in float64
                stage = self._last_stage(run)
        if left:
            run = self.advanced(run, stage, left)
        else:
            run = replace(run.with_value(), status=MAX_ITER)
        return replace(self.with_posterior(run.with_value()), finished=True)

    def converged(self, run: Run) -> Run:
        """Converged to the user's tolerance on a sample, as far as iterations allow."""
        return self.advanced(run, self._last_stage(run), self._iterations_left(run))

    def in_double(self, run: Run) -> Run:
        """The run with its problem in float64."""
        double = run.problem.double()
        return run if double is run.problem else self.moved(run, double)

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

    def stage(self, run: Run, tol: float = LOOSE) -> Stage:
        """Iterations at the same alpha until the model promises little more."""
        return self._stage(run, small_decrease(tol, self._negligible(run)))

    def _last_stage(self, run: Run) -> Stage:
        tol = self.settings.tol
        return self._stage(run, small_decrease(tol, self._negligible(run), last=True))

    def _stage(self, run: Run, rule: ConvergenceRule) -> Stage:
        network = run.network
        return Stage(rule, NewtonSystems(network, self.sketch_for(network), self.rng))

    def _negligible(self, run: Run) -> float:
        """For alpha="auto", a decrease far below the least noise variance."""
        if self.settings.alpha is not None:
            return 0.0
        return NEGLIGIBLE * LEAST_NOISE * run.network.rows.target_variance

    def advanced(self, run: Run, stage: Stage, iterations: int) -> Run:
        """After at most so many more iterations of a stage."""
        network = run.network
        monitor = self.settings.monitor
        if monitor.stopped:
            raise Stopped(run)
        iterations = min(iterations, self._iterations_left(run))
        if not iterations:
            return run.with_value()
        monitor.stage(run.problem, network)
        known = network.knows_value_at(run.theta)  # `minimize` counts it again

        def after(point: Point, row: Row) -> bool:
            row["rounds"] = run.problem.rounds
            return monitor.after(point, row)

        solution = minimize(
            network,
            run.theta,
            stage.systems,
            converged=stage.converged,
            max_iter=iterations,
            n_rows=network.rows.n_rows,
            damping=run.damping,
            before=monitor.before,
            callback=after,
        )
        share = network.rows.n_rows / self.n_rows
        passes, seconds = run.spent
        if known:
            passes -= share
        alpha, _ = run.problem.units.alpha(network.alpha)
        history = tuple(
            {
                **row,
                "alpha": alpha,
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

    def sketch_for(self, network: Network) -> Sketch:
        """For samples and a given alpha the cost decides, also in small problems."""
        sketch = self.settings.sketch
        if self.settings.alpha is not None:
            sketch = replace(sketch, all_gradients=CHEAP_GRADIENTS)
        sample = network.rows.n_rows < self.n_rows
        return replace(sketch, small=0) if sample else sketch
