"""Draws the pictures of docs/analysis, each in light and dark: what the code beside them on those pages draws.

    python recipes/site/analysis_pictures.py [--out docs/images]

The bars of error rates are ``measure_alignment.py``'s. Letters look as this machine's fonts do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import regard
from regard.analysis.alignment import from_pharaoh
from regard.analysis.flow import rollout_edges
from regard.translation import load_translator

Drawing = Callable[[str], Any]  # a figure of a theme


def heads() -> Drawing:
    """Encoder heads in numbers: heads.md."""
    table = regard.heads(regard.translate("The old man who lives near the sea does not see the black cat.").recording)
    return lambda theme: table[table.kind == "encoder"].figure(theme=theme)


def flow_scores() -> Drawing:
    """What reaches a token, as bars: flow.md."""
    maps, words, token = _cat()
    rollout = regard.rollout(maps, tokens=token)[0, 0]
    flow = regard.attention_flow(maps, tokens=token)[0, 0]
    return lambda theme: regard.token_scores({"rollout": rollout, "attention flow": flow}, words, token=token, theme=theme)


def flow_rollout() -> Drawing:
    """The same through the layers: flow.md."""
    maps, words, token = _cat()
    edges = rollout_edges(maps, token)
    return lambda theme: edges.figure(words, theme=theme)


def _cat() -> tuple[Any, Any, int]:
    recording = regard.translate("The black cat sat on the old mat near the door.").recording
    return recording.encoder, recording.keys, recording.keys.index("▁cat")


def sweep() -> Drawing:
    """What the loss gains without a head: ablation.md."""
    translator = load_translator()
    inputs = translator.tokenizer("The cat sat on the mat.", text_target="Le chat est assis sur le tapis.", return_tensors="pt")
    found = regard.sweep(translator.model, inputs, regard.measures.loss, kind="cross")
    return lambda theme: found.figure(title="what the loss gains without a head", theme=theme)


def word_links() -> Drawing:
    """Links that were found, and those of people: alignment.md."""
    gold = from_pharaoh("0-0 1?2 2-3 2?1 3-2 4-4 4-5 5-6 6-7 7-8")
    translation = regard.translate("I do not know what he wants.", target="Je ne sais pas ce qu'il veut.")
    words = {"source_words": "I do not know what he wants .", "target_words": "Je ne sais pas ce qu' il veut ."}
    found = regard.align(translation.recording, 1, 0, rows="consumed", method="mutual", **words)
    return lambda theme: found.figure(gold.sure, gold.possible, theme=theme)


def passages_read() -> Drawing:
    """Four words and one of them again, read by a transformer that copies: passages.md."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tables"))
    from passages_found import LETTERS, WORDS, model_that_copies, prompt

    model, alphabet = model_that_copies()
    ids, spans, _ = prompt(torch.Generator().manual_seed(1))
    with torch.no_grad(), regard.record(model, tokenizer=alphabet) as recording:
        model(torch.tensor([ids]))
    found = regard.passages(recording, spans, answer=range(2 + WORDS * LETTERS, len(ids)))
    return lambda theme: found.figure(theme=theme)


def patches_seen() -> Drawing:
    """Two questions about a picture, answered by a transformer that was trained to: pictures.md."""
    from looking_model import SIDE, WORDS, painted, scene, trained
    from regard.axes import Picture, View

    model, right = trained()
    tqdm.write(f"patches_seen: {right:.3f} of new questions answered")
    generator = torch.Generator().manual_seed(9)
    hits = []
    for _ in range(50):
        one = scene(generator)
        with torch.no_grad(), regard.record(model) as recording:
            model(torch.tensor([one.ids]))
        last = len(one.ids) - 1
        words = {f"{WORDS[one.ids[at - 1]]}? {WORDS[one.ids[at]]}": [at] for at in (last - 2, last)}
        place = Picture((View(SIDE, SIDE, range(1, 1 + SIDE**2)),))
        found = regard.patches(recording, words, pictures=[place])
        for word in found.words:
            [asked] = [patch for patch, thing in one.objects.items() if thing[0] == word.split("?")[0]]
            hits.append(int(found.heat(word).argmax()) == asked)
    tqdm.write(f"patches_seen: the patch that was looked at most is the one asked for in {sum(hits)} of {len(hits)}")
    return lambda theme: found.figure([painted(one.objects)], theme=theme)


def pixels_of_words() -> Drawing:
    """Maps made by hand, of two words at three steps, the later the sharper: pixels.md."""
    import numpy as np

    from looking_model import PAINT

    down, across = np.mgrid[:64, :96]
    image = np.full((64, 96, 3), 235, np.uint8)
    image[(down - 34) ** 2 + (across - 26) ** 2 < 300] = PAINT["red"]
    image[18:50, 58:84] = PAINT["blue"]
    row, column = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing="ij")
    made = []
    for step in range(3):
        near = [-((row - y) ** 2 + (column - x) ** 2) / 12 for y, x in ((8, 6), (8, 17))]
        query = torch.stack([torch.zeros(16, 24), *near], -1).reshape(1, 1, -1, 3) * (0.3 + step)
        amap = regard.AttentionMap(query, torch.eye(3)[None, None], scale=1.0)
        amap.kind, amap.step = "cross", step
        made.append(amap)
    found = regard.pixels(made, {"ball": [1], "box": [2]}, size=(32, 48))
    return lambda theme: found.figure(image, theme=theme)


DRAWINGS = {
    heads: 160, flow_scores: 160, flow_rollout: 120, sweep: 200, word_links: 200, passages_read: 160, patches_seen: 160,
    pixels_of_words: 160,
}  # fmt: skip
"""Each with its dots an inch."""


def main() -> None:
    """Draws them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of these drawings, such as heads")
    asked = parser.parse_args()
    folder = asked.out
    chosen = {make: dpi for make, dpi in DRAWINGS.items() if asked.only is None or make.__name__ in asked.only}
    for make, dpi in tqdm(chosen.items(), desc="drawing", unit="picture"):
        draw = make()
        for theme, ending in (("light", ""), ("dark", "-dark")):
            regard.save(draw(theme), folder / f"{make.__name__}{ending}.png", dpi=dpi)


if __name__ == "__main__":
    main()
