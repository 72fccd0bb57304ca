"""How far a map is from what its call returned: the map times the values, against the output."""

import torch
from torch import Tensor

from regard.maps.attention_map import AttentionMap

FLOAT32_STEP = 2**-20
"""What sums of float32 are sure of, in shares of their terms."""


@torch.no_grad()
def error_of(amap: AttentionMap, value: Tensor, output: Tensor) -> float:
    """Max |map @ values − output|.

    Rows that see no key are left out: some kernels return 0 there and others a mean, and nobody reads either.

    Args:
        amap: (batch, heads, queries, keys).
        value: (batch, kv_heads, keys, dim).
        output: (batch, heads, queries, dim).
    """
    batch, heads, _, keys = amap.shape
    value = value.repeat_interleave(heads // value.shape[1], 1).to(amap.dtype).expand(batch, heads, keys, -1)
    worst = torch.zeros((), dtype=amap.dtype, device=value.device)
    for rows in amap.rows(progress=None):
        made = rows.weights @ value[rows.batch, rows.heads, rows.columns]
        off = (made - output[rows.batch, rows.heads, rows.queries]).abs().amax(3)
        worst = torch.maximum(worst, off.masked_fill(rows.weights.sum(3) == 0, 0).amax())  # stays NaN where it is
    return float(worst)


@torch.no_grad()
def error_of_weights(amap: AttentionMap, other: AttentionMap) -> float:
    """Max |map − other|, of rows that see a key."""
    worst = torch.zeros((), dtype=amap.dtype, device=amap.device)
    for rows in amap.rows(progress=None):
        off = (rows.weights - other[rows.batch, rows.heads, rows.queries, rows.columns]).abs().amax(3)
        worst = torch.maximum(worst, off.masked_fill(rows.weights.sum(3) == 0, 0).amax())
    return float(worst)


def rounding_of(amap: AttentionMap, value: Tensor) -> float:
    """By how much an output may be off by rounding alone: (2 + largest score) · ε · max|v|, with ε of the values' type."""
    return step_of(amap, value.dtype) * float(value.detach().abs().amax())


def step_of(amap: AttentionMap, dtype: torch.dtype) -> float:
    """By how much a weight may be: a score is off by ε times its size, and so is then the exponential, as a share of it."""
    return (2 + _largest_score(amap)) * (torch.finfo(dtype).eps + FLOAT32_STEP)


@torch.no_grad()
def _largest_score(amap: AttentionMap) -> float:
    """max‖q‖ · max‖k‖ · scale, and the largest bias: no score is larger; 0 of dense weights."""
    factors = amap.factors
    if factors is None:
        return 0.0
    query, key = (float(one.float().norm(dim=-1).amax()) for one in (factors.query, factors.key))
    bias = 0.0 if factors.bias is None else float(factors.bias.nan_to_num(neginf=0, posinf=0).abs().amax())
    return query * key * abs(factors.scale) + bias
