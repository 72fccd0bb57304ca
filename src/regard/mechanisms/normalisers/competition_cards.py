"""Cards of softmax attention whose tokens or heads have a say in each other's weights."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Card,
    Cost,
    Kept,
    MapArguments,
    appended,
    keys_and_values,
    learned,
    one_sequence,
)
from regard.mechanisms.normalisers.competing_tokens import (
    masking,
    multi_token_attention,
    scaled_by_length,
    selective_attention,
    stick_breaking_attention,
)
from regard.mechanisms.normalisers.gates import gated_attention
from regard.mechanisms.softmax_attention import attention

BACK, AROUND = 2, 3  # queries and keys that a score hears


def _gated_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A gate for each head, from the queries of all heads, side by side. It goes into the weights: it is one number a row."""
    hidden = query.transpose(1, 2).flatten(2)  # (batch, queries, heads · dim)
    gate = (hidden @ learned(hidden.shape[2], query.shape[1], like=query)).transpose(1, 2).unsqueeze(-1)
    output, weights = gated_attention(query, key, value, gate)
    return output, torch.sigmoid(gate) * weights


def _selective_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    """Keys, values, and how much each key has been masked so far."""
    return key, value, masking(query, key).sum(-2)


def _selective_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values, masked = kept
    bias = -pad(masked, (0, 1))[:, None, None]  # (batch, 1, 1, keys): nobody has masked the new one yet
    return attention(query, appended(keys, key), appended(values, value), bias=bias)[0]


def _scalable(query: Tensor, key: Tensor) -> MapArguments:
    strength = 1 + 0.3 * learned(query.shape[1], like=query)
    return {"query": scaled_by_length(query, key.shape[2], strength), "key": key, "causal": True}


def _kernel(query: Tensor) -> Tensor:
    """Near what leaves scores alone: 1 in the middle."""
    kernel = 0.5 * learned(query.shape[1], BACK, AROUND, like=query)
    kernel[:, 0, AROUND // 2] += 1
    return kernel


def _multi_token(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return multi_token_attention(query, key, value, _kernel(query))


def _multi_token_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values, queries = kept
    heard = appended(queries, query)
    all_keys = appended(keys, key)
    room = pad(heard, (0, 0, all_keys.shape[2] - heard.shape[2], 0))  # queries that are heard no more may be anything
    return multi_token_attention(room, all_keys, appended(values, value), _kernel(query))[0][:, :, -1:]


CARDS = (
    Card(
        name="gated-heads",
        title="Head-wise output gates",
        family="normalisers",
        formula="output_h = σ(x w_h) · softmax(S_h) V_h, one gate a head and token, with S_h = Q_h K_hᵀ / √dim",
        latex=r"O_h = \sigma(x^\top w_h)\, \operatorname{softmax}\!\left(\frac{Q_h K_h^\top}{\sqrt{d}}\right) V_h",
        symbols="their head-wise gate at place G₁; the map shows weights times the gate",
        paper="Qiu et al. 2025, Gated Attention for Large Language Models: Non-linearity, Sparsity, and Attention-Sink-Free, "
        "arXiv:2505.06708",
        year=2025,
        change="Each head has one gate a token: it can say nothing, and needs no first token to rest on.",
        use="The small form of the gates of Qwen3-Next, which has one for each channel; gated layers of several models since.",
        wins="Nearly all of what elementwise gates win, for one number a head in place of a matrix as large as the queries'.",
        loses="Heads of which some channels are wanted and others not: there see gated attention.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim) + 2·queries·heads·dim·heads",
            lambda s: FULL_PRODUCTS.count(s) + 2 * s.queries * s.heads * s.dim * s.heads,
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.gates.gated_attention",
        function=_gated_heads,
        kept=keys_and_values,
        rows="at most one",
        permutable=True,
        also=("head-wise gating", "headwise gate", "output gate"),
    ),
    Card(
        name="selective",
        title="Selective attention",
        family="normalisers",
        formula="weights = softmax(S − F), causal, with F_ij = M_0j + ... + M_{i−1,j} and M = ReLU(S) of one head, 0 for the "
        "token "
        "itself and the first",
        latex=r"A = \operatorname{softmax}(S - F),\quad F_{ij} = \sum_{l < i} M_{lj},\quad "
        r"M_{lj} = \operatorname{ReLU}(S^{(0)}_{lj})\,[0 < j < l]",
        symbols="our M is their S, the first head's scores here as there",
        leaves_out="the eviction of tokens that are masked, which is what it saves memory by",
        paper="Leviathan, Kalman, Matias 2024, Selective Attention Improves Transformer, arXiv:2410.02703, section 3",
        year=2024,
        change="A token masks what it has made needless, for all tokens that follow, with no new parameters.",
        use="Research models; a masked token may leave the cache.",
        wins="Texts in which something is said anew: an old value is masked when the new one is read.",
        loses="Reading a prompt on fused kernels: the scores of one head must be there before those of the others are "
        "softmaxed.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim) + 2·queries·keys·dim: the masking head once more",
            lambda s: FULL_PRODUCTS.count(s) + 2 * one_sequence(s) * s.keys * s.dim,
        ),
        cache_per_token=Cost(
            "heads·(dim + value_dim)·itemsize + itemsize: how much it has been masked",
            lambda s: (s.heads * (s.dim + s.value_dim) + 1) * s.itemsize,
        ),
        state=NOTHING,
        code="normalisers.competing_tokens.selective_attention",
        function=selective_attention,
        kept=_selective_kept,
        step_function=_selective_step,
        causal=True,
        also=("token masking",),
    ),
    Card(
        name="stick-breaking",
        title="Stick-breaking attention",
        family="normalisers",
        formula="A_ij = β_ij Π_{j<k<i} (1 − β_ik) for j < i, with β = σ(S) and S = Q Kᵀ / √dim",
        latex=r"A_{ij} = \beta_{ij} \prod_{k=j+1}^{i-1} (1 - \beta_{ik}),\ j < i,\quad \beta = \sigma(S)",
        symbols="their j is the query, their i the key",
        paper="Tan et al. 2024, Scaling Stick-breaking Attention: An Efficient Implementation and In-depth Study, "
        "arXiv:2410.17980",
        year=2024,
        change="The nearest key takes its share first, the next a share of what is left: recency without any positions.",
        use="Research models of IBM; a kernel in flash-linear-attention.",
        wins="The last value of a name that was given several: nearer matches leave nothing to farther ones.",
        loses="Two matches that count alike, since the nearer one takes nearly all; and the token does not see itself.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.competing_tokens.stick_breaking_attention",
        function=stick_breaking_attention,
        kept=keys_and_values,
        rows="at most one",
        causal=True,
        also=("stickbreaking",),
    ),
    Card(
        name="scalable-softmax",
        title="Scalable softmax (SSMax)",
        family="normalisers",
        formula="weights_i = softmax(s_h · log n · S_i), causal, with n = i + 1 keys to see, S = Q Kᵀ / √dim",
        latex=r"A_{ij} = \frac{n_i^{\,s_h S_{ij}}}{\sum_{k} n_i^{\,s_h S_{ik}}},\quad n_i = i + 1",
        symbols="our s_h is their s, learned for each head",
        paper="Nakanishi 2025, Scalable-Softmax Is Superior for Attention, arXiv:2501.19399; log n before: Chiang & Cholak "
        "2022, "
        "Overcoming a Theoretical Limitation of Self-Attention, arXiv:2202.12172",
        year=2025,
        change="Scores grow with the logarithm of how many keys compete, so that the largest weight does not fade as the text "
        "grows.",
        use="Llama 4's layers without positions scale queries alike, from 8,192 tokens on, at inference.",
        wins="Finding one fact in a text far longer than those of training.",
        loses="Short texts, where there is nothing to make up for; a first token's scores count nothing at all.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="normalisers.competing_tokens.scaled_by_length",
        factors=_scalable,
        kept=keys_and_values,
        causal=True,
        also=("SSMax", "log-n scaling", "attention temperature", "dilution"),
    ),
    Card(
        name="multi-token",
        title="Multi-token attention (MTA)",
        family="normalisers",
        formula="weights = softmax(C), causal, with C_ij = Σ_ab θ_ab S_{i−a, j+1−b}: a score hears those around it",
        latex=r"A = \operatorname{softmax}(C),\quad C_{ij} = \sum_{a < c_q} \sum_{b < c_k} \theta_{ab}\, "
        r"S_{i-a,\, j + \lfloor c_k/2 \rfloor - b}",
        symbols=f"our θ is theirs; here c_q = {BACK} and c_k = {AROUND}, six and eleven in the paper",
        leaves_out="the convolution over heads after softmax (see talking heads), and the norm of each head's output",
        paper="Golovneva et al. 2025, Multi-Token Attention, arXiv:2504.00927",
        year=2025,
        change="A weight no longer depends on one query and one key alone, but on what fits near them.",
        use="Research models of Meta.",
        wins="Finding the place where several words stand together, of which each also stands elsewhere.",
        loses="Fused kernels: a score needs its neighbours before softmax, also those of other queries.",
        flops=Cost(
            "2·heads·queries·keys·(dim + value_dim); the convolution is no matrix product",
            lambda s: FULL_PRODUCTS.count(s) + 0 * one_sequence(s),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=Cost(
            f"heads·(c_q − 1)·dim·itemsize: queries that are still heard, here c_q = {BACK}",
            lambda s: s.heads * (BACK - 1) * s.dim * s.itemsize,
        ),
        code="normalisers.competing_tokens.multi_token_attention",
        function=_multi_token,
        kept=lambda query, key, value: (key, value, query[:, :, query.shape[2] - (BACK - 1) :]),
        step_function=_multi_token_step,
        causal=True,
        also=("MTA", "key-query convolution"),
    ),
)
