"""Scores of tokens as bars over their text: what ``rollout``, ``relevance`` and the like say of each input token."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from regard.errors import ShapeError
from regard.figures.canvas import width_for
from regard.figures.drawings import amount_text, draw_page, write_line
from regard.figures.figure_files import figure_of
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import MAX_TOKENS, Labels, as_array, check_amounts, checked_index, checked_labels, said, title_said
from regard.figures.panels import EDGE, PAD
from regard.figures.themes import Theme
from regard.tokens.special import checked_special, is_special

TokenScores: TypeAlias = Tensor | NDArray[Any] | Sequence[Any]

_WIDEST, _NARROWEST_WORD = 620.0, 15.0
_BAR, _BAR_GAP, _LINE_GAP = 24.0, 4.0, 12.0


def token_scores(
    scores: TokenScores | Mapping[str, TokenScores],
    tokens: Labels = None,
    *,
    token: int | None = None,
    title: str = "",
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    special: Collection[str] | None = None,
    ax: Axes | None = None,
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
        width: in inches, as in ``heatmap``; lines of text are as long.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        special: tokens whose words are dimmed; ``</s>``, ``[CLS]`` and their like where not given.
        ax: axes to draw in; a figure of its own where not given.

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
    look = look_of(theme, width, font, ax)
    special = checked_special(special)
    named = {said(name): _checked_scores(str(name), given) for name, given in _by_name(scores).items()}
    lengths = {len(values) for values in named.values()}
    if len(lengths) != 1:
        raise ShapeError(f"expected scores of the same tokens, got {' and '.join(map(str, sorted(lengths))) or 'none'}")
    [count] = lengths
    words = checked_labels("tokens", tokens, None, count) or tuple(map(str, range(count)))
    marked = None if token is None else checked_index("token", token, count)
    title = title_said(title)
    with lettered([*words, *named, title]):
        return _draw(named, words, marked, title, look, special)


def _draw(
    named: dict[str, NDArray[np.float64]],
    words: tuple[str, ...],
    marked: int | None,
    title: str,
    look: Look,
    special: Collection[str] | None,
) -> Figure:
    colours, unit, number_font = look.theme, look.unit, look.font if look.fixed else 0.7 * look.font
    tops = {name: float(values.max()) for name, values in named.items()}
    ranges = {name: f"0 to {amount_text(top)}" for name, top in tops.items()}
    left = PAD + max(
        *(text_width(name, look.small) for name in ranges), *(text_width(text, number_font) for text in ranges.values())
    )
    room = max(width_for(look, _WIDEST * unit) - left - 2 * EDGE, 5 * look.font)
    shown = [shortened(word, look.font, min(room - 7, 24 * look.font)) for word in words]
    widths = [max(_NARROWEST_WORD * unit, text_width(word, look.font) + 7) for word in shown]
    lines = _wrapped(widths, room)
    bar, word_line = _BAR * unit, 1.4 * look.font
    tall = len(named) * (bar + _BAR_GAP) + word_line + _LINE_GAP
    wide = max(sum(widths[at] for at in line) for line in lines)
    page = draw_page(left + wide, len(lines) * tall - _LINE_GAP, title, look)
    for number, line in enumerate(lines):
        y = number * tall
        across = [widths[at] for at in line]
        for name, values in named.items():
            y += bar
            write_line(page, left - PAD, y - max(bar / 2, 1.1 * number_font), name, look.small, colours.text, "right")
            write_line(page, left - PAD, y - 1, ranges[name], number_font, colours.dimmed, "right")
            _bars(page, (left, y, bar), across, values[line] / (tops[name] or 1.0), colours)
            y += _BAR_GAP
        for at, x in zip(line, left + np.cumsum(across) - np.array(across) / 2, strict=True):
            colour = colours.dimmed if is_special(words[at], special) else colours.text
            style = {"weight": "bold"} if at == marked else {}
            colour = colours.accent if at == marked else colour
            whole = words[at] if words[at] != shown[at] else ""
            write_line(page, x, y + look.font, shown[at], look.font, colour, "center", label=whole, **style)
    return figure_of(page)


def _by_name(scores: TokenScores | Mapping[str, TokenScores]) -> Mapping[str, TokenScores]:
    return scores if isinstance(scores, Mapping) else {"": scores}


def _bars(
    ax: Axes, place: tuple[float, float, float], widths: Sequence[float], parts: NDArray[np.float64], theme: Theme
) -> None:
    """A line of bars from (x, y), up to a height: heights and colours of parts of the largest."""
    x, y, height = place
    colours = theme.sequential()
    ax.plot([x, x + sum(widths)], [y, y], color=theme.frame, linewidth=0.6, solid_capstyle="butt")
    for width, part in zip(widths, parts, strict=True):
        # The lowest colours are nearly the background's: a bar starts where it can be seen.
        colour = colours(0.25 + 0.6 * part)
        ax.add_patch(Rectangle((x + 1, y - height * part), width - 2, height * part, facecolor=colour, linewidth=0))
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


def _checked_scores(name: str, scores: TokenScores) -> NDArray[np.float64]:
    """(tokens,)."""
    values = as_array(scores)
    if values.ndim != 1 or not 0 < len(values) <= MAX_TOKENS:
        raise ShapeError(
            f"expected {name or 'scores'} of 1 to {MAX_TOKENS} tokens, as one axis, got {values.shape}; take one output token, "
            "such as rollout(maps, tokens=4)[0, 0], and of a long text a part"
        )
    check_amounts(name or "scores", values)
    return values
