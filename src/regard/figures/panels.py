"""What pictures are made of: the cells of a matrix, its sides, numbers and colour bar; pages, lines of text, curves."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from regard.arguments import number
from regard.errors import OptionError
from regard.figures.figure_files import NotebookFigure, figure_of
from regard.figures.themes import Theme
from regard.tokens.special import is_special

POINTS = 72.0  # an inch

# Lengths of the layout, in points: so that figures fit their words exactly, and come out the same every time.
EDGE, PAD, TITLE, SIDE_NAME = 8.0, 6.0, 22.0, 14.0
BAR_GAP, BAR, BAR_WORDS, SHORTEST_BAR = 14.0, 10.0, 46.0, 80.0
TITLE_FONT, NAME_FONT = 11.0, 8.0

CURVE = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
"""The codes of an S."""

_SMALLEST_FONT = 3.0
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Scale:
    """Which colour a weight gets."""

    colours: LinearSegmentedColormap
    vmin: float
    vmax: float
    lowest: float  # of the weights drawn
    highest: float

    @property
    def extend(self) -> str:
        """Arrows on the colour bar, where weights lie beyond its ends: nothing is cut off in silence."""
        names = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
        slack = 1e-5 * (self.vmax - self.vmin)  # a row of float32 may sum to 1.0000001
        return names[self.lowest < self.vmin - slack, self.highest > self.vmax + slack]


def scale_of(matrices: Sequence[NDArray[np.float64]], vmin: float, vmax: float, theme: Theme) -> Scale:
    """One scale for all of these weights; a diverging one where some are negative and ``vmin`` was left at 0."""
    for name, value in (("vmin", vmin), ("vmax", vmax)):
        number(name, value)
    if not vmin < vmax:
        raise OptionError(f"expected vmin below vmax, got vmin={vmin} and vmax={vmax}")
    lowest, highest = min(part.min() for part in matrices), max(part.max() for part in matrices)
    signed = vmin == 0 and lowest < 0
    return Scale(theme.diverging() if signed else theme.sequential(), -vmax if signed else vmin, vmax, lowest, highest)


@dataclass(frozen=True)
class Side:
    """The words along one side, laid out before the axes exist so that room can be made for them; lengths in points."""

    positions: list[int]
    texts: list[str]
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
    *,
    above: bool,
    largest: float = 10.5,
) -> Side:
    """Lays out the tokens beside cells of ``pitch`` points; positions, counted from 0, where there are no labels.

    Above the cells, words that are wider than a cell are turned: by 45° where the cells leave room, else upright.
    """
    if labels is None:
        step = next(step for step in _STEPS if step * pitch >= 18 or step == _STEPS[-1])
        size = min(largest, 8.0)
    else:
        step = math.ceil((_SMALLEST_FONT + 0.5) / pitch)
        size = min(largest, max(_SMALLEST_FONT, 0.78 * pitch * step))
    positions = list(range(0, count, step))
    texts = [str(at) if labels is None else labels[at] for at in positions]
    dim = [labels is None or is_special(text, special) for text in texts]
    widths = [text_width(text, size) for text in texts]
    if not above:
        return Side(positions, texts, dim, size, 0, max(widths))
    if max(widths) <= 0.92 * pitch * step:
        return Side(positions, texts, dim, size, 0, 1.2 * size)
    if pitch * step * math.sin(math.pi / 4) >= 1.15 * size:
        reach = math.sqrt(0.5)
        return Side(
            *(positions, texts, dim, size, 45, (max(widths) + size) * reach),
            max((at - count + 0.5) * pitch + width * reach for at, width in zip(positions, widths, strict=True)),
        )
    return Side(positions, texts, dim, size, 90, max(widths))


def text_width(text: str, size: float) -> float:
    """Width of the text in points, in the font that it will be drawn in."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width)


def draw_cells(ax: Axes, weights: NDArray[np.float64], scale: Scale, theme: Theme, pitch: float) -> QuadMesh:
    """The cells, rows downwards: cell (i, j) is centred on x = j, y = i."""
    queries, keys = weights.shape
    fine = pitch < 12
    ax.grid(visible=False)
    mesh = ax.pcolormesh(
        *(np.arange(keys + 1) - 0.5, np.arange(queries + 1) - 0.5, weights),
        cmap=scale.colours,
        vmin=scale.vmin,
        vmax=scale.vmax,
        # A hairline of the background tells large cells apart. Small ones become an image: as thousands of touching
        # rectangles, viewers of PDF show gaps between them.
        edgecolors="none" if fine else theme.background,
        linewidth=0 if fine else 0.5,
        rasterized=fine,
    )
    ax.set_xlim(-0.5, keys - 0.5)
    ax.set_ylim(queries - 0.5, -0.5)
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
    for label, dim in zip(ax.get_yticklabels(), side.dim, strict=True):
        label.set_color(theme.dimmed if dim else theme.text)


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
    for label, dim in zip(ax.get_xticklabels(), side.dim, strict=True):
        label.set_color(theme.dimmed if dim else theme.text)


def write_numbers(ax: Axes, weights: NDArray[np.float64], mesh: QuadMesh, pitch: float) -> None:
    """Each weight in its cell, two decimals; a 0 alone is exactly 0, as where a mask hides the key."""
    texts = [["0" if weight == 0 else f"{weight:z.2f}".replace("-", "−") for weight in row] for row in weights]
    widest = max(text_width(text, 1.0) for row in texts for text in row)
    colours = mesh.to_rgba(weights)
    for query, key in np.ndindex(weights.shape):
        red, green, blue, _ = colours[query, key]
        bright = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.2
        ax.text(
            *(key, query, texts[query][key]),
            color="#1c2024" if bright else "#ffffff",
            fontsize=min(9.0, 0.8 * pitch / widest),
            ha="center",
            va="center_baseline",
        )


def write_sides(ax: Axes, left: Side | None, above: Side | None, theme: Theme, names: tuple[str, str]) -> None:
    """The tokens of the sides that are given, and which side is which."""
    if left is not None:
        write_rows(ax, left, theme)
        ax.set_ylabel(names[0], color=theme.dimmed, fontsize=NAME_FONT)
    if above is not None:
        write_columns(ax, above, theme)
        ax.set_xlabel(names[1], color=theme.dimmed, fontsize=NAME_FONT)
        ax.xaxis.set_label_position("top")


def draw_bar(mesh: QuadMesh, scale: Scale, theme: Theme, cax: Axes | None = None, *, beside: Axes | None = None) -> None:
    """The colour bar, in axes of its own or beside others."""
    figure = figure_of(cax or beside)
    bar = figure.colorbar(mesh, cax=cax, ax=beside, extend=scale.extend)
    bar.set_label("attention weight", color=theme.text, fontsize=9)
    bar.ax.tick_params(labelsize=8, labelcolor=theme.text, color=theme.frame, length=2.5, width=0.6)
    bar.outline.set(edgecolor=theme.frame, linewidth=0.6)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")


def new_axes(figure: Figure, left: float, top: float, width: float, height: float, kind: type[Axes] = Axes) -> Axes:
    """Axes at a distance in points from the left and the top of the figure."""
    across, down = figure.get_size_inches() * POINTS
    bounds = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(kind(figure, bounds))


def new_page(width: float, height: float, title: str, theme: Theme) -> Axes:
    """Axes of a figure of their own, whose units are points from the upper left."""
    above = TITLE if title else 0.0
    size = 2 * EDGE + width, 2 * EDGE + above + height
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=theme.background)
    ax = new_axes(figure, EDGE, EDGE + above, width, height)
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    if title:
        ax.set_title(title, color=theme.text, fontsize=TITLE_FONT, parse_math=False)
    return ax


def write_line(ax: Axes, x: float, y: float, text: str, size: float, colour: str, side: str, **look: Any) -> None:
    """One line of text that stands on y."""
    ax.text(x, y, text, fontsize=size, color=colour, ha=side, va="baseline", parse_math=False, **look)


def amount_text(amount: float) -> str:
    """Two decimals, or what a large amount has before them."""
    return f"{amount:.2f}" if amount < 100 else f"{amount:,.0f}"


def s_curve(x: float, start: float, y: float, stop: float) -> Path:
    """An S from (x, start) to (y, stop)."""
    middle = (start + stop) / 2
    return Path([(x, start), (x, middle), (y, middle), (y, stop)], CURVE)
