"""What all displays do alike: the axes, the figure and the colours."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's palette without its yellow, which is too pale for lines on white.
# With another number of line styles no combination recurs among 28 lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")
BLUE, VERMILLION, GREEN = COLORS[:3]
GREY = "#777777"
# Surfaces show on light and on dark backgrounds, and what is behind them does, too.
SHADE: dict[str, Any] = {"color": GREY, "alpha": 0.18, "lw": 0}
MOST_LETTERS = 50  # of levels that are written beside one another

# What the docstrings of ``from_estimator`` have in common, by what stands for it there.
SHARED_LINES = {
    "[estimator]": """\
estimator : TwoLayerSoftmaxRegressor, pipeline that ends in one, or search
    Fitted.""",
    "[axes and display]": """\
ax : {axes}, default=None
    None: a new figure.

Returns
-------
display : {display}
    Drawn.

Raises
------
TypeError""",
}


class Display:
    """A picture of a fitted model.

    A subclass takes what it shows in its constructor, makes it from a model in
    ``from_estimator``, and draws it in `_draw`. One with several panels says how they
    are arranged; panels in one column share their x. In the docstring of
    ``from_estimator`` the keys of ``SHARED_LINES`` stand for these lines.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of one for each panel
    figure_ : matplotlib Figure
    """

    ax_: Any
    figure_: Figure | SubFigure

    _panels: ClassVar[tuple[int, int]] = (1, 1)  # rows and columns
    _size: ClassVar[tuple[float, float]] = (6.4, 4.8)  # of a new figure, in inches

    def __init_subclass__(cls) -> None:
        """Complete the docstring of ``from_estimator``."""
        if "from_estimator" in vars(cls):
            method = vars(cls)["from_estimator"].__func__
            method.__doc__ = completed(method.__doc__, cls)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of one for each panel, default=None
            None: a new figure.

        Returns
        -------
        self : Display
            With its artists as attributes.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For another number of axes than there are panels.
        """
        check_matplotlib(self)
        if ax is None:
            self.ax_ = new_axes(self._panels, self._size)
        else:
            self.ax_ = check_axes(ax, self._panels)
        self.figure_ = np.ravel(self.ax_)[0].figure
        self._draw()
        return self

    def _draw(self) -> None:
        """Draw in ``ax_``."""
        raise NotImplementedError


def completed(docstring: str | None, display: type[Display]) -> str | None:
    """A docstring with the shared lines; None where Python has removed it."""
    if docstring is None:
        return None
    docstring = cleandoc(docstring)
    n_panels = display._panels[0] * display._panels[1]
    axes = "matplotlib Axes"
    if n_panels > 1:
        axes = f"sequence of {('two', 'three')[n_panels - 2]} matplotlib Axes"
    for key, lines in SHARED_LINES.items():
        filled = lines.format(axes=axes, display=display.__name__)
        docstring = docstring.replace(key, filled)
    return docstring


def ink() -> str:
    """The colour of text, which stands out from the background."""
    import matplotlib as mpl

    color: str = mpl.rcParams["text.color"]
    return color


def unit_color(place: int) -> str:
    """A colour of the palette, whose black is that of text."""
    color = COLORS[place % len(COLORS)]
    return ink() if color == COLORS[-1] else color


def check_matplotlib(display: Any) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib: "
            'pip install "sksoftnewton[plot]"'
        ) from error


def new_axes(panels: tuple[int, int], size: tuple[float, float]) -> Any:
    """Axes of a new figure; an array of them where there are several panels."""
    import matplotlib.pyplot as plt

    rows, columns = panels
    return plt.subplots(
        rows, columns, sharex=columns == 1, figsize=size, layout="constrained"
    )[1]


def check_axes(ax: Any, panels: tuple[int, int]) -> Any:
    """The axes given, an array where there are several panels."""
    n = panels[0] * panels[1]
    if n == 1:
        return ax
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if axes.shape != (n,):
        call = f"{n}, sharex=True" if panels[1] == 1 else f"1, {n}"
        raise ValueError(
            f"ax has to be a sequence of {n} axes, one for each panel, such as "
            f"plt.subplots({call})[1]; its shape is {np.shape(ax)}."
        )
    return axes


def level_axis(ax: Any, levels: NDArray[Any]) -> NDArray[np.float64]:
    """Make levels the ticks of the horizontal axis; returns their places."""
    places, labels = np.arange(len(levels), dtype=np.float64), list(map(str, levels))
    is_long = sum(map(len, labels)) > MOST_LETTERS
    ax.set_xticks(places, labels, rotation=90 if is_long else 0)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    return places
