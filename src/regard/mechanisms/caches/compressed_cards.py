"""Cards of caches that choose once, after the prompt, or keep all tokens: in few bits, or in pages."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.mechanisms.caches.cache import decode
from regard.mechanisms.caches.compressed import PagedCache, Pages, QuantizedCache
from regard.mechanisms.caches.evicting import PromptCache
from regard.mechanisms.card import KEYS_AND_VALUES, NOTHING, Beside, Card, Cost, Kept, Sizes, appended, one_sequence, pairs
from regard.mechanisms.softmax_attention import attention

PROMPT, BUDGET, WINDOW, KERNEL = 8, 2, 2, 3
BITS, GROUP = 2, 4
CODES = 8 // BITS  # in a byte
PAGE = 4
MEMORY, TABLE = 6, (2, 0, 5, 3)  # pages of a memory in which others write, and those of the example's text


def _snapkv(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    prompt = min(PROMPT, key.shape[2])
    return decode(lambda: PromptCache(BUDGET, WINDOW, KERNEL), query, key, value, prompt=prompt)[:2]


def _snapkv_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    """Of a text that is not yet as long as the prompt, all."""
    if key.shape[2] < PROMPT:
        return key, value
    return decode(lambda: PromptCache(BUDGET, WINDOW, KERNEL), query, key, value, prompt=PROMPT)[2].held()


def _one_more(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """What is held is let go, or written in few bits, after the newest token has read it."""
    keys, values = kept
    return attention(query, appended(keys, key), appended(values, value))[0]


def _quantised(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return decode(lambda: QuantizedCache(BITS, GROUP), query, key, value)[:2]


def _quantised_kept(query: Tensor, key: Tensor, value: Tensor) -> Kept:
    """Codes, least and step of keys, then of values, and the tokens of a group that is not yet full."""
    keys, values = decode(lambda: QuantizedCache(BITS, GROUP), query, key, value)[2].held()
    full = keys.shape[2] // GROUP * GROUP
    of_keys = _packed(keys[:, :, :full].unflatten(2, (-1, GROUP)), axis=3)  # (batch, heads, groups, group, dim)
    of_values = _packed(values[:, :, :full], axis=3)
    return *of_keys, *of_values, keys[:, :, full:], values[:, :, full:]


def _packed(rough: Tensor, axis: int) -> Kept:
    """The codes of numbers that were rounded, several in a byte, with the least number and the step of each range."""
    least = rough.amin(axis, keepdim=True)
    step = (rough.amax(axis, keepdim=True) - least) / (2**BITS - 1)
    codes = torch.where(step > 0, (rough - least) / step, torch.zeros_like(rough)).round().to(torch.uint8)
    codes = pad(codes, (0, -codes.shape[-1] % CODES)).unflatten(-1, (-1, CODES))
    places = 2 ** (BITS * torch.arange(CODES, dtype=torch.uint8, device=codes.device))
    return (codes * places).sum(-1, dtype=torch.uint8), least, step


def _unpacked(kept: Kept, features: int) -> Tensor:
    packed, least, step = kept
    shifts = BITS * torch.arange(CODES, dtype=torch.uint8, device=packed.device)
    codes = (packed.unsqueeze(-1) >> shifts & (2**BITS - 1)).flatten(-2)[..., :features]
    rough: Tensor = least + codes * step
    return rough


def _quantised_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    rough_keys = _unpacked(kept[:3], features=key.shape[3]).flatten(2, 3)
    rough_values = _unpacked(kept[3:6], features=value.shape[3])
    return _one_more(query, key, value, (appended(rough_keys, kept[6]), appended(rough_values, kept[7])))


def _quantised_bytes(s: Sizes) -> int:
    codes = -(-s.dim // CODES) + -(-s.value_dim // CODES)
    return s.heads * (codes + 2 * s.dim * s.itemsize // GROUP + 2 * s.itemsize)


def _paged(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    pages = Pages(PAGE, -(-key.shape[2] // PAGE))
    return decode(lambda: PagedCache(pages), query, key, value)[:2]


def _beside_exact(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What rounding does to the weights."""
    return _quantised(query, key, value)[1] - attention(query, key, value, causal=True)[1]


def _where_keys_lie(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The weights in the order of memory: pages as another text left them free, and those of nobody between them."""
    memory = query.new_zeros(*query.shape[:3], MEMORY * PAGE)
    weights = _paged(query, key, value)[1].split(PAGE, dim=3)
    for page, part in zip(TABLE, weights, strict=True):
        memory[..., PAGE * page : PAGE * page + part.shape[3]] = part
    return memory


def _paged_step(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    pages = len(kept) // 2
    return _one_more(query, key, value, (torch.cat(kept[:pages], dim=2), torch.cat(kept[pages:], dim=2)))


CAUSAL = Cost(
    "2·heads·Σ (i + 1)·(dim + value_dim) over the places i",
    lambda s: 2 * s.heads * pairs(s, lambda i: i + 1) * (s.dim + s.value_dim) + 0 * one_sequence(s),
)

COMPRESSED = (
    Card(
        name="snapkv",
        title="What the end of the prompt looks at (SnapKV)",
        family="caches",
        formula="a prompt of P tokens sees itself; then of all but its last W tokens the B of largest Σ of the weights that "
        "these W give, averaged over their neighbours, are kept, and all that follows, here "
        f"P = {PROMPT}, B = {BUDGET}, W = {WINDOW}, and {KERNEL} neighbours",
        latex=r"\mathcal{V}_i = \operatorname*{top}_{B}\Big(\operatorname{pool}_j \sum_{P - W \le l < P} A_{lj}\Big)"
        r" \cup \{\, j : P - W \le j \le i \,\},\quad i \ge P",
        symbols="our W is their observation window L_obs",
        leaves_out="max pooling, which the authors' code may take in place of the mean",
        paper="Li et al. 2024, SnapKV: LLM Knows What You are Looking for Before Generation, arXiv:2404.14469",
        year=2024,
        change="The choice is made once, when the prompt has been read, by the tokens that ask; what is written after it all "
        "stays.",
        use="A baseline of cache compression; kvpress, and servers of long prompts.",
        wins="A long document with its question at the end: the question chooses what is kept of the document.",
        loses="A second question on the same document, whose answer the first one did not look at; and long answers, as they "
        "are kept in whole.",
        flops=Cost(
            "2·heads·(Σ (i + 1) over i < P, and Σ (B + W + i − P + 1) over the others)·(dim + value_dim), here "
            f"P = {PROMPT}, B = {BUDGET}, W = {WINDOW}",
            lambda s: (
                2
                * s.heads
                * pairs(s, lambda i: i + 1 if i < PROMPT else BUDGET + WINDOW + i - PROMPT + 1)
                * (s.dim + s.value_dim)
                + 0 * one_sequence(s)
            ),
        ),
        cache_per_token=KEYS_AND_VALUES,
        state=Cost(
            f"heads·(B + W − P)·(dim + value_dim)·itemsize, below 0: what of P = {PROMPT} tokens is let go, once",
            lambda s: s.heads * (BUDGET + WINDOW - PROMPT) * (s.dim + s.value_dim) * s.itemsize,
        ),
        code="caches.evicting.PromptCache",
        function=_snapkv,
        kept=_snapkv_kept,
        step_function=_one_more,
        sparse=True,
        causal=True,
        also=("KV cache eviction", "KV cache compression", "prompt compression"),
    ),
    Card(
        name="quantised-cache",
        title="A cache in few bits (KIVI)",
        family="caches",
        formula="token i sees all up to itself, those of full groups as least + step·round((x − least) / step), keys by "
        f"channel of a group, values by token, step = (largest − least) / (2^bits − 1), here bits = {BITS}, groups of {GROUP}",
        latex=r"\tilde{x} = m + s \cdot \operatorname{round}\!\left(\frac{x - m}{s}\right),\quad"
        r" m = \min x,\ s = \frac{\max x - m}{2^b - 1}",
        symbols="our least and step are mn and scale in the authors' code, whose groups are of 32 tokens",
        leaves_out="tokens that stay exact beyond the group that is being filled, their residual; and that a token's values "
        "have a range for each group of channels",
        paper="Liu et al. 2024, KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, arXiv:2402.02750",
        year=2024,
        change="Keys have channels that are large for all tokens, so each channel has a range of its own; of values each token "
        "has.",
        use="Quantised caches of Transformers and of servers, mostly in four or eight bits.",
        wins="Long contexts or large batches at a quarter of the memory or less, where nothing may be forgotten.",
        loses="Weights that hang on small differences of scores: each key is off by up to half a step a channel.",
        flops=CAUSAL,
        cache_per_token=Cost(
            f"heads·((dim + value_dim)·bits/8 + 2·(dim/group + 1)·itemsize), here bits = {BITS} and group = {GROUP}: codes, "
            "and least and step of each range",
            _quantised_bytes,
        ),
        state=NOTHING,
        code="caches.compressed.QuantizedCache",
        function=_quantised,
        kept=_quantised_kept,
        step_function=_quantised_step,
        sparse=True,
        causal=True,
        reconstructs=False,
        beside=Beside("minus the weights of exact keys", _beside_exact),
        also=("KIVI", "KV cache quantization", "2-bit cache"),
    ),
    Card(
        name="paged-cache",
        title="A cache in pages (PagedAttention)",
        family="caches",
        formula=f"softmax(Q Kᵀ / √dim) V for j ≤ i, key j at place j mod P of page table[⌊j / P⌋], here P = {PAGE}",
        latex=r"k_j = \mathrm{page}_{\,t(\lfloor j / P \rfloor)}[\,j \bmod P\,],\quad s_{ij} = \frac{q_i^\top k_j}{\sqrt{d}},"
        r"\ j \le i",
        symbols="our pages are their blocks, our P their block size B",
        leaves_out="the kernel that reads keys where they lie: here they are gathered first",
        paper="Kwon et al. 2023, Efficient Memory Management for Large Language Model Serving with PagedAttention, "
        "arXiv:2309.06180",
        year=2023,
        change="Where keys lie, and no number: pages are taken when they are begun, and texts with one beginning share them.",
        use="vLLM, SGLang, TensorRT-LLM: what most servers do.",
        wins="Many texts of unknown lengths at once, several answers to one prompt: no memory is set aside, or held twice.",
        loses="One text of a known length: a table must be read, and the last page is half empty on average.",
        flops=CAUSAL,
        cache_per_token=KEYS_AND_VALUES,
        state=NOTHING,
        code="caches.compressed.PagedCache",
        function=_paged,
        kept=lambda _, key, value: (*key.split(PAGE, dim=2), *value.split(PAGE, dim=2)),
        step_function=_paged_step,
        sparse=True,
        causal=True,
        beside=Beside(
            f"the same in memory, in pages {', '.join(map(str, TABLE))} of {MEMORY}",
            _where_keys_lie,
            "places",
            "attention weight",
        ),
        also=("PagedAttention", "vLLM", "paged KV cache", "prefix caching"),
    ),
)
