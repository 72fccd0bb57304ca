"""Pictures of what one output token holds of each input token: bars over the text, and the ways through the layers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from numpy.typing import NDArray
from torch import Tensor

from regard.analysis.alignment.figure import s_curve
from regard.errors import OptionError, ScoreError, ShapeError
from regard.figures.figure_files import NotebookFigure, figure_of
from regard.figures.matrices import MAX_TOKENS, Labels, as_array, checked_index, checked_labels
from regard.figures.panels import EDGE, PAD, POINTS, TITLE, TITLE_FONT, new_axes, text_width
from regard.figures.themes import Theme, theme_named
from regard.tokens.special import checked_special, is_special

Scores: TypeAlias = Tensor | NDArray[Any] | Sequence[Any]

MOST_TOKENS = 60
"""Tokens whose ways through the layers can still be told apart."""
MOST_LAYERS = 48

_WORD_FONT, _NAME_FONT, _NUMBER_FONT, _NOTE = 10.0, 8.0, 7.0, 14.0
_WIDEST, _NARROWEST_WORD, _WORD_LINE = 620.0, 15.0, 14.0
_BAR, _BAR_GAP, _LINE_GAP = 24.0, 4.0, 12.0
_LAYER, _PITCH, _NARROW_PITCH, _NODE, _THICKEST = 52.0, 58.0, 17.0, 9.0, 9.0


def token_scores(
    scores: Scores | Mapping[str, Scores],
    tokens: Labels = None,
    *,
    token: int | None = None,
    title: str = "",
    theme: str = "light",
    special: Collection[str] | None = None,
) -> Figure:
    """Draws a score of each token as a bar over the text: of one method, or of several beside each other.

    Bars of a method go from 0 to its largest score, which stands beside them, for methods have scales of their own: what
    ``rollout`` shares out sums to 1, ``relevance`` has no such bound. Height and colour say the same.

    Args:
        scores: (tokens,), such as ``rollout(maps, tokens=4)[0, 0]`` or ``relevance(recording, score).inputs[0]``; or several
            of them by name.
        tokens: the words below the bars, such as ``recording.keys``; positions where not given.
        token: the position that the scores are about, if it is one of these: its word is marked.
        title: above the picture.
        theme: "light" or "dark".
        special: tokens whose words are dimmed; ``</s>``, ``[CLS]`` and their like where not given.

    Returns:
        The figure; a notebook shows it, and ``regard.save`` writes it.

    Raises:
        ShapeError: no scores, scores of several lengths, too many, as many words as do not fit; ScoreError: negative, NaN or
        infinite ones; OptionError: no such token or theme; DtypeError: no scores.

    Example:
        >>> figure = token_scores({"rollout": [0.7, 0.2, 0.1], "relevance": [0.0, 3.0, 1.0]}, ["the", "black", "cat"], token=2)
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['rollout', '0 to 0.70', 'relevance', '0 to 3.00', 'the', 'black', 'cat']
    """
    colours = theme_named(theme)
    special = checked_special(special)
    named = {str(name): _checked_scores(str(name), given) for name, given in _by_name(scores).items()}
    lengths = {len(values) for values in named.values()}
    if len(lengths) != 1:
        raise ShapeError(f"expected scores of the same tokens, got {' and '.join(map(str, sorted(lengths))) or 'none'}")
    [count] = lengths
    words = checked_labels("tokens", tokens, None, count) or tuple(map(str, range(count)))
    marked = None if token is None else checked_index("token", token, count)

    tops = {name: float(values.max()) for name, values in named.items()}
    ranges = {name: f"0 to {_number(top)}" for name, top in tops.items()}
    left = max(text_width(text, _NAME_FONT) for pair in ranges.items() for text in pair) + PAD
    widths = [max(_NARROWEST_WORD, text_width(word, _WORD_FONT) + 7) for word in words]
    lines = _wrapped(widths, _WIDEST - left)
    tall = len(named) * (_BAR + _BAR_GAP) + _WORD_LINE + _LINE_GAP
    width = max(text_width(title, TITLE_FONT) - left, *(sum(widths[at] for at in line) for line in lines))
    ax = _page(left + width, len(lines) * tall - _LINE_GAP, title, colours)
    for number, line in enumerate(lines):
        y = number * tall
        wide = [widths[at] for at in line]
        for name, values in named.items():
            y += _BAR
            _write(ax, left - PAD, y - _BAR / 2, name, _NAME_FONT, colours.text, "right")
            _write(ax, left - PAD, y - 1, ranges[name], _NUMBER_FONT, colours.dimmed, "right")
            _bars(ax, left, y, wide, values[line] / (tops[name] or 1.0), colours)
            y += _BAR_GAP
        for at, x in zip(line, left + np.cumsum(wide) - np.array(wide) / 2, strict=True):
            if at == marked:
                _write(ax, x, y + _WORD_FONT, words[at], _WORD_FONT, colours.accent, "center", weight="bold")
            else:
                colour = colours.dimmed if is_special(words[at], special) else colours.text
                _write(ax, x, y + _WORD_FONT, words[at], _WORD_FONT, colour, "center")
    return figure_of(ax)


def flow_diagram(
    edges: Scores,
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
            ``relevance_edges`` or ``attention_flow_edges`` of ``regard.analysis.flow.edges``.
        tokens: the words of the columns; positions where not given.
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
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least < 1:
        raise OptionError(f"least: expected a share from 0 to below 1, got {least!r}")
    flows = _checked_edges(edges, batch)
    layers, count = flows.shape[:2]
    words = checked_labels("tokens", tokens, None, count) or tuple(map(str, range(count)))
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
    ax = _page(left + width, height, title, colours)
    columns = left + pitch * (np.arange(count) + 0.5)
    rows = top + _LAYER * np.arange(layers, -1.0, -1.0)  # y of the input, of what is above layer 0, and so on

    _draw_edges(ax, columns, rows, np.where(shown, flows, 0), colours)
    arriving = np.concatenate([flows.sum(axis=1), flows[-1:].sum(axis=2)])  # (layers + 1, tokens), the output last
    for name, y, amounts in zip(names, rows, arriving, strict=True):
        _draw_dots(ax, columns, y, amounts, colours)
        _write(ax, left - PAD, y + 3, name, _NAME_FONT, colours.dimmed, "right")
    for word, x, amount in zip(words, columns, arriving[0], strict=True):
        _write(ax, x, rows[0] + _NODE + _NUMBER_FONT, _number(amount), _NUMBER_FONT, colours.dimmed, "center")
        colour = colours.dimmed if is_special(word, special) else colours.text
        _write_word(ax, x, rows[0] + _NODE + _NUMBER_FONT + PAD, word, colour, "top", upright=upright)
    for at in np.flatnonzero(arriving[-1]):
        _write_word(ax, columns[at], rows[-1] - _NODE, words[at], colours.accent, "bottom", upright=upright)
    if note:
        _write(ax, left, height - 2, note, _NUMBER_FONT, colours.dimmed, "left")
    return figure_of(ax)


def _by_name(scores: Scores | Mapping[str, Scores]) -> Mapping[str, Scores]:
    return scores if isinstance(scores, Mapping) else {"": scores}


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


def _bars(ax: Axes, x: float, y: float, widths: Sequence[float], parts: NDArray[np.float64], theme: Theme) -> None:
    """A line of bars that stand on y: heights and colours of parts of the largest."""
    colours = theme.sequential()
    ax.plot([x, x + sum(widths)], [y, y], color=theme.frame, linewidth=0.6, solid_capstyle="butt")
    for width, part in zip(widths, parts, strict=True):
        # The lowest colours are nearly the background's: a bar starts where it can be seen.
        colour = colours(0.25 + 0.6 * part)
        ax.add_patch(Rectangle((x + 1, y - _BAR * part), width - 2, _BAR * part, facecolor=colour, linewidth=0))
        x += width


def _wrapped(widths: Sequence[float], width: float) -> list[list[int]]:
    """The words of each line, as many as fit."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for at, wide in enumerate(widths):
        if lines[-1] and used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append(at)
        used += wide
    return lines


def _page(width: float, height: float, title: str, theme: Theme) -> Axes:
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


def _write(ax: Axes, x: float, y: float, text: str, size: float, colour: str, side: str, **look: Any) -> None:
    """One line of text that stands on y."""
    ax.text(x, y, text, fontsize=size, color=colour, ha=side, va="baseline", parse_math=False, **look)


def _write_word(ax: Axes, x: float, y: float, word: str, colour: str, edge: str, *, upright: bool) -> None:
    """A token whose upper or lower edge is at y; upright where words are wider than columns."""
    look: dict[str, Any] = {"rotation": 90} if upright else {}
    ax.text(x, y, word, fontsize=_WORD_FONT, color=colour, ha="center", va=edge, parse_math=False, **look)


def _number(amount: float) -> str:
    """Two decimals, or what a large amount has before them."""
    return f"{amount:.2f}" if amount < 100 else f"{amount:,.0f}"


def _checked_edges(edges: Scores, batch: int) -> NDArray[np.float64]:
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
    _check_amounts("edges", values)
    if not values[-1].any():
        raise ScoreError("expected edges along which something flows, got none out of the last layer")
    return values


def _checked_scores(name: str, scores: Scores) -> NDArray[np.float64]:
    """(tokens,)."""
    values = as_array(scores)
    if values.ndim != 1 or not 0 < len(values) <= MAX_TOKENS:
        raise ShapeError(
            f"expected {name or 'scores'} of 1 to {MAX_TOKENS} tokens, as one axis, got {values.shape}; take one output token, "
            "such as rollout(maps, tokens=4)[0, 0], and of a long text a part"
        )
    _check_amounts(name or "scores", values)
    return values


def _check_amounts(name: str, values: NDArray[np.float64]) -> None:
    wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ScoreError(f"expected {name} of at least 0, got {values[place]} at {place if len(place) > 1 else place[0]}")
