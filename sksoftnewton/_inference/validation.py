"""Errors on rows that a network was not trained on: the guard beside the evidence.

The evidence trusts the noise to be Gaussian and the posterior to be so near θ. Where
either fails, units settle on a few outlying rows, and the evidence rises while
predictions get worse. Rows that were left out tell.

Where rows are few each is left out in turn, in the linear model that a network is near
θ: the residual of an observation that is left out is c / (1 − h), with the leverage
h = g H⁻¹ gᵀ / Σω of one repetition of it, g its row of the Jacobian, and H the
Gauss–Newton matrix, ridge included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._activations import softmax
from sksoftnewton._inference.evidence import Laplace
from sksoftnewton._inference.run import Run
from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.objective import Network
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.blocks import Block
from sksoftnewton._rows.sums import Terms

Array = NDArray[np.float64]

# Rows predicted at a time, rows of the Jacobian made at a time, and the least 1 − h.
ROWS, JACOBIAN_ROWS = 8192, 512
LEAST_SHARE = 1e-3


class Validation:
    """Compares networks by their errors on rows that are left out.

    Parameters
    ----------
    held_out : dict of Problem, by whether targets are logarithms, or None
        Rows that no network is trained on; None: each training row is left out in
        turn.
    """

    def __init__(self, held_out: dict[bool, Problem] | None = None) -> None:
        self.held_out = held_out

    def speaks_for(self, run: Run, simpler: Run) -> bool:
        """Whether the mean squared error is less than that of a simpler network.

        Where it is approximate, by more than its standard error.
        """
        approximate = self.held_out is None
        if approximate and (run.posterior is None or simpler.posterior is None):
            return True
        gain, error = self.gain(run, simpler)
        return gain > (error if approximate else 0.0)

    def gain(self, run: Run, simpler: Run) -> tuple[float, float]:
        """How much lower the mean squared error is, and its standard error."""
        problem = self._problem(run)
        weight, total = problem.rows.weight, problem.rows.total_weight
        gains = self.squared_errors(simpler) - self.squared_errors(run)
        mean = float(weight @ gains) / total
        variance = float(weight @ (gains - mean) ** 2) / total
        return mean, float(np.sqrt(variance / total))

    def squared_errors(self, run: Run) -> Array:
        """Of every row, summed over the outputs, on the scale of standardised y."""
        problem, errors = self._problem(run), self._errors(run)
        with np.errstate(over="ignore"):
            if problem.log:
                factor = smearing(run.problem, run.network, run.theta)
                factor = np.minimum(factor, np.finfo(np.float64).max)
                targets = problem.rows.targets
                errors = problem.units.errors_of_unlogged(targets, errors, factor)
            squares: Array = np.sum(errors**2, axis=1)
        return np.minimum(squares, np.finfo(np.float64).max ** 0.25)

    def _problem(self, run: Run) -> Problem:
        """The problem whose rows are predicted."""
        return run.problem if self.held_out is None else self.held_out[run.problem.log]

    def _errors(self, run: Run) -> Array:
        if self.held_out is None:
            assert run.posterior is not None
            return leave_one_out(run.posterior)
        problem = self._problem(run).like(run.problem)
        network = problem.network(run.network.n_hidden, run.network.alpha)
        theta = problem.start_from_other(network, run.problem, run.network, run.theta)
        return residuals(network, theta)


def smearing(problem: Problem, network: Network, theta: Array) -> Array:
    """The weighted mean of exp(residual) of each output, for logarithms of targets.

    The exponential of a predicted logarithm times this is a conditional mean (Duan
    1983). One for other targets.
    """
    rows = network.rows
    if not problem.log:
        return np.ones(rows.n_outputs)
    A1, A2 = network.layers(theta)
    h, scale = network.activation, problem.units.targets.scale[:, None]

    def terms(block: Block) -> Terms:
        u = A2 @ softmax(block.logits(A1))
        c = (h.value(u) - block.targets).astype(np.float64) * scale
        return (np.exp(-c) @ block.weight,)

    (total,) = rows.sum(terms)
    factor: Array = total / rows.total_weight
    return factor


def residuals(network: Network, theta: Array) -> Array:
    """ŷ − y of every row, standardised, shape (n_rows, n_outputs)."""
    A1, A2 = network.layers(theta)
    rows = network.rows.local
    c = np.empty((rows.n_rows, rows.n_outputs))
    for start in range(0, rows.n_rows, ROWS):
        here = slice(start, start + ROWS)
        block = rows.block(here)
        u = A2 @ softmax(block.logits(A1))
        c[here] = (network.activation.value(u) - block.targets).T
    return c


def leave_one_out(laplace: Laplace) -> Array:
    """As `residuals`, for rows that are left out."""
    c = residuals(laplace.network, laplace.theta)
    errors: Array = c / np.maximum(1 - leverages(laplace), LEAST_SHARE)
    return errors


def leverages(laplace: Laplace) -> Array:
    """h of every observation, shape (n_rows, n_outputs)."""
    network, rows = laplace.network, laplace.network.rows.local
    if laplace.dual:  # h of whole rows is the diagonal of I − (I + J ridge⁻¹ Jᵀ)⁻¹
        outside = np.sum(laplace.inverse_factor**2, axis=0)
        whole = (1 - outside).reshape(rows.n_outputs, rows.n_rows).T
        shares: Array = whole / rows.weight[:, None]
        return shares
    curvature = Curvature(network, laplace.theta)
    leverages = np.empty((rows.n_rows, rows.n_outputs))
    for start in range(0, rows.n_rows, JACOBIAN_ROWS):
        here = slice(start, start + JACOBIAN_ROWS)
        block = rows.block(here)
        for o, J in enumerate(curvature.jacobian(block)):
            spread = laplace.inverse_factor @ J.T
            leverages[here, o] = np.sum(spread**2, axis=0) / block.weight
    return leverages / rows.total_weight
