"""Some rows of a dense array or memory map, copied only where they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.integer]


class SelectedRows:
    """X[rows] without the copy: every slice of it is read from X.

    Parameters
    ----------
    X : ndarray or memory map of shape (n, n_features)
    rows : ndarray of int
    """

    def __init__(self, X: Any, rows: Index) -> None:
        self._X, self._rows = X, rows
        self.shape = (len(rows), X.shape[1])
        self.dtype = X.dtype

    def __getitem__(self, rows: slice | Index) -> NDArray[Any]:
        selected: NDArray[Any] = self._X[self._rows[rows]]
        return selected
