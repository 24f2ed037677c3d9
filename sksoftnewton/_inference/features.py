"""Features chosen by the evidence: those that only add noise are left out.

One ridge penalty for all features cannot be weak for the few that matter and strong
for the many that do not. What is left out has weight zero.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.run import Run
from sksoftnewton._inference.widths import WidthSearch
from sksoftnewton._rows.interface import RANK_TOLERANCE
from sksoftnewton._rows.standardisation import Index

Array = NDArray[np.float64]

# With more features per observation, sets are halved before single ones are judged.
MANY = 0.5
# After a try that failed, so many times fewer features are left out at once.
FEWER = 4


class FeatureSelection:
    """Backward selection: a set of features is judged by `Run.score`.

    Parameters
    ----------
    widths : WidthSearch
        Its trainer, starts and record are used.
    """

    def __init__(self, widths: WidthSearch) -> None:
        self.widths = widths

    def best(self, run: Run) -> Run:
        """The best network on fewer features, or the given one."""
        if self.widths.settings.n_hidden == 1:
            return run
        n_observations = run.network.rows.total_weight * run.network.rows.n_outputs
        many = run.problem.n_features >= MANY * n_observations
        best = run
        if run.network.n_hidden == 1 or many:
            best = self._halved(run)
        if best.network.n_hidden > 1 and best.problem.n_features < n_observations:
            with self.widths.settings.monitor.task("fewer features"):
                best = self._pruned(best)
        if best.problem.n_features < run.problem.n_features:
            best = self._better(self.widths.best(best.problem), best)
        return best

    def _better(self, run: Run, best: Run) -> Run:
        """The one of the higher score, unless errors speak against its more units."""
        if run.score <= best.score:
            return best
        wider = run.network.n_hidden > best.network.n_hidden
        rejected = wider and not self.widths.validation.speaks_for(run, best)
        return best if rejected else run

    def _halved(self, run: Run) -> Run:
        """The best set of half the features, a quarter, …, whatever lies between.

        Where features are many or nothing was found, a fit to all of them is a poor
        judge of single ones. Those of small weights go.
        """
        best = run
        k = self.widths.settings.n_hidden or 2
        if run.network.n_hidden != k and run.problem.n_features > 1:
            run = self.widths.best_start(run.problem, k)
        while run.problem.n_features > 1:
            A1 = run.problem.hidden_layer(run.network, run.theta)
            squares = np.sum(A1[:, :-1] ** 2, axis=0)
            of_features = np.bincount(run.problem.feature_of, squares)
            order = np.argsort(of_features, kind="stable")
            problem = run.problem.with_features(np.sort(order[len(order) // 2 :]))
            run = self.widths.best_start(problem, k)
            best = self._better(run, best)
        return best

    def _pruned(self, run: Run) -> Run:
        """Leave features out for as long as the score does not fall."""
        n_left_out = None
        while run.problem.n_features > 1:
            support = support_of(run)
            if n_left_out is None:
                n_left_out = int(np.clip(np.sum(support < 0), 1, len(support) // 2))
            order = np.argsort(support, kind="stable")
            fewer = self._without(run, order[:n_left_out])
            if fewer.score > run.score:
                run, n_left_out = fewer, None
            elif n_left_out > 1:
                n_left_out = max(n_left_out // FEWER, 1)
            else:
                break
        return run

    def _without(self, run: Run, left_out: Index) -> Run:
        began = time.perf_counter()
        kept = np.delete(np.arange(run.problem.n_features), left_out)
        trainer = self.widths.trainer
        start = trainer.moved(run, run.problem.with_features(kept))
        fewer = trainer.trained(replace(start, history=()), run.score)
        seconds = time.perf_counter() - began
        self.widths.candidates.remember(fewer)
        self.widths.candidates.record(
            fewer, "fewer features", seconds, fewer.score > run.score
        )
        return fewer


def support_of(run: Run) -> Array:
    """Log Bayes factor for each feature: its weights free against all zero.

    The ratio of prior to posterior density at zero (Savage and Dickey), with the
    Laplace approximation for the posterior, shape (n_features,).
    """
    columns = _Columns.of(run)
    if run.problem.n_columns == run.problem.n_features:
        return columns.support
    feature_of, features = run.problem.feature_of, range(run.problem.n_features)
    groups = [np.flatnonzero(feature_of == d) for d in features]
    return np.array([columns.support_of_group(group) for group in groups])


@dataclass(frozen=True)
class _Columns:
    """The weights of the columns in use, and what their posterior is made of.

    Attributes
    ----------
    weights : ndarray of shape (n_columns, n_hidden)
    factor : ndarray of shape (r, n_hidden, n_columns), of the posterior covariance
    coordinates : ndarray of shape (n_coordinates, n_columns) or None, the identity
    precision : float, of the prior
    scale : float, of F in the log posterior
    dual, whitened : bool
        Whether the covariance is the prior's less that of the factor, and whether the
        prior is one of the coordinates.
    """

    weights: Array
    factor: Array
    coordinates: Array | None
    precision: float
    scale: float
    dual: bool
    whitened: bool

    @classmethod
    def of(cls, run: Run) -> _Columns:
        assert run.posterior is not None
        problem, network, posterior = run.problem, run.network, run.posterior
        factor = posterior.covariance_factor[:, : network.size1]
        factor = factor.reshape(len(factor), network.n_hidden, -1)[:, :, :-1]
        coordinates = None
        if problem.row_space or problem.whitening:
            coordinates = problem.coordinates_of_features()
            factor = factor @ coordinates
        return cls(
            weights=problem.hidden_layer(network, run.theta)[:, :-1].T,
            factor=factor,
            coordinates=coordinates,
            precision=network.alpha[0],
            scale=network.rows.total_weight * posterior.beta,
            dual=posterior.dual,
            whitened=problem.whitening is not None,
        )

    @property
    def support(self) -> Array:
        """The log Bayes factor for each column, (n_columns,)."""
        k = self.weights.shape[1]
        inside = np.ones(len(self.weights))
        if self.coordinates is not None:
            inside = np.sum(self.coordinates**2, axis=0)
        free = np.ones_like(inside)
        if self.whitened:
            free = np.where(inside > 0, inside, 1.0)
        prior = free / self.precision
        factor = self.factor.transpose(2, 0, 1)
        spread = factor.transpose(0, 2, 1) @ factor  # (n_columns, k, k)
        if self.dual:
            covariance = prior[:, None, None] * np.eye(k) - spread
        else:
            outside = np.maximum(prior - inside / self.precision, 0.0)
            covariance = spread + outside[:, None, None] * np.eye(k)
        values, vectors = np.linalg.eigh(covariance)
        share = np.maximum(values / prior[:, None], np.finfo(np.float64).eps)
        along = np.einsum("dj,djl->dl", self.weights, vectors)
        far = self.scale * along**2 / (share * prior[:, None])
        support: Array = 0.5 * np.sum(far + np.log(share), axis=1)
        return support

    def support_of_group(self, group: Index) -> float:
        """The log Bayes factor for some columns together, on the range of the prior."""
        k, n_columns = self.weights.shape[1], len(group)
        inside = np.eye(n_columns)
        if self.coordinates is not None:
            inside = self.coordinates[:, group].T @ self.coordinates[:, group]
        prior = inside if self.whitened else np.eye(n_columns)
        factor = self.factor[:, :, group].reshape(len(self.factor), -1)
        covariance = factor.T @ factor
        if self.dual:
            covariance = np.kron(np.eye(k), prior) / self.precision - covariance
        else:
            covariance += np.kron(np.eye(k), prior - inside) / self.precision
        values, vectors = np.linalg.eigh(prior)
        kept = values > RANK_TOLERANCE * max(float(values[-1]), RANK_TOLERANCE)
        root = vectors[:, kept] * np.sqrt(self.precision / values[kept])
        whitening = np.kron(np.eye(k), root)
        share, vectors = np.linalg.eigh(whitening.T @ covariance @ whitening)
        share = np.maximum(share, np.finfo(np.float64).eps)
        along = vectors.T @ (whitening.T @ self.weights[group].T.ravel())
        return float(0.5 * np.sum(self.scale * along**2 / share + np.log(share)))
