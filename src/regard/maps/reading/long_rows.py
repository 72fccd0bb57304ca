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
from regard.maps.reading.rounding import Rounding, Sizes, rounding, wide_dtype
from regard.maps.reading.row_scores import RowScores
from regard.positions import Positions

LONG_ROW = 512
"""Rows of so many keys take the path of their own: below, its bookkeeping costs more than it saves."""

ROWS = 256
"""Rows of a block: more would compute much that a causal mask hides, fewer need more calls."""


def is_long(keys: int) -> bool:
    """Whether rows of so many keys take this path."""
    return keys >= LONG_ROW


LOG2_E = math.log2(math.e)

NEAR = 16.0
"""Size of denominators' logarithms up to which a float32 power of two of the row's largest scores is within 1e-6."""


class LongRowBlock(NamedTuple):
    """Whole rows of neighbouring heads of one sequence."""

    heads: range
    columns: slice  #: the keys that are computed; no row sees any other
    weights: Tensor  #: (heads, rows, columns), good until the next block is read
    blind: Tensor  #: (heads, rows): whether a row sees nothing
    entropy: Tensor | None  #: (heads, rows), in nats, if it was asked for
    denominators: Tensor | None  #: (heads, rows): logarithms, NaN or None where other reads of the rows find a bit more or less


class _Softmax(NamedTuple):
    """What is known of rows besides their weights, of which sinks have nothing yet."""

    top: Tensor  #: (heads, rows): a part of each score that was taken out; 0 where a row sees nothing
    rest: Tensor  #: (heads, rows): logarithm of the denominator beyond exp(top); −∞ where a row sees nothing
    blind: Tensor  #: (heads, rows): whether a row sees nothing
    mean: Tensor  #: (heads, rows): the mean of the scores less ``top``, each by its weight, if it was asked for


class LongRows:
    """Reads some rows of one sequence at a time, into memory that is used again."""

    def __init__(self, factors: Factors, *, entropy: bool = False) -> None:
        self.factors, self.entropy = factors, entropy
        self.memory: dict[str, Tensor] = {}
        self.keys: tuple[tuple[int, slice, torch.dtype, bool], Tensor] | None = None
        self.sizes: tuple[tuple[int, Positions], Sizes] | None = None

    def together(self, batch: int, heads: Positions, rows: Positions) -> list[range]:
        """The heads as ``read`` takes them: all of them, if they are neighbours and alike to mask and rounding; else each."""
        mask = self.factors.mask
        if isinstance(heads, range) and heads.step == 1 and (mask is None or not mask.pattern.differs_by_head):
            alike = self._sizes(batch, heads, rows).fine
            return [heads] if alike else [range(head, head + 1) for head in heads]
        return [range(head, head + 1) for head in heads]

    def _sizes(self, batch: int, heads: Positions, rows: Positions) -> Sizes:
        if self.factors.bias is not None:  # it is looked through for its largest number
            return Sizes.of(self.factors, batch, heads, rows)
        if self.sizes is None or self.sizes[0] != (batch, heads):
            self.sizes = (batch, heads), Sizes.of(self.factors, batch, heads, range(self.factors.shape[2]))
        return self.sizes[1]

    def read(self, batch: int, heads: range, rows: Positions) -> LongRowBlock:
        """Some rows of neighbouring heads."""
        factors, sizes = self.factors, self._sizes(batch, heads, rows)
        way = Rounding(factors.dtype) if sizes.fine else rounding(factors, batch, heads[0], rows, whole=True)
        scored = RowScores(factors, batch, heads, rows, way)
        start = min(scored.extent.start, factors.shape[3] - 1)
        stop = max(scored.extent.stop, start + 1)
        keys, weights = self._keys_of(scored)[:, start:stop], self._space("weights", len(heads), len(rows), stop - start)
        found = self._powers(scored, start, keys, weights) if sizes.small else None
        top, rest, blind, mean = found or self._softmax(scored, start, keys, weights)
        full = scored.with_sinks(rest, top)
        entropy = (rest - mean).to(weights.dtype).clamp_(min=0) if self.entropy else None  # −Σ w ln w, with ln w = score − lse
        if factors.sinks is not None:
            total = (rest - full).exp().to(weights.dtype)
            weights.mul_(total[..., None])
            if entropy is not None:
                entropy = total * (entropy + (full - rest).to(weights.dtype))
        if entropy is not None:
            entropy.masked_fill_(blind, 0)
        denominators = scored.denominators(full + top)
        if found and denominators is not None:
            denominators.masked_fill_((rest.abs() > NEAR) & ~blind, torch.nan)
        return LongRowBlock(heads, slice(start, stop), weights, blind, entropy, denominators)

    def _powers(self, scored: RowScores, start: int, keys: Tensor, weights: Tensor) -> _Softmax | None:
        """Weights of scores that are so small that nothing has to be taken out of them; None where some score is no number."""
        sums, mean = (weights.new_empty(weights.shape[:2]) for _ in range(2))
        for at, one in enumerate(weights):  # one head after another: what is read again is still near
            scores = self._space("scores", *one.shape)
            scored.write(start, keys, scores, at, adding=True)
            torch.mul(scores, LOG2_E, out=one).exp2_()
            torch.sum(one, -1, out=sums[at])
            one.mul_(sums[at].reciprocal().nan_to_num_(posinf=0)[:, None])  # rows that see nothing have weights 0
            if self.entropy:
                torch.sum(scores.mul_(one), -1, out=mean[at])
        if not bool(sums.isfinite().all()):
            return None
        rest = sums.to(wide_dtype(self.factors)).log()
        return _Softmax(torch.zeros_like(rest), rest, sums == 0, mean)

    def _softmax(self, scored: RowScores, start: int, keys: Tensor, weights: Tensor) -> _Softmax:
        """Weights of any scores, the largest of each row taken out."""
        top, largest, mean = (weights.new_empty(weights.shape[:2], dtype=wide_dtype(self.factors)) for _ in range(3))
        for at, one in enumerate(weights):
            scores = self._space("scores", *one.shape)
            wide = self._space("wide", *one.shape, dtype=scored.rounding.dtype) if scored.wide else None
            top[at] = scored.write_less_top(start, keys, scores, wide, at)
            even_softmax(scores, out=one)
            largest[at] = one.amax(-1)
            if self.entropy:
                mean[at] = scores.mul_(one).sum(-1)
        blind = scored.blind(top)
        if bool(blind.any()):
            weights[blind] = 0
        top = top.masked_fill(blind, 0)
        rest = (-largest.log()).masked_fill_(blind, -torch.inf)  # the largest weight is exp(top − lse)
        return _Softmax(top, rest, blind, mean if scored.wide else mean - top)

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
