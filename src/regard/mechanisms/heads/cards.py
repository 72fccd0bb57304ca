"""Cards of head sharing: who has keys and values of their own."""

import torch
from torch import Tensor

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Card,
    Cost,
    Kept,
    Sizes,
    appended,
    keys_and_values,
    learned,
    query_and_key,
)
from regard.mechanisms.heads.latent_attention import LatentAttention, LatentCache
from regard.mechanisms.heads.tensor_product import Factors, tensor_product_attention
from regard.mechanisms.positions.rotary import rotary_half
from regard.mechanisms.softmax_attention import attention


def _step_of_shared_heads(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values = kept
    group = query.shape[1] // keys.shape[1]
    return attention(query, appended(keys, key[:, ::group]), appended(values, value[:, ::group]))[0]


def _latent(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden states of what asks are the queries of all heads, side by side; of what is asked, the sum of keys and values."""
    layer = _layer(query)
    output, weights = layer.expanded(_hidden(query), layer.compress(_hidden(key + value)))
    return _by_heads(output, query.shape[1]), weights


def _latent_cache(query: Tensor, key: Tensor, value: Tensor) -> LatentCache:
    return _layer(query).compress(_hidden(key + value))


def _latent_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    layer = _layer(query)
    cache = layer.compress(_hidden(key + value), LatentCache(*kept))
    return _by_heads(layer.absorbed(_hidden(query), cache)[0], query.shape[1])


def _hidden(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)  # (batch, positions, heads · dim)


def _by_heads(hidden: Tensor, heads: int) -> Tensor:
    output: Tensor = hidden.unflatten(2, (heads, -1)).transpose(1, 2)  # (batch, heads, positions, dim)
    return output


def _layer(query: Tensor) -> LatentAttention:
    """In the proportions of DeepSeek-V2: a latent of four heads' features, half a head for the position."""
    heads, dim = query.shape[1], query.shape[3]
    with torch.device("meta"):
        layer = LatentAttention(heads * dim, heads, head_dim=dim, latent_dim=4 * dim, rotary_dim=_rotary(dim))
    numbers = {
        name: learned(*shaped.shape, like=query, seed=seed) for seed, (name, shaped) in enumerate(layer.state_dict().items())
    }
    layer.load_state_dict(numbers | {"norm.weight": query.new_ones(4 * dim)}, assign=True)
    return layer.requires_grad_(requires_grad=False)


def _rotary(dim: int) -> int:
    return max(2, dim // 4 * 2)


OWN_HEAD = 3  # has keys of its own, shares those of all or those of two; the first head has the same keys in all three
QUERY_RANK, RANK = 3, 2


def _factors(hidden: Tensor, heads: int, rank: int, seed: int, start: int | None) -> Factors:
    """Both factors of each position; those of queries and keys are turned to their place, from ``start`` on."""
    size = hidden.shape[2]
    a = (hidden @ learned(size, rank * heads, like=hidden, seed=seed)).unflatten(2, (rank, heads))
    b = (hidden @ learned(size, rank * (size // heads), like=hidden, seed=seed + 1)).unflatten(2, (rank, -1))
    return Factors(a, b if start is None else rotary_half(b.transpose(1, 2), start=start).transpose(1, 2))


def _asked(query: Tensor, before: int) -> Factors:
    return _factors(_hidden(query), query.shape[1], QUERY_RANK, 1, start=before)


def _held(key: Tensor, value: Tensor, before: int = 0) -> Kept:
    """Factors of keys, then of values."""
    hidden, heads = _hidden(key + value), key.shape[1]
    return (*_factors(hidden, heads, RANK, 3, start=before), *_factors(hidden, heads, RANK, 5, start=None))


def _tensor_product(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    held = _held(key, value)
    asked = _asked(query, key.shape[2] - query.shape[2])
    return tensor_product_attention(asked, Factors(*held[:2]), Factors(*held[2:]), causal=True)


def _tensor_product_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    before = kept[0].shape[1]
    held = [torch.cat(both, dim=1) for both in zip(kept, _held(key, value, before), strict=True)]
    return tensor_product_attention(_asked(query, before), Factors(*held[:2]), Factors(*held[2:]))[0]


def _tensor_product_flops(s: Sizes) -> int:
    size = s.heads * s.dim
    made = s.queries * QUERY_RANK + 2 * s.keys * RANK
    return 2 * made * (size * (s.heads + s.dim) + size) + FULL_PRODUCTS.count(s)


def _flops(s: Sizes) -> int:
    hidden, latent, rotary = s.heads * s.dim, 4 * s.dim, _rotary(s.dim)
    query = s.queries * hidden * s.heads * (s.dim + rotary)
    down = s.keys * hidden * (latent + rotary)
    up = s.keys * latent * s.heads * (s.dim + s.value_dim)
    attention = s.heads * s.queries * s.keys * (s.dim + rotary + s.value_dim)
    output = s.queries * s.heads * s.value_dim * hidden
    return 2 * (query + down + up + attention + output)


CARDS = (
    Card(
        name="multi-head",
        title="Multi-head attention (MHA)",
        also=("MHA", "full attention"),
        family="heads",
        formula="output_h = softmax(Q_h K_hᵀ / √dim) V_h, for each head h",
        latex=r"O_h = \operatorname{softmax}\!\left(\frac{Q_h K_h^\top}{\sqrt{d}}\right) V_h",
        symbols="our dim is their d_k, our value_dim their d_v, our heads their h",
        paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.2.2",
        year=2017,
        change="Several small heads in place of a large one: a token can look at several places at once, for the same cost.",
        use="Encoders (BERT, ViT, Whisper), and the models that the other cards of this family started from.",
        wins="Looking at two places for two reasons: one softmax must share its row between them.",
        loses="Long decoding: each new token reads the keys and values of every head from memory.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="attention_layers.MultiHeadAttention",
        factors=query_and_key(),
        kept=keys_and_values,
        drawn=OWN_HEAD,
        permutable=True,
    ),
    Card(
        name="multi-query",
        title="Multi-query attention (MQA)",
        also=("MQA",),
        family="heads",
        formula="output_h = softmax(Q_h Kᵀ / √dim) V: one K and V for all heads",
        latex=r"O_h = \operatorname{softmax}\!\left(\frac{Q_h K^\top}{\sqrt{d}}\right) V",
        symbols="our dim is their k, our value_dim their v",
        paper="Shazeer 2019, Fast Transformer Decoding: One Write-Head is All You Need, arXiv:1911.02150, section 3",
        year=2019,
        change="All heads share one key head: the cache that a new token must read shrinks by the number of heads.",
        use="PaLM, Falcon-7B, StarCoder; Gemma 2B.",
        wins="Decoding with a large batch, where the memory of keys and values is the limit.",
        loses="Recall from long texts: one set of keys must serve every head, and quality drops with it.",
        flops=FULL_PRODUCTS,
        cache_per_token=Cost("(dim + value_dim)·itemsize", lambda s: (s.dim + s.value_dim) * s.itemsize),
        state=NOTHING,
        code="attention_layers.MultiHeadAttention",
        factors=lambda query, key: {"query": query, "key": key[:, :1]},
        kept=lambda _, key, value: (key[:, :1], value[:, :1]),
        step_function=_step_of_shared_heads,
        drawn=OWN_HEAD,
        permutable=True,
    ),
    Card(
        name="grouped-query",
        title="Grouped-query attention (GQA)",
        also=("GQA", "num_key_value_heads"),
        family="heads",
        formula="output_h = softmax(Q_h K_gᵀ / √dim) V_g, with g = ⌊h / group⌋",
        latex=r"O_h = \operatorname{softmax}\!\left(\frac{Q_h K_g^\top}{\sqrt{d}}\right) V_g,\quad g = \lfloor h / r \rfloor",
        symbols="our heads / group is their G, the number of groups",
        paper="Ainslie et al. 2023, GQA: Training Generalized Multi-Query Transformer Models, arXiv:2305.13245, section 2.2",
        year=2023,
        change="Neighbouring heads share a key head: most of multi-query's saving, nearly all of multi-head's quality.",
        use="Llama 2 70B and 3, Mistral, Qwen 2 and 3, Gemma 3: what most open models do.",
        wins="Serving a large model: the cache shrinks by the group's size.",
        loses="Very long contexts, where even a cache of a few key heads is the limit: there see latent attention.",
        flops=FULL_PRODUCTS,
        cache_per_token=Cost(
            "heads/group·(dim + value_dim)·itemsize, here group = 2",
            lambda s: -(-s.heads // 2) * (s.dim + s.value_dim) * s.itemsize,
        ),
        state=NOTHING,
        code="attention_layers.MultiHeadAttention",
        factors=lambda query, key: {"query": query, "key": key[:, ::2]},  # two query heads a key head
        kept=lambda _, key, value: (key[:, ::2], value[:, ::2]),
        step_function=_step_of_shared_heads,
        drawn=OWN_HEAD,
        permutable=True,
    ),
    Card(
        name="latent",
        title="Multi-head latent attention (MLA)",
        also=("MLA", "DeepSeek attention", "absorbed attention"),
        family="heads",
        formula=(
            "output_h = softmax([Q_h, R_h] · [C K_hᵀ, r]ᵀ / √(dim + rotary)) C V_hᵀ, with the latents C = norm(X W_down) and a "
            "rotary key r for all heads"
        ),
        latex=(
            r"O_h = \operatorname{softmax}\!\left(\frac{Q_h (C W^{UK\top}_h)^\top + R_h r^\top}{\sqrt{d + d^R}}\right) "
            r"C W^{UV\top}_h,\quad C = \operatorname{norm}(X W^{D})"
        ),
        symbols="our C is their c^KV, our latent their d_c, our rotary their d_h^R, our dim and value_dim their d_h",
        paper=(
            "DeepSeek-AI 2024, DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model, "
            "arXiv:2405.04434, section 2.1"
        ),
        year=2024,
        change="Not heads are shared but what they are made of: one latent a token, from which each head has keys of its own.",
        use="DeepSeek-V2, V3 and R1; Kimi K2.",
        wins="Serving long contexts to many readers: the cache is that of some two heads, whatever their number.",
        loses="Decoding where arithmetic is the limit: absorbed, a pair costs 2·heads·(2·latent + rotary) operations.",
        flops=Cost(
            "expanded, with the projections from and to hidden states: 2·heads·queries·keys·(dim + rotary + value_dim) "
            "+ 2·queries·heads·dim·heads·(dim + rotary + value_dim) + 2·keys·heads·dim·(latent + rotary) "
            "+ 2·keys·latent·heads·(dim + value_dim), here latent = 4·dim and rotary = dim/2",
            _flops,
        ),
        cache_per_token=Cost(
            "(latent + rotary)·itemsize, here latent = 4·dim and rotary = dim/2",
            lambda s: (4 * s.dim + _rotary(s.dim)) * s.itemsize,
        ),
        state=NOTHING,
        code="heads.latent_attention.LatentAttention",
        function=_latent,
        kept=_latent_cache,
        step_function=_latent_step,
        causal=True,
        reconstructs=False,
    ),
    Card(
        name="tensor-product",
        title="Tensor product attention (TPA)",
        family="heads",
        formula="output_h = softmax(Q_h K_hᵀ / √dim) V_h, with K_th = (1/rank) Σ_r a_trh b_tr, and so for Q and V",
        latex=r"O_h = \operatorname{softmax}\!\left(\frac{Q_h K_h^\top}{\sqrt{d}}\right) V_h,\quad "
        r"K_t = \frac{1}{R} \sum_{r=1}^{R} a_{tr}\, b_{tr}^\top \in \mathbb{R}^{h \times d}",
        symbols=f"our rank is their R, {RANK} for keys and values and {QUERY_RANK} for queries here; b of queries and keys is "
        f"turned",
        leaves_out="the projection after it",
        paper="Zhang et al. 2025, Tensor Product Attention Is All You Need, arXiv:2501.06425, section 3",
        year=2025,
        change="Keys and values of all heads are a few products of a vector over heads and one over channels; these are kept.",
        use="The T6 models of the paper; kernels that never multiply the factors out (FlashTPA).",
        wins="Serving long contexts with many heads: rank·(heads + dim) numbers a token, and rotary positions as they are.",
        loses="Heads that must differ much: a token's heads span at most rank directions.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim) + 2·(queries·query rank + 2·keys·rank)·heads·dim·(heads + dim + 1), here "
            f"query rank = {QUERY_RANK}, rank = {RANK}",
            _tensor_product_flops,
        ),
        cache_per_token=Cost(
            f"rank·(2·heads + dim + value_dim)·itemsize, here rank = {RANK}",
            lambda s: RANK * (2 * s.heads + s.dim + s.value_dim) * s.itemsize,
        ),
        state=NOTHING,
        code="heads.tensor_product.tensor_product_attention",
        function=_tensor_product,
        kept=lambda _, key, value: _held(key, value),
        step_function=_tensor_product_step,
        causal=True,
        reconstructs=False,
        also=("TPA", "T6", "low-rank keys and values"),
    ),
)
