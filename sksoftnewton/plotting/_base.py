"""What all displays do alike: the axes, the figure and the colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's palette without its yellow, which is too pale for lines on white.
# With another number of line styles no combination recurs among 28 lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")
BLUE, VERMILLION, GREEN = COLORS[:3]
GREY = "#777777"


class Display:
    """A picture of a fitted model.

    A subclass takes what it shows in its constructor, makes it from a model in
    ``from_estimator``, and draws it in `_draw`. One with several panels has them
    stacked, sharing their x, and gives the height of a new figure in inches.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of one for each panel
    figure_ : matplotlib Figure
    """

    ax_: Any
    figure_: Figure | SubFigure

    _n_panels: ClassVar[int] = 1
    _height: ClassVar[float]

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of one for each panel, default=None
            None: a new figure.

        Returns
        -------
        self : the display

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For another number of axes than there are panels.
        """
        check_matplotlib(self)
        if self._n_panels == 1:
            self.ax_ = one_axes(ax)
            self.figure_ = self.ax_.figure
        else:
            self.ax_ = stacked_axes(ax, self._n_panels, self._height)
            self.figure_ = self.ax_[0].figure
        self._draw()
        return self

    def _draw(self) -> None:
        """Draw in ``ax_``."""
        raise NotImplementedError


def check_matplotlib(display: Any) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib: "
            'pip install "sksoftnewton[plot]"'
        ) from error


def one_axes(ax: Axes | None) -> Axes:
    """The axes to draw in, new ones if none are given."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def stacked_axes(ax: Any, n: int, height: float) -> Any:
    """An array of n axes that share their x, new ones if none are given."""
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(
            n, sharex=True, figsize=(6.4, height), layout="constrained"
        )[1]
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if axes.shape != (n,):
        raise ValueError(
            f"ax has to be a sequence of {n} axes, one for each panel, such as "
            f"plt.subplots({n}, sharex=True)[1]; its shape is {np.shape(ax)}."
        )
    return axes
