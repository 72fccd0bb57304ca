"""Words on pictures, to look at: a map between words and cells, which the view of pictures lays over these."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from regard.analysis.pictures.patches import Patches
from regard.analysis.pictures.pixels import Pixels
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch
from regard.maps.attention_map import AttentionMap
from regard.tokens.texts import visible
from regard.viewer.document.subjects import ShownAxis, ShownMap, Subject

Heats: TypeAlias = Patches | Pixels
HEATS = (Patches, Pixels)

PAPER, CELL = 235, 16
"""The grey of a picture that is not given, and pixels of a cell in it."""


def heats_subject(found: Heats) -> Subject:
    """Heat of each word on each picture. Pixels look at words: of these a word is a column, and a step a map."""
    if isinstance(found, Patches):
        made = Subject("where it looked, word by word")
        grids = [torch.stack([found.heat(at, picture) for at in range(len(found.words))]) for picture in _pictures(found)]
        _add(made, found.words, grids, "Each row is a word of the answer, each column a patch: how much of it looked there.")
        looked: dict[str, Any] = {"query": 0}
    else:
        made = Subject("which pixels belong to each word")
        for at, (step, heats) in enumerate(zip(found.steps, found.heats, strict=True)):
            number = at if isinstance(step, str) else step
            _add(made, found.words, [heats], "Each row is a cell of the picture, each column a word of the prompt.", number)
            if isinstance(step, str):  # a group of steps
                made.maps[-1].amap.name = f"words on pictures, {step}"
        looked = {"key": 0, "direction": "to"}
    made.items.append(made.title)
    made.opening = {"view": "image", "map": 0, "heads": [0], **looked}
    return made


def blank_pictures(found: Heats) -> list[Any]:
    """A blank picture for each, where none is given."""
    sizes = [found.heat(0, at).shape for at in _pictures(found)] if isinstance(found, Patches) else [found.heats.shape[-2:]]
    return [np.full((CELL * down, CELL * across, 3), PAPER, np.uint8) for down, across in sizes]


def _pictures(found: Patches) -> range:
    return range(len(found.pictures))


def _add(made: Subject, words: Sequence[str], grids: Sequence[Tensor], meaning: str, step: int | None = None) -> None:
    """A map of grids (words, down, across), one a picture: words are rows, but where there are steps."""
    cells = torch.cat([grid.flatten(1) for grid in grids], 1).float().cpu()
    places = [
        Patch(picture, row, column)
        for picture, grid in enumerate(grids)
        for row in range(grid.shape[1])
        for column in range(grid.shape[2])
    ]
    weights = cells if step is None else cells.T
    amap = AttentionMap.from_dense(weights[None, None])
    amap.name = "words on pictures"
    axis = Axis((Line(len(places), place=tuple(places)),))
    named, cells_of = ShownAxis("words", tuple(map(visible, words)), len(words), whole=True), ShownAxis.of(axis, "patches")
    if step is None:
        amap.keys, rows, columns = axis, named, cells_of
    else:
        amap.step, amap.queries, rows, columns = step, axis, cells_of, named
    made.maps.append(ShownMap(amap, 0, (rows,), columns, meaning=meaning))
