"""Cards of patterns: who may look at whom."""

import math

import torch
from torch import Tensor

from regard import masks
from regard.mechanisms.card import (
    KEYS_AND_VALUES,
    NOTHING,
    Card,
    Cost,
    Kept,
    MapArguments,
    appended,
    keys_and_values,
    learned,
    nothing,
    one_sequence,
    pairs,
    query_and_key,
)
from regard.mechanisms.patterns.selected_blocks import compress, native_sparse_attention, native_sparse_gathered
from regard.mechanisms.patterns.shifted_windows import shifted_window_attention
from regard.mechanisms.patterns.sparse_patterns import bigbird, dilated_heads, global_local
from regard.mechanisms.softmax_attention import attention

# The sizes of a model would be larger; these leave something to see in 16 tokens.
WINDOW = 4
AROUND = 5
BESIDE = AROUND // 2
PREFIX = 12
BLOCK = 4
SMALL = 2  # BigBird's block, which shows five blocks of a row and more
SELECTED = 2
SPARSE: dict[str, int] = {"block": BLOCK, "selected": SELECTED, "window": WINDOW}
RANDOM = 1
IMAGE_WINDOW = 2
GLOBAL = torch.tensor([0])


def _dilated(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Head h looks at keys h + 1 apart."""
    return dilated_heads(query, key, value, WINDOW, range(1, query.shape[1] + 1), causal=True)


def _dilated_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """Each head keeps as many tokens as its own window reaches back: first the keys of all heads, then their values."""
    outputs = []
    for head, (keys, values) in enumerate(zip(kept[: len(kept) // 2], kept[len(kept) // 2 :], strict=True)):
        keys, values = appended(keys, key[:, head])[:, None], appended(values, value[:, head])[:, None]
        outputs.append(dilated_heads(query[:, [head]], keys, values, WINDOW, [head + 1], causal=True)[0])
    return torch.cat(outputs, dim=1)


def _prefix(query: Tensor, key: Tensor) -> MapArguments:
    before = key.shape[2] - query.shape[2]
    return {"query": query, "key": key, "mask": masks.causal(before) | masks.prefix(PREFIX)}


def _documents(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Documents of 3, 5, 3, 5 ... tokens: `masks.documents`, for queries that are the last of the keys."""
    place = torch.arange(key.shape[2], device=key.device)
    ids = place // 8 * 2 + (place % 8 >= 3)  # (keys,)
    return attention(query, key, value, ids[-query.shape[2] :, None] == ids, causal=True)


def _blocks(query: Tensor, key: Tensor) -> MapArguments:
    before = key.shape[2] - query.shape[2]
    return {"query": query, "key": key, "mask": masks.causal(before) & masks.blocks(BLOCK, offset=before)}


def _last_block(x: Tensor) -> Tensor:
    return x[:, :, (x.shape[2] - 1) // BLOCK * BLOCK :]


def _global_local(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Second projections stand on the first ones, for want of the tokens that both are made of."""
    global_query, global_key, global_value = (
        tensor @ learned(tensor.shape[-1], tensor.shape[-1], like=tensor, seed=seed)
        for seed, tensor in enumerate((query, key, value))
    )
    return global_local(query, key, value, global_query, global_key, global_value, AROUND, GLOBAL)


def _bigbird(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    random = masks.random_blocks(RANDOM, SMALL, key.shape[2] // SMALL, heads=key.shape[1])
    return bigbird(query, key, value, random, SMALL)


def _gates(query: Tensor) -> Tensor:
    """A gate for each of the three looks, (batch, heads, queries, 3), made of the query for want of the token."""
    return torch.sigmoid(query @ learned(query.shape[-1], 3, like=query))


def _native_sparse(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return native_sparse_attention(query, key, value, _gates(query), **SPARSE)


def _native_sparse_gathered(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return native_sparse_gathered(query, key, value, _gates(query), **SPARSE)


def _swin(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens as a square image, in windows shifted by half a window."""
    side, heads = math.isqrt(key.shape[2]), query.shape[1]
    table = learned(heads, 2 * IMAGE_WINDOW - 1, 2 * IMAGE_WINDOW - 1, like=query)
    shift = IMAGE_WINDOW // 2
    return shifted_window_attention(query, key, value, (side, side), IMAGE_WINDOW, shift=shift, bias_table=table)


CARDS = (
    Card(
        name="causal",
        title="Causal attention",
        family="patterns",
        formula="token i sees the tokens j ≤ i",
        latex=r"\mathcal{V}_i = \{\, j : j \le i \,\}",
        paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.2.3",
        year=2017,
        change="A decoder may not read what it is to write: all positions are trained at once, as if each were the last.",
        use="Every decoder: GPT, Llama, Qwen, the decoders of Whisper and Marian.",
        wins="Generating text: what was computed for a token stays true when others follow, so it is kept in a cache.",
        loses="Reading a whole text, to classify or to label it: the first word knows nothing of the rest.",
        flops=Cost(
            "heads·queries·(2·keys − queries + 1)·(dim + value_dim)",
            lambda s: s.heads * s.queries * (2 * s.keys - s.queries + 1) * (s.dim + s.value_dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=query_and_key(causal=True),
        kept=keys_and_values,
        sparse=True,
        causal=True,
    ),
    Card(
        name="window",
        title="Sliding window attention",
        family="patterns",
        formula="token i sees the W tokens i − W < j ≤ i",
        latex=r"\mathcal{V}_i = \{\, j : i - W < j \le i \,\}",
        symbols="our W counts the token itself, as Mistral's sliding_window; Longformer's w is centred, w / 2 on each side",
        paper="Beltagy, Peters, Cohan 2020, Longformer: The Long-Document Transformer, arXiv:2004.05150, section 3.1",
        year=2020,
        change="The cost of a token no longer grows with the text. Layers stack up: L of them reach L·(W − 1) tokens back.",
        use="Mistral 7B of 2023; Gemma 2 and 3 and gpt-oss, in layers that take turns with layers that see everything.",
        wins="Long texts whose words depend on near ones: cost and cache stay the same from the W-th token on.",
        loses="Copying a name from far back: it is out of every window, and must be handed on from layer to layer.",
        flops=Cost(
            f"2·heads·Σ min(W, i + 1)·(dim + value_dim) over the places i of the queries, here W = {WINDOW}",
            lambda s: 2 * s.heads * pairs(s, lambda i: min(WINDOW, i + 1)) * (s.dim + s.value_dim),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            f"heads·W·(dim + value_dim)·itemsize, here W = {WINDOW}",
            lambda s: s.heads * WINDOW * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="softmax_attention.attention",
        factors=query_and_key(causal=True, window=WINDOW),
        kept=lambda _, key, value: (key[:, :, -WINDOW:], value[:, :, -WINDOW:]),
        sparse=True,
        causal=True,
    ),
    Card(
        name="dilated",
        title="Dilated windows",
        family="patterns",
        formula="in head h, token i sees the W tokens i − m·step_h, for 0 ≤ m < W",
        latex=r"\mathcal{V}_i^{(h)} = \{\, i - m\, s_h : 0 \le m < W \,\}",
        symbols="our step is Longformer's dilation d; the stride l of Sparse Transformers, where W has no end",
        paper="Beltagy, Peters, Cohan 2020, Longformer: The Long-Document Transformer, arXiv:2004.05150, section 3.1; "
        "strided attention: Child et al. 2019, arXiv:1904.10509, section 4.3",
        year=2020,
        change="Gaps in the window: as many keys reach step times as far, and heads divide near and far among them.",
        use="Longformer's character models, on two heads of the upper layers; Sparse Transformers; DiNAT, for images.",
        wins="What repeats at a known distance, as the pixel above in an image that is read row by row.",
        loses="Words at arbitrary distances: a head does not see what falls between its steps.",
        flops=Cost(
            "2·Σ min(W, ⌊i / step⌋ + 1)·(dim + value_dim) over the places i of the queries and the heads, of steps 1 … heads, "
            f"here W = {WINDOW}",
            lambda s: (
                2
                * pairs(s, lambda i: sum(min(WINDOW, i // step + 1) for step in range(1, s.heads + 1)))
                * (s.dim + s.value_dim)
            ),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            f"heads·((W − 1)·(heads + 1)/2 + 1)·(dim + value_dim)·itemsize, steps 1 … heads, here W = {WINDOW}",
            lambda s: ((WINDOW - 1) * s.heads * (s.heads + 1) // 2 + s.heads) * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="patterns.sparse_patterns.dilated_heads",
        function=_dilated,
        kept=lambda _, key, value: tuple(
            tensor[:, head, -((WINDOW - 1) * (head + 1) + 1) :] for tensor in (key, value) for head in range(key.shape[1])
        ),
        step_function=_dilated_step,
        sparse=True,
        causal=True,
    ),
    Card(
        name="prefix",
        title="Prefix attention (prefix LM)",
        family="patterns",
        formula="token i sees the tokens j ≤ i, and all of the first P",
        latex=r"\mathcal{V}_i = \{\, j : j \le i \text{ or } j < P \,\}",
        paper="Raffel et al. 2019, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, "
        "arXiv:1910.10683, section 3.2.1",
        year=2019,
        change="What is given is read both ways, what is written is causal: an encoder and a decoder in one stack.",
        use="PaliGemma, where image and question are the prefix; UniLM and GLM-130B.",
        wins="A question about a picture: patches should see each other, whatever their order.",
        loses="Chat: with each turn the prefix grows, and what was cached of it is no longer true.",
        flops=Cost(
            f"2·heads·Σ max(i + 1, P)·(dim + value_dim) over the places i of the queries, here P = {PREFIX}",
            lambda s: 2 * s.heads * pairs(s, lambda i: max(i + 1, min(PREFIX, s.keys))) * (s.dim + s.value_dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        factors=_prefix,
        kept=keys_and_values,
        sparse=True,
    ),
    Card(
        name="document",
        title="Document attention (packing)",
        family="patterns",
        formula="token i sees the tokens j ≤ i of its own document",
        latex=r"\mathcal{V}_i = \{\, j : j \le i,\ \mathrm{doc}_j = \mathrm{doc}_i \,\}",
        paper="Krell et al. 2021, Efficient Sequence Packing without Cross-contamination, arXiv:2107.02027",
        year=2021,
        change="Documents of any length share a sequence without padding between them, and do not see each other.",
        use="Training: Llama 3 masks the documents of a sequence so; flash kernels call it variable length.",
        wins="Training on short texts: no computation is spent on padding.",
        loses="Texts that belong together, as the files of a program: split into documents, they cannot see each other.",
        flops=Cost(
            "2·heads·Σ (place in its document, from 1)·(dim + value_dim) over the queries, here documents of 3, 5, 3 … tokens",
            lambda s: 2 * s.heads * pairs(s, lambda i: i % 8 + 1 - 3 * (i % 8 >= 3)) * (s.dim + s.value_dim),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="softmax_attention.attention",
        function=_documents,
        kept=keys_and_values,
        sparse=True,
        causal=True,
    ),
    Card(
        name="block",
        title="Block-local (chunked) attention",
        family="patterns",
        formula="token i sees the tokens j ≤ i of its own block: ⌊j / size⌋ = ⌊i / size⌋",
        latex=r"\mathcal{V}_i = \{\, j : j \le i,\ \lfloor j / b \rfloor = \lfloor i / b \rfloor \,\}",
        symbols="our size is their l; this is the first head of their fixed pattern",
        paper="Child et al. 2019, Generating Long Sequences with Sparse Transformers, arXiv:1904.10509, section 4.3",
        year=2019,
        change="Blocks are small attentions of their own: dense products, and a cache that starts afresh with each block.",
        use="Llama 4, with blocks of 8,192 tokens in three of four layers; Sparse Transformers.",
        wins="Throughput: a block is a dense matrix product, with no diagonal edge as a window has.",
        loses="The first token of a block sees nobody but itself, though its sentence began just before.",
        flops=Cost(
            f"2·heads·Σ (i mod size + 1)·(dim + value_dim) over the places i of the queries, here size = {BLOCK}",
            lambda s: 2 * s.heads * pairs(s, lambda i: i % BLOCK + 1) * (s.dim + s.value_dim),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            f"heads·size·(dim + value_dim)·itemsize at most, here size = {BLOCK}",
            lambda s: s.heads * BLOCK * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="softmax_attention.attention",
        factors=_blocks,
        kept=lambda _, key, value: (_last_block(key), _last_block(value)),
        sparse=True,
        causal=True,
    ),
    Card(
        name="global-local",
        title="Global and local attention (Longformer)",
        family="patterns",
        formula="token i sees |i − j| ≤ W / 2 and the global tokens; a global token sees all, by projections of its own",
        latex=r"\mathcal{V}_i = \{\, j : |i - j| \le \lfloor W/2 \rfloor \,\} \cup G,"
        r"\quad \mathcal{V}_{g \in G} = \{1, \dots, n\}",
        symbols="our W counts the token itself: W = w + 1 in their w",
        paper="Beltagy, Peters, Cohan 2020, Longformer: The Long-Document Transformer, arXiv:2004.05150, section 3.1",
        year=2020,
        change="A few tokens that the task chooses collect from the whole text and hand out to it, at a linear cost.",
        use="Longformer, for documents of up to 4,096 tokens, and the encoder of LED, for up to 16,384.",
        wins="Answering a question about a long document: the question's tokens are global.",
        loses="Tasks that name no token in advance, as generating text: what should be global is not known.",
        flops=Cost(
            "2·heads·(queries·(W + 2) − (r + 1)·(r + 2))·(dim + value_dim), W = 2·r + 1, the first token global, "
            f"here W = {AROUND}",
            lambda s: 2 * s.heads * (one_sequence(s) * (AROUND + 2) - (BESIDE + 1) * (BESIDE + 2)) * (s.dim + s.value_dim),
        ),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="patterns.sparse_patterns.global_local",
        function=_global_local,
        kept=nothing,
        sparse=True,
        reconstructs=False,
    ),
    Card(
        name="bigbird",
        title="BigBird",
        family="patterns",
        formula="block a sees its neighbours |a − b| ≤ 1, the first and the last block, and R blocks at random; "
        "the first and the last block see all",
        latex=r"\mathcal{V}_a = \{\, b : |a - b| \le 1 \,\} \cup \{1, B\} \cup \mathcal{R}_a,"
        r"\quad \mathcal{V}_1 = \mathcal{V}_B = \{1, \dots, B\}",
        symbols="our R is their r, counted in blocks",
        paper="Zaheer et al. 2020, Big Bird: Transformers for Longer Sequences, arXiv:2007.14062, section 2",
        year=2020,
        change="Window, global and random blocks together have short paths between any two tokens: as strong as full attention "
        "in theory, at a linear cost.",
        use="BigBird and BigBird-Pegasus, to answer questions about and to summarise documents of up to 4,096 tokens.",
        wins="Long documents of which nobody says what is important: random blocks find a way.",
        loses="Generation token by token: the pattern looks ahead, and its last block is not there yet.",
        flops=Cost(
            f"2·heads·size·((7 + R)·queries − (12 + 2·R)·size)·(dim + value_dim), here size = {SMALL}, R = {RANDOM}",
            lambda s: (
                2 * s.heads * SMALL * ((7 + RANDOM) * one_sequence(s) - (12 + 2 * RANDOM) * SMALL) * (s.dim + s.value_dim)
            ),
        ),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="patterns.sparse_patterns.bigbird",
        function=_bigbird,
        kept=nothing,
        sparse=True,
    ),
    Card(
        name="swin-window",
        title="Shifted windows (Swin)",
        family="patterns",
        formula="output_i = softmax_j(q_i · k_j / √dim + table[place_i − place_j]) v_j, over the patches j of i's window",
        latex=r"O = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}} + B\right) V \text{ in each window}",
        symbols="our window is their M; the shift is half of it in every second layer",
        paper="Liu et al. 2021, Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, arXiv:2103.14030, "
        "section 3.2",
        year=2021,
        change="Attention within windows of an image, moved by half a window from layer to layer: linear in the patches.",
        use="Swin and its followers: backbones for detection and segmentation, SwinIR and Swin2SR, the encoder of Donut.",
        wins="Large images: small windows on fine patches, where full attention would not fit.",
        loses="Relating far corners of an image: it takes many layers, or coarser patches.",
        flops=Cost(
            f"2·heads·queries·window²·(dim + value_dim), here window = {IMAGE_WINDOW}",
            lambda s: 2 * s.heads * one_sequence(s) * IMAGE_WINDOW**2 * (s.dim + s.value_dim),
        ),
        cache_per_token=NOTHING,
        state=NOTHING,
        code="patterns.shifted_windows.shifted_window_attention",
        function=_swin,
        kept=nothing,
    ),
    Card(
        name="native-sparse",
        title="Native sparse attention (NSA)",
        family="patterns",
        formula="output = g₁·compressed + g₂·selected + g₃·window: means of blocks, the best of the blocks, the last tokens",
        latex=r"o_t = \sum_{c} g_t^{c}\, \operatorname{Attn}\!\left(q_t, \tilde K_t^{c}, \tilde V_t^{c}\right),"
        r"\quad c \in \{\mathrm{cmp}, \mathrm{slc}, \mathrm{win}\}",
        symbols="our block is their l = d = l′, our selected their n, our window their w; blocks are compressed to their mean",
        paper="Yuan et al. 2025, Native Sparse Attention: Hardware-Aligned and Natively Trainable Sparse Attention, "
        "arXiv:2502.11089, section 3",
        year=2025,
        change="The sparse pattern is found by the model, for each token anew, and is there from the first step of training.",
        use="DeepSeek's model of 27 billion parameters in the paper; flash-linear-attention has open kernels.",
        wins="Long contexts of which a token needs a few places: it reads these and an outline of the rest.",
        loses="Short texts, where three looks cost more than one; and the whole cache of keys and values is kept.",
        flops=Cost(
            "2·heads·queries·((keys/block + selected·block + window)·(dim + value_dim) + 3·dim), "
            f"here block = {BLOCK}, selected = {SELECTED}, window = {WINDOW}",
            lambda s: (
                2
                * s.heads
                * s.queries
                * ((-(-s.keys // BLOCK) + SELECTED * BLOCK + WINDOW) * (s.dim + s.value_dim) + 3 * s.dim)
            ),
        ),
        cache_per_token=Cost(
            f"heads·(dim + value_dim)·itemsize·(1 + 1/block), here block = {BLOCK}",
            lambda s: s.heads * (s.dim + s.value_dim) * s.itemsize * (BLOCK + 1) // BLOCK,
        ),
        state=NOTHING,
        code="patterns.selected_blocks.native_sparse_attention",
        function=_native_sparse,
        kept=lambda _, key, value: (key, value, compress(key, BLOCK), compress(value, BLOCK)),
        step_function=lambda q, k, v, kept: _native_sparse_gathered(q, appended(kept[0], k), appended(kept[1], v)),
        runs_as=_native_sparse_gathered,
        causal=True,
        rows="any",
    ),
)
