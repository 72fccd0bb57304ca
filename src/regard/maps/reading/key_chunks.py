"""Long rows, a chunk of keys at a time: many rows meet the same keys, and no row is ever whole.

Each chunk has its own softmax and logsumexp; the logsumexp of those is the row's, and says what the chunk's weights are worth
(Milakov & Gimelshein 2018). A block of so many rows is a product that runs at full speed, which whole rows of 131,072 keys are
not: of them only 16 fit the same memory. So denominators are computed, and pooled pictures.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.parts import Pooling
from regard.maps.reading.row_scores import RowScores, logsumexp
from regard.positions import Positions

ROWS, KEYS = 512, 4096
"""Rows and keys that meet at a time: 8 MiB of scores and as much of weights."""

APART = 64
"""Rows at a time where they are no neighbours: what none of a block sees is left out, and a block should not see all."""


class _Chunk(NamedTuple):
    """Some rows over some keys."""

    columns: slice  #: the keys
    weights: Tensor  #: (rows, columns): softmax over these keys alone, good until the next chunk is read
    lse: Tensor  #: (rows,): logarithm of the denominator of these weights


class KeyChunks:
    """Reads some rows of one head at a time, chunk by chunk, into memory that is used again."""

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.memory = [torch.empty(ROWS * KEYS, dtype=factors.dtype, device=factors.device) for _ in range(2)]

    def denominators(self, batch: int, head: int, rows: Positions) -> Tensor:
        """The denominators of at most ``ROWS`` rows, (rows,)."""
        scores = RowScores(self.factors, batch, head, rows)
        return self._together(scores, [chunk.lse for chunk in self._read(scores)])

    def cells(
        self, batch: int, head: int, rows: Positions, edges: Sequence[int], ways: Sequence[Pooling]
    ) -> tuple[list[Tensor], Tensor]:
        """The rows with their keys pooled: sum ("mean") or maximum of the weights between neighbouring edges.

        Args:
            batch: which sequence.
            head: which head.
            rows: at most ``ROWS`` of them.
            edges: rising, from 0 to the number of keys.
            ways: of pooling.

        Returns:
            (rows, cells) for each way, and the rows' denominators, (rows,).
        """
        scores = RowScores(self.factors, batch, head, rows)
        parts = [(chunk.lse, *_pooled(chunk.columns, chunk.weights, edges, ways)) for chunk in self._read(scores)]
        denominators = self._together(scores, [lse for lse, *_ in parts])
        divisors = denominators.masked_fill(denominators == -torch.inf, torch.inf)  # a row without visible keys has weights 0
        found = [divisors.new_zeros(len(rows), len(edges) - 1) for _ in ways]
        for lse, cells, pooled in parts:
            worth = (lse - divisors).exp()[:, None]
            for part in pooled:
                part.mul_(worth).masked_fill_(worth == 0, 0)  # where a chunk has nothing but −∞, it has no weights
            _add_cells(found, cells, pooled, ways)
        return found, denominators

    def known_cells(
        self,
        batch: int,
        head: int,
        rows: Positions,
        denominators: Tensor,
        edges: Sequence[int],
        ways: Sequence[Pooling],
    ) -> list[Tensor]:
        """``cells`` between any edges, for rows whose denominators are known: no other key is read.

        Args:
            batch: which sequence.
            head: which head.
            rows: at most ``ROWS`` of them.
            denominators: (rows,).
            edges: rising, among the keys.
            ways: of pooling.

        Returns:
            (rows, cells) for each way.
        """
        divisors = denominators.masked_fill(denominators == -torch.inf, torch.inf)[:, None]
        scores = RowScores(self.factors, batch, head, rows)
        found = [divisors.new_zeros(len(rows), len(edges) - 1) for _ in ways]
        last = min(edges[-1], scores.extent.stop)
        for start in range(max(edges[0], scores.extent.start), last, KEYS):
            keys = self.factors.key[batch, scores.key_head, start : min(start + KEYS, last)].to(self.factors.dtype)
            weights = self.memory[0][: len(rows) * len(keys)].view(len(rows), len(keys))
            scores.write(start, keys, out=weights)
            weights.sub_(divisors).exp_()
            cells, pooled = _pooled(slice(start, start + len(keys)), weights, edges, ways)
            _add_cells(found, cells, pooled, ways)
        return found

    def _read(self, scores: RowScores) -> Iterator[_Chunk]:
        """All keys that the rows can see."""
        key, extent, rows = self.factors.key[scores.batch, scores.key_head], scores.extent, len(scores.rows)
        for start in range(extent.start, extent.stop, KEYS):
            keys = key[start : min(start + KEYS, extent.stop)].to(self.factors.dtype)
            seen, weights = (flat[: rows * len(keys)].view(rows, len(keys)) for flat in self.memory)
            scores.write(start, keys, out=seen)
            torch.softmax(seen, -1, out=weights)
            yield _Chunk(slice(start, start + len(keys)), weights, logsumexp(seen, weights.amax(-1)))

    def _together(self, scores: RowScores, parts: list[Tensor]) -> Tensor:
        """The denominators of rows whose chunks have these, (rows,)."""
        nothing = torch.full((len(scores.rows),), -torch.inf, dtype=self.factors.dtype, device=self.factors.device)
        return scores.with_sinks(scores.checked(torch.stack([nothing, *parts]).logsumexp(0)))


def _pooled(columns: slice, weights: Tensor, edges: Sequence[int], ways: Sequence[Pooling]) -> tuple[slice, list[Tensor]]:
    """Which cells these columns are part of, and their weights in each of them, (rows, cells) for each way."""
    start, stop = columns.start, columns.stop
    first, last = bisect_right(edges, start) - 1, bisect_left(edges, stop)
    ends = [start, *edges[first + 1 : last], stop]
    if len({right - left for left, right in pairwise(ends)}) == 1:  # as most are: one sum for all of them
        runs = weights.unflatten(1, (last - first, -1))
        return slice(first, last), [runs.sum(2) if way == "mean" else runs.amax(2) for way in ways]
    apart = weights.tensor_split([edge - start for edge in ends[1:-1]], 1)
    pooled = [torch.stack([run.sum(1) if way == "mean" else run.amax(1) for run in apart], 1) for way in ways]
    return slice(first, last), pooled


def _add_cells(found: list[Tensor], cells: slice, pooled: list[Tensor], ways: Sequence[Pooling]) -> None:
    """What a chunk has of some cells, to what other chunks have of them."""
    for way, whole, part in zip(ways, found, pooled, strict=True):
        whole[:, cells] = whole[:, cells] + part if way == "mean" else torch.maximum(whole[:, cells], part)


def row_groups(rows: Positions) -> Iterator[slice]:
    """Which of the rows are read together."""
    size = ROWS if isinstance(rows, range) and rows.step == 1 else APART
    return (slice(first, min(first + size, len(rows))) for first in range(0, len(rows), size))
