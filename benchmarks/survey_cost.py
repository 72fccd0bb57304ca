"""What a survey costs beside the model alone, and Ray beside one process. Writes benchmarks/SURVEY.md.

    python benchmarks/survey_cost.py [--text PAIRS] [--quick]

The statistics may cost at most 1.5 times the model's own forward; two workers of Ray, each with one thread, may be no slower
than one process with two, beyond what it takes to start them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import regard
from regard.surveying.corpus import Chunk
from regard.surveying.survey import survey
from regard.surveying.surveyor import Settings, Surveyor, Text
from regard.surveying.tally import Tally
from regard.translation.translator import load_translator

GOAL = 1.5
ROUNDS = 5
ENGLISH = (
    ("the cat", "the old dog", "a child who sings", "my neighbour"),
    ("sees", "hears", "has always liked", "does not want"),
    ("the house", "the sea at night", "a tree", "music that nobody else knows"),
    ("today", "in the morning", "because it is late", "again and again"),
)
FRENCH = (
    ("le chat", "le vieux chien", "un enfant qui chante", "mon voisin"),
    ("voit", "entend", "a toujours aimé", "ne veut pas"),
    ("la maison", "la mer la nuit", "un arbre", "une musique que personne d'autre ne connaît"),
    ("aujourd'hui", "le matin", "parce qu'il est tard", "encore et encore"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="pairs, a tab between; made-up sentences where left out")
    parser.add_argument("--quick", action="store_true", help="a fraction of the texts, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "SURVEY.md")
    arguments = parser.parse_args()
    pairs = given_pairs(arguments.text) if arguments.text else made_pairs()
    parts = [
        "# What a survey costs",
        f"Written by `benchmarks/survey_cost.py`; do not edit. {os.cpu_count()} cores ({processor()}), PyTorch "
        f"{torch.__version__}, Regard {regard.__version__}. Seconds are medians of "
        f"{ROUNDS} rounds, taken in turn in one process.",
        *cost(pairs, quick=arguments.quick),
        *engines(pairs, quick=arguments.quick),
    ]
    arguments.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


def made_pairs() -> list[tuple[str, str]]:
    """Sentences of 8 to 18 tokens, in an order that tells nothing."""
    sentences = [[" ".join(parts) + "." for parts in itertools.product(*words)] for words in (ENGLISH, FRENCH)]
    pairs = list(zip(*sentences, strict=True))
    return [pairs[at] for at in np.random.default_rng(0).permutation(len(pairs))]


def given_pairs(path: Path) -> list[tuple[str, str]]:
    """The pairs of a corpus, in an order that tells nothing."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [(line.split("\t")[0], line.split("\t")[1]) for line in lines]
    return [pairs[at] for at in np.random.default_rng(0).permutation(len(pairs))]


# -- beside the model alone


def cost(pairs: Sequence[tuple[str, str]], *, quick: bool) -> list[str]:
    """Forward, and what the statistics add to it."""
    torch.set_num_threads(1)
    translator = load_translator()
    count = 128 if quick else 1024
    chosen = list(itertools.islice(itertools.cycle(pairs), count))
    rows = [
        ("embedded translator", "pairs", *measured(Surveyor(translator.model, translator.tokenizer, Settings()), chosen, quick))
    ]
    layers = 2 if quick else 12
    model = GPT2LMHeadModel(GPT2Config(n_layer=layers, n_positions=1024)).eval()
    names = {f"w{at}": at for at in range(1000)}
    words = Tokenizer(WordLevel(names, unk_token="w0"))  # noqa: S106 - a token of text
    words.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words)
    draw = np.random.default_rng(1)
    for length, texts in ((32, 32), (256, 4), (1024, 1)):
        lines = [(" ".join(f"w{int(999 * draw.random() ** 2)}" for _ in range(length)), None) for _ in range(texts)]
        surveyor = Surveyor(model, tokenizer, Settings())
        rows.append((f"GPT-2 of {layers} layers, random", f"{length} tokens", *measured(surveyor, lines, quick)))
    table = [
        "| model | texts | forward, s | forward without logits, s | survey, s | statistics / forward | texts a second |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {model} | {texts} | {alone:.2f} | {base:.2f} | {whole:.2f} | **{(whole - base) / alone:.2f}** | {rate:.3g} |"
            for model, texts, alone, base, whole, rate in rows
        ),
    ]
    worst = max((whole - base) / alone for _, _, alone, base, whole, _ in rows)
    return [
        "## Beside the model alone",
        "One thread. The survey leaves the logits out, which a forward computes; *statistics* is all that it does beyond its "
        "own pass through the model: tokenizing, recording, every statistic, sums, histograms and examples.",
        "\n".join(table),
        f"At most {worst:.2f} times the model's forward; the goal is {GOAL}: {'met' if worst <= GOAL else 'not met'}.",
    ]


def measured(surveyor: Surveyor, lines: Sequence[tuple[str, str | None]], quick: bool) -> tuple[float, float, float, float]:
    """Seconds of the forward, of the forward without logits, of the survey; and texts a second."""
    chunk = Chunk(0, 0, list(enumerate(lines)), 0)
    batches = list(surveyor.batches(surveyor.tokenized(chunk, Tally())))
    calls: list[Callable[[], Any]] = [
        partial(forward, surveyor, batches, surveyor.model),
        partial(forward, surveyor, batches, surveyor.model.base_model),
        partial(surveyor.read, chunk),
    ]
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(2 if quick else ROUNDS):
        for call, times in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    whole, base, survey_seconds = map(statistics.median, seconds)
    return whole, base, survey_seconds, len(lines) / survey_seconds


@torch.no_grad()
def forward(surveyor: Surveyor, batches: Sequence[Sequence[Text]], model: Any) -> None:
    """The model alone over the same batches."""
    for batch in batches:
        ids, mask = surveyor.padded([text.ids for text in batch])
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if surveyor.answers:
            inputs["decoder_input_ids"], _ = surveyor.padded([[surveyor.start, *text.answer[:-1]] for text in batch])
        model(**inputs)


# -- Ray beside one process


def engines(pairs: Sequence[tuple[str, str]], *, quick: bool) -> list[str]:
    """Seconds a text, beyond the start: from two corpora of different sizes."""
    small, large = (512, 2048) if quick else (4096, 20_480)
    torch.set_num_threads(2)
    seconds: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (small, large):
            path = Path(folder) / f"{count}.tsv"
            path.write_text(
                "".join(f"{a}\t{b}\n" for a, b in itertools.islice(itertools.cycle(pairs), count)), encoding="utf-8"
            )
            for engine, options in (("process", {}), ("ray", {"engine": "ray", "workers": 2})):
                start = time.perf_counter()
                survey(text=str(path), **options)
                seconds[engine, count] = time.perf_counter() - start
    slopes = {engine: (seconds[engine, large] - seconds[engine, small]) / (large - small) for engine in ("process", "ray")}
    starts = {engine: seconds[engine, small] - slopes[engine] * small for engine in slopes}
    ratio = slopes["ray"] / slopes["process"]
    return [
        "## Ray beside one process",
        f"The embedded translator over {small:,} and {large:,} pairs. Two workers of one thread each, one process of two "
        "threads; the rate is what the larger corpus takes longer, the start what is left.",
        "\n".join(
            [
                f"| engine | {small:,} pairs, s | {large:,} pairs, s | pairs a second | start, s |",
                "|---|---:|---:|---:|---:|",
                *(
                    f"| {name} | {seconds[engine, small]:.1f} | {seconds[engine, large]:.1f} | {1 / slopes[engine]:.0f} | "
                    f"{max(0.0, starts[engine]):.1f} |"
                    for engine, name in (("process", "one process"), ("ray", "Ray, two workers"))
                ),
            ]
        ),
        f"Beyond its start, Ray takes {ratio:.2f} of the time of one process; the goal is at most 1: "
        f"{'met' if ratio <= 1 else 'not met'}.",
    ]


def processor() -> str:
    """The name of the processor, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
