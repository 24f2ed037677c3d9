"""How the evidence chose the width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton.plotting._base import BLUE, GREEN, GREY, SHADE, VERMILLION, Display
from sksoftnewton.plotting._columns import Array, Flags
from sksoftnewton.plotting._data import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class EvidenceDisplay(Display):
    """Log evidence and effective number of parameters against the width.

    The upper panel shows what networks are compared by: log evidence + log prior of
    width and features, as its difference from the network that was chosen. Its scale
    is linear within ±3, the shaded differences that do not decide for a wider
    network, and logarithmic beyond. The lower panel shows how many parameters the
    data determine, and how many there are.

    An evidence counts the rows that it is the probability of. Candidates that were
    judged on other rows than the chosen network, starts that were given up on a
    small sample, cannot be compared with it: they are crosses at the lower edge.

    Parameters
    ----------
    path : dict of ndarrays of shape (n_candidates,)
        ``width_path_`` of `TwoLayerSoftmaxRegressor`.
    chosen : int
        The entry of the chosen network.
    n_outputs : int, default=1
        Number of outputs of the model.

    Attributes
    ----------
    difference : ndarray of shape (n_candidates,)
        Log evidence + log prior above the chosen network's, NaN where the rows differ.
    candidates_, rejected_ : matplotlib PathCollection or None
        The networks that can be compared, and the crosses.
    kept_ : list of matplotlib Line2D
        The best networks of each width, for all features and for the chosen ones.
    effective_dof_ : list of matplotlib Line2D
        The same in the lower panel.
    chosen_ : list of matplotlib Line2D, one mark in each panel
    text_ : matplotlib Text or None
        Says that nothing was chosen, where only one network was tried.
    ax_ : ndarray of two matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    ConvergenceDisplay : The iterations of the network that was chosen.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.plotting import EvidenceDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> display = EvidenceDisplay.from_estimator(model)
    """

    kept_: list[Any]
    effective_dof_: list[Any]
    chosen_: list[Any]

    _panels = (2, 1)
    _size = (6.4, 6.0)

    def __init__(
        self,
        *,
        path: dict[str, Array],
        chosen: int,
        n_outputs: int = 1,
    ) -> None:
        self.path = path
        self.chosen = chosen
        self.n_outputs = n_outputs
        score = path["log_evidence"] + path["log_prior"]
        comparable = path["n_rows"] == path["n_rows"][chosen]
        self.difference = np.where(comparable, score - score[chosen], np.nan)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> EvidenceDisplay:
        """Draw the search of a fitted model.

        Parameters
        ----------
        [estimator]
        [axes and display]
            For another estimator.
        ValueError
            For a model without an evidence.
        """
        model = Fitted(estimator, cls).model
        path = model.width_path_
        score = path["log_evidence"] + path["log_prior"]
        is_kept = path["kept"] & (path["n_hidden"] == model.n_hidden_)
        is_kept &= path["n_features"] == np.sum(model.support_)
        is_kept &= path["n_columns"] == _columns_in_use(model)
        is_kept &= path["target_transform"] == model.target_transform_
        if not np.isfinite(score[is_kept]).any():
            raise ValueError(
                "The model has no evidence to show: that needs a positive alpha, and "
                "a model that is not too large for its Newton matrix."
            )
        display = cls(
            path=path,
            chosen=int(np.nanargmax(np.where(is_kept, score, np.nan))),
            n_outputs=len(model.output_coef_),
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        self._plot_candidates(self.ax_[0])
        self._plot_kept()
        self._plot_n_params(self.ax_[1])
        self._mark_chosen()
        self._label()
        self._say_nothing_was_chosen()

    # -- parts of the picture ------------------------------------------------------

    def _plot_candidates(self, panel: Axes) -> None:
        width = self.path["n_hidden"]
        comparable = np.isfinite(self.difference)
        self.candidates_ = panel.scatter(
            width[comparable],
            self.difference[comparable],
            facecolor="none",
            edgecolor=GREY,
            label="other starts and sets of features",
        )
        self.rejected_ = None
        if not comparable.all():
            self.rejected_ = panel.scatter(
                _side_by_side(width[~comparable]),
                np.full(np.sum(~comparable), 0.04),
                transform=panel.get_xaxis_transform(),
                marker="x",
                s=20,
                color=GREY,
                label="given up on a sample",
            )

    def _plot_kept(self) -> None:
        self.kept_, self.effective_dof_ = [], []
        n_features, n_columns = self.path["n_features"], self.path["n_columns"]
        scale = self.path["target_transform"]
        plain = int(np.argmax(n_columns == n_features.max()))
        styles = {self.chosen: (BLUE, "-o")}
        if n_columns[plain] != n_columns[self.chosen]:
            styles = {plain: (GREEN, "--s"), **styles}
        for i, (color, style) in styles.items():
            among = (n_columns == n_columns[i]) & (n_features == n_features[i])
            best = self._best_of_each_width(among & (scale == scale[self.chosen]))
            width = self.path["n_hidden"][best]
            label = f"best with {self._described(i)}"
            for lines, panel, y in (
                (self.kept_, self.ax_[0], self.difference),
                (self.effective_dof_, self.ax_[1], self.path["effective_dof"]),
            ):
                (line,) = panel.plot(width, y[best], style, color=color, label=label)
                lines.append(line)

    def _described(self, candidate: int) -> str:
        """What a candidate sees: features, and columns where these are more."""
        n, columns = (
            self.path[name][candidate] for name in ("n_features", "n_columns")
        )
        features = f"{n} features" if n > 1 else "1 feature"
        return features if columns == n else f"{columns} columns of {features}"

    def _best_of_each_width(self, among: Flags) -> NDArray[np.intp]:
        among = among & (self.path["kept"] > 0) & np.isfinite(self.difference)
        width = self.path["n_hidden"]
        best = []
        for k in np.unique(width[among]):
            here = np.flatnonzero(among & (width == k))
            best.append(here[np.argmax(self.difference[here])])
        return np.array(best, dtype=np.intp)

    def _plot_n_params(self, panel: Axes) -> None:
        width = np.unique(self.path["n_hidden"])
        n_columns = self.path["n_columns"][self.chosen]
        n_params = width * (n_columns + 1 + self.n_outputs)
        (self.n_params_,) = panel.plot(
            width,
            n_params,
            ":",
            color=GREY,
            label=f"all parameters with {self._described(self.chosen)}",
        )

    def _mark_chosen(self) -> None:
        width = self.path["n_hidden"][self.chosen]
        self.chosen_ = []
        for panel, y in zip(
            self.ax_, (self.difference, self.path["effective_dof"]), strict=True
        ):
            (mark,) = panel.plot(
                width,
                y[self.chosen],
                "o",
                markersize=14,
                markerfacecolor="none",
                markeredgewidth=2,
                color=VERMILLION,
                label="chosen" if self._has_alternatives() else "the only one",
            )
            self.chosen_.append(mark)

    def _has_alternatives(self) -> bool:
        return len(self.path["n_hidden"]) > 1

    def _say_nothing_was_chosen(self) -> None:
        self.text_ = None
        if not self._has_alternatives():
            self.text_ = self.ax_[0].text(
                0.03,
                0.95,
                "nothing was chosen:\nno other network was tried",
                transform=self.ax_[0].transAxes,
                va="top",
            )

    def _legends(self) -> None:
        """What was chosen comes first, what it is compared with after it."""
        upper, lower = self.ax_
        handles = [self.chosen_[0], *self.kept_[::-1], self.candidates_, self.rejected_]
        if not self._has_alternatives():
            handles = handles[:1]
        upper.legend(handles=[h for h in handles if h is not None], fontsize="small")
        handles = [self.chosen_[1], *self.effective_dof_[::-1], self.n_params_]
        lower.legend(handles=handles, fontsize="small")

    def _label(self) -> None:
        from matplotlib.ticker import NullLocator, StrMethodFormatter

        upper, lower = self.ax_
        n_rows = self.path["n_rows"][self.chosen]
        upper.axhspan(-DECISIVE, DECISIVE, zorder=0, **SHADE)
        upper.set_yscale("symlog", linthresh=DECISIVE, linscale=0.5)
        upper.set_yticks(_log_ticks(self.difference))
        upper.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        upper.set_ylabel(
            f"log evidence + log prior,\nless the chosen ({n_rows:,} rows)"
        )
        lower.set_yscale("log")
        lower.set_ylabel("effective parameters")
        widths = np.unique(self.path["n_hidden"])
        for panel in self.ax_:
            panel.set_xscale("log", base=2)
            panel.set_xticks(widths, [str(k) for k in widths])
            panel.xaxis.set_minor_locator(NullLocator())
            panel.margins(x=0.08)
            panel.grid(alpha=0.3)
        self._legends()
        lower.set_xlabel("width (hidden units)")


def _columns_in_use(model: Any) -> int:
    """Number of columns of the features in use."""
    return int(np.sum(model.support_[model.basis_.feature_of]))


def _log_ticks(difference: Array) -> list[float]:
    """The ends of the linear part of the upper axis, and powers of ten beyond it."""
    low, high = np.nanmin(difference), np.nanmax(difference)
    powers = 10.0 ** np.arange(1, 9)
    return [
        *(-power for power in powers[::-1] if -power >= low),
        -DECISIVE,
        0.0,
        DECISIVE,
        *(power for power in powers if power <= high),
    ]


def _side_by_side(width: Array) -> Array:
    """Positions on a log axis at which marks of one width do not hide each other."""
    place = width.astype(np.float64)
    for k in np.unique(width):
        here = np.flatnonzero(width == k)
        place[here] *= 2.0 ** (0.08 * (np.arange(len(here)) - (len(here) - 1) / 2))
    return place
