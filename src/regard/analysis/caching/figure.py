"""What caches keep as a picture: the share of weight that is left, by budget, a line a policy."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.figures.canvas import canvas_for, width_for
from regard.figures.figure_files import figure_of
from regard.figures.fonts import lettered
from regard.figures.looks import POINTS, look_of
from regard.figures.matrices import title_said
from regard.figures.panels import EDGE, title_room, wrapped_title

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito, told apart by all eyes."""


def cache_figure(
    budgets: Sequence[int],
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws for each policy its mean, and the tenth of the heads that keeps least."""
    look, title = look_of(theme, width, font, ax), title_said(title)
    with lettered([title, *lines]):
        if ax is None:
            across = max(width_for(look, 5.6 * POINTS), 20 * look.font)  # narrower, its sides have no room
            title = wrapped_title(title, look.title, across - 6.5 * look.font - EDGE)
            plot, above = 0.62 * across - 8 * look.font, max(2.2 * look.font, title_room(title, look) + EDGE)
            canvas = canvas_for(across, above + plot + 5.5 * look.font, look)
            ax = canvas.axes(5 * look.font, above, across - 6.5 * look.font, plot)
        figure_of(ax).set_facecolor(look.theme.background)
        ax.set_facecolor(look.theme.background)
        for (name, (mean, low)), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
            ax.plot(budgets, mean, color=colour, linewidth=1.6, marker="o", markersize=3, label=name)
            ax.fill_between(budgets, low, mean, color=colour, alpha=0.12, linewidth=0)
        ax.set_xscale("log")
        ax.set_xticks(list(budgets), [f"{budget:,}" for budget in budgets], fontsize=look.small)
        ax.minorticks_off()
        ax.set_ylim(0, 1.02)
        ax.tick_params(colors=look.theme.text, labelsize=look.small)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            ax.spines[side].set_color(look.theme.text)
        below = "keys of the prompt that a head keeps\nband: to the tenth of heads that keeps least"
        ax.set_xlabel(below, fontsize=look.small, color=look.theme.text)
        ax.set_ylabel("share of weight left", fontsize=look.small, color=look.theme.text)
        ax.set_title(title, fontsize=look.title, color=look.theme.text, loc="left")
        ax.legend(fontsize=look.small, frameon=False, labelcolor=look.theme.text, loc="best")
        return figure_of(ax)
