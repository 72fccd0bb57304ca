"""Passages as a picture: where each stands in the prompt, and how much of the answer's attention it has."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.axes.spans import Spans
from regard.figures.canvas import canvas_for, width_for
from regard.figures.figure_files import figure_of
from regard.figures.fonts import lettered, shortened
from regard.figures.looks import POINTS, look_of
from regard.figures.matrices import title_said
from regard.figures.panels import EDGE, title_room, wrapped_title
from regard.tokens.texts import visible

STRONG, WEAK = "#0072b2", "#999999"
NAMED = 6
"""So many of the strongest passages have their names beside them."""


def passages_figure(
    spans: Spans,
    values: Sequence[float],
    size: int,
    what: str,
    even: float | None,
    *,
    title: str,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws each passage from its first to its last token, and a line at what even attention would give."""
    look, title = look_of(theme, width, font, ax), title_said(title)
    order = sorted(range(len(values)), key=lambda at: -values[at])
    rank = {at: place for place, at in enumerate(order)}
    names = {at: visible(spans.names[at]) for at in order[:NAMED]}
    with lettered([title, *names.values()]):
        if ax is None:
            across = max(width_for(look, 6.4 * POINTS), 20 * look.font)  # narrower, its sides have no room
            title = wrapped_title(title, look.title, across - 7 * look.font - EDGE)
            plot, above = 0.34 * across, title_room(title, look) + EDGE
            below = (5.6 + 1.4 * len(names)) * look.small
            canvas = canvas_for(across, above + plot + below, look)
            ax = canvas.axes(5 * look.font, above, across - 7 * look.font, plot)
        figure_of(ax).set_facecolor(look.theme.background)
        ax.set_facecolor(look.theme.background)
        top = max(*values, even or 0.0)
        for at, (places, value) in enumerate(zip(spans.places, values, strict=True)):
            strong = rank[at] < NAMED
            for begin, end in _runs(places):
                ax.bar(
                    begin,
                    value,
                    width=end - begin,
                    align="edge",
                    color=STRONG if strong else WEAK,
                    linewidth=0.5,
                    edgecolor=look.theme.background,
                )
            if strong:
                middle = (places[0] + places[-1] + 1) / 2
                ax.text(
                    middle,
                    value + 0.02 * top,
                    str(rank[at] + 1),
                    ha="center",
                    va="bottom",
                    fontsize=look.small,
                    color=look.theme.text,
                )
        if even is not None:
            ax.axhline(even, color=look.theme.text, linewidth=0.8, linestyle=":")
        ax.set_xlim(0, size)
        ax.set_ylim(0, 1.15 * top if top > 0 else 1)
        ax.tick_params(colors=look.theme.text, labelsize=look.small)
        ax.locator_params(axis="x", nbins=6)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            ax.spines[side].set_color(look.theme.text)
        room = (ax.get_window_extent().width / ax.figure.dpi) * POINTS
        said = "position in the prompt" + ("; dotted: attention spread evenly" if even is not None else "")
        listed = [shortened(f"{rank[at] + 1}   {values[at]:.2f}   {name}", look.small, room) for at, name in names.items()]
        below_it = "\n".join([wrapped_title(said, look.small, room), *listed])
        ax.set_xlabel(below_it, fontsize=look.small, color=look.theme.text, loc="left", parse_math=False)
        ax.set_ylabel(what, fontsize=look.small, color=look.theme.text)
        ax.set_title(title, fontsize=look.title, color=look.theme.text, loc="left", parse_math=False)
        return figure_of(ax)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring positions as (begin, end)."""
    runs: list[tuple[int, int]] = []
    for at in places:
        if runs and runs[-1][1] == at:
            runs[-1] = runs[-1][0], at + 1
        else:
            runs.append((at, at + 1))
    return runs
