"""Objects on the workers of Dask, one for each chunk of rows, and questions to them.

All scheduling is Dask's. A question is one graph: a function of every chunk, and for
sums a tree of additions; its answer is all that travels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from operator import getitem
from typing import Any

import dask
import numpy as np
from dask.base import get_scheduler
from dask.multiprocessing import get as get_by_processes
from numpy.typing import NDArray

from sksoftnewton._rows.data import Rounds
from sksoftnewton._rows.facts import BlockFacts
from sksoftnewton._rows.standardisation import Index
from sksoftnewton._rows.sums import Total

FAN_IN = 8  # terms that one task adds up


class Chunks:
    """One object for each chunk of consecutive rows.

    Parameters
    ----------
    objects : list of Delayed
    bounds : ndarray of shape (n_chunks + 1,)
        The first row of each chunk, and the number of all rows.
    rounds : Rounds
    kept : bool
        Whether workers keep the objects, and those made of them, in memory. Otherwise
        they are made from their source for every question.
    """

    def __init__(
        self, objects: list[Any], bounds: Index, rounds: Rounds, kept: bool
    ) -> None:
        self.objects = list(dask.persist(*objects)) if kept else objects
        self._client = _client_of(objects[0])
        self.bounds = bounds
        self.rounds = rounds
        self.kept = kept

    def mapped(self, function: Callable[..., Any], *arguments: Any) -> Chunks:
        """Chunks of what a function makes of each object."""
        call = dask.delayed(function, pure=False)
        objects = [call(chunk, *arguments) for chunk in self.objects]
        return Chunks(objects, self.bounds, self.rounds, self.kept)

    def mapped_each(self, function: Callable[..., Any], arguments: list[Any]) -> Chunks:
        """As `mapped`, with an argument of its own for each object."""
        call = dask.delayed(function, pure=False)
        objects = [
            call(chunk, own) for chunk, own in zip(self.objects, arguments, strict=True)
        ]
        return Chunks(objects, self.bounds, self.rounds, self.kept)

    def filtered(self, function: Callable[..., Any], sizes: list[int]) -> Chunks:
        """Chunks of what a function leaves of each object, so many rows of it."""
        call = dask.delayed(function, pure=False)
        objects = [
            call(chunk) for chunk, n in zip(self.objects, sizes, strict=True) if n
        ]
        bounds = np.cumsum([0, *(n for n in sizes if n)])
        return Chunks(objects, bounds, self.rounds, self.kept)

    def answers(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What a function makes of each object, here."""
        return self.answers_of(
            function, dict.fromkeys(range(len(self.objects)), arguments)
        )

    def answers_of(
        self, function: Callable[..., Any], arguments: dict[int, tuple[Any, ...]]
    ) -> list[Any]:
        """As `answers`, from the chunks of the given numbers, each with arguments."""
        ask = dask.delayed(_each, pure=False)
        asked = [[i for i in group if i in arguments] for group in self._groups]
        asked = [group for group in asked if group]
        questions = [
            ask(function, self._of(group), [arguments[i] for i in group])
            for group in asked
        ]
        found: dict[int, Any] = {}
        for group, answers in zip(asked, self._computed(questions), strict=True):
            found.update(zip(group, answers, strict=True))
        return [found[i] for i in arguments]

    def total(self, function: Callable[..., Total], *arguments: Any) -> Total:
        """The sum of what a function makes of each object."""
        ask, add = (dask.delayed(f, pure=False) for f in (_sum, _joined))
        terms = [ask(function, self._of(group), arguments) for group in self._groups]
        while len(terms) > FAN_IN:
            groups = range(0, len(terms), FAN_IN)
            terms = [add(terms[i : i + FAN_IN]) for i in groups]
        return _joined(self._computed(terms))  # the last ones here: one journey less

    def _of(self, group: list[int]) -> list[Any]:
        return [self.objects[i] for i in group]

    @cached_property
    def _groups(self) -> list[list[int]]:
        """The chunks that one task of a question is about, those of one worker.

        A task costs more than it takes to be asked. Where the chunks are is not known
        before they are there, and may change; then Dask moves them once.
        """
        if self._client is None or not self.kept:
            return [[i] for i in range(len(self.objects))]
        return groups_by_worker(self._client, self.objects)

    def _computed(self, questions: list[Any]) -> list[Any]:
        self.rounds.n += 1
        # Dask would go on without the client, and without the chunks.
        if self._client is not None and self._client.status != "running":
            raise RuntimeError("The Dask client was closed while its data were in use.")
        return list(dask.compute(*questions))

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


def _each(
    function: Callable[..., Any], chunks: list[Any], arguments: list[tuple[Any, ...]]
) -> list[Any]:
    """What a function makes of each of some chunks."""
    return [function(chunk, *own) for chunk, own in zip(chunks, arguments, strict=True)]


def _sum(
    function: Callable[..., Total], chunks: list[Any], arguments: tuple[Any, ...]
) -> Total:
    return Total.joined(function(chunk, *arguments) for chunk in chunks)


def _joined(totals: list[Total]) -> Total:
    return Total.joined(totals)


def _client_of(question: Any) -> Any:
    """The client of the cluster that would answer, None where there is no cluster."""
    return getattr(get_scheduler(collections=[question]), "__self__", None)


def groups_by_worker(client: Any, objects: list[Any]) -> list[list[int]]:
    """The numbers of objects that are on one worker, a group for each of its threads.

    What no worker has, such as when one was lost, stands alone.
    """
    from distributed import futures_of, wait  # there is a client

    futures: Any = futures_of(objects)  # type: ignore[no-untyped-call]
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


def memory_of_workers(question: Any) -> float:
    """Bytes that the workers may use to keep things; 0 if nothing stays with them."""
    client = _client_of(question)
    if client is not None:
        workers = client.scheduler_info()["workers"].values()
        return float(sum(worker["memory_limit"] or np.inf for worker in workers))
    get = get_scheduler(collections=[question])
    if get is get_by_processes:  # what they make comes back
        return 0.0
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def cumulated(facts: list[BlockFacts]) -> Index:
    """The first row of each block, and the number of all rows."""
    return np.cumsum([0, *(block.n_rows for block in facts)])


def chunk_bounds(edges: Index, multiple: int) -> Index:
    """Bounds near the given edges of blocks, at multiples of a number of rows."""
    inner = np.round(edges / multiple).astype(np.int64) * multiple
    return np.unique(np.clip(np.append(inner, (0, edges[-1])), 0, edges[-1]))


def pieces(blocks: list[Any], edges: Index, start: int, stop: int) -> Iterator[Any]:
    """The blocks, or slices of them, that make up the rows from start to stop."""
    first = int(np.searchsorted(edges, start, side="right")) - 1
    cut = dask.delayed(getitem, pure=False)
    for block, low, high in zip(
        blocks[first:], edges[first:], edges[first + 1 :], strict=False
    ):
        if low >= stop:
            break
        rows = slice(int(max(start, low) - low), int(min(stop, high) - low))
        if rows.start < rows.stop:
            whole = rows == slice(0, int(high - low))
            yield block if whole else cut(block, rows)
