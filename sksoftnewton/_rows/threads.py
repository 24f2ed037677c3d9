"""One thread for small matrices: parallel work comes from the blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


@lru_cache(maxsize=1)
def _libraries() -> tuple[ThreadpoolController, ThreadpoolController]:
    """The libraries that count threads for the process, and for each thread."""
    found = ThreadpoolController()
    own = {
        library.filepath
        for part in ({"user_api": "openmp"}, {"threading_layer": "openmp"})
        for library in found.select(**part).lib_controllers
    }
    shared = {library.filepath for library in found.lib_controllers} - own
    return found.select(filepath=list(shared)), found.select(filepath=list(own))


class _SharedLimit:
    """The limit of the process: the first to enter sets it, the last to leave ends it.

    If each of two overlapping fits put back what it found, the later one would put
    back the limit of the earlier one, for good.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_inside = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limit = _libraries()[0].limit(limits=1)
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                _release()
                self._limit.restore_original_limits()
                _release()


def _release() -> None:
    """Let any thread change the limit: since 3.8 it is up to the one that set it."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_limit = _SharedLimit()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """One thread of BLAS and OpenMP: on small matrices more cost time.

    On a busy core they cost 100 ms. Parallel work comes from the blocks of rows
    instead. Contexts may overlap in several threads: the limit holds until the last of
    them ends.
    """
    _limit.enter()
    try:
        with _libraries()[1].limit(limits=1):
            yield
    finally:
        _limit.leave()
