"""Objectives given by plain functions, with the outer loop on them."""

import numpy as np

from sksoftnewton._solver.directions import PrimalSystem
from sksoftnewton._solver.newton import minimize
from sksoftnewton._solver.rules import small_decrease


class Problem:
    """An objective given by plain functions, with its exact Hessian."""

    gradient_work = 1.0

    def __init__(self, value, gradient, hessian, resolution=None):
        self.value, self.gradient, self.hessian = value, gradient, hessian
        self._resolution = resolution

    def value_and_gradient(self, theta):
        return self.value(theta), self.gradient(theta)

    def system_for(self, point, _decrease):
        hessian = self.hessian(point.theta)
        diagonal = np.abs(hessian.diagonal())
        return PrimalSystem(hessian, np.maximum(diagonal, 1e-4 * diagonal.mean()))

    def resolution(self, value):
        if self._resolution is None:
            return 8 * np.finfo(float).eps * abs(value)
        return self._resolution


def solve(problem, start, tol=1e-10, max_iter=200, **kwargs):
    return minimize(
        problem,
        np.asarray(start, dtype=float),
        problem.system_for,
        converged=small_decrease(tol),
        max_iter=max_iter,
        n_rows=1,
        **kwargs,
    )


ROSENBROCK = Problem(
    lambda x: 1 + 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
    lambda x: np.array(
        [
            -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]),
            200 * (x[1] - x[0] ** 2),
        ]
    ),
    lambda x: np.array(
        [[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200]]
    ),
)


# A quartic valley: the Hessian is indefinite at the start.
DOUBLE_WELL = Problem(
    lambda x: 1 + (x[0] ** 2 - 1) ** 2 + x[1] ** 2,
    lambda x: np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]]),
    lambda x: np.diag([12 * x[0] ** 2 - 4, 2.0]),
)
