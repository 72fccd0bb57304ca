"""Cards of head sharing: who has keys and values of their own."""

from torch import Tensor

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Attended,
    Card,
    Cost,
    keys_and_values,
)
from regard.mechanisms.softmax_attention import attention


def _multi_head(query: Tensor, key: Tensor, value: Tensor) -> Attended:
    return Attended(*attention(query, key, value))


def _grouped(query: Tensor, key: Tensor, value: Tensor) -> Attended:
    """Two query heads a key head: every second one is kept."""
    return Attended(*attention(query, key[:, ::2], value[:, ::2]))


def _multi_query(query: Tensor, key: Tensor, value: Tensor) -> Attended:
    """All query heads read the first key head."""
    return Attended(*attention(query, key[:, :1], value[:, :1]))


CARDS = (
    Card(
        name="multi-head",
        title="Multi-head attention (MHA)",
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
        apply=_multi_head,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="multi-query",
        title="Multi-query attention (MQA)",
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
        apply=_multi_query,
        kept=lambda _, key, value: (key[:, :1], value[:, :1]),
        permutable=True,
    ),
    Card(
        name="grouped-query",
        title="Grouped-query attention (GQA)",
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
        apply=_grouped,
        kept=lambda _, key, value: (key[:, ::2], value[:, ::2]),
        permutable=True,
    ),
)
