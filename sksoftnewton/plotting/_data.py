"""The model that displays take, with the steps in front of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.explanation import check_output, unit_values
from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.noise import quantile_of
from sksoftnewton.plotting._columns import Array, Columns, Flags


class Fitted:
    """A fitted model of ours, as the last step of a pipeline or alone.

    Parameters
    ----------
    estimator : TwoLayerSoftmaxRegressor, pipeline that ends in one, or search for one
    display : type
        For the error message.

    Attributes
    ----------
    model : TwoLayerSoftmaxRegressor
    names : list of str or None, of the columns that the first step was fitted to
    """

    def __init__(self, estimator: Any, display: type) -> None:
        estimator = getattr(estimator, "best_estimator_", estimator)
        is_pipeline = isinstance(estimator, Pipeline)
        self._steps = estimator[:-1] if is_pipeline and len(estimator) > 1 else None
        model = estimator[-1] if is_pipeline else estimator
        if not isinstance(model, TwoLayerSoftmaxRegressor):
            kind = f"{type(estimator).__name__} of " if is_pipeline else ""
            raise TypeError(
                f"{display.__name__} needs a fitted TwoLayerSoftmaxRegressor, a "
                "pipeline that ends in one, or a search for one of these; got "
                f"{kind}{type(model).__name__}."
            )
        check_is_fitted(model)
        self.model = model
        names = getattr(estimator, "feature_names_in_", None)
        self.names = None if names is None else [str(name) for name in names]

    def columns(self, X: Any) -> Columns:
        """The user's columns, some of which may be categories by their numbers."""
        categories = self.model._table.categories if self._steps is None else ()
        codes = [j for j, category in enumerate(categories) if category is not None]
        return Columns(X, self.names, codes)

    def features(self, rows: Any) -> Any:
        """What the model sees of rows of the user's columns."""
        return rows if self._steps is None else self._steps.transform(rows)

    def is_outside(self, rows: Any) -> Flags | None:
        """Which rows lie outside the training rows; None where that is not known."""
        seen = self.model._seen
        if seen is None or seen.extent is None:
            return None
        return np.asarray(self.model.is_outside(self.features(rows)), dtype=bool)

    def mean_and_std(self, rows: Any, output: int) -> tuple[Array, Array]:
        """Prediction and standard deviation of one output, in float64."""
        predicted = self.model.predict(self.features(rows), return_std=True)
        mean, std = (
            np.asarray(values if values.ndim == 1 else values[:, output], np.float64)
            for values in predicted
        )
        return mean, std

    def interval(self, rows: Any, output: int, level: float) -> tuple[Array, Array]:
        """Ends of the interval of one output, in float64."""
        ends = self.model.predict_interval(self.features(rows), level)
        ends = ends if ends.ndim == 2 else ends[:, output]
        lower, upper = np.asarray(ends, np.float64).T
        return lower, upper

    def quantiles(self, shares: Array, output: int) -> Array:
        """Quantiles of standardised residuals of one output, that intervals are of."""
        of_outputs = self.model._posterior.quantiles
        return np.array([quantile_of(of_outputs, s)[output] for s in shares])

    def most_important(self, columns: Columns) -> int:
        """The index of the column to draw over unless one is given.

        It has the largest of `feature_importances_`, or, where other steps come first,
        the largest of what these are for the columns that go into the first step.
        """
        drawn = columns.that_vary()
        if len(drawn) == 1:
            return drawn[0]
        if self._steps is None:
            importances = np.asarray(to_numpy(self.model.feature_importances_))[drawn]
        else:
            whole = self._predictions(columns.observed())
            spread = np.maximum(whole.std(axis=0), np.finfo(np.float64).tiny)
            importances = np.zeros(len(drawn))
            for k, index in enumerate(drawn):
                effects = whole - self._predictions(columns.observed(without=index))
                importances[k] = np.linalg.norm(effects.std(axis=0) / spread)
        return drawn[int(np.argmax(importances))]

    def _predictions(self, rows: Any) -> Array:
        """Of rows of the user's columns, (n, n_outputs), in float64."""
        predicted = np.asarray(self.model.predict(self.features(rows)), np.float64)
        return predicted.reshape(len(predicted), -1)

    def unit_values(self, output: int) -> Array:
        """What is predicted where one unit has all the membership, (n_units,)."""
        values: Array = unit_values(self.model)[output]
        return values

    def check_output(self, output: Any) -> int:
        """The index of the output to show."""
        return check_output(output, len(self.model.output_coef_))

    def targets(self, X: Any, y: Any, output: int) -> Array:
        """The targets of one output."""
        check_consistent_length(X, y)
        targets = np.asarray(y, dtype=np.float64)
        columns = targets.reshape(len(targets), -1)
        n_outputs = len(self.model.output_coef_)
        if columns.shape[1] != n_outputs:
            raise ValueError(
                f"y has shape {targets.shape}; the model has {n_outputs} output"
                f"{'s' if n_outputs > 1 else ''}."
            )
        return columns[:, output]
