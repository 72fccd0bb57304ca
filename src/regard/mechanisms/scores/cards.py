"""Cards of score functions: how well a key fits a query."""

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
from regard.mechanisms.scores import score_functions as scores

LUONG = "Luong, Pham, Manning 2015, Effective Approaches to Attention-based Neural Machine Translation, arXiv:1508.04025"


def _additive(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    dim = query.shape[-1]
    query_weight, key_weight = (learned(dim, dim, like=query, seed=seed) for seed in (1, 2))
    return scores.additive(query, key, value, query_weight, key_weight, 3 * learned(dim, like=query, seed=3))


def _general(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    dim = query.shape[-1]
    return scores.general(query, key, value, learned(dim, dim, like=query))


def _concat(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    dim = query.shape[-1]
    weight = learned(dim, 2 * dim, like=query, seed=1)
    return scores.concat(query, key, value, weight, 3 * learned(dim, like=query, seed=2))


def _location(query: Tensor, _key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The keys are not looked at: only how many there are, as values."""
    return scores.location(query, value, 3 * learned(value.shape[2], query.shape[-1], like=query))


def _location_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    (values,) = kept
    return _location(query, key, appended(values, value))[0]


def _cosine(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Scale 10 in every head, where Swin V2 begins."""
    return scores.cosine(query, key, value, query.new_full((query.shape[1],), 10.0))


def _qk_norm(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Gains around 1, where models begin."""
    query_gain, key_gain = (1 + 0.3 * learned(query.shape[-1], like=query, seed=seed) for seed in (1, 2))
    return scores.qk_norm(query, key, value, query_gain, key_gain)


def _network(s: Sizes) -> int:
    """Each query and each key through a projection, each pair through v, and the weighted mean."""
    projections = 2 * s.heads * (s.queries + s.keys) * s.dim * s.dim
    return projections + 2 * s.heads * s.queries * s.keys * (s.dim + s.value_dim)


NETWORK = Cost(
    "2·heads·((queries + keys)·dim·hidden + queries·keys·(hidden + value_dim)), here hidden = dim; and a tanh for each of "
    "queries·keys·hidden numbers, which is what takes the time",
    _network,
)

CARDS = (
    Card(
        name="additive",
        title="Additive attention (Bahdanau)",
        also=("Bahdanau attention", "MLP attention", "concat score"),
        family="scores",
        formula="score_ij = v · tanh(W q_i + U k_j)",
        latex=r"s_{ij} = v^\top \tanh(W q_i + U k_j)",
        symbols="our query is their decoder state s_{i−1}, our key and value their annotation h_j; W, U, v are W_a, U_a, v_a",
        paper="Bahdanau, Cho, Bengio 2014, Neural Machine Translation by Jointly Learning to Align and Translate, "
        "arXiv:1409.0473, appendix A.1.2",
        year=2014,
        change="The decoder looks at every source word anew for each word that it writes, not at one vector of the sentence.",
        use="Translation and speech with recurrent networks (RNNsearch; Tacotron 2, with a term for location).",
        wins="Matching vectors of different sizes or meaning, such as a decoder's state and an encoder's: each side has its "
        "own projection, and the tanh lets a key fit without being alike.",
        loses="Long texts: a hidden vector for each pair must be computed, which no matrix product can do.",
        flops=NETWORK,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.additive",
        function=_additive,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="dot",
        title="Dot-product attention (Luong)",
        also=("Luong attention", "dot product"),
        family="scores",
        formula="score_ij = q_i · k_j",
        latex=r"s_{ij} = q_i^\top k_j",
        symbols="our query is their decoder state h_t, our key and value their encoder state h_s",
        paper=f"{LUONG}, section 3.1",
        year=2015,
        change="The score is a plain product: all pairs are one matrix product, and there is nothing to learn.",
        use="Recurrent translation models; T5, whose initial weights make up for the missing 1/√dim.",
        wins="Queries and keys that live in one space already: no parameters, and the fastest of all scores.",
        loses="Large dims: scores grow with √dim, softmax saturates, and gradients vanish. There see scaled-dot.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.dot",
        function=scores.dot,
        factors=query_and_key(scale=1.0),
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="general",
        title="General (bilinear) attention (Luong)",
        also=("Luong general", "bilinear attention", "multiplicative attention"),
        family="scores",
        formula="score_ij = q_iᵀ W k_j",
        latex=r"s_{ij} = q_i^\top W k_j",
        symbols="our query is their decoder state h_t, our key and value their encoder state h_s, our W their W_a",
        paper=f"{LUONG}, section 3.1",
        year=2015,
        change="A matrix learns which feature of a query asks for which feature of a key; their sizes may differ.",
        use="Recurrent translation models and readers; inside every transformer head, as W = W_Qᵀ W_K.",
        wins="A query that asks for something unlike itself, such as a verb for its subject: a plain product finds likenesses.",
        loses="Many heads on wide vectors: a full matrix a head is dim² numbers, where two thin projections do.",
        flops=Cost(
            "2·heads·queries·(dim² + keys·(dim + value_dim))",
            lambda s: 2 * s.heads * s.queries * (s.dim * s.dim + s.keys * (s.dim + s.value_dim)),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.general",
        function=_general,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="concat",
        title="Attention by concatenation (Luong)",
        family="scores",
        formula="score_ij = v · tanh(W [q_i; k_j])",
        latex=r"s_{ij} = v^\top \tanh(W [q_i; k_j])",
        symbols="our query is their decoder state h_t, our key and value their encoder state h_s; W, v are W_a, v_a",
        paper=f"{LUONG}, section 3.1",
        year=2015,
        change="Additive attention with one matrix over both vectors, and the decoder's present state as the query.",
        use="Recurrent models of its time; graph attention (GATv2) has this form, with a leaky ReLU for the tanh.",
        wins="Pairs whose fit is not a product of features, such as one feature or another: the network bends.",
        loses="Translation, in its own paper: it came out behind dot and general there; and it is as slow as additive.",
        flops=NETWORK,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.concat",
        function=_concat,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="location",
        title="Location-based attention (Luong)",
        also=("location-based",),
        family="scores",
        formula="score_ij = w_j · q_i, a learned w for each position j; no keys",
        latex=r"s_{ij} = w_j^\top q_i",
        symbols="our query is their decoder state h_t, our value their encoder state h_s, our w_j a row of their W_a",
        paper=f"{LUONG}, equation 8",
        year=2015,
        change="The query alone says which positions it wants, whatever stands there.",
        use="A baseline; the dense Synthesizer (Tay et al. 2020) tries it in transformers, with two layers for W.",
        wins="Fixed layouts, such as the field of a form that always stands in one place: there is no content to search.",
        loses="Finding a word wherever it is: the weights cannot depend on it. And lengths are bounded by the rows of W.",
        flops=FULL_PRODUCTS,
        cache_per_token=Cost("heads·value_dim·itemsize", lambda s: s.heads * s.value_dim * s.itemsize),
        state=NOTHING,
        code="scores.score_functions.location",
        function=_location,
        kept=lambda _query, _key, value: (value,),
        step_function=_location_step,
        without_gradient=("key",),
    ),
    Card(
        name="scaled-dot",
        title="Scaled dot-product attention",
        also=("SDPA", "softmax attention", "vanilla attention", "scaled dot product"),
        family="scores",
        formula="score_ij = q_i · k_j / √dim",
        latex=r"s_{ij} = \frac{q_i^\top k_j}{\sqrt{d}}",
        symbols="our dim is their d_k, our value_dim their d_v",
        paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, equation 1",
        year=2017,
        change="Dividing by √dim keeps the variance of scores at 1 for any dim, so that softmax starts soft and can learn.",
        use="Nearly every transformer; it is what fused kernels compute.",
        wins="Training at any width: as fast as dot, without its saturation.",
        loses="Long training of very large models, where vectors and with them scores grow without bound: see qk-norm.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=query_and_key(),
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="cosine",
        title="Cosine attention",
        also=("cosine similarity", "Swin v2 attention"),
        family="scores",
        formula="score_ij = scale · cos(q_i, k_j), a learned scale for each head",
        latex=r"s_{ij} = \beta \, \frac{q_i^\top k_j}{\lVert q_i \rVert \, \lVert k_j \rVert}",
        symbols="our scale is their key strength β, and 1/τ in Swin V2 (Liu et al. 2021, arXiv:2111.09883)",
        paper="Graves, Wayne, Danihelka 2014, Neural Turing Machines, arXiv:1410.5401, equations 5 and 6",
        year=2014,
        change="Only the direction counts: a score is bounded by the scale, which says how sharp a row may be.",
        use="Content addressing in memory networks (NTM, DNC); Swin V2.",
        wins="Vision models that grow in depth and resolution: a few keys with long vectors no longer take every row.",
        loses="Very long rows: with bounded scores, no key can have most of the weight unless the scale grows with the length.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.cosine",
        function=_cosine,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="qk-norm",
        title="Query-key normalisation (QK-norm)",
        also=("QK-Norm", "QKNorm", "query-key norm"),
        family="scores",
        formula="score_ij = norm(q_i) · norm(k_j) / √dim, with norm(x) = gain · x / √(mean(x²) + eps)",
        latex=r"s_{ij} = \frac{\operatorname{norm}(q_i)^\top \operatorname{norm}(k_j)}{\sqrt{d}},\quad "
        r"\operatorname{norm}(x) = g \odot \frac{x}{\sqrt{\operatorname{mean}(x^2) + \varepsilon}}",
        symbols="with one gain for all channels, their g is √dim · query_gain · key_gain",
        paper="Henry, Dachapally, Pawar, Chen 2020, Query-Key Normalization for Transformers, arXiv:2010.04245, section 3; "
        "with a gain for each channel in the models of today",
        year=2020,
        change="Queries and keys are normalised in each head and given a learned gain: scores cannot blow up in training.",
        use="ViT-22B (with layer norm), Gemma 3, Qwen 3 (each head, as here), OLMo 2 (over all heads at once).",
        wins="Stable training of large models at high learning rates: attention does not collapse onto one key.",
        loses="Saying by a key's length how much it matters to every query: the norm takes it away, and the gains are the same "
        "for all keys.",
        flops=FULL_PRODUCTS,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.qk_norm",
        function=_qk_norm,
        kept=keys_and_values,
        permutable=True,
    ),
    Card(
        name="kernel-regression",
        title="Kernel regression (Nadaraya-Watson)",
        also=("Nadaraya–Watson", "Nadaraya-Watson", "kernel smoother"),
        family="scores",
        formula="score_ij = −‖q_i − k_j‖² / 2·bandwidth²",
        latex=r"s_{ij} = -\frac{\lVert q_i - k_j \rVert^2}{2 h^2}",
        symbols="our query is their x, our key and value their observations X_j and Y_j, our bandwidth their h",
        paper="Nadaraya 1964, On Estimating Regression; Watson 1964, Smooth Regression Analysis; here with a Gaussian kernel",
        year=1964,
        change="An unknown value is estimated by the known ones, each weighted by how near it is.",
        use="Statistics, for smoothing; it explains attention: softmax of dot products is this, up to the lengths of the keys.",
        wins="Smooth curves through few noisy points: no training is needed, and the bandwidth has a meaning.",
        loses="Many dims: all points are far from one another, and only learned projections make nearness mean something.",
        flops=Cost(
            "2·heads·queries·keys·value_dim; and the distances, dim subtractions and squares for each pair",
            lambda s: 2 * s.heads * s.queries * s.keys * s.value_dim,
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="scores.score_functions.kernel_regression",
        function=scores.kernel_regression,
        kept=keys_and_values,
        permutable=True,
    ),
)
