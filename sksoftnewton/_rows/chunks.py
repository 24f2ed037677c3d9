"""Objects on the workers of Dask, one for each chunk of rows, and questions to them.

All scheduling is Dask's. A question is one graph: a function of every chunk, and for
sums a tree of additions; its answer is all that travels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
from dask.base import get_scheduler
from numpy.typing import NDArray

from sksoftnewton._rows.data import Rounds
from sksoftnewton._rows.standardisation import Index
from sksoftnewton._rows.sums import Total
from sksoftnewton._rows.tasks import Key, Tasks, client_of

FAN_IN = 8  # terms that one task adds up


class Chunks:
    """One object for each chunk of consecutive rows.

    Parameters
    ----------
    objects : Tasks, of which those that make the objects are wanted
    bounds : ndarray of shape (n_chunks + 1,)
        The first row of each chunk, and the number of all rows.
    rounds : Rounds
    kept : bool
        Whether workers keep the objects, and those made of them, in memory. Otherwise
        they are made from their source for every question.
    """

    def __init__(
        self, objects: Tasks, bounds: Index, rounds: Rounds, kept: bool
    ) -> None:
        self.objects = objects.persisted() if kept else objects
        self._get = get_scheduler(collections=[objects])
        self._client = client_of(objects)
        self.bounds = bounds
        self.rounds = rounds
        self.kept = kept

    def mapped(self, function: Callable[..., Any], *arguments: Any) -> Chunks:
        """Chunks of what a function makes of each object."""
        return self.mapped_each(function, [arguments] * len(self.objects.keys))

    def mapped_each(
        self, function: Callable[..., Any], arguments: list[tuple[Any, ...]]
    ) -> Chunks:
        """As `mapped`, with arguments of its own for each object."""
        tasks = self.objects.copy()
        tasks.keys = [
            tasks.added(partial(_applied, function, own), key)
            for key, own in zip(tasks.keys, arguments, strict=True)
        ]
        return Chunks(tasks, self.bounds, self.rounds, self.kept)

    def answers(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What a function makes of each object, here."""
        numbers = range(len(self.objects.keys))
        return self.answers_of(function, dict.fromkeys(numbers, arguments))

    def answers_of(
        self, function: Callable[..., Any], arguments: dict[int, tuple[Any, ...]]
    ) -> list[Any]:
        """As `answers`, from the chunks of the given numbers, each with arguments."""
        asked = [[i for i in group if i in arguments] for group in self._groups]
        asked = [group for group in asked if group]
        question = self.objects.copy()
        question.keys = [
            question.added(
                partial(_each, function, [arguments[i] for i in group]), self._of(group)
            )
            for group in asked
        ]
        found: dict[int, Any] = {}
        for group, answers in zip(asked, self._answered(question), strict=True):
            found.update(zip(group, answers, strict=True))
        return [found[i] for i in arguments]

    def total(self, function: Callable[..., Total], *arguments: Any) -> Total:
        """The sum of what a function makes of each object."""
        question = self.objects.copy()
        of_group = partial(_sum, function, arguments)
        terms = [question.added(of_group, self._of(group)) for group in self._groups]
        while len(terms) > FAN_IN:
            parts = [terms[i : i + FAN_IN] for i in range(0, len(terms), FAN_IN)]
            terms = [question.added(Total.joined, part) for part in parts]
        question.keys = terms
        # The last ones are added up here: one journey less.
        return Total.joined(self._answered(question))

    def _of(self, group: list[int]) -> list[Key]:
        return [self.objects.keys[i] for i in group]

    @cached_property
    def _groups(self) -> list[list[int]]:
        """The chunks that one task of a question is about, those of one worker.

        A task costs more than it takes to be asked. Where the chunks are is not known
        before they are there, and may change; then Dask moves them once.
        """
        if self._client is None or not self.kept:
            return [[i] for i in range(len(self.objects.keys))]
        futures = [self.objects.graph[key] for key in self.objects.keys]
        return groups_by_worker(self._client, futures)

    def _answered(self, question: Tasks) -> list[Any]:
        self.rounds.n += 1
        # Dask would go on without the client, and without the chunks.
        if self._client is not None and self._client.status != "running":
            raise RuntimeError("The Dask client was closed while its data were in use.")
        return list(self._get(question.graph, question.keys))

    def split(self, rows: NDArray[Any], edges: NDArray[Any]) -> dict[int, NDArray[Any]]:
        """The part of sorted values that belongs to each chunk, where there is one.

        Parameters
        ----------
        rows : sorted values, as row numbers
        edges : where each chunk but the first begins on their scale
        """
        parts = np.split(rows, np.searchsorted(rows, edges))
        return {i: part for i, part in enumerate(parts) if len(part)}

    def numbers(self, rows: Index) -> dict[int, tuple[Index]]:
        """The numbers of sorted rows within their chunks, for `answers_of`."""
        parts = self.split(rows, self.bounds[1:-1])
        return {i: (part - self.bounds[i],) for i, part in parts.items()}


def itself(chunk: Any) -> Any:
    """All of a chunk, for `answers`."""
    return chunk


def _applied(
    function: Callable[..., Any], arguments: tuple[Any, ...], chunk: Any
) -> Any:
    return function(chunk, *arguments)


def _each(
    function: Callable[..., Any], arguments: list[tuple[Any, ...]], chunks: list[Any]
) -> list[Any]:
    return [function(chunk, *own) for chunk, own in zip(chunks, arguments, strict=True)]


def _sum(
    function: Callable[..., Total], arguments: tuple[Any, ...], chunks: list[Any]
) -> Total:
    return Total.joined(function(chunk, *arguments) for chunk in chunks)


def groups_by_worker(client: Any, futures: list[Any]) -> list[list[int]]:
    """The numbers of objects that are on one worker, a group for each of its threads.

    What no worker has, such as when one was lost, stands alone.
    """
    from distributed import wait  # there is a client

    wait(futures)  # type: ignore[no-untyped-call]
    threads, places = client.nthreads(), client.who_has(futures)
    on_worker: dict[Any, list[int]] = {}
    for i, future in enumerate(futures):
        workers = sorted(set(places.get(future.key, ())) & set(threads))
        on_worker.setdefault(workers[0] if workers else i, []).append(i)
    parts = [
        np.array_split(own, min(threads.get(worker, 1), len(own)))
        for worker, own in on_worker.items()
    ]
    return [part.tolist() for of_worker in parts for part in of_worker]
