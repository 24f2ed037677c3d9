"""A prediction and how sure it is, along one feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton.plotting._base import BLUE, SHADE, Display, ink, level_axis
from sksoftnewton.plotting._columns import Array, Flags
from sksoftnewton.plotting._data import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOLDEN_RATIO = (1 + 5**0.5) / 2
FAINT = 0.42  # opacity of a thousand points or fewer


class PredictionIntervalDisplay(Display):
    """Prediction with an interval for new observations, along one feature.

    Along a category it is drawn for each level, of many for the 20 most frequent. The
    other features are held at their medians, or at the most frequent value. Data
    are drawn as they are, so with several features they differ from the curve in the
    other features as well: how many of them lie within the band says nothing of its
    coverage then. That is in `DiagnosticsDisplay`.

    Parameters
    ----------
    grid : ndarray of shape (grid_resolution,) or (n_levels,)
        Values of the feature: numbers, or the levels of a category.
    prediction, lower, upper : ndarrays of the shape of ``grid``
        Predictions, and the ends of their intervals.
    level : float
        Probability that a new observation lies between ``lower`` and ``upper``.
    data : pair of ndarrays of shape (n_samples,), default=None
        Values of the feature and of the target.
    outside : ndarray of bool of the shape of ``grid``, default=None
        Where the rows lie outside the training data, as `is_outside` has it: these
        parts are shaded.
    xlabel : str, default="feature"
        Label of the horizontal axis.
    data_label : str, default="data"
        Label of the data in the legend.
    levels : bool, default=False
        Whether the values of the feature are levels of a category.

    Attributes
    ----------
    line_ : matplotlib Line2D
    band_ : matplotlib PolyCollection, or LineCollection of one bar a level
    points_ : matplotlib Line2D or None
    outside_ : matplotlib PolyCollection or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    DiagnosticsDisplay : Whether the intervals cover what they promise.
    MembershipDisplay : The hidden units along one or two features.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.plotting import PredictionIntervalDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> display = PredictionIntervalDisplay.from_estimator(model, X, y, feature="bmi")
    """

    band_: Any
    ax_: Axes

    def __init__(
        self,
        *,
        grid: NDArray[Any],
        prediction: Array,
        lower: Array,
        upper: Array,
        level: float,
        data: tuple[NDArray[Any], Array] | None = None,
        outside: Flags | None = None,
        xlabel: str = "feature",
        data_label: str = "data",
        levels: bool = False,
    ) -> None:
        self.grid = grid
        self.prediction = prediction
        self.lower = lower
        self.upper = upper
        self.level = level
        self.data = data
        self.outside = outside
        self.xlabel = xlabel
        self.data_label = data_label
        self.levels = levels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str | None = None,
        output: int | None = None,
        level: float = 0.95,
        grid_resolution: int = 200,
        ax: Axes | None = None,
    ) -> PredictionIntervalDisplay:
        """Predict along one feature and draw.

        Parameters
        ----------
        [estimator]
        X : array-like or frame of shape (n_samples, n_features)
            Gives the range of the feature and the medians of the others. Of a
            pipeline, the columns that go into its first step.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets, drawn as points.
        feature : int or str, default=None
            Index or name of the feature. None: the most important one.
        output : int, default=None
            Which of several outputs is shown; not needed for one.
        level : float, default=0.95
            Probability of the interval.
        grid_resolution : int, default=200
            Places along the feature.
        [axes and display]
            For another estimator, and for sparse X.
        ValueError
            For a feature, output, level or resolution that there is not.
        """
        fitted = Fitted(estimator, cls)
        if not 0 < level < 1:
            raise ValueError(f"level={level!r} is not between 0 and 1.")
        output = fitted.check_output(output)
        columns = fitted.columns(X)
        if feature is None:
            feature = fitted.most_important(columns)
        index = columns.index(feature)
        grid = columns.grid(index, grid_resolution)
        rows = columns.rows({index: grid})
        mean, _ = fitted.mean_and_std(rows, output)
        lower, upper = fitted.interval(rows, output, level)
        data = None
        if y is not None:
            data = (columns.values(index), fitted.targets(X, y, output))
        others = "" if columns.n == 1 else " (other features as observed)"
        display = cls(
            grid=grid,
            prediction=mean,
            lower=lower,
            upper=upper,
            level=level,
            data=data,
            outside=fitted.is_outside(rows),
            xlabel=columns.label(index) + columns.others(1),
            data_label="data" + others,
            levels=columns.has_levels(index),
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        x, data = self.grid, self.data
        if self.levels:
            x, data = level_axis(self.ax_, self.grid), self._data_by_level()
        self.points_ = None
        if data is not None:
            # Many points are drawn faintly, or they would be one dark cloud.
            alpha = max(0.07, FAINT * min(1.0, 1000 / max(len(data[0]), 1)))
            (self.points_,) = self.ax_.plot(
                *data, ".", color=ink(), alpha=alpha, mew=0, label=self.data_label
            )
        style = {"ls": "", "marker": "o"} if self.levels else {"lw": 2}
        (self.line_,) = self.ax_.plot(
            x, self.prediction, color=BLUE, label="prediction", **style
        )
        label = f"{100 * self.level:g} % of new observations"
        if self.levels:
            self.band_ = self.ax_.vlines(
                x, self.lower, self.upper, color=BLUE, alpha=0.6, lw=2, label=label
            )
        else:
            self.band_ = self.ax_.fill_between(
                x, self.lower, self.upper, color=BLUE, alpha=0.25, lw=0, label=label
            )
            for end in (self.lower, self.upper):
                self.ax_.plot(x, end, "--", color=BLUE, lw=0.8)
        self._shade_outside(x)
        self.ax_.set(xlabel=self.xlabel, ylabel="target")
        handles = [self.line_, self.band_, self.points_, self.outside_]
        legend = self.ax_.legend(handles=[h for h in handles if h is not None])
        for handle in legend.legend_handles:
            if handle is not None and handle.get_label() == self.data_label:
                handle.set_alpha(FAINT)

    def _data_by_level(self) -> tuple[Array, Array] | None:
        """The data of the levels shown, beside their bars so that both can be seen."""
        if self.data is None:
            return None
        values, targets = self.data
        place = {level: i for i, level in enumerate(self.grid.tolist())}
        where = np.array([place.get(value, -1) for value in values.tolist()])
        shown = where >= 0
        # Evenly spread, and unlike random numbers never those of the data.
        spread = np.arange(shown.sum()) * GOLDEN_RATIO % 1
        return where[shown] + 0.08 + 0.27 * spread, targets[shown]

    def _shade_outside(self, x: Array) -> None:
        self.outside_ = None
        if self.outside is not None and self.outside.any():
            outside = self.outside
            if self.levels:  # half a step to both sides
                x, outside = np.add.outer(x, [-0.5, 0.5]).ravel(), np.repeat(outside, 2)
            self.outside_ = self.ax_.fill_between(
                x,
                0,
                1,
                where=outside,
                transform=self.ax_.get_xaxis_transform(),
                label="outside the training data",
                **SHADE,
            )
