"""What cards of this family run: functions with the sizes and parameters that they need besides queries, keys and values."""

import math

import torch
from torch import Tensor

from regard import masks
from regard.mechanisms.card import Kept, MapArguments, appended, learned
from regard.mechanisms.patterns.selected_blocks import native_sparse_attention, native_sparse_gathered
from regard.mechanisms.patterns.shifted_windows import shifted_window_attention
from regard.mechanisms.patterns.sparse_patterns import bigbird, dilated_heads, global_local
from regard.mechanisms.softmax_attention import attention

# The sizes of a model would be larger; these leave something to see in 16 tokens.
WINDOW = 4
AROUND = 5
BESIDE = AROUND // 2
PREFIX = 12
BLOCK = 4
SMALL = 2  # BigBird's block, which shows five blocks of a row and more
SELECTED = 2
SPARSE: dict[str, int] = {"block": BLOCK, "selected": SELECTED, "window": WINDOW}
RANDOM = 1
IMAGE_WINDOW = 2
GLOBAL = torch.tensor([0])


def run_dilated(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Head h looks at keys h + 1 apart."""
    return dilated_heads(query, key, value, WINDOW, range(1, query.shape[1] + 1), causal=True)


def run_dilated_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """Each head keeps as many tokens as its own window reaches back: first the keys of all heads, then their values."""
    outputs = []
    for head, (keys, values) in enumerate(zip(kept[: len(kept) // 2], kept[len(kept) // 2 :], strict=True)):
        keys, values = appended(keys, key[:, head])[:, None], appended(values, value[:, head])[:, None]
        outputs.append(dilated_heads(query[:, [head]], keys, values, WINDOW, [head + 1], causal=True)[0])
    return torch.cat(outputs, dim=1)


def prefix_arguments(query: Tensor, key: Tensor) -> MapArguments:
    """Tokens before the queries count as positions, as when decoding."""
    before = key.shape[2] - query.shape[2]
    return {"query": query, "key": key, "mask": masks.causal(before) | masks.prefix(PREFIX)}


def run_documents(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Documents of 3, 5, 3, 5 ... tokens: `masks.documents`, for queries that are the last of the keys."""
    place = torch.arange(key.shape[2], device=key.device)
    ids = place // 8 * 2 + (place % 8 >= 3)  # (keys,)
    return attention(query, key, value, ids[-query.shape[2] :, None] == ids, causal=True)


def blocks_arguments(query: Tensor, key: Tensor) -> MapArguments:
    """Blocks are counted from the first key, also when decoding."""
    before = key.shape[2] - query.shape[2]
    return {"query": query, "key": key, "mask": masks.causal(before) & masks.blocks(BLOCK, offset=before)}


def last_block(x: Tensor) -> Tensor:
    """All that decoding keeps: the tokens of the block that is being written."""
    return x[:, :, (x.shape[2] - 1) // BLOCK * BLOCK :]


def run_global_local(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Second projections stand on the first ones, for want of the tokens that both are made of."""
    global_query, global_key, global_value = (
        tensor @ learned(tensor.shape[-1], tensor.shape[-1], like=tensor, seed=seed)
        for seed, tensor in enumerate((query, key, value))
    )
    return global_local(query, key, value, global_query, global_key, global_value, AROUND, GLOBAL)


def run_bigbird(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Random blocks of the mask's own seed, apart for each head."""
    random = masks.random_blocks(RANDOM, SMALL, key.shape[2] // SMALL, heads=key.shape[1])
    return bigbird(query, key, value, random, SMALL)


def _gates(query: Tensor) -> Tensor:
    """A gate for each of the three looks, (batch, heads, queries, 3), made of the query for want of the token."""
    return torch.sigmoid(query @ learned(query.shape[-1], 3, like=query))


def run_native_sparse(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Three looks with gates, as dense maps to be looked at."""
    return native_sparse_attention(query, key, value, _gates(query), **SPARSE)


def run_native_sparse_gathered(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same, with the keys gathered that are looked at: what runs."""
    return native_sparse_gathered(query, key, value, _gates(query), **SPARSE)


def run_swin(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens as a square image, in windows shifted by half a window."""
    side, heads = math.isqrt(key.shape[2]), query.shape[1]
    table = learned(heads, 2 * IMAGE_WINDOW - 1, 2 * IMAGE_WINDOW - 1, like=query)
    shift = IMAGE_WINDOW // 2
    return shifted_window_attention(query, key, value, (side, side), IMAGE_WINDOW, shift=shift, bias_table=table)
