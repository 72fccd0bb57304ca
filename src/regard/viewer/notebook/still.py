"""What stays of the viewer in a saved notebook: a still picture, for whoever reads it without a kernel."""

import base64
import warnings
from typing import Any

import numpy as np

from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import Document
from regard.viewer.document.manifest import head_names, map_name
from regard.viewer.page.page import escaped

MOST_CELLS = 256  # along a side of the picture
NAMED_CELLS = 48  # and up to so many, with its labels


def still_picture(shown: Document, name: str) -> str:
    """A still picture of what the viewer opens with, as HTML; the element is called by the name."""
    from regard.figures.figure_files import figure_of, render
    from regard.figures.heatmap import heatmap
    from regard.figures.notebook import unseen

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
    named: dict[str, Any] = {"sides": (queries["title"], keys["title"])}
    if max(info["queries"], info["keys"]) <= NAMED_CELLS:
        named |= {"queries": queries["tokens"], "keys": keys["tokens"]}
    with warnings.catch_warnings(), unseen():
        warnings.filterwarnings("ignore", "expected a font", UserWarning)  # the widget shows every token
        png = render(figure_of(heatmap(np.asarray(weights), title=title, **named)), ".png", 96)
    text = escaped(f"{title} of {shown.manifest['title']}")
    return f'<div id="{name}"><img alt="{text}" src="data:image/png;base64,{base64.b64encode(png).decode()}"></div>'
