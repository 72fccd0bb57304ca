"""What pictures of words and curves are made of: a page with a title, lines of text, amounts, an S."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.path import Path

from regard.figures.canvas import canvas_for
from regard.figures.fonts import text_width
from regard.figures.looks import Look
from regard.figures.panels import EDGE, title_room, wrapped_title, write_title

CURVE = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
"""The codes of an S."""


def draw_page(width: float, height: float, title: str, look: Look) -> Axes:
    """Axes whose units are points from the upper left, and a title above: of a figure of its own, or in the look's axes."""
    if look.width is None and look.ax is None:
        width = max(width, min(text_width(title, look.title), 36 * look.font))
    lines = wrapped_title(title, look.title, max(width, (look.width or 0.0) - 2 * EDGE)) if title else ""
    above = title_room(lines, look)
    canvas = canvas_for(width + 2 * EDGE, height + above + 2 * EDGE, look)
    ax = canvas.page(EDGE, EDGE + above, width, height)
    write_title(ax, lines, title, look)
    return ax


def write_line(ax: Axes, x: float, y: float, text: str, size: float, colour: str, side: str, **look: Any) -> None:
    """One line of text that stands on y."""
    ax.text(x, y, text, fontsize=size, color=colour, ha=side, va="baseline", parse_math=False, **look)


def amount_text(amount: float) -> str:
    """Two decimals, or what a large amount has before them."""
    return f"{amount:.2f}" if amount < 100 else f"{amount:,.0f}"


def s_curve(x: float, start: float, y: float, stop: float) -> Path:
    """An S from (x, start) to (y, stop)."""
    middle = (start + stop) / 2
    return Path([(x, start), (x, middle), (y, middle), (y, stop)], CURVE)
