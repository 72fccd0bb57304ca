"""Effects as a picture: layers by heads in colours symmetric about 0, and beside them the strongest with their intervals."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator

from regard.errors import OptionError
from regard.figures.canvas import canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.panels import EDGE, wrapped_title
from regard.interventions.site_effects import ADJUSTED, SiteEffect, TestedSites

_CELL, _SMALLEST, _LINE, _BARS, _GAP = 18.0, 5.0, 13.0, 190.0, 18.0


def effects_figure(
    found: TestedSites,
    *,
    title: str | None = None,
    strongest: int = 12,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws ``figure`` of effects and of their tests: a matrix of heads, where there are some, and the strongest sites."""
    look = look_of(theme, width, font, ax)
    if not found.rows:
        raise OptionError("expected effects of some sites, got none; see what was left out: about['left_out']")
    told = _title(found) if title is None else title
    rows = [row for row in found.rows if not math.isnan(row.effect)][:strongest]
    with lettered([told, *(row.site for row in rows)]):
        return _draw(found, rows, told, look)


def _title(found: TestedSites) -> str:
    what = "estimated effect" if found.estimated else found.what
    prompts = max(row.prompts for row in found.rows)
    return f"{found.measure}: {what}, mean of {prompts:,} prompt{'' if prompts == 1 else 's'}"


def _draw(found: TestedSites, rows: Sequence[SiteEffect], title: str, look: Look) -> Figure:
    letters, unit = look.small, look.unit
    heads = _with_cells(found.rows)
    layers = sorted({(row.kind, row.layer) for row in heads})
    kinds = {kind for kind, _ in layers}
    names = [f"{kind} {layer}" if len(kinds) > 1 else str(layer) for kind, layer in layers]
    across = 1 + max((row.head for row in heads), default=-1)
    left = max((text_width(name, letters) for name in names), default=0) + 8 * unit + 1.4 * letters if heads else 0.0
    span = _span(_top(heads))
    labels = [shortened(row.site, letters, 14 * letters) for row in rows]
    beside = max((text_width(label, letters) for label in labels), default=0) + 8 * unit
    room = width_for(look, math.inf) - 2 * EDGE
    cell = unit * min(_CELL, max(_SMALLEST, 220 / max(1, across)), max(_SMALLEST, 260 / max(1, len(layers))))
    cells = left + max(across * cell, text_width(span, letters)) + _GAP if heads else 0.0
    bars = min(_BARS * unit, max(room - beside - cells, 9 * letters)) if rows else 0.0
    if room < math.inf and heads:
        cell = min(cell, max(1.0, (room - left - bars - beside - _GAP - 0.5 * EDGE) / across))
    matrix_wide = left + max(across * cell, text_width(span, letters)) + (_GAP if rows else 0) if heads else 0.0
    wide = matrix_wide + (beside + bars + 0.5 * EDGE if rows else 0)
    wide = max(wide, min(text_width(title, look.title), 30 * letters))
    title = wrapped_title(title, look.title, wide)
    notes = wrapped_title(_note(found, heads=bool(heads), rows=bool(rows)), 0.9 * letters, wide)
    head = 1.5 * look.title * (1 + title.count("\n")) if title else 0.0
    tall = max(len(layers) * cell, len(rows) * _LINE * unit, 4 * letters)
    foot = 4.4 * letters
    canvas = canvas_for(wide + 2 * EDGE, 2 * EDGE + head + tall + foot + 1.3 * letters * (1 + notes.count("\n")), look)
    top = EDGE + head
    if title:
        canvas.write(EDGE, EDGE, title, color=look.theme.text, fontsize=look.title, va="top")
    if heads:
        matrix = canvas.axes(EDGE + left, top, across * cell, len(layers) * cell)
        _draw_heads(matrix, found, heads, layers, names, look, cell)
    if rows:
        whiskers = canvas.axes(EDGE + matrix_wide + beside, top, bars, len(rows) * _LINE * unit)
        _draw_strongest(whiskers, found, rows, labels, look)
    canvas.write(EDGE, canvas.size[1] - EDGE, notes, color=look.theme.dimmed, fontsize=0.9 * letters, va="bottom")
    return canvas.figure


def _with_cells(rows: Sequence[SiteEffect]) -> list[SiteEffect]:
    """Heads that are one site: of several at one head, such as its paths, none can have the cell."""
    heads = [row for row in rows if row.place.is_head]
    places = Counter((row.kind, row.layer, row.head) for row in heads)
    return [row for row in heads if places[row.kind, row.layer, row.head] == 1]


def _note(found: TestedSites, *, heads: bool, rows: bool) -> str:
    parts = []
    if rows:
        parts.append(f"bar: {found.confidence * 100:g} % interval of the mean")
    if heads:
        parts.append(f"ring: p < {found.alpha:g}, {ADJUSTED[found.adjust]} over {len(found.rows)} sites")
    if found.estimated:
        parts.append("hatched: estimated, not run")
    return " · ".join(parts)


def _top(heads: Sequence[SiteEffect]) -> float:
    """The largest effect of a head, in either direction: where the colours end."""
    return max((abs(row.effect) for row in heads if not math.isnan(row.effect)), default=0.0)


def _span(top: float) -> str:
    """What stands below the heads: what the ends of the colours are."""
    return f"head · ±{top:.3g}" if top else "head · all 0"


def _draw_heads(
    ax: Axes,
    found: TestedSites,
    heads: Sequence[SiteEffect],
    layers: Sequence[tuple[str, int]],
    names: Sequence[str],
    look: Look,
    cell: float,
) -> None:
    """The cells, symmetric about 0: what is not there is a dot."""
    colours, letters = look.theme, look.small
    values = np.full((len(layers), 1 + max(row.head for row in heads)), np.nan)
    for row in heads:
        values[layers.index((row.kind, row.layer)), row.head] = row.effect
    top = _top(heads)
    ax.grid(visible=False)
    ax.pcolormesh(
        *(np.arange(values.shape[1] + 1) - 0.5, np.arange(len(layers) + 1) - 0.5, np.ma.masked_invalid(values)),
        cmap=colours.diverging(),
        norm=Normalize(-(top or 1.0), top or 1.0),
        edgecolors=colours.frame,
        linewidth=0.3,
    )
    for layer, head in np.argwhere(np.isnan(values)):
        ax.plot(head, layer, marker=".", markersize=min(3.0, cell / 4), color=colours.frame)
    if found.estimated:
        outline = Rectangle((-0.5, -0.5), values.shape[1], len(layers), fill=False, hatch="////", linewidth=0, zorder=2)
        outline.set_edgecolor(colours.frame)
        ax.add_patch(outline)
    for row in heads:
        if row.adjusted < found.alpha:
            place = row.head, layers.index((row.kind, row.layer))
            ax.add_patch(Ellipse(place, 0.62, 0.62, fill=False, edgecolor=colours.background, linewidth=cell / 7, zorder=3))
            ax.add_patch(Ellipse(place, 0.62, 0.62, fill=False, edgecolor=colours.text, linewidth=cell / 16, zorder=4))
    ax.set_xlim(-0.5, values.shape[1] - 0.5)
    ax.set_ylim(len(layers) - 0.5, -0.5)
    ax.set_facecolor(colours.background)
    for spine in ax.spines.values():
        spine.set(visible=True, color=colours.frame, linewidth=0.6)
    ax.tick_params(which="both", length=0, labelleft=True, labelbottom=True, pad=3)
    for axis, count, labels in ((ax.xaxis, values.shape[1], None), (ax.yaxis, len(layers), names)):
        step = max(1, math.ceil(1.6 * letters / cell))
        at = range(0, count, step)
        shown = [str(one) if labels is None else labels[one] for one in at]
        axis.set_ticks(list(at), shown, fontsize=letters, color=colours.dimmed, parse_math=False)
    if len(layers) * cell > text_width("layer", letters):
        ax.set_ylabel("layer", color=colours.dimmed, fontsize=letters, parse_math=False)
    ax.set_xlabel(_span(top), color=colours.dimmed, fontsize=letters, loc="left", parse_math=False)


def _draw_strongest(ax: Axes, found: TestedSites, rows: Sequence[SiteEffect], labels: Sequence[str], look: Look) -> None:
    """The largest effects from the top, each with its interval."""
    colours, letters = look.theme, look.small
    ax.grid(visible=False)
    ax.axvline(0, color=colours.frame, linewidth=0.6, zorder=0)
    for y, row in enumerate(rows):
        if not math.isnan(row.low):
            ax.plot([row.low, row.high], [y, y], color=colours.text, linewidth=1.6, solid_capstyle="butt", zorder=1)
        certain = row.adjusted < found.alpha
        face = colours.accent if certain else colours.background
        ax.plot([row.effect], [y], marker="o", markersize=4, color=face, markeredgecolor=colours.accent, zorder=2)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.margins(x=0.06)
    ax.set_facecolor(colours.background)
    for side, spine in ax.spines.items():
        spine.set(visible=side == "bottom", color=colours.frame, linewidth=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(axis="x", length=2, color=colours.frame, labelcolor=colours.dimmed, labelsize=letters, labelbottom=True)
    ax.tick_params(axis="y", length=0, labelleft=True)
    ax.set_yticks(range(len(rows)), labels, fontsize=letters, color=colours.text, parse_math=False)
    ax.set_xlabel(found.measure, color=colours.dimmed, fontsize=letters, parse_math=False)
