"""What each key receives, and the mean of each cell of a pooled picture: both are sums over rows."""

import torch
from torch import Tensor

from regard.maps.reading.parts import Rows
from regard.maps.reading.pooling import cells_of, put_together
from regard.maps.statistics.cells import edges


class ColumnSums:
    """What each key receives, and the mean of each cell of a pooled picture: both are sums over rows."""

    def __init__(self, sizes: tuple[int, ...], pool: tuple[int, int] | None) -> None:
        batch, heads, _, keys = sizes
        self.mass = torch.zeros(batch, heads, keys, dtype=torch.float64)
        self.cells = torch.zeros(batch, heads, *pool, dtype=torch.float64) if pool else None
        self.rows, self.columns = (edges(size, cells) for size, cells in zip(sizes[2:], pool or (1, 1), strict=True))

    def add(self, rows: Rows) -> None:
        """Add some whole rows."""
        b, h, columns = rows.batch, rows.heads, rows.columns
        down, heights = cells_of(self.rows, rows.queries)
        sums = put_together(rows.weights, heights, 2, "mean")  # (batch, heads, cells, columns)
        self.mass[b, h, columns] += sums.sum(2).cpu()
        if self.cells is not None:
            across, widths = cells_of(self.columns, columns)
            self.cells[b, h, down, across] += put_together(sums, widths, 3, "mean").cpu()

    def means(self, dtype: torch.dtype) -> Tensor | None:
        """The mean of each cell, (batch, heads, rows, cols), where a picture is wanted."""
        if self.cells is None:
            return None
        heights, widths = (torch.tensor(ends).diff() for ends in (self.rows, self.columns))
        return (self.cells / (heights[:, None] * widths)).to(dtype)
