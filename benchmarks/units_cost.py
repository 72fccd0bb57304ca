"""What answers in users' units cost beside one SDPA call: passages of a prompt, heads that copy, caches.

    python benchmarks/units_cost.py [--tokens 32768] [--rounds 3] [--output benchmarks/UNITS.md]

One layer of 8 heads of 64, causal, float32; an answer of 256 tokens after the prompt, twenty passages of as many tokens as fit,
a cache of one policy and four budgets. Times are those of the processor, of ways that take turns.
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

GOAL = 2.5
ANSWER, PASSAGES, BUDGETS = 256, 20, [0.05, 0.1, 0.2, 0.4]
WAYS = ("one SDPA call", "passages", "heads that copy", "cache, streaming", "cache, observed", "cache, snapkv", "cache, tova")


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
    plain = statistics.median(took[WAYS[0]])
    lines = []
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        lines.append(f"| {name} | {middle:.2f} | **{middle / plain:.2f}** |")
    how = (
        f"{platform.machine()}, PyTorch {torch.__version__}, Regard {regard.__version__}, one thread; medians of "
        f"{arguments.rounds} rounds of the processor's seconds, ways taking turns on a machine that others use."
    )
    what = (
        f"{arguments.tokens:,} tokens, 8 heads of 64, causal, float32; an answer of {ANSWER} tokens, {PASSAGES} passages, four "
        f"budgets. Goal: {GOAL} times one SDPA call. A dense map would take {8 * arguments.tokens**2 * 4 / 2**30:.0f} GiB."
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
    ways: list[Callable[[], Any]] = [
        lambda: functional.scaled_dot_product_attention(query, key, key, is_causal=True),
        lambda: regard.passages([amap], spans, answer=answer),
        lambda: regard.retrieval_heads([amap], spans.places[3], answer=answer),
        *(
            lambda name=name: regard.cache([amap], [name], BUDGETS, prompt=prompt)
            for name in ("streaming", "observed", "snapkv", "tova")
        ),
    ]
    return dict(zip(WAYS, ways, strict=True))


if __name__ == "__main__":
    main()
