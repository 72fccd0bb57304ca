"""What an output token takes from each input token, as the ways through the layers."""

import math
from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from regard.arguments import number
from regard.errors import ScoreError, ShapeError
from regard.figures.canvas import width_for
from regard.figures.drawings import amount_text, draw_page, s_curve, write_line
from regard.figures.figure_files import figure_of
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import Labels, as_array, check_amounts, checked_index, checked_labels, title_said
from regard.figures.panels import EDGE, PAD, wrapped_title
from regard.tokens.special import checked_special, is_special

Edges: TypeAlias = Tensor | ArrayLike

MOST_TOKENS = 60
"""Tokens whose ways through the layers can still be told apart."""
MOST_LAYERS = 48

_WIDEST = 620.0
_LAYER, _PITCH, _NARROW_PITCH, _NODE, _THICKEST = 52.0, 58.0, 17.0, 9.0, 9.0


def flow_diagram(
    edges: Edges,
    tokens: Labels = None,
    *,
    batch: int = 0,
    least: float = 0.01,
    title: str = "",
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    special: Collection[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws how an output token takes from input tokens, layer by layer: rows are layers, columns tokens, edges what flows.

    The output is on top, the input at the bottom. An edge is as wide as what flows along it, a dot as large as what comes to
    it; the widest edge is the largest flow of the picture. Below the input stands how much arrives there.

    Args:
        edges: (layers, queries, keys) or (batch, layers, queries, keys), the lowest layer first: ``rollout_edges``,
            ``relevance_edges`` or ``attention_flow_edges`` of ``regard.analysis.flow``, whose ``figure`` this is.
        tokens: the words of the columns; where not given, those that the edges know, or positions.
        batch: which sequence.
        least: edges of less than this share of the largest are left out; the picture says how much they are together.
        title: above the picture.
        width: in inches, as in ``heatmap``.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        special: tokens whose words are dimmed; the usual ones where not given.
        ax: axes to draw in; a figure of its own where not given.

    Returns:
        The figure; a notebook shows it, and ``regard.save`` writes it.

    Raises:
        ShapeError: no edges, maps that are not square, too many tokens or layers; ScoreError: negative, NaN or infinite
        amounts, or nothing that flows; OptionError: no such sequence, share or theme; DtypeError: no edges.

    Example:
        >>> figure = flow_diagram([[[0.0, 0.0], [0.3, 0.7]]], ["the", "cat"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['input', 'after layer 0', '0.30', 'the', '0.70', 'cat', 'cat']
    """
    look = look_of(theme, width, font, ax)
    special = checked_special(special)
    least = number("least", least, least=0, below=1)
    flows = _checked_edges(edges, batch)
    count = flows.shape[1]
    words = checked_labels("tokens", tokens, getattr(edges, "tokens", None), count) or tuple(map(str, range(count)))
    title = title_said(title)
    with lettered([*words, title]):
        return _draw(flows, words, least, title, look, special)


def _draw(
    flows: NDArray[np.float64], words: tuple[str, ...], least: float, title: str, look: Look, special: Collection[str] | None
) -> Figure:
    colours, unit, number_font = look.theme, look.unit, look.font if look.fixed else 0.7 * look.font
    layers, count = flows.shape[:2]
    names = ["input", *(f"after layer {layer}" for layer in range(layers))]
    shown = flows >= least * flows.max()
    missing = float(flows[~shown].sum() / flows.sum())
    note = f"not drawn: edges below {least:.2g} of the widest, {missing:.2g} of all that flows" if missing else ""

    left = max(text_width(name, look.small) for name in names) + PAD
    room = max(width_for(look, _WIDEST * unit + left) - left - 2 * EDGE, count)
    node, layer_height = _NODE * unit, _LAYER * unit
    texts = [shortened(word, look.font, 16 * look.font) for word in words]
    widest = max(text_width(word, look.font) for word in texts)
    pitch = max(_NARROW_PITCH * unit, min(_PITCH * unit, widest + 8, room / count))
    pitch = pitch if look.width is None and look.ax is None else min(pitch, room / count)
    upright = widest + 4 > pitch
    depth = widest if upright else look.font
    step = math.ceil(look.font / pitch)  # words that stand beside each other have room
    lines = wrapped_title(note, number_font, max(count * pitch, min(room, 30 * look.font))).split("\n") if note else []
    width = max(count * pitch, *(text_width(line, number_font) for line in ["", *lines]))
    top = depth + node + PAD
    height = top + layers * layer_height + node + number_font + PAD + depth + 1.4 * number_font * len(lines) + PAD * bool(lines)
    page = draw_page(left + width, height, title, look)
    columns = left + pitch * (np.arange(count) + 0.5)
    rows = top + layer_height * np.arange(layers, -1.0, -1.0)  # y of the input, of what is above layer 0, and so on

    _draw_edges(page, columns, rows, np.where(shown, flows, 0), look)
    arriving = np.concatenate([flows.sum(axis=1), flows[-1:].sum(axis=2)])  # (layers + 1, tokens), the output last
    fits = max(text_width(amount_text(amount), number_font) for amount in arriving[0]) <= pitch * step
    for name, y, amounts in zip(names, rows, arriving, strict=True):
        _draw_dots(page, columns, y, amounts, look)
        write_line(page, left - PAD, y + 3, name, look.small, colours.dimmed, "right")
    for at in range(0, count, step):
        x, amount = columns[at], arriving[0][at]
        if fits or not look.fixed:
            write_line(page, x, rows[0] + node + number_font, amount_text(amount), number_font, colours.dimmed, "center")
        colour = colours.dimmed if is_special(words[at], special) else colours.text
        _write_word(page, (x, rows[0] + node + number_font + PAD), texts[at], words[at], colour, look, upright=upright)
    for at in np.flatnonzero(arriving[-1]).tolist():
        place = columns[at], rows[-1] - node
        _write_word(page, place, texts[at], words[at], colours.accent, look, upright=upright, edge="bottom")
    for up, line in enumerate(reversed(lines)):
        write_line(page, left, height - 2 - 1.4 * number_font * up, line, number_font, colours.dimmed, "left")
    return figure_of(page)


def _draw_edges(
    ax: Axes, columns: NDArray[np.float64], rows: NDArray[np.float64], flows: NDArray[np.float64], look: Look
) -> None:
    """What is not 0, wide edges over narrow ones."""
    places = np.argwhere(flows)
    parts = flows[tuple(places.T)] / flows.max()
    for at in np.argsort(parts, kind="stable"):
        layer, query, key = places[at]
        ax.add_patch(
            PathPatch(
                s_curve(columns[query], rows[layer + 1], columns[key], rows[layer]),
                fill=False,
                edgecolor=look.theme.positive[7],
                linewidth=max(0.4, _THICKEST * look.unit * parts[at]),
                alpha=0.4 + 0.4 * parts[at],
                capstyle="butt",
            )
        )


def _draw_dots(ax: Axes, columns: NDArray[np.float64], y: float, amounts: NDArray[np.float64], look: Look) -> None:
    """A dot for each token of one row, its area by the amount; the largest of a row are alike."""
    there = amounts > 0
    ax.plot(columns[~there], np.full((~there).sum(), y), ".", markersize=3, color=look.theme.frame)
    sizes = np.maximum(4.0, (_NODE * look.unit * np.sqrt(amounts[there] / amounts.max())) ** 2)
    ax.scatter(
        *(columns[there], np.full(there.sum(), y)),
        s=sizes,
        color=look.theme.text,
        edgecolors=look.theme.background,
        linewidths=0.8,
        zorder=4,
    )


def _write_word(
    ax: Axes, place: tuple[float, float], text: str, word: str, colour: str, look: Look, *, upright: bool, edge: str = "top"
) -> None:
    """A token whose upper or lower edge is at this place; upright where words are wider than columns."""
    turned: dict[str, Any] = {"rotation": 90} if upright else {}
    drawn = ax.text(*place, text, fontsize=look.font, color=colour, ha="center", va=edge, parse_math=False, **turned)
    drawn.set_label(word if word != text else "")


def _checked_edges(edges: Edges, batch: int) -> NDArray[np.float64]:
    """(layers, queries, keys) of one sequence."""
    values = as_array(edges)
    if values.ndim == 4:
        values = values[checked_index("batch", batch, len(values))]
    if values.ndim != 3 or values.shape[1] != values.shape[2] or 0 in values.shape:
        raise ShapeError(
            f"expected edges (layers, queries, keys) between the same tokens, got {values.shape}; "
            "rollout_edges, relevance_edges and attention_flow_edges make them"
        )
    if values.shape[1] > MOST_TOKENS or values.shape[0] > MOST_LAYERS:
        raise ShapeError(
            f"expected at most {MOST_LAYERS} layers of {MOST_TOKENS} tokens, whose edges can still be told apart, got "
            f"{values.shape[0]} of {values.shape[1]}; token_scores draws longer texts"
        )
    check_amounts("edges", values)
    if not values[-1].any():
        raise ScoreError("expected edges along which something flows, got none out of the last layer")
    return values
