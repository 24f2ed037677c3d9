"""Ramps of the features, and how many, where they are worth it.

One softmax over standardised columns bends slowly along an axis. With ramps, every
logit is a sum of functions of single features, linear between quantiles of them.
"""

from __future__ import annotations

import time

from sksoftnewton._inference.run import Run
from sksoftnewton._inference.widths import GRAMS_TO_REFINE, RAMPS_WORK, WidthSearch
from sksoftnewton._network.problem import Problem

# Numbers of knots between the extremes: those of one are among those of the next.
LEVELS = (1, 3, 7, 15, 31)
# The first to be tried and the one of a given basis, where columns stay few enough.
FIRST_LEVEL, GIVEN_LEVEL = 3, 7
MOST_COLUMNS = 100


class RampSearch:
    """Networks on ramps of the features in use.

    The first number of knots gets a search of widths of its own. Each further one
    starts from the network before, whose ramps are sums of the new ones.

    Parameters
    ----------
    widths : WidthSearch
        Its trainer, starts and record are used.
    """

    def __init__(self, widths: WidthSearch) -> None:
        self.widths = widths

    def best(self, plain: Run) -> Run:
        """The best network on ramps, or the plain one."""
        asked_for = self.widths.settings.basis == "ramps"
        if self.widths.settings.basis == "linear":
            return plain
        if not asked_for and not worth_trying(plain):
            return plain
        best = plain
        for n_inner in fitting_levels(plain.problem, at_least_one=asked_for):
            problem = best.problem.with_ramps(n_inner)
            if best is plain:
                run = self.widths.best(problem, known=plain)
                kept = asked_for or self.widths.preferred(run, best)
            elif self._affordable(problem, best.network.n_hidden):
                run, kept = self._finer(best, problem)
            else:
                break
            if not kept:
                break
            best = run
        return best

    def _affordable(self, problem: Problem, k: int) -> bool:
        return self.widths.affordable(problem, k, GRAMS_TO_REFINE, RAMPS_WORK)

    def _finer(self, coarse: Run, problem: Problem) -> tuple[Run, bool]:
        """The same network on ramps between more knots, and whether it is preferred."""
        began = time.perf_counter()
        trainer, candidates = self.widths.trainer, self.widths.candidates
        with self.widths.settings.monitor.task(f"{problem.n_columns} columns"):
            run = trainer.trained(trainer.moved(coarse, problem), coarse.score)
        candidates.remember(run)
        kept = self.widths.preferred(run, coarse)
        candidates.record(run, "ramps", time.perf_counter() - began, kept)
        return run, kept


def worth_trying(plain: Run) -> bool:
    """Whether ramps can be chosen: not for constants, sparse or rotated features."""
    problem = plain.problem
    linear = problem.row_space or problem.whitening or problem.rows.sparse
    return plain.network.n_hidden > 1 and not linear and plain.posterior is not None


def fitting_levels(problem: Problem, *, at_least_one: bool = False) -> list[int]:
    """Numbers of inner knots to try, from few to many, or none."""
    fitting = [n for n in LEVELS if problem.ramps(n).n_columns <= MOST_COLUMNS]
    if not fitting and at_least_one:
        return [LEVELS[0]]
    return [n for n in fitting if n >= min(FIRST_LEVEL, fitting[-1])]


def given_ramps(problem: Problem) -> Problem:
    """The problem on ramps where nothing is chosen by the evidence."""
    levels = fitting_levels(problem, at_least_one=True)
    most = max(GIVEN_LEVEL, levels[0])
    return problem.with_ramps(max(n for n in levels if n <= most))
