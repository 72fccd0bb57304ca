"""Cards of patterns that the model chooses for each token anew."""

import torch
from torch import Tensor

from regard.mechanisms.card import KEYS_AND_VALUES, NOTHING, Card, Cost, Kept, appended, keys_and_values, learned, pairs
from regard.mechanisms.patterns.chosen_tokens import block_mixture, indexed_attention
from regard.mechanisms.patterns.trees import tree_mask
from regard.mechanisms.softmax_attention import attention

INDEX_HEADS, INDEX_DIM, INDEXED = 2, 4, 4
BLOCK, BLOCKS = 4, 2


def _hidden(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)  # (batch, positions, heads · dim), which stands for the hidden states


def _index_keys(key: Tensor) -> Tensor:
    hidden = _hidden(key)
    return hidden @ learned(hidden.shape[2], INDEX_DIM, like=key, seed=1)  # (batch, keys, index_dim)


def _index_of(query: Tensor) -> tuple[Tensor, Tensor]:
    hidden = _hidden(query)
    asked = hidden @ learned(hidden.shape[2], INDEX_HEADS * INDEX_DIM, like=query, seed=2)
    weight = hidden @ learned(hidden.shape[2], INDEX_HEADS, like=query, seed=3)
    return asked.unflatten(2, (INDEX_HEADS, INDEX_DIM)).transpose(1, 2), weight.transpose(1, 2)


def _indexed(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    asked, weight = _index_of(query)
    return indexed_attention(query, key, value, asked, _index_keys(key), weight, selected=INDEXED)


def _indexed_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values, index_keys = kept
    asked, weight = _index_of(query)
    index_keys = torch.cat([index_keys, _index_keys(key)], dim=1)
    both = appended(keys, key), appended(values, value)
    return indexed_attention(query, *both, asked, index_keys, weight, selected=INDEXED)[0]


def _block_mixture(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return block_mixture(query, key, value, block=BLOCK, selected=BLOCKS)


TEXT, PARENTS = 6, (-1, -1, 0, 0, 1, 2, 2, 3, 4, 4)


def _tree(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Six tokens of a text, a tree of ten that continue it, and then a line of such that continue the tree's last."""
    length = key.shape[2]
    parents = torch.tensor([*PARENTS, *range(len(PARENTS) - 1, length)])[: max(length - TEXT, 1)]
    seen = tree_mask(parents, max(length - len(parents), 0)).dense(1, 1, length, length, device=key.device)
    return attention(query, key, value, seen[:, :, length - query.shape[2] :])


def _tree_pairs(i: int) -> int:
    """The text, the ancestors and itself."""
    if i < TEXT:
        return i + 1
    depth, token = 1, i - TEXT
    while token >= 0:
        parent = PARENTS[token] if token < len(PARENTS) else token - 1
        depth, token = depth + 1, parent
    return TEXT + depth - 1


CARDS = (
    Card(
        name="tree",
        title="Tree attention (speculative decoding)",
        family="patterns",
        formula="a token of the text sees the tokens j ≤ i; a token of the tree sees the text, its ancestors and itself",
        latex=r"\mathcal{V}_i = \{1, \dots, n\} \cup \operatorname{anc}(i) \cup \{i\},\quad i \text{ in a tree after } n "
        r"\text{ tokens}",
        symbols=f"here a text of {TEXT} tokens and a tree of ten, whose first two are two guesses of the next token",
        leaves_out="what makes the drafts, and what accepts or rejects them; a token's position is the text's length plus its "
        "depth",
        paper="Miao et al. 2023, SpecInfer: Accelerating Large Language Model Serving with Tree-based Speculative Inference "
        "and "
        "Verification, arXiv:2305.09781; Cai et al. 2024, Medusa, arXiv:2401.10774",
        year=2023,
        change="Several continuations are read in one pass, each as if it were alone: one of them is likely to be right.",
        use="Medusa, EAGLE; speculative decoding in vLLM, SGLang and TensorRT-LLM.",
        wins="Decoding of few texts, where reading ten tokens takes as long as reading one.",
        loses="Large batches, where the arithmetic of guesses that are rejected has to be paid.",
        flops=Cost(
            "2·heads·Σ (text + depth in the tree, itself included)·(dim + value_dim) over the queries",
            lambda s: 2 * s.heads * pairs(s, _tree_pairs) * (s.dim + s.value_dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="patterns.trees.tree_mask",
        function=_tree,
        kept=keys_and_values,
        sparse=True,
        causal=True,
        also=("speculative decoding", "draft tree", "Medusa", "EAGLE"),
    ),
    Card(
        name="lightning-indexer",
        title="DeepSeek sparse attention (DSA)",
        family="patterns",
        formula=f"token t sees the k tokens s ≤ t of largest I_ts = Σ_j w_tj · ReLU(q′_tj · k′_s), here k = {INDEXED}",
        latex=r"I_{ts} = \sum_j w_{tj} \operatorname{ReLU}\!\left(q_{tj}^{I\top} k_s^{I}\right),\quad "
        r"\mathcal{V}_t = \operatorname{Top}_k(I_{t,:})",
        symbols="our q′, k′ and w are their q^I, k^I and w^I; the index has 2 heads of 4 channels here",
        leaves_out="the latents that DeepSeek-V3.2 looks at, the rotation of the index, and its training to follow full "
        "attention",
        paper="DeepSeek-AI 2025, DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models, arXiv:2512.02556",
        year=2025,
        change="A small index looks at every token, in few and narrow heads and in low precision; attention only at what it "
        "chose.",
        use="DeepSeek-V3.2, 2,048 tokens of up to 131,072, and GLM-5.",
        wins="A trained model of long contexts: it is switched over by some further training, and reads a few tokens of many.",
        loses="Short texts, where all tokens are chosen anyway; and the index still looks at every pair.",
        flops=Cost(
            f"2·heads·Σ min(k, i + 1)·(dim + value_dim) over the places i of the queries, here k = {INDEXED}; the index costs "
            "2·queries·keys·index heads·index dim besides",
            lambda s: 2 * s.heads * pairs(s, lambda i: min(INDEXED, i + 1)) * (s.dim + s.value_dim),
        ),
        cache_per_token=Cost(
            f"heads·(dim + value_dim)·itemsize + index dim·itemsize, here index dim = {INDEX_DIM}",
            lambda s: (s.heads * (s.dim + s.value_dim) + INDEX_DIM) * s.itemsize,
        ),
        state=NOTHING,
        code="patterns.chosen_tokens.indexed_attention",
        function=_indexed,
        kept=lambda _, key, value: (key, value, _index_keys(key)),
        step_function=_indexed_step,
        sparse=True,
        causal=True,
        also=("DSA", "DeepSeek sparse attention", "top-k attention"),
    ),
    Card(
        name="moba",
        title="Mixture of block attention (MoBA)",
        family="patterns",
        formula="token t sees the tokens s ≤ t of its own block, and of the k − 1 blocks before with the largest q_t · mean "
        "of keys",
        latex=r"\mathcal{V}_t = \{ s \le t : \lfloor s/B \rfloor \in \operatorname{Top}_k(g_t) \},\quad "
        r"g_{tb} = q_t^\top \operatorname{mean}_{s \in b} k_s,\ g_{t \lfloor t/B \rfloor} = \infty",
        symbols=f"our g is their s; here blocks are of {BLOCK} tokens and k = {BLOCKS}, the own block included",
        paper="Lu et al. 2025, MoBA: Mixture of Block Attention for Long-Context LLMs, arXiv:2502.13189, section 2",
        year=2025,
        change="A gate without parameters sends each query to a few blocks, as experts are chosen: full attention can be "
        "switched "
        "to it, and back.",
        use="Moonshot's long-context models of the paper.",
        wins="Reading a prompt of a million tokens with a model that was trained with full attention.",
        loses="A fact that one token of a block holds: the mean of its keys does not show it.",
        flops=Cost(
            "2·heads·Σ (i mod block + 1 + block·min(k − 1, ⌊i/block⌋))·(dim + value_dim) over the places i of the queries, "
            "here "
            f"block = {BLOCK}, k = {BLOCKS}; scores of blocks cost 2·heads·queries·keys/block·dim besides",
            lambda s: (
                2 * s.heads * pairs(s, lambda i: i % BLOCK + 1 + BLOCK * min(BLOCKS - 1, i // BLOCK)) * (s.dim + s.value_dim)
            ),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="patterns.chosen_tokens.block_mixture",
        function=_block_mixture,
        kept=keys_and_values,
        sparse=True,
        causal=True,
        also=("MoBA", "block-sparse attention", "top-k blocks"),
    ),
)
