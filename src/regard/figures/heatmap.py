"""One head of a map as a figure: a row for each query, a column for each key."""

from collections.abc import Collection

from matplotlib.axes import Axes

from regard.errors import DtypeError, OptionError
from regard.figures.figure_files import NotebookAxes, NotebookFigure, figure_of
from regard.figures.matrices import Labels, Matrices, Weights, read_matrices
from regard.figures.panels import (
    BAR,
    BAR_GAP,
    BAR_WORDS,
    EDGE,
    PAD,
    POINTS,
    SHORTEST_BAR,
    SIDE_NAME,
    TITLE,
    TITLE_FONT,
    Side,
    draw_bar,
    draw_cells,
    new_axes,
    scale_of,
    side_of,
    text_width,
    write_numbers,
    write_sides,
)
from regard.figures.themes import Theme, theme_named
from regard.tokens.special import checked_special

_MOST_NUMBERS = 12  # rows or columns whose cells have their numbers written in


def heatmap(
    map_or_weights: Weights,
    queries: Labels = None,
    keys: Labels = None,
    ax: Axes | None = None,
    *,
    batch: int = 0,
    head: int | None = None,
    title: str | None = None,
    vmin: float = 0.0,
    vmax: float = 1.0,
    theme: str = "light",
    special: Collection[str] | None = None,
    annotate: bool | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draws one head: a row for each query (in translation: the produced token), a column for each key (the source).

    Args:
        map_or_weights: a map, or a tensor, array or nested list of weights: (queries, keys), (heads, queries, keys) or
            (batch, heads, queries, keys); at most 400 queries and 400 keys.
        queries: labels of the rows, from the top; the map's own, else positions, where not given.
        keys: labels of the columns, from the left; likewise.
        ax: where to draw. Without it, a figure of the right size is made, as ``ax.figure``. A notebook shows it as the last
            value of a cell; pyplot does not know it, so nothing need be closed. For ``plt.show()``, pass axes of pyplot's.
        batch: which sequence.
        head: which head. It must be chosen where there are several: a mean over heads is no head's attention.
        title: above the figure; the map's own name where not given, "" for none.
        vmin: weight of the lowest colour.
        vmax: weight of the highest colour. Where a weight is negative (linear attention) and ``vmin`` was left at 0, the
            scale is −vmax to vmax, and its middle colour is 0. Weights beyond the scale put an arrow on the colour bar.
        theme: "light" or "dark"; the figure's background is taken from it too.
        special: tokens whose labels are dimmed; ``</s>``, ``[CLS]``, ``<|endoftext|>`` and their like where not given.
        annotate: whether to write the weights in the cells; where not given, up to 12×12 that have room for them.
        colorbar: whether to draw the colour bar.

    Returns:
        The axes; query i and key j are at y = i, x = j.

    Raises:
        OptionError: several heads and no ``head``; a head, batch, scale or theme that does not exist.
        ShapeError: axes other than 2 to 4, too many tokens, as many labels as do not fit.
        ScoreError: NaN or infinite weights.
        DtypeError: no weights, no labels, no axes.

    Example:
        >>> ax = heatmap([[0.9, 0.1], [0.2, 0.8]], queries=["le", "chat"], keys=["the", "cat"])
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['le', 'chat']
    """
    colours = theme_named(theme)
    special = checked_special(special)
    if ax is not None and not isinstance(ax, Axes):
        raise DtypeError(f"ax: expected matplotlib axes, got {type(ax).__name__}; such as figure, ax = plt.subplots()")
    found = read_matrices(map_or_weights, queries, keys, batch=batch, head=head)
    if len(found.heads) > 1:
        raise OptionError(
            f"expected one head, got {len(found.heads)} heads; choose one with head=0 to head={len(found.heads) - 1}, "
            "or draw them all with heads_grid()"
        )
    weights = found.weights[0]
    scale = scale_of([weights], vmin, vmax, colours)
    words = found.title if title is None else title
    rows, columns = weights.shape
    if ax is None:
        across = down = min(40.0, max(7.2, 8.5 * POINTS / max(rows, columns)))
        left, above = _sides(found, across, down, special)
        ax, bar_axes = _new_figure_axes(weights.shape, across, left, above, words, colours, colorbar=colorbar)
        mesh = draw_cells(ax, weights, scale, colours, across)
        if bar_axes is not None:
            draw_bar(mesh, scale, colours, bar_axes)
    else:
        figure_of(ax).set_facecolor(colours.background)
        mesh = draw_cells(ax, weights, scale, colours, min(_pitches(ax, rows, columns)))
        if colorbar:
            draw_bar(mesh, scale, colours, beside=ax)
        across, down = _pitches(ax, rows, columns)
        left, above = _sides(found, across, down, special)
    write_sides(ax, left, above, colours, found.sides)
    if words:
        ax.set_title(words, color=colours.text, fontsize=TITLE_FONT, parse_math=False)
    automatic = max(rows, columns) <= _MOST_NUMBERS and min(across, down) >= 16
    if automatic if annotate is None else annotate:
        write_numbers(ax, weights, mesh, across)
    return ax


def _sides(found: Matrices, across: float, down: float, special: Collection[str] | None) -> tuple[Side, Side]:
    rows, columns = found.weights.shape[1:]
    left = side_of(found.queries, rows, down, special, above=False)
    return left, side_of(found.keys, columns, across, special, above=True)


def _pitches(ax: Axes, rows: int, columns: int) -> tuple[float, float]:
    """Width and height of a cell in points, in axes that were given."""
    box = ax.get_window_extent()
    point = figure_of(ax).dpi / POINTS
    return max(box.width / columns / point, 0.1), max(box.height / rows / point, 0.1)


def _new_figure_axes(
    shape: tuple[int, ...], pitch: float, left: Side, above: Side, title: str, colours: Theme, *, colorbar: bool
) -> tuple[Axes, Axes | None]:
    """A figure with room for square cells, the sides, the title and the bar; the axes of the cells and of the bar."""
    height, width = shape[0] * pitch, shape[1] * pitch
    beside_title = EDGE + text_width(title, TITLE_FONT) / 2 - width / 2
    x = max(EDGE + SIDE_NAME + left.depth + PAD, beside_title)
    y = EDGE + (TITLE if title else 0) + SIDE_NAME + above.depth + PAD
    right = max(EDGE, EDGE + above.overhang, beside_title, BAR_GAP + BAR + BAR_WORDS if colorbar else 0)
    bar_height = max(height, SHORTEST_BAR) if colorbar else 0
    size = x + width + right, y + max(height, bar_height) + EDGE
    figure = NotebookFigure(figsize=(size[0] / POINTS, size[1] / POINTS), facecolor=colours.background)
    ax = new_axes(figure, x, y, width, height, NotebookAxes)
    return ax, new_axes(figure, x + width + BAR_GAP, y, BAR, bar_height) if colorbar else None
