"""Pictures that are given: as files, bytes, arrays or images of Pillow's."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from regard.arguments import dense_tensor
from regard.errors import DtypeError, FileFormatError, OptionError, ShapeError, in_short
from regard.files import as_path, refusal


def opened(image: Any) -> Any:
    """As an image of Pillow's, which comes with matplotlib.

    Args:
        image: a path, the bytes of a PNG or JPEG file, an array (height, width, 3) of bytes or of numbers from 0 to 1, or an
            image of Pillow's.

    Raises:
        FileFormatError, ShapeError, DtypeError, OptionError, OSError: no picture.
    """
    from PIL import Image, UnidentifiedImageError

    if isinstance(image, Image.Image):
        return image
    if isinstance(image, Tensor):
        image = dense_tensor("image", image).detach().cpu().resolve_conj().resolve_neg()
        image = image.float() if image.is_floating_point() else image
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
    except OSError as error:
        if not isinstance(image, bytes) and error.errno is not None:
            raise refusal("read", error.errno, as_path(image), error.strerror or "no file") from error
        raise FileFormatError(f"image: expected a whole picture, got one that cannot be read: {error}") from error
    except ValueError as error:
        raise FileFormatError(f"image: expected a picture, got {in_short(image)}: {error}; give a path or bytes") from error
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
