"""Statistics of a map in one streaming pass: blocks of whole rows come by, and each statistic keeps what it needs of them.

No block outgrows ``parts.BLOCK_BYTES``, so the memory of a statistic is that of its result and one block. What a pass takes
beyond a second shows a progress bar with the time left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from regard.axes.axis import Axis
from regard.maps.indexing import as_choice
from regard.maps.reading.parts import PooledRows, Pooling, Rows
from regard.maps.statistics.cells import checked_pool, edges
from regard.maps.statistics.columns import ColumnSums
from regard.maps.statistics.peaks import CellPeaks
from regard.maps.statistics.strongest import TopWeights, strongest
from regard.maps.view import MapView
from regard.positions import Positions


@dataclass(frozen=True)
class Summary:
    """What one pass over a map found; None where it was not asked for."""

    received: Tensor | None  #: (batch, heads, keys): mass that each key gets from all queries
    entropy: Tensor | None  #: (batch, heads, queries), in nats
    pool: Tensor | tuple[Tensor, ...] | None  #: (batch, heads, rows, cols); one a way of pooling where several were named
    topk: TopWeights | None  #: the largest weights of each row
    masked_rows: Tensor  #: (batch, heads): how many rows have no visible key; their statistics are 0


class Asked(NamedTuple):
    """What a summary is to find."""

    received: bool
    entropy: bool
    pool: tuple[int, int] | None
    how: tuple[Pooling, ...]
    topk: int


def summarise(view: MapView, asked: Asked, queries: Axis, keys: Axis) -> Summary:
    """All the statistics that are asked for, from one pass. Padding is in none of them: its rows and keys are not read."""
    if not (queries.is_padded or keys.is_padded):
        return _of_all(view, asked)
    places = [(item, queries.real(item), keys.real(item)) for item in range(view.shape[0])]
    return _together([_of_sequence(view, asked, *at) for at in places], asked)


def _of_sequence(view: MapView, asked: Asked, item: int, rows: Positions, columns: Positions) -> Summary:
    """One sequence of a batch, its numbers put where its rows and keys stand among the padding."""
    _, _, queries, keys = view.shape
    if asked.pool is not None:
        checked_pool(asked.pool, len(rows), len(columns))
    few = min(asked.topk, len(columns))
    real = view.select(item, None, as_choice(rows), as_choice(columns))
    found = _of_all(real, asked._replace(topk=few))
    at = torch.tensor(list(columns), dtype=torch.int64)
    best = found.topk
    if best is not None:
        # Where there are fewer keys than were asked for, padding stands behind, with weight 0.
        there = set(columns)
        others = torch.tensor([place for place in range(keys) if place not in there][: asked.topk - few])
        behind = others.expand(*best.keys.shape[:3], len(others)).to(best.keys)
        values = torch.cat([best.values, torch.zeros_like(behind, dtype=best.values.dtype)], 3)
        places = torch.cat([at[best.keys], behind], 3)
        best = TopWeights(_spread(values, rows, queries, 2), _spread(places, rows, queries, 2))
    return Summary(
        received=None if found.received is None else _spread(found.received, columns, keys, 2),
        entropy=None if found.entropy is None else _spread(found.entropy, rows, queries, 2),
        pool=found.pool,
        topk=best,
        masked_rows=found.masked_rows,
    )


def _spread(values: Tensor, places: Positions, size: int, axis: int) -> Tensor:
    """The values at their places along an axis, and 0 elsewhere."""
    whole = values.new_zeros(*values.shape[:axis], size, *values.shape[axis + 1 :])
    return whole.index_copy_(axis, torch.tensor(list(places), dtype=torch.int64), values)


def _together(parts: Sequence[Summary], asked: Asked) -> Summary:
    """The sequences of a batch."""
    pools = [part.pool if isinstance(part.pool, tuple) else (part.pool,) for part in parts]
    ways = [torch.cat([one for one in way if one is not None]) for way in zip(*pools, strict=True)] if asked.pool else []
    best = [part.topk for part in parts if part.topk is not None]
    return Summary(
        received=torch.cat([part.received for part in parts if part.received is not None]) if asked.received else None,
        entropy=torch.cat([part.entropy for part in parts if part.entropy is not None]) if asked.entropy else None,
        pool=(tuple(ways) if len(ways) > 1 else ways[0]) if ways else None,
        topk=TopWeights(torch.cat([one.values for one in best]), torch.cat([one.keys for one in best])) if best else None,
        masked_rows=torch.cat([part.masked_rows for part in parts]),
    )


def _of_all(view: MapView, asked: Asked) -> Summary:
    """The statistics of all rows and keys of a view."""
    received, entropy, pool, how, topk = asked
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
    peaks = CellPeaks(sizes, pool, dtype) if pool and "max" in how else None
    for rows in view.rows("reading the map", entropy=entropy):
        b, h, q = rows.batch, rows.heads, rows.queries
        masked[b, h] += _masked(rows).sum(2).cpu()
        if received or columns.cells is not None:
            columns.add(rows)
        if rows.entropy is not None:
            nats[b, h, q] = rows.entropy.cpu()
        if topk:
            values, places = strongest(rows, topk, keys)
            best.values[b, h, q], best.keys[b, h, q] = values.cpu(), places.cpu()
        if peaks:
            peaks.add(rows)
    pooled = {"mean": columns.means(dtype), "max": peaks.cells if peaks else None}
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
    if rows.blind is not None:
        return rows.blind
    nothing = rows.weights.sum(3) == 0
    return nothing & ~rows.weights.any(3) if nothing.any() else nothing
