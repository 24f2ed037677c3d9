"""Newton's metric from a sketch, corrected by quasi-Newton pairs.

A matrix from a sample of the rows costs little, but as the only model it stalls
wherever the sample errs. Here it is the metric of limited-memory BFGS: it takes the
conditioning away, and the pairs absorb its error and the curvature it leaves out, at
one gradient a step. One iteration of the outer loop makes one metric and takes many
steps in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dnrm2
from scipy.linalg.lapack import dpotrf, dpotrs

from sksoftnewton._solver.pairs import Pairs
from sksoftnewton._solver.points import ConvergenceRule, Move, Objective, Point

Array = NDArray[np.float64]

MEMORY = 20  # pairs
# Gradients for which one metric serves.
GRADIENTS = 40
# Beyond this λ the metric says more about λ than about the curvature.
DAMPED = 1e-2
# A step is shortened by interpolation at most so often; so many shortened steps in a
# row end the use of a metric with too small λ, so few in all let λ shrink.
SHORTENINGS = 4
TOO_MANY, FEW = 2, 2
SUFFICIENT = 1e-4  # share of the slope's decrease that is accepted
LEAST_DAMPING, LARGEST_DAMPING = 1e-6, 1e8
# Least cosine between a step and the change of the gradient along it.
LEAST_COSINE = 1e-10
LEAST_PRODUCT = 1e-300  # their product is divided by


class Metric:
    """(H + λ D)⁻¹ for a sketched H, or (1 + λ)⁻¹ D⁻¹ where H would be too large.

    Parameters
    ----------
    matrix : ndarray of shape (p, p), or None
    diagonal : ndarray of shape (p,), D
    work : float, multiply-adds that made it
    sketch_size : int, rows it was made from
    """

    def __init__(
        self, matrix: Array | None, diagonal: Array, work: float, sketch_size: int
    ) -> None:
        self.matrix = matrix
        self.diagonal = diagonal
        self.work = work
        self.sketch_size = sketch_size

    def inverse(self, damping: float) -> tuple[Callable[[Array], Array], float]:
        """The map g ↦ (H + λ D)⁻¹ g, and the λ that was large enough for it."""
        if self.matrix is None:
            return partial(np.multiply, 1 / ((1 + damping) * self.diagonal)), damping
        while True:
            damped = self.matrix.copy()
            damped[np.diag_indices_from(damped)] += damping * self.diagonal
            factor, info = dpotrf(damped.T, lower=1, overwrite_a=1, clean=0)
            self.work += len(factor) ** 3 / 6
            if not info:
                return partial(_solved, factor), damping
            damping = max(4 * damping, LEAST_DAMPING)


def _solved(factor: Any, vector: Array) -> Array:
    solution: Array = dpotrs(factor, vector, lower=1)[0]
    return solution


class QuasiNewton:
    """Limited-memory BFGS in the metric of the latest sketch.

    Parameters
    ----------
    metric_at : callable (point) -> Metric
    memory : int, pairs that are kept
    damped_gradients : int
        Gradients for which a metric with λ > `DAMPED` serves, at most: few where a
        metric costs little, so that λ can shrink soon.

    Attributes
    ----------
    n_trials : int, gradients spent with the latest metric
    damping : float, the λ that it served with
    """

    def __init__(
        self,
        metric_at: Callable[[Point], Metric],
        memory: int = MEMORY,
        damped_gradients: int = GRADIENTS,
    ) -> None:
        self._metric_at = metric_at
        self._damped_gradients = damped_gradients
        self._pairs = Pairs(memory)
        self.n_trials = 0
        self.damping = np.inf
        self._metric: Metric  # there is none before the first iteration
        self._keeps_metric = False

    def at(self, point: Point) -> QuasiNewton:
        """The same pairs with the metric at another point, or with the one kept."""
        if self._keeps_metric:
            self._metric.work = 0.0  # counted before
        else:
            self._metric = self._metric_at(point)
        self._keeps_metric = False
        self.n_trials = 0
        return self

    def keep_metric(self) -> None:
        """Go on in the metric at hand, if there is one, once more."""
        self._keeps_metric = hasattr(self, "_metric")

    @property
    def sketch_size(self) -> int:
        return self._metric.sketch_size

    @property
    def work(self) -> float:
        return self._metric.work

    def advance(
        self,
        objective: Objective,
        point: Point,
        damping: float,
        converged: ConvergenceRule,
    ) -> tuple[Move, bool]:
        """Steps until the rule holds, the metric is worn out or unsuitable.

        Returns
        -------
        move : Move from the given point to the last one
        done : bool, whether the rule holds
        """
        solve, damping = self._metric.inverse(min(damping, LARGEST_DAMPING))
        self.damping = damping
        n_steps = n_shortened = in_a_row = 0
        while True:
            step = self._step(objective, point, solve)
            self.n_trials, n_steps = self.n_trials + step.n_trials, n_steps + 1
            move = Move(
                step.point,
                step.predicted,
                step.resolution,
                damping,
                damping,
                self.n_trials,
                n_steps=n_steps,
            )
            if step.found:
                self._remember(step)
            point = step.point
            if converged(move):
                return move, True
            if not step.found:
                alone = n_steps == 1 and not self._pairs
                self._pairs.clear()
                if step.below:  # the metric's error, or rounding
                    return replace(move, stuck=alone), False
                stuck = damping >= LARGEST_DAMPING and alone
                return replace(move, damping=10 * damping, stuck=stuck), False
            in_a_row = in_a_row + 1 if step.n_trials > 1 else 0
            n_shortened += step.n_trials > 1
            if in_a_row == TOO_MANY and self._metric.matrix is not None:
                return replace(move, damping=4 * damping), False
            if self.n_trials >= self._lifetime(damping):
                if n_shortened <= FEW:
                    damping = max(damping / 3, LEAST_DAMPING)
                return replace(move, damping=damping), False

    def _step(
        self, objective: Objective, point: Point, solve: Callable[[Array], Array]
    ) -> _Search:
        """The step from a point, judged by the loss or, below its resolution, by B."""
        step = _Search(objective, point, self._direction(point.gradient, solve))
        if step.below:
            step.run_below(lambda g: -0.5 * float(g @ self._direction(g, solve)))
        else:
            step.run()
        return step

    def _direction(self, gradient: Array, solve: Callable[[Array], Array]) -> Array:
        """−B⁻¹ g."""
        scaled = self._metric.matrix is None  # D has no scale of its own
        return -self._pairs.inverse(gradient, solve, scaled=scaled)

    def _lifetime(self, damping: float) -> int:
        return (
            GRADIENTS if damping <= DAMPED else min(GRADIENTS, self._damped_gradients)
        )

    def _remember(self, search: _Search) -> None:
        step = search.point.theta - search.start.theta
        change = search.point.gradient - search.start.gradient
        product = float(step @ change)
        sizes = float(dnrm2(step)) * float(dnrm2(change))
        if product > max(LEAST_COSINE * sizes, LEAST_PRODUCT):
            self._pairs.add(step, change)


class _Search:
    """A step along a direction: full, or shortened by interpolation.

    Attributes
    ----------
    start, point : Point; the same until a step is found
    predicted, resolution : float
        ½ gᵀ B⁻¹ g, the decrease that the model promises; rounding error of the loss.
    found : bool
    n_trials : int
    """

    def __init__(self, objective: Objective, start: Point, direction: Array) -> None:
        self.objective = objective
        self.start = self.point = start
        self.direction = direction
        self.predicted = -0.5 * float(start.gradient @ direction)
        self.resolution = objective.resolution(start.value)
        self.found = False
        self.n_trials = 0

    @property
    def below(self) -> bool:
        """Whether the loss cannot tell such steps apart."""
        return not self.predicted > self.resolution

    def run(self) -> None:
        slope = float(self.start.gradient @ self.direction)
        length = 1.0
        for _ in range(SHORTENINGS + 1):
            theta = self.start.theta + length * self.direction
            trial = Point.at(self.objective, theta)
            self.n_trials += 1
            change = trial.value - self.start.value
            if change <= SUFFICIENT * length * slope:
                self.point = trial
                self.found = True
                return
            bend = change - length * slope  # half the second derivative, times length²
            shorter = -length * slope / (2 * bend) if np.isfinite(bend) else 0.0
            length *= float(np.clip(shorter, 0.1, 0.5))

    def run_below(self, predicted: Callable[[Array], float]) -> None:
        """The full step, where the loss cannot tell steps apart: the gradient decides.

        It has to shrink in the metric, as in `damped_step`: in the Euclidean norm a
        good step may well lengthen it.
        """
        trial = Point.at(self.objective, self.start.theta + self.direction)
        self.n_trials += 1
        not_above = trial.value <= self.start.value + self.resolution
        if not_above and predicted(trial.gradient) < self.predicted:
            self.point = trial
            self.found = True
