"""Which hidden unit is responsible where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton.plotting._base import (
    COLORS,
    GREY,
    LINE_STYLES,
    Display,
    level_axis,
    unit_color,
)
from sksoftnewton.plotting._columns import Array, Flags
from sksoftnewton.plotting._data import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Units that never have a larger membership are drawn in grey, under one name.
VISIBLE = 0.05
# Bars of further units with one colour.
HATCHES = ("", "//", "..", "xx")
# Share of a colour in white where a membership is 1, so that data show on top of it.
TINT = 0.7


class MembershipDisplay(Display):
    """The soft partition of the feature space, over one feature or two.

    Each hidden unit has a membership softmax(A1 x), between 0 and 1, and they sum to
    one; the prediction is h of the average of the units' weights, with memberships
    as weights. Over one feature memberships are drawn as lines. Over two, each place
    has the colour of the unit with the largest membership, the stronger the larger
    it is, and numbers say which unit it is. The legend gives each unit's value: what
    is predicted where its membership is one. Other features are held at their
    medians, or at the most frequent value.

    Parameters
    ----------
    grid : tuple of one or two ndarrays of shape (grid_resolution,) or (n_levels,)
        Values of the features: numbers, or the levels of a category.
    memberships : ndarray of shape (grid_resolution, n_units) or \
            (grid_resolution, grid_resolution, n_units)
        Over two features, the first axis belongs to the second feature.
    values : ndarray of shape (n_units,)
        Prediction of each unit, in the units of y.
    labels : tuple of str
        One axis label for each feature.
    levels : bool, default=False
        Whether the values of the feature are levels of a category.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        One for each unit, over one feature; else empty.
    bars_ : list of matplotlib BarContainer
        One for each unit, over a category; else empty.
    image_ : matplotlib AxesImage or None
        Over two features.
    borders_ : list of matplotlib ContourSet
        Lines over two features along which the largest membership changes hands.
    texts_ : list of matplotlib Text
        Numbers of the units over two features.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    PredictionIntervalDisplay : The prediction along one feature.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sksoftnewton import TwoLayerSoftmaxRegressor
    >>> from sksoftnewton.plotting import MembershipDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    >>> display = MembershipDisplay.from_estimator(model, X, features=["bmi", "s5"])
    """

    lines_: list[Any]
    bars_: list[Any]
    image_: Any
    borders_: list[Any]
    texts_: list[Any]
    ax_: Axes

    def __init__(
        self,
        *,
        grid: tuple[NDArray[Any], ...],
        memberships: Array,
        values: Array,
        labels: tuple[str, ...],
        levels: bool = False,
    ) -> None:
        self.grid = grid
        self.memberships = memberships
        self.values = values
        self.labels = labels
        self.levels = levels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        features: int | str | Sequence[int | str] | None = None,
        *,
        output: int | None = None,
        grid_resolution: int = 200,
        ax: Axes | None = None,
    ) -> MembershipDisplay:
        """Evaluate the memberships on a grid and draw.

        Parameters
        ----------
        [estimator]
        X : array-like or frame of shape (n_samples, n_features)
            Gives the ranges of the features and the medians of the others. Of a
            pipeline, the columns that go into its first step.
        features : int, str or sequence of one or two of them, default=None
            Indices or names of features. None: the most important one.
        output : int, default=None
            Which of several outputs the units' values are of; not needed for one.
        grid_resolution : int, default=200
            Places along each feature.
        [axes and display]
            For another estimator, and for sparse X.
        ValueError
            For features, outputs or a resolution that there are not.
        """
        fitted = Fitted(estimator, cls)
        output = fitted.check_output(output)
        columns = fitted.columns(X)
        if features is None:
            features = fitted.most_important(columns)
        indices = [columns.index(feature) for feature in _check_features(features)]
        if len(set(indices)) < len(indices):
            raise ValueError(f"features={features!r} names one feature twice.")
        categories = [columns.name(i) for i in indices if columns.has_levels(i)]
        if categories and len(indices) > 1:
            raise ValueError(
                f"{categories[0]!r} is a category. Regions are drawn over two columns "
                "of numbers."
            )
        grid = tuple(columns.grid(i, grid_resolution) for i in indices)
        places = [places.ravel() for places in np.meshgrid(*grid)]
        rows = columns.rows(dict(zip(indices, places, strict=True)))
        model = fitted.model
        memberships = model.hidden_activations(fitted.features(rows))
        shape = [len(places) for places in grid]
        labels = [columns.label(i) for i in indices]
        labels[0] += columns.others(len(indices))
        display = cls(
            grid=grid,
            memberships=memberships.reshape(*shape, -1),
            values=fitted.unit_values(output),
            labels=tuple(labels),
            levels=bool(categories),
        )
        return display.plot(ax=ax)

    def _draw(self) -> None:
        self.lines_, self.bars_, self.borders_, self.texts_ = [], [], [], []
        self.image_ = None
        if self.levels:
            self._plot_bars()
        elif len(self.grid) == 1:
            self._plot_lines()
        else:
            self._plot_regions()
        self.ax_.set_xlabel(self.labels[0])

    # -- one feature ---------------------------------------------------------------

    def _plot_lines(self) -> None:
        visible = self._visible()
        places = {unit: place for place, unit in enumerate(sorted(visible))}
        for unit, membership in enumerate(self.memberships.T):
            look: dict[str, Any] = {"color": GREY, "lw": 0.8}
            if unit in places:
                place = places[unit]
                look = {
                    "color": unit_color(place),
                    "linestyle": LINE_STYLES[place % len(LINE_STYLES)],
                    "label": self._label(unit),
                }
            (line,) = self.ax_.plot(self.grid[0], membership, **look)
            self.lines_.append(line)
        self._name_units(self.lines_, visible)

    def _plot_bars(self) -> None:
        """Memberships on top of one another, up to one."""
        places, visible = level_axis(self.ax_, self.grid[0]), self._visible()
        below = np.zeros(len(places))
        for unit, membership in enumerate(self.memberships.T):
            look: dict[str, Any] = {"color": GREY}
            if unit in visible:
                place = sorted(visible).index(unit)
                look = {
                    "color": unit_color(place),
                    "hatch": HATCHES[place // len(COLORS) % len(HATCHES)],
                    "label": self._label(unit),
                }
            bar = self.ax_.bar(
                places, membership, bottom=below, width=0.7, ec="white", **look
            )
            self.bars_.append(bar)
            below = below + membership
        self._name_units(self.bars_, visible)

    def _name_units(self, artists: list[Any], visible: list[int]) -> None:
        handles = [artists[unit] for unit in visible]
        others = [artist for artist in artists if artist not in handles]
        if others:
            others[0].set_label(_label_of_others(len(others)))
        self._legend(handles + others[:1])
        self.ax_.set(ylabel="membership")
        self.ax_.set_ylim(bottom=0)

    # -- two features --------------------------------------------------------------

    def _plot_regions(self) -> None:
        from matplotlib.patches import Patch

        (x, y), winner = self.grid, self.memberships.argmax(axis=-1)
        winners = [unit for unit in self._order() if (winner == unit).any()]
        colors = self._tints(winners)
        # White where all memberships are equal, the unit's tint where one is 1.
        floor = 1 / max(len(self.values), 2)
        strength = (self.memberships.max(axis=-1) - floor) / (1 - floor)
        image = 1 - strength[..., None] * (1 - colors[winner])
        dx, dy = x[1] - x[0], y[1] - y[0]
        self.image_ = self.ax_.imshow(
            image,
            origin="lower",
            aspect="auto",
            extent=(x[0] - dx / 2, x[-1] + dx / 2, y[0] - dy / 2, y[-1] + dy / 2),
        )
        if len(winners) > 1:
            self._draw_border(winner, winners)
        for unit in winners:
            self._number(unit, winner == unit)
        handles = [Patch(facecolor=colors[u], label=self._label(u)) for u in winners]
        n_others = len(self.values) - len(winners)
        if n_others:
            label = f"{n_others} nowhere the largest"
            handles.append(Patch(facecolor="none", edgecolor="none", label=label))
        self._legend(handles)
        self.ax_.set_ylabel(self.labels[1])

    def _tints(self, winners: list[int]) -> Array:
        from matplotlib.colors import to_rgb

        colors = np.ones((len(self.values), 3))
        for place, unit in enumerate(sorted(winners)):
            color = np.array(to_rgb(COLORS[place % len(COLORS)]))
            colors[unit] = 1 - TINT * (1 - color)
        return colors

    def _draw_border(self, winner: NDArray[np.intp], winners: list[int]) -> None:
        """Lines along which the largest membership is shared by two units."""
        sorted_ = np.sort(self.memberships, axis=-1)
        lead = sorted_[..., -1] - sorted_[..., -2]
        for unit in winners:
            signed = np.where(winner == unit, lead, -lead)
            border = self.ax_.contour(
                *self.grid, signed, levels=[0.0], colors="black", linewidths=0.8
            )
            self.borders_.append(border)

    def _number(self, unit: int, region: Flags) -> None:
        """The unit's number at the middle of its region."""
        rows, columns = np.nonzero(region)
        center = np.array([rows.mean(), columns.mean()])
        nearest = np.argmin((rows - center[0]) ** 2 + (columns - center[1]) ** 2)
        text = self.ax_.text(
            self.grid[0][columns[nearest]],
            self.grid[1][rows[nearest]],
            str(unit),
            ha="center",
            va="center",
            color="black",
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none"},
        )
        self.texts_.append(text)

    # -- names ---------------------------------------------------------------------

    def _order(self) -> list[int]:
        """Units by their value, the largest first."""
        return [int(unit) for unit in np.argsort(-self.values, kind="stable")]

    def _visible(self) -> list[int]:
        largest = self.memberships.max(axis=0)
        return [unit for unit in self._order() if largest[unit] > VISIBLE]

    def _label(self, unit: int) -> str:
        value = f"{self.values[unit]:.4g}".replace("-", "\N{MINUS SIGN}")
        return f"{unit}: {value}"

    def _legend(self, handles: list[Any]) -> None:
        self.ax_.legend(
            handles=handles,
            title="unit: its value",
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            ncols=1 + (len(handles) - 1) // 16,
            fontsize="small",
        )


def _check_features(features: Any) -> list[int | str]:
    one = isinstance(features, (str, int, np.integer))
    shown = [features] if one else list(features)
    if len(shown) not in (1, 2):
        raise ValueError(f"features={features!r} has to name one feature or two.")
    return shown


def _label_of_others(n: int) -> str:
    return f"{n} other{'s' if n > 1 else ''}, at most {VISIBLE:g}"
