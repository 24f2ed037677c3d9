"""Whether residuals and intervals are what the model says they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from sksoftnewton.plotting._base import BLUE, GREY, SHADE, Display
from sksoftnewton.plotting._columns import Array
from sksoftnewton.plotting._data import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = np.linspace(0.01, 0.99, 99)


class DiagnosticsDisplay(Display):
    """Residuals, their normal quantiles, and the coverage of intervals.

    Three panels. Residuals against predictions show what the model has missed: a bend
    is a dependence that it lacks, a funnel is noise that is not the same everywhere.
    Quantiles of the residuals in units of the predicted standard deviation lie on the
    diagonal where the noise is normal and its size is right. The last panel shows for
    each level how many targets lie within the interval of that level, and where a
    perfect model's coverage would be with as many rows, give or take two standard
    errors.

    Rows that the model was not trained on tell more: on the others the residuals are
    smaller than those of new observations.

    Parameters
    ----------
    prediction, residual : ndarrays of shape (n_samples,)
        Prediction, and target less prediction.
    standardised : ndarray of shape (n_samples,)
        Residuals in units of their predicted standard deviations; those of the
        logarithms where the model is one of logarithms.
    factors : ndarray of shape (2, 99), default=None
        Ends of the intervals of levels 0.01 to 0.99, in the same units. None: those of
        normal observations.

    Attributes
    ----------
    coverage : ndarray of shape (99,)
        Part of the targets within the intervals of levels 0.01 to 0.99.
    residuals_, quantiles_, coverage_ : matplotlib Line2D
    ax_ : ndarray of three matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    PredictionIntervalDisplay : The intervals along one feature.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.plotting import DiagnosticsDisplay
    >>> data = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    >>> X_train, X_test, y_train, y_test = data
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X_train, y_train)
    >>> display = DiagnosticsDisplay.from_estimator(model, X_test, y_test)
    """

    _panels = (1, 3)
    _size = (11.0, 3.8)

    def __init__(
        self,
        *,
        prediction: Array,
        residual: Array,
        standardised: Array,
        factors: Array | None = None,
    ) -> None:
        self.prediction = prediction
        self.residual = residual
        self.standardised = standardised
        if factors is None:
            factors = norm.ppf([(1 - LEVELS) / 2, (1 + LEVELS) / 2])
        lower, upper = factors
        z = self.standardised[:, None]
        self.coverage = np.mean((lower <= z) & (z <= upper), axis=0)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        output: int | None = None,
        ax: Any = None,
    ) -> DiagnosticsDisplay:
        """Predict, compare with the targets and draw.

        Parameters
        ----------
        [estimator]
        X : array-like, CSR or frame of shape (n_samples, n_features)
            Of a pipeline, the columns that go into its first step.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets of these rows.
        output : int, default=None
            Which of several outputs is shown; not needed for one.
        [axes and display]
            For another estimator.
        ValueError
            For targets or an output that the model does not have.
        """
        fitted = Fitted(estimator, cls)
        output = fitted.check_output(output)
        target = fitted.targets(X, y, output)
        mean, std = fitted.mean_and_std(X, output)
        residual = target - mean
        standardised = residual / std
        if fitted.model.target_transform_ == "log":
            middle = mean / fitted.model.smearing_[output]
            standardised = _of_logarithms(target, middle, std / mean)
        shares = (1 - LEVELS) / 2, (1 + LEVELS) / 2
        display = cls(
            prediction=mean,
            residual=residual,
            standardised=standardised,
            factors=np.array([fitted.quantiles(share, output) for share in shares]),
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        # Many points are drawn faintly, or they would be one dark cloud.
        alpha = max(0.15, 0.7 * min(1.0, 500 / len(self.residual)))
        look = {"color": BLUE, "alpha": alpha, "mew": 0, "ms": 5}
        self._plot_residuals(self.ax_[0], look)
        self._plot_quantiles(self.ax_[1], look)
        self._plot_coverage(self.ax_[2])
        for panel in self.ax_:
            panel.grid(alpha=0.3)

    def _plot_residuals(self, panel: Axes, look: dict[str, Any]) -> None:
        (self.residuals_,) = panel.plot(self.prediction, self.residual, ".", **look)
        panel.axhline(0, color=GREY, lw=1)
        panel.set(xlabel="prediction", ylabel="target less prediction")

    def _plot_quantiles(self, panel: Axes, look: dict[str, Any]) -> None:
        n = len(self.standardised)
        normal = norm.ppf((np.arange(1, n + 1) - 0.5) / n)
        (self.quantiles_,) = panel.plot(normal, np.sort(self.standardised), ".", **look)
        panel.axline((0, 0), slope=1, color=GREY, lw=1)
        panel.set(xlabel="normal quantile", ylabel="standardised residual")

    def _plot_coverage(self, panel: Axes) -> None:
        error = 2 * np.sqrt(LEVELS * (1 - LEVELS) / len(self.residual))
        band = panel.fill_between(
            LEVELS,
            LEVELS - error,
            LEVELS + error,
            label="of a perfect model",
            **SHADE,
        )
        (self.coverage_,) = panel.plot(
            LEVELS, self.coverage, color=BLUE, lw=2, label="of this model"
        )
        panel.set(
            xlabel="level of the interval", ylabel="coverage", xlim=(0, 1), ylim=(0, 1)
        )
        panel.legend(handles=[self.coverage_, band], loc="upper left", fontsize="small")


def _of_logarithms(target: Array, middle: Array, relative: Array) -> Array:
    """Standardised residuals of logarithms of log-normal targets.

    A target that is not positive has −inf: it is outside all intervals.

    Parameters
    ----------
    target : ndarray of shape (n,)
    middle : ndarray of shape (n,), exponentials of the predicted logarithms
    relative : ndarray of shape (n,), standard deviations over means
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.maximum(target, 0.0))
    z: Array = (logarithm - np.log(middle)) / np.sqrt(np.log1p(relative**2))
    return z
