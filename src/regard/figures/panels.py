"""What pictures of matrices are made of: the cells, the sides with their labels, numbers, titles and the colour bar."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from regard.figures.figure_files import figure_of
from regard.figures.fonts import shortened, text_width
from regard.figures.looks import Look
from regard.figures.scales import Scale
from regard.figures.themes import Theme
from regard.tokens.special import is_special

# Lengths of the layout, in points: so that figures fit their words exactly, and come out the same every time.
EDGE, PAD = 8.0, 6.0
BAR_GAP, BAR, SHORTEST_BAR = 14.0, 10.0, 80.0
WEIGHT = "attention weight"

_SCIENTIFIC = 5  # powers of ten from which on matplotlib takes them out of the numbers beside a colour bar
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Side:
    """The words along one side, laid out before the axes exist so that room can be made for them; lengths in points."""

    positions: list[int]
    texts: list[str]
    whole: list[str]  # of each text that was cut; "" of the others
    dim: list[bool]
    size: float
    rotation: int = 0
    depth: float = 0.0  # how far they reach away from the cells
    overhang: float = 0.0  # how far the last one reaches beyond the cells' corner


def side_of(
    labels: tuple[str, ...] | None,
    count: int,
    pitch: float,
    special: Collection[str] | None,
    look: Look,
    *,
    above: bool,
    longest: float | None = None,
    largest: float = 1.05,
) -> Side:
    """Lays out the tokens beside cells of ``pitch`` points; positions, counted from 0, where there are no labels.

    Above the cells, words that are wider than a cell are turned: by 45° where the cells leave room, else upright. Cells that
    are too small for letters have every second label, every third, and so on.

    Args:
        labels: the tokens.
        count: how many cells.
        pitch: the width of a cell, or its height.
        special: tokens that are dimmed.
        look: the size of letters.
        above: the columns rather than the rows.
        longest: what a label may take away from the cells; beyond it, labels are cut.
        largest: letters, in sizes of the look's font.
    """
    most = look.font if look.fixed else largest * look.font
    if labels is None:
        size = look.small
        step = next((step for step in _STEPS if step * pitch >= 2.2 * size), _STEPS[-1])
    else:
        step = math.ceil((1.1 if look.fixed else 1.25) * look.least / pitch)
        size = min(most, max(look.least, 0.78 * pitch * step))
    positions = list(range(0, count, step))
    whole = [str(at) if labels is None else labels[at] for at in positions]
    dim = [labels is None or is_special(text, special) for text in whole]
    limit = max(5 * size, longest if longest is not None else 16 * size)
    texts = [shortened(text, size, limit) for text in whole]
    cut = [word if word != text else "" for word, text in zip(whole, texts, strict=True)]
    widths = [text_width(text, size) for text in texts]
    if not above:
        return Side(positions, texts, cut, dim, size, 0, max(widths))
    if max(widths) <= 0.92 * pitch * step:
        return Side(positions, texts, cut, dim, size, 0, 1.2 * size)
    if pitch * step * math.sin(math.pi / 4) >= 1.15 * size:
        reach = math.sqrt(0.5)
        return Side(
            *(positions, texts, cut, dim, size, 45, (max(widths) + size) * reach),
            max((at - count + 0.5) * pitch + width * reach for at, width in zip(positions, widths, strict=True)),
        )
    return Side(positions, texts, cut, dim, size, 90, max(widths))


def room_for_name(look: Look) -> float:
    """What the name of a side takes beside its labels."""
    return 1.75 * look.small


def bar_room(scale: Scale, look: Look, name: str = WEIGHT) -> tuple[float, float]:
    """What the colour bar takes right of the cells, and its least height: its words are whole."""
    lines = [name, *([scale.note] if scale.note else [])]
    words = text_width(_widest_number(scale), look.small) + 1.35 * look.small * len(lines)
    shortest = max(SHORTEST_BAR * look.unit, *(text_width(line, look.small) + PAD for line in lines))
    return BAR_GAP + BAR + 10 + words + EDGE / 2, shortest


def draw_cells(ax: Axes, weights: NDArray[np.float64], scale: Scale, theme: Theme, pitch: float) -> QuadMesh:
    """The cells, rows downwards and square: cell (i, j) is centred on x = j, y = i."""
    queries, keys = weights.shape
    fine = pitch < 12
    ax.grid(visible=False)
    mesh = ax.pcolormesh(
        *(np.arange(keys + 1) - 0.5, np.arange(queries + 1) - 0.5, weights),
        cmap=scale.colours,
        norm=scale.norm,
        # A hairline of the background tells large cells apart. Small ones become an image: as thousands of touching
        # rectangles, viewers of PDF show gaps between them.
        edgecolors="none" if fine else theme.background,
        linewidth=0 if fine else 0.5,
        rasterized=fine,
    )
    ax.set_xlim(-0.5, keys - 0.5)
    ax.set_ylim(queries - 0.5, -0.5)
    ax.set_aspect("equal", adjustable="box")
    ax.set_facecolor(theme.background)
    for spine in ax.spines.values():
        spine.set(visible=True, color=theme.frame, linewidth=0.6)
    ax.tick_params(which="both", length=0, labelleft=False, labelbottom=False)
    ax.set(xticks=[], yticks=[])
    return mesh


def write_rows(ax: Axes, side: Side, theme: Theme) -> None:
    """The queries, left of their rows."""
    ax.tick_params(axis="y", left=False, right=False, labelleft=True, labelright=False, pad=4)
    ax.set_yticks(side.positions, side.texts, fontsize=side.size, parse_math=False, va="center_baseline")
    _mark(ax.get_yticklabels(), side, theme)


def write_columns(ax: Axes, side: Side, theme: Theme) -> None:
    """The keys, above their columns."""
    ax.tick_params(axis="x", top=False, bottom=False, labeltop=True, labelbottom=False, pad=6 if side.rotation else 4)
    anchors = {0: ("center", "baseline"), 45: ("left", "center_baseline"), 90: ("left", "center_baseline")}
    horizontal, vertical = anchors[side.rotation]
    ax.set_xticks(
        *(side.positions, side.texts),
        fontsize=side.size,
        parse_math=False,
        rotation=side.rotation,
        rotation_mode="anchor",
        ha=horizontal,
        va=vertical,
    )
    _mark(ax.get_xticklabels(), side, theme)


def _mark(labels: list[Any], side: Side, theme: Theme) -> None:
    for label, dim, whole in zip(labels, side.dim, side.whole, strict=True):
        label.set_color(theme.dimmed if dim else theme.text)
        label.set_label(whole)  # for the title of the text in SVG


def write_sides(ax: Axes, left: Side | None, above: Side | None, look: Look, names: tuple[str, str]) -> None:
    """The tokens of the sides that are given, and which side is which."""
    named: dict[str, Any] = {"color": look.theme.dimmed, "fontsize": look.small, "parse_math": False}
    if left is not None:
        write_rows(ax, left, look.theme)
        ax.set_ylabel(names[0], **named)
    if above is not None:
        write_columns(ax, above, look.theme)
        ax.set_xlabel(names[1], **named)
        ax.xaxis.set_label_position("top")


def number_size(weights: NDArray[np.float64], pitch: float, look: Look) -> float:
    """The size of numbers in cells of this pitch."""
    widest = max(text_width(text, 1.0) for text in {text for row in _numbers(weights) for text in row})
    return min(look.font if look.fixed else 0.9 * look.font, 0.8 * pitch / widest)


def write_numbers(ax: Axes, weights: NDArray[np.float64], mesh: QuadMesh, size: float) -> None:
    """Each weight in its cell, two decimals; a 0 alone is exactly 0, as where a mask hides the key."""
    texts = _numbers(weights)
    colours = mesh.to_rgba(np.ma.masked_array(weights))
    for query, key in np.ndindex(weights.shape):
        red, green, blue, _ = colours[query, key]
        bright = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.2
        ax.text(
            *(key, query, texts[query][key]),
            color="#1c2024" if bright else "#ffffff",
            fontsize=size,
            ha="center",
            va="center_baseline",
        )


def _numbers(weights: NDArray[np.float64]) -> list[list[str]]:
    return [["0" if weight == 0 else f"{weight:z.2f}".replace("-", "−") for weight in row] for row in weights]


def draw_bar(
    mesh: QuadMesh, scale: Scale, look: Look, cax: Axes | None = None, *, beside: Axes | None = None, name: str = WEIGHT
) -> None:
    """The colour bar, in axes of its own or beside others; it says what is drawn, and on which scale."""
    theme = look.theme
    bar = figure_of(cax or beside).colorbar(mesh, cax=cax, ax=beside, extend=scale.extend)
    if cax is None and beside is not None:
        bar.ax.set_axes_locator(_Beside(bar.ax, beside))
    bar.set_label(f"{name}\n{scale.note}".rstrip(), color=theme.text, fontsize=look.small, parse_math=False)
    if isinstance(scale.norm, LogNorm):
        bar.ax.yaxis.set_major_locator(LogLocator(10, numticks=7))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=look.small, labelcolor=theme.text, color=theme.frame, length=2.5, width=0.6)
    bar.outline.set(edgecolor=theme.frame, linewidth=0.6)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")


class _Beside:
    """Keeps a bar as tall as the cells, and near them: in axes that were given, they are square when they are drawn."""

    def __init__(self, bar: Axes, cells: Axes) -> None:
        self.bar, self.cells, self.usual = bar, cells, bar.get_axes_locator()

    def get_subplotspec(self) -> Any:
        """Where the bar stands among subplots, for tight layouts."""
        return self.bar.get_subplotspec()

    def __call__(self, axes: Any, renderer: Any) -> Bbox:
        place, own = self.usual(axes, renderer), axes.get_position(original=True)  # without its arrows, and with them
        now, before = self.cells.get_position(), self.cells.get_position(original=True)
        tall = max(now.height, own.height / 2)  # beside few rows, its numbers need room
        bottom = now.y0 + (now.height - tall) / 2
        low, high = (bottom + (y - own.y0) / own.height * tall for y in (place.y0, place.y1))
        left = now.x1 + place.x0 - before.x1
        return Bbox.from_extents(left, low, left + place.width, high)


def _widest_number(scale: Scale) -> str:
    low, high = float(scale.norm.vmin or 0), float(scale.norm.vmax or 1)
    if isinstance(scale.norm, LogNorm):
        return max(
            (f"{10.0**power:g}" for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)), key=len
        )
    power = math.floor(math.log10(high - low))
    sign = "−" if low < 0 else ""
    if not -_SCIENTIFIC < power < _SCIENTIFIC:  # 1e30 stands above the bar, once
        return f"{sign}0.00"
    return f"{sign}{max(high, -low):.{max(1, 2 - power)}f}"


def wrapped_title(title: str, size: float, widest: float) -> str:
    """The title on as many lines as it needs, broken at blanks, commas and points of names; what is longer is cut."""
    lines = [""]
    for part in _parts(title):
        if lines[-1] and text_width((lines[-1] + part).rstrip(), size) > widest:
            lines.append("")
        lines[-1] += part
    return "\n".join(shortened(line.rstrip(), size, widest) for line in lines)


def _parts(title: str) -> list[str]:
    parts, start = [], 0
    for at, character in enumerate(title, 1):
        if character in " ./_" or at == len(title):
            parts.append(title[start:at])
            start = at
    return parts


def write_title(ax: Axes, title: str, whole: str, look: Look) -> None:
    """The title of a picture above its axes."""
    if title:
        text = ax.set_title(title, color=look.theme.text, fontsize=look.title, parse_math=False)
        text.set_label(whole if "…" in title else "")


def title_room(title: str, look: Look) -> float:
    """What a title takes above the picture."""
    return look.title * (0.8 + 1.2 * (1 + title.count("\n"))) if title else 0.0
