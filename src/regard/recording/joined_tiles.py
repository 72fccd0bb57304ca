"""LLaVA-NeXT and OneVision see a picture twice, whole and as tiles joined: how many rows and columns of these are left."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from regard.axes.pictures import Box


class JoinedTiles(NamedTuple):
    """Tiles of a picture as one grid of patches, without the border that filled them.

    Attributes:
        tiles: down and across.
        above: rows of the border before the picture.
        left: columns of the border before it.
        rows: patches down that are left, each with an end after it.
        columns: patches across that are left.
        box: which part of the picture they are.
        shrunk: rows and columns that OneVision makes of them where they are too many; None where each stays what it is.
    """

    tiles: tuple[int, int]
    above: int
    left: int
    rows: int
    columns: int
    box: Box
    shrunk: tuple[int, int] | None


def joined_tiles(height: int, width: int, config: Any, side: int) -> JoinedTiles:
    """How the tiles of a picture of so many pixels are joined, as ``pack_image_features`` has it.

    Args:
        height: of the picture before it was cut.
        width: likewise.
        config: of the model, with ``image_grid_pinpoints``.
        side: patches along a side of a tile.
    """
    from transformers.image_processing_utils import select_best_resolution  # files are read without Transformers

    best = select_best_resolution((height, width), config.image_grid_pinpoints)
    down, across = (int(length) // int(config.vision_config.image_size) for length in best)
    rows, columns = down * side, across * side
    wide = width / height > columns / rows
    whole, real = (rows, height * (columns / width)) if wide else (columns, width * (rows / height))
    border = (whole - int(round(real, 7))) // 2
    inside = whole - 2 * border
    first, last = ((start - (whole - real) / 2) / real for start in (border, border + inside))
    above, left = (border, 0) if wide else (0, border)
    rows, columns, box = (inside, columns, Box(first, 0, last, 1)) if wide else (rows, inside, Box(0, first, 1, last))
    limit = re.fullmatch(r"anyres_max_(\d+)", str(getattr(config, "vision_aspect_ratio", "")))
    ratio = math.sqrt(rows * columns / (int(limit[1]) * side**2)) if limit else 1.0
    shrunk = (int(rows // ratio), int(columns // ratio)) if ratio > 1.1 else None
    return JoinedTiles((down, across), above, left, rows, columns, box, shrunk)


def cut_ones(given: Mapping[str, Any], count: int) -> list[bool]:
    """Which of so many pictures are cut into tiles: OneVision cuts only one that is alone in its text.

    Args:
        given: what the model is given.
        count: of pictures.
    """
    many = given.get("batch_num_images")
    alone = [texts == 1 for texts in ([] if many is None else torch.as_tensor(many).tolist()) for _ in range(texts)]
    return alone if len(alone) == count else [True] * count
