"""What is measured. Each case builds its inputs and returns the call that is timed.

python benchmarks/cases.py summary --n 8192 --against sdpa --dtype bfloat16
python benchmarks/cases.py received --n 8192 --memory
python benchmarks/cases.py summary --n 8192 --against flash --dtype bfloat16 --device cuda --heads 32 --kv-heads 8 --dim 128
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import regard
from measure import Call, Size, main
from regard.maps.statistics.cells import edges

LAYERS, DEEP = 4, 32
POOL, TOPK = (64, 64), 8
CELLS = 512, 512
ROWS, TILE = 256, 512
BLOCK = 2**21
"""Numbers in a block of the two floors: what Regard itself takes."""

CASES: dict[str, Callable[[Size], Call]] = {}


def case(function: Callable[[Size], Call]) -> Callable[[Size], Call]:
    CASES[function.__name__] = function
    return function


# -- recording: a forward pass of a Llama with random weights ------------------------------------------------------------


def llama(attention: str, size: Size) -> Any:
    """A model of the heads that the size has; one for all lengths."""
    return llama_of(attention, size.heads, size.kv_heads, size.dim, size.dtype, size.device)


@functools.cache
def llama_of(attention: str, heads: int, kv_heads: int, dim: int, dtype: torch.dtype, device: str, layers: int = LAYERS) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM  # a second that the other cases save

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=heads * dim,
        intermediate_size=2 * heads * dim,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=2**17,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config).eval().to(device, dtype)


def tokens(size: Size) -> Tensor:
    return torch.randint(1000, (1, size.n), generator=torch.Generator().manual_seed(1)).to(size.device)


@case
def forward(size: Size) -> Call:
    model, ids = llama("sdpa", size), tokens(size)
    return lambda: model(input_ids=ids, use_cache=False)


@case
def record(size: Size) -> Call:
    model, ids = llama("sdpa", size), tokens(size)

    def run() -> object:
        with regard.record(model) as recording:
            output = model(input_ids=ids, use_cache=False)
        return recording, output

    return run


@case
def check(size: Size) -> Call:
    """A recording with values, and then its check: the number is the largest error of its maps."""
    model, ids = llama("sdpa", size), tokens(size)

    def run() -> float:
        with regard.record(model, values=True) as recording:
            model(input_ids=ids, use_cache=False)
        return recording.check().worst

    return run


@case
def block(size: Size) -> Call:
    """The way into a block and out of it again, around a model that is as deep as others and does nothing in between."""
    model = llama_of("sdpa", 2, 2, 8, size.dtype, size.device, DEEP)

    def run() -> None:
        with regard.record(model):
            pass

    return run


@case
def output_attentions(size: Size) -> Call:
    model, ids = llama("eager", size), tokens(size)
    return lambda: model(input_ids=ids, use_cache=False, output_attentions=True)


# -- one attention call, and statistics of its map -----------------------------------------------------------------------


def factors(size: Size) -> tuple[Tensor, Tensor, Tensor]:
    """As models lay them: the vectors of a head stand between those of the others."""
    random = torch.Generator().manual_seed(0)
    heads = size.heads, size.kv_heads, size.kv_heads
    made = (torch.randn(1, h, size.n, size.dim, generator=random).to(size.device, size.dtype) for h in heads)
    q, k, v = (one.transpose(1, 2).contiguous().transpose(1, 2) for one in made)
    return q, k, v


def statistic(read: Callable[[regard.AttentionMap], object]) -> Callable[[Size], Call]:
    """A case that reads a new map each time: a map keeps the denominators that it has computed."""

    def made(size: Size) -> Call:
        q, k, _ = factors(size)
        return lambda: read(regard.AttentionMap(q, k, causal=size.causal))

    return made


def everything(amap: regard.AttentionMap) -> object:
    return amap.summary(received=True, entropy=True, pool=POOL, how=("mean", "max"), topk=TOPK)


CASES["summary"] = statistic(everything)
CASES["unranked"] = statistic(lambda amap: amap.summary(received=True, entropy=True, pool=POOL, how=("mean", "max")))
CASES["received"] = statistic(lambda amap: amap.received())
CASES["entropy"] = statistic(lambda amap: amap.entropy())
CASES["pool_mean"] = statistic(lambda amap: amap.pool(*POOL))
CASES["pool_max"] = statistic(lambda amap: amap.pool(*POOL, how="max"))
CASES["topk"] = statistic(lambda amap: amap.topk(TOPK))
CASES["row_block"] = statistic(lambda amap: amap[0, 0, -ROWS:])
CASES["tile"] = statistic(lambda amap: amap[0, 0, -TILE:, -TILE:])
CASES["tile_all_heads"] = statistic(lambda amap: amap[0, :, -TILE:, -TILE:])


@case
def sdpa(size: Size) -> Call:
    q, k, v = factors(size)
    grouped = size.kv_heads != size.heads
    return lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=size.causal, enable_gqa=grouped)


@case
def flash(size: Size) -> Call:
    """The same on PyTorch's flash kernel, or not at all."""
    attend = sdpa(size)

    def run() -> object:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return attend()

    return run


@case
def eager_summary(size: Size) -> Call:
    """The matrix, and then the same statistics of it."""
    q, k, _ = (factor.float() for factor in factors(size))

    def run() -> object:
        scores = q @ k.transpose(-1, -2) * size.dim**-0.5
        if size.causal:
            scores.masked_fill_(torch.ones(size.n, size.n, dtype=torch.bool).triu(1), -torch.inf)
        weights = scores.softmax(-1)
        cells = functional.avg_pool2d(weights, size.n // POOL[0]), functional.max_pool2d(weights, size.n // POOL[0])
        return weights.sum(2), torch.special.entr(weights).sum(3), cells, weights.topk(TOPK)

    return run


def blocks(size: Size, softmax: bool) -> Call:
    """The least that any pass does: the products of q and k, block by block, into memory that is used again."""
    q, k, _ = (factor.float()[0] for factor in factors(size))
    rows = max(1, BLOCK // size.n)
    memory = torch.empty(2, rows * size.n)

    def run() -> None:
        for head in range(size.heads):
            for top in range(0, size.n, rows):
                block = q[head, top : top + rows]
                keys = k[head, : min(top + rows, size.n)] if size.causal else k[head]
                scores, weights = (flat[: len(block) * len(keys)].view(len(block), len(keys)) for flat in memory)
                torch.mm(block, keys.T, out=scores)
                if softmax:
                    torch.softmax(scores, -1, out=weights)

    return run


CASES["product"] = functools.partial(blocks, softmax=False)
CASES["product_softmax"] = functools.partial(blocks, softmax=True)


# -- a long recording in a file ------------------------------------------------------------------------------------------


@case
def write(size: Size) -> Call:
    q, k, _ = factors(size)
    amap = regard.AttentionMap(q, k, causal=size.causal)
    return lambda: size.file and amap.save(size.file)


def opened(size: Size) -> regard.AttentionMap:
    if size.file is None:
        return statistic(lambda amap: amap)(size)()  # type: ignore[return-value]
    return regard.load(size.file)  # type: ignore[return-value]


def from_file(read: Callable[[regard.AttentionMap], object]) -> Callable[[Size], Call]:
    """A case that opens the file anew each time, so that no denominator is known."""

    def run(size: Size) -> object:
        amap = opened(size)
        return amap, read(amap)  # as long as the map lives, its pages of the file count

    return lambda size: lambda: run(size)


def region(amap: regard.AttentionMap, heads: slice, top: int) -> Tensor:
    return amap[0, heads, top : top + TILE, top - TILE // 2 : top + TILE // 2]


ONE, ALL = slice(0, 1), slice(None)
CASES["open"] = from_file(lambda amap: amap)
CASES["region_middle"] = from_file(lambda amap: region(amap, ONE, amap.shape[2] // 2))
CASES["region_end"] = from_file(lambda amap: region(amap, ONE, amap.shape[2] - TILE))
CASES["region_end_all_heads"] = from_file(lambda amap: region(amap, ALL, amap.shape[2] - TILE))
CASES["pool_long"] = from_file(lambda amap: amap.pool(*CELLS))


@case
def pool_predicted(size: Size) -> Call:
    """What the progress bar of that pool says."""

    def run() -> float:
        amap = opened(size)
        return amap.view.seconds(edges(amap.shape[3], CELLS[1]))

    return run


if __name__ == "__main__":
    main(CASES, __doc__)
