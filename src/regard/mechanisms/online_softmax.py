"""Softmax tile by tile: why fused kernels have no map, and why their leftovers are enough to read one.

A row of attention needs its largest score and the sum of its exponentials before a single weight is known, so it seems
that the row must be there as a whole. It need not (Milakov & Gimelshein 2018, algorithm 3). Keep three running things a
query, and correct them whenever a larger score turns up:

    top     the largest score so far
    total   Σ exp(score − top) so far
    mixed   Σ exp(score − top) · value so far

    a new tile of scores:   new_top = max(top, max(tile))
                            total   = total · exp(top − new_top) + Σ exp(tile − new_top)
                            mixed   = mixed · exp(top − new_top) + exp(tile − new_top) · values

At the end ``mixed / total`` is the output. FlashAttention (Dao et al. 2022, algorithm 1) is this loop in fast memory: a
tile of scores is made, used and forgotten, so there is *no matrix to return*. But ``logsumexp = top + log(total)``, one
number a query, survives, and

    weight = exp(score) / Σ exp(score) = exp(q kᵀ · scale − logsumexp)

says any weight from one query, one key and that number. The map was never stored, and yet every tile of it can be read.
"""

import math

import torch
from torch import Tensor

from regard import masks
from regard.arguments import number, truth, whole_number
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import gather


def online_attention(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, scale: float | None = None, tile: int = 128
) -> tuple[Tensor, Tensor]:
    """The output of `attention`, never holding more than (tile, tile) scores a head (Dao et al. 2022, algorithm 1).

    Args:
        tile: how many queries and keys are looked at together, 1 or more.

    Returns:
        output (batch, heads, queries, value_dim) in the dtype of value, and logsumexp (batch, heads, queries) in nats,
        in float32, or float64 where the input is. A query that sees nothing has output 0 and logsumexp −∞.

    Example:
        The last weight of the map, read from what is left:

        >>> from regard.mechanisms.softmax_attention import attention
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, logsumexp = online_attention(query, key, value, tile=2)
        >>> weight = torch.exp(query[6] @ key[6] / 2 - logsumexp[6])
        >>> torch.testing.assert_close(weight, attention(query, key, value)[1][6, 6])
    """
    q, k, v = inputs.prepare(query, key, value)  # (batch, heads, positions, dim or value_dim)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    scale = number("scale", scale, above=0, advice="leave it out for the default")
    tile = whole_number("tile", tile, 1)
    visible = masks.causal(k.shape[2] - q.shape[2]) if truth("causal", causal) else masks.everything()

    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        rows = [
            _rows(q[:, :, start : start + tile] * scale, k, v, visible, start, tile) for start in range(0, q.shape[2], tile)
        ]
    output, logsumexp = (torch.cat(parts, dim=2) for parts in zip(*rows, strict=True))
    missing = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[missing], logsumexp[missing]


def _rows(q: Tensor, k: Tensor, v: Tensor, visible: masks.Mask, query_start: int, tile: int) -> tuple[Tensor, Tensor]:
    """The loop itself: some rows, (batch, heads, rows, dim), past all keys."""
    batch, heads, rows, _ = q.shape
    top = q.new_full((batch, heads, rows, 1), torch.finfo(q.dtype).min)  # not −∞: −∞ − −∞ would be NaN
    total = q.new_zeros(batch, heads, rows, 1)
    mixed = q.new_zeros(batch, heads, rows, v.shape[3])

    for key_start in range(0, k.shape[2], tile):
        k_tile, v_tile = k[:, :, key_start : key_start + tile], v[:, :, key_start : key_start + tile]
        columns = k_tile.shape[2]
        allowed = visible.dense(batch, heads, rows, columns, device=q.device, query_start=query_start, key_start=key_start)
        scores = (q @ k_tile.mT).masked_fill(~allowed, -math.inf)  # (batch, heads, rows, columns)
        inputs.check_scores(scores, query_start, key_start)

        new_top = torch.maximum(top, scores.amax(-1, keepdim=True)).detach()  # (batch, heads, rows, 1)
        correction = (top - new_top).exp()  # 1 where the largest score stayed
        powers = (scores - new_top).exp()  # (batch, heads, rows, columns)
        total = total * correction + powers.sum(-1, keepdim=True)
        mixed = mixed * correction + gather(powers, v_tile, allowed)
        top = new_top

    empty = total == 0  # rows that saw nothing
    total = total.masked_fill(empty, 1)
    logsumexp = (top + total.log()).masked_fill(empty, -math.inf)  # (batch, heads, rows, 1)
    return mixed / total, logsumexp.squeeze(-1)
