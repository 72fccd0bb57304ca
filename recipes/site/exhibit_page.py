"""The page of exhibits: what they compute with, a head of the embedded model on a sentence; and what was kept of a training."""

from __future__ import annotations

import json
from pathlib import Path

import torch

import regard
from regard.translation.translator import load_translator

PLACE = "<!-- the example of the exhibits -->"
LEARNING = Path(__file__).parent / "writer_steps.json"
"""Written by recipes/model/watch_writer.py: training takes too long for building a page."""
SENTENCE, LAYER, HEAD = "The old man told us a story about his daughter.", 3, 3


def write_page(page: Path) -> None:
    """Puts the example into a page of docs/, as JSON that its script reads.

    Raises:
        ValueError: the page has no place for it.
    """
    words = page.read_text(encoding="utf-8")
    if PLACE not in words:
        raise ValueError(f"expected the line {PLACE} in {page.name}, got none; put it where the example belongs")
    text = json.dumps(example(), ensure_ascii=False).replace("<", "\\u003c")
    data = f'<script type="application/json" id="exhibit-example">{text}</script>'
    page.write_text(words.replace(PLACE, data), encoding="utf-8")


def example() -> dict[str, object]:
    """Queries and keys of an encoder's head, and two numbers of its values, to four digits; and steps of a training."""
    translator = load_translator()
    with torch.no_grad(), regard.record(translator.model, values=True, tokenizer=translator.tokenizer) as recording:
        translator.model.get_encoder()(**translator.tokenizer(SENTENCE, return_tensors="pt"))
    factors, value = recording.encoder[LAYER].factors, recording.values[LAYER].value
    if factors is None or value is None:
        raise ValueError(f"expected queries, keys and values of encoder layer {LAYER}, got weights alone")
    tables = {"query": factors.query[0, HEAD], "key": factors.key[0, HEAD], "value": value[0, HEAD, :, :2]}
    return {
        "tokens": [text.strip() for text in recording.encoder[LAYER].keys],
        **{name: [[round(float(number), 4) for number in row] for row in table] for name, table in tables.items()},
        "from": f"encoder layer {LAYER}, head {HEAD}",
        "learning": json.loads(LEARNING.read_text(encoding="utf-8")),
    }
