"""Write tests/viewer/golden: what the viewer looks like in the places where it broke, small enough to be kept.

    python recipes/tests/viewer_golden.py            # all of them
    python recipes/tests/viewer_golden.py print      # some

Letters differ from machine to machine, pictures must not. So a golden picture has one pixel for each square of SIDE × SIDE
pixels of the screen, their mean: what stands where, and how dark. Two are compared after each pixel has been averaged with its
neighbours, which forgives a letter that stands a little further on; a share of pixels may differ by more than DIFFERENT. Both
limits stand between two measurements, which tests/viewer/test_viewer_golden.py repeats: in narrow letters (DejaVu Condensed
for DejaVu) 0.27 % of the pixels differ at most, and where 30 % of a picture are cut off, 2.2 % at least.

Look at every picture that this writes before it is committed: enlarged, it is the screen, seen without glasses.
"""

import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import regard
from regard.viewer.document.document import document

FOLDER = Path(__file__).parents[2] / "tests" / "viewer" / "golden"
SIDE = 10
"""Pixels of the screen along a side of a pixel of a golden picture: about a letter."""

DIFFERENT = 40
"""Of 255: more than other fonts make of a square, less than a picture makes of an empty one."""

MOST = 0.008
"""Share of the squares that may differ so much."""

SENTENCE = "The old man told us a story about his daughter."

Pixels = NDArray[np.uint8]


def seen(photograph: bytes) -> Pixels:
    """A photograph as squares, (rows, columns, 3)."""
    with Image.open(BytesIO(photograph)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(np.float64)
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    whole = pixels[: rows * SIDE, : columns * SIDE]
    return whole.reshape(rows, SIDE, columns, SIDE, 3).mean((1, 3)).round().astype(np.uint8)


def difference(one: Pixels, two: Pixels) -> float:
    """Share of the squares that differ; 1 where the pictures are not of one size, give or take a line of letters."""
    if max(abs(a - b) for a, b in zip(one.shape, two.shape, strict=True)) > 2:
        return 1.0
    rows, columns = min(one.shape[0], two.shape[0]), min(one.shape[1], two.shape[1])
    apart = np.abs(_smooth(one[:rows, :columns]) - _smooth(two[:rows, :columns])).max(2)
    return float((apart > DIFFERENT).mean())


def _smooth(picture: Pixels) -> NDArray[np.float64]:
    """Each pixel the mean of itself and its eight neighbours."""
    padded = np.pad(picture.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = picture.shape[:2]
    return np.mean([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)


def kept(name: str) -> Pixels:
    """The golden picture of this name."""
    with Image.open(FOLDER / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB"))


# -- what is photographed -----------------------------------------------------------------------------------------------


def long_map(tokens: int) -> regard.AttentionMap:
    """A head that looks at the present word, some that follow it at a distance, and the first."""
    generator = torch.Generator().manual_seed(0)
    angles = torch.arange(tokens)[:, None] / torch.tensor([3.0, 17.0, 113.0, 911.0])
    turning = torch.cat([angles.cos(), angles.sin()], 1)
    key = torch.cat([turning * 3, torch.randn(tokens, 8, generator=generator)], 1)
    return regard.AttentionMap(key[None, None] * 1.5, key[None, None], causal=True)


def page(opened: Any) -> bytes:
    """The window as it is."""
    photograph: bytes = opened.page.screenshot()
    return photograph


def printed(opened: Any) -> bytes:
    """The sheet that is printed."""
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    photograph: bytes = opened.page.screenshot()
    return photograph


def exported(opened: Any) -> bytes:
    """What is saved of all heads after somebody has scrolled."""
    scroll = opened.page.locator(".heads-scroll")
    scroll.evaluate("one => { one.scrollTop = one.scrollHeight; one.scrollLeft = 40; }")
    opened.rest()
    small = BytesIO()
    with Image.open(BytesIO(opened.saved("PNG")[1])) as picture:  # two pixels for each of the drawing
        picture.convert("RGB").reduce(2).save(small, "PNG")
    return small.getvalue()


SCENES: dict[str, tuple[str, str, Callable[[Any], bytes], dict[str, Any]]] = {
    "widget": ("widget", "", page, {"viewport": {"width": 1000, "height": 600}}),
    "phone": ("sentence", "#view=map&unit=tokens&query=6&key=3&pinned=1", page, {"viewport": {"width": 390, "height": 844}}),
    "print": ("sentence", "#view=map&unit=tokens", printed, {"viewport": {"width": 900, "height": 700}}),
    "export": ("sentence", "#view=heads", exported, {"viewport": {"width": 700, "height": 420}}),
    "forced": (
        "sentence",
        "#view=map&unit=tokens&query=6&key=3&pinned=1",
        page,
        {"viewport": {"width": 1000, "height": 600}, "forced_colors": "active"},
    ),
    "dark": (
        "sentence",
        "#view=map&unit=tokens&pins=5.3-5&find=the",
        page,
        {"viewport": {"width": 1000, "height": 600}, "color_scheme": "dark"},
    ),
    "compare": (
        "sentence",
        "#view=map&unit=tokens&with=5.1&compare=difference",
        page,
        {"viewport": {"width": 1200, "height": 600}},
    ),
    "long": ("2000", "#view=map", page, {"viewport": {"width": 1000, "height": 700}}),
    "served": ("131072", "#view=map", page, {"viewport": {"width": 1000, "height": 700}}),
}
"""Of each golden picture: what is opened, its link, how it is photographed, and the options of the window."""


class Sights:
    """Opens scenes in a browser, and keeps what they show.

    Args:
        folder: for pages and files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: dict[str, str] = {}

    def photograph(self, browser: Any, name: str, before: Callable[[Any], None] | None = None) -> Pixels:
        """A scene as it is now; ``before`` may change the page before the photograph."""
        from support.serving import served
        from support.viewer_driving import Opened
        from support.widget_host import widget_opened

        subject, link, take, options = SCENES[name]
        if subject == "widget":
            opened = widget_opened(
                browser, document(regard.translate(SENTENCE), view="map", unit="tokens"), self.folder, **options
            )
            return self._taken(opened, take, before)
        if subject == "131072":
            path = self.folder / "long.safetensors"
            if not path.exists():
                long_map(2**17).save(path)
            with served(path) as server:
                own = f"http://{server.host}:{server.port}/"
                opened = Opened(browser, server.address + link, allowed=(own, "data:", "blob:"), **options)
                return self._taken(opened, take, before)
        return self._taken(Opened(browser, self._page(subject) + link, **options), take, before)

    def _page(self, subject: str) -> str:
        if subject not in self.pages:
            path = self.folder / f"{subject}.html"
            regard.page(regard.translate(SENTENCE) if subject == "sentence" else long_map(int(subject)), path)
            self.pages[subject] = path.as_uri()
        return self.pages[subject]

    def _taken(self, opened: Any, take: Callable[[Any], bytes], before: Callable[[Any], None] | None) -> Pixels:
        if before is not None:
            before(opened)
            opened.rest()
        found = seen(take(opened))
        opened.finish()
        return found


def main() -> None:
    """Write them."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
    from support.browser import chromium

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        sights = Sights(Path(folder))
        for name in sys.argv[1:] or SCENES:
            found = sights.photograph(browser, name)
            before = difference(found, kept(name)) if (FOLDER / f"{name}.png").exists() else None
            Image.fromarray(found).save(FOLDER / f"{name}.png", optimize=True)
            print(name, found.shape[:2], "new" if before is None else f"{before:.2%} of it differ from the one before")


if __name__ == "__main__":
    main()
