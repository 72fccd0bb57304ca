"""FlashAttention, backward: gradients tile by tile, from the output and one number a query (Dao et al. 2022, algorithm 4).

`online_softmax` goes forward and keeps ``logsumexp``; no weight is kept. Backward each tile of weights is made once more, used
for all three gradients, and forgotten:

    P = exp(q kᵀ·scale − logsumexp)          the weights of the tile
    dV += Pᵀ dO
    dS = P ⊙ (dO Vᵀ − D),  D = Σ dO ⊙ O      a softmax's own gradient: D is one number a query
    dQ += dS K·scale,  dK += dSᵀ Q·scale
"""

import math

import torch
from torch import Tensor

from regard import masks
from regard.arguments import MOST, number, truth, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms import inputs

MOST_TILES = 2**16


def flash_backward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    logsumexp: Tensor,
    gradient: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
    tile: int = 128,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of attention, never holding more than (tile, tile) weights a head (Dao et al. 2022, algorithm 4).

    Args:
        output: what `online_attention` returned for these.
        logsumexp: what it returned beside, (batch, heads, queries).
        gradient: of the output, in its shape: dO.
        tile: how many queries and keys are looked at together, 1 or more.

    Returns:
        dQ, dK and dV, in the shapes of query, key and value; where query heads share a key head, the sum over them.

    Example:
        >>> from regard.mechanisms.online_softmax import online_attention
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, logsumexp = online_attention(query, key, value, causal=True)
        >>> found = flash_backward(query, key, value, output, logsumexp, torch.ones(7, 4), causal=True, tile=2)
        >>> leaves = [x.requires_grad_() for x in (query, key, value)]
        >>> expected = torch.autograd.grad(online_attention(*leaves, causal=True)[0].sum(), leaves)
        >>> torch.testing.assert_close(found, expected)
    """
    q, k, v = inputs.prepare(query, key, value)  # (batch, heads, positions, dim or value_dim)
    for name, tensor, shape in (
        ("output", output, (*query.shape[:-1], value.shape[-1])),
        ("gradient", gradient, (*query.shape[:-1], value.shape[-1])),
        ("logsumexp", logsumexp, query.shape[:-1]),
    ):
        inputs.check_floats(name, tensor)
        if tensor.shape != shape:
            raise ShapeError(f"expected {name} {tuple(shape)}, got {tuple(tensor.shape)}; give what the forward pass returned")
    scale = number("scale", 1 / math.sqrt(q.shape[3]) if scale is None else scale, above=0)
    tile, causal = min(whole_number("tile", tile, 1), MOST), truth("causal", causal)
    visible = masks.causal(k.shape[2] - q.shape[2]) if causal else masks.everything()
    out, grad = (inputs.widen(x).to(q) for x in (output, gradient))  # (batch, heads, queries, value_dim)
    total = logsumexp.to(q)[(None,) * (4 - query.ndim)].unsqueeze(-1)  # (batch, heads, queries, 1)

    with torch.no_grad(), torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        given = (grad * out).sum(-1, keepdim=True)  # D, (batch, heads, queries, 1)
        d_q, d_k, d_v = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for key_start in range(0, k.shape[2], tile):
            columns = slice(key_start, key_start + tile)
            for query_start in range(0, q.shape[2], tile):
                rows = slice(query_start, query_start + tile)
                q_tile, k_tile, v_tile, grad_tile = q[:, :, rows], k[:, :, columns], v[:, :, columns], grad[:, :, rows]
                sizes = *q_tile.shape[:3], k_tile.shape[2]
                allowed = visible.dense(*sizes, device=q.device, query_start=query_start, key_start=key_start)
                scores = (q_tile @ k_tile.mT * scale).masked_fill(~allowed, -math.inf)
                inputs.check_scores(scores, query_start, key_start)
                weights = (scores - total[:, :, rows]).exp().masked_fill(~allowed, 0)  # P
                d_v[:, :, columns] += weights.mT @ grad_tile
                d_scores = weights * (grad_tile @ v_tile.mT - given[:, :, rows])  # dS, (batch, heads, rows, columns)
                d_q[:, :, rows] += d_scores @ k_tile * scale
                d_k[:, :, columns] += d_scores.mT @ q_tile * scale
    shared = inputs.widen(key).shape[1]
    d_k, d_v = (x.unflatten(1, (shared, -1)).sum(2) for x in (d_k, d_v))  # query heads of a group together
    first = (0,) * (4 - query.ndim)
    return d_q.to(query.dtype)[first], d_k.to(key.dtype)[first], d_v.to(value.dtype)[first]


def tile_table(mask: masks.Mask, queries: int, keys: int, tile: int = 128, *, head: int = 0) -> Tensor:
    """What a kernel by tiles has to do: 0 where a tile is skipped, 1 where the mask must be asked, 2 where all of it is seen.

    FlexAttention calls them empty, partial and full blocks. (tile rows, tile columns) in int8, of one head and the first text.

    Args:
        mask: who sees whom.
        queries: how many.
        keys: how many.
        tile: queries and keys of a tile, 1 or more.
        head: which head, from 0.

    Example:
        >>> tile_table(masks.causal() & masks.window(4), 8, 8, tile=2)
        tensor([[1, 0, 0, 0],
                [2, 1, 0, 0],
                [1, 2, 1, 0],
                [0, 1, 2, 1]], dtype=torch.int8)
    """
    if not isinstance(mask, masks.Mask):
        raise DtypeError(f"mask: expected a regard.Mask, got {type(mask).__name__}; write masks.causal(), for example")
    queries, keys, tile = (whole_number(name, size, 1) for name, size in (("queries", queries), ("keys", keys), ("tile", tile)))
    head, tiles = whole_number("head", head, 0, 2**16), -(-queries // tile) * -(-keys // tile)
    if tiles > MOST_TILES:
        raise OptionError(
            f"tile: expected at most {MOST_TILES:,} tiles, got {tiles:,} of {tile} queries and keys; take larger ones"
        )
    rows = []
    for query_start in range(0, queries, tile):
        row = []
        for key_start in range(0, keys, tile):
            sizes = min(tile, queries - query_start), min(tile, keys - key_start)
            seen = mask.dense(1, head + 1, *sizes, query_start=query_start, key_start=key_start)[0, head]
            row.append(2 if bool(seen.all()) else int(bool(seen.any())))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.int8)
