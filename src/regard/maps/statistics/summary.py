"""Statistics of a map in one streaming pass: blocks of whole rows come by, and each statistic keeps what it needs of them.

No block outgrows ``parts.BLOCK_BYTES``, so the memory of a statistic is that of its result and one block. What a pass takes
beyond a second shows a progress bar with the time left.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.maps.reading.long_rows import RUN
from regard.maps.reading.parts import PooledRows, Pooling, Rows
from regard.maps.statistics.cells import edges
from regard.maps.statistics.columns import ColumnSums
from regard.maps.statistics.peaks import CellPeaks
from regard.maps.statistics.strongest import TopWeights, strongest
from regard.maps.view import MapView

HIGH_CELL = 64
"""Cells of a pooled picture with as many rows have blocks of their own."""


@dataclass(frozen=True)
class Summary:
    """What one pass over a map found; None where it was not asked for."""

    received: Tensor | None  #: (batch, heads, keys): mass that each key gets from all queries
    entropy: Tensor | None  #: (batch, heads, queries), in nats
    pool: Tensor | tuple[Tensor, ...] | None  #: (batch, heads, rows, cols); one a way of pooling where several were named
    topk: TopWeights | None  #: the largest weights of each row
    masked_rows: Tensor  #: (batch, heads): how many rows have no visible key; their statistics are 0


def summarise(
    view: MapView, *, received: bool, entropy: bool, pool: tuple[int, int] | None, how: tuple[Pooling, ...], topk: int
) -> Summary:
    """All the statistics that are asked for, from one pass."""
    batch, heads, queries, keys = sizes = view.shape
    dtype = view.source.dtype
    if pool and not (received or entropy or topk):
        pooled_rows = view.pooled(edges(keys, pool[1]), how)
        if pooled_rows is not None:
            return _pool_alone(pooled_rows, view, pool, how)
    columns = ColumnSums(sizes, pool if pool and "mean" in how else None)
    nats = torch.zeros(batch, heads, queries, dtype=dtype)
    masked = torch.zeros(batch, heads, dtype=torch.int64)
    best = TopWeights(
        torch.zeros(batch, heads, queries, topk, dtype=dtype),
        torch.zeros(batch, heads, queries, topk, dtype=torch.int64),
    )
    peaks = CellPeaks(sizes, pool) if pool and "max" in how else None
    run = keys // pool[1] if pool and keys % pool[1] == 0 and keys // pool[1] >= RUN // 4 else RUN
    # Sums over the rows of one cell are plain; a block that small cells share multiplies by who belongs to which.
    cut = edges(queries, pool[0]) if pool and queries // pool[0] >= HIGH_CELL else ()
    for rows in view.rows("reading the map", entropy=entropy, run=run, edges=cut):
        b, h, q = rows.batch, rows.heads, rows.queries
        masked[b, h] += _masked(rows).sum(2).cpu()
        if received or columns.cells is not None:
            columns.add(rows)
        if rows.entropy is not None:
            nats[b, h, q] = rows.entropy.cpu()
        if topk:
            values, places = strongest(rows, topk, run, keys)
            best.values[b, h, q], best.keys[b, h, q] = values.cpu(), places.cpu()
        if peaks:
            peaks.add(rows, run)
    pooled = {"mean": columns.means(dtype), "max": peaks.cells.to(dtype) if peaks else None}
    chosen = tuple(found for one in how if (found := pooled[one]) is not None)
    return Summary(
        received=columns.mass.to(dtype) if received else None,
        entropy=nats if entropy else None,
        pool=(chosen if len(chosen) > 1 else chosen[0]) if chosen else None,
        topk=best if topk else None,
        masked_rows=masked,
    )


def _pool_alone(pooled_rows: Iterator[PooledRows], view: MapView, pool: tuple[int, int], how: tuple[Pooling, ...]) -> Summary:
    """A pooled picture and nothing else, from rows whose keys are pooled as they come by."""
    batch, heads, queries, keys = view.shape
    heights, widths = (torch.tensor(edges(size, cells)).diff() for size, cells in zip((queries, keys), pool, strict=True))
    row_cells = torch.repeat_interleave(torch.arange(pool[0]), heights)
    found = [torch.zeros(batch, heads, *pool, dtype=torch.float64) for _ in how]
    masked = torch.zeros(batch, heads, dtype=torch.int64)
    for rows in pooled_rows:
        into = row_cells[rows.queries]
        masked[rows.batch, rows.head] += (rows.cells[0].sum(1) == 0).sum().cpu()
        for way, whole, part in zip(how, found, rows.cells, strict=True):
            cells = part.to("cpu", torch.float64)
            one = whole[rows.batch, rows.head]
            if way == "mean":
                one.index_add_(0, into, cells)
            else:
                one.scatter_reduce_(0, into[:, None].expand_as(cells), cells, "amax")
    area = heights[:, None] * widths
    pooled = tuple((one / area if way == "mean" else one).to(view.source.dtype) for way, one in zip(how, found, strict=True))
    return Summary(None, None, pooled if len(pooled) > 1 else pooled[0], None, masked)


def _masked(rows: Rows) -> Tensor:
    """Which rows have no weight but 0, (batch, heads, queries). A sum is fast, and 0 where signed weights cancel as well."""
    weights = rows.weights if rows.maxima is None else rows.maxima
    nothing = weights.sum(3) == 0
    return nothing & ~weights.any(3) if nothing.any() else nothing
