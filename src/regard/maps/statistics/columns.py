"""What each key receives, and the mean of each cell of a pooled picture: both are sums over rows."""

import torch
from torch import Tensor

from regard.maps.reading.parts import Rows
from regard.maps.statistics.cells import edges


class ColumnSums:
    """What each key receives, and the mean of each cell of a pooled picture: both are sums over rows."""

    def __init__(self, sizes: tuple[int, ...], pool: tuple[int, int] | None) -> None:
        batch, heads, _, keys = sizes
        self.mass = torch.zeros(batch, heads, keys, dtype=torch.float64)
        self.cells = torch.zeros(batch, heads, *pool, dtype=torch.float64) if pool else None
        self.heights, self.widths = (
            torch.tensor(edges(size, n)).diff() for size, n in zip(sizes[2:], pool or (1, 1), strict=True)
        )
        self.row_cells = torch.repeat_interleave(torch.arange(len(self.heights)), self.heights)
        self.column_cells = torch.repeat_interleave(torch.arange(len(self.widths)), self.widths)

    def add(self, rows: Rows) -> None:
        """Add some whole rows."""
        b, h, columns = rows.batch, rows.heads, rows.columns
        cells = self.row_cells[rows.queries]
        first, last = (int(cells[0]), int(cells[-1])) if len(cells) else (0, -1)
        if first == last:
            sums = rows.weights.sum(2, keepdim=True)
        else:
            member = (cells == torch.arange(first, last + 1)[:, None]).to(rows.weights)
            sums = member @ rows.weights
        sums = sums.to("cpu", torch.float64)  # (batch, heads, cells of these rows, columns)
        self.mass[b, h, columns] += sums.sum(2)
        if self.cells is not None:
            self.cells[b, h, first : last + 1].index_add_(3, self.column_cells[columns], sums)

    def means(self, dtype: torch.dtype) -> Tensor | None:
        """The mean of each cell, (batch, heads, rows, cols), where a picture is wanted."""
        return None if self.cells is None else (self.cells / (self.heights[:, None] * self.widths)).to(dtype)
