"""What displays take: a model with the steps in front of it, and the user's columns."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.explanation import check_output, unit_values
from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.noise import quantile_of

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Rows that importances of a pipeline's columns are computed from.
OBSERVED_ROWS = 500


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
        drawn = columns.with_ranges()
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


class Columns:
    """The columns of X as the user passed them: numbers, or values of other kinds.

    Parameters
    ----------
    X : array-like or frame of shape (n_samples, n_features)
    names : list of str or None
        Names of the columns if X has none.
    """

    def __init__(self, X: Any, names: list[str] | None) -> None:
        if issparse(X):
            raise TypeError(
                "Sparse data have no ranges to draw over: pass a frame or "
                "a dense array."
            )
        self._is_frame = hasattr(X, "columns")
        self._X: Any = X if self._is_frame else np.asarray(X)
        self.names = [str(name) for name in X.columns] if self._is_frame else names
        self.n = self._X.shape[1]

    def index(self, feature: Any) -> int:
        """The position of a feature that is given by its index or name."""
        if isinstance(feature, str):
            if self.names is None:
                raise ValueError(
                    f"feature {feature!r} is a name, but the data are without names: "
                    "give its index."
                )
            if feature not in self.names:
                raise ValueError(
                    f"feature {feature!r} is not among those of the data: "
                    f"{', '.join(self.names)}."
                )
            return self.names.index(feature)
        if not isinstance(feature, (int, np.integer)) or not 0 <= feature < self.n:
            raise ValueError(
                f"feature {feature!r} is neither a name nor an integer from 0 to "
                f"{self.n - 1}."
            )
        return int(feature)

    def name(self, index: int) -> str:
        return f"feature {index}" if self.names is None else self.names[index]

    def numbers(self, index: int) -> Array:
        """A column of numbers; an error if it is none."""
        values = _as_numbers(self._column(index))
        if values is None:
            raise ValueError(
                f"{self.name(index)!r} is not numeric: there is no range to draw over."
            )
        return values

    def grid(self, index: int, resolution: Any) -> Array:
        """Values from the least to the largest of a column."""
        if not isinstance(resolution, (int, np.integer)) or resolution < 2:
            raise ValueError(
                f"grid_resolution={resolution!r} is not an integer above 1."
            )
        values = self.numbers(index)
        low, high = np.nanmin(values), np.nanmax(values)
        if low == high:
            raise ValueError(
                f"{self.name(index)!r} has the one value {low:g} in X: "
                "there is no range to draw over."
            )
        return np.linspace(low, high, resolution)

    def with_ranges(self) -> list[int]:
        """The positions of the columns that there is a range of numbers to draw over.

        Raises
        ------
        ValueError
            Where there is none.
        """
        columns = [(i, _as_numbers(self._column(i))) for i in range(self.n)]
        found = [i for i, x in columns if x is not None and np.nanmax(x) > np.nanmin(x)]
        if not found:
            raise ValueError("X has no column of numbers that are not all the same.")
        return found

    def observed(self, without: int | None = None) -> Any:
        """At most so many rows of X, one column perhaps at its median."""
        step = -(-self._X.shape[0] // OBSERVED_ROWS)
        kept = [i for i in range(self.n) if i != without]
        return self.rows({i: np.asarray(self._column(i))[::step] for i in kept})

    def rows(self, values: dict[int, Array]) -> Any:
        """Rows like those of X with the given values in some columns.

        The others are held at their medians, or at what is most frequent.
        """
        n_rows = len(next(iter(values.values())))
        columns = [
            values[i] if i in values else np.full(n_rows, _typical(self._column(i)))
            for i in range(self.n)
        ]
        if not self._is_frame:
            return np.column_stack(columns)
        frame = type(self._X)(dict(zip(self._X.columns, columns, strict=True)))
        for name in self._X.columns:  # pandas makes text of categories
            if str(self._X[name].dtype) == "category":
                frame[name] = frame[name].astype(self._X[name].dtype)
        return frame

    def others(self, n_shown: int) -> str:
        """What an axis label has to say of the columns that are not shown."""
        if self.n == n_shown:
            return ""
        noun = "other features" if self.n - n_shown > 1 else "other feature"
        numeric = all(_as_numbers(self._column(i)) is not None for i in range(self.n))
        place = "median" if numeric else "median or most frequent value"
        return f" ({noun} at the {place})"

    def _column(self, index: int) -> Any:
        if self._is_frame:
            return self._X[self._X.columns[index]]
        return self._X[:, index]


def _as_numbers(column: Any) -> Array | None:
    """A column as floats, or None if it has values of another kind."""
    if str(getattr(column, "dtype", "")).lower().startswith(("bool", "cat", "str")):
        return None
    values = np.asarray(column)
    if values.dtype.kind in "OUS" and any(isinstance(v, str) for v in values):
        return None
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return None


def _typical(column: Any) -> Any:
    numbers = _as_numbers(column)
    if numbers is not None:
        return np.nanmedian(numbers)
    # None and NaN are missing; those of pandas and polars go by their own methods.
    drop = getattr(column, "dropna", getattr(column, "drop_nulls", None))
    values = np.asarray(column if drop is None else drop())
    present = [v for v in values if not (v is None or isinstance(v, float))]
    return Counter(present).most_common(1)[0][0]
