"""Width and start chosen by the evidence, for a given set of features."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from sksoftnewton._inference.candidates import DECISIVE, Candidates
from sksoftnewton._inference.monitor import Stopped
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._inference.starts import Starts
from sksoftnewton._inference.trainer import HOPELESS, Trainer
from sksoftnewton._inference.validation import Validation
from sksoftnewton._network.problem import Problem

FIRST_ALPHA = 1e-3
# Features per row from which the data count as few.
FEW = 0.1
SCREENED_STARTS = 3
ALWAYS_TRIED = 4
# A width is affordable if its Gram matrices, some 70 of p²/4 multiply-adds a row (20
# where a network is only trained further on more columns, 12 where it is divided and
# rows are many), cost
# no more than a perceptron's 200 epochs of 3 products with 100 units, whose
# activations and updates are as dear as so many features more; networks on ramps may
# cost so many times as much. Below so many rows both are cheap.
GRAMS_PER_WIDTH, GRAMS_TO_REFINE, GRAMS_TO_GROW = 70, 20, 12
PEER_WORK, PEER_OVERHEAD = 200 * 3 * 100, 10
RAMPS_WORK = 2.0
PEER_ROWS = 1000

Start = Callable[[], Run]


class WidthSearch:
    """Trains networks of several widths and starts on a problem, and keeps the best.

    Parameters
    ----------
    n_rows : int, rows of the data; a problem with fewer is a sample of them
    settings : Settings
    rng : numpy.random.Generator

    Attributes
    ----------
    candidates : Candidates, the record of all problems
    validation : Validation
    scores : dict of float, those of the widths that the latest search tried
    """

    def __init__(
        self, n_rows: int, settings: Settings, rng: np.random.Generator
    ) -> None:
        self.validation = Validation()
        self.scores: dict[int, float] = {}
        self.n_rows = n_rows
        self.settings = settings
        self.trainer = Trainer(settings, n_rows, rng)
        self.starts = Starts(self.trainer, rng)
        self.candidates = Candidates(self.trainer)

    def best(
        self,
        problem: Problem,
        known: Run | None = None,
        rivals: dict[int, float] | None = None,
    ) -> Run:
        """The best network for the features of a problem.

        Parameters
        ----------
        problem : Problem
        known : Run or None
            A network with fewer columns that is a start of its width.
        rivals : dict of float, or None
            Scores of widths on another scale of the targets; a search that is
            `hopeless` beside them ends early.
        """
        self.scores = {}
        k = self.settings.n_hidden
        if k is not None:
            run = self.best_start(problem, k, known=known)
            if run.posterior is not None:
                self.scores[k] = run.score
            return run
        return self._best_width(problem, known, rivals or {})

    def hopeless(self, rivals: dict[int, float]) -> bool:
        """Whether the latest search is behind at every width but that of a constant."""
        both = [k for k in self.scores if k > 1 and k in rivals]
        return bool(both) and all(self.scores[k] < rivals[k] - HOPELESS for k in both)

    def preferred(self, run: Run, simpler: Run) -> bool:
        """Whether evidence and errors both speak for a network over a simpler one."""
        decisive = run.score > simpler.score + DECISIVE
        return decisive and self.validation.speaks_for(run, simpler)

    def affordable(self, problem: Problem, k: int, grams: int, factor: float) -> bool:
        """Whether so many Gram matrices cost no more than so many perceptrons."""
        network = problem.network(k, (1.0, 1.0))
        rows = network.rows
        work = grams * network.n_params**2 / 4 * rows.n_rows
        n_all = max(self.n_rows, PEER_ROWS)
        return bool(
            work <= factor * PEER_WORK * (rows.n_features + PEER_OVERHEAD) * n_all
        )

    # -- widths -------------------------------------------------------------------

    def _best_width(
        self, problem: Problem, known: Run | None, rivals: dict[int, float]
    ) -> Run:
        best = run = None if known else self.best_start(problem, 1)
        for k in self._widths(problem, RAMPS_WORK if known else 1.0):
            rival = max(r.score for r in (best, known) if r is not None)
            run = self.best_start(problem, k, run, known, rival)
            self.scores[k] = run.score
            if best is None or self.preferred(run, best):
                best = run
            else:
                worse = k >= ALWAYS_TRIED and run.score < best.score - DECISIVE
                if worse or k >= 4 * max(best.network.n_hidden, 2):
                    break
            if k == ALWAYS_TRIED and self.hopeless(rivals):
                break
        assert best is not None
        return best

    def _widths(self, problem: Problem, factor: float) -> Iterator[int]:
        """2, 4, 8, … as long as there are data for them and work is moderate."""
        rows = problem.rows
        k = 2
        while k <= ALWAYS_TRIED or (
            problem.network(k, (1.0, 1.0)).n_params
            <= rows.total_weight * rows.n_outputs
            and self.affordable(problem, k, GRAMS_PER_WIDTH, factor)
        ):
            yield k
            k *= 2

    # -- starts -------------------------------------------------------------------

    def best_start(
        self,
        problem: Problem,
        k: int,
        narrower: Run | None = None,
        known: Run | None = None,
        rival: float = -np.inf,
    ) -> Run:
        """The best network of k units, from random starts and from a narrower one.

        And from one with fewer columns, if that has k units. Training ends where there
        is no hope to reach the score of a rival.
        """
        kinds = self._kinds(problem, k, narrower)
        if known is not None and known.network.n_hidden == k:
            part = self.starts.first_sample(problem, k)
            kinds.append(("ramps", partial(self.trainer.moved, known, part)))
        task = self.settings.monitor.task
        name = f"{k} units" if k > 1 else "1 unit"
        if len(kinds) > 1 and self.settings.n_init is None:
            with task(name):
                best = self._screened(kinds, problem, rival)
            self.candidates.remember(best)
            return best
        runs = []
        for number, (kind, start) in enumerate(kinds, 1):
            began = time.perf_counter()
            with task(f"{name}, start {number}" if len(kinds) > 1 else name):
                run = self.starts.on_growing_samples(start(), problem)
                run = self.trainer.trained(run, rival)
            self.candidates.remember(run)
            runs.append((kind, run, time.perf_counter() - began))
        return self.candidates.kept(runs)

    def divided(self, narrower: Run, k: int) -> Run:
        """The network of k units from the divided units of a narrower one."""
        began = time.perf_counter()
        start = self.starts.divided(
            narrower, narrower.problem, k, narrower.network.alpha
        )
        with self.settings.monitor.task(f"{k} units"):
            run = self.trainer.trained(start, narrower.score)
        self.candidates.remember(run)
        return self.candidates.kept([("split", run, time.perf_counter() - began)])

    def _kinds(
        self, problem: Problem, k: int, narrower: Run | None
    ) -> list[tuple[str, Start]]:
        """The kinds of the starts of k units, and how each is made."""
        alphas = self._first_alphas(problem)[: None if k > 1 else 1]
        split = narrower is not None and narrower.network.n_hidden > 1
        if narrower is not None and split:
            alphas = [self.trainer.alpha_on(problem, narrower)]
        alphas = [alphas[i % len(alphas)] for i in range(self._n_random(k))]
        if self.settings.n_hidden is not None:
            kind = "grown" if self.starts.grows(problem, k) else "random"
            return [
                (kind, partial(self.starts.grown, problem, k, alpha))
                for alpha in alphas
            ]
        part = self.starts.first_sample(problem, k)
        kinds: list[tuple[str, Start]] = [
            ("random", partial(self.starts.random, part, k, alpha)) for alpha in alphas
        ]
        if narrower is not None and split:
            alpha = self.trainer.alpha_on(part, narrower)
            start = partial(self.starts.divided, narrower, part, k, alpha)
            kinds.insert(0, ("split", start))
        return kinds

    def _n_random(self, k: int) -> int:
        """How many random starts of k units."""
        settings = self.settings
        if k == 1:
            return 1
        if settings.n_init is not None:
            return settings.n_init
        given = settings.n_hidden is not None
        plain = given and settings.alpha is not None
        several = not plain and (given or k <= ALWAYS_TRIED)
        return SCREENED_STARTS if several else 1

    def _first_alphas(self, problem: Problem) -> list[tuple[float, float]]:
        """Penalties to start from: a weak one, and where data are few a strong one.

        The strong one is that of the prior which random starts are drawn from, of
        precision D, under a noise as large as the targets: D/Σω. It leads to smooth
        solutions where the weak one leads to interpolation.
        """
        if self.settings.alpha is not None:
            return [self.settings.alpha]
        strong = (problem.n_columns + 1) / problem.rows.total_weight
        alphas = [(FIRST_ALPHA, FIRST_ALPHA)]
        return [*alphas, (strong, FIRST_ALPHA)] if strong > FEW else alphas

    def _screened(
        self, kinds: list[tuple[str, Start]], problem: Problem, rival: float
    ) -> Run:
        """Go on with the start that is best after a few iterations."""
        screened: list[tuple[str, Run, float]] = []
        for kind, start in kinds:
            began = time.perf_counter()
            try:
                run = self.trainer.screened(start())
            except Stopped as stopped:
                run = stopped.run
                for _, other, _ in screened:
                    run = self.candidates.better(run, other)
                raise Stopped(run) from None
            screened.append((kind, run, time.perf_counter() - began))
        first = self.candidates.kept(screened, final=False)
        began = time.perf_counter()
        run = self.starts.on_growing_samples(first, problem)
        run = self.trainer.trained(run, rival)
        self.candidates.trained_further(run, time.perf_counter() - began)
        return run
