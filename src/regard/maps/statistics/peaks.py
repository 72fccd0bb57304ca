"""The largest weight of each cell of a pooled picture."""

from itertools import pairwise

import torch
from torch import Tensor

from regard.maps.reading.parts import Rows
from regard.maps.statistics.cells import edges


class CellPeaks:
    """The largest weight of each cell of a pooled picture.

    Cell i of n covers positions ⌊i·size/n⌋ to ⌊(i+1)·size/n⌋: the parts do not overlap and differ by one position at most.
    """

    def __init__(self, sizes: tuple[int, ...], pool: tuple[int, int]) -> None:
        batch, heads, queries, keys = sizes
        self.column_edges = edges(keys, pool[1])
        self.columns = _same_width_runs(self.column_edges)
        self.width = self.columns[0][1] if isinstance(self.columns[0][1], int) else None
        # Each block has all columns, so every cell is filled; a matrix of no probabilities may have none above 0 in it.
        self.cells = torch.full((batch, heads, *pool), -torch.inf, dtype=torch.float64)
        self.row_cells = torch.repeat_interleave(torch.arange(pool[0]), torch.tensor(edges(queries, pool[0])).diff())

    def add(self, rows: Rows, run: int) -> None:
        """Add some whole rows, whose maxima are of runs of so many keys."""
        narrow = self._narrow(rows, run)
        into, cells = self.cells[rows.batch, rows.heads], self.row_cells[rows.queries]
        if len(cells) and cells[0] == cells[-1]:
            narrow, cells = narrow.amax(2, keepdim=True), cells[:1]
        narrow = narrow.to("cpu", torch.float64)
        into.scatter_reduce_(2, cells[:, None].expand_as(narrow), narrow, "amax")

    def _narrow(self, rows: Rows, run: int) -> Tensor:
        """The largest weight of each row in each cell's columns."""
        if rows.maxima is not None and self.width == run:  # the runs are the cells
            full = rows.maxima.new_zeros(*rows.maxima.shape[:3], self.cells.shape[3])
            start = rows.columns.start // run
            full[..., start : start + rows.maxima.shape[3]] = rows.maxima
            return full
        weights, keys = rows.weights, self.column_edges[-1]
        if weights.shape[3] < keys:
            weights = torch.nn.functional.pad(weights, (rows.columns.start, keys - rows.columns.stop))
        full = weights.new_empty(*weights.shape[:3], self.cells.shape[3])
        for cells, columns in self.columns:
            full[..., cells] = _columns(weights, columns).amax(4)
        return full


def _same_width_runs(ends: list[int]) -> list[tuple[Tensor, Tensor | int]]:
    """Cells by their width (there are two at most), each with the columns that they cover, (cells, width).

    Where all cells are alike, the width is enough: the columns are a view.
    """
    widths = [stop - start for start, stop in pairwise(ends)]
    if len(set(widths)) == 1:
        return [(torch.arange(len(widths)), widths[0])]
    runs: list[tuple[Tensor, Tensor | int]] = []
    for width in sorted(set(widths)):
        cells = [cell for cell, one in enumerate(widths) if one == width]
        runs.append((torch.tensor(cells), torch.tensor([ends[cell] for cell in cells])[:, None] + torch.arange(width)))
    return runs


def _columns(weights: Tensor, columns: Tensor | int) -> Tensor:
    """The weights by cell, (batch, heads, rows, cells, width)."""
    if isinstance(columns, int):
        return weights.view(*weights.shape[:3], -1, columns)
    chosen = weights.index_select(3, columns.flatten().to(weights.device))
    return chosen.view(*weights.shape[:3], *columns.shape)
