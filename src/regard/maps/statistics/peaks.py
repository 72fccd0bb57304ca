"""The largest weight of each cell of a pooled picture."""

import torch

from regard.maps.reading.parts import Rows
from regard.maps.reading.pooling import cells_of, put_together
from regard.maps.statistics.cells import edges


class CellPeaks:
    """The largest weight of each cell of a pooled picture.

    Cell i of n covers positions ⌊i·size/n⌋ to ⌊(i+1)·size/n⌋: the parts do not overlap and differ by one position at most.
    """

    def __init__(self, sizes: tuple[int, ...], pool: tuple[int, int], dtype: torch.dtype) -> None:
        batch, heads, queries, self.keys = sizes
        self.rows, self.columns = edges(queries, pool[0]), edges(self.keys, pool[1])
        # Each cell is filled; a matrix of no probabilities may have none above 0 in it.
        self.cells = torch.full((batch, heads, *pool), -torch.inf, dtype=dtype)

    def add(self, rows: Rows) -> None:
        """Add some whole rows: these are put together first, as neighbouring numbers of a row are slow to compare."""
        down, heights = cells_of(self.rows, rows.queries)
        across, widths = cells_of(self.columns, rows.columns)
        tall = put_together(rows.weights, heights, 2, "max")
        cells = self.cells[rows.batch, rows.heads, down]
        if rows.weights.shape[3] < self.keys:
            cells.clamp_(min=0)  # what is left out has weight 0
        found = put_together(tall, widths, 3, "max").to(cells)
        torch.maximum(cells[..., across], found, out=cells[..., across])
