"""The search: width and start first, then features, then all rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.evidence import has_evidence
from sksoftnewton._inference.features import FeatureSelection
from sksoftnewton._inference.monitor import Stopped
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._inference.trainer import SCREENING
from sksoftnewton._inference.widths import WidthSearch
from sksoftnewton._network.problem import Layers, Problem

# Rows on which starts, alpha, width and features are chosen; more rows only refine
# them.
SELECTION_ROWS = 10_000
# The same where matrices are n x n: for so many features, or given widths too large
# for the evidence otherwise.
MANY_FEATURES, FEW_SELECTION_ROWS = 1000, 1000


class Search:
    """Finds the network for one problem.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    rng : numpy.random.Generator
    """

    def __init__(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.rng = rng
        self.widths = WidthSearch(problem.rows.n_rows, settings, rng)
        self.trainer = self.widths.trainer

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
        problem = self.problem
        used = np.flatnonzero(layers.hidden_coef.any(axis=0))
        if self.settings.alpha is None and 0 < len(used) < problem.n_features:
            problem = problem.with_features(used)
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
        settings, problem = self.settings, self.problem
        widest = problem.network(settings.n_hidden or 1, (1.0, 1.0))
        large = problem.n_features > MANY_FEATURES or not has_evidence(widest)
        n_rows = FEW_SELECTION_ROWS if large else SELECTION_ROWS
        chooses = settings.n_hidden is None or settings.alpha is None
        enough = problem.rows.n_rows <= n_rows
        if chooses and not enough and settings.max_iter > SCREENING:
            problem = problem.sample(n_rows, self.rng)
        run = self.widths.best(problem)
        if settings.alpha is None:
            run = FeatureSelection(self.widths).best(run)
        return run

    def _refined(self, run: Run) -> Run:
        """Converged on all rows, by way of samples of more and more of them."""
        problem = self.problem.with_features(run.problem.used)
        if run.problem.rows.n_rows < problem.rows.n_rows:
            run = self.widths.starts.on_growing_samples(run, problem)
        if self.settings.alpha is None and has_evidence(run.network):
            run = self.trainer.settled(run, enough=0.01)
        return self.trainer.finished(run)

    def _stopped(self, run: Run) -> Run:
        """A run that was stopped early, as a result for all rows."""
        k = self.settings.n_hidden
        if k is not None:
            run = self.widths.starts.widened(run, k)
        run = self.trainer.on_all_rows(run, self.problem)
        run = self.trainer.stopped(run)
        self.widths.candidates.record(run, "stopped", run.spent[1], True)
        return run
