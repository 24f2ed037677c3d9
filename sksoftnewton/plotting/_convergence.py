"""How a fit went, iteration by iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sksoftnewton.plotting._base import BLUE, GREEN, GREY, SHADE, VERMILLION, Display
from sksoftnewton.plotting._columns import Array, Flags
from sksoftnewton.plotting._data import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

X_LABELS = {
    "iteration": "iteration",
    "passes": "work, in passes over all rows",
    "time": "time (s)",
}
# A loss that falls by less than this factor gets round numbers instead of powers of
# ten on its axis.
FACTOR_FOR_POWERS = 10.0


class ConvergenceDisplay(Display):
    """Objective, gradient and rows in use during a fit.

    Three panels share their horizontal axis: the objective F, the norm of its
    gradient, and the number of rows that both were computed from, with how the
    Newton matrix was made. Values on a sample of the rows are not those of the
    whole data: this part of a fit is shaded, and lines are broken where rows were
    added. With ``alpha="auto"`` F itself changes whenever alpha is updated, so that
    it may rise: dotted lines stand there.

    Only the network that is kept is shown, from its start on; other widths, starts
    and sets of features are in `EvidenceDisplay`.

    Parameters
    ----------
    x : ndarray of shape (n_iter,)
        Position of each iteration.
    history : dict of ndarrays of shape (n_iter,)
        ``loss``, ``gradient_norm``, ``n_rows``, ``sketch_size`` and ``n_cg``, and
        perhaps ``alpha``, as in ``history_`` of `TwoLayerSoftmaxRegressor`.
    n_samples : int
        Number of all rows.
    xlabel : str, default="iteration"
        Label of the horizontal axis.

    Attributes
    ----------
    loss_, gradient_norm_ : matplotlib Line2D
    n_rows_, sketch_size_ : matplotlib Line2D
    exact_, diagonal_ : matplotlib Line2D
        Iterations with the exact matrix, and with no more than its diagonal.
    samples_ : list of matplotlib artists
        The shading of iterations on a sample; empty if there are none.
    penalties_ : list of matplotlib Line2D
        Between iterations at different penalties on the same rows.
    ax_ : ndarray of three matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    EvidenceDisplay : The networks that were compared.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.plotting import ConvergenceDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> display = ConvergenceDisplay.from_estimator(model)
    """

    _panels = (3, 1)
    _size = (6.4, 6.4)

    def __init__(
        self,
        *,
        x: Array,
        history: dict[str, Array],
        n_samples: int,
        xlabel: str = "iteration",
    ) -> None:
        self.x = x
        self.history = history
        self.n_samples = n_samples
        self.xlabel = xlabel

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, x: str = "iteration", ax: Any = None
    ) -> ConvergenceDisplay:
        """Draw the history of a fitted model.

        Parameters
        ----------
        [estimator]
        x : {"iteration", "passes", "time"}, default="iteration"
            The horizontal axis. Passes count all work, in units of one value and
            gradient over all rows.
        [axes and display]
            For another estimator.
        ValueError
            For another x, and another number of axes than three.
        """
        if x not in X_LABELS:
            raise ValueError(f"x={x!r} is not one of {', '.join(X_LABELS)}.")
        model = Fitted(estimator, cls).model
        history = model.history_
        # A fit that was stopped has seen samples only, but is judged on all rows.
        n_samples = max(history["n_rows"].max(), model.width_path_["n_rows"].max())
        display = cls(
            x=np.arange(1, model.n_iter_ + 1) if x == "iteration" else history[x],
            history=history,
            n_samples=int(n_samples),
            xlabel=X_LABELS[x],
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        style = {"marker": "o", "markersize": 4, "color": BLUE}
        for panel, name in zip(self.ax_, ("loss", "gradient_norm"), strict=False):
            (line,) = panel.plot(*self._broken(self.history[name]), **style)
            setattr(self, f"{name}_", line)
        self._plot_rows(self.ax_[2])
        self._shade_samples()
        self._mark_penalties()
        self._legend_of_losses()
        for panel, label in zip(
            self.ax_, ("objective F", "norm of the gradient", "rows"), strict=True
        ):
            panel.set(yscale="log", ylabel=label)
            panel.grid(alpha=0.3)
        _round_ticks(self.ax_[0], self.history["loss"])
        self.ax_[2].set_xlabel(self.xlabel)

    def _broken(self, y: Array) -> tuple[Array, Array]:
        """A line that ends where rows are added: what follows is another function."""
        ends = np.flatnonzero(np.diff(self.history["n_rows"])) + 1
        return np.insert(self.x, ends, self.x[ends]), np.insert(y, ends, np.nan)

    def _plot_rows(self, panel: Axes) -> None:
        n_rows, size = self.history["n_rows"], self.history["sketch_size"]
        sketched = size > 0
        no_matrix = ~sketched & (self.history["n_cg"] > 0)
        exact = ~sketched & ~no_matrix
        (self.n_rows_,) = panel.plot(
            self.x, n_rows, color=BLUE, drawstyle="steps-pre", label="in use"
        )
        look = {"color": VERMILLION, "label": "in the sketch of the matrix"}
        self.sketch_size_ = self._marks(panel, size, sketched, "s", ms=4, **look)
        look = {"color": GREEN, "label": "exact matrix"}
        self.exact_ = self._marks(panel, n_rows, exact, "D", ms=5, **look)
        look = {"color": VERMILLION, "label": "diagonal of the matrix"}
        self.diagonal_ = self._marks(panel, n_rows, no_matrix, "x", **look)
        self._legend_of_rows(panel)
        smallest = min(n_rows.min(), size[sketched].min(initial=n_rows.min()))
        # Data limits, unlike limits of the view, are shared with other axes.
        low, high = _whole_decades(smallest, n_rows.max())
        panel.update_datalim([(self.x[0], low), (self.x[0], high)])
        panel.margins(y=0)

    def _marks(
        self, panel: Axes, y: Array, where: Flags, marker: str, **look: Any
    ) -> Any:
        """The line of marks at the iterations ``where``."""
        (line,) = panel.plot(self.x, np.where(where, y, np.nan), marker, **look)
        return line

    def _legend_of_rows(self, panel: Axes) -> None:
        lines = (self.n_rows_, self.sketch_size_, self.exact_, self.diagonal_)
        handles = [line for line in lines if np.isfinite(line.get_ydata()).any()]
        # Above the panel: inside, it would hide marks of some fits wherever it is.
        panel.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderaxespad=0,
            ncols=4,
            frameon=False,
            fontsize="small",
        )

    def _shade_samples(self) -> None:
        on_sample = self.x[self.history["n_rows"] < self.n_samples]
        self.samples_ = []
        if not len(on_sample):
            return
        for panel in self.ax_:
            span = panel.axvspan(0, on_sample[-1], zorder=0, **SHADE)
            self.samples_.append(span)
        self.samples_[0].set_label("on a sample of the rows")

    def _mark_penalties(self) -> None:
        """Where alpha is another one, and not only because rows were added."""
        self.penalties_ = []
        if "alpha" not in self.history:
            return
        alpha, n_rows = self.history["alpha"], self.history["n_rows"]
        changed = np.flatnonzero((np.diff(alpha) != 0) & (np.diff(n_rows) == 0))
        for panel in self.ax_[:2]:
            for i in changed:
                place = (self.x[i] + self.x[i + 1]) / 2
                line = panel.axvline(place, color=GREY, ls=":", lw=1, zorder=1)
                self.penalties_.append(line)
        if self.penalties_:
            self.penalties_[0].set_label(f"alpha changed, {alpha[-1]:.1e} at the end")

    def _legend_of_losses(self) -> None:
        handles = [*self.samples_[:1], *self.penalties_[:1]]
        if handles:
            self.ax_[0].legend(handles=handles)


def _whole_decades(low: float, high: float) -> tuple[float, float]:
    """Powers of ten around the data: the marks at both ends of a log axis."""
    return 10 ** np.floor(np.log10(low / 1.3)), 10 ** np.ceil(np.log10(1.3 * high))


def _round_ticks(panel: Axes, loss: Array) -> None:
    """Ticks for a log axis that is too short for powers of ten."""
    if loss.max() >= FACTOR_FOR_POWERS * loss.min():
        return
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    panel.yaxis.set_minor_formatter(NullFormatter())
