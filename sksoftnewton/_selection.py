"""Width, start and features chosen by the evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from sksoftnewton._evidence import has_evidence
from sksoftnewton._features import FeatureSelection
from sksoftnewton._monitor import Stopped
from sksoftnewton._newton import Row
from sksoftnewton._problem import Layers, Problem
from sksoftnewton._training import SCREENING, Run, Settings, Trainer

FIRST_ALPHA = 1e-3
# Features per row from which the data count as few.
FEW = 0.1
SCREENED_STARTS = 3
# Rows on which starts, alpha, width and features are chosen; more rows only refine
# them.
SELECTION_ROWS = 10_000
# The same where matrices are n x n: for so many features, or given widths too large
# for the evidence otherwise.
MANY_FEATURES, FEW_SELECTION_ROWS = 1000, 1000
# A difference of log evidence that decides between widths (odds of 20).
DECISIVE = 3.0
ALWAYS_TRIED = 4
# A width is affordable if its Gram matrices, some 70 of p²/4 multiply-adds a row, cost
# no more than a perceptron's 200 epochs of 3 products with 100 units. Below so many
# rows both are cheap.
GRAMS_PER_WIDTH = 70
PEER_WORK = 200 * 3 * 100
PEER_ROWS = 1000


Start = Callable[[], Run]


class Search:
    """Trains networks on one problem and keeps the best.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    rng : numpy.random.Generator

    Attributes
    ----------
    path : list of dict, one row per set of features, width and start
    """

    def __init__(
        self, problem: Problem, settings: Settings, rng: np.random.Generator
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.rng = rng
        self.trainer = Trainer(settings, problem.rows.n_rows, rng)
        self.path: list[Row] = []
        self._best_so_far: Run | None = None

    def best(self) -> Run:
        """The best network from random starts, or when the user stopped the search."""
        try:
            run = self._chosen()
            self._best_so_far = None
            with self.settings.monitor.task("convergence"):
                return self._refined(run)
        except Stopped as stopped:
            return self._stopped(self._better(stopped.run, self._best_so_far))

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
        run = self.best_on(problem)
        if settings.alpha is None:
            run = FeatureSelection(self).best(run)
        return run

    def _refined(self, run: Run) -> Run:
        """Converged on all rows."""
        run = self.trainer.on_all_rows(run, self.problem)
        if self.settings.alpha is None and has_evidence(run.network):
            run = self.trainer.settled(run, enough=0.01)
        return self.trainer.finished(run)

    def _stopped(self, run: Run) -> Run:
        run = self.trainer.stopped(run, self.problem)
        self.record(run, "stopped", run.spent[1], True)
        return run

    def remember(self, run: Run) -> None:
        """Keep a trained network that would be the result if the user stopped now."""
        self._best_so_far = self._better(run, self._best_so_far)

    def _better(self, run: Run, best: Run | None) -> Run:
        """The one to keep: the best, unless a run on the same rows is better.

        By F where width and alpha are the same; else by the score, as the search does.
        """
        if best is None:
            return run
        if run.network.rows.n_rows != best.network.rows.n_rows:
            return best
        run = self.trainer.with_posterior(run.with_value())
        same = run.network.alpha == best.network.alpha
        same = same and run.network.n_hidden == best.network.n_hidden
        if same or run.posterior is None or best.posterior is None:
            return run if run.value < best.value else best
        wider = run.network.n_hidden > best.network.n_hidden
        return run if run.score > best.score + DECISIVE * wider else best

    def best_on(self, problem: Problem) -> Run:
        """The best network for the features of a problem."""
        k = self.settings.n_hidden
        return self._best_width(problem) if k is None else self.best_start(problem, k)

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
        self.record(run, "warm", time.perf_counter() - began, True)
        return run

    # -- widths -------------------------------------------------------------------

    def _best_width(self, problem: Problem) -> Run:
        best = run = self.best_start(problem, 1)
        for k in self._widths(problem):
            run = self.best_start(problem, k, run)
            if run.score > best.score + DECISIVE:
                best = run
            elif k >= ALWAYS_TRIED and run.score < best.score - DECISIVE:
                break
            elif k >= 4 * max(best.network.n_hidden, 2):
                break
        return best

    def _widths(self, problem: Problem) -> Iterator[int]:
        """2, 4, 8, … as long as there are data for them and work is moderate."""
        k = 2
        while k <= ALWAYS_TRIED or self._affordable(problem, k):
            yield k
            k *= 2

    def _affordable(self, problem: Problem, k: int) -> bool:
        network = problem.network(k, (1.0, 1.0))
        rows = network.rows
        n_observations = rows.total_weight * rows.n_outputs
        work = GRAMS_PER_WIDTH * network.n_params**2 / 4 * rows.n_rows
        n_all = max(self.problem.rows.n_rows, PEER_ROWS)
        limit = PEER_WORK * (rows.n_features + 1) * n_all
        return bool(network.n_params <= n_observations and work <= limit)

    # -- starts -------------------------------------------------------------------

    def best_start(self, problem: Problem, k: int, narrower: Run | None = None) -> Run:
        """The best network of k units, from random starts and from a narrower one."""
        settings, trainer = self.settings, self.trainer
        starts = self._starts(problem, k, narrower)
        name = f"{k} units" if k > 1 else "1 unit"
        if len(starts) > 1 and settings.n_init is None:
            with settings.monitor.task(name):
                best = self._screened(starts, problem)
            self.remember(best)
            return best
        runs = []
        for number, (kind, start) in enumerate(starts, 1):
            began = time.perf_counter()
            task = f"{name}, start {number}" if len(starts) > 1 else name
            with settings.monitor.task(task):
                run = trainer.trained(trainer.on_growing_samples(start(), problem))
            self.remember(run)
            runs.append((kind, run, time.perf_counter() - began))
        return self._kept(runs)

    def _starts(
        self, problem: Problem, k: int, narrower: Run | None
    ) -> list[tuple[str, Start]]:
        """The kinds of the starts, and how each is made."""
        settings, trainer = self.settings, self.trainer
        alphas = self._first_alphas(problem)[: None if k > 1 else 1]
        if narrower is not None and narrower.network.n_hidden == 1:
            narrower = None
        if narrower is not None:
            alphas = [trainer.alpha_on(problem, narrower)]
        given = settings.n_hidden is not None
        n_random = settings.n_init
        if n_random is None:
            plain = given and settings.alpha is not None
            several = not plain and (given or k <= ALWAYS_TRIED)
            n_random = SCREENED_STARTS if several else 1
        n_random = n_random if k > 1 else 1
        if given:
            kind = "grown" if trainer.grows(problem, k) else "random"
            alphas = [alphas[i % len(alphas)] for i in range(n_random)]
            grown = [partial(trainer.grown_start, problem, k, a) for a in alphas]
            return [(kind, start) for start in grown]
        part = trainer.first_sample(problem, k)
        starts: list[tuple[str, Start]] = []
        if narrower is not None:
            alpha = trainer.alpha_on(part, narrower)
            starts.append(("split", partial(trainer.divided, narrower, part, k, alpha)))
        for i in range(n_random):
            alpha = alphas[i % len(alphas)]
            starts.append(("random", partial(trainer.random_start, part, k, alpha)))
        return starts

    def _first_alphas(self, problem: Problem) -> list[tuple[float, float]]:
        """Penalties to start from: a weak one, and where data are few a strong one.

        The strong one is that of the prior which random starts are drawn from, of
        precision D, under a noise as large as the targets: D/Σω. It leads to smooth
        solutions where the weak one leads to interpolation.
        """
        if self.settings.alpha is not None:
            return [self.settings.alpha]
        strong = (problem.n_features + 1) / problem.rows.total_weight
        alphas = [(FIRST_ALPHA, FIRST_ALPHA)]
        return alphas + [(strong, FIRST_ALPHA)] if strong > FEW else alphas

    def _screened(self, starts: list[tuple[str, Start]], problem: Problem) -> Run:
        """Go on with the start that is best after a few iterations."""
        screened: list[tuple[str, Run, float]] = []
        for kind, start in starts:
            began = time.perf_counter()
            try:
                run = self.trainer.screened(start())
            except Stopped as stopped:
                run = stopped.run
                for _, other, _ in screened:
                    run = self._better(run, other)
                raise Stopped(run) from None
            screened.append((kind, run, time.perf_counter() - began))
        first = self._kept(screened)
        began = time.perf_counter()
        run = self.trainer.on_growing_samples(first, problem)
        run = self.trainer.trained(run)
        row = next(row for row in reversed(self.path) if row["kept"])
        row.update(_summary(run), time=row["time"] + time.perf_counter() - began)
        return run

    def _kept(self, runs: list[tuple[str, Run, float]]) -> Run:
        """The best of several runs of one width: by F at one alpha, else evidence."""
        same_alpha = len({run.network.alpha for _, run, _ in runs}) == 1
        best = max(runs, key=lambda r: -r[1].value if same_alpha else r[1].score)
        for kind, run, seconds in runs:
            self.record(run, kind, seconds, run is best[1])
        return best[1]

    def record(self, run: Run, kind: str, seconds: float, kept: bool) -> None:
        self.path.append(
            {
                "n_features": run.problem.n_features,
                "n_hidden": run.network.n_hidden,
                "start": kind,
                **_summary(run),
                "time": seconds,
                "kept": kept,
            }
        )


def _summary(run: Run) -> dict[str, Any]:
    posterior = run.posterior
    return {
        "n_rows": run.network.rows.n_rows,
        "log_evidence": posterior.log_evidence() if posterior else np.nan,
        "log_prior": run.log_prior,
        "effective_dof": posterior.dof if posterior else np.nan,
        "loss": run.value,
    }
