"""Statistics of a map in one streaming pass: blocks of whole rows come by, and each statistic keeps what it needs of them.

No block outgrows ``factors.BLOCK_BYTES``, so the memory of a statistic is that of its result and one block. What a pass takes
beyond a second shows a progress bar with the time left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from regard.errors import OptionError
from regard.maps.factors import Positions, Source, blocks

How = Literal["mean", "max"]
View = tuple[Positions, Positions, Positions, Positions]


class TopWeights(NamedTuple):
    """The largest weights of each row, largest first."""

    values: Tensor  #: (batch, heads, queries, k)
    keys: Tensor  #: (batch, heads, queries, k): their columns, as int64


@dataclass(frozen=True)
class Summary:
    """What one pass over a map found; None where it was not asked for."""

    received: Tensor | None  #: (batch, heads, keys): mass that each key gets from all queries
    entropy: Tensor | None  #: (batch, heads, queries), in nats
    pool: Tensor | tuple[Tensor, ...] | None  #: (batch, heads, rows, cols); one a way of pooling where several were named
    topk: TopWeights | None  #: the largest weights of each row
    unseeing: Tensor  #: (batch, heads): rows without any weight; their statistics are 0


class Block(NamedTuple):
    """Whole rows of a view: where they stand in it, and their weights."""

    batch: slice
    heads: slice
    queries: slice
    weights: Tensor


def row_blocks_of(source: Source, view: View, what: str) -> Iterator[Block]:
    """The view as blocks of whole rows, with a progress bar named ``what`` where that takes longer than a second."""
    batch, heads, queries, keys = view
    parts = list(blocks(len(batch), len(heads), len(queries), len(keys)))
    with torch.no_grad():
        for b, h, q in tqdm(parts, desc=what, unit="block", delay=1, leave=False):
            yield Block(b, h, q, source.weights(batch[b], heads[h], queries[q], keys))


def summarise(
    source: Source, view: View, *, received: bool, entropy: bool, pool: tuple[int, int] | None, how: tuple[How, ...], topk: int
) -> Summary:
    """All the statistics that are asked for, from one pass."""
    sizes = tuple(map(len, view))
    batch, heads, queries, keys = sizes
    mass = torch.zeros(batch, heads, keys, dtype=torch.float64)
    nats = torch.zeros(batch, heads, queries, dtype=source.dtype)
    unseeing = torch.zeros(batch, heads, dtype=torch.int64)
    best = TopWeights(
        torch.zeros(batch, heads, queries, topk, dtype=source.dtype),
        torch.zeros(batch, heads, queries, topk, dtype=torch.int64),
    )
    pools = [_Pool(one, pool, sizes) for one in how] if pool else []
    for block in row_blocks_of(source, view, "reading the map"):
        b, h, q, weights = block
        unseeing[b, h] += (weights.sum(3) == 0).sum(2).cpu()
        if received:
            mass[b, h] += weights.sum(2).to("cpu", torch.float64)
        if entropy:
            nats[b, h, q] = torch.special.entr(weights).sum(3).cpu()
        if topk:
            values, places = weights.topk(topk, dim=3)
            best.values[b, h, q], best.keys[b, h, q] = values.cpu(), places.cpu()
        for one in pools:
            one.add(block)
    pooled = tuple(one.result(source.dtype) for one in pools)
    return Summary(
        received=mass.to(source.dtype) if received else None,
        entropy=nats if entropy else None,
        pool=(pooled if len(pooled) > 1 else pooled[0]) if pooled else None,
        topk=best if topk else None,
        unseeing=unseeing,
    )


class _Pool:
    """A map seen from afar: each cell is the mean or the largest of its part of the queries and keys.

    Cell i of n covers positions ⌊i·size/n⌋ to ⌊(i+1)·size/n⌋: the parts do not overlap and differ by one position at most.
    """

    def __init__(self, how: How, cells: tuple[int, int], sizes: tuple[int, ...]) -> None:
        batch, heads, queries, keys = sizes
        self.how = how
        self.row_edges = edges(queries, cells[0])
        self.columns = _same_width_runs(edges(keys, cells[1]))
        self.widths = torch.tensor(edges(keys, cells[1])).diff()
        self.cells = torch.zeros(batch, heads, *cells, dtype=torch.float64)
        self.row_cells = torch.repeat_interleave(torch.arange(cells[0]), torch.tensor(self.row_edges).diff())

    def add(self, block: Block) -> None:
        b, h, q, weights = block
        mean = self.how == "mean"
        narrow = weights.new_empty(*weights.shape[:3], self.cells.shape[3])
        for cells, columns in self.columns:
            parts = _columns(weights, columns)
            narrow[..., cells] = parts.sum(4) if mean else parts.amax(4)
        into, rows = self.cells[b, h], self.row_cells[q]
        values = narrow.to("cpu", torch.float64)
        if mean:
            into.index_add_(2, rows, values)
        else:
            into.scatter_reduce_(2, rows[:, None].expand_as(values), values, "amax")

    def result(self, dtype: torch.dtype) -> Tensor:
        if self.how == "mean":
            heights = torch.tensor(self.row_edges).diff()
            self.cells /= heights[:, None] * self.widths
        return self.cells.to(dtype)


def edges(size: int, cells: int) -> list[int]:
    """Where the cells of an axis begin, and where the last one ends."""
    return [cell * size // cells for cell in range(cells + 1)]


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


def check_pool(pool: tuple[int, int], queries: int, keys: int) -> None:
    """Refuse more cells than there are positions."""
    for name, cells, size, axis in (("rows", pool[0], queries, "queries"), ("cols", pool[1], keys, "keys")):
        if isinstance(cells, bool) or not isinstance(cells, int) or not 1 <= cells <= size:
            raise OptionError(
                f"pool: expected {name} from 1 to {size}, the map's {axis}, got {cells!r}; "
                "a cell covers one position at least, and a map without positions has none"
            )


def check_how(how: str | tuple[str, ...] | list[str]) -> tuple[How, ...]:
    """The ways of pooling as a tuple."""
    ways = (how,) if isinstance(how, str) else tuple(how)
    if not ways or set(ways) - {"mean", "max"}:
        raise OptionError(f"expected how='mean', 'max' or both as a tuple, got {how!r}")
    return ways  # type: ignore[return-value]


def check_topk(k: int, keys: int) -> None:
    """Refuse more weights than a row has."""
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= keys:
        raise OptionError(f"topk: expected a number from 1 to {keys}, the map's keys, got {k!r}; ask for fewer")
