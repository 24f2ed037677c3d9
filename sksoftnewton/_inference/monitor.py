"""What is told about a fit while it runs: lines of print, and whoever listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem
from sksoftnewton._solver.newton import Row
from sksoftnewton._solver.points import Point

Array = NDArray[np.float64]

# The columns of ``history_``, and how they are printed.
HISTORY = {
    "loss": "{:.6e}",
    "gradient_norm": "{:.3e}",
    "damping": "{:.1e}",
    "n_rows": "{:d}",
    "sketch_size": "{:d}",
    "n_cg": "{:d}",
    "passes": "{:.1f}",
    "rounds": "{:d}",
    "time": "{:.3f}",
}


# What is printed of a candidate: its names in the record and on the paper, and widths.
CANDIDATE = {
    "target_transform": ("scale", 8),
    "n_features": ("features", 9),
    "n_columns": ("columns", 8),
    "n_hidden": ("units", 6),
    "start": ("start", 15),
    "n_rows": ("rows", 8),
    "log_evidence": ("log evidence", 14),
    "kept": ("kept", 5),
}


class Listener(Protocol):
    """Whoever hears of the tasks of a fit; true answers ask to stop it."""

    def begun(self, name: str) -> Any: ...

    def end(self, task: Any) -> bool: ...

    def begin_iteration(self) -> None: ...

    def end_iteration(
        self, problem: Problem, network: Network, theta: Array
    ) -> bool: ...


class Stopped(Exception):  # noqa: N818 - the user's wish, not an error
    """Raised where a callback asked to stop.

    Attributes
    ----------
    run : Run, the network in training
    """

    def __init__(self, run: Any) -> None:
        self.run = run


class Monitor:
    """Hears of every task of a fit and of every iteration in it.

    Parameters
    ----------
    verbose : int
        1: one aligned line for each candidate, and one for the choice. 2: also one for
        each iteration, under a title for each network and penalty.
    tasks : Listener or None
        Where callbacks are called.

    Attributes
    ----------
    stopped : bool, whether a callback asked to stop
    """

    def __init__(self, verbose: int = 0, tasks: Listener | None = None) -> None:
        self.verbose = verbose
        self.tasks = tasks
        self.stopped = False
        self._under_header = False

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """A part of the search that is worth a progress bar of its own."""
        if self.tasks is None:
            yield
            return
        task = self.tasks.begun(name)
        try:
            yield
        except Stopped:
            self.tasks.end(task)
            raise
        self.stopped |= self.tasks.end(task)

    def stage(self, problem: Problem, network: Network) -> None:
        """The iterations that follow minimise the objective of this network."""
        self._problem, self._network, self._n = problem, network, 0
        if self.verbose > 1:
            self._under_header = False
            alpha, _ = problem.units.alpha(network.alpha)
            print(f"{network.n_hidden} units, alpha {alpha:.2e}")
            print("".join(f"{name:>14}" for name in ("iteration", *HISTORY)))

    def candidate(self, row: Row) -> None:
        """A network that was judged: a row of ``width_path_``."""
        if not self.verbose:
            return
        if not self._under_header:
            print("".join(f"{name:>{width}}" for name, width in CANDIDATE.values()))
            self._under_header = True
        fields = {
            **row,
            "log_evidence": f"{row['log_evidence']:.1f}",
            "kept": "yes" if row["kept"] else "no",
        }
        line = (f"{fields[name]:>{width}}" for name, (_, width) in CANDIDATE.items())
        print("".join(line))

    def chosen(self, row: Row) -> None:
        """The network that the fit ends with."""
        if self.verbose:
            print(
                f"chosen: {row['target_transform']} scale, "
                f"features {row['n_features']}, columns {row['n_columns']}, "
                f"units {row['n_hidden']}, rows {row['n_rows']}, "
                f"log evidence {row['log_evidence']:.1f}"
            )

    def before(self) -> None:
        if self.tasks is not None:
            self.tasks.begin_iteration()

    def after(self, point: Point, row: Row) -> bool:
        """Whether to stop after an iteration that ended with a point."""
        self._n += 1
        if self.verbose > 1:
            shown = in_units(row, self._problem.units.loss)
            fields = (pattern.format(shown[name]) for name, pattern in HISTORY.items())
            print(f"{self._n:>14}" + "".join(f"{field:>14}" for field in fields))
        if self.tasks is not None:
            self.stopped |= self.tasks.end_iteration(
                self._problem, self._network, point.theta
            )
        return self.stopped


def in_units(row: Row, unit: float) -> Row:
    """A row of the history with loss and gradient in other units of F."""
    changed = {name: row[name] * unit for name in ("loss", "gradient_norm")}
    return {**row, **changed}


def columns(rows: list[Row], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The named columns of a list of rows."""
    return {name: np.array([row[name] for row in rows]) for name in names}
