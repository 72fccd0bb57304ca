"""What a figure shows, in words: for those who hear pages read, and where pictures are not shown."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from regard.figures.figure_files import figure_of

Numbers = np.ndarray[Any, Any]

MOST_LABELS = 12
"""Of a side; a long text is told by its length."""
MOST_CELLS = 3
MOST_PARTS = 8
"""Of panels and of lines: what is more is counted."""


def alternative_text(figure: Figure | Axes) -> str:
    """The titles, sides and largest cells of matrices, and from where to where lines run, of any figure of matplotlib.

    Panels that fill a grid are told by its rows and columns, images in colours by their pixels; where numbers have signs, the
    largest are those farthest from 0.

    Example:
        >>> import regard, torch
        >>> figure = regard.heatmap(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), queries=["le", "chat"], keys=["the", "cat"])
        >>> alternative_text(figure)
        'Matrix, 2 rows (queries: le, chat) by 2 columns (keys: the, cat). Largest: le, the 0.75; chat, the 0.5; chat, cat 0.5.'
    """
    figure = figure_of(figure) if isinstance(figure, Axes) else figure
    bars = {id(axes) for axes in figure.axes if _is_colour_bar(axes)}
    told = [(axes, said) for axes in figure.axes if id(axes) not in bars and axes.get_visible() and (said := _panel(axes))]
    panels = [said for _, said in told]
    opening = [figure.get_suptitle()] if figure.get_suptitle() else []
    opening += [f"{len(panels)} pictures{_grid([axes for axes, _ in told])}"] if len(panels) > 1 else []
    more = [f"And {len(panels) - MOST_PARTS} more"] if len(panels) > MOST_PARTS else []
    return " ".join(f"{one.rstrip('.')}." for one in [*opening, *panels[:MOST_PARTS], *more]) or "An empty figure."


def _is_colour_bar(axes: Axes) -> bool:
    return axes.get_label() == "<colorbar>" or hasattr(axes, "_colorbar")


def _grid(panels: list[Axes]) -> str:
    """In how many rows and columns they stand, where they fill a grid of several rows."""
    grids = [axes.get_subplotspec() for axes in panels]
    cells = {(grid.rowspan.start, grid.colspan.start) for grid in grids if grid is not None}
    rows, columns = ({cell[side] for cell in cells} for side in (0, 1))
    full = len(rows) > 1 and len(panels) == len(cells) == len(rows) * len(columns)
    return f" in {len(rows)} rows and {_counted(len(columns), 'column')}" if full else ""


def _panel(axes: Axes) -> str:
    title = ", ".join((axes.get_title() or axes.get_title("left")).split("\n"))
    parts = [*_matrices(axes), *_lines(axes), *_points(axes), *_bars(axes)]
    words = [text.get_text() for text in axes.texts if text.get_text().strip() and not _is_number(text.get_text())]
    if words and not any(isinstance(one, QuadMesh | AxesImage) for one in axes.get_children()):
        more = f" and {len(words) - MOST_LABELS} more" if len(words) > MOST_LABELS else ""
        parts.append(f"texts: {', '.join(words[:MOST_LABELS])}{more}")
    said = "; ".join(parts)
    return ": ".join(filter(None, (title, said[:1].upper() + said[1:] if not title else said)))


def _matrices(axes: Axes) -> Iterator[str]:
    for picture in [*axes.images, *(one for one in axes.collections if isinstance(one, QuadMesh))]:
        values = _values(picture)
        if values is None:
            yield _image(picture)
            continue
        rows, columns = values.shape
        sides = [
            _side(_counted(rows, "row"), axes.get_ylabel(), _labels(axes.yaxis, rows)),
            _side(_counted(columns, "column"), axes.get_xlabel(), _labels(axes.xaxis, columns)),
        ]
        cells = "; ".join(_largest(axes, values))
        name = "Largest in magnitude" if (values < 0).any() else "Largest"
        yield f"matrix, {sides[0]} by {sides[1]}{f'. {name}: {cells}' if cells else ''}"


def _image(picture: ScalarMappable) -> str:
    """Colours that have no numbers: an image, or what is laid over one and lets it through."""
    array = picture.get_array()
    if array is None or array.ndim != 3:
        return "a picture"
    rows, columns, channels = array.shape
    laid = channels == 4 and bool((array[..., 3] < array[..., 3].max()).any())
    return f"colours laid over it, {rows} by {columns}" if laid else f"an image of {rows} by {columns} pixels"


def _values(picture: ScalarMappable) -> Numbers | None:
    array = picture.get_array()
    if array is None or array.ndim != 2 or 0 in array.shape:  # colours, not numbers
        return None
    return np.ma.filled(np.ma.asarray(array).astype(float), np.nan)


def _side(count: str, name: str, labels: list[str]) -> str:
    listed = ", ".join(labels) if len(labels) <= MOST_LABELS else f"{labels[0]} to {labels[-1]}"
    told = ": ".join(filter(None, (name, listed)))
    return f"{count} ({told})" if told else count


def _labels(axis: Any, count: int) -> list[str]:
    """The names of rows or columns, where each has one."""
    named = [label.get_text() for label in axis.get_ticklabels()]
    return named if len(named) == count and all(named) else []


def _largest(axes: Axes, values: Numbers) -> Iterator[str]:
    rows, columns = _labels(axes.yaxis, values.shape[0]), _labels(axes.xaxis, values.shape[1])
    sizes = np.abs(values) if (values < 0).any() else values
    order = np.argsort(-np.nan_to_num(sizes, nan=-np.inf), axis=None, kind="stable")[:MOST_CELLS]
    for row, column in zip(*np.unravel_index(order, values.shape), strict=True):
        if np.isfinite(values[row, column]):
            names = rows[row] if rows else f"row {row}", columns[column] if columns else f"column {column}"
            yield f"{names[0]}, {names[1]} {values[row, column]:.2g}"


def _lines(axes: Axes) -> Iterator[str]:
    told = []
    for line in axes.lines:
        x, y = _floats(line.get_xdata()), _floats(line.get_ydata())
        if line.get_visible() and len(x) > 1:
            told.append(_line(str(line.get_label()), x, y))
    if not told:
        return
    sides = " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
    more = f" and {len(told) - MOST_PARTS} more" if len(told) > MOST_PARTS else ""
    yield f"{sides or 'lines'}: {'; '.join(told[:MOST_PARTS])}{more}"


def _line(name: str, x: Numbers, y: Numbers) -> str:
    known = np.isfinite(y)
    if not known.any():
        return f"{name}: nothing"
    x, y = x[known], y[known]
    named = "" if name.startswith("_") else f"{name} "
    return f"{named}from {y[0]:.3g} at {x[0]:.3g} to {y[-1]:.3g} at {x[-1]:.3g}"


def _points(axes: Axes) -> Iterator[str]:
    number = sum(len(_floats(one.get_offsets())) for one in axes.collections if isinstance(one, PathCollection))
    if number:
        sides = " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
        count = _counted(number, "point")
        yield f"{count}, {sides}" if sides else count


def _bars(axes: Axes) -> Iterator[str]:
    for group in axes.containers:
        heights = [float(bar.get_height()) for bar in getattr(group, "patches", [])]
        if heights:
            yield f"{_counted(len(heights), 'bar')} from {min(heights):.3g} to {max(heights):.3g}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _floats(numbers: Any) -> Numbers:
    return np.asarray(numbers, float)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
