"""What the loop, the steps and the rules tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dnrm2

Array = NDArray[np.float64]


class Objective(Protocol):
    """What the solver asks of a problem with parameter vector θ.

    Attributes
    ----------
    gradient_work : float, multiply-adds of one value with its gradient
    """

    gradient_work: float

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]: ...

    def resolution(self, value: float) -> float:
        """Rounding error of a value of this size: smaller decreases are noise."""
        ...


@dataclass(frozen=True)
class Point:
    """A parameter vector with its loss and gradient."""

    theta: Array
    value: float
    gradient: Array

    @classmethod
    def at(cls, objective: Objective, theta: Array) -> Point:
        """The point; its value is infinite if anything overflowed."""
        value, gradient = objective.value_and_gradient(theta)
        finite = np.isfinite(value) and np.isfinite(gradient).all()
        return cls(theta, value if finite else np.inf, gradient)

    @property
    def gradient_norm(self) -> float:
        """Euclidean, also where squares would overflow."""
        return float(dnrm2(self.gradient))


@dataclass(frozen=True)
class Move:
    """The outcome of one outer iteration.

    Attributes
    ----------
    point : Point, the new one (the old one where no step was accepted)
    predicted : float, decrease promised by the first model tried
    resolution : float, rounding error of the loss: smaller promises are noise
    step_damping : float, λ of the step taken
    damping : float, λ to try next
    n_trials : int, values with gradients spent
    indefinite : bool, the first matrix tried was not positive definite
    stuck : bool, no damping gave an acceptable step
    n_steps : int, quasi-Newton steps taken with one matrix, 0 for a Newton step
    """

    point: Point
    predicted: float
    resolution: float
    step_damping: float
    damping: float
    n_trials: int
    indefinite: bool = False
    stuck: bool = False
    n_steps: int = 0


ConvergenceRule = Callable[[Move], bool]
