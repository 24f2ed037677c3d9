"""The scikit-learn estimator: parameters, validation, and what a fit sets; no maths."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_consistent_length, column_or_1d, get_tags
from sklearn.utils.validation import _check_sample_weight, _check_y, validate_data

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator import lazy
from sksoftnewton._estimator.array_api import Place, to_numpy
from sksoftnewton._estimator.callbacks import Tasks
from sksoftnewton._estimator.fitted import FittedRegressor
from sksoftnewton._estimator.inputs import check_infinity, checks_of, numeric_input
from sksoftnewton._estimator.messages import warn_of, warnings_of
from sksoftnewton._estimator.parameters import (
    CONSTRAINTS,
    check_targets,
    check_weights,
    generator,
    is_auto,
    settings_of,
)
from sksoftnewton._estimator.results import check_finite, network_results, results
from sksoftnewton._estimator.seen import seen_results
from sksoftnewton._estimator.storage import with_format, without_format
from sksoftnewton._estimator.stream import Memory
from sksoftnewton._estimator.table import Table, flagged, learned
from sksoftnewton._inference.candidates import outcome
from sksoftnewton._inference.monitor import Monitor
from sksoftnewton._inference.search import Search
from sksoftnewton._inference.widths import FIRST_ALPHA
from sksoftnewton._matrices import canonical
from sksoftnewton._network.problem import Layers, Problem
from sksoftnewton._rows.data import ArrayData, Data
from sksoftnewton._rows.threads import single_threaded_blas

Array = NDArray[np.float64]


class TwoLayerSoftmaxRegressor(CallbackSupportMixin, FittedRegressor):  # type: ignore[misc]
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
        scale stated under Notes. One number is used for both. With another output
        activation than the identity they are in units of y squared: in other units of
        y the same number is another penalty. "auto": the first maximises the evidence,
        the second is that of a prior on the scale of y, and features are left out
        (weight zero) where that raises the evidence.
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
    categorical_features : "from_dtype", None, or array-like of str, int or bool, \
            default="from_dtype"
        Which columns are categories. "from_dtype": in a frame those of text, of truth
        values and of pandas' and polars' categorical types; none of an array. None: no
        column. Else their names, their indices or a mask. A category enters as one
        column for each level. Levels seen once (of weight 1 or less) share one, and
        levels that `fit` has not seen are taken for these; where they are few (of
        weight 4 or less together), both are the average of all levels. Categories of
        more than 60 levels enter as one number, the mean of the target over the rows of
        a level, less what is linear in the other columns, shrunk towards that of all
        rows; in the training rows themselves it is that of other rows.
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
    verbose : int or bool, default=False
        1 or True: print one line for each network that is judged, and one for the
        choice. 2: also one for each iteration.

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
        with on the scale of logarithms; else one. Predicted logarithms stay within
        those of half the least and twice the largest training target.
    n_hidden_ : int
        Number of hidden units.
    support_ : ndarray of bool of shape (n_features_in_,)
        The features in use. Others have weight zero; there are none for a given
        ``alpha``.
    feature_importances_ : ndarray of shape (n_features_in_,)
        How much each feature matters, with sum one and zero for features left out: the
        standard deviation of its effects on predictions of at most 2,048 training rows
        (on the log scale, of log y), in units of that of y. The effect of a feature is
        the prediction less the one with all its columns at their means. All are zero
        for a constant model.
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
        Dask have answered so far, 0 for other data), ``time`` (s) and ``alpha``, the
        first penalty in use.
    n_iter_ : int
        Number of outer iterations.
    status_ : {"converged", "max_iter", "no_progress", "stopped_by_callback"}
        Why the fit ended.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, when they are all strings.

    See Also
    --------
    two_layer_softmax_regression : The paper's problem, with a certificate.
    sklearn.neural_network.MLPRegressor : Layers of sigmoids or ramps, trained by
        stochastic gradients.
    sklearn.gaussian_process.GaussianProcessRegressor : Chosen by the evidence as well,
        at a cost that grows with the cube of the number of rows.

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

    References
    ----------
    The problem and its Newton method are those of `arXiv 2311.15390
    <https://arxiv.org/abs/2311.15390>`_, the evidence is that of D. J. C. MacKay,
    `Bayesian interpolation <https://doi.org/10.1162/neco.1992.4.3.415>`_, Neural
    Computation 4(3), 1992, pp. 415–447.

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
    _memory: Memory | None = None  # of the rows that partial_fit was given

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
        categorical_features: Any = "from_dtype",
        output_weights: Any = None,
        sketch: str = "auto",
        sketch_size: int | float | str = "auto",
        n_init: int | str = "auto",
        max_iter: int = 200,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int | bool = False,
    ) -> None:
        self.n_hidden = n_hidden
        self.output_activation = output_activation
        self.alpha = alpha
        self.penalty = penalty
        self.basis = basis
        self.target_transform = target_transform
        self.noise = noise
        self.categorical_features = categorical_features
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
        tags.input_tags.allow_nan = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        positive = self.output_activation in ("softplus", "exp", "relu")
        if positive or self.target_transform == "log":
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
        X : array-like, CSR or frame of shape (n_samples, n_features)
            Sparse data are never made dense, and memory maps never copied, as a whole.
            Missing numbers of dense data (NaN, None, NA, null) enter as the mean, with
            a column that says so. Or a Dask array or data frame of finite numbers: its
            chunks stay on their workers.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, in the closed range of the output activation. With a Dask X they
            may be Dask's, too, in other chunks; so may the weights.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 equals the row given twice.

        Returns
        -------
        self : TwoLayerSoftmaxRegressor
            Fitted.

        Raises
        ------
        ValueError
            For infinite numbers, missing targets or weights, targets out of range, and
            parameters that do not fit together; it names the column or the parameter.
        """
        checked = copy(self)  # an interrupted fit leaves self as it was
        data = checked._validated_for_fit(X, y, sample_weight)
        settings, output_weights = settings_of(self, data.n_outputs)
        previous = self._previous_layers(data)
        place = Place(np.empty(0) if lazy.is_lazy(X) else X)
        tasks = self._tasks(checked, X, y, sample_weight, data.dtype, place)
        settings = replace(settings, monitor=Monitor(int(self.verbose), tasks))

        tasks.begin_fit()
        with single_threaded_blas():
            problem = Problem(
                data,
                activation=get_activation(self.output_activation),
                penalty=self.penalty,
                output_weights=output_weights,
                n_threads=effective_n_jobs(self.n_jobs),
                dense_blocks=self.basis == "ramps"
                or (previous is not None and previous.basis.has_ramps),
            )
            if settings.alpha is not None:
                inside = problem.units.alpha_inside(settings.alpha)
                settings = replace(settings, alpha=inside)
            search = Search(problem, settings, generator(self.random_state))
            if previous is None:
                run = search.best()
            else:
                run = search.best_from(previous, self._previous_alpha(problem))
            fitted = results(search, run, data.dtype, place)
            found = warnings_of(run, settings, data.Y, data.weight)
            fitted.update(seen_results(run, data, place, found))
            check_finite(fitted)

        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(_of_the_data(checked), _memory=None, **fitted)
        tasks.end_fit()
        settings.monitor.chosen(outcome(run))
        warn_of(found)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> TwoLayerSoftmaxRegressor:
        """Fit to these rows and those of earlier calls.

        Up to 10,000 rows are remembered, in the model: all of them, or a random sample
        in which each row of the stream has the same chance to be. A call goes on from
        the solution before it, with the rows remembered. Whenever half as many rows
        again have been seen, or a parameter has been changed, it is a new fit to them,
        which chooses width, features and scales anew. So the order of the rows does not
        matter, and as long as all rows are remembered a new fit is the same as `fit`.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Rows that have not been passed before.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, as in `fit`.

        Returns
        -------
        self : TwoLayerSoftmaxRegressor
            Fitted.

        Raises
        ------
        ValueError
            As `fit`, and for rows of another kind than those before.

        Warns
        -----
        UserWarning
            After `fit`, which keeps no rows: these rows are the first then.

        See Also
        --------
        fit : Forgets the rows remembered, and fits to all rows it is given.
        """
        begun = self._memory is not None
        if not begun and hasattr(self, "hidden_coef_"):
            warnings.warn(
                "partial_fit begins with these rows: it goes on from earlier calls to "
                "partial_fit, not from fit, which keeps no rows.",
                stacklevel=3,
            )
        lazy.check_local(X)
        checked = copy(self)
        data = checked._validated_for_fit(X, y, sample_weight, not begun).local
        if checked._table.has_categories:
            raise ValueError(
                "partial_fit takes no categories: the levels of later rows are not "
                "known. Encode them, or call fit with all rows."
            )
        memory = self._memory or Memory.empty(data.X, data.Y)
        seed = int(generator(self.random_state).integers(2**31))
        memory = memory.with_rows(data.X, data.Y, data.weight, seed)

        parameters = repr(self.get_params())
        anew = memory.is_due(parameters)
        if begun and self.target_transform_ == "log":  # what a new fit may give up
            anew = anew or memory.Y.min() <= 0
        model = copy(self)
        model.warm_start = not anew
        one_output = checked._one_output
        model.fit(memory.X, memory.Y[:, 0] if one_output else memory.Y, memory.weight)

        model._memory = memory.searched(parameters) if anew else memory
        model.warm_start = self.warm_start
        self.__dict__.update(vars(model), **_of_the_data(checked))
        return self

    def _validate_params(self) -> None:
        with np.errstate(over="ignore"):  # of a float32 beside the largest float64
            super()._validate_params()

    # -- inside fit -------------------------------------------------------------

    def _validated_for_fit(
        self, X: Any, y: Any, sample_weight: Any, reset: bool = True
    ) -> Data:
        """What was passed, checked; sets what it determines."""
        activation = get_activation(self.output_activation)
        is_lazy = lazy.is_lazy(X, y, sample_weight)
        if not is_lazy:
            lazy.check_local(X)
        flags = None if is_lazy else flagged(X, self.categorical_features)
        if self.warm_start and hasattr(self, "hidden_coef_"):
            self._table.check_same(flags)
        if is_lazy:
            self._table = Table()
            checked: Data = lazy.collections().data_for_fit(
                self, X, y, sample_weight, activation
            )
            return checked
        if flags is None:
            self._table = Table()
            with np.errstate(over="ignore", invalid="ignore"):  # in the test for NaN
                X, y = validate_data(
                    self,
                    numeric_input(X, "X"),
                    numeric_input(y, "y"),
                    reset=reset,
                    multi_output=True,
                    y_numeric=True,
                    **checks_of(X),
                )
            check_infinity(X, getattr(self, "feature_names_in_", None))
        else:
            validate_data(self, X, reset=reset, skip_check_array=True)
            y = _check_y(
                numeric_input(y, "y"), multi_output=True, y_numeric=True, estimator=self
            )
            check_consistent_length(X, y)
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
        Y = Y.reshape(len(Y), -1)
        if flags is not None:
            X = self._rows_of_table(X, flags, Y, weight)
        return ArrayData(canonical(X), Y, weight, labels=self._table.labels)

    def _rows_of_table(self, X: Any, flags: Any, Y: Array, weight: Array) -> Array:
        """Rows of a table with categories; sets the table, or keeps that of before."""
        if self.warm_start and self._table.has_categories:
            rows: Array = self._table.array(X)
            return rows
        self._table, rows = learned(X, flags, Y, weight, self.random_state)
        return rows

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

    def _previous_layers(self, data: Data) -> Layers | None:
        if not (self.warm_start and hasattr(self, "hidden_coef_")):
            return None
        width = self.n_hidden_ if is_auto(self.n_hidden) else self.n_hidden
        basis = "ramps" if self.basis_.has_ramps else "linear"
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
            ("the number of features", self.n_features_in_, data.n_features),
            ("the number of outputs", self.output_coef_.shape[0], data.n_outputs),
        ):
            if before != now:
                raise ValueError(
                    f"warm_start=True, but {name} changed from {before} to {now} "
                    "since the previous fit. Use warm_start=False."
                )
        log = self.target_transform_ == "log"
        if log and (self.output_activation != "identity" or data.Y.min() <= 0):
            raise ValueError(
                "warm_start=True, but the previous fit was one of logarithms of y, "
                'which takes positive targets and output_activation="identity" only. '
                "Use warm_start=False."
            )
        return Layers(*self._layers(), self.basis_, log)

    def _previous_alpha(self, problem: Problem) -> tuple[float, float]:
        """The penalties to go on from; from no penalty at all nothing leads on."""
        first, second = (float(alpha) for alpha in np.asarray(to_numpy(self.alpha_)))
        first, second = problem.units.alpha_inside((first, second))
        return first or FIRST_ALPHA, second or FIRST_ALPHA


def _of_the_data(checked: Any) -> dict[str, Any]:
    """The attributes that the data determine, without a fit."""
    names = ("n_features_in_", "feature_names_in_", "_one_output", "_table")
    return {name: vars(checked)[name] for name in names if name in vars(checked)}
