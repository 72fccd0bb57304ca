"""Whole rows of a map, block by block: what every statistic and product is made of.

Long rows of factors are read on a path of their own (``long_rows.py``), everything else as tiles of whole rows. A pooled
picture of long rows needs no whole row, and is read in chunks of keys (``key_chunks.py``).
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor
from tqdm import tqdm

from regard.amounts import duration_text
from regard.maps.factors import Factors, Positions, Source, blocks
from regard.maps.reading.key_chunks import How, KeyChunks, row_groups
from regard.maps.reading.long_rows import RUN, LongRows, reads

View = tuple[Positions, Positions, Positions, Positions]
Part = tuple[slice, slice, slice]

LONG_PASS = 2**33
"""Weights of a pass whose time is predicted before it starts: some seconds."""

POOLED_ROW, POOLED_CELL = 2**15, 128
"""Rows and cells of so many keys are pooled in chunks: shorter rows are as fast whole, and narrower cells slower one by one."""

SAMPLES = 9
"""Blocks that are read to predict it."""


class Rows(NamedTuple):
    """Rows of a view, and their weights where they are not 0."""

    batch: slice
    heads: slice
    queries: slice
    columns: slice  #: of the view's keys; no row of the block sees any other
    weights: Tensor  #: (batch, heads, queries, columns)
    entropy: Tensor | None  #: (batch, heads, queries), in nats, if it was asked for
    maxima: Tensor | None  #: (batch, heads, queries, runs): the largest weight of each run of keys, if they were found


def row_blocks(
    source: Source, view: View, what: str | None, *, entropy: bool = False, run: int = RUN, edges: Sequence[int] = ()
) -> Iterator[Rows]:
    """The view as blocks of whole rows, with a progress bar named ``what`` where that takes longer than a second.

    The weights of a block are good until the next one is asked for.

    Args:
        source: what the map is kept as.
        view: the positions that are read.
        what: the bar's name; None where somebody else shows one.
        entropy: whether it is wanted.
        run: keys of which the largest weight is found.
        edges: queries where a block has to end.
    """
    batch, heads, queries, keys = view
    parts = list(blocks(len(batch), len(heads), len(queries), len(keys), edges))
    read = _reader(source, view, entropy, run)
    with torch.no_grad():
        for part in _passing(parts, what, view, read):
            yield from read(part)


class PooledRows(NamedTuple):
    """Rows of one head of a view, their keys pooled."""

    batch: int
    head: int
    queries: slice
    cells: list[Tensor]  #: (rows, cells) for each way: sum ("mean") or maximum of the weights in each run of keys


def pools_in_chunks(source: Source, view: View, cells: int) -> TypeGuard[Factors]:
    """Whether ``pooled_rows`` reads this view, its keys pooled to so many cells: whole rows of factors, if it is worth it."""
    return _is_long(source, view) and len(view[3]) >= max(POOLED_ROW, cells * POOLED_CELL)


def pooled_rows(source: Factors, view: View, edges: Sequence[int], ways: Sequence[How]) -> Iterator[PooledRows]:
    """The view as blocks of rows with their keys pooled between neighbouring edges, behind a progress bar."""
    parts, read = _pool_parts(source, view, edges, ways)
    with torch.no_grad():
        for part in _passing(parts, "pooling the map", view, read):
            yield from read(part)


def known_pooled_rows(source: Source, view: View, edges: Sequence[int], ways: Sequence[How]) -> Iterator[PooledRows] | None:
    """The view's rows with its keys pooled between any neighbouring edges, where their denominators are known; else None.

    Only the keys between the first and the last edge are read, where ``pooled_rows`` needs all.
    """
    batch, heads, queries, keys = view
    if not isinstance(source, Factors) or not isinstance(keys, range) or keys.step != 1:
        return None
    if source._known(batch, heads, queries).isnan().any():
        return None
    edges = [keys.start + edge for edge in edges]
    chunks = KeyChunks(source)
    places = product(range(len(batch)), range(len(heads)), row_groups(queries))
    return (PooledRows(b, h, q, chunks.known_cells(batch[b], heads[h], queries[q], edges, ways)) for b, h, q in places)


def predicted_pool_seconds(source: Factors, view: View, edges: Sequence[int], ways: Sequence[How]) -> float:
    """Seconds that ``pooled_rows`` will take here, from a sample of its blocks."""
    parts, read = _pool_parts(source, view, edges, ways)
    return _predicted(parts, read)


def _pool_parts(
    source: Factors, view: View, edges: Sequence[int], ways: Sequence[How]
) -> tuple[list[Part], Callable[[Part], Iterator[PooledRows]]]:
    batch, heads, queries, _ = view
    chunks = KeyChunks(source)

    def read(part: Part) -> Iterator[PooledRows]:
        b, h, q = part[0].start, part[1].start, part[2]
        yield PooledRows(b, h, q, chunks.cells(batch[b], heads[h], queries[q], edges, ways))

    places = product(range(len(batch)), range(len(heads)), row_groups(queries))
    return [(slice(b, b + 1), slice(h, h + 1), q) for b, h, q in places], read


def predicted_seconds(source: Source, view: View) -> float:
    """Seconds that a pass over the view will take here, from a sample of its blocks."""
    batch, heads, queries, keys = map(len, view)
    return _predicted(list(blocks(batch, heads, queries, keys)), _reader(source, view, entropy=True, run=RUN))


def _passing(
    parts: list[Part], what: str | None, view: View, read: Callable[[Part], Iterator[Rows | PooledRows]]
) -> Iterable[Part]:
    """The parts one after another, behind a progress bar; a long pass says first how long it will take."""
    if what is None:
        return parts
    if math.prod(map(len, view)) >= LONG_PASS:
        what = f"{what}, about {duration_text(_predicted(parts, read))}"
    return tqdm(parts, desc=what, unit="block", delay=1, leave=False)


def _predicted(parts: list[Part], read: Callable[[Part], Iterator[Rows | PooledRows]]) -> float:
    """Seconds for all parts, from some of the first head: those in the middle of equal stretches, as masks make rows unequal.

    One head, because what is done once for each (its keys leave the disk, and are cast) is little beside all of its rows.
    """
    if not parts:
        return 0.0
    alike = [part for part in parts if part[:2] == parts[0][:2]]
    middles = [alike[(2 * at + 1) * len(alike) // (2 * SAMPLES)] for at in range(SAMPLES)]
    seconds = []
    with torch.no_grad():
        for part in [middles[-1], *middles]:
            start = time.perf_counter()
            for rows in read(part):  # the sum is what any statistic does; on a GPU it also waits for the work to be done
                (rows.weights if isinstance(rows, Rows) else rows.cells[0]).sum(-2).cpu()
            seconds.append(time.perf_counter() - start)
    return len(parts) * sum(seconds[1:]) / SAMPLES  # the first one also made the memory that the others use again


def _is_long(source: Source, view: View) -> TypeGuard[Factors]:
    """Whether whole long rows of factors are read."""
    return isinstance(source, Factors) and view[3] == range(source.shape[3]) and reads(source.shape[3])


def _reader(source: Source, view: View, entropy: bool, run: int) -> Callable[[Part], Iterator[Rows]]:
    """How a part of the view becomes rows."""
    batch, heads, queries, keys = view
    if _is_long(source, view):
        reader = LongRows(source, run, entropy=entropy)

        def long(part: Part) -> Iterator[Rows]:
            b, h, q = part  # of one sequence and head, but where few rows are read
            for one in range(b.start, b.stop):
                for head in range(h.start, h.stop):
                    found = reader.read(batch[one], heads[head], queries[q])
                    yield Rows(slice(one, one + 1), slice(head, head + 1), q, *found)

        return long

    def general(part: Part) -> Iterator[Rows]:
        b, h, q = part
        weights = source.weights(batch[b], heads[h], queries[q], keys)
        nats = torch.special.entr(weights).sum(3) if entropy else None
        yield Rows(b, h, q, slice(0, len(keys)), weights, nats, None)

    return general
