"""What an output token takes from each input token, as the ways through the layers."""

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
from regard.figures.figure_files import figure_of
from regard.figures.matrices import Labels, as_array, check_amounts, checked_index, checked_labels
from regard.figures.panels import PAD, TITLE_FONT, amount_text, new_page, s_curve, text_width, write_line
from regard.figures.themes import Theme, theme_named
from regard.tokens.special import checked_special, is_special

Edges: TypeAlias = Tensor | ArrayLike

MOST_TOKENS = 60
"""Tokens whose ways through the layers can still be told apart."""
MOST_LAYERS = 48

_WORD_FONT, _NAME_FONT, _NUMBER_FONT, _NOTE = 10.0, 8.0, 7.0, 14.0
_WIDEST = 620.0
_LAYER, _PITCH, _NARROW_PITCH, _NODE, _THICKEST = 52.0, 58.0, 17.0, 9.0, 9.0


def flow_diagram(
    edges: Edges,
    tokens: Labels = None,
    *,
    batch: int = 0,
    least: float = 0.01,
    title: str = "",
    theme: str = "light",
    special: Collection[str] | None = None,
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
        theme: "light" or "dark".
        special: tokens whose words are dimmed; the usual ones where not given.

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
    colours = theme_named(theme)
    special = checked_special(special)
    least = number("least", least, least=0, below=1)
    flows = _checked_edges(edges, batch)
    layers, count = flows.shape[:2]
    words = checked_labels("tokens", tokens, getattr(edges, "tokens", None), count) or tuple(map(str, range(count)))
    names = ["input", *(f"after layer {layer}" for layer in range(layers))]
    shown = flows >= least * flows.max()
    missing = float(flows[~shown].sum() / flows.sum())
    note = f"not drawn: edges below {least:.2g} of the widest, {missing:.2g} of all that flows" if missing else ""

    widest = max(text_width(word, _WORD_FONT) for word in words)
    pitch = max(_NARROW_PITCH, min(_PITCH, widest + 8, _WIDEST / count))
    upright = widest + 4 > pitch
    depth = widest if upright else _WORD_FONT
    left = max(text_width(name, _NAME_FONT) for name in names) + PAD
    width = max(count * pitch, text_width(note, _NUMBER_FONT), text_width(title, TITLE_FONT) - left)
    top = depth + _NODE + PAD
    height = top + layers * _LAYER + _NODE + _NUMBER_FONT + PAD + depth + (_NOTE if note else 0)
    ax = new_page(left + width, height, title, colours)
    columns = left + pitch * (np.arange(count) + 0.5)
    rows = top + _LAYER * np.arange(layers, -1.0, -1.0)  # y of the input, of what is above layer 0, and so on

    _draw_edges(ax, columns, rows, np.where(shown, flows, 0), colours)
    arriving = np.concatenate([flows.sum(axis=1), flows[-1:].sum(axis=2)])  # (layers + 1, tokens), the output last
    for name, y, amounts in zip(names, rows, arriving, strict=True):
        _draw_dots(ax, columns, y, amounts, colours)
        write_line(ax, left - PAD, y + 3, name, _NAME_FONT, colours.dimmed, "right")
    for word, x, amount in zip(words, columns, arriving[0], strict=True):
        write_line(ax, x, rows[0] + _NODE + _NUMBER_FONT, amount_text(amount), _NUMBER_FONT, colours.dimmed, "center")
        colour = colours.dimmed if is_special(word, special) else colours.text
        _write_word(ax, x, rows[0] + _NODE + _NUMBER_FONT + PAD, word, colour, "top", upright=upright)
    for at in np.flatnonzero(arriving[-1]):
        _write_word(ax, columns[at], rows[-1] - _NODE, words[at], colours.accent, "bottom", upright=upright)
    if note:
        write_line(ax, left, height - 2, note, _NUMBER_FONT, colours.dimmed, "left")
    return figure_of(ax)


def _draw_edges(
    ax: Axes, columns: NDArray[np.float64], rows: NDArray[np.float64], flows: NDArray[np.float64], theme: Theme
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
                edgecolor=theme.positive[7],
                linewidth=max(0.4, _THICKEST * parts[at]),
                alpha=0.4 + 0.4 * parts[at],
                capstyle="butt",
            )
        )


def _draw_dots(ax: Axes, columns: NDArray[np.float64], y: float, amounts: NDArray[np.float64], theme: Theme) -> None:
    """A dot for each token of one row, its area by the amount; the largest of a row are alike."""
    there = amounts > 0
    ax.plot(columns[~there], np.full((~there).sum(), y), ".", markersize=3, color=theme.frame)
    sizes = np.maximum(4.0, (_NODE * np.sqrt(amounts[there] / amounts.max())) ** 2)
    ax.scatter(
        *(columns[there], np.full(there.sum(), y)),
        s=sizes,
        color=theme.text,
        edgecolors=theme.background,
        linewidths=0.8,
        zorder=4,
    )


def _write_word(ax: Axes, x: float, y: float, word: str, colour: str, edge: str, *, upright: bool) -> None:
    """A token whose upper or lower edge is at y; upright where words are wider than columns."""
    look: dict[str, Any] = {"rotation": 90} if upright else {}
    ax.text(x, y, word, fontsize=_WORD_FONT, color=colour, ha="center", va=edge, parse_math=False, **look)


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
