"""Arrays that are used again, block after block, one set for each thread."""

from __future__ import annotations

import threading
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch(threading.local):
    """Named arrays of one dtype whose memory is kept from call to call.

    What is asked for under one name overwrites what was there before.

    Parameters
    ----------
    dtype : dtype
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self._kept: dict[str, NDArray[Any]] = {}
        self._latest: dict[str, NDArray[Any]] = {}

    def __reduce__(self) -> tuple[type[Scratch], tuple[Any]]:
        """A copy elsewhere has memory of its own."""
        return Scratch, (self.dtype,)

    def __call__(self, name: str, *shape: int) -> NDArray[Any]:
        """An array of this shape with whatever is in it."""
        latest = self._latest.get(name)
        if latest is not None and latest.shape == shape:
            return latest
        size = prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, dtype=self.dtype)
        latest = self._latest[name] = kept[:size].reshape(shape)
        return latest
