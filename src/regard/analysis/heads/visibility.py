"""What the mask of a map lets see: how many keys each row, and how many rows each key."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from regard.analysis.weighted.weighted_maps import HeadsTogether, Weighted
from regard.maps.attention_map import AttentionMap
from regard.maps.factors import Factors
from regard.maps.softmax_weights import SoftmaxWeights
from regard.masks.extents import visible
from regard.positions import Positions, take

_TILE = 2**22
"""Questions that a mask is asked at a time."""


class Visible(NamedTuple):
    """How much of a map may be seen; an axis of one head stands for all of them."""

    keys: Tensor  #: that each row may see, (texts, heads or 1, queries)
    rows: Tensor  #: that may see each key, (texts, heads or 1, keys); rows of padding do not count


def visible_counts(amap: AttentionMap, real: Tensor) -> Visible:
    """Counted from the mask, and from a bias that hides; where weights exist already, from where they are 0.

    Such weights do not say what was hidden: keys and rows without any weight are taken as hidden, and the rest as causal where
    no weight stands beyond the row's own position, the last row's being the last key; as open elsewhere.

    Args:
        amap: (texts, heads, queries, keys).
        real: (texts, queries): which rows are no padding.
    """
    source, view = amap.view.source, amap.view
    while isinstance(source, Weighted | HeadsTogether):
        source = source.source
    if not isinstance(source, SoftmaxWeights):
        return _from_weights(amap, real)
    factors = source.factors
    hides, by_head = _asked(factors)
    heads = view.heads if by_head else view.heads[:1]
    shape = len(view.batch), len(heads)
    keys = torch.zeros(*shape, len(view.queries), dtype=torch.int64)
    rows = torch.zeros(*shape, len(view.keys), dtype=torch.int64)
    step = max(1, _TILE // max(1, factors.shape[3]))
    for item, batch in enumerate(view.batch):
        for at, head in enumerate(heads):
            for start in range(0, len(view.queries), step):
                part = slice(start, start + step)
                for columns, seen in _seen(factors, batch, head, view.queries[part], view.keys, hides=hides):
                    keys[item, at, part] += seen.sum(1)
                    rows[item, at, columns] += seen[real[item, part]].sum(0)
    return Visible(keys, rows)


def visible_keys(amap: AttentionMap) -> Iterator[tuple[slice, Tensor]]:
    """Which keys each row of one text may see: blocks of rows, (heads or 1, rows, keys); weights that exist say it where not 0.

    Args:
        amap: (1, heads, queries, keys).
    """
    source, view = amap.view.source, amap.view
    while isinstance(source, Weighted | HeadsTogether):
        source = source.source
    step = max(1, _TILE // max(1, amap.shape[3]))
    for start in range(0, amap.shape[2], step):
        part = slice(start, min(start + step, amap.shape[2]))
        if not isinstance(source, SoftmaxWeights):
            yield part, (amap.select(queries=part).dense(max_bytes=2**62)[0] > 0).cpu()
            continue
        factors, (hides, by_head) = source.factors, _asked(source.factors)
        seen = torch.zeros(len(view.heads) if by_head else 1, part.stop - part.start, len(view.keys), dtype=torch.bool)
        for at, head in enumerate(view.heads[: len(seen)]):
            for columns, there in _seen(factors, view.batch[0], head, view.queries[part], view.keys, hides=hides):
                seen[at, :, columns] = there
        yield part, seen


def _asked(factors: Factors) -> tuple[bool, bool]:
    """Whether a bias hides keys, and whether heads see different ones."""
    hides = factors.bias is not None and bool((factors.bias <= _hidden(factors)).any())
    return hides, hides or (factors.mask is not None and factors.mask.pattern.differs_by_head)


def _from_weights(amap: AttentionMap, real: Tensor) -> Visible:
    texts, _, queries, keys = amap.shape
    used, seeing = torch.zeros(texts, keys, dtype=torch.bool), torch.zeros(texts, queries, dtype=torch.bool)
    own = torch.arange(queries) + keys - queries
    beyond = torch.zeros(texts, dtype=torch.bool)
    for block in amap.rows(progress=None):
        there = ((block.weights > 0).any(1).cpu()) & real[block.batch, block.queries, None]  # (texts, rows, columns)
        used[block.batch, block.columns] |= there.any(1)
        seeing[block.batch, block.queries] |= there.any(2)
        later = torch.arange(block.columns.start, block.columns.stop) > own[block.queries, None]
        beyond[block.batch] |= (there & later).flatten(1).any(1)
    # Sums of the keys that are used say how many a causal row sees, and sums of the rows how many see a key.
    of_rows = used.long().cumsum(1)[:, own.clamp(min=0)].where((own >= 0) & ~beyond[:, None], used.sum(1, keepdim=True))
    count = seeing.long().flip(1).cumsum(1).flip(1)
    first = (torch.arange(keys) - keys + queries).clamp(min=0)
    of_keys = count[:, first].where(~beyond[:, None], seeing.sum(1, keepdim=True))
    return Visible((of_rows * seeing)[:, None], (of_keys * used)[:, None])


def _seen(
    factors: Factors, batch: int, head: int, queries: Positions, keys: Positions, *, hides: bool
) -> list[tuple[slice, Tensor]]:
    """Runs of keys, counted within the view, and which of these rows may see each of them, (rows, keys).

    Between the keys that all rows see and those that none does, the mask is asked: near the diagonal, of most masks.
    """
    if hides or not all(isinstance(axis, range) and axis.step == 1 for axis in (queries, keys)) or not queries:
        seen = factors.allowed((batch,), (head,), queries, keys).expand(1, 1, len(queries), len(keys))[0, 0]
        if hides and factors.bias is not None:
            bias = factors.bias
            for axis, positions in enumerate(((batch,), (head,), queries, keys)):
                bias = bias if bias.shape[axis] == 1 else take(bias, axis, positions)
            seen = seen & (bias > _hidden(factors))[0, 0]
        return [(slice(0, len(keys)), seen.cpu())]
    extent = visible(factors.mask, batch, head, range(queries[0], queries[-1] + 1), factors.shape[3])
    found = []
    for start, stop, asked in (
        (extent.start, min(extent.open_start, extent.stop), True),
        (extent.open_start, extent.open_stop, False),
        (max(extent.open_stop, extent.start), extent.stop, True),
    ):
        run = range(max(start, keys[0] if keys else 0), min(stop, keys[-1] + 1 if keys else 0))
        if not run:
            continue
        seen = torch.ones(1, dtype=torch.bool)
        if asked:
            seen = factors.allowed((batch,), (head,), queries, run)[0, 0].cpu()
        found.append((slice(run.start - keys[0], run.stop - keys[0]), seen.expand(len(queries), len(run))))
    return found


def _hidden(factors: Factors) -> float:
    """What is added to a score is this or less where a key is hidden."""
    return torch.finfo(factors.dtype).min / 4
