"""Keys hidden from queries of an attention call, as a mask would: only the rows that saw them are changed.

What a row gives to hidden keys goes to the others in proportion, for softmax is taken over those that are left. A sink keeps
its logit in the denominator. Rows that saw none of the keys keep what the kernel made of them, to the bit.

Where the kernel has said the log-sum-exp L of its rows, the weights p = exp(s − L) of the hidden keys are all that is needed:
a row becomes (o − Σ p·v) / (1 − Σ p), at a cost of (rows × hidden keys). Where little is left, and the quotient would lose what
the kernel has rounded, or L is not known, rows are computed once more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from regard.maps.attention_map import AttentionMap
from regard.maps.factors import Factors
from regard.maps.sinks import taken_by_sinks
from regard.positions import positions_of, take

BLOCK = 2**24
"""Scores, or answers of a mask, that stand in memory together."""

ROWS = 512
"""Rows that go through the kernel together: more of them see keys that only some may see, fewer keep it from its pace."""

SHARE = 4
"""Of a row's keys one in so many may be hidden before it is cheaper to compute the row once more."""

LEFT = {torch.float64: 0.125, torch.float32: 0.125}
"""Weight that has to be left to a row: it is divided by it, and so are its roundings; of narrower types half."""


class Call(NamedTuple):
    """What is known of the call whose rows are changed.

    Attributes:
        amap: its map.
        value: (batch, heads, keys, dim), as each of the heads reads them.
        heads: which these are.
        sums: the log-sum-exp of each row of these heads, (batch, heads, queries); None where it is not known.
    """

    amap: AttentionMap
    value: Tensor
    heads: list[int]
    sums: Tensor | None


@torch.no_grad()
def hide(
    seen: Tensor,
    amap: AttentionMap,
    value: Tensor,
    keys: Tensor,
    queries: Tensor,
    heads: list[int],
    sums: Tensor | None = None,
) -> None:
    """Change rows of an output, in place, as if a mask had hidden some keys from them.

    Time is that of the rows that saw one of the keys, and where their sums are known, of these keys only; memory O(n): rows are
    read in blocks.

    Args:
        seen: the output, (batch, heads, queries, dim): the rows of these heads are written.
        amap: of the call.
        value: (batch, kv_heads, keys, dim), of the call.
        keys: which keys are hidden, (batch, keys), true where they are.
        queries: from which queries, (batch, queries).
        heads: in which heads.
        sums: the log-sum-exp of each row, (batch, heads, queries), as the kernel has said it of the output.
    """
    batch, _, _, columns = amap.shape
    asked = queries.any(0).nonzero().flatten()  # (rows,)
    if not len(asked) or not heads or not bool(keys.any()):
        return
    some = keys.any(0).nonzero().flatten().tolist()
    group = amap.shape[1] // value.shape[1]
    value = take(value, 1, positions_of([head // group for head in heads]))  # once: a copy where heads share them
    call = Call(amap, value, heads, _trusted(sums, amap.factors, heads, asked.tolist(), some))
    together = batch * columns * (1 if _runs_on_kernel(amap.factors) else len(heads))
    if call.sums is not None:
        together = batch * len(some) * len(heads)
    for block in asked.split(min(ROWS, max(1, BLOCK // together))):
        rows = block.tolist()
        could = _allowed(amap.factors, heads, rows, some).to(keys.device)  # (batch or 1, heads or 1, rows, some keys)
        moved = (could & keys[:, None, None, some]).any(-1) & queries[:, None, block]  # (batch, heads or 1, rows)
        if not bool(moved.any()):
            continue
        part = take(take(seen, 1, positions_of(heads)), 2, positions_of(rows))
        made = _rows_without(call, part, keys, rows, some, moved)
        made = torch.where(moved[..., None], made, part)
        if isinstance(positions_of(heads), range) and isinstance(positions_of(rows), range):
            part.copy_(made)
        else:
            seen[:, torch.tensor(heads, device=seen.device)[:, None], block] = made


def _rows_without(call: Call, part: Tensor, keys: Tensor, rows: list[int], some: list[int], moved: Tensor) -> Tensor:
    """The output of some rows without some keys, (batch, heads, rows, dim): only those that are moved are right."""
    factors = call.amap.factors
    if call.sums is None or factors is None:
        return _without(call.amap, call.value, keys, rows, call.heads).to(part)
    scores = factors.scores(range(factors.shape[0]), tuple(call.heads), positions_of(rows), positions_of(some))
    row_sums = take(call.sums, 2, positions_of(rows)).unsqueeze(-1).to(scores)
    lost = (scores - row_sums).exp().masked_fill(~keys[:, None, None, some], 0)  # (batch, heads, rows, some keys)
    left = 1 - lost.sum(-1, keepdim=True)
    made = ((part.to(lost) - lost @ take(call.value, 2, positions_of(some)).to(lost)) / left).to(part)
    again = moved & ~(left.squeeze(-1) >= LEFT.get(part.dtype, 0.5))  # of NaN, too
    if bool(again.any()):
        heads, own = (again.any(2).any(0).nonzero().flatten(), again.any(0).any(0).nonzero().flatten())
        named, numbered = [call.heads[head] for head in heads.tolist()], [rows[row] for row in own.tolist()]
        of_heads = take(call.value, 1, positions_of(heads.tolist()))
        made[:, heads[:, None], own] = _without(call.amap, of_heads, keys, numbered, named).to(made)
    return made


def _trusted(sums: Tensor | None, factors: Factors | None, heads: list[int], rows: list[int], some: list[int]) -> Tensor | None:
    """The sums of these heads, where they are worth it, and are what one row is found to have: kernels are other people's."""
    if sums is None or factors is None or factors.sinks is not None or len(some) * SHARE > factors.shape[3]:
        return None
    sums = take(sums, 1, positions_of(heads))
    last = rows[-1]
    scores = factors.scores(range(factors.shape[0]), tuple(heads), range(last, last + 1), range(factors.shape[3]))
    found, said = scores.logsumexp(-1).squeeze(-1), sums[:, :, last].to(scores)  # (batch, heads)
    there = found > -torch.inf
    return sums if torch.allclose(said[there], found[there], rtol=1e-3, atol=1e-2) else None


def _runs_on_kernel(factors: Factors | None) -> bool:
    """Whether the fused kernel computes these rows: no scores stand in memory then."""
    return factors is not None and factors.softcap is None and factors.sinks is None and factors.bias is None


def _allowed(factors: Factors | None, heads: list[int], rows: list[int], keys: Sequence[int]) -> Tensor:
    """Which keys rows may see, (batch or 1, heads or 1, rows, keys): once for all heads where these see the same."""
    if factors is None or factors.mask is None:
        return torch.ones(1, 1, len(rows), len(keys), dtype=torch.bool)
    asked = tuple(heads) if factors.mask.pattern.differs_by_head else range(1)
    return factors.allowed(range(factors.shape[0]), asked, positions_of(rows), positions_of(keys))


def _without(amap: AttentionMap, value: Tensor, keys: Tensor, rows: list[int], heads: list[int]) -> Tensor:
    """The output of some rows without some keys, (batch, heads, rows, dim); 0 where nothing is left to see.

    The values are those that each of the heads reads, (batch, heads, keys, dim).
    """
    factors = amap.factors
    hidden = keys[:, None, None]  # (batch, 1, 1, keys)
    if factors is None:
        weights = amap.select(heads=heads, queries=rows).dense()
        sunk = taken_by_sinks(weights.sum(-1, keepdim=True))
        weights = weights.masked_fill(hidden, 0)
        left = weights.sum(-1, keepdim=True) + sunk
        return weights / left.masked_fill(left == 0, 1) @ value.to(weights)
    seen = _seen(factors, heads, rows)
    hidden, value = hidden[..., seen], value[:, :, seen]
    if _runs_on_kernel(factors):
        visible = _allowed(factors, heads, rows, range(seen.start, seen.stop)).to(hidden.device) & ~hidden
        query = take(take(factors.query, 1, positions_of(heads)), 2, positions_of(rows))
        key = take(factors.key[:, :, seen], 1, positions_of([head // factors.group for head in heads]))
        made = functional.scaled_dot_product_attention(query, key, value.to(key), attn_mask=visible, scale=factors.scale)
        return made.masked_fill(~visible.any(-1, keepdim=True), 0)
    scores = factors.scores(range(factors.shape[0]), tuple(heads), positions_of(rows), range(seen.start, seen.stop))
    scores = scores.masked_fill(hidden, -torch.inf)
    if factors.sinks is not None:
        sinks = factors.sinks[heads].to(scores)[None, :, None, None].expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], -1)
    weights = scores.softmax(-1)[..., : seen.stop - seen.start].nan_to_num(0.0)
    return weights @ value.to(weights)


def _seen(factors: Factors, heads: list[int], rows: list[int]) -> slice:
    """The run of keys outside of which these rows see none."""
    columns = factors.shape[3]
    if factors.mask is None:
        return slice(0, columns)
    pattern, span = factors.mask.pattern, range(min(rows), max(rows) + 1)
    asked = heads if pattern.differs_by_head else heads[:1]
    extents = [pattern.extent(item, head, span, columns) for item in range(factors.shape[0]) for head in asked]
    start = min(min(one.start for one in extents), columns - 1)
    return slice(start, max(start + 1, *(one.stop for one in extents)))
