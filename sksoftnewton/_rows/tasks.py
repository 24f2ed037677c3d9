"""Tasks for the schedulers of Dask, whichever is in force."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any
from uuid import uuid4

import dask
import dask.threaded
import numpy as np
from dask.base import get_scheduler
from dask.multiprocessing import get as get_by_processes

Key = Hashable

# Workers keep data if so many bytes for each number, room for copies in both
# precisions, fit into their memory.
ROOM = 32


class Tasks:
    """A graph of tasks, and the keys of those that are wanted: a collection of Dask.

    In the plain form that every scheduler takes: `Delayed` objects would be tokenised
    and optimised one by one, at more than the cost of their tasks.

    Parameters
    ----------
    graph : dict
    keys : list
    """

    __dask_scheduler__ = staticmethod(dask.threaded.get)

    def __init__(self, graph: dict[Key, Any], keys: list[Key]) -> None:
        self.graph, self.keys = graph, keys

    @classmethod
    def of(cls, array: Any) -> Tasks:
        """Those that make the blocks of a Dask array, which hold whole rows."""
        (array,) = dask.optimize(array)
        keys = [
            key if array.ndim == 1 else key[0]  # the only one along the columns
            for key in array.__dask_keys__()
        ]
        return cls(dict(array.__dask_graph__()), keys)

    def __dask_graph__(self) -> dict[Key, Any]:
        return self.graph

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **_: Any) -> Any:
        return graph

    def __dask_keys__(self) -> list[Key]:
        return self.keys

    def __dask_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return list, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Tasks], tuple[Any, ...]]:
        return Tasks, (self.keys,)

    def added(self, function: Callable[..., Any], *of: Any) -> Key:
        """The key of a new task: a function of what keys, or lists of them, stand for.

        It is not among those that are wanted.
        """
        key = f"{_name_of(function)}-{uuid4().hex}"
        self.graph[key] = (function, *of)
        return key

    def copy(self) -> Tasks:
        """The same, to be added to."""
        return Tasks(dict(self.graph), list(self.keys))

    def persisted(self) -> Tasks:
        """The same where workers make and keep what is wanted."""
        kept: Tasks
        (kept,) = dask.persist(self)
        return kept


def _name_of(function: Any) -> str:
    """What a task is called where Dask shows it."""
    while isinstance(function, partial):
        function = function.args[0] if function.args else function.func
    return str(getattr(function, "__name__", "task"))


def client_of(tasks: Tasks) -> Any:
    """The client of the cluster that would answer, None where there is no cluster."""
    return getattr(get_scheduler(collections=[tasks]), "__self__", None)


def room_for(tasks: Tasks, n_bytes: float, dtype: np.dtype[Any]) -> bool:
    """Whether workers have room for data of so many bytes and what is made of them."""
    return n_bytes * ROOM / dtype.itemsize <= memory_of_workers(tasks)


def memory_of_workers(tasks: Tasks) -> float:
    """Bytes that the workers may use to keep things; 0 if nothing stays with them."""
    client = client_of(tasks)
    if client is not None:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        return float(sum(worker["memory_limit"] or np.inf for worker in workers))
    if get_scheduler(collections=[tasks]) is get_by_processes:  # what they make returns
        return 0.0
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
