"""Intervals of the numbers that parameters may be."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval


class Floats(Interval):  # type: ignore[misc]
    """An interval of floats and integers; NumPy knows no fractions."""

    def is_satisfied_by(self, val: Any) -> bool:
        known = isinstance(val, (float, np.floating, Integral))
        return known and bool(super().is_satisfied_by(val))
