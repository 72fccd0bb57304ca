"""Train the writer and the vision transformer of the notebooks, and keep a recording of each for the viewer on the site.

    python recipes/model/keep_recordings.py

The notebooks' own cells run, so that the site shows what the notebooks show. It takes about two minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

import regard
from watch_writer import ROOT, ran

SITE = ROOT / "recipes" / "site"
WRITER, VISION, PICTURE = SITE / "writer.safetensors", SITE / "vision.safetensors", SITE / "vision.png"
SEEING = ROOT / "notebooks" / "8_attention_in_pictures_and_sound.ipynb"
SEEN = 1  # which of the notebook's new pictures
PIXEL = 16  # of a person's screen, for one of the model's


def story(found: dict[str, Any]) -> regard.Recording:
    """What the trained writer looks at in the short story of the notebook."""
    recording: regard.Recording = found["recorded"](found["model"], found["SHORT"])
    return recording


def scene(found: dict[str, Any]) -> tuple[regard.Recording, Image.Image]:
    """What the trained vision transformer looks at in a picture, and the picture; its first token is [CLS]."""
    patches = found["patches"][SEEN : SEEN + 1]
    with torch.no_grad(), regard.record(found["vit"]) as recording:
        found["vit"](patches)
    for amap in recording.self:
        amap.queries = amap.keys = ["[CLS]", *(f"patch {row}, {column}" for row in range(5) for column in range(5))]
    pixels = (255 * found["picture"](patches[0])).round().to(torch.uint8).numpy()
    picture = Image.fromarray(pixels)
    return recording, picture.resize((PIXEL * picture.width, PIXEL * picture.height), Image.Resampling.NEAREST)


def write(writer: Path = WRITER, vision: Path = VISION, picture: Path = PICTURE) -> None:
    """Trains both, and writes the three files."""
    story(ran()).save(writer)
    seen, shown = scene(ran(("imports", "block", "scenes", "vit-model"), SEEING))
    seen.save(vision)
    shown.save(picture, optimize=True)


if __name__ == "__main__":
    write()
