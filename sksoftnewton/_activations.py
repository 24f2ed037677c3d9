"""Softmax, and the output activations h with their derivatives and inverses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Function = Callable[[Any], Any]


def softmax(logits: Array) -> Array:
    """Softmax over axis 0, safe for logits of any finite size.

    Parameters
    ----------
    logits : ndarray of shape (k,) or (k, n)

    Returns
    -------
    ndarray of the same shape, each column non-negative with sum one.
    """
    f: Array = logits - logits.max(axis=0)
    np.exp(f, out=f)
    f /= f.sum(axis=0)
    return f


@dataclass(frozen=True)
class Activation:
    """An elementwise output activation h.

    Attributes
    ----------
    name : str
    target_range : (float, float)
        Closure of h's range; targets must lie in it.
    value, d1, d2, d3 : callables
        h and its first three derivatives. For relu the derivatives at the kink
        are the left ones (zero).
    inverse : callable
        h⁻¹ on the interior of the range (relu: the identity).
    turning_points : tuple of three tuples of float
        Interior points at which h', h'' and h''' may have an extremum.
    scales : (float, float)
        The numbers that it was `scaled` by, inside and outside.
    """

    name: str
    target_range: tuple[float, float]
    value: Function
    d1: Function
    d2: Function
    d3: Function
    inverse: Function
    turning_points: tuple[tuple[float, ...], ...] = ((), (), ())
    scales: tuple[float, float] = (1.0, 1.0)

    def __reduce__(self) -> tuple[Callable[..., Activation], tuple[Any, ...]]:
        return get_activation, (self.name, self.scales)

    def inverse_of_targets(self, y: Array, mean: Array) -> Array:
        """h⁻¹ of targets moved off the ends of the range, where it is infinite.

        Parameters
        ----------
        y : ndarray of shape (n_outputs, n)
        mean : ndarray of shape (n_outputs, 1)
            Mean of each output; a target may come as near to an end of the range as
            1 % of the distance between this end and the mean.
        """
        lower, upper = self.target_range
        width = upper - lower if np.isfinite(upper) else 1.0
        if np.isfinite(lower):
            y = np.maximum(y, lower + _margin(mean - lower, width, lower, y.dtype))
        if np.isfinite(upper):
            y = np.minimum(y, upper - _margin(upper - mean, width, upper, y.dtype))
        inverse: Array = self.inverse(y)
        return inverse

    def scaled(self, inside: float, outside: float) -> Activation:
        """The activation u ↦ h(inside · u) / outside.

        Parameters
        ----------
        inside, outside : float, positive
        """

        def function(of: Function, factor: float) -> Function:
            def scaled(u: Any) -> Any:
                # In float64: float32 may not hold the scales.
                u = np.asarray(u)
                return (factor * of(inside * u.astype(np.float64))).astype(u.dtype)

            return scaled

        def inverse(y: Any) -> Any:
            y = np.asarray(y)
            return (self.inverse(outside * y.astype(np.float64)) / inside).astype(
                y.dtype
            )

        slope = inside / outside
        lower, upper = self.target_range
        first, second, third = self.turning_points
        return Activation(
            self.name,
            (lower / outside, upper / outside),
            value=function(self.value, 1 / outside),
            d1=function(self.d1, slope),
            d2=function(self.d2, slope * inside),
            d3=function(self.d3, slope * inside * inside),
            inverse=inverse,
            turning_points=(
                tuple(point / inside for point in first),
                tuple(point / inside for point in second),
                tuple(point / inside for point in third),
            ),
            scales=(self.scales[0] * inside, self.scales[1] * outside),
        )

    def derivative_range(
        self, order: int, lower: Array, upper: Array
    ) -> tuple[Array, Array]:
        """Exact minimum and maximum of the ``order``-th derivative on intervals.

        Parameters
        ----------
        order : {0, 1, 2, 3}
        lower, upper : ndarray, the ends of the intervals
        """
        function = (self.value, self.d1, self.d2, self.d3)[order]
        ends = function(lower), function(upper)
        smallest, largest = np.minimum(*ends), np.maximum(*ends)
        for point in self.turning_points[order - 1] if order else ():
            value = function(np.asarray(point, dtype=float))
            inside = (lower < point) & (point < upper)
            smallest = np.where(inside, np.minimum(smallest, value), smallest)
            largest = np.where(inside, np.maximum(largest, value), largest)
        return smallest, largest


def _margin(distance: Array, width: float, end: float, dtype: Any) -> Array:
    """1 % of the distance to an end of the range, or of its width; not lost in it."""
    margin = 0.01 * np.where(distance > 0, distance, width)
    return np.maximum(margin, 4 * float(np.finfo(dtype).eps) * abs(end))


def _softplus_inverse(y: Array) -> Array:
    return y + np.log(-np.expm1(-y))


def _sigmoid_d1(u: Array) -> Array:
    s: Array = expit(u)
    return s * (1 - s)


def _sigmoid_d2(u: Array) -> Array:
    s: Array = expit(u)
    return s * (1 - s) * (1 - 2 * s)


def _sigmoid_d3(u: Array) -> Array:
    s: Array = expit(u)
    p = s * (1 - s)
    return p * (1 - 6 * p)


def _tanh_d1(u: Array) -> Array:
    return 1 - np.tanh(u) ** 2


def _tanh_d2(u: Array) -> Array:
    t: Array = np.tanh(u)
    return -2 * t * (1 - t**2)


def _tanh_d3(u: Array) -> Array:
    t2: Array = np.tanh(u) ** 2
    return -2 * (1 - t2) * (1 - 3 * t2)


def _identity(u: Array) -> Array:
    return u


# σ''' = 0 at σ = (1 ± 1/√3)/2 and σ'''' = 0 at σ = (1 ± √(2/3))/2 (and at 1/2);
# tanh is 2σ(2u) − 1, so its points are half of these.
_S2 = float(np.log((np.sqrt(3) + 1) / (np.sqrt(3) - 1)))
_S3 = float(np.log((np.sqrt(3) + np.sqrt(2)) / (np.sqrt(3) - np.sqrt(2))))

_ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation(
            "identity",
            (-np.inf, np.inf),
            value=_identity,
            d1=np.ones_like,
            d2=np.zeros_like,
            d3=np.zeros_like,
            inverse=_identity,
        ),
        Activation(
            "softplus",
            (0.0, np.inf),
            value=lambda u: np.logaddexp(0, u),
            d1=expit,
            d2=_sigmoid_d1,
            d3=_sigmoid_d2,
            inverse=_softplus_inverse,
            turning_points=((), (0.0,), (-_S2, _S2)),
        ),
        Activation(
            "exp",
            (0.0, np.inf),
            value=np.exp,
            d1=np.exp,
            d2=np.exp,
            d3=np.exp,
            inverse=np.log,
        ),
        Activation(
            "tanh",
            (-1.0, 1.0),
            value=np.tanh,
            d1=_tanh_d1,
            d2=_tanh_d2,
            d3=_tanh_d3,
            inverse=np.arctanh,
            turning_points=((0.0,), (-_S2 / 2, _S2 / 2), (-_S3 / 2, 0.0, _S3 / 2)),
        ),
        Activation(
            "sigmoid",
            (0.0, 1.0),
            value=expit,
            d1=_sigmoid_d1,
            d2=_sigmoid_d2,
            d3=_sigmoid_d3,
            inverse=lambda y: np.log(y) - np.log1p(-y),
            turning_points=((0.0,), (-_S2, _S2), (-_S3, 0.0, _S3)),
        ),
        Activation(
            "relu",
            (0.0, np.inf),
            value=lambda u: np.maximum(u, 0),
            d1=lambda u: (u > 0).astype(u.dtype),
            d2=np.zeros_like,
            d3=np.zeros_like,
            inverse=_identity,
        ),
    )
}

ACTIVATION_NAMES = tuple(_ACTIVATIONS)


def get_activation(name: str, scales: tuple[float, float] = (1.0, 1.0)) -> Activation:
    """The output activation called ``name`` (one of `ACTIVATION_NAMES`), scaled."""
    activation = _ACTIVATIONS[name]
    return activation if scales == (1.0, 1.0) else activation.scaled(*scales)
