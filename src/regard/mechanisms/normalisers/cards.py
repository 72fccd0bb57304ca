"""Cards of normalisers and gates: what may stand where softmax stood, or after it."""

import torch
from torch import Tensor
from torch.nn import functional

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Beside,
    Card,
    Cost,
    Kept,
    MapArguments,
    appended,
    keys_and_values,
    learned,
    query_and_key,
)
from regard.mechanisms.normalisers.competition_cards import CARDS as COMPETITION
from regard.mechanisms.normalisers.dense_normalisers import (
    differential_attention,
    differential_lambda,
    off_by_one_attention,
    sigmoid_attention,
    talking_heads_attention,
)
from regard.mechanisms.normalisers.gates import forgetting_attention, gated_attention
from regard.mechanisms.normalisers.sparse_normalisers import entmax_attention, sparsemax_attention
from regard.mechanisms.softmax_attention import attention


def _sinks(query: Tensor, key: Tensor) -> MapArguments:
    return {"query": query, "key": key, "sinks": 2 * learned(query.shape[1], like=query)}


def _taken_by_sinks(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What no key gets, (batch, heads, queries, heads): of every head, beside each of them."""
    weights = attention(value=value, **_sinks(query, key))[1]
    taken = (1 - weights.sum(-1)).mT  # (batch, queries, heads)
    return taken[:, None].expand(-1, query.shape[1], -1, -1)


def _differential(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Layer 4 of a model: λ_init is 0.8 − 0.6·exp(−0.9)."""
    query1, key1, query2, key2 = (0.1 * learned(query.shape[-1] // 2, like=query, seed=seed) for seed in range(4))
    lam = differential_lambda(query1, key1, query2, key2, lambda_init=0.556)
    return differential_attention(query, key, value, lam)


def _talking_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    mix_scores, mix_weights = (learned(query.shape[1], query.shape[1], like=query, seed=seed) for seed in (0, 1))
    return talking_heads_attention(query, key, value, mix_scores, mix_weights)


def _gated(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return gated_attention(query, key, value, _gate(query, value))


def _gate(query: Tensor, value: Tensor) -> Tensor:
    """Gates (batch, heads, queries, value_dim). The queries of all heads, side by side, stand for the hidden states."""
    hidden = query.transpose(1, 2).flatten(2)  # (batch, queries, heads · dim)
    features = value.shape[1] * value.shape[3]
    gate = hidden @ learned(hidden.shape[2], features, like=query)  # (batch, queries, heads · value_dim)
    by_head: Tensor = gate.unflatten(2, (value.shape[1], -1)).transpose(1, 2)
    return by_head


def _forgetting(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return forgetting_attention(query, key, value, _log_forget(key))


def _forgetting_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """What a key lost is the sum of the logarithms since then: their running totals are kept beside the keys."""
    keys, values, totals = kept
    so_far = totals[..., -1:] if totals.shape[-1] else 0
    totals = torch.cat([totals, so_far + _log_forget(key)], dim=-1)  # (batch, heads, keys)
    bias = (totals[..., -1:] - totals)[:, :, None].to(query)  # (batch, heads, 1, keys)
    return attention(query, appended(keys, key), appended(values, value), bias=bias)[0]


def _log_forget(key: Tensor) -> Tensor:
    """Logarithms of gates (batch, heads, keys). The keys of all heads, side by side, stand for the hidden states."""
    hidden = key.transpose(1, 2).flatten(2)  # (batch, keys, heads · dim)
    return functional.logsigmoid(hidden @ learned(hidden.shape[2], key.shape[1], like=key) + 2).transpose(1, 2)


CARDS = (
    Card(
        name="softcap",
        title="Softcapped scores",
        also=("logit softcapping", "soft cap", "tanh cap"),
        family="normalisers",
        formula="weights = softmax(c·tanh(S / c)), with S = Q Kᵀ / √dim",
        latex=r"A = \operatorname{softmax}\!\left(c \tanh\frac{S}{c}\right)",
        symbols="our c is their soft_cap",
        paper="Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size, arXiv:2408.00118, section 2",
        year=2024,
        change="Scores are bent into (−c, c): no score can grow until one key takes everything and the gradient is gone.",
        use="Gemma 2, with c = 50 in its attention; Grok-1, with 30.",
        wins="Training large models without spikes: queries and keys that grow cannot push the scores beyond c.",
        loses="Looking at exactly one of very many keys: the best is at most exp(2c) times as heavy as the worst.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=query_and_key(softcap=2.0),  # Gemma 2 caps at 50, beyond the scores of an example: at 2 the cap shows
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="sinks",
        title="Learned attention sinks",
        also=("attention sink", "gpt-oss sinks", "sink logits"),
        family="normalisers",
        formula="weights = exp(S) / (exp(sink_h) + Σ exp(S)), with S = Q Kᵀ / √dim",
        latex=r"A_{ij} = \frac{e^{S_{ij}}}{e^{s_h} + \sum_k e^{S_{ik}}}",
        paper=(
            "OpenAI 2025, gpt-oss-120b & gpt-oss-20b Model Card, arXiv:2508.10925; named by Xiao et al. 2023, "
            "Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453"
        ),
        year=2025,
        change="Each head learns how much weight goes to nothing at all, in place of the first token, where it went unasked.",
        use="gpt-oss. StreamingLLM (2023) keeps the first tokens in the cache for the same reason.",
        wins="Streaming with a window: when the first token leaves the window, the weight that rested on it has another place.",
        loses="Maps that must be read as shares: a row no longer says where all of a query's attention went.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=_sinks,
        beside=Beside("what each sink takes", _taken_by_sinks, "heads", "share of a row"),
        kept=keys_and_values,
        rows="at most one",
        permutable=True,
    ),
    Card(
        name="off-by-one",
        title="Softmax off by one",
        also=("softmax1", "quiet attention", "add_zero_attn"),
        family="normalisers",
        formula="weights = exp(S) / (1 + Σ exp(S)), with S = Q Kᵀ / √dim",
        latex=r"A_{ij} = \frac{e^{S_{ij}}}{1 + \sum_k e^{S_{ik}}}",
        paper="Miller 2023, Attention Is Off By One, evanmiller.org/attention-is-off-by-one.html",
        year=2023,
        change="A head that finds nothing may say nothing: where all scores are low, the weights go to 0.",
        use="torch.nn.MultiheadAttention(add_zero_attn=True) computes it; the learned sinks of gpt-oss are its general form.",
        wins="Optional matches, such as a bracket that may have no partner: the output is near 0, not a mean of everything.",
        loses="Long rows of middling scores: against hundreds of keys the 1 weighs nothing, and it is softmax again.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.dense_normalisers.off_by_one_attention",
        function=off_by_one_attention,
        kept=keys_and_values,
        rows="at most one",
        permutable=True,
    ),
    Card(
        name="sparsemax",
        title="Sparsemax",
        family="normalisers",
        formula="weights = [S − τ]₊, with τ such that a row sums to 1, and S = Q Kᵀ / √dim",
        latex=r"A_i = \operatorname*{arg\,min}_{p \in \Delta} \lVert p - S_i \rVert^2 = [S_i - \tau_i]_+",
        symbols="our S is their z, our τ their τ(z)",
        paper=(
            "Martins & Astudillo 2016, From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification, "
            "arXiv:1602.02068"
        ),
        year=2016,
        change="The nearest distribution to the scores: what scores too low has a weight of exactly 0.",
        use="TabNet chooses features with it. In attention, small models whose maps are meant to be read.",
        wins="Explaining a prediction: what is not looked at is exactly 0, and not merely small.",
        loses="Learning what to look at from a bad start: a key of weight 0 gets no gradient.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.sparse_normalisers.sparsemax_attention",
        function=sparsemax_attention,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="entmax",
        title="α-entmax",
        also=("alpha-entmax", "entmax15"),
        family="normalisers",
        formula="weights = [(α − 1) S − τ]₊ ^ (1 / (α − 1)), with τ such that a row sums to 1, S = Q Kᵀ / √dim, here α = 1.5",
        latex=r"A_i = [(\alpha - 1) S_i - \tau_i]_+^{1 / (\alpha - 1)}",
        symbols="our S is their z",
        paper=(
            "Peters, Niculae & Martins 2019, Sparse Sequence-to-Sequence Models, arXiv:1905.05702; learned α: "
            "Correia, Niculae & Martins 2019, Adaptively Sparse Transformers, arXiv:1909.00015"
        ),
        year=2019,
        change="A dial from softmax (α = 1) to sparsemax (α = 2) and beyond; each head may learn how sparse it is.",
        use="Morphological inflection and translation in the papers; NODE, for tables, chooses features with it.",
        wins="Inflecting words, where each letter written depends on one or two that are read.",
        loses="Speed: a row must be sorted or searched for its threshold, and no fused kernel of the large libraries has it.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.sparse_normalisers.entmax_attention",
        function=entmax_attention,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="sigmoid",
        title="Sigmoid attention",
        also=("FlashSigmoid", "sigmoid self-attention"),
        family="normalisers",
        formula="weights = σ(S − log keys), with S = Q Kᵀ / √dim",
        latex=r"A_{ij} = \sigma(S_{ij} - \log n)",
        symbols="our −log keys is their b = −log n",
        paper="Ramapuram et al. 2024, Theory, Analysis, and Best Practices for Sigmoid Self-Attention, arXiv:2409.04431",
        year=2024,
        change="Keys no longer compete: each weight is its own yes or no, and no row needs a sum before it can be used.",
        use="Research models: Apple's of language, speech and images, with a kernel of their own (FlashSigmoid).",
        wins="Several answers at once, such as all occurrences of a word: a second match takes nothing from the first.",
        loses="Lengths it was not trained at: the output grows with the number of keys unless the offset follows.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.dense_normalisers.sigmoid_attention",
        function=sigmoid_attention,
        kept=keys_and_values,
        rows="any",
        permutable=True,
    ),
    Card(
        name="differential",
        title="Differential attention",
        also=("DIFF Transformer", "DiffLlama"),
        family="normalisers",
        formula="output = (softmax(S₁) − λ softmax(S₂)) V, with S_i = Q_i K_iᵀ / √(dim/2)",
        latex=(
            r"O = \left(\operatorname{softmax}\frac{Q_1 K_1^\top}{\sqrt{d/2}} - "
            r"\lambda \operatorname{softmax}\frac{Q_2 K_2^\top}{\sqrt{d/2}}\right) V,\quad "
            r"\lambda = e^{\lambda_{q_1} \cdot \lambda_{k_1}} - e^{\lambda_{q_2} \cdot \lambda_{k_2}} + \lambda_\mathrm{init}"
        ),
        symbols="our dim is their 2d: each map has half of it",
        leaves_out="the norm of each head's output, its factor 1 − λ_init, and values twice as wide; `differential_layer` has "
        "them",
        paper="Ye et al. 2024, Differential Transformer, arXiv:2410.05258, section 2.1",
        year=2024,
        change="A second map is taken away from the first: weight that both put on what does not matter is cancelled.",
        use="Microsoft's research models; DiffLlama in Transformers.",
        wins="A fact within a long text of noise: little weight is left on the many keys that say nothing of it.",
        loses="Speed on standard kernels: two attention calls for one output, with values read twice.",
        flops=Cost(
            "2·heads·queries·keys·(dim + 2·value_dim)", lambda s: 2 * s.heads * s.queries * s.keys * (s.dim + 2 * s.value_dim)
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.dense_normalisers.differential_attention",
        function=_differential,
        kept=keys_and_values,
        rows="any",
        permutable=True,
    ),
    Card(
        name="talking-heads",
        title="Talking-heads attention",
        family="normalisers",
        formula="A_i = softmax(Σ_h S_h·P_hi), output_i = (Σ_h A_h·W_hi) V_i, with S_h = Q_h K_hᵀ / √dim",
        latex=r"A_i = \operatorname{softmax}\Big(\sum_h P_{hi} S_h\Big),\quad O_i = \Big(\sum_h W_{hi} A_h\Big) V_i",
        symbols="our P is their P_l, our W their P_w",
        leaves_out="the projections, and the bias that CaiT adds to mixed weights; `talking_heads_layer` has them",
        paper="Shazeer et al. 2020, Talking-Heads Attention, arXiv:2003.02436",
        year=2020,
        change="Heads hear each other: their scores are mixed before softmax, and their weights after it.",
        use="CaiT, an image classifier; text-to-text models in the paper.",
        wins="Many narrow heads: mixed scores are of a higher rank than one head's few dimensions allow.",
        loses="Fused kernels: all heads' scores of a place must be there at once, so the n² matrix must exist.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim + 2·heads)",
            lambda s: 2 * s.heads * s.queries * s.keys * (s.dim + s.value_dim + 2 * s.heads),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.dense_normalisers.talking_heads_attention",
        function=_talking_heads,
        kept=keys_and_values,
        rows="any",
        permutable=True,
    ),
    Card(
        name="gated",
        title="Gated attention",
        also=("output gate", "elementwise gate", "sigmoid gate"),
        family="normalisers",
        formula="output = (softmax(S) V) ⊙ σ(x W_g), with S = Q Kᵀ / √dim",
        latex=r"O = \left(\operatorname{softmax}(S)\, V\right) \odot \sigma(X W_g)",
        symbols="our W_g is their W_θ, at their place G₁",
        paper=(
            "Qiu et al. 2025, Gated Attention for Large Language Models: Non-linearity, Sparsity, and Attention-Sink-Free, "
            "arXiv:2505.06708"
        ),
        year=2025,
        change="A head can close its output where it found nothing: idle weight need no longer rest on the first token.",
        use="Qwen3-Next. AlphaFold 2 (2021) gates the outputs of its attention in the same way.",
        wins="Reading beyond the trained length: gated models keep no sink that a new scale of positions would upset.",
        loses="Small models on a budget: the gate of every feature is another matrix as large as the queries'.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim) + 2·queries·heads·dim·heads·value_dim",
            lambda s: FULL_PRODUCTS.count(s) + 2 * s.queries * s.heads * s.dim * s.heads * s.value_dim,
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.gates.gated_attention",
        function=_gated,
        beside=Beside("the gate of each feature", lambda q, _, v: torch.sigmoid(_gate(q, v)), "features", "share that is left"),
        kept=keys_and_values,
        permutable=True,
        reconstructs=False,
    ),
    Card(
        name="forgetting",
        title="Forgetting attention (FoX)",
        also=("FoX", "forget gate", "Forgetting Transformer"),
        family="normalisers",
        formula="weights = softmax(S + D), causal, with D_ij = log f_{j+1} + ... + log f_i, f = σ(x w + b), S = Q Kᵀ / √dim",
        latex=r"A = \operatorname{softmax}(S + D),\quad D_{ij} = \sum_{l=j+1}^{i} \log f_l \text{ for } j \le i,"
        r"\ -\infty \text{ for } j > i,\quad f_l = \sigma(w^\top x_l + b)",
        paper="Lin et al. 2025, Forgetting Transformer: Softmax Attention with a Forget Gate, arXiv:2503.02130",
        year=2025,
        change="A token may close the gate on what came before it: ALiBi's decay, with a slope that the text decides.",
        leaves_out="norms of queries, keys and outputs, the shift of keys and values, and the gate of the output",
        use="Research models; kernels in flash-linear-attention.",
        wins="Texts that change their subject: at the border one gate hides all that came before, with no positions learned.",
        loses="Recalling something from before a gate that closed: what is forgotten stays forgotten for all later queries.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim) + 2·keys·heads·dim·heads",
            lambda s: FULL_PRODUCTS.count(s) + 2 * s.keys * s.heads * s.dim * s.heads,
        ),
        cache_per_token=Cost(
            "heads·((dim + value_dim)·itemsize + 8): one more number a head, the running sum of log f; this code keeps it in "
            "float64",
            lambda s: s.heads * ((s.dim + s.value_dim) * s.itemsize + 8),
        ),
        state=NOTHING,
        code="normalisers.gates.forgetting_attention",
        function=_forgetting,
        kept=lambda _, key, value: (key, value, _log_forget(key).double().cumsum(2)),
        step_function=_forgetting_step,
        causal=True,
    ),
    *COMPETITION,
)
