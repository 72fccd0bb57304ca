"""Native sparse attention: three looks at the past, of which one chooses where to look closely (NSA, Yuan et al. 2025).

    output = g₁ · compressed + g₂ · selected + g₃ · window                      equation 5, gates g in 0 … 1

    compressed   blocks of keys and values become one each; attention to these is cheap and sees everything coarsely
    selected     the blocks that the compressed look gave most weight to, token by token
    window       the last W tokens

The choice needs no scores of its own, so it is trained with the model: blocks that help get weight in the compressed look.

The paper leaves the sizes free. Here compressed blocks do not overlap, and selected blocks are the same: then the weight of
a compressed block *is* its score, says section 3.3.2. The paper compresses by a small network and gives each look its own
keys and values; here a block is compressed to its mean, and the three looks share keys and values. So each look is a map over
the tokens themselves, and output = weights · values holds for the sum of them.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.arguments import whole_number
from regard.errors import ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


def native_sparse_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    gates: Tensor,
    *,
    block: int,
    selected: int,
    window: int,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Compressed, selected and windowed attention to the past, added by gates (Yuan et al. 2025, equation 5).

        compressed   p = softmax(q · mean of each block's keys / √dim), over the blocks that are complete
        selected     softmax over the tokens of the ``selected`` blocks of largest Σ p over the heads of a group
        window       softmax over the last ``window`` tokens
        weights      g₁ · p / block, spread over the tokens of each block,  +  g₂ · selected  +  g₃ · window

    Sections 3.3.1 to 3.3.3 of the paper. The query's own block is always selected, and is one of ``selected``: nothing has
    scored it before it is complete. (The paper's model also always takes the first block and the one before.) Query heads
    that share a key head select the same blocks. Our block is the paper's l = d = l′, our selected its n, our window its w.

    Args:
        query: the last of the keys; there may be fewer.
        gates: (batch, heads, queries, 3): g₁, g₂ and g₃, sigmoids of the token in the paper.
        block: tokens of a block.
        selected: how many blocks are looked at token by token, the own one included.
        window: how many tokens the window has, the query's own included.

    Returns:
        The output, and weights whose rows sum to the gates; to g₂ + g₃ while no block is complete.

    Example:
        >>> query, key, value = torch.randn(3, 1, 1, 6, 4, generator=torch.Generator().manual_seed(2))
        >>> only_selected = torch.tensor([0.0, 1.0, 0.0]).expand(1, 1, 6, 3)
        >>> output, weights = native_sparse_attention(query, key, value, only_selected, block=2, selected=2, window=1)
        >>> (weights[0, 0] > 0).int()
        tensor([[1, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0],
                [1, 1, 1, 1, 0, 0],
                [0, 0, 1, 1, 1, 0],
                [1, 1, 0, 0, 1, 1]], dtype=torch.int32)
    """
    block, selected, window = _sizes(block, selected, window)
    q, k, v, g = _prepared(query, key, value, gates)
    keys, offset = k.shape[2], k.shape[2] - q.shape[2]
    own = torch.arange(offset, keys, device=q.device)  # (queries,)

    coarse, over_blocks = _compressed(q, k, v, own, block, scale)  # weights (batch, heads, queries, blocks)
    spread = over_blocks.repeat_interleave(block, dim=-1)[..., :keys] / block  # (batch, heads, queries, keys), as all maps

    places, begun = _strongest(over_blocks, k.shape[1], own // block, selected)  # (batch, kv_heads, queries, selected)
    chosen = torch.zeros_like(over_blocks[:, : k.shape[1]], dtype=torch.bool).scatter(-1, places, begun)  # (..., blocks)
    chosen = chosen.repeat_interleave(block, dim=-1)[..., :keys].repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    close, over_selected = attention(q, k, v, chosen, causal=True, scale=scale)

    near, over_window = attention(q, k, v, causal=True, window=window, scale=scale)

    output = g[0] * coarse + g[1] * close + g[2] * near  # (batch, heads, queries, value_dim)
    weights = g[0] * spread + g[1] * over_selected + g[2] * over_window
    missing = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[missing], weights[missing]


def native_sparse_gathered(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    gates: Tensor,
    *,
    block: int,
    selected: int,
    window: int,
    scale: float | None = None,
) -> Tensor:
    """The output of `native_sparse_attention`, from the keys and values that a query reads and no others.

    Each query gathers selected · block keys and window keys, whatever the length: with the compressed ones
    ``keys / block + selected · block + window`` scores in place of ``keys``. This is what the paper's kernel does for the
    query heads of a group at once, as they share the choice.

    Example:
        >>> query, key, value = torch.randn(3, 2, 6, 4)
        >>> options = {"gates": torch.rand(2, 6, 3), "block": 2, "selected": 2, "window": 3}
        >>> output, _ = native_sparse_attention(query, key, value, **options)
        >>> torch.testing.assert_close(native_sparse_gathered(query, key, value, **options), output)
    """
    block, selected, window = _sizes(block, selected, window)
    q, k, v, g = _prepared(query, key, value, gates)
    keys, offset = k.shape[2], k.shape[2] - q.shape[2]
    own = torch.arange(offset, keys, device=q.device)  # (queries,)

    coarse, over_blocks = _compressed(q, k, v, own, block, scale)

    places, begun = _strongest(over_blocks, k.shape[1], own // block, selected)  # (batch, kv_heads, queries, selected)
    inside = torch.arange(block, device=q.device)
    tokens = (places[..., None] * block + inside).flatten(-2)  # (batch, kv_heads, queries, selected · block)
    may = begun.repeat_interleave(block, dim=-1) & (tokens <= own[:, None])
    close = _gathered(q, k, v, tokens, may, scale)  # (batch, heads, queries, value_dim)

    tokens = (own[:, None] - torch.arange(window, device=q.device)).expand(*places.shape[:-1], window)
    near = _gathered(q, k, v, tokens, tokens >= 0, scale)

    output = g[0] * coarse + g[1] * close + g[2] * near
    return output.to(value.dtype)[(0,) * (4 - query.ndim)]


def compress(x: Tensor, block: int) -> Tensor:
    """The mean of each block of positions: (..., positions, features) to (..., blocks, features), equation 7 with φ = mean.

    What is left over at the end is averaged with zeros; no query looks at it before it is complete.

    Example:
        >>> compress(torch.tensor([[1.0], [3.0], [5.0], [7.0], [9.0]]), block=2)
        tensor([[2.0000],
                [6.0000],
                [4.5000]])
    """
    inputs.check_computed("x", x)
    if x.ndim < 2:
        raise ShapeError(f"expected x (..., positions, features), got {tuple(x.shape)}")
    block = whole_number("block", block, 1, room=inputs.MOST_FEATURES)
    missing = -x.shape[-2] % block
    means: Tensor = pad(x, (0, 0, 0, missing)).unflatten(-2, (-1, block)).mean(-2)
    return means


def _compressed(q: Tensor, k: Tensor, v: Tensor, own: Tensor, block: int, scale: float | None) -> tuple[Tensor, Tensor]:
    """Attention to the means of the blocks that are complete, the query's token included: output, and weights over blocks."""
    coarse_k, coarse_v = compress(k, block), compress(v, block)  # (batch, kv_heads, blocks, dim and value_dim)
    last = torch.arange(1, coarse_k.shape[2] + 1, device=q.device) * block - 1  # (blocks,), the last token of each
    return attention(q, coarse_k, coarse_v, last <= own[:, None], scale=scale)


def _strongest(over_blocks: Tensor, kv_heads: int, own_block: Tensor, selected: int) -> tuple[Tensor, Tensor]:
    """Which blocks are looked at closely, (batch, kv_heads, queries, selected); and whether they have begun at all."""
    score = over_blocks.detach().unflatten(1, (kv_heads, -1)).sum(2)  # (batch, kv_heads, queries, blocks), of a group together
    block = torch.arange(score.shape[-1], device=score.device)
    score = score.masked_fill(block == own_block[:, None], torch.inf).masked_fill(block > own_block[:, None], -1)
    best, places = score.topk(min(selected, len(block)), dim=-1)
    return places, best >= 0


def _gathered(q: Tensor, k: Tensor, v: Tensor, tokens: Tensor, may: Tensor, scale: float | None) -> Tensor:
    """Attention of each query to tokens of its own, (batch, kv_heads, queries, tokens), where it may."""
    batch, kv_heads, queries, _ = tokens.shape
    sequence = torch.arange(batch, device=q.device)[:, None, None, None]
    head = torch.arange(kv_heads, device=q.device)[:, None, None]
    read = sequence, head, tokens.clamp(0, k.shape[2] - 1)
    own_k, own_v = k[read].flatten(0, 2), v[read].flatten(0, 2)  # (batch · kv_heads · queries, tokens, dim)
    alone = q.unflatten(1, (kv_heads, -1)).transpose(2, 3).flatten(0, 2)  # (batch · kv_heads · queries, group, dim)
    output, _ = attention(alone[:, :, None], own_k[:, None], own_v[:, None], may.flatten(0, 2)[:, None, None], scale=scale)
    grouped: Tensor = output[:, :, 0].unflatten(0, (batch, kv_heads, queries))  # (batch, kv_heads, queries, group, value_dim)
    return grouped.transpose(2, 3).flatten(1, 2)  # (batch, heads, queries, value_dim)


def _sizes(block: int, selected: int, window: int) -> Iterator[int]:
    given = {"block": block, "selected": selected, "window": window}
    return (whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in given.items())


def _prepared(query: Tensor, key: Tensor, value: Tensor, gates: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Queries, keys and values of four axes in the dtype of the weights, and three gates (batch, heads, queries, 1)."""
    inputs.check_attention(query, key, value)
    inputs.check_floats("gates", gates)
    if query.shape[-2] > key.shape[-2]:
        raise ShapeError(
            f"expected the queries to be the last of the keys, got {query.shape[-2]} queries and {key.shape[-2]} keys; "
            "give all keys"
        )
    if gates.shape != (*query.shape[:-1], 3):
        raise ShapeError(
            f"expected gates {(*query.shape[:-1], 3)}, got {tuple(gates.shape)}; give each query a number for the compressed, "
            "the selected and the window's part"
        )
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v, g = (inputs.widen(tensor).to(wide) for tensor in (query, key, value, gates))
    return q, k, v, g.split(1, dim=-1)
