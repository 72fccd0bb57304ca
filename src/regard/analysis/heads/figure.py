"""The table of heads as a picture: for each statistic a matrix of layers by heads."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from regard.analysis.heads.registry import DRAWN, drawn_of, highest_of, statistic_named, title_of
from regard.errors import DtypeError, OptionError
from regard.figures.figure_files import NotebookFigure
from regard.figures.panels import EDGE, POINTS, new_axes, text_width
from regard.figures.themes import Theme, theme_named

_TITLE, _TITLE_FONT, _RANGE_FONT, _LABEL_FONT = 15.0, 9.0, 7.5, 7.0
_GAP, _FOOT, _WIDEST, _CELL, _SMALLEST = 20.0, 6.0, 760.0, 16.0, 5.0
NOTE_FONT, NOTE_LINE = 6.5, 9.0
_STEPS = (1, 2, 5, 10, 20, 50)


class Place(NamedTuple):
    """A row of the picture: one attention module of the model."""

    kind: Any
    layer: Any
    module: Any


def heads_table(table: Any, statistics: Sequence[str] | None = None, *, theme: str = "light") -> NotebookFigure:
    """Draws each statistic of all heads: a row for each layer, from the top, a column for each head; with what they are.

    Shares of weight are drawn on one scale, from 0 to 1; other statistics from 0 to their largest value, which stands below. A
    dot is a head that the statistic has no meaning for.

    Args:
        table: ``regard.heads(recording)``, or the list that ``head_statistics(recording)`` gives.
        statistics: columns of the table; the usual ones where not given.
        theme: "light" or "dark".

    Returns:
        The figure, unknown to pyplot; its axes are the statistics, in their order.

    Raises:
        OptionError: no heads, a statistic that the table does not have or that has no number, another theme.
        DtypeError: no table.

    Example:
        >>> heads = [{"layer": layer, "head": head, "previous": 0.5, "entropy": 2.0} for layer in (0, 1) for head in (0, 1, 2)]
        >>> [axes.get_title(loc="left") for axes in heads_table(heads).axes]
        ['previous', 'entropy']
    """
    colours = theme_named(theme)
    rows = _rows_of(table)
    names = _names(rows, statistics)
    places = list(dict.fromkeys(_place(row) for row in rows))
    heads = 1 + max(int(row["head"]) for row in rows)
    labels = layer_names(places)
    cell = min(_CELL, max(_SMALLEST, 150 / heads), max(_SMALLEST, 260 / len(places)))
    left = max(text_width(label, _LABEL_FONT) for label in labels) + 6
    titles = [title_of(name) for name in names]
    wide = max(heads * cell, *(text_width(title, _TITLE_FONT) for title in titles), 54.0)
    columns = max(1, min(len(names), int((_WIDEST - 2 * EDGE - left) // (wide + _GAP))))
    lines = -(-len(names) // columns)
    columns = -(-len(names) // lines)  # as many in the last line as can be
    tall = _TITLE + _RANGE_FONT * 3 + len(places) * cell + _FOOT
    across, down = 2 * EDGE + left + columns * (wide + _GAP) - _GAP, 2 * EDGE + lines * (tall + _GAP / 2) - _GAP / 2
    meanings = meaning_lines(names, across - 2 * EDGE)
    size = across, down + len(meanings) * NOTE_LINE
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=colours.background)
    for at, (name, title) in enumerate(zip(names, titles, strict=True)):
        line, column = divmod(at, columns)
        x, y = EDGE + left + column * (wide + _GAP), EDGE + _TITLE + line * (tall + _GAP / 2)
        ax = new_axes(figure, x, y, heads * cell, len(places) * cell)
        values = np.full((len(places), heads), np.nan)
        for row in rows:
            values[places.index(_place(row)), int(row["head"])] = _number(row.get(name))
        draw_cells(ax, values, highest_of(name), colours, cell)
        ax.set_title(title, color=colours.text, fontsize=_TITLE_FONT, loc="left", pad=4, parse_math=False)
        if column == 0:
            step = next((step for step in _STEPS if step * cell >= _LABEL_FONT + 1), _STEPS[-1])
            ax.set_yticks(
                range(0, len(places), step), labels[::step], fontsize=_LABEL_FONT, color=colours.dimmed, parse_math=False
            )
    draw_lines(figure, meanings, EDGE / size[0], EDGE / size[1], colours)
    return figure


def meaning_lines(names: Sequence[str], width: float) -> list[str]:
    """What statistics are, in lines of at most so many points: what stands below a picture of them."""
    said = [f"{title_of(name)}: {known.meaning}" for name in names if (known := statistic_named(name))]
    words, lines = " · ".join(dict.fromkeys(said)).split(" "), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, NOTE_FONT) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line for line in lines if line]


def draw_lines(figure: NotebookFigure, lines: Sequence[str], x: float, y: float, colours: Theme) -> None:
    """Lines of small text, the last of which stands at (x, y), in shares of the figure."""
    step = NOTE_LINE / POINTS / figure.get_size_inches()[1]
    for at, line in enumerate(reversed(lines)):
        figure.text(x, y + at * step, line, color=colours.dimmed, fontsize=NOTE_FONT, va="bottom", parse_math=False)


def draw_cells(ax: Axes, values: NDArray[np.float64], highest: float | None, colours: Theme, cell: float) -> None:
    """The cells of one statistic, rows downwards, and below them the numbers of the heads and what the colours mean."""
    layers, heads = values.shape
    top = highest or float(np.nanmax(np.abs(values))) or 1.0
    signed = bool(np.nanmin(values) < 0)
    ax.grid(visible=False)
    ax.pcolormesh(
        *(np.arange(heads + 1) - 0.5, np.arange(layers + 1) - 0.5, np.ma.masked_invalid(values)),
        cmap=colours.diverging() if signed else colours.sequential(),
        norm=Normalize(-top if signed else 0.0, top),
        edgecolors=colours.frame,
        linewidth=0.3,
    )
    for layer, head in np.argwhere(np.isnan(values)):
        ax.plot(head, layer, marker=".", markersize=min(3.0, cell / 4), color=colours.frame)
    ax.set_xlim(-0.5, heads - 0.5)
    ax.set_ylim(layers - 0.5, -0.5)
    ax.set_facecolor(colours.background)
    for spine in ax.spines.values():
        spine.set(visible=True, color=colours.frame, linewidth=0.6)
    ax.tick_params(which="both", length=0, labelleft=True, labelbottom=True, pad=3)
    step = next((step for step in _STEPS if step * cell >= 1.6 * _LABEL_FONT), _STEPS[-1])
    ax.set_xticks(range(0, heads, step), map(str, range(0, heads, step)), fontsize=_LABEL_FONT, color=colours.dimmed)
    ax.set_yticks([])
    low, high = (f"{value:.3g}".replace("-", "−") for value in (-top if signed else 0, top))
    largest = f"{float(np.nanmax(values)):.2f}".replace("-", "−")
    ax.set_xlabel(
        f"0 to 1, largest {largest}" if highest else f"{low} to {high}", color=colours.dimmed, fontsize=_RANGE_FONT, loc="left"
    )


def _rows_of(table: Any) -> list[Mapping[str, Any]]:
    """The rows by column, from a DataFrame, from tuples with names, or from mappings."""
    if hasattr(table, "to_dict"):
        table = table.to_dict("records")
    rows: list[Mapping[str, Any]] = []
    for row in table if isinstance(table, list | tuple) else [table]:
        plain = row.flat() if hasattr(row, "flat") else row
        if not isinstance(plain, Mapping) or "head" not in plain:
            raise DtypeError(
                f"expected the table of regard.heads(recording) or the list of head_statistics(recording), got "
                f"{type(row).__name__}; a row has at least layer, head and one statistic"
            )
        rows.append(plain)
    if not rows:
        raise OptionError("expected at least one head, got an empty table")
    return rows


def _names(rows: list[Mapping[str, Any]], asked: Sequence[str] | None) -> list[str]:
    """The statistics that are drawn; those that were asked for have to be there."""
    there = [name for name in rows[0] if any(not math.isnan(_number(row.get(name))) for row in rows)]
    there = [name for name in there if name not in ("layer", "head")]
    if asked is None and not set(DRAWN).intersection(there):
        raise OptionError(f"expected a table with some of {', '.join(DRAWN)}, got {', '.join(rows[0])}")
    return chosen_names(there, asked)


def chosen_names(there: Sequence[str], asked: Sequence[str] | None) -> list[str]:
    """The statistics that are drawn, of those that have numbers: the ones that were asked for, else the usual ones.

    Raises:
        OptionError: no list of names, or one that is not there.
    """
    if asked is None:
        return drawn_of(there)
    if isinstance(asked, str) or not asked:
        raise OptionError(f"statistics: expected a list of names, got {asked!r}; for example ['previous', 'induction']")
    for name in asked:
        if name not in there:
            raise OptionError(f"statistics: expected some of {', '.join(there)}, got {name!r}")
    return list(asked)


def _number(value: Any) -> float:
    """The value as a number; NaN where it is none."""
    return float(value) if isinstance(value, int | float | np.number) else math.nan


def _place(row: Mapping[str, Any]) -> Place:
    return Place(row.get("kind"), row.get("layer"), row.get("name"))


def layer_names(places: Sequence[Place]) -> list[str]:
    """What the rows are called: the layer, with its kind where there are several, or the module where that is not enough."""
    layers = [str(int(layer)) if _number(layer) == _number(layer) else "" for _, layer, _ in places]
    if len(set(layers)) == len(layers):
        return layers
    kinds = [f"{kind} {layer}".strip() for (kind, _, _), layer in zip(places, layers, strict=True)]
    return kinds if len(set(kinds)) == len(kinds) else [str(name) for _, _, name in places]
