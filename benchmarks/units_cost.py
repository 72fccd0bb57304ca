"""What answers in users' units cost beside one SDPA call: passages, patches, heads that copy, caches; words on pixels.

    python benchmarks/units_cost.py [--tokens 32768] [--rounds 3] [--output benchmarks/UNITS.md]

One layer of 8 heads of 64, causal, float32; an answer of 256 tokens after the prompt, twenty passages of as many tokens as fit,
as many pictures, a cache of one policy and four budgets. Below it cross-attention of 8 heads of 40 from 64 × 64 pixels to 77
tokens, both halves of guidance, and three words. Times are those of the processor, of ways that take turns.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import regard
from regard.axes import Picture, View

GOAL = 2.5
ANSWER, PASSAGES, BUDGETS = 256, 20, [0.05, 0.1, 0.2, 0.4]
LATENT, TOKENS = (64, 64), 77
PLAIN = "one SDPA call"
PAINTED = f"one SDPA call, {LATENT[0]} × {LATENT[1]} pixels to {TOKENS} tokens"


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=32_768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "UNITS.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ways = _ways(arguments.tokens)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            start = time.process_time()
            way()
            took[name].append(time.process_time() - start)
    lines, plain = [], 1.0
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        plain = middle if name in (PLAIN, PAINTED) else plain  # what stands below a call is held against it
        lines.append(f"| {name} | {middle:.3g} | **{middle / plain:.2f}** |")
    how = (
        f"{platform.machine()}, PyTorch {torch.__version__}, Regard {regard.__version__}, one thread; medians of "
        f"{arguments.rounds} rounds of the processor's seconds, ways taking turns on a machine that others use."
    )
    what = (
        f"{arguments.tokens:,} tokens, 8 heads of 64, causal, float32; an answer of {ANSWER} tokens, {PASSAGES} passages, as "
        f"many pictures, four budgets. Goal: {GOAL} times one SDPA call. A dense map would take "
        f"{8 * arguments.tokens**2 * 4 / 2**30:.3g} GiB."
    )
    first = "Written by `benchmarks/units_cost.py`; do not edit."
    table = "\n".join(["| | seconds | / SDPA |", "|---|---:|---:|", *lines])
    arguments.output.write_text(
        f"# What answers in users' units cost\n\n{first} {how}\n\n{what}\n\n{table}\n", encoding="utf-8"
    )
    print(arguments.output.read_text(encoding="utf-8"))


def _ways(tokens: int) -> dict[str, Callable[[], Any]]:
    query, key = torch.randn(2, 1, 8, tokens, 64)
    amap = regard.AttentionMap(query, key, causal=True)
    amap.queries = amap.keys = [str(at % 997) for at in range(tokens)]
    prompt = tokens - ANSWER
    size = prompt // PASSAGES
    spans = regard.Spans(
        tuple(f"passage {at}" for at in range(PASSAGES)), tuple(range(at * size, (at + 1) * size) for at in range(PASSAGES))
    )
    answer = range(prompt, tokens)
    across = 32
    pictures = [
        Picture((View(size // across, across, range(at * size, at * size + size // across * across)),))
        for at in range(PASSAGES)
    ]
    words = {f"word {at}": [at] for at in answer}
    ways: dict[str, Callable[[], Any]] = {
        PLAIN: lambda: functional.scaled_dot_product_attention(query, key, key, is_causal=True),
        "passages": lambda: regard.passages([amap], spans, answer=answer),
        "patches": lambda: regard.patches([amap], words, pictures=pictures),
        "heads that copy": lambda: regard.retrieval_heads([amap], spans.places[3], answer=answer),
    }
    for name in ("streaming", "observed", "snapkv", "tova"):
        ways[f"cache, {name}"] = lambda name=name: regard.cache([amap], [name], BUDGETS, prompt=prompt)
    return ways | _painting()


def _painting() -> dict[str, Callable[[], Any]]:
    pixels, tokens = torch.randn(2, 8, LATENT[0] * LATENT[1], 40), torch.randn(2, 8, TOKENS, 40)
    amap = regard.AttentionMap(pixels, tokens)
    amap.kind = "cross"
    words = {"one": [2], "other": [3, 4], "third": [7]}
    return {
        PAINTED: lambda: functional.scaled_dot_product_attention(pixels, tokens, tokens),
        "pixels of three words": lambda: regard.pixels([amap], words, size=LATENT, half="conditional"),
    }


if __name__ == "__main__":
    main()
