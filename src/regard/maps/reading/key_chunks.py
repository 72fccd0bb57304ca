"""Long rows, a chunk of keys at a time: many rows meet the same keys, and no row is ever whole.

Each chunk has its own softmax and logsumexp; the logsumexp of those is the row's, and says what the chunk's weights are worth
(Milakov & Gimelshein 2018). A block of so many rows is a product that runs at full speed, which whole rows of 131,072 keys are
not: of them only 16 fit the same memory. So denominators are computed, and pooled pictures.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.even_softmax import even_softmax
from regard.maps.reading.parts import Pooling
from regard.maps.reading.pooling import cells_of, put_together
from regard.maps.reading.rounding import Rounding, rounding, wide_dtype
from regard.maps.reading.row_scores import RowScores
from regard.positions import Positions

ROWS, KEYS = 512, 4096
"""Rows and keys that meet at a time: 8 MiB of scores and as much of weights."""

WIDER = 4
"""How many times fewer keys where scores are wider than weights: 4 MiB of them stay in the cache on their way to the others."""

APART = 64
"""Rows at a time where they are no neighbours: what none of a block sees is left out, and a block should not see all."""


class _Chunk(NamedTuple):
    """Some rows over some keys."""

    columns: slice  #: the keys
    weights: Tensor  #: (rows, columns): softmax over these keys alone, good until the next chunk is read
    top: Tensor  #: (rows,): the largest score, 0 where nothing is seen
    rest: Tensor  #: (rows,): logarithm of the denominator of these weights, beyond exp(top); −∞ where nothing is seen


class _Denominators(NamedTuple):
    """Of rows, in two parts: where scores are large, one number would not hold what the others add to the largest."""

    top: Tensor  #: (rows,)
    rest: Tensor  #: (rows,): what they are beyond exp(top), as logarithms


class KeyChunks:
    """Reads some rows of one head at a time, chunk by chunk, into memory that is used again."""

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.memory = dict[str, Tensor]()

    def denominators(self, batch: int, head: int, rows: Positions, *, exact: bool = False) -> Tensor:
        """The denominators of at most ``ROWS`` rows, (rows,), in double precision; ``exact`` where scores are so as well."""
        way = Rounding(wide_dtype(self.factors)) if exact else rounding(self.factors, batch, head, rows, whole=False)
        scores = RowScores(self.factors, batch, range(head, head + 1), rows, way)
        whole = self._together(scores, list(self._read_sums(scores)))
        found = whole.top + whole.rest
        return found if way.mean is None else found + scores.of_mean_key()[0]

    def cells(
        self, batch: int, head: int, rows: Positions, edges: Sequence[int], ways: Sequence[Pooling]
    ) -> tuple[list[Tensor], Tensor | None]:
        """The rows with their keys pooled: sum ("mean") or maximum of the weights between neighbouring edges.

        Args:
            batch: which sequence.
            head: which head.
            rows: at most ``ROWS`` of them.
            edges: rising, from 0 to the number of keys.
            ways: of pooling.

        Returns:
            (rows, cells) for each way, and the rows' denominators, (rows,); None where other reads are computed in another way.
        """
        way = rounding(self.factors, batch, head, rows, whole=True)
        scores = RowScores(self.factors, batch, range(head, head + 1), rows, way)
        parts = [(chunk.top, chunk.rest, *_pooled(chunk.columns, chunk.weights, edges, ways)) for chunk in self._read(scores)]
        whole = self._together(scores, [(top, rest) for top, rest, *_ in parts])
        divisors = whole.rest.masked_fill(whole.rest == -torch.inf, torch.inf)  # a row without visible keys has weights 0
        found = [self._nothing(len(rows), len(edges) - 1) for _ in ways]
        for top, rest, cells, pooled in parts:
            worth = (top - whole.top + (rest - divisors)).exp().to(self.factors.dtype)[:, None]
            for part in pooled:
                part.mul_(worth)
            _add_cells(found, cells, pooled, ways)
        denominators = scores.denominators((whole.top + whole.rest)[None])
        return found, None if denominators is None else denominators[0]

    def _nothing(self, rows: int, cells: int) -> Tensor:
        return torch.zeros(rows, cells, dtype=self.factors.dtype, device=self.factors.device)

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
        way = rounding(self.factors, batch, head, rows, whole=False)
        scores = RowScores(self.factors, batch, range(head, head + 1), rows, way)
        if scores.rounding.mean is not None:
            divisors = divisors - scores.of_mean_key()[0, :, None]
        near = divisors.to(self.factors.dtype)
        rest = (divisors - near).nan_to_num_(nan=0).to(self.factors.dtype)
        found = [self._nothing(len(rows), len(edges) - 1) for _ in ways]
        last = min(edges[-1], scores.extent.stop)
        step = _step(scores)
        for start in range(max(edges[0], scores.extent.start), last, step):
            keys = scores.keys(start, min(start + step, last))
            stop = start + keys.shape[1]
            weights = self._space("weights", len(rows), stop - start)
            wide = self._space("wide", len(rows), stop - start) if scores.wide else weights
            scores.write(start, keys, out=wide)
            if scores.wide:
                weights.copy_(wide.sub_(divisors)).exp_()
            else:
                weights.sub_(near).sub_(rest).exp_()
            cells, pooled = _pooled(slice(start, stop), weights, edges, ways)
            _add_cells(found, cells, pooled, ways)
        return found

    def _read(self, scores: RowScores) -> Iterator[_Chunk]:
        """All keys that the rows can see, as weights."""
        for columns, seen, top in self._read_scores(scores):
            weights = even_softmax(seen, out=self._space("weights", *seen.shape))
            blind = scores.blind(top[None])[0]
            rest = (-weights.amax(-1).to(top.dtype).log()).masked_fill_(blind, -torch.inf)  # the largest is exp(top − lse)
            yield _Chunk(columns, weights, top.masked_fill(blind, 0), rest)

    def _read_sums(self, scores: RowScores) -> Iterator[tuple[Tensor, Tensor]]:
        """``top`` and ``rest`` of the chunks alone: the weights themselves, and what makes them even, are not needed."""
        for _, seen, top in self._read_scores(scores):
            blind = scores.blind(top[None])[0]
            if not scores.wide:
                seen.sub_(top.to(seen.dtype)[:, None])
            rest = seen.exp_().sum(-1).to(top.dtype).log()
            yield top.masked_fill(blind, 0), rest.masked_fill_(blind, -torch.inf)

    def _read_scores(self, scores: RowScores) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """All keys that the rows can see: which they are, their scores as ``write_less_top`` leaves them, and the largest."""
        extent, step, rows = scores.extent, _step(scores), len(scores.rows)
        for start in range(extent.start, extent.stop, step):
            keys = scores.keys(start, min(start + step, extent.stop))
            columns = slice(start, start + keys.shape[1])
            seen = self._space("scores", rows, keys.shape[1])
            wide = self._space("wide", rows, keys.shape[1]) if scores.wide else None
            yield columns, seen, scores.write_less_top(start, keys, seen, wide)

    def _space(self, name: str, rows: int, columns: int) -> Tensor:
        """Memory for (rows, columns) of numbers, used again; "wide" ones are in double precision."""
        flat = self.memory.get(name)
        if flat is None or flat.numel() < rows * columns:
            dtype = wide_dtype(self.factors) if name == "wide" else self.factors.dtype
            flat = self.memory[name] = torch.empty(rows * columns, dtype=dtype, device=self.factors.device)
        return flat[: rows * columns].view(rows, columns)

    def _together(self, scores: RowScores, parts: list[tuple[Tensor, Tensor]]) -> _Denominators:
        """The denominators of rows whose chunks have these."""
        none = torch.full((len(scores.rows),), -torch.inf, dtype=wide_dtype(self.factors), device=self.factors.device)
        tops, rests = (torch.stack(found) for found in zip((none, none), *parts, strict=True))
        seen = tops.masked_fill(rests == -torch.inf, -torch.inf)
        top = seen.amax(0)
        top = top.masked_fill(top == -torch.inf, 0)
        rest = (seen - top + rests).logsumexp(0)
        return _Denominators(top, scores.with_sinks(rest[None], top[None])[0])


def _step(scores: RowScores) -> int:
    """How many keys are read at a time."""
    return max(1, KEYS // WIDER) if scores.wide else KEYS


def _pooled(columns: slice, weights: Tensor, edges: Sequence[int], ways: Sequence[Pooling]) -> tuple[slice, list[Tensor]]:
    """Which cells these columns are part of, and their weights in each of them, (rows, cells) for each way."""
    cells, widths = cells_of(edges, columns)
    return cells, [put_together(weights, widths, 1, way) for way in ways]


def _add_cells(found: list[Tensor], cells: slice, pooled: list[Tensor], ways: Sequence[Pooling]) -> None:
    """What a chunk has of some cells, to what other chunks have of them."""
    for way, whole, part in zip(ways, found, pooled, strict=True):
        whole[:, cells] = whole[:, cells] + part if way == "mean" else torch.maximum(whole[:, cells], part)


def row_groups(rows: Positions) -> Iterator[slice]:
    """Which of the rows are read together."""
    size = ROWS if isinstance(rows, range) and rows.step == 1 else APART
    return (slice(first, min(first + size, len(rows))) for first in range(0, len(rows), size))
