"""Cards of attention to something else: another sequence, learned vectors, a place, the neighbours in a graph."""

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.mechanisms.card import (
    FULL_PRODUCTS,
    KEYS_AND_VALUES,
    NOTHING,
    Card,
    Cost,
    Kept,
    Sizes,
    keys_and_values,
    learned,
    nothing,
    one_sequence,
)
from regard.mechanisms.cross.graph_attention import graph_attention
from regard.mechanisms.cross.hard_attention import likeliest_attention
from regard.mechanisms.cross.latents_and_sets import induced_attention, read_into_latents
from regard.mechanisms.cross.monotonic_attention import mocha_attention, monotonic_attention
from regard.mechanisms.cross.pointing import copy_distribution, pointer
from regard.mechanisms.scores.score_functions import additive
from regard.mechanisms.softmax_attention import attention

LATENTS = 4
CHUNK = 4


def _perceiver(_query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Four learned latents look; what asks afterwards are the latents, so the queries are not used."""
    latents = learned(key.shape[1], LATENTS, key.shape[3], like=key)
    return read_into_latents(latents, key, value)


def _set_pooling(_query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """One seed: the set becomes a vector."""
    seed = learned(key.shape[1], 1, key.shape[3], like=key, seed=1)
    return read_into_latents(seed, key, value)


def _induced_set(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The product of the two maps is formed to be looked at; `_through_points` is what runs."""
    seen = induced_attention(query, _points(key), key, value)
    return seen.output, seen.write @ seen.read


def _through_points(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return induced_attention(query, _points(key), key, value).output


def _points(key: Tensor) -> Tensor:
    return learned(key.shape[1], LATENTS, key.shape[3], like=key, seed=2)


def _pointer(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The weights are the answer; the output is the mean of the values under them."""
    weights = pointer(query, key, *_pointing(key))
    return weights @ value, weights


def _pointing_at_values(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same without a mean of the keys, which `pointer` has no use for."""
    return additive(query, key, value, *_pointing(key))[0]


def _pointing(key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    dim = key.shape[3]
    return learned(dim, dim, like=key, seed=3), learned(dim, dim, like=key, seed=4), 4 * learned(dim, like=key, seed=5)


def _copy(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The word of a key is the highest number of its value; the weights are the copied part, and the rest is generated."""
    context, attended = attention(query, key, value)
    state = torch.cat([query, context], dim=-1)  # (batch, heads, queries, dim + value_dim)
    generating = torch.sigmoid(state @ learned(state.shape[3], 1, like=key, seed=6))  # (batch, heads, queries, 1)
    vocabulary = torch.softmax(state @ learned(state.shape[3], value.shape[3], like=key, seed=7), dim=-1)
    tokens, words = value.argmax(dim=-1), value.shape[3]  # (batch, heads, keys)
    p, known, copied, source = (x.flatten(0, 1) for x in (generating.squeeze(-1), vocabulary, attended, tokens))
    mixed = copy_distribution(p, known, copied, source, words)  # (batch · heads, queries, words)
    return mixed.unflatten(0, key.shape[:2]), (1 - generating) * attended


def _hard(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest place, as at test time, so that the answer is always the same; `hard_attention` draws one."""
    seen = likeliest_attention(query @ key.mT / key.shape[3] ** 0.5, value)
    return seen.output, seen.weights


def _one_value(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    place = (query @ key.mT).argmax(dim=-1, keepdim=True)  # (batch, heads, queries, 1)
    output: Tensor = value.gather(2, place.expand(-1, -1, -1, value.shape[3]))
    return output


def _stops(query: Tensor, key: Tensor) -> Tensor:
    """An offset of −1, as would be learned: the walk stops at about every fourth key of no interest."""
    scores: Tensor = query @ key.mT / key.shape[3] ** 0.5 - 1
    return scores


def _monotonic(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return monotonic_attention(_stops(query, key), value)


def _mocha(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    dim = key.shape[3]
    chunk_scores = query @ learned(dim, dim, like=key, seed=8) @ key.mT / dim**0.5
    return mocha_attention(_stops(query, key), chunk_scores, value, CHUNK)


def _walk(_query: Tensor, _key: Tensor, _value: Tensor, _kept: Kept) -> Tensor:
    raise OptionError(
        "expected a mechanism whose tokens are decoded as `apply` computes them, got a walk, of which `apply` is the mean over "
        "all walks; decode with monotonic_decoding or mocha_decoding"
    )


def _graph(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A ring: each node sees itself and its two neighbours."""
    nodes = torch.arange(key.shape[2], device=key.device)
    apart = (nodes[:, None] - nodes) % len(nodes)  # (nodes, nodes)
    ring = (apart <= 1) | (apart == len(nodes) - 1)
    return graph_attention(query, key, value, learned(key.shape[1], key.shape[3], like=key, seed=9), ring)


def _read_products(latents: int) -> Cost:
    return Cost(
        f"2·heads·latents·keys·(dim + value_dim), here latents = {latents}",
        lambda s: 2 * s.heads * latents * s.keys * (s.dim + s.value_dim),
    )


def _induced_products(s: Sizes) -> int:
    return 2 * s.heads * LATENTS * (s.keys * (2 * s.dim + s.value_dim) + s.queries * (s.dim + s.value_dim))


CARDS = (
    Card(
        name="cross",
        title="Cross-attention",
        family="cross",
        formula="output = softmax(Q Kᵀ / √dim) V, Q from one sequence, K and V from another",
        latex=r"O = \operatorname{softmax}\!\left(\frac{(X W_Q)(M W_K)^\top}{\sqrt{d}}\right) M W_V",
        symbols="our dim is their d_k; M, the memory, is the output of their encoder",
        paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.2.3",
        year=2017,
        change="Queries of the decoder look at keys of the encoder: Bahdanau's attention in the form of multi-head attention.",
        use="Translation (Marian, T5), Whisper, the prompt of Stable Diffusion's U-Net, images in Llama 3.2 Vision.",
        wins="Translation: the source is read once, and each word written looks at all of it.",
        loses="Text that only goes on: prompt and answer in one sequence need one kind of attention, not two.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="attention_layers.MultiHeadAttention",
        function=attention,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="perceiver",
        title="Perceiver",
        family="cross",
        formula="output = softmax(L Kᵀ / √dim) V, L a few learned latents",
        latex=r"O = \operatorname{softmax}\!\left(\frac{L K^\top}{\sqrt{d}}\right) V,\quad L \in \mathbb{R}^{m \times d}",
        symbols="our keys are their M, our latents their N",
        paper="Jaegle et al. 2021, Perceiver: General Perception with Iterative Attention, arXiv:2103.03206, section 3.1",
        year=2021,
        change="Queries are learned and few: the input is read at a cost that grows with its length, not with its square.",
        use="The resamplers that hand images to a language model: Flamingo, Idefics2. With outputs: Perceiver IO.",
        wins="Large inputs of any kind, such as 50,000 pixels, whose gist fits into a few hundred vectors.",
        loses="Copying a long input word by word: what does not fit through the latents is lost.",
        flops=_read_products(LATENTS),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="cross.latents_and_sets.read_into_latents",
        function=_perceiver,
        kept=nothing,
        without_gradient=("query",),
        permutable=True,
    ),
    Card(
        name="induced-set",
        title="Induced set attention (ISAB)",
        family="cross",
        formula="output = softmax(Q (R K)ᵀ / √dim) R V, with R = softmax(I Kᵀ / √dim), I a few learned points",
        latex=r"O = \operatorname{softmax}\!\left(\frac{Q (R K)^\top}{\sqrt{d}}\right) R V,\quad"
        r" R = \operatorname{softmax}\!\left(\frac{I K^\top}{\sqrt{d}}\right)",
        symbols="our points are their m inducing points I, our keys their n; projections, norms and rFF left out",
        paper="Lee et al. 2018, Set Transformer: A Framework for Attention-based Permutation-Invariant Neural Networks, "
        "arXiv:1810.00825, section 3.1",
        year=2018,
        change="Elements see each other through learned points: the map is a product of two thin ones.",
        use="Models of sets and point clouds, such as SetVAE. Perceiver IO makes the same detour.",
        wins="Sets of thousands of elements in no order, such as points of a scan: cost grows with their number.",
        loses="Finding the one element that equals another: a map of rank 4 cannot be a permutation.",
        flops=Cost(
            f"2·heads·points·(keys·(2·dim + value_dim) + queries·(dim + value_dim)), here points = {LATENTS}", _induced_products
        ),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="cross.latents_and_sets.induced_attention",
        function=_induced_set,
        kept=nothing,
        runs_as=_through_points,
        permutable=True,
    ),
    Card(
        name="set-pooling",
        title="Pooling by attention (PMA)",
        family="cross",
        formula="output = softmax(S Kᵀ / √dim) V, S a learned seed",
        latex=r"O = \operatorname{softmax}\!\left(\frac{S K^\top}{\sqrt{d}}\right) V,\quad S \in \mathbb{R}^{1 \times d}",
        symbols="our latents are their k seeds S; projections, norms and rFF left out",
        paper="Lee et al. 2018, Set Transformer: A Framework for Attention-based Permutation-Invariant Neural Networks, "
        "arXiv:1810.00825, section 3.2",
        year=2018,
        change="A set becomes one vector by a learned question, where mean and maximum ask nothing.",
        use="The pooling heads of image encoders: SigLIP, CoCa.",
        wins="One label for many elements of which few matter, such as the sick cells of a slide.",
        loses="Counting: weights sum to 1, so a set and the same set twice look alike.",
        flops=_read_products(1),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="cross.latents_and_sets.read_into_latents",
        function=_set_pooling,
        kept=nothing,
        without_gradient=("query",),
        permutable=True,
    ),
    Card(
        name="pointer",
        title="Pointer network",
        family="cross",
        formula="P(answer i = key j) = softmax_j(v · tanh(W q_i + U k_j)): the weights are the output",
        latex=r"P(y_i = j) = \operatorname{softmax}_j\!\left(v^\top \tanh(W q_i + U k_j)\right)",
        symbols="our k is their e, our q their d, our W and U their W₂ and W₁",
        paper="Vinyals et al. 2015, Pointer Networks, arXiv:1506.03134, section 2.3",
        year=2015,
        change="The answer is a place in the input: there is no fixed vocabulary to choose from.",
        use="Answer spans (Match-LSTM, R-Net), tours by neural solvers, the choice of a unit in AlphaStar.",
        wins="Sorting and tours: each answer is an element of the input, of whatever length.",
        loses="Answers that are not in the input: it can only point at what is there.",
        flops=Cost(
            "2·heads·((queries + keys)·hidden·dim + queries·keys·(hidden + value_dim)), here hidden = dim",
            lambda s: 2 * s.heads * ((s.queries + s.keys) * s.dim**2 + s.queries * s.keys * (s.dim + s.value_dim)),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="cross.pointing.pointer",
        function=_pointer,
        kept=keys_and_values,
        runs_as=_pointing_at_values,
        permutable=True,
    ),
    Card(
        name="copy",
        title="Pointer-generator (copying)",
        family="cross",
        formula="P(w) = p · P_vocab(w) + (1 − p) · Σ_{j: token_j = w} weight_j",
        latex=r"P(w) = p\, P_{\mathrm{vocab}}(w) + (1 - p) \sum_{j:\, x_j = w} a_j",
        symbols="our p is their p_gen, our weights their a; they score by addition, here the score is the scaled dot product",
        paper="See, Liu and Manning 2017, Get To The Point: Summarization with Pointer-Generator Networks, "
        "arXiv:1704.04368, equations 8 and 9",
        year=2017,
        change="For each word the decoder decides anew whether to write it or to copy it.",
        use="Summaries, semantic parsers and dialogue systems from before words were cut into pieces.",
        wins="Names and numbers that no vocabulary has: they are copied as they stand.",
        loses="Saying it in other words: a model that may copy does so more than people do.",
        flops=Cost(
            "2·heads·queries·(keys·(dim + value_dim) + (dim + value_dim)·(1 + words)), here words = value_dim",
            lambda s: 2 * s.heads * s.queries * (s.dim + s.value_dim) * (s.keys + 1 + s.value_dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="cross.pointing.copy_distribution",
        function=_copy,
        kept=keys_and_values,
        rows="at most one",
        permutable=True,
        reconstructs=False,
    ),
    Card(
        name="hard",
        title="Hard attention",
        family="cross",
        formula="output_i = v_s, with s drawn from softmax(q_i Kᵀ / √dim), or the likeliest",
        latex=r"o_i = v_s,\quad"
        r" s \sim \operatorname{Cat}\!\left(\operatorname{softmax}\!\left(\frac{q_i K^\top}{\sqrt{d}}\right)\right)",
        symbols="our weights before the draw are their α, our values their annotations a; they score with a small network",
        paper="Xu et al. 2015, Show, Attend and Tell: Neural Image Caption Generation with Visual Attention, "
        "arXiv:1502.03044, section 4.1",
        year=2015,
        change="One value is read as it is, in place of the mean of all: the choice is trained by rewards.",
        use="Where reading costs much: glimpses of large images. The top-1 router of a mixture of experts is a relative.",
        wins="Reading one exact thing: no other value is mixed in, and none but it has to be fetched.",
        loses="Training: rewards give a noisy gradient, where soft attention has the exact one.",
        flops=Cost("2·heads·queries·keys·dim", lambda s: 2 * s.heads * s.queries * s.keys * s.dim),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="cross.hard_attention.likeliest_attention",
        function=_hard,
        kept=keys_and_values,
        runs_as=_one_value,
        without_gradient=("query", "key"),
        permutable=True,
    ),
    Card(
        name="monotonic",
        title="Monotonic attention",
        family="cross",
        formula="α_ij = p_ij Σ_{k≤j} α_{i−1,k} Π_{l=k..j−1} (1 − p_il), with p = σ(score)",
        latex=r"\alpha_{ij} = p_{ij} \sum_{k=1}^{j} \alpha_{i-1,k} \prod_{l=k}^{j-1} (1 - p_{il}),\quad"
        r" p_{ij} = \sigma(e_{ij})",
        symbols="our scores are their e; they score by addition, here it is the scaled dot product with an offset of −1",
        paper="Raffel et al. 2017, Online and Linear-Time Attention by Enforcing Monotonic Alignments, "
        "arXiv:1704.00784, equation 9",
        year=2017,
        change="A walk from left to right that stops once a query: it decodes while the input still arrives.",
        use="Streaming speech recognition, simultaneous translation; its multi-head form in SeamlessStreaming.",
        wins="Live speech: an answer can begin before the input has ended, and nothing behind the walk is kept.",
        loses="Word order that changes, as between German and English verbs: it never goes back.",
        flops=FULL_PRODUCTS,
        cache_per_token=NOTHING,
        state=Cost(
            "heads·(dim + value_dim)·itemsize: the place of the walk", lambda s: s.heads * (s.dim + s.value_dim) * s.itemsize
        ),
        code="cross.monotonic_attention.monotonic_attention",
        function=_monotonic,
        kept=lambda _, key, value: (key[:, :, -1:], value[:, :, -1:]),
        step_function=_walk,
        rows="at most one",
    ),
    Card(
        name="mocha",
        title="Monotonic chunkwise attention (MoChA)",
        family="cross",
        formula="β_ij = Σ_{k=j..j+w−1} α_ik · exp(u_ij) / Σ_{l=k−w+1..k} exp(u_il), with α of monotonic attention",
        latex=r"\beta_{ij} = \sum_{k=j}^{j+w-1} \alpha_{ik} \frac{\exp(u_{ij})}{\sum_{l=k-w+1}^{k} \exp(u_{il})}",
        symbols="our width is their w, our chunk scores their u; scores as on the card of monotonic attention",
        paper="Chiu and Raffel 2017, Monotonic Chunkwise Attention, arXiv:1712.05382, equation 17",
        year=2017,
        change="Softmax over the few keys before the place where the walk stops: order may change within a chunk.",
        use="Streaming speech recognition, also on telephones.",
        wins="Live speech whose sounds overlap: a letter is heard from several frames together.",
        loses="Dependencies longer than the chunk, such as a verb at the end of the sentence.",
        flops=Cost(
            "2·heads·queries·(dim² + keys·(2·dim + value_dim))",
            lambda s: 2 * s.heads * s.queries * (s.dim**2 + s.keys * (2 * s.dim + s.value_dim)),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            f"heads·width·(dim + value_dim)·itemsize: the last chunk, here width = {CHUNK}",
            lambda s: s.heads * CHUNK * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="cross.monotonic_attention.mocha_attention",
        function=_mocha,
        kept=lambda _, key, value: (key[:, :, -CHUNK:], value[:, :, -CHUNK:]),
        step_function=_walk,
        rows="at most one",
    ),
    Card(
        name="graph",
        title="Graph attention (GATv2)",
        family="cross",
        formula="output_i = Σ_{j∈N(i)} softmax_j(a · LeakyReLU(q_i + k_j)) v_j, N(i) the neighbours of i",
        latex=r"o_i = \sum_{j \in \mathcal{N}(i)}"
        r" \operatorname{softmax}_j\!\left(a^\top \operatorname{LeakyReLU}(q_i + k_j)\right) v_j",
        symbols="our q_i + k_j is their W [h_i ; h_j]; their value is our key",
        paper="Brody, Alon and Yahav 2021, How Attentive are Graph Attention Networks?, arXiv:2105.14491, section 3; "
        "after Veličković et al. 2017, Graph Attention Networks, arXiv:1710.10903",
        year=2021,
        change="The mask is a graph. The bend comes before a: in the first form all nodes ranked the others alike.",
        use="The attention layer of graph libraries (GATv2Conv in PyTorch Geometric and DGL).",
        wins="Molecules, roads, citations: who is related to whom is known, and need not be learned.",
        loses="Reaching far: a node ten edges away takes ten layers, and its message is squeezed on the way.",
        flops=Cost(
            "2·edges·(dim + value_dim), here edges = 3·heads·keys",
            lambda s: 2 * 3 * s.heads * one_sequence(s) * (s.dim + s.value_dim),
        ),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="cross.graph_attention.graph_attention",
        function=_graph,
        kept=nothing,
        sparse=True,
    ),
)
