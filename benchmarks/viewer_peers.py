"""Pages of other viewers, made inside the environment ``benchmarks/.peers/viewers``.

    benchmarks/.peers/viewers/bin/python benchmarks/viewer_peers.py bertviz --layers 12 --heads 12 --n 512 --output FILE

Random causal weights, the same for all. Prints one line of JSON: seconds, bytes, and the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

import torch


def weights(layers: int, heads: int, n: int) -> list[torch.Tensor]:
    """(1, heads, n, n) a layer: causal softmax of normal scores."""
    torch.manual_seed(0)
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
    return [torch.randn(1, heads, n, n).masked_fill(hidden, -torch.inf).softmax(-1) for _ in range(layers)]


def bertviz(maps: list[torch.Tensor], tokens: list[str]) -> str:
    """Its view of all layers and heads."""
    from bertviz import model_view

    return str(model_view(maps, tokens, html_action="return").data)


def circuitsvis(maps: list[torch.Tensor], tokens: list[str]) -> str:
    """Its view of heads, given all of them; with its program inline, so that it works offline."""
    import circuitsvis as cv

    return str(cv.attention.attention_heads(attention=torch.cat([amap[0] for amap in maps]), tokens=tokens).local_src)


def inspectus(maps: list[torch.Tensor], tokens: list[str]) -> str:
    """What it sends to a notebook; it has no page of its own."""
    import inspectus as module
    import IPython.display

    shown: list[str] = []
    IPython.display.display = lambda *things, **_: shown.extend(str(getattr(thing, "data", thing)) for thing in things)
    module.attention(torch.stack([amap[0] for amap in maps]), tokens)
    return "".join(shown)


VIEWERS = {function.__name__: function for function in (bertviz, circuitsvis, inspectus)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("viewer", choices=VIEWERS)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    maps = weights(asked.layers, asked.heads, asked.n)
    tokens = [f"token{at}" for at in range(asked.n)]
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    start = time.perf_counter()
    page = VIEWERS[asked.viewer](maps, tokens)
    asked.output.write_text(page, encoding="utf-8")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "bytes": asked.output.stat().st_size, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
