"""Cards of positions: how attention, which sees a set, learns an order.

In a model, positions meet the queries and keys of its projections; here those are the given ones.
"""

from torch import Tensor

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Card,
    Cost,
    MapArguments,
    keys_and_values,
    learned,
    query_and_key,
)
from regard.mechanisms.positions.relative_keys import shaw, transformer_xl
from regard.mechanisms.positions.rotary_cards import CARDS as ROTARY
from regard.mechanisms.positions.score_biases import alibi_bias, t5_bias
from regard.mechanisms.positions.sinusoids import sinusoids

CLIP = 4


def _sinusoidal(query: Tensor, key: Tensor) -> MapArguments:
    """A model adds them to its embeddings, so that queries, keys and values have them; here queries and keys do."""
    table = sinusoids(key.shape[2], key.shape[3], dtype=key.dtype, device=key.device)  # (keys, dim)
    return {"query": query + table[-query.shape[2] :], "key": key + table}


def _shaw(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    table = 3 * learned(2 * CLIP + 1, query.shape[3], like=query)  # as large as keys are
    return shaw(query, key, value, table)


def _transformer_xl(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """As many features as dims: a model has as many as its embeddings."""
    heads, dim = query.shape[1], query.shape[3]
    content_bias, position_bias = (learned(heads, dim, like=query, seed=seed) for seed in (1, 2))
    weight = learned(heads, dim, dim, like=query, seed=3)
    return transformer_xl(query, key, value, content_bias, position_bias, weight, causal=True)


def _t5_bias(query: Tensor, key: Tensor) -> MapArguments:
    table = 9 * learned(32, query.shape[1], like=query)  # large enough to be seen beside scores without a scale
    bias = t5_bias(table, query.shape[2], key.shape[2])
    return {"query": query, "key": key, "bias": bias, "scale": 1.0}


def _alibi(query: Tensor, key: Tensor) -> MapArguments:
    bias = alibi_bias(query.shape[1], query.shape[2], key.shape[2], dtype=query.dtype, device=query.device)
    return {"query": query, "key": key, "bias": bias, "causal": True}


CARDS = (
    Card(
        name="no-position",
        title="No positional encoding (NoPE)",
        also=("NoPE", "no positional encoding"),
        family="positions",
        formula="score_ij = q_i · k_j / √dim for j ≤ i: the causal mask alone tells the order",
        latex=r"s_{ij} = \frac{q_i^\top k_j}{\sqrt{d}},\quad j \le i",
        paper="Kazemnejad et al. 2023, The Impact of Positional Encoding on Length Generalization in Transformers, "
        "arXiv:2305.19466",
        year=2023,
        change="Nothing is added: token i sees i keys, and a causal model can learn positions from how many it averages.",
        use="Every fourth layer of SmolLM3 and of Llama 4; the other layers are rotary.",
        wins="Small reasoning tasks at lengths beyond training: no position is new, because there is none.",
        loses="Encoders, which are blind to order without a causal mask; and steps of fixed length, which must be counted out.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=query_and_key(causal=True),  # the mask is all that tells one order from another
        kept=keys_and_values,
        causal=True,
    ),
    Card(
        name="sinusoidal",
        title="Sinusoidal positions",
        also=("absolute positions", "positional encoding", "sin-cos"),
        family="positions",
        formula="x_p + [sin(p·ω_0), cos(p·ω_0), sin(p·ω_1) ...] with ω_i = 10000^(−2i/dim), before the projections",
        latex=r"x_p \leftarrow x_p + (\sin p\omega_0, \cos p\omega_0, \sin p\omega_1, \dots),\quad \omega_i = 10000^{-2i/d}",
        symbols="our dim is their d_model, our p their pos",
        paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.5",
        year=2017,
        change="Each position is a fixed vector that is added to the embedding; a shift is one rotation, wherever it begins.",
        use="The first transformer, Marian (this package's translator), Whisper's encoder; the time step of diffusion models.",
        wins="Sentences of bounded length: nothing to learn, no cost inside attention, and any kernel will do.",
        loses="Texts longer than those of training: the sum of content and place was never seen there, and quality breaks.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.sinusoids.sinusoids",
        factors=_sinusoidal,
        kept=keys_and_values,
    ),
    Card(
        name="shaw",
        title="Relative keys (Shaw)",
        also=("relative_key", "relative position representations"),
        family="positions",
        formula="score_ij = q_i · (k_j + a_{j−i}) / √dim, with j − i clipped",
        latex=r"s_{ij} = \frac{q_i^\top (k_j + a_{\operatorname{clip}(j-i)})}{\sqrt{d}}",
        symbols="our a is their a^K, our clip their k",
        leaves_out="their a^V, which is added to the values",
        paper="Shaw, Uszkoreit, Vaswani 2018, Self-Attention with Relative Position Representations, arXiv:1803.02155, "
        "equation 4",
        year=2018,
        change="A learned key for each distance: what a query wants from its neighbours can depend on the query.",
        use="Speech encoders (Wav2Vec2-BERT in SeamlessM4T v2); Music Transformer.",
        wins="Speech and music, where a short distance means much and the right one depends on what is heard.",
        loses="Long decoders on fused kernels: the term needs the query, so it is no bias that could be given beforehand.",
        flops=Cost(
            "2·heads·queries·(keys·(dim + value_dim) + (2·clip + 1)·dim), here clip = 4",
            lambda s: 2 * s.heads * s.queries * (s.keys * (s.dim + s.value_dim) + (2 * CLIP + 1) * s.dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.relative_keys.shaw",
        function=_shaw,
        kept=keys_and_values,
    ),
    Card(
        name="transformer-xl",
        title="Relative attention with sinusoids (Transformer-XL)",
        family="positions",
        formula="score_ij = ((q_i + u) · k_j + (q_i + v) · W r_{i−j}) / √dim, with r a row of sinusoids",
        latex=r"s_{ij} = \frac{(q_i + u)^\top k_j + (q_i + v)^\top W r_{i-j}}{\sqrt{d}}",
        symbols="our W is their W_{k,R}, our r their R; our q and k are W_q E and W_{k,E} E",
        paper="Dai et al. 2019, Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context, arXiv:1901.02860, "
        "section 3.3",
        year=2019,
        change="Distances in place of positions: states of an earlier segment can be kept and read beside the present ones.",
        use="Transformer-XL and XLNet; Conformer speech encoders.",
        wins="Streams read segment by segment with a memory: a key of the last segment is simply further away.",
        loses="Speed: a second product as large as the first, and a shift that fused kernels do not have.",
        flops=Cost(
            "2·heads·(queries·keys·(dim + value_dim) + distances·(features·dim + queries·dim)), "
            "with distances = queries + keys − 1 and here features = dim",
            lambda s: (
                2 * s.heads * s.queries * s.keys * (s.dim + s.value_dim)
                + 2 * s.heads * (s.queries + s.keys - 1) * (s.dim * s.dim + s.queries * s.dim)
            ),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.relative_keys.transformer_xl",
        function=_transformer_xl,
        kept=keys_and_values,
        causal=True,
    ),
    Card(
        name="t5-bias",
        title="Bucketed relative bias (T5)",
        also=("relative position bias", "relative position buckets"),
        family="positions",
        formula="score_ij = q_i · k_j + b_h[bucket(j − i)], without 1/√dim",
        latex=r"s_{ij} = q_i^\top k_j + b_{h,\,\operatorname{bucket}(j - i)}",
        paper="Raffel et al. 2019, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, "
        "arXiv:1910.10683, section 2.1",
        year=2019,
        change="One learned number for each head and bucket of distances; far distances share buckets that widen.",
        use="T5, mT5, Flan-T5: every layer adds the numbers that its first one holds.",
        wins="Encoder-decoder models on texts somewhat longer than in training: beyond 128 tokens all distances are alike.",
        loses="Telling far distances from one another; and it is a bias of queries·keys numbers that the kernel has to read.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.score_biases.t5_bias",
        factors=_t5_bias,
        kept=keys_and_values,
    ),
    Card(
        name="alibi",
        title="Attention with linear biases (ALiBi)",
        also=("ALiBi", "linear bias"),
        family="positions",
        formula="score_ij = q_i · k_j / √dim − slope_h · (i − j) for j ≤ i",
        latex=r"s_{ij} = \frac{q_i^\top k_j}{\sqrt{d}} - m_h (i - j),\quad j \le i",
        symbols="our slope is their m",
        paper="Press, Smith, Lewis 2021, Train Short, Test Long: Attention with Linear Biases Enables Input Length "
        "Extrapolation, arXiv:2108.12409, section 3",
        year=2021,
        change="The further back, the lower the score, by a slope that is fixed for each head: there is nothing to learn.",
        use="BLOOM, MPT, Baichuan-13B.",
        wins="Reading longer texts than in training: a distance that was never seen only means less weight.",
        loses="Looking up one fact far back: the penalty grows with the distance, whatever stands there.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="positions.score_biases.alibi_bias",
        factors=_alibi,
        kept=keys_and_values,
        causal=True,
    ),
    *ROTARY,
)
