"""Which head aligns: the error rate of every cross-attention head, by method and by the row that is read, as a picture."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from regard.errors import OptionError
from regard.figures.canvas import canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import title_said
from regard.figures.panels import (
    EDGE,
    PAD,
    bar_room,
    draw_bar,
    draw_cells,
    number_size,
    room_for_name,
    side_of,
    title_room,
    wrapped_title,
    write_numbers,
    write_sides,
)
from regard.figures.scales import Scale
from regard.figures.themes import Theme

_METHODS = ("argmax", "mutual", "itermax", "threshold")  # as tables have them; others follow
_GAP = 18.0
_CELL, _SMALLEST, _WITH_NUMBERS, _WIDEST, _TALLEST = 30.0, 5.0, 16.0, 760.0, 720.0
_LONGEST_BAR = 220.0
_RATE = "alignment error rate"

Cell = tuple[int, int]  # layer, head
Panel = tuple[str, str]  # rows, method


def error_rates_figure(
    rates: Mapping[Panel, Mapping[Cell, float]],
    *,
    title: str = "",
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws alignment error rates, a panel for each method and rows: what ``Ranking.figure`` draws.

    Args:
        rates: by (rows, method), and in each of these by (layer, head).
        title: as in ``Ranking.figure``.
        width: likewise.
        font: likewise.
        theme: likewise.
        ax: likewise.

    Raises:
        OptionError: no rates, a cell without any, another theme.

    Example:
        >>> figure = error_rates_figure({("produced", "argmax"): {(0, 0): 0.25, (0, 1): 0.5}})
        >>> [axes.get_title(loc="left") for axes in figure.axes[:1]]
        ['argmax, produced rows']
    """
    look = look_of(theme, width, font, ax)
    if not rates:
        raise OptionError("expected at least one head, got none; rank_heads gives them")
    lines, columns, layers, heads = _sides(rates)
    _check_whole(rates, lines, columns, layers, heads)
    grid = [[(rows, method) for method in columns] for rows in lines]
    if len(columns) == 1:
        grid = [[panel for line in grid for panel in line]]
    title = title_said(title)
    with lettered([title, *(_name(panel) for panel in rates)]):
        return _draw(rates, grid, (layers, heads), title, look)


def _draw(
    rates: Mapping[Panel, Mapping[Cell, float]],
    grid: list[list[Panel]],
    cells: tuple[list[int], list[int]],
    title: str,
    look: Look,
) -> Figure:
    colours, unit, heading, (layers, heads) = look.theme, look.unit, look.font if look.fixed else 0.9 * look.font, cells
    scale = Scale(colours.sequential().reversed(), Normalize(0.0, 1.0), 0.0, 1.0, "")
    beside, shortest = bar_room(scale, look, _RATE)
    margins = 2 * EDGE + room_for_name(look) + PAD + 2 * look.small + beside
    room = width_for(look, math.inf) - margins + _GAP
    titles = max(text_width(_name(panel), heading) for panel in rates)
    if room / len(grid[0]) - _GAP < titles:  # narrow pages have one panel below the other
        grid = [[panel] for line in grid for panel in line]
    wide = len(grid[0])
    natural = look.width is None and look.ax is None
    pitch = unit * _pitch(len(grid) * len(layers), wide * len(heads))
    if not natural:
        pitch = max(1.0, min(pitch, (room / wide - _GAP) / len(heads)))
    small = look.small / look.font
    left = side_of(tuple(map(str, layers)), len(layers), pitch, None, look, above=False, largest=small)
    above = side_of(tuple(map(str, heads)), len(heads), pitch, None, look, above=True, largest=small)
    across, down = len(heads) * pitch, len(layers) * pitch
    slot = max(across, titles)
    slot = slot if natural else max(across, min(slot, room / wide - _GAP))
    start = EDGE + room_for_name(look) + PAD + left.depth
    end = start + wide * (slot + _GAP) - _GAP
    width, lines = end + beside, ""
    if title:
        width = max(width, min(text_width(title, look.title), 36 * look.font) + 2 * EDGE) if natural else width
        lines = wrapped_title(title, look.title, max(width, look.width or 0.0) - 2 * EDGE)
    over = 1.9 * heading + room_for_name(look) + above.depth + PAD
    first = EDGE + title_room(lines, look) + over
    step = over + down + _GAP / 2
    bottom = first + (len(grid) - 1) * step + down
    bar = max(shortest, min(_LONGEST_BAR * unit, bottom - first))
    canvas = canvas_for(width, max(bottom, first + bar) + EDGE, look)
    lowest = min(rate for panel in rates.values() for rate in panel.values())
    for line, panels in enumerate(grid):
        for column, panel in enumerate(panels):
            values = np.array([[rates[panel][layer, head] for head in heads] for layer in layers])
            ax = canvas.axes(start + column * (slot + _GAP), first + line * step, across, down)
            mesh = draw_cells(ax, values, scale, colours, pitch)
            write_sides(ax, left if column == 0 else None, above, look, ("layer", "head"))
            name = shortened(_name(panel), heading, slot + _GAP / 2)
            ax.set_title(name, color=colours.text, fontsize=heading, loc="left", parse_math=False)
            size = number_size(values, pitch, look)
            if pitch >= _WITH_NUMBERS * unit and (not look.fixed or size >= 0.9 * look.font):
                write_numbers(ax, values, mesh, size)
            _frame_lowest(ax, values, lowest, colours)
    cax = canvas.axes(end + 14 * unit, first, 10 * unit, bar)
    draw_bar(mesh, scale, look, cax, name=_RATE)
    cax.invert_yaxis()  # good is above
    if title:
        style = {"color": colours.text, "fontsize": look.title, "ha": "center", "va": "top"}
        canvas.write(width / 2, EDGE, lines, **style)
    return canvas.figure


def _name(panel: Panel) -> str:
    rows, method = panel
    return f"{method}, {rows} rows"


def _sides(rates: Mapping[Panel, Mapping[Cell, float]]) -> tuple[list[str], list[str], list[int], list[int]]:
    """Rows, methods, layers and heads, each in order."""
    methods = {method for _, method in rates}
    columns = [*(method for method in _METHODS if method in methods), *sorted(methods - {*_METHODS})]
    cells = {cell for panel in rates.values() for cell in panel}
    layers, heads = (sorted({cell[side] for cell in cells}) for side in (0, 1))
    return sorted({rows for rows, _ in rates}), columns, layers, heads


def _check_whole(
    rates: Mapping[Panel, Mapping[Cell, float]], lines: list[str], columns: list[str], layers: list[int], heads: list[int]
) -> None:
    for rows, method in [(rows, method) for rows in lines for method in columns]:
        for layer, head in [(layer, head) for layer in layers for head in heads]:
            if (layer, head) not in rates.get((rows, method), {}):
                raise OptionError(
                    f"expected a rate for every cell, got none for {method}, {rows} rows, layer {layer}, head {head}; "
                    "rank all heads by the same methods"
                )


def _pitch(down: int, across: int) -> float:
    """The size of a cell, so that a page holds all of them."""
    return min(_CELL, max(_SMALLEST, min(_WIDEST / across, _TALLEST / down)))


def _frame_lowest(ax: Axes, values: NDArray[np.float64], lowest: float, theme: Theme) -> None:
    for layer, head in np.argwhere(values == lowest):
        edges = Rectangle((head - 0.5, layer - 0.5), 1, 1, clip_on=False, zorder=5)
        ax.add_patch(edges).set(fill=False, edgecolor=theme.accent, linewidth=2.0)
