"""Long rows of factors, heads together, into memory that is used again.

Only the keys are computed that a block of rows can see, and the mask is asked only where its answer is open. Heads stand beside
each other where rows are short, so that each operation has enough to do. Softmax runs as one kernel.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.even_softmax import even_softmax
from regard.maps.reading.rounding import Rounding, are_fine, rounding, wide_dtype
from regard.maps.reading.row_scores import RowScores
from regard.positions import Positions

LONG_ROW = 512
"""Rows of so many keys take the path of their own: below, its bookkeeping costs more than it saves."""

ROWS = 256
"""Rows of a block: more would compute much that a causal mask hides, fewer need more calls."""


def is_long(keys: int) -> bool:
    """Whether rows of so many keys take this path."""
    return keys >= LONG_ROW


class LongRowBlock(NamedTuple):
    """Whole rows of neighbouring heads of one sequence."""

    heads: range
    columns: slice  #: the keys that are computed; no row sees any other
    weights: Tensor  #: (heads, rows, columns), good until the next block is read
    largest: Tensor  #: (heads, rows): the largest weight
    entropy: Tensor | None  #: (heads, rows), in nats, if it was asked for
    denominators: Tensor | None  #: (heads, rows): their logarithms; None where other reads of the rows are computed otherwise


class LongRows:
    """Reads some rows of one sequence at a time, into memory that is used again."""

    def __init__(self, factors: Factors, *, entropy: bool = False) -> None:
        self.factors, self.entropy = factors, entropy
        self.memory: dict[str, Tensor] = {}
        self.keys: tuple[tuple[int, slice, torch.dtype, bool], Tensor] | None = None
        self.fine: tuple[tuple[int, Positions], bool] | None = None

    def together(self, batch: int, heads: Positions, rows: Positions) -> list[range]:
        """The heads as ``read`` takes them: all of them, if they are neighbours and alike to mask and rounding; else each."""
        mask = self.factors.mask
        if isinstance(heads, range) and heads.step == 1 and (mask is None or not mask.pattern.differs_by_head):
            alike = self._are_fine(batch, heads, rows)
            return [heads] if alike else [range(head, head + 1) for head in heads]
        return [range(head, head + 1) for head in heads]

    def _are_fine(self, batch: int, heads: Positions, rows: Positions) -> bool:
        if self.factors.bias is not None:  # it is looked through for its largest number
            return are_fine(self.factors, batch, heads, rows)
        if self.fine is None or self.fine[0] != (batch, heads):
            self.fine = (batch, heads), are_fine(self.factors, batch, heads, range(self.factors.shape[2]))
        return self.fine[1]

    def read(self, batch: int, heads: range, rows: Positions) -> LongRowBlock:
        """Some rows of neighbouring heads."""
        if self._are_fine(batch, heads, rows):
            way = Rounding(self.factors.dtype)
        else:
            way = rounding(self.factors, batch, heads[0], rows, whole=True)
        scored = RowScores(self.factors, batch, heads, rows, way)
        start = min(scored.extent.start, self.factors.shape[3] - 1)
        stop = max(scored.extent.stop, start + 1)
        keys, sizes = self._keys_of(scored)[:, start:stop], (len(rows), stop - start)
        weights = self._space("weights", len(heads), *sizes)
        top, largest, means = (weights.new_empty(len(heads), len(rows)) for _ in range(3))
        top = top.to(wide_dtype(self.factors))
        for at in range(len(heads)):  # one after another: what is read again is still near
            scores = self._space("scores", *sizes)
            wide = self._space("wide", *sizes, dtype=way.dtype) if scored.wide else None
            top[at] = scored.write_less_top(start, keys, scores, wide, at)
            even_softmax(scores, out=weights[at])
            largest[at] = weights[at].amax(-1)
            if self.entropy:
                means[at] = scores.mul_(weights[at]).sum(-1)
        blind = scored.blind(top)
        top = top.masked_fill(blind, 0)
        rest = (-largest.to(top.dtype).log()).masked_fill_(blind, -torch.inf)  # the largest weight is exp(top − lse)
        full = scored.with_sinks(rest, top)
        entropy = None
        if self.entropy:  # −Σ w ln w, with ln w = score − lse
            lse = rest if scored.wide else rest + top
            entropy = (lse - means).to(weights.dtype).clamp_(min=0)
        if self.factors.sinks is not None:
            total = (rest - full).exp().to(weights.dtype)
            weights.mul_(total[..., None])
            largest.mul_(total)
            if entropy is not None:
                entropy = total * (entropy + (full - rest).to(weights.dtype))
        if bool(blind.any()):
            for found in (weights, largest, entropy):
                if found is not None:
                    found[blind] = 0
        return LongRowBlock(heads, slice(start, stop), weights, largest, entropy, scored.denominators(full + top))

    def _space(self, name: str, *sizes: int, dtype: torch.dtype | None = None) -> Tensor:
        """Memory for (heads, rows, columns) of numbers, used again."""
        count, flat = math.prod(sizes), self.memory.get(name)
        if flat is None or flat.numel() < count:
            flat = self.memory[name] = torch.empty(count, dtype=dtype or self.factors.dtype, device=self.factors.device)
        return flat[:count].view(sizes)

    def _keys_of(self, scored: RowScores) -> Tensor:
        """All keys of some heads; those of the last ones are kept, as the next rows need them too."""
        kind = scored.batch, scored.key_heads, scored.rounding.dtype, scored.rounding.mean is None
        if self.keys is None or self.keys[0] != kind:
            self.keys = kind, scored.keys(0, self.factors.shape[3])
        return self.keys[1]
