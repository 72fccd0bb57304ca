"""One matrix with its sides, its title and its colour bar: what a heat map is, and the matrix of an alignment."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from regard.figures.canvas import canvas_for, space_of
from regard.figures.figure_files import figure_of
from regard.figures.fonts import text_width
from regard.figures.looks import POINTS, Look
from regard.figures.matrices import Matrices
from regard.figures.notebook import NotebookAxes
from regard.figures.panels import (
    EDGE,
    PAD,
    Side,
    bar_room,
    draw_bar,
    draw_cells,
    room_for_name,
    side_of,
    title_room,
    wrapped_title,
    write_sides,
    write_title,
)
from regard.figures.scales import Scale

LARGEST_CELL = 40.0
_TALLEST = 1.5  # of the width that was asked for


class Layout(NamedTuple):
    """What is drawn beside the cells.

    Attributes:
        title: above the picture.
        special: tokens that are dimmed.
        colorbar: whether there is a colour bar.
        largest: the cells at most, in points, where no width was asked for.
        foot: how much is needed below the picture, by its width, in points.
    """

    title: str
    special: Collection[str] | None
    colorbar: bool = True
    largest: float = LARGEST_CELL
    foot: Callable[[float], float] | None = None


class Drawn(NamedTuple):
    """A matrix that was drawn."""

    ax: Axes
    mesh: QuadMesh
    pitch: float  #: the size of a cell in points
    foot: Axes | None  #: in points, for what was to stand below


def draw_matrix(found: Matrices, scale: Scale, look: Look, layout: Layout) -> Drawn:
    """The first of the heads, in a figure of its own or in the axes of the look."""
    return _in_axes(look.ax, found, scale, look, layout) if look.ax is not None else _in_figure(found, scale, look, layout)


def _in_figure(found: Matrices, scale: Scale, look: Look, layout: Layout) -> Drawn:
    """A figure with room for square cells, the sides, the title and the bar."""
    rows, columns = found.weights.shape[1:]
    unit, title = look.unit, layout.title
    beside, shortest = bar_room(scale, look) if layout.colorbar else (EDGE, 0.0)
    pitch = min(layout.largest, max(7.2, 8.5 * POINTS / max(rows, columns))) * unit
    if look.width is not None:
        pitch = _pitch_for(look.width, found, look, layout.special, beside)
    left, above = _sides(found, pitch, look, layout.special)
    height, across = rows * pitch, columns * pitch
    rows_name = wrapped_title(found.sides[0], look.small, max(height, 8 * look.font))
    x = EDGE + room_for_name(look) + 1.2 * look.small * rows_name.count("\n") + left.depth + PAD
    right = max(EDGE + above.overhang, beside)
    total = x + across + right
    if look.width is None and title:
        title = wrapped_title(title, look.title, max(total - 2 * EDGE, min(text_width(title, look.title), 36 * look.font)))
        over = max(text_width(line, look.title) for line in title.split("\n")) / 2 - across / 2 + EDGE
        x, right = max(x, over), max(right, over)
        total = x + across + right
    elif look.width is not None and title:
        title = wrapped_title(title, look.title, look.width - 2 * EDGE)
    y = EDGE + title_room(title, look) + room_for_name(look) + above.depth + PAD
    bottom = y + max(height, shortest)
    foot = layout.foot(max(total, look.width or 0.0) - 2 * EDGE) if layout.foot else 0.0
    canvas = canvas_for(total, bottom + foot + EDGE, look)
    ax = canvas.axes(x, y, across, height, NotebookAxes)
    mesh = draw_cells(ax, found.weights[0], scale, look.theme, pitch)
    if layout.colorbar:
        draw_bar(mesh, scale, look, canvas.axes(x + across + 14 * unit, y, 10 * unit, max(height, shortest)))
    write_sides(ax, left, above, look, (rows_name, found.sides[1]))
    write_title(ax, title, layout.title, look)
    if look.width is not None:  # in the middle of the page a long title has all of the width
        ax.title.set_x((total / 2 - x) / across)
    below = canvas.page(EDGE - canvas.shift, bottom, canvas.size[0] - 2 * EDGE, foot) if layout.foot else None
    return Drawn(ax, mesh, pitch, below)


def _pitch_for(width: float, found: Matrices, look: Look, special: Collection[str] | None, beside: float) -> float:
    """The largest cells for this width: labels need room by the size of the cells, and the cells have what labels leave."""
    rows, columns = found.weights.shape[1:]
    low, high = 0.5, min(width / columns, _TALLEST * width / rows)
    for _ in range(16):
        middle = (low + high) / 2
        left, above = _sides(found, middle, look, special)
        needed = EDGE + room_for_name(look) + left.depth + PAD + columns * middle + max(EDGE + above.overhang, beside)
        low, high = (middle, high) if needed <= width else (low, middle)
    return low


def _in_axes(ax: Axes, found: Matrices, scale: Scale, look: Look, layout: Layout) -> Drawn:
    """The cells, the sides, the title and the bar in axes that were given."""
    rows, columns = found.weights.shape[1:]

    def pitch() -> float:
        ax.apply_aspect()
        across, down = space_of(ax)
        return max(0.1, float(min(across / columns, down / rows)))

    figure_of(ax).set_facecolor(look.theme.background)
    mesh = draw_cells(ax, found.weights[0], scale, look.theme, pitch())
    if layout.colorbar:
        draw_bar(mesh, scale, look, beside=ax)
    size = pitch()
    write_sides(ax, *_sides(found, size, look, layout.special), look, found.sides)
    across, down = space_of(ax)
    write_title(ax, wrapped_title(layout.title, look.title, 1.3 * across), layout.title, look)
    below = None
    if layout.foot:
        tall = layout.foot(across)
        below = ax.inset_axes((0, -tall / down, 1, tall / down))
        below.set(xlim=(0, across), ylim=(tall, 0))
        below.axis("off")
    return Drawn(ax, mesh, size, below)


def _sides(found: Matrices, pitch: float, look: Look, special: Collection[str] | None) -> tuple[Side, Side]:
    """The labels, of which none may make the picture larger than the cells justify."""
    rows, columns = found.weights.shape[1:]
    left, above = (16 * look.font,) * 2 if look.width is None else (look.width / 6, look.width / 4)
    return (
        side_of(found.queries, rows, pitch, special, look, above=False, longest=min(left, columns * pitch)),
        side_of(found.keys, columns, pitch, special, look, above=True, longest=min(above, rows * pitch)),
    )
