"""All heads at a glance: small multiples on one scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from regard.arguments import whole_number
from regard.errors import OptionError, in_short
from regard.figures.canvas import canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import Labels, Matrices, Weights, layers_of, read_matrices, title_said
from regard.figures.panels import EDGE, PAD, Side, bar_room, draw_bar, draw_cells, room_for_name, side_of, write_sides
from regard.figures.scales import Scale, scale_of

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
    short: str  # where there is no room for the title


def heads_grid(
    map_or_weights: Weights | Sequence[Weights] | Mapping[str, Weights],
    queries: Labels = None,
    keys: Labels = None,
    *,
    batch: int = 0,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    highlight: tuple[int, int] | None = None,
    scale: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str | Colormap | None = None,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    sides: tuple[str, str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws all heads on one scale: of one map, or of a list of maps, one layer a row.

    Token labels stand at the first column and above the first row where there is room for them; positions otherwise.

    Args:
        map_or_weights: what ``heatmap`` accepts; a list or tuple of maps: the layers, as in ``recording.cross``; or maps by
            name, such as those of two models.
        queries: labels of the rows, for all layers; the maps' own where not given.
        keys: labels of the columns, likewise.
        batch: which sequence.
        columns: heads side by side, further ones below; chosen to suit where not given.
        titles: one for each head, layer by layer; "head 0", "layer 1, head 3" or "base, head 3" where not given.
        highlight: (layer, head) to frame, numbered as in the titles; 0 is the layer of weights that do not know theirs.
        scale: one for all heads, as in ``heatmap``; "log" by itself where most heads have a sink.
        vmin: weight of the lowest colour, in all heads.
        vmax: weight of the highest colour, in all heads; negative weights are scaled as in ``heatmap``.
        cmap: as in ``heatmap``.
        width: as in ``heatmap``.
        font: as in ``heatmap``.
        theme: "light" or "dark".
        sides: what rows and columns are; as the maps know where not given.
        ax: axes that the grid is drawn in; a figure of its own where not given.

    Returns:
        The figure; its axes are the heads, layer by layer, then the colour bar. In axes that were given, they are these axes'
        ``child_axes``.

    Raises:
        OptionError, ShapeError, ScoreError, DtypeError: as ``heatmap``, and titles or a highlight that fit no head.

    Example:
        >>> import torch
        >>> figure = heads_grid([torch.eye(5).expand(3, 5, 5)] * 2, highlight=(1, 2))
        >>> [ax.get_title() for ax in figure.axes][2:4]
        ['layer 0, head 2', 'layer 1, head 0']
    """
    if isinstance(map_or_weights, Mapping) and not map_or_weights:
        raise OptionError("expected maps or weights by name, got none")
    names: list[str] = list(map_or_weights) if isinstance(map_or_weights, Mapping) else []
    layers = list(map_or_weights.values()) if isinstance(map_or_weights, Mapping) else layers_of(map_or_weights)
    look = look_of(theme, width, font, ax)
    found = [read_matrices(layer, queries, keys, batch=batch, head=None, sides=sides) for layer in layers]
    matrices = [weights for layer in found for weights in layer.weights]
    chosen = scale_of(matrices, look.theme, scale=scale, vmin=vmin, vmax=vmax, cmap=cmap)
    panels = _panels(found, titles, names)
    _check_highlight(highlight, panels)
    if columns is not None:
        columns = whole_number("columns", columns, 1)
    written = [word for layer in found for word in (*(layer.queries or ()), *(layer.keys or ()), *layer.sides)]
    with lettered([*written, *(panel.title for panel in panels)]):
        return _draw(found, panels, columns, highlight, chosen, look)


def _draw(
    found: list[Matrices],
    panels: list[_Panel],
    columns: int | None,
    highlight: tuple[int, int] | None,
    scale: Scale,
    look: Look,
) -> Figure:
    unit, heading = look.unit, look.font if look.fixed else 0.9 * look.font
    beside, shortest = bar_room(scale, look)
    titled = max(text_width(panel.short, heading) for panel in panels)
    longest = max(max(layer.weights.shape[1:]) for layer in found)
    room = width_for(look, math.inf)
    margins = 2 * EDGE + room_for_name(look) + PAD + 4 * look.font + beside
    lines = _lines(
        found, panels, columns, int((room - margins + _GAP) // (max(titled, 36.0) + _GAP)) if room < math.inf else None
    )

    # Cells are alike in all panels, and columns of panels are wide enough for the titles.
    most = max(len(line) for line in lines)
    across = max(layer.weights.shape[2] for layer in found)
    pitch = min(24.0, min(150.0, max(72.0, 1000 / most)) / longest) * unit
    slot = max(pitch * across, *(text_width(panel.title, heading) for panel in panels))
    if room < math.inf:
        slot = min(150.0 * unit, max(12.0, (room - margins + _GAP) / most - _GAP))
        pitch = min(24.0 * unit, slot / longest)
    lefts = [_side(line[0].layer.queries, line[0].layer.weights.shape[1], pitch, look, above=False) for line in lines]
    columns_of = [(line[0].layer.keys, line[0].layer.weights.shape[2]) for line in lines]
    aboves = [
        _side(*own, pitch, look, above=True) if at == 0 or own != columns_of[at - 1] else None
        for at, own in enumerate(columns_of)
    ]
    start = EDGE + room_for_name(look) + PAD + max(side.depth for side in lefts)
    tops, bottom = [], EDGE
    for line, above in zip(lines, aboves, strict=True):
        tops.append(bottom + 2 * heading + (room_for_name(look) + PAD + above.depth if above is not None else 0))
        bottom = tops[-1] + line[0].layer.weights.shape[1] * pitch + _GAP / 2
    end = start + most * (slot + _GAP) - _GAP
    bar = max(shortest, min(_LONGEST_BAR, bottom - _GAP / 2 - tops[0]))
    overhang = max(above.overhang for above in aboves if above is not None)
    total = end + max(beside, overhang + EDGE)
    canvas = canvas_for(total, max(bottom - _GAP / 2, tops[0] + bar) + EDGE, look)
    for top, left, above, line in zip(tops, lefts, aboves, lines, strict=True):
        for column, panel in enumerate(line):
            weights = panel.layer.weights[panel.head]
            wide, tall = weights.shape[1] * pitch, weights.shape[0] * pitch
            ax = canvas.axes(start + column * (slot + _GAP) + (slot - wide) / 2, top, wide, tall)
            mesh = draw_cells(ax, weights, scale, look.theme, pitch)
            write_sides(ax, left if column == 0 else None, above, look, panel.layer.sides)
            framed = highlight == (panel.number, panel.head)
            colour = look.theme.accent if framed else look.theme.text
            fits = text_width(panel.title, heading) <= slot + 0.6 * _GAP
            title = panel.title if fits else shortened(panel.short, heading, slot + 0.6 * _GAP)
            text = ax.set_title(title, color=colour, fontsize=heading, parse_math=False)
            text.set_label(panel.title if title != panel.title else "")
            if framed:
                edges = Rectangle((0, 0), 1, 1, transform=ax.transAxes, clip_on=False, zorder=5)
                ax.add_patch(edges).set(fill=False, edgecolor=colour, linewidth=2.5)
    draw_bar(mesh, scale, look, canvas.axes(end + 14 * unit, tops[0], 10 * unit, bar))
    return canvas.figure


def _titles(name: str | None, number: int, head: int) -> tuple[str, str]:
    """The title of a panel, and a short one."""
    if name is None:
        return (f"head {head}",) * 2
    return f"{name}, head {head}", f"L{number} H{head}" if name == f"layer {number}" else f"{name} H{head}"


def _name(names: Sequence[str], number: int, word: str) -> str:
    """What the map of a panel is called: its name, where the maps have names."""
    return names[number] if names else f"{word} {number}"


def _panels(found: list[Matrices], titles: Sequence[str] | None, names: Sequence[str]) -> list[_Panel]:
    # A list such as recording.cross[2:4] knows its numbers; without them, layers are counted.
    own = [layer.layer for layer in found if layer.layer is not None]
    known = len(set(own)) == len(found) and not names
    numbers = own if known else range(len(found))
    several = known or len(found) > 1
    word = "map" if own and not known else "layer"  # equal layers are those of several models
    panels = [
        _Panel(layer, number, head, *_titles(_name(names, number, word) if several or names else None, number, head))
        for layer, number in zip(found, numbers, strict=True)
        for head in layer.heads
    ]
    if titles is None:
        return panels
    if not isinstance(titles, list | tuple) or len(titles) != len(panels):
        raise OptionError(f"titles: expected a list of {len(panels)}, one a head, layer by layer, got {in_short(titles)}")
    told = [title_said(title, "titles") for title in titles]
    return [replace(panel, title=title, short=title) for panel, title in zip(panels, told, strict=True)]


def _check_highlight(highlight: tuple[int, int] | None, panels: list[_Panel]) -> None:
    there = [(panel.number, panel.head) for panel in panels]
    if highlight is not None and (not isinstance(highlight, tuple | list) or tuple(highlight) not in there):
        raise OptionError(
            f"highlight: expected (layer, head) from {there[0]} to {there[-1]}, got {in_short(highlight)}; "
            "layers and heads are counted from 0, as in the titles"
        )


def _lines(found: list[Matrices], panels: list[_Panel], columns: int | None, most: int | None) -> list[list[_Panel]]:
    """The panels, line by line: a new layer begins a new line; ``most`` is how many fit beside each other."""
    heads = max(len(layer.heads) for layer in found)
    wide = columns or (heads if len(found) > 1 else _near_square(heads))
    if columns is None and most is not None and wide > most:
        wide = -(-heads // -(-heads // max(1, most)))  # as many in the last line as can be
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


def _side(labels: tuple[str, ...] | None, count: int, pitch: float, look: Look, *, above: bool) -> Side:
    readable = labels if pitch >= _NARROWEST_CELL * look.unit or look.fixed else None
    longest = 16 * look.font if look.width is None else 5 * look.font
    return side_of(readable, count, pitch, None, look, above=above, longest=longest, largest=0.8)
