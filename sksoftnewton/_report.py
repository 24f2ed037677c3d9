"""The history of a fit: its columns, and a line for each iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._newton import Point, Row

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


class Printer:
    """Prints one aligned line per iteration, under a title for each stage."""

    def stage(self, title: str) -> Callable[[Point, Row], bool]:
        print(title)
        print("".join(f"{name:>14}" for name in ("iteration", *HISTORY)))
        self.n = 0
        return self.line

    def line(self, point: Point, row: Row) -> bool:
        self.n += 1
        fields = (pattern.format(row[name]) for name, pattern in HISTORY.items())
        print(f"{self.n:>14}" + "".join(f"{field:>14}" for field in fields))
        return False


def columns(rows: list[Row], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The named columns of a list of rows."""
    return {name: np.array([row[name] for row in rows]) for name in names}
