"""What was tried: a record of the candidates, and the best of them so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.monitor import columns
from sksoftnewton._inference.run import Run
from sksoftnewton._inference.trainer import Trainer
from sksoftnewton._solver.newton import Row

# A difference of log evidence that decides between widths (odds of 20).
DECISIVE = 3.0


class Candidates:
    """Remembers every network that the search has judged.

    Parameters
    ----------
    trainer : Trainer

    Attributes
    ----------
    rows : list of dict, one per set of features, width and start
    best : Run or None, what would be the result if the user stopped now
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.rows: list[Row] = []
        self.best: Run | None = None

    @property
    def path(self) -> dict[str, NDArray[Any]]:
        """The rows, column by column."""
        return columns(self.rows, self.rows[0])

    def remember(self, run: Run) -> None:
        """Keep a trained network that would be the result if the user stopped now."""
        self.best = self.better(run, self.best)

    def better(self, run: Run, best: Run | None) -> Run:
        """The one to keep: the best, unless a run on the same rows is better.

        By F where width and alpha are the same; else by the score, as the search does.
        """
        if best is None:
            return run
        if run.network.rows.n_rows != best.network.rows.n_rows:
            return best
        run = self.trainer.with_posterior(run.with_value())
        same = run.network.alpha == best.network.alpha
        same = same and run.problem.log == best.problem.log
        same = same and run.network.n_hidden == best.network.n_hidden
        if same or run.posterior is None or best.posterior is None:
            return run if run.value < best.value else best
        wider = run.network.n_hidden > best.network.n_hidden
        return run if run.score > best.score + DECISIVE * wider else best

    def record(self, run: Run, kind: str, seconds: float, kept: bool) -> None:
        self.rows.append(
            {
                "target_transform": "log" if run.problem.log else "identity",
                "n_features": run.problem.n_features,
                "n_columns": run.problem.n_columns,
                "n_hidden": run.network.n_hidden,
                "start": kind,
                **_summary(run),
                "time": seconds,
                "kept": kept,
            }
        )

    def kept(self, runs: list[tuple[str, Run, float]]) -> Run:
        """The best of several runs of one width: by F at one alpha, else evidence."""
        same_alpha = len({run.network.alpha for _, run, _ in runs}) == 1
        best = max(runs, key=lambda r: -r[1].value if same_alpha else r[1].score)
        for kind, run, seconds in runs:
            self.record(run, kind, seconds, run is best[1])
        return best[1]

    def trained_further(self, run: Run, seconds: float) -> None:
        """The candidate that was kept last has been trained on, at so much time."""
        row = next(row for row in reversed(self.rows) if row["kept"])
        row.update(_summary(run), time=row["time"] + seconds)


def _summary(run: Run) -> dict[str, Any]:
    posterior = run.posterior
    return {
        "n_rows": run.network.rows.n_rows,
        "log_evidence": run.log_evidence if posterior else np.nan,
        "log_prior": run.log_prior,
        "effective_dof": posterior.dof if posterior else np.nan,
        "loss": run.value,
    }
