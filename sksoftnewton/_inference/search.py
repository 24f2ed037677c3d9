"""The search: width and start first, then features, then all rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.evidence import has_evidence
from sksoftnewton._inference.features import FeatureSelection
from sksoftnewton._inference.monitor import Stopped
from sksoftnewton._inference.ramps import RampSearch, given_ramps
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._inference.trainer import SCREENING
from sksoftnewton._inference.validation import Validation
from sksoftnewton._inference.widths import GRAMS_TO_GROW, RAMPS_WORK, WidthSearch
from sksoftnewton._network.problem import Layers, Problem
from sksoftnewton._network.regimes import SMALL
from sksoftnewton._rows.sampling import all_but, sampled
from sksoftnewton._rows.standardisation import Index

# Rows on which starts, alpha, width, features and basis are chosen; more rows only
# refine them.
SELECTION_ROWS = 10_000
# The same where matrices are n x n: for so many features, or given widths too large
# for the evidence otherwise.
MANY_FEATURES, FEW_SELECTION_ROWS = 1000, 1000
# Rows on which wider networks are tried after that, and their numbers; and by what
# factor rows have to be more.
GROWING_ROWS, GROWING_ELEMENTS, LEAST_GROWTH = 40_000, 4_000_000, 1.5
# Numbers of the largest sample that is converged on before all rows, and how many times
# more rows it has to have than those before.
SAMPLE_ELEMENTS, LEAST_REFINED = 2_000_000, 4
# The largest share of the rows; others, at most as many, are held out to compare
# errors on.
SELECTION_SHARE = 0.8


class Search:
    """Finds the network for one problem.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    rng : numpy.random.Generator

    Attributes
    ----------
    problems : dict of Problem
        All rows, by whether the targets are logarithms: what is searched.
    """

    def __init__(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> None:
        self.problems = _on_scales(problem, settings)
        self.settings = settings
        self.rng = rng
        self.n_rows = problem.rows.n_rows
        self.widths = WidthSearch(self.n_rows, settings, rng)
        self.trainer = self.widths.trainer
        self._held_out: Index = np.empty(0, dtype=np.intp)

    @property
    def path(self) -> dict[str, NDArray[Any]]:
        """One entry per set of features, width and start, column by column."""
        return self.widths.candidates.path

    def best(self) -> Run:
        """The best network from random starts, or when the user stopped the search."""
        candidates = self.widths.candidates
        try:
            run = self._chosen()
            candidates.best = None
            with self.settings.monitor.task("convergence"):
                return self._refined(run)
        except Stopped as stopped:
            return self._stopped(candidates.better(stopped.run, candidates.best))

    def best_from(self, layers: Layers, alpha: tuple[float, float]) -> Run:
        """The network reached from given layers (a warm start).

        Features that the layers do not use stay unused.
        """
        began = time.perf_counter()
        if layers.log and True not in self.problems:  # a choice no longer, but given
            self.problems = {True: self.problems[False].on_log_scale()}
        problem = self.problems[layers.log]
        used = layers.features_in_use
        if self.settings.alpha is None and 0 < len(used) < problem.n_features:
            problem = problem.with_features(used)
        if not (layers.basis.is_linear and problem.basis.is_linear):
            problem = problem.with_basis(layers.basis)
        network = problem.network(len(layers.hidden_coef), self.settings.alpha or alpha)
        start = Run(problem, network, problem.start_from(network, layers))
        try:
            with self.settings.monitor.task(f"{network.n_hidden} units"):
                run = self.trainer.finished(self.trainer.trained(start))
        except Stopped as stopped:
            return self._stopped(stopped.run)
        seconds = time.perf_counter() - began
        self.widths.candidates.record(run, "warm", seconds, True)
        return run

    def _chosen(self) -> Run:
        """The best network on as many rows as a choice needs."""
        problems = self._parts()
        if self.settings.alpha is not None:
            (problem,) = problems
            return self.widths.best(problem)
        run, rivals = self._best_plain(problems[0], {})
        for problem in problems[1:]:
            other, _ = self._best_plain(problem, rivals)
            run = other if self.widths.preferred(other, run) else run
        return self._grown(RampSearch(self.widths).best(run))

    def _grown(self, run: Run) -> Run:
        """Wider networks, where so many more rows are there that they may support them.

        The units of the network before are divided. Rows that are held out stay so.
        """
        others = all_but(self._held_out, self.n_rows)
        n_rows = min(
            len(others), GROWING_ROWS, GROWING_ELEMENTS // run.problem.n_columns
        )
        enough = n_rows < LEAST_GROWTH * run.problem.rows.n_rows
        if enough or self.settings.n_hidden is not None or run.network.n_hidden == 1:
            return run
        problem = self.problems[run.problem.log]
        chosen, weight = sampled(problem.rows.weight[others], n_rows, self.rng)
        problem = problem.on(others[chosen], weight).like(run.problem)
        with self.settings.monitor.task("more rows"):
            run = self.trainer.trained(self.trainer.moved(run, problem))
        k = 2 * run.network.n_hidden
        while self.widths.affordable(problem, k, GRAMS_TO_GROW, RAMPS_WORK):
            wider = self.widths.divided(run, k)
            if not self.widths.preferred(wider, run):
                break
            run, k = wider, 2 * k
        return run

    def _best_plain(
        self, problem: Problem, rivals: dict[int, float]
    ) -> tuple[Run, dict[int, float]]:
        """The best network without ramps, and the scores of widths on all features.

        Features are not selected where scores are far behind those of rivals.
        """
        run = self.widths.best(problem, rivals=rivals)
        scores = self.widths.scores
        if self.widths.hopeless(rivals):
            return run, scores
        return FeatureSelection(self.widths).best(run), scores

    def _parts(self) -> list[Problem]:
        """The problems on the rows to choose on; others are held out if these are many.

        The same rows on both scales of the targets.
        """
        settings = self.settings
        problems = list(self.problems.values())
        chooses = settings.n_hidden is None or settings.alpha is None
        widest = problems[0].network(settings.n_hidden or 1, (1.0, 1.0))
        large = problems[0].n_features > MANY_FEATURES or not has_evidence(widest)
        n_rows = FEW_SELECTION_ROWS if large else SELECTION_ROWS
        enough = self.n_rows <= min(n_rows, SMALL)
        if enough or not chooses or settings.max_iter <= SCREENING:
            return problems
        n_rows = min(n_rows, int(SELECTION_SHARE * self.n_rows))
        chosen, weight = sampled(problems[0].rows.weight, n_rows, self.rng)
        others = all_but(chosen, self.n_rows)
        if len(others) > SELECTION_ROWS:
            others = np.sort(self.rng.choice(others, SELECTION_ROWS, replace=False))
        self._held_out = others
        held_out = {log: problem.on(others) for log, problem in self.problems.items()}
        self.widths.validation = Validation(held_out)
        return [problem.on(chosen, weight) for problem in problems]

    def _refined(self, run: Run) -> Run:
        """Converged on all rows."""
        run = self._on_all_rows(self._on_most_rows(run))
        if self.settings.alpha is None and has_evidence(run.network):
            run = self.trainer.settled(run, enough=0.01)
        return self.trainer.finished(run)

    def _on_most_rows(self, run: Run) -> Run:
        """Converged on a sample that is many times the rows of the choice.

        All rows then add little but their number: far fewer passes over them are left,
        which is what counts where they are not in memory.
        """
        problem = self.problems[run.problem.log]
        n_rows = min(
            self.n_rows // 2,
            problem.rows.few_enough,
            SAMPLE_ELEMENTS // run.problem.n_columns,
        )
        few = n_rows < LEAST_REFINED * run.problem.rows.n_rows
        if self.settings.alpha is not None or few:
            return run
        sample = problem.sample(n_rows, self.rng).like(run.problem)
        start = self.trainer.moved(run, sample)
        if not has_evidence(start.network):
            return run
        with self.settings.monitor.task("a large sample"):
            return self.trainer.converged(self.trainer.settled(start, enough=0.01))

    def _stopped(self, run: Run) -> Run:
        """A run that was stopped early, as a result for all rows."""
        k = self.settings.n_hidden
        if k is not None:
            run = self.widths.starts.widened(run, k)
        run = self._on_all_rows(run)
        run = self.trainer.stopped(run)
        self.widths.candidates.record(run, "stopped", run.spent[1], True)
        return run

    def _on_all_rows(self, run: Run) -> Run:
        return self.trainer.on_all_rows(run, self.problems[run.problem.log])


def _on_scales(problem: Problem, settings: Settings) -> dict[bool, Problem]:
    """The scales of the targets that compete, by whether they are logarithmic.

    On ramps from the start where nothing can choose them.
    """
    given = settings.alpha is not None
    if given and settings.basis == "ramps":
        problem = given_ramps(problem)
    if settings.target_transform == "log":
        return {True: problem.on_log_scale()}
    problems = {False: problem}
    if settings.target_transform == "auto" and not given and problem.may_be_logs:
        problems[True] = problem.on_log_scale()
    return problems
