"""Starts of the training, on samples of the rows where these are many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sksoftnewton._inference.run import Run
from sksoftnewton._inference.trainer import SCREENING, Trainer
from sksoftnewton._network.problem import Problem
from sksoftnewton._network.regimes import (
    FIRST_SAMPLE,
    FIRST_WIDE_SAMPLE,
    MATRIX_FREE,
    SKETCHED,
    regime,
)

# Samples grow by this factor; tol and most iterations on the first of them.
GROWTH, LOOSEST, SAMPLE_ITERATIONS = 4, 1.0, 30
# Widths beyond this one are grown from it. With so many rows a parameter it is the
# best of so many starts.
WIDE = 8
ROWS_FOR_SEVERAL, SEVERAL = 100, 4


class Starts:
    """Makes networks to train: random, grown from narrower ones, or divided.

    Parameters
    ----------
    trainer : Trainer
    rng : numpy.random.Generator
    """

    def __init__(self, trainer: Trainer, rng: np.random.Generator) -> None:
        self.trainer = trainer
        self.rng = rng

    def first_sample(self, problem: Problem, k: int) -> Problem:
        """Enough rows to tell starts of k units apart; all of a small problem."""
        size = self._first_size(problem, k)
        return problem if size is None else problem.sample(size, self.rng)

    def _first_size(self, problem: Problem, k: int) -> int | None:
        """The rows of the first sample; None: all."""
        network = problem.network(k, (1.0, 1.0))
        size = {
            SKETCHED: FIRST_SAMPLE * network.n_params,
            MATRIX_FREE: FIRST_WIDE_SAMPLE,
        }.get(regime(network, self.trainer.sketch_for(network)), problem.rows.n_rows)
        return None if size > problem.rows.n_rows / 2 else size

    def grows(self, problem: Problem, k: int) -> bool:
        """Whether starts of k units are grown; given second layers cannot be divided.

        Nor is it worth while where every width is trained on all rows.
        """
        sampled = self._first_size(problem, k) is not None
        return k > WIDE and problem.output_weights is None and sampled

    def grown(self, problem: Problem, k: int, alpha: tuple[float, float]) -> Run:
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
        starts = [self.random(part, width, alpha) for _ in range(n_starts)]
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

    def random(self, problem: Problem, k: int, alpha: tuple[float, float]) -> Run:
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
            tol = max(self.trainer.settings.tol, LOOSEST * first / size)
            run = self._advanced(run, tol, SAMPLE_ITERATIONS)
            size *= GROWTH
            if size > largest:
                return self.trainer.moved(run, problem)
            run = self.trainer.moved(run, problem.sample(size, self.rng))

    def _advanced(self, run: Run, tol: float, iterations: int) -> Run:
        return self.trainer.advanced(run, self.trainer.stage(run, tol), iterations)

    def widened(self, run: Run, k: int) -> Run:
        """A run that was still growing, divided into k units without training."""
        while run.network.n_hidden < k:
            width = min(2 * run.network.n_hidden, k)
            wider = self.divided(run, run.problem, width, run.network.alpha)
            run = replace(wider, history=run.history)
        return run
