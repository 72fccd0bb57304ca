"""Words that people look for, what they mean here, and the cards that they lead to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word of the field.

    Attributes:
        name: as it is said.
        meaning: one or two sentences.
        cards: names of cards, the nearest first; none where no mechanism has it.
        also: other ways to say it.
        read: what else to read, a module of regard or a page.
    """

    name: str
    meaning: str
    cards: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    read: str = ""


GLOSSARY: tuple[Term, ...] = (
    Term(
        "KV cache",
        "The keys and values of all tokens so far, which decoding keeps so that a new token costs one row and not all of them. "
        "Its size is what cards call bytes kept for each key.",
        (
            "multi-head",
            "grouped-query",
            "multi-query",
            "latent",
            "tensor-product",
            "streaming",
            "heavy-hitters",
            "last-weights",
            "snapkv",
            "quantised-cache",
            "paged-cache",
        ),
        ("key-value cache", "cache"),
        "regard.mechanisms.caches, and the pages Memory and Kernels, devices, caches",
    ),
    Term(
        "KV cache eviction",
        "Letting tokens go from the cache: by place, by weight, or once after the prompt.",
        ("streaming", "heavy-hitters", "last-weights", "snapkv", "selective"),
        ("KV cache compression", "token pruning", "SnapKV"),
        "regard.mechanisms.caches.evicting",
    ),
    Term(
        "PagedAttention",
        "A cache in pages that need not lie beside each other and that texts with one beginning share. It changes "
        "where keys lie, and no number.",
        ("paged-cache",),
        ("paged KV cache", "prefix caching", "prefix reuse", "vLLM"),
        "regard.mechanisms.caches.compressed.PagedCache",
    ),
    Term(
        "KV cache quantisation",
        "Keys and values in few bits: keys by channel, values by token.",
        ("quantised-cache",),
        ("KV cache quantization", "KIVI", "fp8 cache", "int4 cache"),
        "regard.mechanisms.caches.compressed.QuantizedCache",
    ),
    Term(
        "cross-layer sharing",
        "Several layers read the keys and values that one of them wrote.",
        (),
        ("CLA", "YOCO", "cross-layer attention"),
        "regard.mechanisms.caches.compressed.SharedLayers",
    ),
    Term(
        "attention sink",
        "A place where weight rests that has nowhere else to go, most often the first token.",
        ("sinks", "off-by-one", "gated", "gated-heads", "streaming"),
        ("sink token", "attend to nothing"),
    ),
    Term(
        "RoPE scaling",
        "Rotary positions changed so that a model reads texts longer than those of training.",
        ("position-interpolation", "ntk-aware", "yarn"),
        ("context extension", "long context", "rope_scaling"),
    ),
    Term(
        "scaling by √d",
        "Dot products of d numbers have a variance of d times that of one product, and large scores make softmax one-hot, with "
        "gradients near 0. Divided by √d they stay alike for every d.",
        ("scaled-dot", "dot"),
        ("sqrt", "sqrt(d)", "square root", "1/√d", "scaling factor"),
        "notebook 1, Introduction to attention mechanisms: Why divide by √d?",
    ),
    Term(
        "temperature",
        "How flat or sharp softmax makes the same scores. Most divide scores by it, so that larger is flatter; some multiply. "
        "Cards write the factor. (The temperature of sampling divides the scores of words, not of keys.)",
        ("scaled-dot", "yarn", "scalable-softmax", "cosine", "qk-norm"),
        ("scale", "sharpness"),
    ),
    Term(
        "FlashAttention",
        "A kernel that computes attention tile by tile and stores no weights; its numbers are those of softmax attention.",
        ("multi-head",),
        ("flash", "online softmax", "tiling", "memory-efficient attention"),
        "regard.mechanisms.online_softmax and flash_backward",
    ),
    Term(
        "FlexAttention",
        "PyTorch's attention with a function of positions for the mask and one for the scores.",
        ("causal", "window", "document", "softcap", "alibi"),
        ("mask_mod", "score_mod", "block mask", "block sparsity"),
        "the page Kernels, devices, caches",
    ),
    Term(
        "speculative decoding",
        "A small model drafts tokens, a large one reads them all at once and keeps those that it would have written.",
        ("tree",),
        ("draft model", "Medusa", "EAGLE", "tree mask"),
        "regard.mechanisms.patterns.trees",
    ),
    Term(
        "context parallelism",
        "One text on several devices: queries stay, keys and values go around.",
        (),
        ("ring attention", "sequence parallelism", "striped attention", "zigzag"),
        "regard.mechanisms.ring_attention",
    ),
    Term(
        "sparse attention",
        "Most weights are left out: by a fixed pattern, or by a choice of the model.",
        ("native-sparse", "lightning-indexer", "moba", "window", "bigbird", "global-local"),
        ("block-sparse attention", "top-k attention", "long context"),
    ),
    Term(
        "hybrid model",
        "Layers of several kinds in one model: windows or states in most, all of the text in some.",
        ("window", "gated-delta", "kimi-delta", "state-space-duality", "no-position"),
        ("layer layout", "interleaved attention", "5:1", "3:1", "iRoPE"),
        "regard.mechanisms.layouts, and the page Memory",
    ),
    Term(
        "linear attention",
        "Keys and values are summed up in a state of fixed size, which queries read.",
        ("linear", "retention", "gated-linear", "state-space-duality", "delta-rule", "gated-delta", "kimi-delta", "performer"),
        ("recurrent attention", "fast weights", "state space model", "SSM", "Mamba"),
    ),
    Term(
        "packing",
        "Several texts in one sequence of training, which do not see each other.",
        ("document",),
        ("packed documents", "varlen", "cu_seqlens", "sequence packing"),
    ),
    Term(
        "NoPE",
        "No positional encoding: the causal mask alone tells the order. In hybrids every fourth layer, beside rotary ones.",
        ("no-position",),
        ("RNoPE", "SWAN"),
    ),
    Term(
        "query-key clipping",
        "After a step of training, projections of heads whose scores have grown too large are made smaller.",
        ("softcap", "qk-norm"),
        ("QK-clip", "MuonClip", "exploding attention logits"),
        "regard.mechanisms.normalisers.query_key_clip",
    ),
    Term(
        "attention logits",
        "Scores before softmax, scaled.",
        ("dot", "scaled-dot", "softcap"),
        ("logits", "scores", "attention scores"),
    ),
    Term(
        "prefill and decoding",
        "A prompt is read at once, with a row for each of its tokens; what follows is written with one row at a time.",
        ("causal", "multi-query", "grouped-query"),
        ("prefill", "decode", "chunked prefill", "autoregressive"),
        "regard.mechanisms.caches.cache.decode",
    ),
)
"""In the order in which they are best read."""
