"""A survey as a picture: for each statistic a matrix of layers by heads, and beside it every head with its error bars."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from regard.analysis.heads.figure import (
    NOTE_LINE,
    Place,
    chosen_names,
    draw_cells,
    heading_size,
    label_size,
    layer_names,
    meaning_lines,
    note_size,
    write_layers,
    write_meanings,
)
from regard.analysis.heads.registry import highest_of, title_of
from regard.errors import OptionError
from regard.figures.canvas import canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import said
from regard.figures.panels import EDGE, wrapped_title
from regard.surveying.rows import Row

CONFIDENCE = 1.959964
"""Standard errors on either side of a mean that hold it in 95 of 100 surveys."""

MIDDLE = 0.8
"""Share of the texts that the thin lines span."""

_GAP, _CELL, _SMALLEST, _SHORTEST = 26.0, 16.0, 5.0, 70.0
_NARROWEST, _WIDEST, _IN_ONE_COLUMN = 160.0, 420.0, 3


def survey_figure(
    rows: Sequence[Row],
    statistics: Sequence[str] | None = None,
    *,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws ``Survey.figure``: means of all heads as a matrix, and each head with its spread beside it, from the histogram.

    Args:
        rows: of a survey.
        statistics: by name; the usual ones where not given.
        width: in inches, as in ``regard.heatmap``.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        ax: axes to draw in; a figure of its own where not given.

    Returns:
        The figure; its axes, or the ``child_axes`` of those that were given, are two a statistic, in their order.

    Raises:
        OptionError: a survey of nothing, a statistic that it does not have, another theme.
    """
    look = look_of(theme, width, font, ax)
    names = _names(rows, statistics)
    places = list(dict.fromkeys(Place(row.kind, row.layer, row.module) for row in rows))
    kinds = list(dict.fromkeys(place.kind for place in places))
    places.sort(key=lambda place: kinds.index(place.kind))  # the layers of a kind together
    labels = [said(name) for name in layer_names(places)]
    with lettered(labels):
        return _draw(rows, names, places, labels, look)


def _draw(rows: Sequence[Row], names: list[str], places: list[Place], labels: list[str], look: Look) -> Figure:
    colours, unit, heading, letters = look.theme, look.unit, heading_size(look), label_size(look)
    heads = 1 + max(row.head for row in rows)
    labels = [shortened(label, letters, 20 * letters) for label in labels]
    cell = unit * min(_CELL, max(_SMALLEST, 150 / heads), max(_SMALLEST, 260 / len(places)))
    left = max(text_width(label, letters) for label in labels) + 6
    between = 5 * text_width("0", letters) + 10
    room = width_for(look, math.inf) - 2 * EDGE - left - between
    if room < math.inf:
        cell = min(cell, max(1.0, 0.45 * room / heads))
    tall = max(_SHORTEST * unit, len(places) * cell)
    titles = [shortened(title_of(name), heading, max(room / 2, heads * cell)) for name in names]
    wide = max(heads * cell, *(text_width(title, heading) for title in titles))
    pitch = max((heads + 1) * 4.0 * unit, 1.15 * max(text_width(label, letters) for label in labels))
    bars = min(unit * _WIDEST, max(unit * _NARROWEST, len(places) * pitch), max(room - wide, 4 * letters))
    across, down = left + wide + between + bars, 1.7 * heading + tall + 4 * letters
    columns = 2 if len(names) > _IN_ONE_COLUMN and 2 * across < room else 1
    lines = -(-len(names) // columns)
    note = f"dot: mean over texts · thick: 95 % confidence · thin: middle {MIDDLE:.0%} of the texts".replace("0%", "0 %")
    note = wrapped_title(note, letters, columns * (across + _GAP) - _GAP - left)
    foot = 1.4 * letters * (1 + note.count("\n"))
    whole = 2 * EDGE + columns * (across + _GAP) - _GAP
    meanings = [] if look.ax is not None else meaning_lines(names, whole - 2 * EDGE - left, note_size(look))
    high = 2 * EDGE + lines * down + foot + len(meanings) * NOTE_LINE * note_size(look)
    canvas = canvas_for(whole, high, look)
    write_meanings(canvas, meanings, EDGE + left, high - EDGE, look)
    for at, (name, title) in enumerate(zip(names, titles, strict=True)):
        line, column = divmod(at, columns)
        x, y = EDGE + left + column * (across + _GAP), EDGE + 1.7 * heading + line * down
        found = {(Place(row.kind, row.layer, row.module), row.head): row for row in rows if row.statistic == name}
        matrix = canvas.axes(x, y, heads * cell, len(places) * cell)
        values = np.array([[_mean(found.get((place, head))) for head in range(heads)] for place in places])
        draw_cells(matrix, values, highest_of(name), look, cell)
        write_layers(matrix, labels, cell, look)
        matrix.set_title(title, color=colours.text, fontsize=heading, loc="left", pad=4, parse_math=False)
        whiskers = canvas.axes(x + wide + between, y, bars, tall)
        _draw_whiskers(whiskers, [[found.get((place, head)) for head in range(heads)] for place in places], look)
        step = math.ceil(len(places) * 1.15 * max(text_width(label, letters) for label in labels) / bars)
        texts = [label if layer % step == 0 else "" for layer, label in enumerate(labels)]
        whiskers.set_xticks(whiskers.get_xticks(), texts, fontsize=letters, color=colours.dimmed, parse_math=False)
    style = {"color": colours.dimmed, "fontsize": letters, "va": "bottom"}
    canvas.write(EDGE + left, EDGE + lines * down + foot, note, **style)
    return canvas.figure


def _draw_whiskers(ax: Axes, layers: list[list[Row | None]], look: Look) -> None:
    """Every head from the left, layer by layer."""
    colours = look.theme
    start, ends, centres = 0, [0.0], []
    low, high = 0.0, 0.0
    for layer in layers:
        heads = [row for row in layer if row is not None]
        for x, row in enumerate(heads, start):
            if not row.count:
                continue
            span = [quantile(row.edges, row.histogram, share) for share in ((1 - MIDDLE) / 2, (1 + MIDDLE) / 2)]
            ax.plot([x, x], span, color=colours.frame, linewidth=0.8, solid_capstyle="butt", zorder=1)
            error = CONFIDENCE * row.standard_error
            if np.isfinite(error):
                ax.plot([x, x], [row.mean - error, row.mean + error], color=colours.text, linewidth=2.4, zorder=2)
            ax.plot([x], [row.mean], marker="o", markersize=2.8, color=colours.accent, markeredgewidth=0, zorder=3)
            low, high = min(low, row.mean, *span), max(high, row.mean, *span)
        centres.append(start + (len(heads) - 1) / 2)
        start += len(heads) + 1
        ends.append(start - 1.0)
    for end in ends[1:-1]:
        ax.axvline(end, color=colours.frame, linewidth=0.4, zorder=0)
    room = 0.05 * (high - low or 1.0)
    ax.grid(visible=False)
    ax.set_xlim(-1, start - 1)
    ax.set_ylim(low - (room if low < 0 else 0), high + room)
    ax.set_facecolor(colours.background)
    for side, spine in ax.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=colours.frame, linewidth=0.6)
    ax.tick_params(
        length=2, color=colours.frame, labelcolor=colours.dimmed, labelsize=label_size(look), labelbottom=True, labelleft=True
    )
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.set_xticks(centres)


def quantile(edges: Sequence[float], histogram: Sequence[int], share: float) -> float:
    """The value that this share of a histogram's counts is below; within a bin, counts are spread evenly.

    Example:
        >>> quantile((0.0, 1.0, 2.0), (2, 2), 0.75)
        1.5
    """
    heights: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(histogram, dtype=np.float64)])
    return float(np.interp(share * heights[-1], heights, edges))


def _names(rows: Sequence[Row], asked: Sequence[str] | None) -> list[str]:
    there = list(dict.fromkeys(row.statistic for row in rows if row.count))
    if not there:
        raise OptionError("expected a survey of some texts, got one of none; see what was left out, and why: print(survey)")
    return chosen_names(there, asked)


def _mean(row: Row | None) -> float:
    return math.nan if row is None else row.mean
