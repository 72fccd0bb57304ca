"""What stays of the viewer in a saved notebook: a still picture, for whoever reads it without a kernel."""

import base64
import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.interventions.effects import Effects
from regard.surveying.survey_file import Survey
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import Document
from regard.viewer.document.findings import Finding
from regard.viewer.document.manifest import head_names, map_name
from regard.viewer.page.page import escaped

MOST_CELLS = 256  # along a side of the picture
NAMED_CELLS = 48  # and up to so many, with its labels
DPI = 96
WIDTH, FONT = 6.0, 7.0  # inches and points of a picture without labels
FITTED = 0.99
"""Share of the cells of a large picture that have a colour of their own; the rest has the last one, as its arrow says."""


class Still:
    """A still picture of what a viewer opens with.

    Attributes:
        png: its bytes.
        text: what it shows, in words.
    """

    def __init__(self, shown: Document) -> None:
        view = shown.manifest["opening"].get("view")
        own = {"effects": shown.effects, "finding": shown.finding}.get(view)
        if own is not None:
            self.text, self.png = str(own), _of_finding(own)
            return
        self.text, weights, named = _opened(shown)
        self.png = _drawn(weights, **named)

    @property
    def address(self) -> str:
        """The picture as a data: URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    def html(self, name: str) -> str:
        """The picture as HTML; the element is called by the name."""
        return f'<div id="{name}"><img alt="{escaped(self.text)}" src="{self.address}"></div>'

    def bundle(self, name: str) -> dict[str, str]:
        """The picture by type of content: for those that show HTML, pictures, or text alone."""
        return {"text/html": self.html(name), "image/png": base64.b64encode(self.png).decode(), "text/plain": self.text}


def still_picture(shown: Document, name: str) -> str:
    """A still picture of what the viewer opens with, as HTML; the element is called by the name."""
    return Still(shown).html(name)


def _opened(shown: Document) -> tuple[str, Any, dict[str, Any]]:
    """What a viewer opens with: in words, its weights, and how they are drawn."""
    opening: dict[str, Any] = shown.manifest["opening"]
    info: dict[str, Any] = shown.manifest["maps"][opening.get("map", 0)]
    heads = opening.get("heads", [0])
    rows, columns = min(info["queries"], MOST_CELLS), min(info["keys"], MOST_CELLS)
    region: dict[str, Any] = {
        "map": opening.get("map", 0),
        "heads": heads,
        "rows": {"start": 0, "stop": info["queries"], "count": rows},
        "columns": {"start": 0, "stop": info["keys"], "count": columns},
        "how": "mean",
        "hideSpecial": False,
        "renormalise": False,
        "sample": 0,
    }
    weights = unpack(shown.answer("region", region))[1]["values"]
    layer = map_name(info)
    title = f"{layer}, {head_names(heads)}" if info["heads"] > 1 else layer
    axes = shown.manifest["axes"]
    queries, keys = axes[info["rowAxes"][opening.get("rowAxis", 0)]], axes[info["columnAxis"]]
    named: dict[str, Any] = {"title": title, "sides": (queries["title"], keys["title"])}
    if max(info["queries"], info["keys"]) <= NAMED_CELLS:
        named |= {"queries": queries["tokens"], "keys": keys["tokens"]}
    else:
        named |= {"width": WIDTH, "font": FONT, "vmin": 0.0 if info["probabilities"] else None, "vmax": _fitted(weights)}
        named |= {"queries": _positions(info["queries"], rows), "keys": _positions(info["keys"], columns)}
    return f"{title} of {shown.manifest['title']}", np.asarray(weights), named


def _of_finding(found: Effects | Finding | Survey) -> bytes:
    """The picture of a finding is its own: what a map of it shows are no weights."""
    from regard.figures.notebook import unseen

    with warnings.catch_warnings(), unseen():
        warnings.filterwarnings("ignore", "expected a font", UserWarning)
        return small_png(found.figure())


def _positions(size: int, cells: int) -> list[str]:
    """The first position of each cell."""
    return [str(cell * size // cells) for cell in range(cells)]


def _fitted(weights: NDArray[np.float32]) -> float:
    """The weight of the last colour, where few cells own the largest: the first rows of a causal map are of few keys."""
    sizes = np.abs(weights)
    fitted = float(np.quantile(sizes, FITTED))
    return fitted if fitted > 0 else float(sizes.max()) or 1.0


def _drawn(weights: Any, **named: Any) -> bytes:
    from regard.figures.figure_files import figure_of
    from regard.figures.heatmap import heatmap
    from regard.figures.notebook import unseen

    with warnings.catch_warnings(), unseen():
        warnings.filterwarnings("ignore", "expected a font", UserWarning)  # the widget shows every token
        return small_png(figure_of(heatmap(weights, **named)))


def small_png(figure: Any) -> bytes:
    """The figure in 256 colours, which no eye tells from all of them: a third of the bytes, which a notebook keeps twice."""
    from PIL import Image

    from regard.figures.figure_files import render

    made = io.BytesIO()
    with Image.open(io.BytesIO(render(figure, ".png", DPI))) as picture:
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(made, "PNG", optimize=True, dpi=(DPI, DPI))
    return made.getvalue()
