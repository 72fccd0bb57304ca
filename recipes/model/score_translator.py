"""Score a translator: BLEU and chrF on sentence pairs, and what is left of BLEU when sentences come four at a time.

python recipes/model/score_translator.py --data DATA [--model FOLDER]
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sacrebleu
import torch
from tqdm import tqdm
from transformers import MarianMTModel, MarianTokenizer

BATCH = 64
JOINED = 4


def decode(model: MarianMTModel, tokenizer: MarianTokenizer, texts: list[str], beams: int = 4) -> list[str]:
    """Translations by beam search, longest texts first so that batches hold little padding."""
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    found = [""] * len(texts)
    for start in tqdm(range(0, len(order), BATCH), desc="decoding", unit="batch", mininterval=2):
        places = order[start : start + BATCH]
        inputs = tokenizer([texts[place] for place in places], return_tensors="pt", padding=True).to(model.device)
        with torch.no_grad():
            ids = model.generate(**inputs, num_beams=beams, max_length=model.config.max_position_embeddings)
        for place, text in zip(places, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True):
            found[place] = text
    return found


def evaluate(model: MarianMTModel, tokenizer: MarianTokenizer, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """BLEU and chrF of the beam-4 translations, against all references of a sentence and against its first."""
    references: dict[str, list[str]] = {}
    for english, french in pairs:
        references.setdefault(english, []).append(french)
    sources, firsts = list(references), [french[0] for french in references.values()]
    most = max(map(len, references.values()))
    every = [[french[n] if n < len(french) else None for french in references.values()] for n in range(most)]
    single = decode(model, tokenizer, sources)

    def joined(texts: list[str]) -> list[str]:
        return [" ".join(texts[start : start + JOINED]) for start in range(0, len(texts), JOINED)]

    together = decode(model, tokenizer, joined(sources))
    apart_bleu = sacrebleu.corpus_bleu(joined(single), [joined(firsts)])
    together_bleu = sacrebleu.corpus_bleu(together, [joined(firsts)])
    return {
        "sentences": len(sources),
        "bleu_all_references": round(sacrebleu.corpus_bleu(single, every).score, 1),
        "bleu_first_reference": round(sacrebleu.corpus_bleu(single, [firsts]).score, 1),
        "chrf_first_reference": round(sacrebleu.corpus_chrf(single, [firsts]).score, 1),
        "bleu_in_fours": round(together_bleu.score, 1),
        "bleu_singly_for_the_same_fours": round(apart_bleu.score, 1),
        "kept_in_fours": round(together_bleu.score / max(apart_bleu.score, 1e-9), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev.tsv.gz")
    parser.add_argument("--model", type=Path, default=Path("src/regard/translation/model_eng_fra"))
    arguments = parser.parse_args()
    with gzip.open(arguments.data / "dev.tsv.gz", "rt", encoding="utf-8") as lines:
        pairs = [(english, french) for english, french in (line.rstrip("\n").split("\t") for line in lines)]
    model = MarianMTModel.from_pretrained(arguments.model, dtype=torch.float32).eval()
    print(json.dumps(evaluate(model, MarianTokenizer.from_pretrained(arguments.model), pairs), indent=1))


if __name__ == "__main__":
    main()
