"""What a fitted regressor answers: predictions, how sure they are, explanations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoftnewton._activations import get_activation
from sksoftnewton._estimator import lazy
from sksoftnewton._estimator.array_api import place_of_fit, to_numpy
from sksoftnewton._estimator.explanation import check_output, explanation, pandas
from sksoftnewton._estimator.inputs import check_infinity, checks_of, numeric_input
from sksoftnewton._estimator.parameters import generator
from sksoftnewton._estimator.prediction import (
    check_level,
    check_positive,
    exponentials,
    finite,
    interval,
    log_normal_covariance,
    log_normal_deviation,
    memberships,
    outputs,
)
from sksoftnewton._estimator.seen import Seen
from sksoftnewton._estimator.summary import Summary, summary
from sksoftnewton._estimator.table import Table
from sksoftnewton._inference.posterior import Posterior
from sksoftnewton._matrices import canonical
from sksoftnewton._rows.threads import single_threaded_blas

Array = NDArray[np.float64]


class FittedRegressor(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """The methods of a fitted `TwoLayerSoftmaxRegressor`."""

    _intercept_rest: Any = 0.0  # what hidden_intercept_ in float32 leaves out
    _seen: Seen | None = None  # of the training rows
    _table = Table()  # of the training data

    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False
    ) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Rows to predict.
        return_std : bool, default=False
            Whether to return also the standard deviation of a new observation,
            in which noise and the uncertainty of the parameters are combined.
        return_cov : bool, default=False
            Whether to return also the covariance of new observations at all rows: the
            squares of ``std`` on its diagonal, and beside it what rows share through
            the uncertainty of the parameters. Time and memory grow with the square of
            the number of rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of X, float32 or float64. For Dask collections a Dask array,
            in the chunks of X, that is computed when it is asked for.
        std : ndarray of the same shape, only with ``return_std``
            In the units of y.
        cov : ndarray of shape (n_samples, n_samples[, n_outputs]), with ``return_cov``
            In the units of y squared.

        Raises
        ------
        ValueError
            For both at once, and where the model is too large for a covariance of its
            parameters.

        See Also
        --------
        predict_interval : Interval for a new observation at each row.
        sample_y : Draws of new observations.
        """
        if return_std and return_cov:
            raise ValueError("Only one of return_std and return_cov can be True.")
        check_is_fitted(self)
        if return_std:
            self._posterior_for("return_std=True")
        if lazy.is_lazy(X):
            if return_cov:
                raise ValueError(
                    "return_cov=True takes no Dask collections: it makes a matrix of "
                    "all rows. Pass X.compute() of few rows."
                )
            return lazy.predictions().predict(self, X, return_std)
        place = place_of_fit(X, self, "predict")
        X = self._validated(X)
        y = self._targets(X)
        if not return_std and not return_cov:
            return place.moved_here(self._as_passed(y))
        spread = self._deviation(X, y) if return_std else self._covariance(X, y)
        return tuple(place.moved_here(self._as_passed(part)) for part in (y, spread))

    def _targets(self, X: Any) -> Array:
        """Predictions for validated rows, in the units of y, (n, n_outputs)."""
        y = self._outputs(X)
        if self.target_transform_ == "log":
            y = np.clip(y, *self._limits).astype(y.dtype, copy=False)
            y = exponentials(y, np.asarray(to_numpy(self.smearing_)))
        return y

    def _deviation(self, X: Any, y: Array) -> Array:
        """Of new observations with the predictions y, (n, n_outputs)."""
        with single_threaded_blas():
            variance = self._posterior_for("return_std=True").variance(canonical(X))
        if self.target_transform_ == "log":
            return finite(log_normal_deviation(y, variance), y.dtype)
        return finite(np.sqrt(variance), y.dtype)

    def _covariance(self, X: Any, y: Array) -> Array:
        """Of new observations with the predictions y, (n, n, n_outputs)."""
        with single_threaded_blas():
            covariance = self._posterior_for("return_cov=True").covariance(canonical(X))
        if self.target_transform_ == "log":
            covariance = log_normal_covariance(y.astype(np.float64), covariance)
        return finite(covariance, y.dtype)

    def predict_interval(self, X: Any, level: float = 0.9) -> Any:
        """Predict an interval for a new observation at each row.

        It has the same probability on both sides, by the quantiles of standardised
        residuals of rows left out, and lies in the range of the output activation.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features), or Dask collection
            Rows to predict.
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

        See Also
        --------
        predict : Its ``return_std`` is the standard deviation behind the interval.
        is_outside : Flags rows where an interval promises too much.
        """
        check_is_fitted(self)
        check_level(level)
        self._posterior_for("predict_interval")
        if lazy.is_lazy(X):
            return lazy.predictions().predict_interval(self, X, level)
        place = place_of_fit(X, self, "predict_interval")
        ends = self._interval(self._validated(X), level)
        return place.moved_here(self._as_passed(ends, axis=1))

    def _interval(self, X: Any, level: float) -> Array:
        """Both ends for validated rows, (n, n_outputs, 2)."""
        y = self._outputs(X)
        posterior = self._posterior_for("predict_interval")
        with single_threaded_blas():
            variance = posterior.variance(canonical(X))
        ends = interval(y, np.sqrt(variance), level, posterior.quantiles)
        return self._within_range(ends)

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw new observations, jointly for all rows.

        Each draw is one of the parameters, which all rows and outputs share, and one of
        the noise of each row. The draws at one row have the quantiles of residuals that
        `predict_interval` returns as well. They depend on those at other rows as the
        covariance of `predict` says, and have this covariance as far as residuals are
        normal. On the log scale log y is drawn. Draws beyond the range of the output
        activation are moved to its ends.

        Parameters
        ----------
        X : array-like or CSR of shape (n_rows, n_features)
            Rows at which to draw.
        n_samples : int, default=1
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Determines the draws. The estimator's own ``random_state`` does not.

        Returns
        -------
        ndarray of shape (n_rows, n_samples) or (n_rows, n_outputs, n_samples)
            In the dtype of X.

        Raises
        ------
        ValueError
            For another number of draws, and where `predict` has no ``return_std``.

        See Also
        --------
        predict : With ``return_cov=True``, the covariance of such draws.
        """
        check_is_fitted(self)
        check_positive(n_samples, "n_samples")
        place = place_of_fit(X, self, "sample_y")
        X = self._validated(X)
        y = self._outputs(X)
        rng = generator(random_state)
        with single_threaded_blas():
            posterior = self._posterior_for("sample_y")
            drawn = posterior.draws(canonical(X), n_samples, rng)
        drawn = finite(y[:, :, None] + drawn, y.dtype)
        return place.moved_here(self._as_passed(self._within_range(drawn), axis=1))

    def is_outside(self, X: Any) -> Any:
        """Flag rows that lie farther out than the training rows.

        They are farther from the mean of the training rows than 99 % of up to 2,048 of
        these are, each measured as a new row would be. The distance is taken in the
        features in use, standardised and decorrelated. Rows within it can still lie
        where no training rows were, such as between two groups of them.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            True for rows outside, where predictions extrapolate.

        Raises
        ------
        ValueError
            For models of more than 1,000 features in use.
        """
        check_is_fitted(self)
        place = place_of_fit(X, self, "is_outside")
        X = self._validated(X)
        seen = self._seen_for("is_outside")
        with single_threaded_blas():
            return place.moved_here(seen.is_outside(X))

    def summary(self) -> Summary:
        """Summarise the fit in a short table of text.

        For each unit: its share of the training rows, its value (the prediction for a
        row that belongs to it alone), and up to three features that set it apart from
        the other units, with the sign of their influence on its membership and their
        means in the unit, in the units of X. Below: the features in use with their
        importances, basis, scale of the target, noise, the log evidence and how far it
        lies above that of the next width (width and features have priors, which count),
        and the warnings of the fit.

        Returns
        -------
        Summary
            Prints as text; `str` gives the text.

        Raises
        ------
        ValueError
            For a model that an older version has stored.

        See Also
        --------
        explain : The same for single rows.
        """
        check_is_fitted(self)
        return summary(self, self._seen_for("summary"))

    def explain(self, X: Any, output: int | None = None, n_leading: int = 3) -> Any:
        """Explain predictions by the units and features that lead to them.

        Needs pandas.

        Parameters
        ----------
        X : array-like, CSR or frame of shape (n_samples, n_features)
            Rows to explain.
        output : int, default=None
            Which of several outputs is explained; not needed for one.
        n_leading : int, default=3
            Number of units and of features of each row that are listed.

        Returns
        -------
        pandas.DataFrame
            With a row for each row of X and its index: ``prediction``; ``unit_1``,
            ``share_1`` and ``value_1`` for the unit of the largest membership, that
            membership and the prediction for the unit alone, and so on for the next
            ones; ``feature_1`` and ``effect_1`` for the feature of the largest effect,
            which is the prediction less the one with all columns of the feature at
            their means, and so on; ``outside``, as `is_outside` has it. All in the
            units of y. Effects do not add up to the prediction.

        Raises
        ------
        ValueError
            For an output or a number that there is not, and for a model that an older
            version has stored.
        ImportError
            Without pandas.

        See Also
        --------
        summary : Units and features of all training rows together.
        """
        check_is_fitted(self)
        pd = pandas()
        check_positive(n_leading, "n_leading")
        output = check_output(output, self.output_coef_.shape[0])
        seen = self._seen_for("explain")
        place_of_fit(X, self, "explain")
        rows = self._validated(X)
        with single_threaded_blas():
            columns = explanation(self, seen, rows, output, n_leading)
        return pd.DataFrame(
            columns, index=X.index if isinstance(X, pd.DataFrame) else None
        )

    def _seen_for(self, asked_for: str) -> Seen:
        """What the fit kept of its rows; an error that names what needs it."""
        if self._seen is None:
            raise ValueError(
                f"{asked_for} is not available: the model was stored by an older "
                "version, or the fit has not ended yet."
            )
        return self._seen

    def _within_range(self, values: Array) -> Array:
        """Ends or draws on the scale of `_outputs`, as possible targets."""
        if self.target_transform_ == "log":
            values = exponentials(values, 1.0)
        return np.clip(values, *get_activation(self.output_activation).target_range)

    def _outputs(self, X: Any) -> Array:
        """h(A2 f) of validated rows, logarithms for log targets, (n, n_outputs)."""
        f = self._memberships(X)
        output_coef = self._layers()[2].astype(f.dtype, copy=False)
        return outputs(get_activation(self.output_activation), f, output_coef)

    def _posterior_for(self, asked_for: str) -> Posterior:
        """The posterior; an error that names what needs it where there is none."""
        if self._posterior is None:
            raise ValueError(
                f"{asked_for} is not available: the covariance of the parameters "
                f"of {self.n_hidden_} hidden units and {self.n_features_in_} features "
                "would be too large a matrix, or the fit has not ended yet."
            )
        posterior: Posterior = self._posterior
        return posterior

    def _as_passed(self, values: Array, axis: int = -1) -> Array:
        """Without the axis of outputs if y had none."""
        return np.take(values, 0, axis) if self._one_output else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions, averaged over the outputs.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features), or Dask collection
            Rows to predict.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or Dask's
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 equals the row given twice.

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
        """Compute soft memberships of the hidden units, ``softmax(A1 x)``.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Rows to divide among the units.

        Returns
        -------
        ndarray of shape (n_samples, n_hidden_)
            Non-negative rows of sum one.

        See Also
        --------
        transform : The same as a step of a pipeline.
        """
        return self._hidden(X, "hidden_activations")

    def transform(self, X: Any) -> Any:
        """Compute the same as `hidden_activations`, as a step of a pipeline.

        Columns are named ``twolayersoftmaxregressor0``, …; `set_output` makes frames.

        Parameters
        ----------
        X : array-like or CSR of shape (n_samples, n_features)
            Rows to divide among the units.

        Returns
        -------
        ndarray or frame of shape (n_samples, n_hidden_)
            Memberships.
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
        lazy.check_local(X)
        if self._table.has_categories:
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._table.array(X)
        with np.errstate(over="ignore", invalid="ignore"):  # in the test for NaN
            checked = validate_data(
                self, numeric_input(X, "X"), reset=False, **checks_of(X)
            )
        check_infinity(checked, getattr(self, "feature_names_in_", None))
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
