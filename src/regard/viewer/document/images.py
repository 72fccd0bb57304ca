"""The picture that an image model looked at, small enough to travel, and where its patches stand among the tokens."""

import base64
import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.arguments import whole_number
from regard.errors import DtypeError, FileFormatError, OptionError, ShapeError

LONGEST_SIDE = 768
MOST_LEADING = 16
"""Tokens that may stand before the patches: a class token, registers."""


def image_info(image: Any, keys: int, grid: tuple[int, int] | None = None, item: int = 0) -> dict[str, Any]:
    """The picture as a data: URI of at most 768 pixels a side, and its patches.

    Args:
        image: a path, the bytes of a PNG or JPEG file, an array (height, width, 3) of bytes or of numbers from 0 to 1, or an
            image of Pillow's.
        keys: how many tokens the model made of it, a class token and its like in front.
        grid: patches down and across, where they are not as many down as across.
        item: the number of its sequence.

    Raises:
        OptionError: a grid that the tokens do not make.
        FileFormatError, ShapeError, DtypeError, OSError: no picture.
    """
    rows, columns, first = _patches(keys, grid)
    picture = _opened(image).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    files = []
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 88})):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        files.append((buffer.getvalue(), kind))
    data, kind = min(files, key=lambda one: len(one[0]))
    return {
        "item": item,
        "src": f"data:image/{kind};base64,{base64.b64encode(data).decode()}",
        "width": picture.width,
        "height": picture.height,
        "rows": rows,
        "columns": columns,
        "first": first,
    }


def _patches(keys: int, grid: tuple[int, int] | None) -> tuple[int, int, int]:
    """Patches down, across, and how many tokens stand before the first."""
    if grid is not None:
        if not isinstance(grid, tuple | list) or len(grid) != 2:
            raise OptionError(f"grid: expected (patches down, patches across), got {grid!r}; for example grid=(14, 14)")
        rows, columns = (whole_number("grid", side, 1, advice="for example grid=(14, 14)") for side in grid)
        first = keys - rows * columns
        if first < 0:
            raise OptionError(f"grid: expected at most {keys} patches, the map's keys, got {rows} × {columns}")
        return rows, columns, first
    for first in range(min(MOST_LEADING, keys - 1) + 1):
        side = math.isqrt(keys - first)
        if side * side == keys - first:
            return side, side, first
    raise OptionError(f"grid: expected a square number of patches, got {keys} tokens; say grid=(patches down, patches across)")


def _opened(image: Any) -> Any:
    """As an image of Pillow's, which comes with matplotlib."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(image, Image.Image):
        return image
    if isinstance(image, np.ndarray) or hasattr(image, "__array__"):
        return Image.fromarray(_bytes_of_pixels(np.asarray(image)))
    if not isinstance(image, str | os.PathLike | bytes):
        raise DtypeError(
            f"image: expected a path, bytes, an array (height, width, 3) or an image of Pillow's, got {type(image).__name__}"
        )
    try:
        opened = Image.open(io.BytesIO(image) if isinstance(image, bytes) else Path(image))
        opened.load()
    except UnidentifiedImageError as error:
        what = f"{len(image)} bytes" if isinstance(image, bytes) else repr(str(image))
        raise FileFormatError(f"image: expected a picture such as PNG or JPEG, got {what} of another format") from error
    return opened


def _bytes_of_pixels(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ShapeError(f"image: expected an array (height, width, 3), got {pixels.shape}; move the colours to the last axis")
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise DtypeError(f"image: expected bytes, or numbers from 0 to 1, got {pixels.dtype}; convert with .astype(np.uint8)")
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise OptionError(
            f"image: expected numbers from 0 to 1, got {pixels.min():g} to {pixels.max():g}; undo the model's normalisation"
        )
    made: NDArray[np.uint8] = np.rint(pixels * 255).astype(np.uint8)
    return made
