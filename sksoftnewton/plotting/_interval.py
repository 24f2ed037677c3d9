"""A prediction and how sure it is, along one feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sksoftnewton.plotting._base import BLUE, GREY, Display
from sksoftnewton.plotting._data import Array, Columns, Fitted, Flags

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PredictionIntervalDisplay(Display):
    """Prediction with an interval for new observations, along one feature.

    The other features are held at their medians, or at the most frequent value. Data
    are drawn as they are, so with several features they differ from the curve in the
    other features as well: how many of them lie within the band says nothing of its
    coverage then. That is in `DiagnosticsDisplay`.

    Parameters
    ----------
    grid : ndarray of shape (grid_resolution,)
        Values of the feature.
    prediction, lower, upper : ndarrays of shape (grid_resolution,)
        Predictions, and the ends of their intervals.
    level : float
        Probability that a new observation lies between ``lower`` and ``upper``.
    data : pair of ndarrays of shape (n_samples,), default=None
        Values of the feature and of the target.
    outside : ndarray of bool of shape (grid_resolution,), default=None
        Where the rows lie outside the training data, as `is_outside` has it: these
        parts are shaded.
    xlabel : str, default="feature"
        Label of the horizontal axis.
    data_label : str, default="data"
        Label of the data in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
    band_ : matplotlib PolyCollection
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

    ax_: Axes

    def __init__(
        self,
        *,
        grid: Array,
        prediction: Array,
        lower: Array,
        upper: Array,
        level: float,
        data: tuple[Array, Array] | None = None,
        outside: Flags | None = None,
        xlabel: str = "feature",
        data_label: str = "data",
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
        columns = Columns(X, fitted.names)
        if feature is None:
            feature = fitted.most_important(columns)
        index = columns.index(feature)
        grid = columns.grid(index, grid_resolution)
        rows = columns.rows({index: grid})
        mean, _ = fitted.mean_and_std(rows, output)
        lower, upper = fitted.interval(rows, output, level)
        data = None
        if y is not None:
            data = (columns.numbers(index), fitted.targets(X, y, output))
        others = "" if columns.n == 1 else " (other features as observed)"
        display = cls(
            grid=grid,
            prediction=mean,
            lower=lower,
            upper=upper,
            level=level,
            data=data,
            outside=fitted.is_outside(rows),
            xlabel=columns.name(index) + columns.others(1),
            data_label="data" + others,
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        self.points_ = None
        if self.data is not None:
            # Many points are drawn faintly, or they would be one dark cloud.
            alpha = max(0.1, 0.6 * min(1.0, 1000 / len(self.data[0])))
            (self.points_,) = self.ax_.plot(
                *self.data, ".", color="0.3", alpha=alpha, mew=0, label=self.data_label
            )
        (self.line_,) = self.ax_.plot(
            self.grid, self.prediction, color=BLUE, lw=2, label="prediction"
        )
        self.band_ = self.ax_.fill_between(
            self.grid,
            self.lower,
            self.upper,
            color=BLUE,
            alpha=0.25,
            lw=0,
            label=f"{100 * self.level:g} % of new observations",
        )
        for end in (self.lower, self.upper):
            self.ax_.plot(self.grid, end, "--", color=BLUE, lw=0.8)
        self._shade_outside()
        self.ax_.set(xlabel=self.xlabel, ylabel="target")
        handles = [self.line_, self.band_, self.points_, self.outside_]
        legend = self.ax_.legend(handles=[h for h in handles if h is not None])
        for handle in legend.legend_handles:
            if handle is not None and handle.get_label() == self.data_label:
                handle.set_alpha(0.6)

    def _shade_outside(self) -> None:
        self.outside_ = None
        if self.outside is not None and self.outside.any():
            self.outside_ = self.ax_.fill_between(
                self.grid,
                0,
                1,
                where=self.outside,
                transform=self.ax_.get_xaxis_transform(),
                color=GREY,
                alpha=0.15,
                lw=0,
                label="outside the training data",
            )
