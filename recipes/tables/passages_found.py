"""How often a passage that was copied is the one that attention points to: the numbers of docs/analysis/passages.md.

    python recipes/tables/passages_found.py

The model is the small transformer of *Long context*, which learned to copy. Each prompt has four words of eight letters
and begins one of them again; the answer is the letters that follow. Heads are chosen on half of the prompts and
measured on the other half; what hiding each word costs is run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tqdm import trange

import regard
from regard.interventions import Prompt, edges, hide

ROOT = Path(__file__).resolve().parents[2]
WORDS, LETTERS, PROMPTS = 4, 8, 200


def model_that_copies() -> tuple[torch.nn.Module, object]:
    """The model, and its letters."""
    sys.path.insert(0, str(ROOT / "notebooks" / "induction_model"))
    from attention_only import Alphabet, load

    return load(), Alphabet()


def prompt(generator: torch.Generator) -> tuple[list[int], regard.Spans, int]:
    """Ids, the words in them, and which of them comes again."""
    letters = (torch.randperm(52, generator=generator) + 1).tolist()
    words = [letters[at * LETTERS : (at + 1) * LETTERS] for at in range(WORDS)]
    again = int(torch.randint(WORDS, (), generator=generator))
    places = [range(1 + at * LETTERS, 1 + (at + 1) * LETTERS) for at in range(WORDS)]
    names = tuple(f"word {at + 1}" for at in range(WORDS))
    return [0, *(letter for word in words for letter in word), *words[again]], regard.Spans(names, tuple(places)), again


def main() -> None:
    """Prints the table."""
    model, alphabet = model_that_copies()
    generator = torch.Generator().manual_seed(0)
    answer = range(2 + WORDS * LETTERS, 1 + (WORDS + 1) * LETTERS)
    read = []
    for _ in trange(PROMPTS, desc="reading prompts"):
        ids, spans, again = prompt(generator)
        with torch.no_grad(), regard.record(model, tokenizer=alphabet) as recording:
            model(torch.tensor([ids]))
        found = regard.passages(recording, spans, answer=answer)
        scores = regard.retrieval_heads(recording, spans.places[again], answer=answer)
        read.append((ids, spans, again, found, scores))
    chosen, measured = read[::2], read[1::2]
    scores = {head: sum(one[4][head] for one in chosen) / len(chosen) for head in chosen[0][4]}
    heads = {head: score for head, score in scores.items() if score >= 0.1}
    print("retrieval scores:", ", ".join(f"{layer}.{head} {score:.2f}" for (layer, head), score in scores.items()))
    sites = {name: edges(keys=places) for name, places in zip(spans.names, spans.places, strict=True)}
    prompts = [Prompt(ids[: answer.start], answer=ids[answer.start :]) for ids, *_ in measured]
    effects = regard.sweep(model, prompts, ["log_probability"], what=sites, replace=hide())
    grid = effects.grid("log_probability")
    lost = [dict(zip((site.name for site in grid.sites), row, strict=True)) for row in grid.values.tolist()]
    by_effect = [
        max(one, key=lambda name: -one[name]) == spans.names[again]
        for (_, spans, again, *_), one in zip(measured, lost, strict=True)
    ]
    print(f"hiding each word: right {sum(by_effect)} of {len(by_effect)}")
    for name, which in (("mean of all heads", None), ("retrieval heads", heads)):
        for by in ("mass", "lift"):
            right = [found.ranked(by, heads=which)[0].name == spans.names[again] for _, spans, again, found, _ in measured]
            pairs = zip(measured, lost, strict=True)
            rho = torch.tensor([found.agreement(one, by, heads=which) for (*_, found, _), one in pairs])
            agreement = f"{rho.mean():.2f} ± {rho.std() / len(rho) ** 0.5:.2f}"
            print(f"{by}, {name}: right {sum(right)} of {len(right)}, rank correlation with effects {agreement}")


if __name__ == "__main__":
    main()
