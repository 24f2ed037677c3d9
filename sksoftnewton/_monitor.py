"""What is told about a fit while it runs: lines of print, scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._network import Network
from sksoftnewton._newton import Point, Row
from sksoftnewton._problem import Problem

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
    "time": "{:.3f}",
}


class Monitor:
    """Hears of every task of a fit and of every iteration in it.

    Parameters
    ----------
    verbose : bool
        Whether to print one aligned line per iteration, under a title for each
        network and penalty.
    tasks : Tasks or None
        Where callbacks are called.

    Attributes
    ----------
    stopped : bool, whether a callback asked to stop
    """

    def __init__(self, verbose: bool = False, tasks: Tasks | None = None) -> None:
        self.verbose = verbose
        self.tasks = tasks
        self.stopped = False

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
        if self.verbose:
            print(f"{network.n_hidden} units, alpha {network.alpha[0]:.2e}")
            print("".join(f"{name:>14}" for name in ("iteration", *HISTORY)))

    def before(self) -> None:
        if self.tasks is not None:
            self.tasks.begin_iteration()

    def after(self, point: Point, row: Row) -> bool:
        """Whether to stop after an iteration that ended with a point."""
        self._n += 1
        if self.verbose:
            fields = (pattern.format(row[name]) for name, pattern in HISTORY.items())
            print(f"{self._n:>14}" + "".join(f"{field:>14}" for field in fields))
        if self.tasks is not None:
            self.stopped |= self.tasks.end_iteration(
                self._problem, self._network, point.theta
            )
        return self.stopped


class Stopped(Exception):  # noqa: N818 - the user's wish, not an error
    """Raised where a callback asked to stop.

    Attributes
    ----------
    run : Run, the network in training
    """

    def __init__(self, run: Any) -> None:
        self.run = run


class Tasks:
    """The tree of tasks of a fit in scikit-learn's callback protocol.

    The fit has tasks like "8 units", and these have one for each iteration.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    root : sklearn.callback.CallbackContext of the fit
    data : dict
        ``X``, ``y`` and ``metadata`` as the user passed them.
    attributes_of : callable (problem, network, theta) -> dict
        The fitted attributes that `predict` needs.
    """

    def __init__(
        self,
        estimator: Any,
        root: Any,
        data: dict[str, Any],
        attributes_of: Callable[[Problem, Network, Array], dict[str, Any]],
    ) -> None:
        self._root = root
        self._arguments = {"estimator": estimator, **data}
        self._attributes_of = attributes_of

    def begin_fit(self) -> None:
        self._root.call_on_fit_task_begin(**self._arguments)

    def begun(self, name: str) -> Any:
        self._current = self._root.subcontext(task_name=name, max_subtasks=None)
        return self._current.call_on_fit_task_begin(**self._arguments)

    def end(self, task: Any) -> bool:
        return bool(task.call_on_fit_task_end(**self._arguments))

    def begin_iteration(self) -> None:
        self._iteration = self._current.subcontext(task_name="iteration")
        self._iteration.call_on_fit_task_begin(**self._arguments)

    def end_iteration(self, problem: Problem, network: Network, theta: Array) -> bool:
        stop = self._iteration.call_on_fit_task_end(
            **self._arguments,
            reconstruction_attributes=lambda: self._attributes_of(
                problem, network, theta
            ),
        )
        return bool(stop)

    def end_fit(self) -> None:
        """To be called once the estimator is fitted."""
        self._root.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})


def columns(rows: list[Row], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The named columns of a list of rows."""
    return {name: np.array([row[name] for row in rows]) for name in names}
