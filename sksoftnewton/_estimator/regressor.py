"""The scikit-learn estimator: parameters, validation, fitted attributes; no maths."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import DTypeLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, column_or_1d, get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator import lazy
from sksoftnewton._estimator.array_api import Place, place_of_fit, to_numpy
from sksoftnewton._estimator.callbacks import Tasks
from sksoftnewton._estimator.inputs import numeric_input
from sksoftnewton._estimator.messages import warn_of_failure, warn_of_outliers
from sksoftnewton._estimator.parameters import (
    CONSTRAINTS,
    check_targets,
    check_weights,
    is_auto,
    settings_of,
)
from sksoftnewton._estimator.prediction import (
    check_level,
    exponentials,
    finite,
    interval,
    log_normal_deviation,
    memberships,
    outputs,
)
from sksoftnewton._estimator.results import (
    check_finite,
    network_results,
    results,
)
from sksoftnewton._estimator.storage import with_format, without_format
from sksoftnewton._inference.monitor import Monitor
from sksoftnewton._inference.search import Search
from sksoftnewton._inference.widths import FIRST_ALPHA
from sksoftnewton._matrices import canonical
from sksoftnewton._network.problem import Layers, Problem
from sksoftnewton._rows.data import ArrayData, Data
from sksoftnewton._rows.facts import check_finite as check_entries
from sksoftnewton._rows.threads import single_threaded_blas

Array = NDArray[np.float64]


class TwoLayerSoftmaxRegressor(
    CallbackSupportMixin,  # type: ignore[misc]
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Two-layer softmax regression trained by a damped Newton method.

    Predicts ``h(A2 softmax(A1 x))``: the first layer divides the feature space
    softly among its hidden units, the second gives each unit an output value.
    Features and targets are standardised internally, so data need no scaling.
    By default the Bayesian evidence chooses width, regularisation, the features
    that matter and the scales of features and targets, errors on rows left out guard
    its choices, and predictions say how sure they are.

    Parameters
    ----------
    n_hidden : int or "auto", default="auto"
        Number of hidden units. "auto": 1, 2, 4, 8, … units are tried for as long as
        the evidence grows.
    output_activation : {"identity", "softplus", "exp", "tanh", "sigmoid", "relu"}, \
            default="identity"
        The output activation h. Targets must lie in its closed range.
    alpha : float, pair of floats or "auto", default="auto"
        Ridge penalties of the first and the second layer, on the standardised
        scale stated under Notes. One number is used for both. "auto": the first
        maximises the evidence, the second is that of a prior on the scale of y, and
        features are left out (weight zero) where that raises the evidence.
    penalty : {"weights", "logits"}, default="weights"
        What the first penalty is put on: the weights of the first layer, or its
        outputs A1 x averaged over the training rows.
    basis : {"linear", "ramps", "auto"}, default="auto"
        What a feature x enters as: itself, or also piecewise-linear ramps
        clip((x − b) / (b' − b), 0, 1) between quantiles b < b' of it, so that every
        logit is a sum of continuous, piecewise-linear functions of single features.
        "auto": ramps with 3, 7, 15 or 31 inner knots a feature, and at most 100
        columns, where they raise the evidence and lower the error on rows left out;
        never for a given ``alpha``, sparse data, more features than rows, or
        ``penalty="logits"``.
    target_transform : {"identity", "log", "auto"}, default="auto"
        The scale of the targets. "log": their logarithms are fitted, and predictions
        are conditional means of y. "auto": logarithms compete where there is one
        positive target whose values differ by a factor of three or more, h is the
        identity and ``alpha`` is not given. A shift of y therefore matters.
    noise : {"constant", "auto"}, default="auto"
        "auto": each hidden unit has a noise variance of its own where the likelihood
        of residuals of rows left out asks for it. It changes standard deviations and
        intervals, not predictions.
    output_weights : array-like of shape (n_outputs, n_hidden), default=None
        A second layer that is given, in the units of y. None: it is learned.
    sketch : {"auto", "none", "uniform", "leverage", "countsketch"}, default="auto"
        How the Newton matrix is estimated: from rows drawn with equal probability
        or by approximate leverage, or from all rows thrown into random buckets
        ("countsketch"). "none": never. "auto": from uniformly drawn rows where there
        are more than 2,048 observations.
    sketch_size : int, float or "auto", default="auto"
        Rows of a sketch, as an integer, or as a float in rows per parameter of the
        model. "auto": 4 to 40 rows per parameter, so that a sketch costs about four
        gradients.
    n_init : int or "auto", default="auto"
        Number of starts, each trained to the end; the one with the lowest
        objective (the highest evidence where alpha is "auto") is kept. "auto":
        three starts are compared after ten iterations and the best goes on; one
        start where width and alpha are given, and in the widths beyond 4 of
        ``n_hidden="auto"``, which have another that divides the units of the width
        before. In large problems given widths beyond 8 are grown from 8 units in the
        same way; with a hundred rows per parameter the start is the best of four.
    max_iter : int, default=200
        Largest number of outer (Newton) iterations of the network that is kept.
    tol : float, default=1e-4
        The fit ends when the next step promises to lower the objective F by less
        than ``1e-2 * tol * F``, or when ten steps together lowered it by less than
        ``tol * F``.
    warm_start : bool, default=False
        Start from the solution of the previous call to `fit`, with its width,
        instead of from random starts.
    n_jobs : int, default=None
        Threads over blocks of rows. No result depends on it.
    random_state : int, RandomState instance or None, default=None
        Determines the random starts, and with more than 2,048 observations the rows
        of sketches and samples: four fifths of the rows, but at most 10,000, on which
        everything is chosen, and as many others to compare errors on.
    verbose : bool, default=False
        Print one line per iteration.

    Attributes
    ----------
    hidden_coef_ : ndarray of shape (n_hidden_, n_columns)
        Weights of the first layer, A1, for the columns of ``basis_.transform(X)``: the
        n_features_in_ features themselves where it is linear.
    basis_ : object
        The map of the features: ``transform(X)``, ``get_feature_names_out()``, and
        ``knots_``, a list with an array for each feature, empty without ramps.
    hidden_intercept_ : ndarray of shape (n_hidden_,)
        Intercepts of the first layer.
    output_coef_ : ndarray of shape (n_outputs, n_hidden_)
        Weights of the second layer, A2, in the units of y, or of its logarithm.
    target_transform_ : {"identity", "log"}
        The scale that was fitted.
    smearing_ : ndarray of shape (n_outputs,)
        Mean of the exponentials of the residuals, which predictions are multiplied
        with on the scale of logarithms; else one.
    n_hidden_ : int
        Number of hidden units.
    support_ : ndarray of bool of shape (n_features_in_,)
        The features in use. Others have weight zero; there are none for a given
        ``alpha``.
    alpha_ : ndarray of shape (2,)
        The two penalties in use.
    noise_variance_ : ndarray of shape (n_outputs,)
        Variance of y about the prediction, with the parameters spent on the fit
        accounted for, in the units of y squared; that of log y on that scale.
    unit_noise_variance_ : ndarray of shape (n_outputs, n_hidden_)
        The same for each hidden unit. The noise at x has the logarithm
        Σ_j f_j(x) log σ_j², with the memberships f.
    log_evidence_ : float
        Log marginal likelihood of the standardised targets (Laplace's
        approximation); −inf for a zero penalty, NaN for a model too large for it.
    effective_dof_ : float
        Number of parameters that the data determine.
    width_path_ : dict of ndarrays
        One entry per width, start and set of features that was tried:
        ``target_transform``, ``n_features``, ``n_columns``, ``n_hidden``, ``start``
        ("random", "grown", "split", "fewer features", "ramps" from fewer columns,
        "warm" or "stopped"), ``n_rows`` it was judged on, ``log_evidence``,
        ``log_prior`` (of width and features; the sum of both decides),
        ``effective_dof``, ``loss``, ``time`` (s) and ``kept`` (the best start of its
        width, or features left out for good).
    loss_ : float
        Final value of the objective F, of logarithms where these were fitted.
    loss_curve_ : list of float
        F, at the penalties of the moment, after each iteration that used all rows.
    history_ : dict of ndarrays
        One entry per iteration: ``loss``, ``gradient_norm``, ``damping``,
        ``n_rows`` in use, ``sketch_size`` (0: no sketch), ``n_cg``
        (quasi-Newton steps with one sketch), ``passes`` (all work so far in units of
        one value and gradient over all rows), ``rounds`` (questions that the workers of
        Dask have answered so far, 0 for other data) and ``time`` (s).
    n_iter_ : int
        Number of outer iterations.
    status_ : {"converged", "max_iter", "no_progress", "stopped_by_callback"}
        Why the fit ended.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, when they are all strings.

    Notes
    -----
    With weights ω, standardised first layer A1s (weights times the basis columns'
    standard deviations, intercepts c at the columns' means) and standardised
    second layer A2s, the objective is

    F = 1/(2 Σω) Σ ω |(y − ŷ)/s|² + α₁/2 (|A1s|² + |c|²) + α₂/2 |A2s|²,

    where s is the weighted standard deviation of y for the identity activation
    and 1 otherwise. ``penalty="logits"`` replaces the second term by
    α₁/(2 Σω) Σ ω |A1 x|².

    Sample weights count as repeated rows; up to 2,048 observations, or 10,000 with
    ``sketch="none"``, the equivalence is exact, converged or not.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> X, y = make_friedman1(n_samples=500, noise=1.0, random_state=0)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> y_mean, y_std = model.predict(X, return_std=True)
    >>> y_mean.shape, y_std.shape
    ((500,), (500,))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    # The page of the documentation that the HTML representation links to.
    _doc_link_module = "sksoftnewton"
    _doc_link_template = (
        "https://sksoftnewton.readthedocs.io/en/stable/api/"
        "{estimator_module}.{estimator_name}.html"
    )

    alpha_: Array
    _intercept_rest: Any = 0.0  # what hidden_intercept_ in float32 leaves out

    def __init__(
        self,
        n_hidden: int | str = "auto",
        *,
        output_activation: str = "identity",
        alpha: float | tuple[float, float] | str = "auto",
        penalty: str = "weights",
        basis: str = "auto",
        target_transform: str = "auto",
        noise: str = "auto",
        output_weights: Any = None,
        sketch: str = "auto",
        sketch_size: int | float | str = "auto",
        n_init: int | str = "auto",
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
        self.basis = basis
        self.target_transform = target_transform
        self.noise = noise
        self.output_weights = output_weights
        self.sketch = sketch
        self.sketch_size = sketch_size
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __getstate__(self) -> dict[str, Any]:
        return with_format(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(without_format(state))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        if self.output_activation in ("softplus", "exp", "relu"):
            tags.target_tags.positive_only = True
            # Several outputs work, but scikit-learn's check of this tag fits
            # negative targets whatever positive_only says.
            tags.target_tags.multi_output = False
        # One unit has membership 1 everywhere: the model is a constant.
        tags.regressor_tags.poor_score = self.n_hidden == 1
        return tags

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> TwoLayerSoftmaxRegressor:
        """Fit the two layers.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Sparse data are never made dense, and memory maps never copied, as a whole.
            Or a Dask array or data frame: its chunks stay on their workers.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            With a Dask X it may be Dask's, too, in other chunks; so may the weights.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 equals the row given twice.

        Returns
        -------
        self : TwoLayerSoftmaxRegressor
        """
        checked = copy(self)  # an interrupted fit leaves self as it was
        data = checked._validated_for_fit(X, y, sample_weight)
        settings, output_weights = settings_of(self, data.n_outputs)
        previous = self._previous_layers(data.n_features, data.n_outputs)
        place = Place(np.empty(0) if lazy.is_lazy(X) else X)
        tasks = self._tasks(checked, X, y, sample_weight, data.dtype, place)
        settings = replace(settings, monitor=Monitor(bool(self.verbose), tasks))

        tasks.begin_fit()
        with single_threaded_blas():
            problem = Problem(
                data,
                activation=get_activation(self.output_activation),
                penalty=self.penalty,
                output_weights=output_weights,
                n_threads=effective_n_jobs(self.n_jobs),
                dense_blocks=self.basis == "ramps",
            )
            if settings.alpha is not None:
                inside = problem.units.alpha_inside(settings.alpha)
                settings = replace(settings, alpha=inside)
            search = Search(problem, settings, self._generator())
            if previous is None:
                run = search.best()
            else:
                run = search.best_from(previous, self._previous_alpha(problem))
            fitted = results(search, run, data.dtype, place)
            check_finite(fitted)

        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(_of_the_data(checked), **fitted)
        tasks.end_fit()
        warn_of_failure(run, self.max_iter)
        if not run.problem.log:
            warn_of_outliers(data.Y, data.weight)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return also the standard deviation of a new observation,
            in which noise and the uncertainty of the parameters are combined.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of X, float32 or float64. For Dask collections a Dask array,
            in the chunks of X, that is computed when it is asked for.
        std : ndarray of the same shape, only with ``return_std``
            In the units of y.
        """
        check_is_fitted(self)
        self._check_variance(return_std, "return_std=True")
        if lazy.is_lazy(X):
            return lazy.predictions().predict(self, X, return_std)
        place = place_of_fit(X, self, "predict")
        y, std = self._prediction(self._validated(X), return_std)
        if not return_std:
            return place.moved_here(self._as_passed(y))
        return tuple(place.moved_here(self._as_passed(part)) for part in (y, std))

    def _prediction(self, X: Any, return_std: bool) -> tuple[Array, Array]:
        """Targets and standard deviations (or nothing of the kind) of checked rows."""
        y = self._outputs(X)
        if self.target_transform_ == "log":
            y = exponentials(y, np.asarray(to_numpy(self.smearing_)))
        if not return_std:
            return y, y
        variance = self._variance(X)
        std = np.sqrt(variance)
        if self.target_transform_ == "log":
            std = log_normal_deviation(y, variance)
        return y, finite(std, y.dtype)

    def predict_interval(self, X: Any, level: float = 0.9) -> Any:
        """Predict an interval for a new observation at each row.

        It has the same probability on both sides and lies in the range of the output
        activation.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features), or Dask collection
        level : float, default=0.9
            Probability of the interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, in the dtype of X.

        Raises
        ------
        ValueError
            For another level, and where `predict` has no ``return_std``.
        """
        check_is_fitted(self)
        check_level(level)
        self._check_variance(True, "predict_interval")
        if lazy.is_lazy(X):
            return lazy.predictions().predict_interval(self, X, level)
        place = place_of_fit(X, self, "predict_interval")
        ends = self._interval(self._validated(X), level)
        return place.moved_here(self._as_passed(ends))

    def _interval(self, X: Any, level: float) -> Array:
        """Both ends for checked rows, shape (n, n_outputs, 2)."""
        ends = interval(self._outputs(X), np.sqrt(self._variance(X)), level)
        if self.target_transform_ == "log":
            ends = exponentials(ends, 1.0)
        lower, upper = get_activation(self.output_activation).target_range
        return np.clip(ends, lower, upper)

    def _outputs(self, X: Any) -> Array:
        """h(A2 f) of validated rows, logarithms for log targets, (n, n_outputs)."""
        f = self._memberships(X)
        output_coef = self._layers()[2].astype(f.dtype, copy=False)
        return outputs(get_activation(self.output_activation), f, output_coef)

    def _check_variance(self, wanted: bool, asked_for: str) -> None:
        if wanted and self._posterior is None:
            raise ValueError(
                f"{asked_for} is not available: the covariance of the parameters "
                f"of {self.n_hidden_} hidden units and {self.n_features_in_} features "
                "would be too large a matrix, or the fit has not ended yet."
            )

    def _variance(self, X: Any) -> Array:
        """Of new observations at validated rows, on the scale of `_outputs`."""
        with single_threaded_blas():
            variance: Array = self._posterior.variance(canonical(X))
        return variance

    def _as_passed(self, values: Array) -> Array:
        """Without the axis of outputs if y had none."""
        return values[:, 0] if self._one_output else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions, averaged over the outputs.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features), or Dask collection
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or Dask's
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            For Dask collections from sums over their chunks.
        """
        if lazy.is_lazy(X, y, sample_weight):
            check_is_fitted(self)
            return float(lazy.predictions().score(self, X, y, sample_weight))
        return float(super().score(X, y, sample_weight))

    def hidden_activations(self, X: Any) -> Any:
        """Soft memberships of the hidden units, ``softmax(A1 x)``.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_hidden_), non-negative rows of sum one
        """
        return self._hidden(X, "hidden_activations")

    def transform(self, X: Any) -> Any:
        """The same as `hidden_activations`, for use as a step of a pipeline.

        Columns are named ``twolayersoftmaxregressor0``, …; `set_output` makes frames.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)

        Returns
        -------
        ndarray or frame of shape (n_samples, n_hidden_)
        """
        return self._hidden(X, "transform")

    def _hidden(self, X: Any, method: str) -> Any:
        check_is_fitted(self)
        if lazy.is_lazy(X):
            return lazy.predictions().hidden_activations(self, X)
        place = place_of_fit(X, self, method)
        return place.moved_here(self._memberships(self._validated(X)))

    @property
    def _n_features_out(self) -> int:
        return int(self.n_hidden_)

    def _validated(self, X: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):  # in the test for NaN
            checked = validate_data(
                self, numeric_input(X, "X"), reset=False, **_checks_of(X)
            )
        if _is_map(X):
            check_entries(checked)
        return checked

    def _layers(self) -> tuple[Array, Array, Array]:
        layers = self.hidden_coef_, self.hidden_intercept_, self.output_coef_
        # Also where they are tensors and the dispatch is off by now.
        first, intercept, second = (np.asarray(to_numpy(layer)) for layer in layers)
        return first, intercept + np.asarray(to_numpy(self._intercept_rest)), second

    def _memberships(self, X: Any) -> Array:
        first, intercept, _ = self._layers()
        with single_threaded_blas():
            return memberships(X, first, intercept, self.basis_)

    # -- inside fit -------------------------------------------------------------

    def _validated_for_fit(self, X: Any, y: Any, sample_weight: Any) -> Data:
        """What was passed to `fit`, checked; sets what it determines."""
        activation = get_activation(self.output_activation)
        if lazy.is_lazy(X, y, sample_weight):
            checked: Data = lazy.collections().data_for_fit(
                self, X, y, sample_weight, activation
            )
            return checked
        by_blocks = _is_map(X)
        with np.errstate(over="ignore", invalid="ignore"):  # in the test for NaN
            X, y = validate_data(
                self,
                numeric_input(X, "X"),
                numeric_input(y, "y"),
                multi_output=True,
                y_numeric=True,
                **_checks_of(X),
            )
        if by_blocks:
            check_entries(X)
        weight = _check_sample_weight(
            numeric_input(sample_weight, "sample_weight"),
            X,
            dtype=np.float64,
            ensure_non_negative=True,
        )
        check_weights(weight)
        one_column = y.ndim == 2 and y.shape[1] == 1
        if one_column and not get_tags(self).target_tags.multi_output:
            y = column_or_1d(y, warn=True)
        Y = np.asarray(y, dtype=np.float64)
        check_targets(Y, activation, self.target_transform)
        self._one_output = Y.ndim == 1
        return ArrayData(canonical(X), Y.reshape(len(Y), -1), weight)

    def _generator(self) -> np.random.Generator:
        random_state = check_random_state(self.random_state)
        return np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))

    def _tasks(
        self,
        checked: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        dtype: DTypeLike,
        place: Place,
    ) -> Tasks:
        """The bridge to callbacks, which get the data as the user passed them."""
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        of_the_data = _of_the_data(checked)
        return Tasks(
            self,
            self._init_callback_context(max_subtasks=None),
            {"X": X, "y": y, "metadata": metadata},
            lambda problem, network, theta: {
                "feature_names_in_": None,  # not those of a fit before
                **of_the_data,
                **network_results(problem, network, theta, dtype, place),
            },
        )

    def _previous_layers(self, n_features: int, n_outputs: int) -> Layers | None:
        if not (self.warm_start and hasattr(self, "hidden_coef_")):
            return None
        width = self.n_hidden_ if is_auto(self.n_hidden) else self.n_hidden
        basis = "linear" if self.basis_.is_linear else "ramps"
        for name, before, now in (
            ("n_hidden", self.n_hidden_, width),
            ("basis", basis, basis if is_auto(self.basis) else self.basis),
            (
                "target_transform",
                self.target_transform_,
                self.target_transform_
                if is_auto(self.target_transform)
                else self.target_transform,
            ),
            ("the number of features", len(self.basis_.knots_), n_features),
            ("the number of outputs", self.output_coef_.shape[0], n_outputs),
        ):
            if before != now:
                raise ValueError(
                    f"warm_start=True, but {name} changed from {before} to {now} "
                    "since the previous fit. Use warm_start=False."
                )
        return Layers(*self._layers(), self.basis_, self.target_transform_ == "log")

    def _previous_alpha(self, problem: Problem) -> tuple[float, float]:
        """The penalties to go on from; from no penalty at all nothing leads on."""
        first, second = (float(alpha) for alpha in np.asarray(to_numpy(self.alpha_)))
        first, second = problem.units.alpha_inside((first, second))
        return first or FIRST_ALPHA, second or FIRST_ALPHA


def _is_map(X: Any) -> bool:
    """Whether X is a memory map of numbers, which is only ever read in blocks."""
    return isinstance(X, np.memmap) and X.dtype.kind in "biuf"


def _checks_of(X: Any) -> dict[str, Any]:
    """What scikit-learn checks of X; it would copy memory maps."""
    if _is_map(X):
        return {"dtype": None, "ensure_all_finite": False}
    return {"dtype": [np.float64, np.float32], "accept_sparse": "csr"}


def _of_the_data(checked: Any) -> dict[str, Any]:
    """The attributes that the data determine, without a fit."""
    names = ("n_features_in_", "feature_names_in_", "_one_output")
    return {name: vars(checked)[name] for name in names if name in vars(checked)}
