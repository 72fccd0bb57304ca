"""What every picture can be told of its looks: colours, width, size of letters, and axes to be drawn in."""

from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes

from regard.arguments import number
from regard.errors import DtypeError, OptionError
from regard.figures.themes import Theme, theme_named

POINTS = 72.0  # an inch
_WIDEST, _LARGEST = 100.0, 100.0  # inches, points


@dataclass(frozen=True)
class Look:
    """How a picture looks; lengths in points.

    Attributes:
        theme: its colours.
        font: the size of its letters.
        fixed: whether somebody asked for that size: letters are as large then, or left out; else they shrink with the cells.
        width: of the whole picture; as its cells need where it is None.
        ax: axes to draw in.
    """

    theme: Theme
    font: float
    fixed: bool
    width: float | None
    ax: Axes | None

    @property
    def unit(self) -> float:
        """How much larger or smaller than usual."""
        return self.font / 10

    @property
    def title(self) -> float:
        """The size of a title's letters."""
        return 1.1 * self.font

    @property
    def small(self) -> float:
        """The size of what stands beside: names of sides, numbers of the colour bar."""
        return self.font if self.fixed else 0.8 * self.font

    @property
    def least(self) -> float:
        """What labels may shrink to before some are left out."""
        return self.font if self.fixed else 0.56 * self.font


def look_of(theme: str, width: float | None, font: float | None, ax: Axes | None) -> Look:
    """The look, checked; what is not given is as ``rcParams`` say where somebody changed them.

    Raises:
        OptionError: another theme, a width or a font that is no size, or a width of axes that have theirs.
        DtypeError: no axes.
    """
    colours = theme_named(theme)
    if ax is not None and not isinstance(ax, Axes):
        raise DtypeError(f"ax: expected matplotlib axes, got {type(ax).__name__}; such as figure, ax = plt.subplots()")
    if ax is not None and ax.get_figure() is None:
        raise OptionError("ax: expected axes in a figure, got axes that were removed from theirs")
    if width is not None:
        number("width", width, above=0, most=_WIDEST, advice="it counts inches")
        if ax is not None:
            raise OptionError("width: expected none beside ax=, whose axes have a width; leave one of them out")
    if font is not None:
        number("font", font, above=0, most=_LARGEST, advice="it is the size of letters in points")
    changed = mpl.rcParams["figure.figsize"][0] != mpl.rcParamsDefault["figure.figsize"][0]
    if width is None and ax is None and changed:
        width = float(mpl.rcParams["figure.figsize"][0])
    size = float(mpl.rcParams["font.size"]) if font is None else float(font)
    fixed = font is not None or size != mpl.rcParamsDefault["font.size"]
    return Look(colours, size, fixed, None if width is None else width * POINTS, ax)
