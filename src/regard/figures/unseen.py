"""What a mask hides, drawn over a heat map: the cells that no weight may be in, so that a pattern is told from low weights."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

from regard.errors import ShapeError
from regard.figures.themes import theme_named

GROUND = {"light": "#d5d8de", "dark": "#41464f"}
"""Grey beside both colour maps: neither the colour of no weight nor that of any."""


def hide(ax: Axes, seen: NDArray[np.bool_], theme: str = "light") -> Axes:
    """Covers the cells of a heat map in which no weight may be: row i and column j stand at y = i, x = j.

    Args:
        ax: the axes that `heatmap` returned.
        seen: (queries, keys), True where a key may have weight.
        theme: "light" or "dark", that of the heat map.

    Example:
        >>> from regard.figures.heatmap import heatmap
        >>> ax = hide(heatmap([[1.0, 0.0], [0.5, 0.5]]), np.array([[True, False], [True, True]]))
        >>> len(ax.collections)
        2
    """
    theme_named(theme)  # refuses what is none
    hidden = np.ma.masked_array(np.zeros(np.shape(seen)), mask=np.asarray(seen, dtype=bool))
    if hidden.ndim != 2:
        raise ShapeError(f"expected seen (queries, keys), got {np.shape(seen)}")
    rows, columns = hidden.shape
    edges: dict[str, Any] = {"linewidth": 0, "rasterized": False, "zorder": 1.5}
    colours = ListedColormap([GROUND[theme]])
    ax.pcolormesh(np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, hidden, cmap=colours, **edges)
    return ax
