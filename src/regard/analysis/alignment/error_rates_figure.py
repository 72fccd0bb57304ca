"""Which head aligns: the error rate of every cross-attention head, by method and by the row that is read, as a picture."""

from collections.abc import Sequence
from typing import Protocol

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


class _Reading(Protocol):
    @property
    def layer(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def rows(self) -> str: ...


class _Rule(Protocol):
    @property
    def method(self) -> str: ...


class _Scores(Protocol):
    @property
    def aer(self) -> float: ...


class RankedHead(Protocol):
    """What ``rank_heads`` gives, or what reads like it: a reading, the rule that made links, how far they are from gold."""

    @property
    def readings(self) -> Sequence[_Reading]:
        """One."""

    @property
    def rule(self) -> _Rule:
        """Its method names the panel."""

    @property
    def scores(self) -> _Scores:
        """Its alignment error rate is the number."""


def error_rates_figure(ranked: Sequence[RankedHead], *, title: str = "", theme: str = "light") -> Figure:
    """Draws the alignment error rate of every head: a panel for each method and rows, in it layers by heads.

    The stronger the colour of a cell, the nearer are the head's links to gold; a bar says which colour is which rate. The
    lowest rate of the picture has a frame.

    Args:
        ranked: what ``rank_heads`` gives: for each layer and head, for the rows that were read and for each method, one rule.
        title: above the picture.
        theme: "light" or "dark".

    Returns:
        The figure, unknown to pyplot; a notebook shows it, and ``regard.save`` writes it. Its first axes are the panels, line
        by line: a line for consumed rows and one for produced ones, a column for each method; of one method, all in a line.

    Raises:
        OptionError: no heads, heads averaged with others, two rules for one cell, a cell without any, another theme.

    Example:
        >>> import torch
        >>> from regard import AttentionMap
        >>> from regard.analysis.alignment.ranking import Pair, rank_heads
        >>> amap = AttentionMap.from_dense(torch.stack([torch.eye(2), torch.eye(2).flip(0)])[None])
        >>> amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
        >>> figure = error_rates_figure(rank_heads([Pair([amap], {(0, 0), (1, 1)}, set())]))
        >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
        ['argmax, consumed rows', 'argmax, produced rows']
    """
    colours = theme_named(theme)
    rates = _rates(ranked)
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


def _rates(ranked: Sequence[RankedHead]) -> dict[Panel, dict[Cell, float]]:
    """The error rates by panel and cell, of which each has one."""
    found: dict[Panel, dict[Cell, float]] = {}
    for one in ranked:
        if len(one.readings) != 1:
            raise OptionError(f"expected rates of single heads, got one of {len(one.readings)} together; leave it out")
        reading = one.readings[0]
        panel = found.setdefault((reading.rows, one.rule.method), {})
        if (reading.layer, reading.head) in panel:
            raise OptionError(
                f"expected one rule a method, got two for {one.rule.method} of layer {reading.layer}, head {reading.head}, "
                f"{reading.rows} rows; choose one of its thresholds and sinks"
            )
        panel[reading.layer, reading.head] = one.scores.aer
    if not found:
        raise OptionError("expected at least one head, got none; rank_heads gives them")
    return found


def _sides(rates: dict[Panel, dict[Cell, float]]) -> tuple[list[str], list[str], list[int], list[int]]:
    """Rows, methods, layers and heads, each in order."""
    methods = {method for _, method in rates}
    columns = [*(method for method in _METHODS if method in methods), *sorted(methods - {*_METHODS})]
    cells = {cell for panel in rates.values() for cell in panel}
    layers, heads = (sorted({cell[side] for cell in cells}) for side in (0, 1))
    return sorted({rows for rows, _ in rates}), columns, layers, heads


def _check_whole(
    rates: dict[Panel, dict[Cell, float]], lines: list[str], columns: list[str], layers: list[int], heads: list[int]
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
