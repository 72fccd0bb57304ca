"""One head of a map as a figure: a row for each query, a column for each key."""

from collections.abc import Collection

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from regard.arguments import truth
from regard.errors import OptionError
from regard.figures.fonts import lettered
from regard.figures.looks import Look, look_of
from regard.figures.matrices import Head, Labels, Weights, of_one_text, read_matrices, said, title_said
from regard.figures.matrix import Drawn, Layout, draw_matrix
from regard.figures.panels import number_size, write_numbers
from regard.figures.scales import scale_of
from regard.tokens.special import checked_special

_MOST_NUMBERS = 12  # rows or columns whose cells have their numbers written in


def heatmap(
    map_or_weights: Weights,
    queries: Labels = None,
    keys: Labels = None,
    ax: Axes | None = None,
    *,
    tokens: Labels = None,
    batch: int = 0,
    head: Head = None,
    title: str | None = None,
    scale: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str | Colormap | None = None,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    special: Collection[str] | None = None,
    sides: tuple[str, str] | None = None,
    annotate: bool | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draws one head: a row for each query (in translation: the produced token), a column for each key (the source).

    Args:
        map_or_weights: a map, or a tensor, array or nested list of weights: (queries, keys), (heads, queries, keys) or
            (batch, heads, queries, keys); at most 400 queries and 400 keys.
        queries: labels of the rows, from the top; the map's own, else positions, where not given.
        keys: labels of the columns, from the left; likewise.
        tokens: labels of both sides, where a text looks at itself; of generated text those consumed, or all of them.
        ax: where to draw, in square cells. Without it, a figure of the right size is made, as ``ax.figure``. A notebook shows
            it below the cell; pyplot does not know it, so nothing need be closed. For ``plt.show()``, pass axes of pyplot's.
        batch: which sequence.
        head: which head, or "mean" of all. Needed where there are several: a mean is no head's attention.
        title: above the figure; the map's own name where not given, "" for none.
        scale: "linear", from 0 to 1; "max", from 0 to the largest weight; "log", by the logarithm, from a floor that the colour
            bar says. Where it is not given: "max" where no weight reaches 1/2 or one is above 1, "linear" otherwise; but "log"
            where most rows would show less than 1/5 of the highest colour, beside keys that take more than half of everything.
        vmin: weight of the lowest colour; as the scale says where not given.
        vmax: weight of the highest colour; likewise. Where a weight is negative (linear attention) and ``vmin`` is not given,
            the scale is −vmax to vmax, and its middle colour is 0. Weights beyond the scale put an arrow on the colour bar.
        cmap: a colour map of matplotlib, or its name; the theme's where not given, whose lightness tells weights apart in grey.
        width: of the figure in inches; where not given, that of ``rcParams["figure.figsize"]`` if it was changed, else what the
            labels need.
        font: size of the letters in points. Where it is given, or ``rcParams["font.size"]`` was changed, letters keep that
            size, and cells that are too small have a label for every second, third, … of them.
        theme: "light" or "dark"; the figure's background is taken from it too.
        special: tokens whose labels are dimmed; ``</s>``, ``[CLS]``, ``<|endoftext|>`` and their like where not given.
        sides: what rows and columns are, such as ("tokens consumed", "source tokens"); as the map knows where not given.
        annotate: whether to write the weights in the cells; where not given, up to 12×12 that have room for them.
        colorbar: whether to draw the colour bar.

    Returns:
        The axes; query i and key j are at y = i, x = j.

    Raises:
        OptionError: several heads and no ``head``; a head, batch, scale, colour map, width, font or theme that does not exist.
        ShapeError: axes other than 2 to 4, too many tokens, as many labels as do not fit.
        ScoreError: NaN or infinite weights, or a logarithm of negative ones.
        DtypeError: no weights, no labels, no axes.

    Example:
        >>> ax = heatmap([[0.9, 0.1], [0.2, 0.8]], queries=["le", "chat"], keys=["the", "cat"])
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['le', 'chat']
    """
    look = look_of(theme, width, font, ax)
    special = checked_special(special)
    if tokens is not None:
        if queries is not None or keys is not None:
            raise OptionError("tokens: expected tokens, which name both sides, or queries and keys, got both")
        queries, keys, consumed = of_one_text(map_or_weights, tokens)
        sides = sides or consumed
    truth("colorbar", colorbar)
    found = read_matrices(map_or_weights, queries, keys, batch=batch, head=head, sides=sides)
    if len(found.heads) > 1:
        raise OptionError(
            f"expected one head, got {len(found.heads)} heads; choose one with head=0 to head={len(found.heads) - 1}, "
            "take head='mean', or draw them all with heads_grid()"
        )
    chosen = scale_of([found.weights[0]], look.theme, scale=scale, vmin=vmin, vmax=vmax, cmap=cmap)
    words = said(found.title) if title is None else title_said(title)
    with lettered([*(found.queries or ()), *(found.keys or ()), *found.sides, words]):
        drawn = draw_matrix(found, chosen, look, Layout(words, special, colorbar))
        _write_numbers(drawn, found.weights[0], look, annotate)
    return drawn.ax


def _write_numbers(drawn: Drawn, weights: NDArray[np.float64], look: Look, annotate: bool | None) -> None:
    if annotate is not None:
        truth("annotate", annotate)
    if annotate is False or (annotate is None and max(weights.shape) > _MOST_NUMBERS):
        return  # before the numbers are measured, which takes a fifth of a millisecond for each
    size = number_size(weights, drawn.pitch, look)
    enough = 0.9 * look.font if look.fixed else 0.56 * look.font
    if size >= enough if annotate is None else annotate:
        write_numbers(drawn.ax, weights, drawn.mesh, size)
