"""Long rows of factors, one head at a time, into memory that is used again.

Only the keys are computed that a block of rows can see, and the mask is asked only where its answer is open. Softmax runs as
one kernel. The strongest weight of each run of keys is found on the way: it gives the denominator, and is nearly all that a
pooled picture and a ranking need.
"""

from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import torch
from torch import Tensor

from regard.masks.extents import Extent, visible

if TYPE_CHECKING:
    from regard.maps.factors import Factors, Positions

LONG_ROW = 1024
"""Rows of so many keys take the path of their own: below, its bookkeeping costs more than it saves."""

RUN = 128
"""Keys of a run whose strongest weight is found, where nobody asks for another number."""


def reads(keys: int, queries: "Positions") -> "TypeGuard[range]":
    """Whether rows of so many keys, of these queries, are read here: long ones that are neighbours."""
    return keys >= LONG_ROW and isinstance(queries, range) and queries.step == 1


class LongBlock(NamedTuple):
    """Whole rows of one head; the leading axes are 1 and 1."""

    columns: slice  #: the keys that are computed; no row sees any other
    weights: Tensor  #: (1, 1, rows, columns), good until the next block is read
    entropy: Tensor | None  #: (1, 1, rows), in nats, if it was asked for
    maxima: Tensor  #: (1, 1, rows, runs): the largest weight of each run of keys


class LongRows:
    """Reads rows of one head at a time, into memory that is used again."""

    def __init__(self, source: "Factors", run: int, *, entropy: bool = False) -> None:
        self.source, self.run, self.entropy = source, run, entropy
        self.memory: list[Tensor] = []
        self.keys: tuple[tuple[int, int], Tensor] | None = None
        self.hidden = torch.finfo(source.dtype).min / 4  # finite: 0 · −∞ would be NaN in the entropy

    def read(self, batch: int, head: int, rows: range) -> LongBlock:
        """Some neighbouring rows. Their denominators are kept in the source."""
        source = self.source
        extent = visible(source.mask, batch, head, rows, source.shape[3])
        start = extent.start // self.run * self.run  # runs of keys stand where they stand in the whole row
        stop = min(-(-max(extent.stop, start + 1) // self.run) * self.run, source.shape[3])
        scores, weights = self._space(len(rows), stop - start)
        scores[:, stop - start :] = self.hidden
        self._scores(batch, head, rows, start, stop, extent, out=scores[:, : stop - start])
        torch.softmax(scores, -1, out=weights)
        maxima = weights.unflatten(1, (-1, self.run)).amax(-1)[:, :-1]
        # The strongest weight of a row gives its denominator: weight = exp(score − lse).
        top = scores.amax(-1)
        lse = top - maxima.amax(-1).log()
        if bool(lse.isnan().any()):
            everything = range(source.shape[3])
            source._enter((batch,), (head,), rows, source.scores((batch,), (head,), rows, everything))  # says where, and raises
        entropy = None
        if self.entropy:  # −Σ w ln w, with ln w = score − lse
            entropy = (lse - scores.mul_(weights).sum(-1)).clamp_(min=0)
        if source.sinks is not None:
            full = torch.logaddexp(lse, source.sinks[head].to(lse))
            total = (lse - full).exp()
            weights.mul_(total[:, None])
            maxima.mul_(total[:, None])
            if entropy is not None:
                entropy = total * (entropy + full - lse)
            lse = full
        if source.mask is not None or source.bias is not None:
            blind = top <= self.hidden / 2
            if bool(blind.any()):
                for found in (weights, maxima, entropy):
                    if found is not None:
                        found[blind] = 0
                lse = torch.where(blind, -torch.inf if source.sinks is None else source.sinks[head].to(lse), lse)
        source.remember(batch, head, rows, lse)
        nats = None if entropy is None else entropy[None, None]
        return LongBlock(slice(start, stop), weights[None, None, :, : stop - start], nats, maxima[None, None])

    def _space(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Memory for scores and weights, (rows, columns and more): whole runs, and one that stays hidden.

        The last one keeps rows from standing a power of two apart, where the cache's lines that a column needs push each other
        out (measured: products then take up to 1.8 times as long).
        """
        wide = (-(-columns // self.run) + 1) * self.run
        if not self.memory or self.memory[0].numel() < rows * wide:
            self.memory = [torch.empty(rows * wide, dtype=self.source.dtype, device=self.source.device) for _ in range(2)]
        scores, weights = (flat[: rows * wide].view(rows, wide) for flat in self.memory)
        return scores, weights

    def _scores(self, batch: int, head: int, rows: range, start: int, stop: int, extent: Extent, out: Tensor) -> None:
        """What the softmax sees, (rows, stop − start), hidden where the mask or −∞ in the bias hides."""
        source = self.source
        place = batch, head // (source.query.shape[1] // source.key.shape[1])
        if self.keys is None or self.keys[0] != place:
            self.keys = place, source.key[place].to(source.dtype)
        query = source.query[batch, head, rows.start : rows.stop].to(source.dtype) * source.scale
        with torch.autocast(query.device.type, enabled=False):
            torch.mm(query, self.keys[1][start:stop].T, out=out)
        if source.softcap is not None:
            out.div_(source.softcap).tanh_().mul_(source.softcap)
        if source.bias is not None:
            bias = source.bias[batch if source.bias.shape[0] > 1 else 0, head if source.bias.shape[1] > 1 else 0]
            bias = bias[rows.start : rows.stop] if bias.shape[0] > 1 else bias
            out.add_(bias[:, start:stop] if bias.shape[1] > 1 else bias).clamp_(min=self.hidden)
        if source.mask is not None:
            opened = (extent.open_start, extent.open_stop) if extent.open_stop > extent.open_start else (stop, stop)
            for left, right in ((start, opened[0]), (opened[1], stop)):
                if right > left:
                    b, h = (torch.tensor(one, device=out.device) for one in (batch, head))
                    queries = torch.arange(rows.start, rows.stop, device=out.device)[:, None]
                    seen = source.mask.function(b, h, queries, torch.arange(left, right, device=out.device))
                    out[:, left - start : right - start].masked_fill_(~seen, self.hidden)
