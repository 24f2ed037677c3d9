"""One thread for small matrices: parallel work comes from the blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """One BLAS thread: on small matrices more cost time, and 100 ms on a busy core.

    Parallel work comes from the blocks of rows instead.
    """
    with _blas().limit(limits=1):
        yield
