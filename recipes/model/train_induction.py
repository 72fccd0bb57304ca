"""Train two layers of attention until induction heads appear, and keep the loss beside what the heads do.

    python recipes/model/train_induction.py [--out notebooks/induction_model] [--steps 2000] [--seed 0]

An induction head looks for the last time that the present token occurred, and at what came next (Elhage et al. 2021, "A
Mathematical Framework for Transformer Circuits"; Olsson et al. 2022, arXiv 2209.11895). It takes two layers: a head of the
first tells each position which token came before it, and a head of the second looks for the position that was told the present
one.

The text is random letters that repeat: a sequence has sixteen letters of its own, and a period of 6 to 20 of them, over and
over behind ``<s>``; all is drawn anew for each. Within the first period nothing can be known. Afterwards everything can, but
only by looking at what followed the same letter, for no fixed distance is right; and as a letter may stand twice in a period,
by looking at the letter before it too. Without such letters the heads below stay blurred: the loss gets no better from sharp
ones. Loss is that of what can be known. Every ``--every`` steps the heads are measured on the same held-out sequences, as
``regard.heads`` does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

import regard
from regard.analysis.heads.statistics import HeadStatistics, head_statistics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks" / "induction_model"
sys.path.insert(0, str(FOLDER))

from attention_only import Alphabet, AttentionOnly, load  # noqa: E402

LENGTH = 48
PERIODS = (6, 20)
FEW = 16
SCORES = ("previous", "induction")


def sequences(count: int, generator: torch.Generator, length: int = LENGTH) -> tuple[Tensor, Tensor]:
    """Ids (count, length), and which of them could be known from those before, (count, length)."""
    letters = len(Alphabet.tokens) - 1
    few = torch.rand(count, letters, generator=generator).argsort(1)[:, :FEW] + 1  # (count, FEW): letters of a sequence
    order = few.gather(1, torch.randint(FEW, (count, PERIODS[1]), generator=generator))  # (count, longest period)
    periods = torch.randint(PERIODS[0], PERIODS[1] + 1, (count, 1), generator=generator)
    places = torch.arange(length - 1).expand(count, -1)
    ids = order.gather(1, places % periods)  # (count, length - 1)
    start = torch.zeros(count, 1, dtype=torch.long)
    known = torch.cat([start.bool(), places >= periods], 1)
    return torch.cat([start, ids], 1), known


def losses(model: AttentionOnly, ids: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of what could be known, and of all letters, in nats."""
    each = functional.cross_entropy(model(ids)[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")  # (count, length - 1)
    return each[known[:, 1:]].mean(), each.mean()


@torch.no_grad()
def measure(model: AttentionOnly, ids: Tensor, known: Tensor) -> dict[str, Any]:
    """The losses on held-out sequences, and the scores of every head there, layer by layer."""
    model.eval()
    found, every = losses(model, ids, known)
    with regard.record(model) as recording:
        model(ids)
    heads = head_statistics(recording, tokens=ids)
    model.train()
    return {"loss": round(float(found), 4), "loss_of_all": round(float(every), 4)} | {
        score: [
            [round(getattr(one, score), 4) for one in heads if one.layer == layer] for layer in range(model.sizes["layers"])
        ]
        for score in SCORES
    }


def train(options: argparse.Namespace) -> tuple[AttentionOnly, list[dict[str, Any]], list[HeadStatistics]]:
    """The trained model, what was measured on the way, and its heads in the end."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    held_out = sequences(16, torch.Generator().manual_seed(options.seed + 1))
    model = AttentionOnly(len(Alphabet.tokens), options.dim, options.heads, layers=2)
    for layer in model.layers:
        torch.nn.init.normal_(layer.out.weight, std=options.dim**-0.5 / 2)
    torch.nn.init.normal_(model.embed.weight, std=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 50) * min(1.0, (options.steps - step) / (0.2 * options.steps))
    )
    curve = [{"step": 0} | measure(model, *held_out)]
    bar = tqdm(range(1, options.steps + 1), desc="training", unit="step", disable=None)
    for step in bar:
        found, _ = losses(model, *sequences(options.batch, generator))
        optimizer.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % options.every == 0 or step == options.steps:
            curve.append({"step": step} | measure(model, *held_out))
            bar.set_postfix(loss=curve[-1]["loss"], induction=max(curve[-1]["induction"][1]))
    model.eval()
    with regard.record(model) as recording, torch.no_grad():
        model(held_out[0])
    return model, curve, head_statistics(recording, tokens=held_out[0])


def publish(
    model: AttentionOnly, curve: list[dict[str, Any]], heads: list[HeadStatistics], options: argparse.Namespace
) -> None:
    """Weights, sizes, curve and card."""
    folder: Path = options.out
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.contiguous() for name, weight in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(model.sizes) + "\n", encoding="utf-8")
    lines = ",\n".join(json.dumps(point) for point in curve)
    (folder / "curve.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (folder / "README.md").write_text(card(model, curve, heads, options), encoding="utf-8")


def card(model: AttentionOnly, curve: list[dict[str, Any]], heads: list[HeadStatistics], options: argparse.Namespace) -> str:
    """What the model is, what it was trained on and how, and what its heads do."""
    best = {score: max(heads, key=lambda one: (getattr(one, score), one.layer or 0)) for score in SCORES}
    names = {score: f"layer {one.layer}, head {one.head}" for score, one in best.items()}
    risen = next((p["step"] for p in curve if max(p["induction"][1]) >= max(curve[-1]["induction"][1]) / 2), None)
    count = sum(weight.numel() for weight in model.parameters())
    table = "\n".join(
        f"| {one.layer} | {one.head} | {one.previous:.2f} | {one.induction:.2f} | {one.first:.2f} | {one.entropy:.2f} |"
        for one in heads
    )
    return f"""# Two layers in which induction heads appeared

A transformer of two attention layers, {options.heads} heads each, {options.dim} wide, without feed-forward layers and norms:
{count:,} weights. `attention_only.py` is all of it.

**Data.** Made while training: `<s>` and a period of {PERIODS[0]} to {PERIODS[1]} random letters, repeated up to {LENGTH}
tokens. Each sequence has {FEW} letters of its own, out of {len(Alphabet.tokens) - 1}, so that some stand twice in a period. No
text, no licence to respect.

**Command.** `python recipes/model/train_induction.py --steps {options.steps} --seed {options.seed}`,
{options.seconds / 60:.1f} minutes on one CPU core.

**Curve.** `curve.json`, every {options.every} steps, on 16 held-out sequences: the loss in nats on letters that could be known,
and the previous-token and induction score of each head. Loss {curve[0]["loss"]:.2f} → {curve[-1]["loss"]:.3f} (guessing among
all letters: 3.95); half of the final induction score is reached at step {risen}.

**Heads**, on the held-out sequences: {names["previous"]} looks at the previous token, {names["induction"]} is the best
induction head.

| layer | head | previous | induction | first | entropy |
|---|---|---|---|---|---|
{table}

```python
import regard
from attention_only import Alphabet, load
from regard.analysis.heads import head_statistics, heads_text

alphabet, model = Alphabet(), load()
with regard.record(model, tokenizer=alphabet) as recording:
    model(alphabet("regadregadregad"))
print(heads_text(head_statistics(recording)))
```
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train two attention layers until induction heads appear.")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--every", type=int, default=25, help="steps from one measurement to the next")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    model, curve, heads = train(options)
    options.seconds = time.perf_counter() - start
    publish(model, curve, heads, options)
    load(options.out)  # what was written can be read
    print(f"loss {curve[-1]['loss']}, {options.seconds:.0f} s, written to {options.out}")


if __name__ == "__main__":
    main()
