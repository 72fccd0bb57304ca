"""Whole rows of a map, block by block: what every statistic and product is made of.

Long rows of factors are read on a path of their own (``long_rows.py``), everything else as tiles of whole rows.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor
from tqdm import tqdm

from regard.maps.factors import Factors, Positions, Source, blocks
from regard.maps.long_rows import RUN, LongRows, reads

View = tuple[Positions, Positions, Positions, Positions]


class Rows(NamedTuple):
    """Rows of a view, and their weights where they are not 0."""

    batch: slice
    heads: slice
    queries: slice
    columns: slice  #: of the view's keys; no row of the block sees any other
    weights: Tensor  #: (batch, heads, queries, columns)
    entropy: Tensor | None  #: (batch, heads, queries), in nats, if it was asked for
    maxima: Tensor | None  #: (batch, heads, queries, runs): the largest weight of each run of keys, if they were found


def row_blocks(source: Source, view: View, what: str, *, entropy: bool = False, run: int = RUN) -> Iterator[Rows]:
    """The view as blocks of whole rows, with a progress bar named ``what`` where that takes longer than a second.

    The weights of a block are good until the next one is asked for. ``run``: keys of which the largest weight is found.
    """
    batch, heads, queries, keys = view
    parts = list(blocks(len(batch), len(heads), len(queries), len(keys)))
    long = isinstance(source, Factors) and keys == range(source.shape[3]) and reads(len(keys), queries)
    reader = LongRows(cast("Factors", source), run) if long else None
    with torch.no_grad():
        for b, h, q in tqdm(parts, desc=what, unit="block", delay=1, leave=False):
            if reader:  # a block of long rows is of one sequence and head, but where few rows are read
                for one in range(b.start, b.stop):
                    for head in range(h.start, h.stop):
                        found = reader.read(batch[one], heads[head], cast("range", queries)[q])
                        yield Rows(slice(one, one + 1), slice(head, head + 1), q, *found)
            else:
                weights = source.weights(batch[b], heads[h], queries[q], keys)
                nats = torch.special.entr(weights).sum(3) if entropy else None
                yield Rows(b, h, q, slice(0, len(keys)), weights, nats, None)
