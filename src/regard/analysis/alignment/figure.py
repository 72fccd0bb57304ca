"""A word alignment as a picture: links over the weights, or as ribbons between two lines of words; gold beside found."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from torch import Tensor

from regard.analysis.alignment.error_rates import Link, checked_links
from regard.arguments import one_of
from regard.errors import ShapeError
from regard.figures.canvas import canvas_for, width_for
from regard.figures.drawings import CURVE, s_curve
from regard.figures.figure_files import figure_of
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import read_matrices, title_said
from regard.figures.matrix import Layout, draw_matrix
from regard.figures.panels import EDGE, PAD, title_room, wrapped_title, write_title
from regard.figures.scales import scale_of
from regard.figures.themes import Theme
from regard.tokens.texts import visible

KINDS = ("matrix", "ribbon")
MOST_RIBBONS = 80  # words a side of which ribbons can still be told apart

_CELL, _GAP, _HEIGHT = 22.0, 12.0, 96.0


@dataclass(frozen=True)
class _Drawing:
    """What is drawn, checked."""

    links: Collection[Link]
    weights: Tensor
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    gold: tuple[set[Link], set[Link]] | None  # sure links, and those that are only possible
    title: str
    rows: str  # what the words of the target are
    look: Look

    def is_right(self, link: Link) -> bool:
        """Whether gold has the link; without gold, no link is wrong."""
        return self.gold is None or link in self.gold[0] | self.gold[1]


def alignment_figure(
    links: Collection[Link],
    weights: Tensor,
    source_words: Sequence[str],
    target_words: Sequence[str],
    sure: Collection[Link] | None = None,
    possible: Collection[Link] = (),
    *,
    kind: str = "matrix",
    title: str = "",
    rows: str = "target words",
    scale: str | None = "linear",
    cmap: str | Colormap | None = None,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws links between words, and the gold ones beside them: what ``Alignment.figure`` draws.

    Args:
        links: pairs (source word, target word).
        weights: (target words, source words).
        source_words: the words of the source.
        target_words: the words of the target.
        sure: as in ``Alignment.figure``.
        possible: likewise.
        kind: likewise.
        title: likewise.
        rows: what the words of the target are, along their side.
        scale: as in ``Alignment.figure``.
        cmap: likewise.
        width: likewise.
        font: likewise.
        theme: likewise.
        ax: likewise.

    Raises:
        OptionError, ShapeError: as ``Alignment.figure``.

    Example:
        >>> import torch
        >>> figure = alignment_figure({(0, 1), (1, 0)}, torch.eye(2).flip(0), ["black", "cat"], ["chat", "noir"], kind="ribbon")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['black', 'cat', 'chat', 'noir']
    """
    one_of("kind", kind, KINDS)
    look = look_of(theme, width, font, ax)
    sources, targets = len(source_words), len(target_words)
    if not sources or not targets:
        raise ShapeError(
            f"expected words on both sides, got {sources} source and {targets} target words: there is nothing to draw"
        )
    certain = None if sure is None else checked_links("sure", sure)
    allowed = checked_links("possible", possible)
    for source, target in (certain or set()) | allowed:
        if not (0 <= source < sources and 0 <= target < targets):
            raise ShapeError(
                f"expected gold links of {sources} source and {targets} target words, got {(source, target)}; "
                "align with source_words= and target_words= as the gold counts them"
            )
    gold = None if certain is None else (certain, allowed - certain)
    shown = [tuple(visible(str(word)) for word in words) for words in (source_words, target_words)]
    drawing = _Drawing(links, weights, shown[0], shown[1], gold, title_said(title), rows, look)
    with lettered([*shown[0], *shown[1], drawing.title, rows]):
        return _matrix(drawing, scale, cmap) if kind == "matrix" else _ribbons(drawing)


def _matrix(drawing: _Drawing, scale: str | None, cmap: str | Colormap | None) -> Figure:
    look, theme, gold = drawing.look, drawing.look.theme, drawing.gold
    sides = (drawing.rows, "source words")
    found = read_matrices(drawing.weights, drawing.target_words, drawing.source_words, batch=0, head=None, sides=sides)
    entries = _matrix_legend(gold=gold is not None)

    def foot(width: float) -> float:
        return PAD + _legend_lines([name for name, _ in entries], width, look) * _legend_line(look)

    chosen = scale_of(list(found.weights), theme, scale=scale, cmap=cmap)
    drawn = draw_matrix(found, chosen, look, Layout(drawing.title, (), largest=_CELL, foot=foot))
    ax, pitch = drawn.ax, drawn.pitch
    for link in sorted(drawing.links):
        ax.plot(*link, **_dot(theme, pitch) if drawing.is_right(link) else _cross(theme, pitch))
    for links, style in zip(gold or (), ("-", (0, (2, 1.5))), strict=False):
        for source, target in sorted(links):
            inset = 0.5 - 1.2 / pitch
            ax.add_patch(
                Rectangle(
                    *((source - inset, target - inset), 2 * inset, 2 * inset),
                    fill=False,
                    edgecolor=theme.accent,
                    linewidth=1.3,
                    linestyle=style,
                )
            )
    if drawn.foot is not None:
        _write_legend(drawn.foot, entries, PAD, look)
    return figure_of(ax)


def _dot(theme: Theme, pitch: float) -> dict[str, Any]:
    return {
        "marker": "o",
        "linestyle": "none",
        "markersize": 0.36 * pitch,
        "markeredgewidth": 0.8,
        "markerfacecolor": theme.text,
        "markeredgecolor": theme.background,
    }


def _cross(theme: Theme, pitch: float) -> dict[str, Any]:
    return {"marker": "X", "linestyle": "none", "markersize": 0.42 * pitch, "markeredgewidth": 0.8} | {
        "markerfacecolor": theme.negative[5],
        "markeredgecolor": theme.background,
    }


Entries = list[tuple[str, str]]
"""Words of the legend, and what stands before them."""


def _matrix_legend(*, gold: bool) -> Entries:
    if not gold:
        return [("link", "dot")]
    return [
        ("found, in gold", "dot"),
        ("found, not in gold", "cross"),
        ("sure in gold", "frame"),
        ("possible in gold", "dashed frame"),
    ]


def _ribbon_legend(*, gold: bool) -> Entries:
    if not gold:
        return []
    return [("found, in gold", "good line"), ("found, not in gold", "bad line"), ("in gold, not found", "dashed line")]


def _legend_line(look: Look) -> float:
    return 2 * look.small


def _legend_lines(names: list[str], width: float, look: Look) -> int:
    """How many lines the entries take, side by side as long as they fit."""
    lines, at = (1, 0.0) if names else (0, 0.0)
    for name in names:
        step = _entry_width(name, look)
        if at and at + step > width:
            lines, at = lines + 1, 0.0
        at += step
    return lines


def _mark(look: Look) -> float:
    return 1.25 * look.small


def _entry_width(name: str, look: Look) -> float:
    return _mark(look) + 5 + text_width(name, look.small) + 14


def _write_legend(page: Axes, entries: Entries, top: float, look: Look) -> None:
    theme, mark_size, line = look.theme, _mark(look), _legend_line(look)
    x, y, across = 0.0, top + line / 2, page.get_xlim()[1]
    for name, mark in entries:
        if x and x + _entry_width(name, look) > across:
            x, y = 0.0, y + line
        middle = x + mark_size / 2
        match mark:
            case "dot" | "cross":
                page.plot(middle, y, **(_dot if mark == "dot" else _cross)(theme, 2.2 * mark_size))
            case "frame" | "dashed frame":
                style = "-" if mark == "frame" else (0, (2, 1.5))
                box: dict[str, Any] = {"fill": False, "edgecolor": theme.accent, "linewidth": 1.3, "linestyle": style}
                page.add_patch(Rectangle((x, y - mark_size / 2), mark_size, mark_size, **box))
            case _:
                page.plot([x, x + mark_size], [y, y], **_line(theme, mark), solid_capstyle="butt")
        page.text(x + mark_size + 5, y, name, color=theme.text, fontsize=look.small, va="center_baseline", parse_math=False)
        x += _entry_width(name, look)


def _line(theme: Theme, mark: str) -> dict[str, Any]:
    match mark:
        case "good line":
            return {"color": theme.positive[6], "linewidth": 3.0}
        case "bad line":
            return {"color": theme.negative[5], "linewidth": 3.0}
    return {"color": theme.accent, "linewidth": 1.2, "linestyle": (0, (3, 2))}


def _ribbons(drawing: _Drawing) -> Figure:
    look, theme, gold, unit = drawing.look, drawing.look.theme, drawing.gold, drawing.look.unit
    sources, targets = drawing.source_words, drawing.target_words
    if max(len(sources), len(targets)) > MOST_RIBBONS:
        raise ShapeError(
            f"expected at most {MOST_RIBBONS} words a side for ribbons, got {len(sources)} and {len(targets)}; "
            "draw kind='matrix', or a part of the text"
        )
    room = width_for(look, math.inf) - 2 * EDGE
    (above, top), (below, bottom) = (_line_of_words(words, room, look) for words in (sources, targets))
    natural = look.width is None and look.ax is None
    width = max(top[-1][1], bottom[-1][1], min(text_width(drawing.title, look.title), 36 * look.font) if natural else 0.0)
    lines = wrapped_title(drawing.title, look.title, width if natural else room) if drawing.title else ""
    entries = _ribbon_legend(gold=gold is not None)
    start = EDGE + title_room(lines, look)
    legend = _legend_lines([name for name, _ in entries], width, look) * _legend_line(look)
    word, height = look.font + PAD, _HEIGHT * unit
    body = height + 2 * word
    canvas = canvas_for(width + 2 * EDGE, start + body + legend + EDGE, look)
    spare = EDGE / 2  # a ribbon may be wider than its word
    ax = canvas.page(EDGE - spare, start, width + 2 * spare, body)
    ax.set_xlim(-spare, width + spare)
    shift = [(width - side[-1][1]) / 2 for side in (top, bottom)]
    places = [[(a + b) / 2 + by for a, b in side] for side, by in zip((top, bottom), shift, strict=True)]
    weights = np.asarray(drawing.weights.detach().cpu().double().numpy())
    for source, target in sorted(drawing.links, key=lambda link: weights[link[1], link[0]]):
        mark = "good line" if drawing.is_right((source, target)) else "bad line"
        ends = (places[0][source], places[1][target])
        _ribbon(ax, ends, (word, word + height), unit * float(weights[target, source]), theme, mark)
    for source, target in sorted((gold[0] if gold else set()) - set(drawing.links)):
        x, y = places[0][source], places[1][target]
        ax.add_patch(PathPatch(s_curve(x, word, y, word + height), fill=False, **_edge(theme)))
    for whole, words, at, y, va in (
        (sources, above, places[0], word - PAD / 2, "bottom"),
        (targets, below, places[1], word + height + PAD / 2, "top"),
    ):
        for full, text, x in zip(whole, words, at, strict=True):
            drawn = ax.text(x, y, text, color=theme.text, fontsize=look.font, ha="center", va=va, parse_math=False)
            drawn.set_label(full if full != text else "")
    write_title(ax, lines, drawing.title, look)
    if entries:
        _write_legend(canvas.page(EDGE, start + body, width, legend), entries, 0.0, look)
    return canvas.figure


def _line_of_words(words: tuple[str, ...], room: float, look: Look) -> tuple[list[str], list[tuple[float, float]]]:
    """The words, cut where they would not fit, and where each begins and ends, in points."""
    gap = min(_GAP * look.unit, 0.25 * room / len(words))
    left, limit = room - gap * len(words), 24 * look.font
    for at, wide in enumerate(sorted(text_width(word, look.font) for word in words)):
        share = left / (len(words) - at)  # short words leave to long ones what they do not need
        if wide > share:
            limit = min(limit, share)
            break
        left -= wide
    shown = [shortened(word, look.font, limit) for word in words]
    start, places = 0.0, []
    for word in shown:
        wide = text_width(word, look.font)
        places.append((start, start + wide))
        start += wide + gap
    return shown, places


def _ribbon(ax: Axes, ends: tuple[float, float], between: tuple[float, float], weight: float, theme: Theme, mark: str) -> None:
    """A band from one word to the other, as wide as the weight."""
    half = max(0.5, 4.0 * min(1.0, weight))
    (x, y), (high, low) = ends, between
    down, up = s_curve(x - half, high, y - half, low), s_curve(y + half, low, x + half, high)
    vertices = np.concatenate([np.asarray(down.vertices), np.asarray(up.vertices), [(x - half, high)]])
    codes = [*CURVE, Path.LINETO, *CURVE[1:], Path.CLOSEPOLY]
    colour = _line(theme, mark)["color"]
    ax.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, alpha=0.35 + 0.5 * min(1.0, weight), linewidth=0))


def _edge(theme: Theme) -> dict[str, Any]:
    style = _line(theme, "dashed line")
    return {"edgecolor": style["color"], "linewidth": style["linewidth"], "linestyle": style["linestyle"]}
