"""From rows and layers in the user's units to memberships and outputs, all finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax

Array = NDArray[np.float64]

PREDICT_ROWS = 8192
LOGIT_ROUNDING = 1e-5


def memberships(X: Any, hidden_coef: Array, hidden_intercept: Array) -> Array:
    """softmax(A1 x) of every row, shape (n, n_hidden), in the dtype of X.

    Where the intercepts are so large that float32 would round the logits, they are
    made in float64.
    """
    rounding = np.finfo(X.dtype).eps * np.abs(hidden_intercept).max()
    dtype = X.dtype if rounding < LOGIT_ROUNDING else np.float64
    coef = hidden_coef.T.astype(dtype, copy=False)
    intercept = hidden_intercept.astype(dtype, copy=False)
    out = np.empty((X.shape[0], len(intercept)), dtype=X.dtype)
    for start in range(0, X.shape[0], PREDICT_ROWS):
        part = X[start : start + PREDICT_ROWS].astype(dtype, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = np.asarray(part @ coef) + intercept
            if not np.isfinite(logits).all():
                far = np.flatnonzero(~np.isfinite(logits).all(axis=1))
                logits[far] = _far_logits(part[far], coef, intercept)
            out[start : start + PREDICT_ROWS] = softmax(logits.T).T
    return out


def _far_logits(X: Any, coef: Array, intercept: Array) -> Array:
    """Logits, up to a constant a row, of rows so far away that they overflow.

    The largest is 0, and others may be −inf.
    """
    x = (X.toarray() if sp.issparse(X) else X).astype(np.float64)
    size = np.abs(x).max(axis=1, keepdims=True)
    logits = (x / size) @ coef.astype(np.float64) + intercept / size
    logits -= logits.max(axis=1, keepdims=True)
    far: Array = (logits * size).astype(coef.dtype)
    return far


def outputs(activation: Activation, f: Array, output_coef: Array) -> Array:
    """h(A2 f) of every row, shape (n, n_outputs); what overflows is the largest number.

    Parameters
    ----------
    activation : Activation
    f : ndarray of shape (n, n_hidden)
    output_coef : ndarray of shape (n_outputs, n_hidden)
    """
    with np.errstate(over="ignore"):
        return finite(activation.value(f @ output_coef.T), f.dtype)


def finite(values: Array, dtype: Any) -> Array:
    """Non-negative overflow as the largest number of a dtype."""
    largest = np.finfo(dtype).max
    return np.minimum(values, largest).astype(dtype, copy=False)
