"""Where a picture is drawn, in points from the upper left: a figure of its own, or axes that were given."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.figures.figure_files import figure_of
from regard.figures.looks import POINTS, Look
from regard.figures.notebook import NotebookFigure


@dataclass(frozen=True)
class Canvas:
    """A page in points, and the figure or the axes that it fills.

    Attributes:
        figure: what it is in.
        within: the axes that were given, if any.
        size: width and height.
        shift: how far to the right the picture stands, where the page is wider.
    """

    figure: Figure
    within: Axes | None
    size: tuple[float, float]
    shift: float

    def axes(self, left: float, top: float, width: float, height: float, kind: type[Axes] = Axes) -> Axes:
        """Axes on it; in axes that were given, they go where those go."""
        across, down = self.size
        bounds = ((left + self.shift) / across, 1 - (top + height) / down, width / across, height / down)
        if self.within is not None:
            return self.within.inset_axes(bounds)
        return self.figure.add_axes(kind(self.figure, bounds))

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text that belongs to no axes, at a place in points."""
        place = (x + self.shift) / self.size[0], 1 - y / self.size[1]
        if self.within is not None:
            self.within.text(*place, text, transform=self.within.transAxes, parse_math=False, **style)
        else:
            self.figure.text(*place, text, parse_math=False, **style)

    def page(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes whose own units are points, without a frame."""
        ax = self.axes(left, top, width, height)
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        return ax


def canvas_for(width: float, height: float, look: Look) -> Canvas:
    """A canvas for a picture of this size: as wide as was asked for, or the axes that were given.

    Where a picture is too large for the axes, its parts move together; its letters stay as they are.
    """
    if look.ax is None:
        page = max(width, look.width or 0.0)
        own = NotebookFigure(figsize=(page / POINTS, height / POINTS), facecolor=look.theme.background)
        own.exact = look.width is not None
        return Canvas(own, None, (page, height), (page - width) / 2)
    figure = figure_of(look.ax)
    figure.set_facecolor(look.theme.background)
    look.ax.axis("off")
    across, down = space_of(look.ax)
    larger = max(1.0, width / across, height / down)
    return Canvas(figure, look.ax, (across * larger, down * larger), (across * larger - width) / 2)


def space_of(ax: Axes) -> tuple[float, float]:
    """Width and height in points of axes that were given, as they stand."""
    box = ax.get_window_extent()
    point = figure_of(ax).dpi / POINTS
    return max(float(box.width) / point, 1.0), max(float(box.height) / point, 1.0)


def width_for(look: Look, usual: float) -> float:
    """The width that a picture may take: what was asked for, that of the axes, or the usual one."""
    if look.ax is not None:
        return space_of(look.ax)[0]
    return usual if look.width is None else look.width
