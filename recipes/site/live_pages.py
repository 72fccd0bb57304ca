"""The viewer itself in the documentation: files of it, and the frames that show them on a page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

import regard
from exhibit_page import LEARNING

ROOT = Path(__file__).resolve().parents[2]
INDUCTION = ROOT / "notebooks" / "induction_model"
LETTERS = "qmvhzkebt" * 3
WRITER, VISION, PICTURE = (Path(__file__).parent / name for name in ("writer.safetensors", "vision.safetensors", "vision.png"))
"""Written by recipes/model/keep_recordings.py."""
SENTENCE = "The old man told us a story about his daughter."


SHOWN = {
    "translation": "a translation, its words joined by curves",
    "letters": "letters that repeat, coloured by what an induction head looks at",
    "story": "a story, and where a small transformer that writes finds a last name",
    "vision": "a picture, and what a vision transformer looks at to name the colour of a ring",
}
"""Files by name, and what each shows."""


def put_frames(page: Path, names: Iterable[str] = SHOWN, live: str = "../assets/live") -> None:
    """Puts a frame for each file into a page of docs/, loaded when it comes into sight; the files are in ``live``.

    Raises:
        ValueError: the page has no place for one of them.
    """
    words = page.read_text(encoding="utf-8")
    for name in names:
        place = f"<!-- the viewer: {name} -->"
        if place not in words:
            raise ValueError(f"expected the line {place} in {page.name}, got none; put it where the frame belongs")
        frame = f'<iframe class="live" loading="lazy" title="The viewer: {SHOWN[name]}" src="{live}/{name}.html"></iframe>'
        words = words.replace(place, frame)
    page.write_text(words, encoding="utf-8")


def write_files(folder: Path) -> None:
    """Writes the files, each a page of the viewer that needs nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    regard.page(regard.translate(SENTENCE), folder / "translation.html", view="ribbon", query="raconté")
    layer, head = induction_head()
    regard.page(
        letters(),
        folder / "letters.html",
        title="Letters that repeat",
        view="text",
        map=layer,
        heads=head,
        query=19,
        unit="tokens",
    )
    layer, head = asking_head()
    story = regard.load(WRITER)
    regard.page(
        story, folder / "story.html", title="A story", view="text", map=layer, heads=head, query=len(story.self[0].queries) - 2
    )
    seen = regard.load(VISION)
    title = "Which colour has the ring?"
    regard.page(
        seen, folder / "vision.html", title=title, view="image", image=PICTURE, grid=(5, 5), heads=sure_head(seen), query=0
    )


def letters() -> regard.Recording:
    """The small transformer of *Long context*, which was trained on letters that repeat, reading nine of them three times."""
    sys.path.insert(0, str(INDUCTION))
    try:
        from attention_only import Alphabet, load
    finally:
        sys.path.remove(str(INDUCTION))
    alphabet, model = Alphabet(), load(INDUCTION)
    with torch.no_grad(), regard.record(model, tokenizer=alphabet) as recording:
        model(alphabet(LETTERS))
    return recording


def asking_head() -> tuple[int, int]:
    """Layer and head of the writer that look, at a first name, for its last name."""
    layer, head = json.loads(LEARNING.read_text(encoding="utf-8"))["heads"][1].split(".")
    return int(layer), int(head)


def sure_head(seen: regard.Recording) -> int:
    """The head of the vision transformer's first layer whose weight from [CLS] is most on one patch."""
    return int(seen.self[0][0, :, 0, 1:].amax(dim=-1).argmax())


def induction_head() -> tuple[int, int]:
    """Layer and head that look most at what followed the same letter before."""
    found = regard.heads(letters())
    best = found.loc[found["induction"].idxmax()]
    return int(best["layer"]), int(best["head"])
