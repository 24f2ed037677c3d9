"""The bridge to scikit-learn's callbacks: a fit as a tree of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem

Array = NDArray[np.float64]


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
