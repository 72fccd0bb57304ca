"""What a sweep costs beside a plain loop of hooks and beside TransformerLens; what a hidden span costs beside a plain pass.

    python benchmarks/sweep_cost.py [--quick] [--only heads] [--pairs 64] [--output benchmarks/SWEEP.md]

GPT-2's size with random weights, pairs of 24 tokens, what each of 144 heads says patched from the other prompt, the logit
difference of each. The loop is what most people write: a hook before the projection, one pass for each head. Times are those of
the processor, of ways that take turns; ``--only`` measures one of the two again and leaves the other as it stands in the file.
"""

from __future__ import annotations

import argparse
import copy
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

import regard
from regard.interventions import Prompt, edges, heads, hide, patch
from regard.interventions.measures import measures_of
from regard.interventions.sweep import read_prompts
from regard.interventions.sweeper import Sweeper

GOAL, GOAL_HIDDEN, GOAL_PASSES = 2.0, 1.5, 0.55
TOKENS = 24
HEADING = "# What a sweep costs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller models, to see that it runs")
    parser.add_argument("--only", choices=("heads", "span"), help="one of the two measurements")
    parser.add_argument("--heads", type=int, default=12, help="of each layer")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "SWEEP.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = [
        *([] if arguments.only == "span" else [patched(arguments)]),
        *([] if arguments.only == "heads" else [hidden(arguments)]),
    ]
    kept = [
        one for one in _sections(arguments.output) if one.partition("\n")[0] not in {new.partition("\n")[0] for new in made}
    ]
    sections = sorted([*kept, *made], key=lambda one: "span" in one.partition("\n")[0])
    first = (
        f"{HEADING}\n\nWritten by `benchmarks/sweep_cost.py`; do not edit. Seconds of the processor, one thread, on a machine "
        "that others use: ways take turns, and their medians are compared."
    )
    arguments.output.write_text("\n\n".join([first, *sections]) + "\n", encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


def _sections(path: Path) -> list[str]:
    """What stands in the file, a text for each measurement."""
    said = path.read_text(encoding="utf-8") if path.exists() else ""
    return [f"## {one.strip()}" for one in said.split("\n## ")[1:]]


def _how(arguments: argparse.Namespace) -> str:
    return (
        f"{platform.machine()}, PyTorch {torch.__version__}, Regard {regard.__version__}, "
        f"{arguments.rounds} round{'' if arguments.rounds == 1 else 's'}."
    )


# -- heads


def patched(arguments: argparse.Namespace) -> str:
    """Each head patched: by a loop, by a sweep, by TransformerLens."""
    sizes = {"n_layer": 4, "n_embd": 96, "n_head": 4, "vocab_size": 997} if arguments.quick else {"n_layer": 12}
    model = GPT2LMHeadModel(GPT2Config(n_positions=64, initializer_range=0.05, **sizes)).eval()
    layers, words = model.config.n_layer, model.config.vocab_size
    ids, others = torch.randint(1, words, (2, arguments.pairs, TOKENS))
    right, wrong = torch.randint(1, words, (2, arguments.pairs))
    places = [(layer, head) for layer in range(layers) for head in range(min(arguments.heads, model.config.n_head))]
    prompts = [Prompt(*pair, answer=[int(r)], wrong=[int(w)]) for *pair, r, w in zip(ids, others, right, wrong, strict=True)]
    plan = Sweeper(
        model,
        measures_of("logit_difference"),
        replacement=patch(),
        what=[heads(place) for place in places],
        batch_tokens=arguments.pairs * TOKENS,
    )
    read = read_prompts(plan, prompts)

    def swept() -> Tensor:
        found = {name: [] for name in map(str, plan.what.values())}
        for block in plan.records(read):
            for site, changed in zip(block.site, block.changed, strict=True):
                found[site].append(changed)
        return torch.tensor(list(found.values()))

    ways: dict[str, Callable[[], Tensor]] = {
        "a loop of hooks": lambda: looped(model, ids, others, right, wrong, places),
        "regard.sweep": swept,
    }
    if (lens := of_transformer_lens(model, ids, others, right, wrong, places)) is not None:
        ways["TransformerLens"] = lens
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Tensor] = {}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            start = time.process_time()
            results[name] = way()
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(one) for name, one in seconds.items()}
    own = medians["regard.sweep"]
    naive = (len(places) + 2) * layers * arguments.pairs
    ratio = plan.work.layer_passes / arguments.rounds / naive
    least = min(medians[name] / own for name in ways if name != "regard.sweep")
    parts = [
        "## Heads patched",
        f"{len(places)} heads in {layers} layers, {arguments.pairs} pairs of {TOKENS} tokens, {model.num_parameters():,} "
        f"weights. {_how(arguments)}",
        "\n".join(
            [
                "| | s | times a sweep | largest difference to the loop |",
                "|---|---:|---:|---:|",
                *(
                    f"| {name} | {medians[name]:.1f} | {medians[name] / own:.2f} | "
                    f"{float((results[name] - results['a loop of hooks']).abs().max()):.1e} |"
                    for name in ways
                ),
            ]
        ),
        f"Layers ran {ratio:.3f} times as often as in the loop, whose passes over prompts and partners count; the goal "
        f"is {GOAL_PASSES}: {'met' if ratio <= GOAL_PASSES else 'not met'}. Once for all pairs one of them shows which "
        f"layers may stand aside: that counts the less, the more there are. At least {least:.2f} times faster; the goal is "
        f"{GOAL}: {'met' if least >= GOAL else 'not met'}.",
    ]
    return "\n\n".join(parts)


@torch.no_grad()
def looped(model: Any, ids: Tensor, others: Tensor, right: Tensor, wrong: Tensor, places: list[tuple[int, int]]) -> Tensor:
    """A hook before the projection, and a pass for each head."""
    projections = [block.attn.c_proj for block in model.transformer.h]
    dim, rows = model.config.n_embd // model.config.n_head, torch.arange(len(ids))
    kept: list[Tensor] = []
    hooks = [one.register_forward_pre_hook(lambda _, given: kept.append(given[0])) for one in projections]
    model(others, use_cache=False)
    for hook in hooks:
        hook.remove()
    model(ids, use_cache=False)
    made = []
    for layer, head in places:

        def change(
            _: nn.Module, given: tuple[Tensor], part: slice = slice(head * dim, (head + 1) * dim), of: int = layer
        ) -> Any:
            changed = given[0].clone()
            changed[..., part] = kept[of][..., part]
            return (changed,)

        hook = projections[layer].register_forward_pre_hook(change)
        logits = model(ids, use_cache=False).logits[:, -1].double()
        hook.remove()
        made.append(logits[rows, right] - logits[rows, wrong])
    return torch.stack(made)


def of_transformer_lens(
    model: Any, ids: Tensor, others: Tensor, right: Tensor, wrong: Tensor, places: list[tuple[int, int]]
) -> Callable[[], Tensor] | None:
    """The same by a bridge around the same weights, where the package is there."""
    try:
        from transformer_lens.model_bridge.sources import build_bridge_from_module
    except ImportError:
        return None
    bridge = build_bridge_from_module(copy.deepcopy(model), "GPT2LMHeadModel", hf_config=model.config).eval()
    rows = torch.arange(len(ids))

    @torch.no_grad()
    def run() -> Tensor:
        _, cache = bridge.run_with_cache(others)
        bridge(ids)
        made = []
        for layer, head in places:
            name = f"blocks.{layer}.attn.hook_z"

            def change(z: Tensor, hook: Any, name: str = name, head: int = head) -> Tensor:  # noqa: ARG001
                z[:, :, head] = cache[name][:, :, head]
                return z

            logits = bridge.run_with_hooks(ids, fwd_hooks=[(name, change)])[:, -1].double()
            made.append(logits[rows, right] - logits[rows, wrong])
        return torch.stack(made)

    return run


# -- a hidden span


class Layer(nn.Module):
    """Attention and a feed-forward layer, as in any decoder."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, stream: Tensor) -> Tensor:
        """(batch, n, dim) to the same."""
        given = (one(stream).unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in (self.query, self.key, self.value))
        stream = stream + self.out(functional.scaled_dot_product_attention(*given, is_causal=True).transpose(1, 2).flatten(2))
        return stream + self.down(functional.gelu(self.up(stream)))


@torch.no_grad()
def hidden(arguments: argparse.Namespace) -> str:
    """A pass with a span hidden from all that comes after it, beside a plain pass."""
    lengths = (512, 1024) if arguments.quick else (16_384,)
    dim = 64 if arguments.quick else 2048
    model = Layer(dim, dim // 64).eval()
    rows = []
    for length in lengths:
        stream = torch.randn(1, length, dim)
        span = range(length // 4, length // 4 + 64)

        def with_hidden(stream: Tensor = stream, span: range = span) -> None:
            with regard.intervene(model, {edges(span, queries=range(span.stop, stream.shape[1])): hide()}):
                model(stream)

        seconds: dict[str, list[float]] = {"plain": [], "hidden": []}
        for _ in range(arguments.rounds):
            for name, way in (("plain", lambda stream=stream: model(stream)), ("hidden", with_hidden)):
                start = time.process_time()
                way()
                seconds[name].append(time.process_time() - start)
        plain, other = (min(seconds[name]) for name in ("plain", "hidden"))
        rows.append((length, plain, other, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    worst = rows[-1][2] / rows[-1][1]
    parts = [
        "## A hidden span",
        f"One layer of {dim}, {dim // 64} heads, causal; 64 keys hidden from all later rows. {_how(arguments)}",
        "\n".join(
            [
                "| tokens | a plain pass, s | with the span hidden, s | times | peak of the process, MiB |",
                "|---:|---:|---:|---:|---:|",
                *(
                    f"| {n:,} | {plain:.2f} | {other:.2f} | {other / plain:.2f} | {peak:,.0f} |"
                    for n, plain, other, peak in rows
                ),
            ]
        ),
        f"{worst:.2f} plain passes at {rows[-1][0]:,} tokens; the goal is {GOAL_HIDDEN}: "
        f"{'met' if worst <= GOAL_HIDDEN else 'not met'}.",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
