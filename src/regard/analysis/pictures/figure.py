"""Words and queries over pictures, drawn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from regard.amounts import heads_text
from regard.arguments import several
from regard.errors import ShapeError
from regard.figures.overlays import Row, overlays
from regard.tokens.texts import visible


def patches_figure(
    found: Any,
    images: Sequence[Any] | None,
    words: list[int],
    chosen: list[int],
    *,
    against: Any,
    sinks: bool,
    title: str | None,
    **look: Any,
) -> Figure:
    """Draws of found ``Patches`` a row for each word, a column for each picture, and shares beside them."""
    given = None
    if images is not None:
        given = several("images", images, "pictures, one each")
        if len(given) not in (len(chosen), len(found.pictures)):
            raise ShapeError(f"images: expected {len(found.pictures)}, one a picture, got {len(given)}")
        given = given if len(given) == len(chosen) else [given[at] for at in chosen]
    shares, rows = found.share(), []
    for word in words:
        heats = [found.heat(word, at, against=against, sinks=sinks) for at in chosen]
        if against is not None and not isinstance(against, str):
            heats = [torch.log2(heat.clamp(min=1e-12)) for heat in heats]
        one = shares[word]
        largest = max(float(heat.abs().max()) for heat in heats)
        pictures = sum(one.pictures)
        named = [one.pictures[at] for at in chosen]
        rest = max(0.0, pictures - sum(named))
        parts = [*named, *([rest] if len(chosen) < len(found.pictures) else []), one.text, max(0.0, 1 - pictures - one.text)]
        note = f"pictures {pictures:.2f}; most {largest:.2g}"
        rows.append(Row(visible(one.word), [np.asarray(heat) for heat in heats], note, parts))
    lost = any(row.shares[-1] > 0.005 for row in rows)  # rows of which a sink beside the keys takes a part
    rows = rows if lost else [replace(row, shares=row.shares[:-1]) for row in rows]
    names = [found.spans.names[at] for at in chosen]
    others = ["other pictures"] if len(chosen) < len(found.pictures) else []
    who = heads_text(len(found.heads), chosen=found.chosen)
    if against is None:
        what = f"colour: attention to a patch, of the row's largest; {who}"
    elif isinstance(against, str):
        what = f"orange: more than the mean over the words of the answer, blue: less; {who}"
    else:
        what = f"orange: more than under the neutral prompt, blue: less (log ratio); {who}"
    what += "" if sinks else "; sinks left out"
    said = "where it looked, word by word" if title is None else title
    return overlays(
        rows, names, given, parts=[*names, *others, "text", *(["nothing"] if lost else [])], note=what, title=said, **look
    )


def overlay_figure(
    labels: list[str], names: list[str], panels: list[list[tuple[torch.Tensor, float]]], image: Any, **look: Any
) -> Figure:
    """Draws a row for each query, a column for each map or method, each by its own largest patch."""
    rows = []
    for label, row in zip(labels, panels, strict=True):
        heats = [np.asarray(heat / max(float(heat.abs().max()), 1e-30)) for heat, _ in row]
        rows.append(Row(visible(label), heats, "patches " + ", ".join(f"{mass:.2f}" for _, mass in row)))
    look["title"] = "" if look["title"] is None else look["title"]
    pictures = None if image is None else [image] * len(names)
    return overlays(rows, names, pictures, note="colour: of the largest patch of each picture", **look)


def pixels_figure(rows: list[tuple[str, list[torch.Tensor]]], steps: list[str], image: Any, **look: Any) -> Figure:
    """Draws a row for each word: its mean, then its steps."""
    drawn = [
        Row(visible(word), [np.asarray(heat) for heat in heats], f"most {float(heats[0].max()):.2g}") for word, heats in rows
    ]
    names = ["all steps", *steps]
    look["title"] = "which pixels a word has to do with" if look["title"] is None else look["title"]
    pictures = None if image is None else [image] * len(names)
    return overlays(
        drawn, names, pictures, note="colour: attention to the word, of the row's largest; mean of layers and heads", **look
    )
