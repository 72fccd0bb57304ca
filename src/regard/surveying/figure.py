"""A survey as a picture: for each statistic a matrix of layers by heads, and beside it every head with its error bars."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from regard.analysis.heads.figure import NOTE_LINE, Place, chosen_names, draw_cells, draw_lines, layer_names, meaning_lines
from regard.analysis.heads.registry import highest_of, title_of
from regard.errors import OptionError
from regard.figures.figure_files import NotebookFigure
from regard.figures.panels import EDGE, POINTS, new_axes, text_width
from regard.figures.themes import Theme, theme_named
from regard.surveying.rows import Row

CONFIDENCE = 1.959964
"""Standard errors on either side of a mean that hold it in 95 of 100 surveys."""

MIDDLE = 0.8
"""Share of the texts that the thin lines span."""

_TITLE, _TITLE_FONT, _LABEL_FONT, _NOTE, _NOTE_FONT = 15.0, 9.0, 7.0, 15.0, 7.5
_GAP, _BETWEEN, _FOOT, _CELL, _SMALLEST, _SHORTEST = 26.0, 30.0, 28.0, 16.0, 5.0, 70.0
_NARROWEST, _WIDEST, _IN_ONE_COLUMN = 160.0, 420.0, 3


def survey_figure(rows: Sequence[Row], statistics: Sequence[str] | None = None, *, theme: str = "light") -> NotebookFigure:
    """Draws ``Survey.figure``: means of all heads as a matrix, and each head with its spread beside it, from the histogram.

    Args:
        rows: of a survey.
        statistics: by name; the usual ones where not given.
        theme: "light" or "dark".

    Returns:
        The figure, unknown to pyplot; its axes are two for each statistic, in their order.

    Raises:
        OptionError: a survey of nothing, a statistic that it does not have, another theme.
    """
    colours = theme_named(theme)
    names = _names(rows, statistics)
    places = list(dict.fromkeys(Place(row.kind, row.layer, row.module) for row in rows))
    kinds = list(dict.fromkeys(place.kind for place in places))
    places.sort(key=lambda place: kinds.index(place.kind))  # the layers of a kind together
    heads = 1 + max(row.head for row in rows)
    labels = layer_names(places)
    cell = min(_CELL, max(_SMALLEST, 150 / heads), max(_SMALLEST, 260 / len(places)))
    left = max(text_width(label, _LABEL_FONT) for label in labels) + 6
    tall = max(_SHORTEST, len(places) * cell)
    wide = max(heads * cell, *(text_width(title_of(name), _TITLE_FONT) for name in names))
    pitch = max((heads + 1) * 4.0, 1.15 * max(text_width(label, _LABEL_FONT) for label in labels))
    bars = min(_WIDEST, max(_NARROWEST, len(places) * pitch))
    across, down = left + wide + _BETWEEN + bars, _TITLE + tall + _FOOT
    columns = 2 if len(names) > _IN_ONE_COLUMN else 1
    lines = -(-len(names) // columns)
    whole = 2 * EDGE + columns * (across + _GAP) - _GAP
    meanings = meaning_lines(names, whole - 2 * EDGE - left)
    size = whole, 2 * EDGE + lines * down + _NOTE + len(meanings) * NOTE_LINE
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=colours.background)
    for at, name in enumerate(names):
        line, column = divmod(at, columns)
        x, y = EDGE + left + column * (across + _GAP), EDGE + _TITLE + line * down
        found = {(Place(row.kind, row.layer, row.module), row.head): row for row in rows if row.statistic == name}
        matrix = new_axes(figure, x, y, heads * cell, len(places) * cell)
        values = np.array([[_mean(found.get((place, head))) for head in range(heads)] for place in places])
        draw_cells(matrix, values, highest_of(name), colours, cell)
        matrix.set_yticks(range(len(places)), labels, fontsize=_LABEL_FONT, color=colours.dimmed, parse_math=False)
        matrix.set_title(title_of(name), color=colours.text, fontsize=_TITLE_FONT, loc="left", pad=4, parse_math=False)
        whiskers = new_axes(figure, x + wide + _BETWEEN, y, bars, tall)
        _draw_whiskers(whiskers, [[found.get((place, head)) for head in range(heads)] for place in places], colours)
        step = -(-len(places) * pitch // bars)
        texts = [label if layer % step == 0 else "" for layer, label in enumerate(labels)]
        whiskers.set_xticks(whiskers.get_xticks(), texts, fontsize=_LABEL_FONT, color=colours.dimmed, parse_math=False)
    note = f"dot: mean over texts · thick: 95 % confidence · thin: middle {MIDDLE:.0%} of the texts".replace("0%", "0 %")
    draw_lines(figure, meanings, (EDGE + left) / size[0], EDGE / size[1], colours)
    foot = (EDGE + len(meanings) * NOTE_LINE) / size[1]
    figure.text((EDGE + left) / size[0], foot, note, color=colours.dimmed, fontsize=_NOTE_FONT, va="bottom")
    return figure


def _draw_whiskers(ax: Axes, layers: list[list[Row | None]], colours: Theme) -> None:
    """Every head from the left, layer by layer."""
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
        length=2, color=colours.frame, labelcolor=colours.dimmed, labelsize=_LABEL_FONT, labelbottom=True, labelleft=True
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
