"""The viewer itself in the documentation: files of it, and the frames that show them on a page."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import torch

import regard
from viewer_pictures import landscape, patches_map

ROOT = Path(__file__).resolve().parents[2]
INDUCTION = ROOT / "notebooks" / "induction_model"
LETTERS = "qmvhzkebt" * 3
SENTENCE = "The old man told us a story about his daughter."


SHOWN = {
    "translation": "a translation, its words joined by curves",
    "letters": "letters that repeat, coloured by what an induction head looks at",
    "landscape": "a landscape, and what one patch of it looks at",
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
    picture = landscape()
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
    regard.page(
        patches_map(picture),
        folder / "landscape.html",
        title="Patches by colour and by place",
        image=picture,
        grid=(28, 28),
        query=134,
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


def induction_head() -> tuple[int, int]:
    """Layer and head that look most at what followed the same letter before."""
    found = regard.heads(letters())
    best = found.loc[found["induction"].idxmax()]
    return int(best["layer"]), int(best["head"])
