"""The kernels of FlashAttention by their documentation, in plain PyTorch, put where Transformers keeps those that it imported.

Nothing else is put in place of anything: Transformers' own code runs to the kernel, in float32 and on the CPU. Causal masks and
windows are aligned at the lower right, windows are inclusive on both sides, the softcap comes before the mask, sinks are in the
denominator only, a row that sees nothing is 0.
"""

from contextlib import contextmanager

import torch
from transformers import PreTrainedModel, modeling_flash_attention_utils

NAMES = (
    "_flash_fn", "_flash_varlen_fn", "_flash_with_kvcache_fn", "_pad_fn", "_unpad_fn", "_process_flash_kwargs_fn",
    "_process_with_kvcache_kwargs_fn", "_loaded_implementation",
)  # fmt: skip


def one_sequence(q, k, v, scale, causal, window, softcap, sinks):
    """(positions, heads, dim) each; the output, in the same order."""
    queries, heads, dim = q.shape
    keys = k.shape[0]
    k, v = (each.repeat_interleave(heads // each.shape[1], dim=1).double() for each in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q.double(), k) * (dim**-0.5 if scale is None else scale)
    if softcap:
        scores = softcap * (scores / softcap).tanh()
    left, right = window
    right = 0 if causal else right
    distance = torch.arange(keys) - (torch.arange(queries)[:, None] + keys - queries)
    hidden = torch.zeros(queries, keys, dtype=torch.bool)
    if left >= 0:
        hidden |= distance < -left
    if right >= 0:
        hidden |= distance > right
    if not keys:  # of which older PyTorch has no maximum
        return q.new_zeros(queries, heads, v.shape[2])
    scores = scores.masked_fill(hidden, -torch.inf)
    top = scores.amax(2, keepdim=True).clamp(min=-1e30)
    powers = (scores - top).exp()
    total = powers.sum(2, keepdim=True)
    if sinks is not None:
        total = total + (sinks.double()[:, None, None] - top).exp()
    weights = torch.where(total > 0, powers / total, 0)
    return torch.einsum("hqk,khd->qhd", weights, v).to(q.dtype)


def flash_attn_func(q, k, v, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0, s_aux=None):
    given = softmax_scale, causal, window_size, softcap, s_aux
    return torch.stack([one_sequence(*each, *given) for each in zip(q, k, v, strict=True)])


def flash_attn_varlen_func(
    q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, softmax_scale=None, causal=False,
    window_size=(-1, -1), softcap=0.0, s_aux=None,
):  # fmt: skip
    rows, columns = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
    assert (int(max_seqlen_q), int(max_seqlen_k)) == tuple(int(ends.diff().max()) for ends in (cu_seqlens_q, cu_seqlens_k))
    output = q.new_zeros(*q.shape[:2], v.shape[2])
    for a, b, c, d in zip(rows[:-1], rows[1:], columns[:-1], columns[1:], strict=True):
        output[a:b] = one_sequence(q[a:b], k[c:d], v[c:d], softmax_scale, causal, window_size, softcap, s_aux)
    return output


def flash_attn_with_kvcache(
    q, k_cache, v_cache, k, v, cache_seqlens, block_table, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0
):
    size, outputs = k_cache.shape[1], []
    for item, before in enumerate(cache_seqlens.tolist()):
        page, inside = int(block_table[item, before // size]), before % size
        k_cache[page, inside], v_cache[page, inside] = k[item, 0], v[item, 0]
        pages = block_table[item, : before // size + 1].long()
        keys, values = (cache[pages].flatten(0, 1)[: before + 1] for cache in (k_cache, v_cache))
        outputs.append(one_sequence(q[item], keys, values, softmax_scale, causal, window_size, softcap, None))
    return torch.stack(outputs)


def without_sinks(q, k, v, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0):
    return flash_attn_func(q, k, v, softmax_scale, causal, window_size, softcap)


@contextmanager
def flash_kernels(model, name="flash_attention_2", plain=flash_attn_func):
    """The model runs on the stand-in kernels in the block, by this name."""
    place = modeling_flash_attention_utils
    before = {name: getattr(place, name) for name in NAMES if hasattr(place, name)}  # older ones have no pages
    parts = [part for part in model.modules() if isinstance(part, PreTrainedModel)]
    configs = [(part.config, part.config._attn_implementation) for part in parts]
    packed = flash_attn_varlen_func if plain is flash_attn_func else plain  # of one kernel all know the same
    processes = [place._lazy_define_process_function(one) for one in (packed, flash_attn_with_kvcache)]
    given = (plain, packed, flash_attn_with_kvcache, place._pad_input, place._unpad_input, *processes, name)
    for one, value in zip(NAMES, given, strict=True):
        if one in before:
            setattr(place, one, value)
    for config, _ in configs:
        config._attn_implementation = name
    try:
        yield model
    finally:
        for one, value in before.items():
            setattr(place, one, value)
        for config, implementation in configs:
            config._attn_implementation = implementation
