"""Long rows of factors, one head at a time, into memory that is used again.

Only the keys are computed that a block of rows can see, and the mask is asked only where its answer is open. Softmax runs as
one kernel. The strongest weight of each run of keys is found on the way: it gives the denominator, and is nearly all that a
pooled picture and a ranking need.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.row_scores import RowScores, logsumexp
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
    denominators: Tensor  #: (rows,): their logarithms


class LongRows:
    """Reads rows of one head at a time, into memory that is used again."""

    def __init__(self, factors: Factors, run: int, *, entropy: bool = False) -> None:
        self.factors, self.run, self.entropy = factors, run, entropy
        self.memory: list[Tensor] = []
        self.keys: tuple[tuple[int, int], Tensor] | None = None

    def read(self, batch: int, head: int, rows: Positions) -> LongRowBlock:
        """Some rows of one head."""
        factors, scored = self.factors, RowScores(self.factors, batch, head, rows)
        start = scored.extent.start // self.run * self.run  # runs of keys stand where they stand in the whole row
        stop = min(-(-max(scored.extent.stop, start + 1) // self.run) * self.run, factors.shape[3])
        scores, weights = self._space(len(rows), stop - start)
        scores[:, stop - start :] = scored.hidden
        scored.write(start, self._keys_of(batch, scored.key_head)[start:stop], out=scores[:, : stop - start])
        torch.softmax(scores, -1, out=weights)
        maxima = weights.unflatten(1, (-1, self.run)).amax(-1)[:, :-1]
        lse = scored.checked(logsumexp(scores[:, : stop - start], maxima.amax(-1)))
        full = scored.with_sinks(lse)
        entropy = None
        if self.entropy:  # −Σ w ln w, with ln w = score − lse
            mean = scores.mul_(weights).sum(-1)
            if bool(mean.isnan().any()):  # of a score that overflowed to −∞, and has weight 0
                mean = scores.nan_to_num_(nan=0).sum(-1)
            entropy = (lse - mean).clamp_(min=0)
        if factors.sinks is not None:
            total = (lse - full).exp()
            weights.mul_(total[:, None])
            maxima.mul_(total[:, None])
            if entropy is not None:
                entropy = total * (entropy + full - lse)
        blind = lse == -torch.inf
        if bool(blind.any()):
            for found in (weights, maxima, entropy):
                if found is not None:
                    found[blind] = 0
        nats = None if entropy is None else entropy[None, None]
        return LongRowBlock(slice(start, stop), weights[None, None, :, : stop - start], nats, maxima[None, None], full)

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

    def _keys_of(self, batch: int, head: int) -> Tensor:
        """All keys of one head in the type of the weights; those of the last one are kept, as the next rows need them too."""
        if self.keys is None or self.keys[0] != (batch, head):
            self.keys = (batch, head), self.factors.key[batch, head].to(self.factors.dtype)
        return self.keys[1]
