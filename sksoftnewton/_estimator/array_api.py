"""Arrays of other libraries: moved to NumPy on the way in, and back on the way out.

The one module that knows of the array API. All work is done by NumPy on the CPU, so
tensors on other devices are copied; what it saves its user is the conversion, not time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._array_api import (
    _is_numpy_namespace,
    check_same_namespace,
    get_namespace_and_device,
    move_to,
)


class Place:
    """The library and the device of an array, as scikit-learn's dispatch sees them.

    Without ``array_api_dispatch=True`` it is NumPy for everything.

    Parameters
    ----------
    array : array-like
    """

    def __init__(self, array: Any) -> None:
        self._xp, _, self._device = get_namespace_and_device(array)
        self.is_numpy = bool(_is_numpy_namespace(self._xp))

    def moved_here(self, value: Any) -> Any:
        """A NumPy array moved to this place; anything else as it is."""
        if self.is_numpy or not isinstance(value, np.ndarray):
            return value
        return move_to(value, xp=self._xp, device=self._device)


def to_numpy(array: Any) -> Any:
    """An array of another library as a NumPy array; anything else as it is."""
    if array is None or np.isscalar(array):
        return array
    if hasattr(array, "detach"):  # a tensor that may require a gradient
        array = array.detach()
    if Place(array).is_numpy:
        return array
    return move_to(array, xp=np, device="cpu")


def place_of_fit(X: Any, estimator: Any, method: str) -> Place:
    """The place of X, which has to be that of the data of `fit`.

    Raises
    ------
    ValueError
        If it is another.
    """
    check_same_namespace(X, estimator, attribute="hidden_coef_", method=method)
    return Place(X)
