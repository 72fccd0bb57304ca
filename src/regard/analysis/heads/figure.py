"""The table of heads as a picture: for each statistic a matrix of layers by heads."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regard.analysis.heads.registry import DRAWN, drawn_of, highest_of, statistic_named, title_of
from regard.arguments import several
from regard.errors import DtypeError, OptionError, in_short
from regard.figures.canvas import Canvas, canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import said
from regard.figures.panels import EDGE

_GAP, _FOOT, _WIDEST, _CELL, _SMALLEST = 20.0, 6.0, 760.0, 16.0, 5.0
NOTE_LINE = 1.4
"""From one line of a note to the next, in sizes of its letters."""
_STEPS = (1, 2, 5, 10, 20, 50)


class Place(NamedTuple):
    """A row of the picture: one attention module of the model."""

    kind: Any
    layer: Any
    module: Any


def heads_table(
    table: Any,
    statistics: Sequence[str] | None = None,
    *,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws each statistic of all heads: a row for each layer, from the top, a column for each head.

    Shares of weight are drawn on one scale, from 0 to 1; other statistics from 0 to their largest value, which stands below. A
    dot is a head that the statistic has no meaning for.

    Args:
        table: ``regard.heads(recording)``, or the list that ``head_statistics(recording)`` gives.
        statistics: columns of the table; the usual ones where not given.
        width: in inches, as in ``regard.heatmap``.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        ax: axes to draw in; a figure of its own where not given.

    Returns:
        The figure; its axes, or the ``child_axes`` of those that were given, are the statistics, in their order.

    Raises:
        OptionError: no heads, a statistic that the table does not have or that has no number, another theme.
        DtypeError: no table.

    Example:
        >>> heads = [{"layer": layer, "head": head, "previous": 0.5, "entropy": 2.0} for layer in (0, 1) for head in (0, 1, 2)]
        >>> [axes.get_title(loc="left") for axes in heads_table(heads).axes]
        ['previous', 'entropy']
    """
    look = look_of(theme, width, font, ax)
    rows = _rows_of(table)
    names = _names(rows, statistics)
    places = list(dict.fromkeys(_place(row) for row in rows))
    labels = [said(name) for name in layer_names(places)]
    with lettered(labels):
        return _draw(rows, names, places, labels, look)


def _draw(rows: list[Mapping[str, Any]], names: list[str], places: list[Place], labels: list[str], look: Look) -> Figure:
    heading, letters = heading_size(look), label_size(look)
    heads = 1 + max(int(row["head"]) for row in rows)
    labels = [shortened(label, letters, 20 * letters) for label in labels]
    left = max(text_width(label, letters) for label in labels) + 6
    narrow = look.width is not None or look.ax is not None
    room = width_for(look, _WIDEST * look.unit) - 2 * EDGE - left
    cell = look.unit * min(_CELL, max(_SMALLEST, 150 / heads), max(_SMALLEST, 260 / len(places)))
    if narrow:
        cell = min(cell, max(1.0, room / heads))
    titles = [shortened(title_of(name), heading, max(room, heads * cell)) for name in names]
    ranges = [_range(_values(rows, name, places, heads), highest_of(name), "\n" if narrow else " ") for name in names]
    widths = [text_width(line, letters) for text in ranges for line in text.split("\n")]
    slot = max(heads * cell, 54.0 * look.unit, *(text_width(title, heading) for title in titles), *widths)
    columns = max(1, min(len(names), int((room + _GAP) // (slot + _GAP))))
    lines = -(-len(names) // columns)
    columns = -(-len(names) // lines)  # as many in the last line as can be
    head, tall = 1.7 * heading, 1.7 * heading + (4.2 if narrow else 3) * letters + len(places) * cell + _FOOT
    size = 2 * EDGE + left + columns * (slot + _GAP) - _GAP, 2 * EDGE + lines * (tall + _GAP / 2) - _GAP / 2
    meanings = [] if look.ax is not None else meaning_lines(names, size[0] - 2 * EDGE, note_size(look))
    foot = len(meanings) * NOTE_LINE * note_size(look)
    canvas = canvas_for(size[0], size[1] + foot, look)
    write_meanings(canvas, meanings, EDGE, size[1] + foot - EDGE, look)
    for at, (name, title, said_range) in enumerate(zip(names, titles, ranges, strict=True)):
        line, column = divmod(at, columns)
        x, y = EDGE + left + column * (slot + _GAP), EDGE + head + line * (tall + _GAP / 2)
        axes = canvas.axes(x, y, heads * cell, len(places) * cell)
        values = _values(rows, name, places, heads)
        draw_cells(axes, values, highest_of(name), look, cell)
        axes.xaxis.label.set_text(said_range)
        axes.set_title(title, color=look.theme.text, fontsize=heading, loc="left", pad=4, parse_math=False)
        if column == 0:
            write_layers(axes, labels, cell, look)
    return canvas.figure


def heading_size(look: Look) -> float:
    """The size of what stands above a matrix."""
    return look.font if look.fixed else 0.9 * look.font


def label_size(look: Look) -> float:
    """The size of layers, heads and numbers beside it."""
    return look.font if look.fixed else 0.7 * look.font


def note_size(look: Look) -> float:
    """The size of what stands below a picture."""
    return look.font if look.fixed else 0.65 * look.font


def meaning_lines(names: Sequence[str], width: float, size: float) -> list[str]:
    """What statistics are, in lines of at most so many points: what stands below a picture of them."""
    told = [f"{title_of(name)}: {known.meaning}" for name in names if (known := statistic_named(name))]
    words, lines = " · ".join(dict.fromkeys(told)).split(" "), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line for line in lines if line]


def write_meanings(canvas: Canvas, lines: Sequence[str], x: float, bottom: float, look: Look) -> None:
    """Lines of small text, the last of which stands at (x, bottom), in points from the top left."""
    size = note_size(look)
    for at, line in enumerate(reversed(lines)):
        canvas.write(x, bottom - at * NOTE_LINE * size, line, color=look.theme.dimmed, fontsize=size, va="bottom")


def write_layers(ax: Axes, labels: Sequence[str], cell: float, look: Look) -> None:
    """The names of the layers, of every second or fifth where the cells are small."""
    size = label_size(look)
    step = next((step for step in _STEPS if step * cell >= size + 1), _STEPS[-1])
    ax.set_yticks(range(0, len(labels), step), labels[::step], fontsize=size, color=look.theme.dimmed, parse_math=False)


def draw_cells(ax: Axes, values: NDArray[np.float64], highest: float | None, look: Look, cell: float) -> None:
    """The cells of one statistic, rows downwards, and below them the numbers of the heads and what the colours mean."""
    colours, letters = look.theme, label_size(look)
    layers, heads = values.shape
    low, high = _limits(values, highest)
    ax.grid(visible=False)
    ax.pcolormesh(
        *(np.arange(heads + 1) - 0.5, np.arange(layers + 1) - 0.5, np.ma.masked_invalid(values)),
        cmap=colours.diverging() if low < 0 else colours.sequential(),
        norm=Normalize(low, high),
        edgecolors=colours.frame,
        linewidth=0.3,
    )
    for layer, head in np.argwhere(np.isnan(values)):
        ax.plot(head, layer, marker=".", markersize=min(3.0, cell / 4), color=colours.frame)
    ax.set_xlim(-0.5, heads - 0.5)
    ax.set_ylim(layers - 0.5, -0.5)
    ax.set_aspect("equal", adjustable="box")
    ax.set_facecolor(colours.background)
    for spine in ax.spines.values():
        spine.set(visible=True, color=colours.frame, linewidth=0.6)
    ax.tick_params(which="both", length=0, labelleft=True, labelbottom=True, pad=3)
    step = next((step for step in _STEPS if step * cell >= 1.6 * letters), _STEPS[-1])
    ax.set_xticks(range(0, heads, step), map(str, range(0, heads, step)), fontsize=letters, color=colours.dimmed)
    ax.set_yticks([])
    ax.set_xlabel(_range(values, highest), color=colours.dimmed, fontsize=letters, loc="left")


def _limits(values: NDArray[np.float64], highest: float | None) -> tuple[float, float]:
    """The values of the first colour and of the last: two-sided where there are negative ones."""
    top = highest or float(np.nanmax(np.abs(values))) or 1.0
    return (-top if np.nanmin(values) < 0 else 0.0), top


def _range(values: NDArray[np.float64], highest: float | None, between: str = " ") -> str:
    """What the colours mean."""
    low, high = _limits(values, highest)
    text = f"0 to 1,{between}largest {np.nanmax(values):.2f}" if highest else f"{low:.3g} to {high:.3g}"
    return text.replace("-", "−")


def _values(rows: list[Mapping[str, Any]], name: str, places: list[Place], heads: int) -> NDArray[np.float64]:
    """One statistic, (layers, heads)."""
    values = np.full((len(places), heads), np.nan)
    for row in rows:
        values[places.index(_place(row)), int(row["head"])] = _number(row.get(name))
    return values


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
    advice = "for example ['previous', 'induction']"
    names = several("statistics", asked, "names", advice=advice)
    if not names:
        raise OptionError(f"statistics: expected a list of names, got {in_short(asked)}; {advice}")
    for name in names:
        if not isinstance(name, str) or name not in there:
            raise OptionError(f"statistics: expected some of {', '.join(there)}, got {in_short(name)}")
    return names


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
