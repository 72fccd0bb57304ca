"""Photographs the viewer for the documentation: docs/images/viewer_*.png, each in light and dark.

    python recipes/site/viewer_pictures.py [NAME ...] [--out docs/images]

Needs ``pip install "regard[dev]"`` and a Chromium (``install_chromium.py``). What is looked at is made here, without a network:
a sentence in the embedded translator, a head made by hand that reads this repository's licence, and patches of a picture that
is drawn below. Letters look as this machine's fonts do, so the files are the same only where those are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch.nn import functional

import regard
from install_chromium import found
from regard.interventions import Prompt, resample
from regard.translation import load_translator

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "The old man told us a story about his daughter."
WIDTH = 880  # of the window, in CSS pixels: from 700 on the reader is a column
DENSITY = 2  # pixels of the file for one of the page
MOST_BYTES = 120_000
STILL = 20  # looks, a moment apart, until a page must stand still
FRAMES = {"light": (205, 209, 216), "dark": (62, 64, 72)}  # by theme; a line around the picture


# -- what is looked at ----------------------------------------------------------------------------------------------------


def licence_map() -> regard.AttentionMap:
    """Two heads made by hand over the words of the licence: the same word before, and what came after it.

    The second is what an induction head does: its query is the word and a little of the one before it, its keys are the same of
    the position before.
    """
    words = (ROOT / "LICENSE").read_text(encoding="utf-8").split()
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    meanings = functional.normalize(torch.randn(len(numbers), 64, generator=torch.Generator().manual_seed(0)), dim=1)
    now = meanings[[numbers[word] for word in words]]  # (words, 64)
    before, earlier = (functional.pad(now, (0, 0, shift, 0))[: len(words)] for shift in (1, 2))
    query = torch.stack([now, now + 0.7 * before])[None]
    key = torch.stack([now, before + 0.7 * earlier])[None]
    amap = regard.AttentionMap(query, key, causal=True, scale=12.0)
    amap.queries = amap.keys = tuple(words)
    amap.kind, amap.layer = "self", 0
    return amap


def landscape(side: int = 448) -> Image.Image:
    """A sky with a sun and its reflection, hills, a lake."""
    picture = Image.new("RGB", (side, side))
    draw = ImageDraw.Draw(picture)
    unit = side / 16
    for row in range(side):
        share = row / side
        draw.line([(0, row), (side, row)], fill=(int(90 + 110 * share), int(150 + 60 * share), 225))
    draw.polygon([(0, 8 * unit), (4 * unit, 4.5 * unit), (9 * unit, 9 * unit), (0, 9 * unit)], fill=(120, 130, 150))
    draw.polygon([(5 * unit, 9 * unit), (11 * unit, 5.5 * unit), (side, 8.5 * unit), (side, 9.5 * unit)], fill=(90, 105, 125))
    draw.rectangle([0, 9 * unit, side, 12 * unit], fill=(60, 110, 160))
    draw.rectangle([0, 12 * unit, side, side], fill=(80, 135, 70))
    for x, y, width, height in ((11, 1, 3, 3), (11.5, 9.3, 2, 2.2)):
        draw.ellipse([x * unit, y * unit, (x + width) * unit, (y + height) * unit], fill=(250, 215, 90))
    for x, y in ((1, 12.2), (3.2, 13), (13, 12.6)):
        draw.rectangle([(x + 0.8) * unit, (y + 1.8) * unit, (x + 1.2) * unit, (y + 2.6) * unit], fill=(95, 70, 50))
        draw.ellipse([x * unit, y * unit, (x + 2) * unit, (y + 2) * unit], fill=(35, 85, 45))
    return picture


def patches_map(picture: Image.Image, patches: int = 28) -> regard.AttentionMap:
    """Patches that look at patches of their colour, in the first head, and at their neighbours, in the second."""
    pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).movedim(2, 0)[None]
    colours = functional.adaptive_avg_pool2d(pixels, patches)[0].flatten(1).T  # (patches², 3)
    places = torch.cartesian_prod(torch.arange(float(patches)), torch.arange(float(patches))) / patches
    features = torch.stack([2.5 * colours, 2.5 * functional.pad(places, (0, 1))])[None]  # (1, 2, patches², 3)
    # q·k - |k|²/2 differs from -|q - k|²/2 by what is the same in the whole row, and so the softmax is that of distances.
    bias = -features.square().sum(3)[:, :, None] / 2
    amap = regard.AttentionMap(features, features, scale=20.0, bias=20.0 * bias)
    amap.kind, amap.layer = "self", 0
    return amap


def translator_effects() -> regard.Effects:
    """What each cross-attention head of the embedded translator does, made to say what it says of another sentence."""
    subjects = {"cat": "chat", "dog": "chien", "horse": "cheval", "fish": "poisson"}
    colours = {"black": "noir", "white": "blanc", "red": "rouge", "green": "vert"}
    verbs = {"sleeps": "dort", "eats": "mange", "runs": "court"}
    pairs = [
        (f"The {colour} {one} {verb} here.", f"Le {subjects[one]} {colours[colour]} {verbs[verb]} ici.")
        for one, colour, verb in itertools.product(subjects, colours, verbs)
    ]
    asked, others = pairs[::2], [english for english, _ in pairs[1::2]]
    translator = load_translator()
    prompts = [Prompt(english, answer=french) for english, french in asked]
    options = {"replace": resample(others), "kind": "cross", "tokenizer": translator.tokenizer}
    effects: regard.Effects = regard.sweep(translator.model, prompts, "log_probability", **options)
    return effects


# -- what is photographed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of the files, behind ``viewer_``.
        page: what is opened: one of ``pages``, or "playground".
        state: what the address says.
        height: of the window, in CSS pixels.
        act: what is done before the shutter is released.
    """

    name: str
    page: str
    state: str
    height: int
    act: Callable[[Page], None] = lambda _page: None


def show_links(page: Page) -> None:
    page.get_by_label("links that the alignment found").check()


def open_plane(page: Page) -> None:
    page.get_by_text("Queries and keys in one plane").click()
    page.locator(".steps-joint svg").wait_for()


def choose_mechanism(page: Page) -> None:
    page.get_by_label("a mechanism on a small example").select_option("sinks")
    page.get_by_role("tab", name="Steps").wait_for()


SHOTS = (
    Shot("ribbon", "sentence", "unit=words", 550, show_links),
    Shot("map", "licence", "view=map&heads=1&how=max", 720),
    Shot("map_close", "licence", "view=map&heads=1&viewport=541,551,489,499&query=549&key=497&pinned=1", 720),
    Shot("heads", "sentence", "view=heads&map=0&sort=entropy", 760),
    Shot("text", "sentence", "view=text&query=5&pinned=1", 420),
    Shot("steps", "cat", "view=steps&query=7", 930, open_plane),
    Shot("image", "landscape", "view=image&query=134&pinned=1", 700),
    Shot("effects", "effects", "", 620),
    Shot("playground", "playground", "", 700, choose_mechanism),
)


def write_pages(folder: Path) -> dict[str, str]:
    """The offline pages that are looked at, as addresses by name."""
    picture = landscape()
    subjects: dict[str, tuple[Any, dict[str, Any]]] = {
        "sentence": (regard.translate(SENTENCE), {}),
        "effects": (regard.translate(SENTENCE), {"effects": translator_effects()}),
        "cat": (regard.translate("The cat sat on the mat."), {}),
        "licence": (licence_map(), {"title": "Two heads made by hand, over the Apache License"}),
        "landscape": (patches_map(picture), {"title": "Patches by colour and by place", "image": picture, "grid": (28, 28)}),
    }
    for name, (subject, options) in subjects.items():
        regard.page(subject, folder / f"{name}.html", **options)
    return {name: (folder / f"{name}.html").as_uri() for name in subjects}


@contextlib.contextmanager
def playground() -> Iterator[str]:
    """The address of a running ``regard serve``."""
    command = [sys.executable, "-m", "regard", "serve", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("look at http"):
                raise RuntimeError(f"expected regard serve to say its address, got {said!r}; run it by hand to see why")
            yield said.removeprefix("look at ").strip()
        finally:
            process.terminate()


def still(page: Page) -> bytes:
    """The page as a PNG, once it has stopped changing."""
    before = b""
    for _ in range(STILL):
        page.wait_for_timeout(300)
        now = page.screenshot()
        if now == before and page.locator(".map-view[data-reading]").count() == 0:
            return now
        before = now
    raise RuntimeError(f"expected {page.url[:80]} to stand still, it kept changing")


def photographed(browser: Browser, shot: Shot, address: str, theme: str) -> bytes:
    """A PNG of few colours."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": shot.height},
        device_scale_factor=DENSITY,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}#{shot.state}" if shot.state else address)
    page.locator("[role=tab]").first.wait_for(state="attached")
    shot.act(page)
    page.mouse.move(1, shot.height - 1)
    taken = still(page)
    context.close()
    if faults:
        raise RuntimeError(f"expected {shot.name} without errors, got {faults[0]}")
    return small(taken, FRAMES[theme])


def small(png: bytes, frame: tuple[int, int, int]) -> bytes:
    """The same picture in a frame, with as many colours as fit into what a page may weigh.

    Raises:
        RuntimeError: it stays too large.
    """
    picture = ImageOps.expand(Image.open(io.BytesIO(png)).convert("RGB"), DENSITY, frame)
    # Of few colours those that are far apart: the median would spend them on the greys of letters, and the accents would go.
    for colours, method in ((256, "MEDIANCUT"), (128, "MEDIANCUT"), (64, "MAXCOVERAGE"), (40, "MAXCOVERAGE")):
        file = io.BytesIO()
        few = picture.quantize(colours, method=Image.Quantize[method], dither=Image.Dither.NONE)
        few.save(file, "png", optimize=True)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise RuntimeError(f"expected a picture of at most {MOST_BYTES:,} bytes, got {file.tell():,}; show less in it")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [shot.name for shot in SHOTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"expected names among {', '.join(names)}, got {', '.join(sorted(unknown))}")
    place = found()
    if place is None:
        sys.exit("expected a Chromium, got none; call python recipes/site/install_chromium.py")
    options.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chosen = [shot for shot in SHOTS if not options.names or shot.name in options.names]
        addresses = write_pages(folder)
        if any(shot.page == "playground" for shot in chosen):
            addresses["playground"] = stack.enter_context(playground())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=place, args=["--disable-gpu"], chromium_sandbox=False)
        stack.callback(browser.close)
        for shot in chosen:
            for theme in FRAMES:
                path = options.out / f"viewer_{shot.name}{'-dark' if theme == 'dark' else ''}.png"
                path.write_bytes(photographed(browser, shot, addresses[shot.page], theme))
                print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
