"""The scikit-learn estimator: parameters, validation, fitted attributes; no maths."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d, get_tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sksoftnewton._activations import (
    ACTIVATION_NAMES,
    Activation,
    get_activation,
    softmax,
)
from sksoftnewton._network import Network
from sksoftnewton._newton import CONVERGED, MAX_ITER, Point, Row, Solution
from sksoftnewton._training import Layers, Problem, single_threaded_blas, train

Array = NDArray[np.float64]

PREDICT_ROWS = 8192
PRINTED = {
    "loss": "{:.6e}",
    "gradient_norm": "{:.3e}",
    "damping": "{:.1e}",
    "n_rows": "{:d}",
    "sketch_size": "{:d}",
    "n_cg": "{:d}",
    "passes": "{:.1f}",
    "time": "{:.3f}",
}


class TwoLayerSoftmaxRegressor(
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Two-layer softmax regression trained by a damped Newton method.

    Predicts ``h(A2 softmax(A1 x))``: the first layer divides the feature space
    softly among its hidden units, the second gives each unit an output value.
    Features and targets are standardised internally, so data need no scaling.

    Parameters
    ----------
    n_hidden : int, default=8
        Number of hidden units.
    output_activation : {"identity", "softplus", "exp", "tanh", "sigmoid", "relu"}, \
            default="identity"
        The output activation h. Targets must lie in its closed range.
    alpha : float or pair of floats, default=1e-3
        Ridge penalties of the first and the second layer, on the standardised
        scale stated under Notes. One number is used for both.
    penalty : {"weights", "logits"}, default="weights"
        What the first penalty is put on: the weights of the first layer, or its
        outputs A1 x averaged over the training rows.
    output_weights : array-like of shape (n_outputs, n_hidden), default=None
        A second layer that is given, in the units of y. None: it is learned.
    n_init : int, default=1
        Number of random starts; the one with the lowest objective is kept.
    max_iter : int, default=200
        Largest number of outer (Newton) iterations for each start.
    tol : float, default=1e-4
        The fit ends when the next step promises to lower the objective F by less
        than ``1e-2 * tol * F``.
    warm_start : bool, default=False
        Start from the solution of the previous call to `fit` (it takes the place
        of the first random start).
    n_jobs : int, default=None
        Threads over blocks of rows. No result depends on it.
    random_state : int, RandomState instance or None, default=None
        Determines the random starts.
    verbose : bool, default=False
        Print one line per iteration.

    Attributes
    ----------
    hidden_coef_ : ndarray of shape (n_hidden, n_features_in_)
        Weights of the first layer, A1.
    hidden_intercept_ : ndarray of shape (n_hidden,)
        Intercepts of the first layer.
    output_coef_ : ndarray of shape (n_outputs, n_hidden)
        Weights of the second layer, A2, in the units of y.
    n_hidden_ : int
        Number of hidden units.
    alpha_ : ndarray of shape (2,)
        The two penalties in use.
    loss_ : float
        Final value of the objective F.
    loss_curve_ : list of float
        F after each iteration.
    history_ : dict of ndarrays
        One entry per iteration: ``loss``, ``gradient_norm``, ``damping``,
        ``n_rows``, ``sketch_size``, ``n_cg``, ``passes`` (cost so far in
        full-data gradients) and ``time`` (s).
    n_iter_ : int
        Number of outer iterations.
    status_ : {"converged", "max_iter", "no_progress"}
        Why the fit ended.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, when they are all strings.

    Notes
    -----
    With weights ω, standardised first layer A1s (weights times the columns'
    standard deviations, intercepts c at the columns' means) and standardised
    second layer A2s, the objective is

    F = 1/(2 Σω) Σ ω |(y − ŷ)/s|² + α₁/2 (|A1s|² + |c|²) + α₂/2 |A2s|²,

    where s is the weighted standard deviation of y for the identity activation
    and 1 otherwise. ``penalty="logits"`` replaces the second term by
    α₁/(2 Σω) Σ ω |A1 x|².

    Sample weights are exactly equivalent to repeated rows.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> X, y = make_friedman1(n_samples=500, noise=1.0, random_state=0)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "output_activation": [StrOptions(set(ACTIVATION_NAMES))],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "penalty": [StrOptions({"weights", "logits"})],
        "output_weights": ["array-like", None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_hidden: int = 8,
        *,
        output_activation: str = "identity",
        alpha: float | tuple[float, float] = 1e-3,
        penalty: str = "weights",
        output_weights: Any = None,
        n_init: int = 1,
        max_iter: int = 200,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_hidden = n_hidden
        self.output_activation = output_activation
        self.alpha = alpha
        self.penalty = penalty
        self.output_weights = output_weights
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.output_activation in ("softplus", "exp", "relu"):
            tags.target_tags.positive_only = True
            # Several outputs work, but scikit-learn's check of this tag fits
            # negative targets whatever positive_only says.
            tags.target_tags.multi_output = False
        # One unit has membership 1 everywhere: the model is a constant.
        tags.regressor_tags.poor_score = self.n_hidden == 1
        return tags

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> TwoLayerSoftmaxRegressor:
        """Fit the two layers.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Sparse data are never made dense as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 equals the row given twice.

        Returns
        -------
        self : TwoLayerSoftmaxRegressor
        """
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        activation = get_activation(self.output_activation)
        if y.ndim == 2 and y.shape[1] == 1 and not self._advertises_outputs():
            y = column_or_1d(y, warn=True)
        Y = np.asarray(y, dtype=np.float64)
        _check_targets(Y, activation)
        one_output = Y.ndim == 1
        Y = Y.reshape(len(Y), -1)
        alpha = _check_alpha(self.alpha)
        output_weights = self._check_output_weights(Y.shape[1])
        previous = self._previous_layers(X.shape[1], Y.shape[1])

        with single_threaded_blas():
            problem = Problem(
                _canonical(X),
                Y,
                weight,
                activation=activation,
                penalty=self.penalty,
                output_weights=output_weights,
                n_threads=effective_n_jobs(self.n_jobs),
            )
            network = problem.network(self.n_hidden, alpha)
            solution = self._best_of_starts(problem, network, previous)
            layers = problem.layers(network, solution.point.theta)

        self._one_output = one_output
        self.n_hidden_ = int(self.n_hidden)
        self.alpha_ = np.array(alpha)
        self.hidden_coef_ = layers.hidden_coef.astype(X.dtype, copy=False)
        self.hidden_intercept_ = layers.hidden_intercept.astype(X.dtype, copy=False)
        self.output_coef_ = layers.output_coef.astype(X.dtype, copy=False)
        self._store_progress(solution)
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of X, float32 or float64.
        """
        h = get_activation(self.output_activation)
        f = self.hidden_activations(X)
        predictions: Array = h.value(
            f @ self.output_coef_.T.astype(f.dtype, copy=False)
        )
        return predictions[:, 0] if self._one_output else predictions

    def hidden_activations(self, X: Any) -> Array:
        """Soft memberships of the hidden units, ``softmax(A1 x)``.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_hidden_), non-negative rows of sum one
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        coef = self.hidden_coef_.T.astype(X.dtype, copy=False)
        intercept = self.hidden_intercept_.astype(X.dtype, copy=False)
        out = np.empty((X.shape[0], self.n_hidden_), dtype=X.dtype)
        with single_threaded_blas():
            for start in range(0, X.shape[0], PREDICT_ROWS):
                rows = slice(start, start + PREDICT_ROWS)
                logits = np.asarray(X[rows] @ coef) + intercept
                out[rows] = softmax(logits.T).T
        return out

    # -- inside fit -------------------------------------------------------------

    def _advertises_outputs(self) -> bool:
        return bool(get_tags(self).target_tags.multi_output)

    def _best_of_starts(
        self, problem: Problem, network: Network, previous: Layers | None
    ) -> Solution:
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        rng = np.random.default_rng(seed)
        best: Solution | None = None
        for i in range(self.n_init):
            if i == 0 and previous is not None:
                theta = problem.start_from(network, previous)
            else:
                theta = problem.random_start(network, rng)
            if self.verbose:
                print(f"start {i + 1} of {self.n_init}")
                print("".join(f"{name:>14}" for name in ("iteration", *PRINTED)))
            solution = train(
                network,
                theta,
                tol=self.tol,
                max_iter=self.max_iter,
                callback=_Printer() if self.verbose else None,
            )
            if best is None or solution.point.value < best.point.value:
                best = solution
        assert best is not None
        return best

    def _store_progress(self, solution: Solution) -> None:
        history = solution.history
        self.loss_ = solution.point.value
        self.loss_curve_ = [row["loss"] for row in history]
        self.history_ = {
            name: np.array([row[name] for row in history]) for name in PRINTED
        }
        self.n_iter_ = len(history)
        self.status_ = solution.status
        if solution.status == MAX_ITER:
            warnings.warn(
                f"Stopped at max_iter={self.max_iter} while the objective was still "
                f"falling (loss {self.loss_:.3e}, gradient norm "
                f"{history[-1]['gradient_norm']:.1e}). A larger max_iter, tol or "
                "alpha lets the fit converge.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif solution.status != CONVERGED:
            warnings.warn(
                f"Stopped after {self.n_iter_} iterations because no step lowers the "
                f"objective any more (loss {self.loss_:.3e}, gradient norm "
                f"{history[-1]['gradient_norm']:.1e}). A larger alpha makes the "
                "problem better conditioned.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _check_output_weights(self, n_outputs: int) -> Array | None:
        if self.output_weights is None:
            return None
        A2 = np.atleast_2d(np.asarray(self.output_weights, dtype=np.float64))
        expected = (n_outputs, self.n_hidden)
        if A2.shape != expected:
            raise ValueError(
                f"output_weights must have shape (n_outputs, n_hidden) = {expected}, "
                f"got {A2.shape}."
            )
        if not np.isfinite(A2).all():
            raise ValueError("output_weights contains NaN or infinity.")
        return A2

    def _previous_layers(self, n_features: int, n_outputs: int) -> Layers | None:
        if not (self.warm_start and hasattr(self, "hidden_coef_")):
            return None
        for name, before, now in (
            ("n_hidden", self.n_hidden_, self.n_hidden),
            ("the number of features", self.hidden_coef_.shape[1], n_features),
            ("the number of outputs", len(self.output_coef_), n_outputs),
        ):
            if before != now:
                raise ValueError(
                    f"warm_start=True, but {name} changed from {before} to {now} "
                    "since the previous fit. Use warm_start=False."
                )
        return Layers(self.hidden_coef_, self.hidden_intercept_, self.output_coef_)


class _Printer:
    """Prints one aligned line per iteration."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, point: Point, row: Row) -> bool:
        self.n += 1
        fields = (pattern.format(row[name]) for name, pattern in PRINTED.items())
        print(f"{self.n:>14}" + "".join(f"{field:>14}" for field in fields))
        return False


def _check_alpha(alpha: Any) -> tuple[float, float]:
    values = (
        np.broadcast_to(np.asarray(alpha, dtype=float), (2,))
        if (np.ndim(alpha) == 0 or np.shape(alpha) == (2,))
        else None
    )
    if values is None or not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(
            "alpha must be a non-negative number or a pair of them, one a layer; "
            f"got {alpha!r}."
        )
    return float(values[0]), float(values[1])


def _check_targets(Y: Array, activation: Activation) -> None:
    lower, upper = activation.target_range
    outside = np.argwhere((lower > Y) | (upper < Y))
    if len(outside):
        where = tuple(int(i) for i in outside[0])
        ends = f"[{lower:g}, {upper:g}" + ("]" if np.isfinite(upper) else ")")
        raise ValueError(
            f"output_activation={activation.name!r} has the range {ends}, but "
            f"y[{', '.join(map(str, where))}] = {Y[where]:g} lies outside it."
        )


def _canonical(X: Any) -> Any:
    """CSR without duplicate entries; dense arrays as they are."""
    if not sp.issparse(X):
        return X
    X = sp.csr_array(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X
