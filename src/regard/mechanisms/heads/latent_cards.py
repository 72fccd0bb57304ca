"""The card of latent attention, which shares not heads but what they are rebuilt from."""

import torch
from torch import Tensor

from regard.mechanisms.card import NOTHING, Attended, Card, Cost, Sizes, learned
from regard.mechanisms.heads.latent_attention import LatentAttention, LatentCache


def _latent(query: Tensor, key: Tensor, value: Tensor) -> Attended:
    """Hidden states of what asks are the queries of all heads, side by side; of what is asked, the sum of keys and values."""
    layer = _layer(query)
    output, weights = layer.expanded(_hidden(query), layer.compress(_hidden(key + value)))
    return Attended(output.unflatten(2, (query.shape[1], -1)).transpose(1, 2), weights)


def _kept(query: Tensor, key: Tensor, value: Tensor) -> LatentCache:
    return _layer(query).compress(_hidden(key + value))


def _hidden(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)  # (batch, positions, heads · dim)


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
        name="latent",
        title="Multi-head latent attention (MLA)",
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
        apply=_latent,
        kept=_kept,
        causal=True,
        reconstructs=False,
    ),
)
