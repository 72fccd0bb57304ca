"""Whole rows of a map, block by block: what every statistic and product is made of.

Long rows of factors are read on a path of their own (``long_rows.py``), everything else as tiles of whole rows.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor
from tqdm import tqdm

from regard.maps.amounts import duration_text
from regard.maps.factors import Factors, Positions, Source, blocks
from regard.maps.long_rows import RUN, LongRows, reads

View = tuple[Positions, Positions, Positions, Positions]
Part = tuple[slice, slice, slice]

LONG_PASS = 2**33
"""Weights of a pass whose time is predicted before it starts: some seconds."""

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


Read = Callable[[Part], Iterator[Rows]]


def row_blocks(
    source: Source, view: View, what: str, *, entropy: bool = False, run: int = RUN, edges: Sequence[int] = ()
) -> Iterator[Rows]:
    """The view as blocks of whole rows, with a progress bar named ``what`` where that takes longer than a second.

    The weights of a block are good until the next one is asked for.

    Args:
        source: what the map is kept as.
        view: the positions that are read.
        what: the bar's name.
        entropy: whether it is wanted.
        run: keys of which the largest weight is found.
        edges: queries where a block has to end.
    """
    batch, heads, queries, keys = view
    parts = list(blocks(len(batch), len(heads), len(queries), len(keys), edges))
    read = _reader(source, view, entropy, run)
    if math.prod(map(len, view)) >= LONG_PASS:
        what = f"{what}, about {duration_text(_predicted(read, parts))}"
    with torch.no_grad():
        for part in tqdm(parts, desc=what, unit="block", delay=1, leave=False):
            yield from read(part)


def predicted_seconds(source: Source, view: View) -> float:
    """Seconds that a pass over the view will take here, from a sample of its blocks."""
    batch, heads, queries, keys = map(len, view)
    return _predicted(_reader(source, view, entropy=True, run=RUN), list(blocks(batch, heads, queries, keys)))


def _predicted(read: Read, parts: list[Part]) -> float:
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
            for rows in read(part):
                rows.weights.sum(2).cpu()  # what any statistic does; on a GPU it also waits for the work to be done
            seconds.append(time.perf_counter() - start)
    return len(parts) * sum(seconds[1:]) / SAMPLES  # the first one also made the memory that the others use again


def _reader(source: Source, view: View, entropy: bool, run: int) -> Read:
    """How a part of the view becomes rows."""
    batch, heads, queries, keys = view
    if isinstance(source, Factors) and keys == range(source.shape[3]) and reads(len(keys), queries):
        reader = LongRows(source, run, entropy=entropy)

        def long(part: Part) -> Iterator[Rows]:
            b, h, q = part  # of one sequence and head, but where few rows are read
            for one in range(b.start, b.stop):
                for head in range(h.start, h.stop):
                    found = reader.read(batch[one], heads[head], cast("range", queries)[q])
                    yield Rows(slice(one, one + 1), slice(head, head + 1), q, *found)

        return long

    def general(part: Part) -> Iterator[Rows]:
        b, h, q = part
        weights = source.weights(batch[b], heads[h], queries[q], keys)
        nats = torch.special.entr(weights).sum(3) if entropy else None
        yield Rows(b, h, q, slice(0, len(keys)), weights, nats, None)

    return general
