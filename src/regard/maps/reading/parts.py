"""Which rows of a map are read together, and what is found in them."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from torch import Tensor

BLOCK_BYTES = 2**24
"""Working memory of one block of rows: large enough to keep the cores busy, small enough to stay out of the way."""

Block = tuple[slice, slice, slice]
"""Which sequences, heads and queries are read together, counted within the view."""

Pooling = Literal["mean", "max"]
"""What is made of the weights of a cell."""


class Rows(NamedTuple):
    """Rows of a map, and their weights where they are not 0."""

    batch: slice
    heads: slice
    queries: slice
    columns: slice  #: of the map's keys; no row of the block has a weight at any other
    weights: Tensor  #: (batch, heads, queries, columns)
    entropy: Tensor | None  #: (batch, heads, queries), in nats, if it was asked for
    blind: Tensor | None = None  #: (batch, heads, queries): which rows see nothing; where it is known, no weight is negative


class PooledRows(NamedTuple):
    """Rows of one head of a map, their keys pooled."""

    batch: int
    head: int
    queries: slice
    cells: list[Tensor]  #: (rows, cells) for each way: sum ("mean") or maximum of the weights in each run of keys


def blocks(batch: int, heads: int, queries: int, keys: int, most_rows: int | None = None) -> Iterator[Block]:
    """Parts of (batch, heads, queries) that cover all of it, each so small that its whole rows fit BLOCK_BYTES.

    A block takes as many rows of one head as fit, but no more than ``most_rows``, then as many heads, then as many sequences:
    long products run fastest.
    """
    rows = max(1, BLOCK_BYTES // max(1, keys * 8))
    many_heads = max(1, rows // max(1, min(queries, most_rows or queries)))
    many_sequences = max(1, many_heads // max(1, heads))
    for b in _runs(batch, many_sequences):
        for h in _runs(heads, many_heads):
            for q in _runs(queries, min(rows, most_rows or rows)):
                yield b, h, q


def _runs(size: int, step: int) -> Iterator[slice]:
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))
