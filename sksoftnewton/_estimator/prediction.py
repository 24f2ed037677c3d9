"""From rows and layers in the user's units to memberships and outputs, all finite."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from sksoftnewton._activations import Activation, softmax
from sksoftnewton._inference.noise import quantile_of
from sksoftnewton._rows.basis import Basis

Array = NDArray[np.float64]

PREDICT_ROWS = 8192
LOGIT_ROUNDING = 1e-5


def memberships(
    X: Any, hidden_coef: Array, hidden_intercept: Array, basis: Basis
) -> Array:
    """softmax(A1 φ(x)) of every row, shape (n, n_hidden), in the dtype of X.

    Where the intercepts are so large that float32 would round the logits, they are
    made in float64.
    """
    single = X.dtype == np.float32
    given: Any = np.float32 if single else np.float64  # memory maps of integers
    rounding = np.finfo(given).eps * np.abs(hidden_intercept).max()
    dtype = given if rounding < LOGIT_ROUNDING else np.float64
    coef = hidden_coef.T.astype(dtype, copy=False)
    intercept = hidden_intercept.astype(dtype, copy=False)
    out = np.empty((X.shape[0], len(intercept)), dtype=given)
    for start in range(0, X.shape[0], PREDICT_ROWS):
        part = X[start : start + PREDICT_ROWS].astype(dtype, copy=False)
        part = basis.transform(part)
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


def check_level(level: Any) -> None:
    """Raise ValueError unless it is a probability between 0 and 1."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ValueError(f"level={level!r} is not a number between 0 and 1.")


def check_positive(value: Any, name: str) -> None:
    """Raise ValueError unless it is a positive integer."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{name}={value!r} is not a positive integer.")


def interval(mean: Array, deviation: Array, level: float, quantiles: Array) -> Array:
    """Both ends of the central interval of new observations, (n, n_outputs, 2).

    Parameters
    ----------
    mean, deviation : ndarray of shape (n, n_outputs)
    level : float
    quantiles : ndarray of shape (n_outputs, n_levels), of standardised residuals
    """
    level = float(level)
    factors = [
        quantile_of(quantiles, share) for share in ((1 - level) / 2, (1 + level) / 2)
    ]
    ends = np.stack([mean + factor * deviation for factor in factors], axis=-1)
    largest = np.finfo(mean.dtype).max
    rounded: Array = np.clip(ends, -largest, largest).astype(mean.dtype, copy=False)
    return rounded


def exponentials(logarithms: Array, smearing: Array | float) -> Array:
    """Targets whose logarithms are given: means, where their smearing is."""
    with np.errstate(over="ignore"):
        means = np.exp(logarithms.astype(np.float64)) * smearing
    return finite(means, logarithms.dtype)


def log_normal_deviation(mean: Array, variance: Array) -> Array:
    """Standard deviation of log-normal targets of so large a mean.

    Parameters
    ----------
    mean : ndarray of shape (n, n_outputs)
    variance : ndarray of the same shape, of the logarithms
    """
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = mean * np.sqrt(np.expm1(variance))
    return _numbers(deviation)


def log_normal_covariance(mean: Array, covariance: Array) -> Array:
    """Covariance of log-normal targets of so large means.

    Parameters
    ----------
    mean : ndarray of shape (n, n_outputs)
    covariance : ndarray of shape (n, n, n_outputs), of the logarithms
    """
    with np.errstate(over="ignore", invalid="ignore"):
        products = np.expm1(covariance) * mean[:, None] * mean
    return _numbers(products)


def _numbers(products: Array) -> Array:
    """Zero for a mean of zero times what overflows."""
    return np.nan_to_num(products, copy=False, nan=0.0, posinf=np.inf, neginf=-np.inf)


def finite(values: Array, dtype: Any) -> Array:
    """Overflow as the largest number of a dtype, with its sign."""
    largest = np.finfo(dtype).max
    return np.clip(values, -largest, largest).astype(dtype, copy=False)
