"""Long rows of factors, one head at a time, into memory that is used again.

Only the keys are computed that a block of rows can see, and the mask is asked only where its answer is open. Softmax runs as
one kernel. The strongest weight of each run of keys is found on the way: it gives the denominator, and is nearly all that a
pooled picture and a ranking need.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.even_softmax import even_softmax
from regard.maps.reading.rounding import rounding
from regard.maps.reading.row_scores import RowScores
from regard.positions import Positions

LONG_ROW = 1024
"""Rows of so many keys take the path of their own: below, its bookkeeping costs more than it saves."""

RUN = 128
"""Keys of a run whose strongest weight is found, where no other number is asked for."""


def is_long(keys: int) -> bool:
    """Whether rows of so many keys take this path."""
    return keys >= LONG_ROW


class LongRowBlock(NamedTuple):
    """Whole rows of one head; the leading axes are 1 and 1."""

    columns: slice  #: the keys that are computed; no row sees any other
    weights: Tensor  #: (1, 1, rows, columns), good until the next block is read
    entropy: Tensor | None  #: (1, 1, rows), in nats, if it was asked for
    maxima: Tensor  #: (1, 1, rows, runs): the largest weight of each run of keys
    denominators: Tensor | None  #: (rows,): their logarithms; None where other reads of the rows are computed in another way


class LongRows:
    """Reads rows of one head at a time, into memory that is used again."""

    def __init__(self, factors: Factors, run: int, *, entropy: bool = False) -> None:
        self.factors, self.run, self.entropy = factors, run, entropy
        self.memory: list[Tensor] = []
        self.wide: Tensor | None = None
        self.keys: tuple[tuple[int, int, torch.dtype, bool], Tensor] | None = None

    def read(self, batch: int, head: int, rows: Positions) -> LongRowBlock:
        """Some rows of one head."""
        factors = self.factors
        scored = RowScores(factors, batch, head, rows, rounding(factors, batch, head, rows, whole=True))
        start = scored.extent.start // self.run * self.run  # runs of keys stand where they stand in the whole row
        stop = min(-(-max(scored.extent.stop, start + 1) // self.run) * self.run, factors.shape[3])
        scores, weights = self._space(len(rows), stop - start)
        scores[:, stop - start :] = factors.hidden
        wide = self._wide_space(scored.rounding.dtype, len(rows), stop - start) if scored.wide else None
        top = scored.write_less_top(start, self._keys_of(scored)[start:stop], scores[:, : stop - start], wide)
        even_softmax(scores, out=weights)
        maxima = weights.unflatten(1, (-1, self.run)).amax(-1)[:, :-1]
        blind = scored.blind(top)
        top = top.masked_fill(blind, 0)
        rest = (-maxima.amax(-1).to(top.dtype).log()).masked_fill_(blind, -torch.inf)  # the largest weight is exp(top − lse)
        full = scored.with_sinks(rest, top)
        entropy = None
        if self.entropy:  # −Σ w ln w, with ln w = score − lse
            lse = rest if scored.wide else rest + top
            entropy = (lse - scores.mul_(weights).sum(-1)).to(factors.dtype).clamp_(min=0)
        if factors.sinks is not None:
            total = (rest - full).exp().to(factors.dtype)
            weights.mul_(total[:, None])
            maxima.mul_(total[:, None])
            if entropy is not None:
                entropy = total * (entropy + (full - rest).to(factors.dtype))
        if bool(blind.any()):
            for found in (weights, maxima, entropy):
                if found is not None:
                    found[blind] = 0
        nats = None if entropy is None else entropy[None, None]
        denominators = scored.denominators(full + top)
        return LongRowBlock(slice(start, stop), weights[None, None, :, : stop - start], nats, maxima[None, None], denominators)

    def _space(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Memory for scores and weights, (rows, columns and more): whole runs, and one that stays hidden.

        The last one keeps rows from standing a power of two apart, where the cache's lines that a column needs push each other
        out (measured: products then take up to 1.8 times as long).
        """
        wide = (-(-columns // self.run) + 1) * self.run
        if not self.memory or self.memory[0].numel() < rows * wide:
            self.memory = [torch.empty(rows * wide, dtype=self.factors.dtype, device=self.factors.device) for _ in range(2)]
        scores, weights = (flat[: rows * wide].view(rows, wide) for flat in self.memory)
        return scores, weights

    def _wide_space(self, dtype: torch.dtype, rows: int, columns: int) -> Tensor:
        """Memory for scores that are wider than weights, (rows, columns)."""
        if self.wide is None or self.wide.numel() < rows * columns:
            self.wide = torch.empty(rows * columns, dtype=dtype, device=self.factors.device)
        return self.wide[: rows * columns].view(rows, columns)

    def _keys_of(self, scored: RowScores) -> Tensor:
        """All keys of one head; those of the last one are kept, as the next rows need them too."""
        rounding = scored.rounding
        kind = scored.batch, scored.key_head, rounding.dtype, rounding.mean is None
        if self.keys is None or self.keys[0] != kind:
            self.keys = kind, scored.keys(0, self.factors.shape[3])
        return self.keys[1]
