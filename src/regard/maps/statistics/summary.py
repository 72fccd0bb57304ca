"""Statistics of a map in one streaming pass: blocks of whole rows come by, and each statistic keeps what it needs of them.

No block outgrows ``factors.BLOCK_BYTES``, so the memory of a statistic is that of its result and one block. What a pass takes
beyond a second shows a progress bar with the time left.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.maps.factors import Factors, Source
from regard.maps.reading.key_chunks import How
from regard.maps.reading.long_rows import RUN
from regard.maps.reading.rows import Rows, View, pooled_rows, pools_in_chunks, row_blocks

HIGH_CELL = 64
"""Cells of a pooled picture with as many rows have blocks of their own."""


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


def summarise(
    source: Source, view: View, *, received: bool, entropy: bool, pool: tuple[int, int] | None, how: tuple[How, ...], topk: int
) -> Summary:
    """All the statistics that are asked for, from one pass."""
    batch, heads, queries, keys = sizes = tuple(map(len, view))
    if pool and not (received or entropy or topk) and pools_in_chunks(source, view, pool[1]):
        return _pool_alone(source, view, pool, how)
    columns = _Columns(sizes, pool if pool and "mean" in how else None)
    nats = torch.zeros(batch, heads, queries, dtype=source.dtype)
    unseeing = torch.zeros(batch, heads, dtype=torch.int64)
    best = TopWeights(
        torch.zeros(batch, heads, queries, topk, dtype=source.dtype),
        torch.zeros(batch, heads, queries, topk, dtype=torch.int64),
    )
    peaks = _Peaks(sizes, pool) if pool and "max" in how else None
    run = keys // pool[1] if pool and keys % pool[1] == 0 and keys // pool[1] >= RUN // 4 else RUN
    # Sums over the rows of one cell are plain; a block that small cells share multiplies by who belongs to which.
    cut = edges(queries, pool[0]) if pool and queries // pool[0] >= HIGH_CELL else ()
    for rows in row_blocks(source, view, "reading the map", entropy=entropy, run=run, edges=cut):
        b, h, q = rows.batch, rows.heads, rows.queries
        unseeing[b, h] += _unseeing(rows).sum(2).cpu()
        if received or columns.cells is not None:
            columns.add(rows)
        if rows.entropy is not None:
            nats[b, h, q] = rows.entropy.cpu()
        if topk:
            values, places = _strongest(rows, topk, run, keys)
            best.values[b, h, q], best.keys[b, h, q] = values.cpu(), places.cpu()
        if peaks:
            peaks.add(rows, run)
    pooled = {"mean": columns.means(source.dtype), "max": peaks.cells.to(source.dtype) if peaks else None}
    chosen = tuple(found for one in how if (found := pooled[one]) is not None)
    return Summary(
        received=columns.mass.to(source.dtype) if received else None,
        entropy=nats if entropy else None,
        pool=(chosen if len(chosen) > 1 else chosen[0]) if chosen else None,
        topk=best if topk else None,
        unseeing=unseeing,
    )


def _pool_alone(source: Factors, view: View, pool: tuple[int, int], how: tuple[How, ...]) -> Summary:
    """A pooled picture and nothing else, from rows whose keys are pooled as they come by."""
    batch, heads, queries, keys = map(len, view)
    heights, widths = (torch.tensor(edges(size, cells)).diff() for size, cells in zip((queries, keys), pool, strict=True))
    row_cells = torch.repeat_interleave(torch.arange(pool[0]), heights)
    found = [torch.zeros(batch, heads, *pool, dtype=torch.float64) for _ in how]
    unseeing = torch.zeros(batch, heads, dtype=torch.int64)
    for rows in pooled_rows(source, view, edges(keys, pool[1]), how):
        into = row_cells[rows.queries]
        unseeing[rows.batch, rows.head] += (rows.cells[0].sum(1) == 0).sum().cpu()
        for way, whole, part in zip(how, found, rows.cells, strict=True):
            cells = part.to("cpu", torch.float64)
            one = whole[rows.batch, rows.head]
            if way == "mean":
                one.index_add_(0, into, cells)
            else:
                one.scatter_reduce_(0, into[:, None].expand_as(cells), cells, "amax")
    area = heights[:, None] * widths
    pooled = tuple((one / area if way == "mean" else one).to(source.dtype) for way, one in zip(how, found, strict=True))
    return Summary(None, None, pooled if len(pooled) > 1 else pooled[0], None, unseeing)


def _unseeing(rows: Rows) -> Tensor:
    """Which rows have no weight but 0, (batch, heads, queries). A sum is fast, and 0 where signed weights cancel as well."""
    weights = rows.weights if rows.maxima is None else rows.maxima
    nothing = weights.sum(3) == 0
    return nothing & ~weights.any(3) if nothing.any() else nothing


def _strongest(rows: Rows, k: int, run: int, keys: int) -> tuple[Tensor, Tensor]:
    """The k largest weights of each row and their columns. They stand in the k runs whose largest weights are largest."""
    weights, first = rows.weights, rows.columns.start
    span = weights.shape[3]
    if rows.maxima is None or 2 * k * run >= span:
        few = min(k, span)
        values, places = weights.topk(few, dim=3)
        # Where fewer can be seen than are asked for, the others have weight 0 and stand behind, round the end of the row.
        unseen = (rows.columns.stop + torch.arange(k - few, device=weights.device)) % keys
        unseen = unseen.expand(*places.shape[:3], k - few)
        return torch.cat([values, torch.zeros_like(unseen, dtype=values.dtype)], 3), torch.cat([places + first, unseen], 3)
    chosen = _bits(rows.maxima).topk(k, dim=3, sorted=False).indices
    if span % run == 0:
        values, places = _strongest_in_runs(weights, chosen, run, k)
        return values, places + first
    places = (chosen[..., None] * run + torch.arange(run, device=weights.device)).flatten(3)
    beyond = places >= span
    near = weights.gather(3, places.clamp(max=span - 1)).masked_fill_(beyond, -1)
    values, at = near.topk(k, dim=3)
    return values, places.gather(3, at) + first


def _strongest_in_runs(weights: Tensor, chosen: Tensor, run: int, k: int) -> tuple[Tensor, Tensor]:
    """The k largest weights among the chosen runs of each row, and their columns.

    Ranking is slow, so few are ranked: the runs are laid over each other in groups of k, and the k largest weights stand in the
    k groups whose largest weights are largest.
    """
    count, heads, queries, span = weights.shape
    lines = count * heads * queries
    of_line = torch.arange(lines, device=weights.device)[:, None]
    near = weights.flatten(0, 2).unflatten(1, (span // run, run))[of_line, chosen.view(lines, k)]  # (lines, k, run)
    groups = _bits(near.amax(1)).topk(min(k, run), dim=1, sorted=False).indices  # (lines, k): places within a run
    few = near.gather(2, groups[:, None].expand(lines, k, groups.shape[1])).flatten(1)
    bits, at = _bits(few).topk(k, dim=1)
    values = bits.view(few.dtype)
    inside, which = groups.gather(1, at % groups.shape[1]), at // groups.shape[1]
    columns = chosen.view(lines, k).gather(1, which) * run + inside
    return values.view(count, heads, queries, k), columns.view(count, heads, queries, k)


def _bits(weights: Tensor) -> Tensor:
    """The same numbers as whole numbers in the same order, which rank faster: weights are not negative."""
    return weights.contiguous().view(torch.int64 if weights.dtype == torch.float64 else torch.int32)


class _Columns:
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
        return None if self.cells is None else (self.cells / (self.heights[:, None] * self.widths)).to(dtype)


class _Peaks:
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
    if not isinstance(pool, tuple | list) or len(pool) != 2:
        raise OptionError(f"pool: expected (rows, cols), got {pool!r}; for example pool=(64, 64)")
    for name, cells, size, axis in (("rows", pool[0], queries, "queries"), ("cols", pool[1], keys, "keys")):
        if isinstance(cells, bool) or not isinstance(cells, int) or not 1 <= cells <= size:
            raise OptionError(
                f"pool: expected {name} from 1 to {size}, the map's {axis}, got {cells!r}; "
                "a cell covers one position at least, and a map without positions has none"
            )


def check_how(how: str | tuple[str, ...] | list[str]) -> tuple[How, ...]:
    """The ways of pooling as a tuple."""
    ways = tuple(how) if isinstance(how, tuple | list) else (how,)
    if not ways or set(ways) - {"mean", "max"}:
        raise OptionError(f"expected how='mean', 'max' or both as a tuple, got {how!r}")
    return ways  # type: ignore[return-value]


def check_topk(k: int, keys: int) -> None:
    """Refuse more weights than a row has."""
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= keys:
        raise OptionError(f"topk: expected a number from 1 to {keys}, the map's keys, got {k!r}; ask for fewer")
