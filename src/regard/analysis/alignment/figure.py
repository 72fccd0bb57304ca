"""A word alignment as a picture: links over the weights, or as ribbons between two lines of words; gold beside found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from torch import Tensor

from regard.analysis.alignment.error_rates import Link
from regard.arguments import one_of
from regard.errors import ShapeError
from regard.figures.figure_files import NotebookFigure
from regard.figures.matrices import read_matrices
from regard.figures.panels import (
    BAR,
    BAR_GAP,
    BAR_WORDS,
    CURVE,
    EDGE,
    NAME_FONT,
    PAD,
    POINTS,
    SHORTEST_BAR,
    SIDE_NAME,
    TITLE,
    TITLE_FONT,
    draw_bar,
    draw_cells,
    new_axes,
    s_curve,
    scale_of,
    side_of,
    text_width,
    write_sides,
)
from regard.figures.themes import Theme, theme_named

KINDS = ("matrix", "ribbon")
MOST_RIBBONS = 80  # words a side of which ribbons can still be told apart

_CELL, _WORD_FONT, _GAP, _HEIGHT = 22.0, 10.5, 12.0, 96.0
_LEGEND_FONT, _LEGEND_LINE, _MARK = 8.0, 16.0, 10.0


@dataclass(frozen=True)
class _Drawing:
    """What is drawn, checked."""

    links: Collection[Link]
    weights: Tensor
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    gold: tuple[set[Link], set[Link]] | None  # sure links, and those that are only possible
    title: str
    theme: Theme

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
    theme: str = "light",
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
        theme: likewise.

    Raises:
        OptionError, ShapeError: as ``Alignment.figure``.

    Example:
        >>> import torch
        >>> figure = alignment_figure({(0, 1), (1, 0)}, torch.eye(2).flip(0), ["black", "cat"], ["chat", "noir"], kind="ribbon")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['black', 'cat', 'chat', 'noir']
    """
    one_of("kind", kind, KINDS)
    colours = theme_named(theme)
    sources, targets = len(source_words), len(target_words)
    if not sources or not targets:
        raise ShapeError(
            f"expected words on both sides, got {sources} source and {targets} target words: there is nothing to draw"
        )
    for source, target in {*(sure or ()), *possible}:
        if not (0 <= source < sources and 0 <= target < targets):
            raise ShapeError(
                f"expected gold links of {sources} source and {targets} target words, got {(source, target)}; "
                "align with source_words= and target_words= as the gold counts them"
            )
    gold = None if sure is None else (set(sure), set(possible) - set(sure))
    drawing = _Drawing(links, weights, tuple(source_words), tuple(target_words), gold, title, colours)
    return _matrix(drawing) if kind == "matrix" else _ribbons(drawing)


def _matrix(drawing: _Drawing) -> Figure:
    title, theme, gold = drawing.title, drawing.theme, drawing.gold
    found = read_matrices(drawing.weights, drawing.target_words, drawing.source_words, batch=0, head=None)
    weights = found.weights[0]
    rows, columns = weights.shape
    pitch = min(_CELL, max(7.2, 8.5 * POINTS / max(rows, columns)))
    left = side_of(found.queries, rows, pitch, (), above=False)
    above = side_of(found.keys, columns, pitch, (), above=True)
    height, width = rows * pitch, columns * pitch
    beside_title = EDGE + text_width(title, TITLE_FONT) / 2 - width / 2
    entries = _matrix_legend(gold=gold is not None)
    x = max(EDGE + SIDE_NAME + left.depth + PAD, beside_title)
    y = EDGE + (TITLE if title else 0) + SIDE_NAME + above.depth + PAD
    right = max(EDGE + above.overhang, beside_title, BAR_GAP + BAR + BAR_WORDS)
    lines = _legend_lines([name for name, _ in entries], x + width + right - 2 * EDGE)
    body = max(height, SHORTEST_BAR)
    size = x + width + right, y + body + PAD + lines * _LEGEND_LINE + EDGE
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=theme.background)
    ax = new_axes(figure, x, y, width, height)
    scale = scale_of([weights], 0.0, 1.0, theme)
    mesh = draw_cells(ax, weights, scale, theme, pitch)
    draw_bar(mesh, scale, theme, new_axes(figure, x + width + BAR_GAP, y, BAR, body))
    write_sides(ax, left, above, theme, ("target", "source"))
    if title:
        ax.set_title(title, color=theme.text, fontsize=TITLE_FONT, parse_math=False)
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
    _write_legend(figure, entries, y + body + PAD, theme)
    return figure


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


def _legend_lines(names: list[str], width: float) -> int:
    """How many lines the entries take, side by side as long as they fit."""
    lines, at = (1, 0.0) if names else (0, 0.0)
    for name in names:
        step = _entry_width(name)
        if at and at + step > width:
            lines, at = lines + 1, 0.0
        at += step
    return lines


def _entry_width(name: str) -> float:
    return _MARK + 5 + text_width(name, _LEGEND_FONT) + 14


def _write_legend(figure: Figure, entries: Entries, top: float, theme: Theme) -> None:
    if not entries:
        return
    across, down = figure.get_size_inches() * POINTS
    ax = new_axes(figure, 0, top, across, down - top)
    ax.set(xlim=(0, across), ylim=(down - top, 0))
    ax.axis("off")
    x, y = EDGE, _LEGEND_LINE / 2
    for name, mark in entries:
        if x > EDGE and x + _entry_width(name) > across - EDGE:
            x, y = EDGE, y + _LEGEND_LINE
        middle = x + _MARK / 2
        match mark:
            case "dot" | "cross":
                ax.plot(middle, y, **(_dot if mark == "dot" else _cross)(theme, _CELL))
            case "frame" | "dashed frame":
                style = "-" if mark == "frame" else (0, (2, 1.5))
                box: dict[str, Any] = {"fill": False, "edgecolor": theme.accent, "linewidth": 1.3, "linestyle": style}
                ax.add_patch(Rectangle((x, y - _MARK / 2), _MARK, _MARK, **box))
            case _:
                ax.plot([x, x + _MARK], [y, y], **_line(theme, mark), solid_capstyle="butt")
        ax.text(x + _MARK + 5, y, name, color=theme.text, fontsize=_LEGEND_FONT, va="center_baseline", parse_math=False)
        x += _entry_width(name)


def _line(theme: Theme, mark: str) -> dict[str, Any]:
    match mark:
        case "good line":
            return {"color": theme.positive[6], "linewidth": 3.0}
        case "bad line":
            return {"color": theme.negative[5], "linewidth": 3.0}
    return {"color": theme.accent, "linewidth": 1.2, "linestyle": (0, (3, 2))}


def _ribbons(drawing: _Drawing) -> Figure:
    title, theme, gold = drawing.title, drawing.theme, drawing.gold
    sources, targets = drawing.source_words, drawing.target_words
    if max(len(sources), len(targets)) > MOST_RIBBONS:
        raise ShapeError(
            f"expected at most {MOST_RIBBONS} words a side for ribbons, got {len(sources)} and {len(targets)}; "
            "draw kind='matrix', or a part of the text"
        )
    top, bottom = _line_of_words(sources), _line_of_words(targets)
    width = max(top[-1][1], bottom[-1][1], text_width(title, TITLE_FONT))
    entries = _ribbon_legend(gold=gold is not None)
    above = EDGE + (TITLE if title else 0)
    lines = _legend_lines([name for name, _ in entries], width)
    body = _HEIGHT + 2 * (_WORD_FONT + PAD) + 2 * NAME_FONT
    size = width + 2 * EDGE, above + body + lines * _LEGEND_LINE + EDGE
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=theme.background)
    spare = EDGE / 2  # a ribbon may be wider than its word
    ax = new_axes(figure, EDGE - spare, above, width + 2 * spare, body)
    ax.set(xlim=(-spare, width + spare), ylim=(body, 0))
    ax.axis("off")
    high, low = NAME_FONT + _WORD_FONT + PAD, NAME_FONT + _WORD_FONT + PAD + _HEIGHT
    shift = [(width - side[-1][1]) / 2 for side in (top, bottom)]
    places = [[(a + b) / 2 + by for a, b in side] for side, by in zip((top, bottom), shift, strict=True)]
    weights = np.asarray(drawing.weights.detach().cpu().double().numpy())
    for source, target in sorted(drawing.links, key=lambda link: weights[link[1], link[0]]):
        mark = "good line" if drawing.is_right((source, target)) else "bad line"
        _ribbon(ax, (places[0][source], places[1][target]), (high, low), float(weights[target, source]), theme, mark)
    for source, target in sorted((gold[0] if gold else set()) - set(drawing.links)):
        x, y = places[0][source], places[1][target]
        ax.add_patch(PathPatch(s_curve(x, high, y, low), fill=False, **_edge(theme)))
    for words, at, y, va in ((sources, places[0], high - PAD / 2, "bottom"), (targets, places[1], low + PAD / 2, "top")):
        for word, x in zip(words, at, strict=True):
            ax.text(x, y, word, color=theme.text, fontsize=_WORD_FONT, ha="center", va=va, parse_math=False)
    if title:
        ax.set_title(title, color=theme.text, fontsize=TITLE_FONT, parse_math=False)
    _write_legend(figure, entries, above + body, theme)
    return figure


def _line_of_words(words: tuple[str, ...]) -> list[tuple[float, float]]:
    """Where each word begins and ends, in points."""
    at, places = 0.0, []
    for word in words:
        wide = text_width(word, _WORD_FONT)
        places.append((at, at + wide))
        at += wide + _GAP
    return places


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
