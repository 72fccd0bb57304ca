"""All heads at a glance: small multiples on one scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.figures.figure_files import NotebookFigure
from regard.figures.matrices import Labels, Matrices, Weights, layers_of, read_matrices
from regard.figures.panels import (
    BAR,
    BAR_GAP,
    BAR_WORDS,
    EDGE,
    PAD,
    POINTS,
    SHORTEST_BAR,
    SIDE_NAME,
    Side,
    draw_bar,
    draw_cells,
    new_axes,
    scale_of,
    side_of,
    text_width,
    write_sides,
)
from regard.figures.themes import theme_named

_TITLE, _TITLE_FONT, _LARGEST_FONT = 18.0, 9.0, 8.0
_NARROWEST_CELL = 6.5  # points that a readable label needs
_GAP = 14.0
_LONGEST_BAR = 220.0


@dataclass(frozen=True)
class _Panel:
    """One head to draw."""

    layer: Matrices
    number: int  # of the layer
    head: int
    title: str


def heads_grid(
    map_or_weights: Weights | Sequence[Weights],
    queries: Labels = None,
    keys: Labels = None,
    *,
    batch: int = 0,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    highlight: tuple[int, int] | None = None,
    theme: str = "light",
    vmin: float = 0.0,
    vmax: float = 1.0,
) -> Figure:
    """Draws all heads on one scale: of one map, or of a list of maps, one layer a row.

    Token labels stand at the first column and above the first row where there is room for them; positions otherwise.

    Args:
        map_or_weights: what ``heatmap`` accepts, or a list or tuple of maps: the layers, as in ``recording.cross``.
        queries: labels of the rows, for all layers; the maps' own where not given.
        keys: labels of the columns, likewise.
        batch: which sequence.
        columns: heads side by side, further ones below; chosen to suit where not given.
        titles: one for each head, layer by layer; "head 0" or "layer 1, head 3" where not given.
        highlight: (layer, head) to frame, numbered as in the titles; 0 is the layer of weights that do not know theirs.
        theme: "light" or "dark".
        vmin: weight of the lowest colour, in all heads.
        vmax: weight of the highest colour, in all heads; negative weights are scaled as in ``heatmap``.

    Returns:
        The figure, unknown to pyplot; its axes are the heads, layer by layer, then the colour bar.

    Raises:
        OptionError, ShapeError, ScoreError, DtypeError: as ``heatmap``, and titles or a highlight that fit no head.

    Example:
        >>> import torch
        >>> figure = heads_grid([torch.eye(5).expand(3, 5, 5)] * 2, highlight=(1, 2))
        >>> [ax.get_title() for ax in figure.axes][2:4]
        ['layer 0, head 2', 'layer 1, head 0']
    """
    colours = theme_named(theme)
    found = [read_matrices(layer, queries, keys, batch=batch, head=None) for layer in layers_of(map_or_weights)]
    scale = scale_of([layer.weights for layer in found], vmin, vmax, colours)
    panels = _panels(found, titles)
    _check_highlight(highlight, panels)
    lines = _lines(found, panels, columns)

    # Cells are alike in all panels, and columns of panels are wide enough for the titles.
    most = max(len(line) for line in lines)
    longest = max(max(layer.weights.shape[1:]) for layer in found)
    pitch = min(24.0, min(150.0, max(72.0, 1000 / most)) / longest)
    widest = pitch * max(layer.weights.shape[2] for layer in found)
    slot = max(widest, *(text_width(panel.title, _TITLE_FONT) for panel in panels))
    lefts = [_side(line[0].layer.queries, line[0].layer.weights.shape[1], pitch, above=False) for line in lines]
    columns_of = [(line[0].layer.keys, line[0].layer.weights.shape[2]) for line in lines]
    aboves = [
        _side(*own, pitch, above=True) if at == 0 or own != columns_of[at - 1] else None for at, own in enumerate(columns_of)
    ]
    start = EDGE + SIDE_NAME + PAD + max(side.depth for side in lefts)
    tops, bottom = [], EDGE
    for line, above in zip(lines, aboves, strict=True):
        tops.append(bottom + _TITLE + (SIDE_NAME + PAD + above.depth if above is not None else 0))
        bottom = tops[-1] + line[0].layer.weights.shape[1] * pitch + _GAP / 2
    end = start + most * (slot + _GAP) - _GAP
    bar = min(_LONGEST_BAR, max(SHORTEST_BAR, bottom - _GAP / 2 - tops[0]))
    overhang = max(above.overhang for above in aboves if above is not None)
    width = end + max(BAR_GAP + BAR + BAR_WORDS, overhang + EDGE)
    height = max(bottom - _GAP / 2, tops[0] + bar) + EDGE

    figure = NotebookFigure(figsize=(width / POINTS, height / POINTS), facecolor=colours.background)
    for top, left, above, line in zip(tops, lefts, aboves, lines, strict=True):
        for column, panel in enumerate(line):
            weights = panel.layer.weights[panel.head]
            across, down = weights.shape[1] * pitch, weights.shape[0] * pitch
            ax = new_axes(figure, start + column * (slot + _GAP) + (slot - across) / 2, top, across, down)
            mesh = draw_cells(ax, weights, scale, colours, pitch)
            write_sides(ax, left if column == 0 else None, above, colours, panel.layer.sides)
            chosen = highlight == (panel.number, panel.head)
            colour = colours.accent if chosen else colours.text
            ax.set_title(panel.title, color=colour, fontsize=_TITLE_FONT, parse_math=False)
            if chosen:
                edges = Rectangle((0, 0), 1, 1, transform=ax.transAxes, clip_on=False, zorder=5)
                ax.add_patch(edges).set(fill=False, edgecolor=colour, linewidth=2.5)
    draw_bar(mesh, scale, colours, new_axes(figure, end + BAR_GAP, tops[0], BAR, bar))
    return figure


def _panels(found: list[Matrices], titles: Sequence[str] | None) -> list[_Panel]:
    # A list such as recording.cross[2:4] knows its numbers; without them, layers are counted.
    own = [layer.layer for layer in found if layer.layer is not None]
    known = len(set(own)) == len(found)
    numbers = own if known else range(len(found))
    several = known or len(found) > 1
    panels = [
        _Panel(layer, number, head, f"layer {number}, head {head}" if several else f"head {head}")
        for layer, number in zip(found, numbers, strict=True)
        for head in layer.heads
    ]
    if titles is None:
        return panels
    if isinstance(titles, str) or len(titles) != len(panels):
        raise OptionError(f"titles: expected a list of {len(panels)}, one a head, layer by layer, got {titles!r}")
    return [replace(panel, title=str(title)) for panel, title in zip(panels, titles, strict=True)]


def _check_highlight(highlight: tuple[int, int] | None, panels: list[_Panel]) -> None:
    there = [(panel.number, panel.head) for panel in panels]
    if highlight is not None and highlight not in there:
        raise OptionError(
            f"highlight: expected (layer, head) from {there[0]} to {there[-1]}, got {highlight!r}; "
            "layers and heads are counted from 0, as in the titles"
        )


def _lines(found: list[Matrices], panels: list[_Panel], columns: int | None) -> list[list[_Panel]]:
    """The panels, line by line: a new layer begins a new line."""
    if columns is not None:
        columns = whole_number("columns", columns, 1)
    heads = max(len(layer.heads) for layer in found)
    wide = columns or (heads if len(found) > 1 else _near_square(heads))
    lines: list[list[_Panel]] = []
    for panel in panels:
        if not lines or lines[-1][0].layer is not panel.layer or len(lines[-1]) == wide:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _near_square(heads: int) -> int:
    """Columns for one layer: at least as many as lines, and without a hole at the end where that is possible."""
    if heads <= 4:
        return heads
    least = math.ceil(math.sqrt(heads))
    return next((wide for wide in range(least, min(heads, 8) + 1) if heads % wide == 0), least)


def _side(labels: tuple[str, ...] | None, count: int, pitch: float, *, above: bool) -> Side:
    readable = labels if pitch >= _NARROWEST_CELL else None
    return side_of(readable, count, pitch, None, above=above, largest=_LARGEST_FONT)
