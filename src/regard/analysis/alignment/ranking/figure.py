"""Which head aligns: the error rate of every cross-attention head, by method and by the row that is read, as a picture."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from regard.errors import OptionError
from regard.figures.figure_files import NotebookFigure
from regard.figures.panels import (
    BAR,
    BAR_GAP,
    BAR_WORDS,
    EDGE,
    NAME_FONT,
    PAD,
    POINTS,
    SHORTEST_BAR,
    SIDE_NAME,
    TITLE,
    TITLE_FONT,
    Scale,
    draw_bar,
    draw_cells,
    new_axes,
    side_of,
    text_width,
    write_numbers,
    write_sides,
)
from regard.figures.themes import Theme, theme_named

_METHODS = ("argmax", "mutual", "itermax", "threshold")  # as tables have them; others follow
_PANEL_TITLE, _PANEL_FONT, _GAP = 17.0, 9.0, 18.0
_CELL, _SMALLEST, _WITH_NUMBERS, _WIDEST, _TALLEST = 30.0, 5.0, 16.0, 760.0, 720.0
_LONGEST_BAR = 220.0

Cell = tuple[int, int]  # layer, head
Panel = tuple[str, str]  # rows, method


def error_rates_figure(rates: Mapping[Panel, Mapping[Cell, float]], *, title: str = "", theme: str = "light") -> Figure:
    """Draws alignment error rates, a panel for each method and rows: what ``Ranking.figure`` draws.

    Args:
        rates: by (rows, method), and in each of these by (layer, head).
        title: as in ``Ranking.figure``.
        theme: likewise.

    Raises:
        OptionError: no rates, a cell without any, another theme.

    Example:
        >>> figure = error_rates_figure({("produced", "argmax"): {(0, 0): 0.25, (0, 1): 0.5}})
        >>> [axes.get_title(loc="left") for axes in figure.axes[:1]]
        ['argmax, produced rows']
    """
    colours = theme_named(theme)
    if not rates:
        raise OptionError("expected at least one head, got none; rank_heads gives them")
    lines, columns, layers, heads = _sides(rates)
    _check_whole(rates, lines, columns, layers, heads)
    grid = [[(rows, method) for method in columns] for rows in lines]
    if len(columns) == 1:
        grid = [[panel for line in grid for panel in line]]
    wide = len(grid[0])
    pitch = _pitch(len(grid) * len(layers), wide * len(heads))
    left = side_of(tuple(map(str, layers)), len(layers), pitch, None, above=False, largest=NAME_FONT)
    above = side_of(tuple(map(str, heads)), len(heads), pitch, None, above=True, largest=NAME_FONT)
    across, down = len(heads) * pitch, len(layers) * pitch
    slot = max(across, *(text_width(_name(panel), _PANEL_FONT) for line in grid for panel in line))
    start = EDGE + SIDE_NAME + PAD + left.depth
    first = EDGE + (TITLE if title else 0) + _PANEL_TITLE + SIDE_NAME + above.depth + PAD
    step = _PANEL_TITLE + SIDE_NAME + above.depth + PAD + down + _GAP / 2
    end, bottom = start + wide * (slot + _GAP) - _GAP, first + (len(grid) - 1) * step + down
    bar = min(_LONGEST_BAR, max(SHORTEST_BAR, bottom - first))
    width = max(end + BAR_GAP + BAR + BAR_WORDS, text_width(title, TITLE_FONT) + 2 * EDGE)
    height = max(bottom, first + bar) + EDGE

    figure = NotebookFigure(figsize=(width / POINTS, height / POINTS), facecolor=colours.background)
    lowest = min(rate for panel in rates.values() for rate in panel.values())
    scale = Scale(colours.sequential().reversed(), 0.0, 1.0, 0.0, 1.0)
    for line, panels in enumerate(grid):
        for column, panel in enumerate(panels):
            values = np.array([[rates[panel][layer, head] for head in heads] for layer in layers])
            ax = new_axes(figure, start + column * (slot + _GAP), first + line * step, across, down)
            mesh = draw_cells(ax, values, scale, colours, pitch)
            write_sides(ax, left if column == 0 else None, above, colours, ("layer", "head"))
            ax.set_title(_name(panel), color=colours.text, fontsize=_PANEL_FONT, loc="left", parse_math=False)
            if pitch >= _WITH_NUMBERS:
                write_numbers(ax, values, mesh, pitch)
            _frame_lowest(ax, values, lowest, colours)
    cax = new_axes(figure, end + BAR_GAP, first, BAR, bar)
    draw_bar(mesh, scale, colours, cax)
    cax.set_ylabel("alignment error rate", color=colours.text, fontsize=9)
    cax.invert_yaxis()  # good is above
    if title:
        middle = (start + end) / 2 / width
        figure.text(middle, 1 - EDGE / height, title, color=colours.text, fontsize=TITLE_FONT, ha="center", va="top")
    return figure


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
