"""Write a trained translator as users get it: Transformers' layout, float16, model card, licence, checksums."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, MarianMTModel, MarianTokenizer

ATTRIBUTION = "Sentence pairs from tatoeba.org (CC BY 2.0 FR), selected by manythings.org/anki"


def publish(model: MarianMTModel, tokenizer: MarianTokenizer, folder: Path, card: dict[str, Any]) -> None:
    """Save model and tokenizer to ``folder``, with a card made of what is in ``card``: recipe, curve, scores, command."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config._attn_implementation = "sdpa"
    config = model.config
    model.generation_config = GenerationConfig(
        num_beams=4,
        max_length=config.max_position_embeddings,
        pad_token_id=config.pad_token_id,
        eos_token_id=config.eos_token_id,
        forced_eos_token_id=config.eos_token_id,
        decoder_start_token_id=config.decoder_start_token_id,
        bad_words_ids=[[config.pad_token_id]],
    )
    model.to("cpu", torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(model_card(card), encoding="utf-8")
    (folder / "LICENSE").write_text(LICENCE, encoding="utf-8")
    write_checksums(folder)


def write_checksums(folder: Path) -> None:
    """``SHA256SUMS`` of every file of the folder, as ``sha256sum --check`` reads it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def model_card(card: dict[str, Any]) -> str:
    """The README of the model folder."""
    scores, recipe, curve = card["scores"], card["recipe"], card["curve"]
    rows = [f"| {e['epoch']} | {e['step']} | {e['train_loss']} | {e['dev_loss']} | {e['minutes']} |" for e in curve]
    return CARD.format(
        attribution=ATTRIBUTION,
        parameters=card["parameters"],
        command=card["command"],
        pairs=card["pairs"],
        device=card["device"],
        recipe=json.dumps(recipe, indent=1),
        hours=round(sum(e["minutes"] for e in curve) / 60, 1),
        curve="\n".join(rows),
        **scores,
    )


LICENCE = f"""The weights and the vocabulary in this folder were trained on sentence pairs from Tatoeba.

{ATTRIBUTION}

The sentence pairs are licensed under Creative Commons Attribution 2.0 France
(https://creativecommons.org/licenses/by/2.0/fr/). The weights and the vocabulary are made available under the same licence:
you may use, share and adapt them, also commercially, if you keep the attribution above.
"""

CARD = """---
language: [en, fr]
license: cc-by-2.0
library_name: transformers
pipeline_tag: translation
---

# English to French, small enough to ship

A Marian model of {parameters:,} parameters, trained from scratch for Regard, so that its examples, lessons and tests have a
real translator to look into without any download. Transformers' standard layout, float16:

```python
from transformers import MarianMTModel, MarianTokenizer

folder = "src/regard/translation/model_eng_fra"
tokenizer, model = MarianTokenizer.from_pretrained(folder), MarianMTModel.from_pretrained(folder)
ids = model.generate(**tokenizer("The cat sat on the mat.", return_tensors="pt"))
print(tokenizer.decode(ids[0], skip_special_tokens=True))
```

## Scores

On {sentences:,} English sentences that do not occur in training, beam 4, sacrebleu:

| measure | score |
|---|---|
| BLEU, all references of a sentence | {bleu_all_references} |
| BLEU, first reference | {bleu_first_reference} |
| chrF, first reference | {chrf_first_reference} |
| BLEU of the sentences in rows of four, translated in one go | {bleu_in_fours} |
| BLEU of the same rows, their sentences translated singly | {bleu_singly_for_the_same_fours} |
| kept in rows of four | {kept_in_fours} |

`python recipes/model/score_translator.py --data DATA` measures them again.

## Data, licence, attribution

{pairs:,} sentence pairs. {attribution}. Weights and vocabulary: the same licence, see LICENSE beside this file.

## What it cannot do

It knows the world of Tatoeba: short everyday sentences. Rare words, names, numbers and technical texts come out wrong or
invented; the choice between *tu* and *vous* and the gender of speakers are guesses; long paragraphs lose sentences. The data
carries the opinions of those who wrote it. It is here to be looked into, not to be relied on.

## How it was made

```
{command}
```

{hours} hours on {device}. The recipe:

```json
{recipe}
```

| epoch | step | training loss (smoothed, nats) | dev loss (nats) | minutes |
|---|---|---|---|---|
{curve}
"""
