"""Cards of caches: their maps are those of a text that is decoded token by token."""

from collections.abc import Callable

from torch import Tensor

from regard.mechanisms.caches.cache import Cache, decode
from regard.mechanisms.caches.compressed_cards import COMPRESSED
from regard.mechanisms.caches.evicting import HeavyHitterCache, LastWeightsCache, StreamingCache
from regard.mechanisms.card import NOTHING, Card, Cost, Function, Kept, one_sequence, pairs

SINKS, WINDOW = 2, 4
HEAVY, RECENT = 3, 2
BUDGET = 5


def _streaming() -> Cache:
    return StreamingCache(SINKS, WINDOW)


def _heavy() -> HeavyHitterCache:
    return HeavyHitterCache(HEAVY, RECENT)


def _last() -> LastWeightsCache:
    return LastWeightsCache(BUDGET)


def _decoded(make: Callable[[], Cache]) -> Function:
    def run(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        output, weights, _ = decode(make, query, key, value)
        return output, weights

    return run


def _after(cache: Cache) -> Kept:
    received = cache.received if isinstance(cache, HeavyHitterCache) else None
    return (*cache.held(), received) if isinstance(received, Tensor) else cache.held()


def _going_on(cache: Cache, query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """A cache filled with what was kept, in its order, and then the next token."""
    keys, values = kept[:2]
    cache.take(keys, values, seen=keys.shape[2])
    if isinstance(cache, HeavyHitterCache):
        cache.received = kept[2]
    return cache.attend(query, key, value)[0]


def _streaming_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    return _after(decode(_streaming, query, key, value)[2])


def _streaming_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    return _going_on(_streaming(), query, key, value, kept)


def _heavy_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    return _after(decode(_heavy, query, key, value)[2])


def _heavy_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    return _going_on(_heavy(), query, key, value, kept)


def _last_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    return _after(decode(_last, query, key, value)[2])


def _last_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    return _going_on(_last(), query, key, value, kept)


CARDS = (
    Card(
        name="streaming",
        title="Attention sinks and a window (StreamingLLM)",
        family="caches",
        formula=f"token i sees the first S tokens and the W tokens i − W < j ≤ i, here S = {SINKS} and W = {WINDOW}",
        latex=r"\mathcal{V}_i = \{\, j : j < S \text{ or } i - W < j \le i \,\}",
        symbols="our S is the number of their attention sinks",
        leaves_out="new positions for what is held: in the paper a token's position is its place in the cache",
        paper="Xiao et al. 2023, Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453, section 3",
        year=2023,
        change="The first tokens stay in the cache, as much weight rests on them whatever they say: a window alone breaks "
        "without.",
        use="Endless chats on models that were trained without sinks; kvpress and others have it as a baseline.",
        wins="A stream of any length, at a cost and a memory that stay as they are.",
        loses="Whatever stood between the first tokens and the window: it is gone, and no query can ask for it.",
        flops=Cost(
            f"2·heads·Σ min(S + W, i + 1)·(dim + value_dim) over the places i, here S = {SINKS}, W = {WINDOW}",
            lambda s: (
                2 * s.heads * pairs(s, lambda i: min(SINKS + WINDOW, i + 1)) * (s.dim + s.value_dim) + 0 * one_sequence(s)
            ),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            "heads·(S + W − 1)·(dim + value_dim)·itemsize",
            lambda s: s.heads * (SINKS + WINDOW - 1) * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="caches.evicting.StreamingCache",
        function=_decoded(_streaming),
        kept=_streaming_kept,
        step_function=_streaming_step,
        sparse=True,
        causal=True,
        also=("StreamingLLM", "KV cache eviction", "sink tokens", "rolling cache"),
    ),
    Card(
        name="heavy-hitters",
        title="Heavy hitters (H2O)",
        family="caches",
        formula="token i sees what is held and itself; then of all but the last R the token of least Σ of weights received is "
        "let "
        f"go, as long as more than H + R are held, here H = {HEAVY} and R = {RECENT}",
        latex=r"\mathcal{V}_{i+1} = \mathcal{V}_i \cup \{i\} \setminus \operatorname*{arg\,min}_{j \le i - R} "
        r"\sum_{l \le i} A_{lj}",
        paper="Zhang et al. 2023, H2O: Heavy-Hitter Oracle for Efficient Generative Inference of Large Language Models, "
        "arXiv:2306.14048",
        year=2023,
        change="A few tokens have most of the weight, and those that had it will have it: each head keeps its own.",
        use="The baseline of cache eviction; kvpress, and caches of several servers.",
        wins="Summaries and chats whose gist rests on few tokens, with a fifth of the cache.",
        loses="Questions that come after the text: what nobody looked at before them is gone.",
        flops=Cost(
            f"2·heads·Σ min(H + R + 1, i + 1)·(dim + value_dim) over the places i, here H = {HEAVY}, R = {RECENT}",
            lambda s: (
                2 * s.heads * pairs(s, lambda i: min(HEAVY + RECENT + 1, i + 1)) * (s.dim + s.value_dim) + 0 * one_sequence(s)
            ),
        ),
        cache_per_token=NOTHING,
        state=Cost(
            "heads·(H + R)·(dim + value_dim + 1)·itemsize: keys, values, and the weight that each has received",
            lambda s: s.heads * (HEAVY + RECENT) * (s.dim + s.value_dim + 1) * s.itemsize,
        ),
        code="caches.evicting.HeavyHitterCache",
        function=_decoded(_heavy),
        kept=_heavy_kept,
        step_function=_heavy_step,
        sparse=True,
        causal=True,
        also=("H2O", "KV cache eviction", "KV cache compression"),
    ),
    Card(
        name="last-weights",
        title="Token omission via attention (TOVA)",
        family="caches",
        formula="token i sees what is held and itself; then the token of least mean weight of row i over the heads is let go, "
        "as "
        f"long as more than B are held, here B = {BUDGET}",
        latex=r"\mathcal{V}_{i+1} = \mathcal{V}_i \cup \{i\} \setminus \operatorname*{arg\,min}_{j} "
        r"\frac{1}{h} \sum_{h} A^{(h)}_{ij}",
        paper="Oren et al. 2024, Transformers are Multi-State RNNs, arXiv:2401.06104, section 3",
        year=2024,
        change="Only the newest row counts, for all heads alike: nothing is kept for being first, recent or once heavy.",
        use="A baseline of cache eviction; kvpress.",
        wins="A budget that is hard, with a rule of one line: what the newest token needs least goes.",
        loses="Heads that need different tokens, as they share one choice.",
        flops=Cost(
            f"2·heads·Σ min(B + 1, i + 1)·(dim + value_dim) over the places i, here B = {BUDGET}",
            lambda s: 2 * s.heads * pairs(s, lambda i: min(BUDGET + 1, i + 1)) * (s.dim + s.value_dim) + 0 * one_sequence(s),
        ),
        cache_per_token=NOTHING,
        state=Cost("heads·B·(dim + value_dim)·itemsize", lambda s: s.heads * BUDGET * (s.dim + s.value_dim) * s.itemsize),
        code="caches.evicting.LastWeightsCache",
        function=_decoded(_last),
        kept=_last_kept,
        step_function=_last_step,
        sparse=True,
        causal=True,
        also=("TOVA", "KV cache eviction", "multi-state RNN"),
    ),
    *COMPRESSED,
)
