"""The formats of pictures, by the endings of their files: known without matplotlib, so that a wrong one is refused at once."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from regard.errors import FileFormatError, OptionError
from regard.files import as_path, checked_path

FORMATS: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What would differ from one run to the next is left out of the file."""


def checked_paths(paths: Sequence[str | os.PathLike[str]], endings: Collection[str] = FORMATS) -> list[Path]:
    """The paths, where each can be written as far as one can tell beforehand.

    Raises:
        OptionError: no paths.
        DtypeError: something that is no path.
        FileFormatError: another ending.
        OSError: a folder, or a folder that is not there.
    """
    if not paths:
        raise OptionError('expected at least one path, got none; for example save(thing, "map.png", "map.pdf")')
    places = [as_path(path) for path in paths]
    for place in places:
        if place.suffix.lower() not in endings:
            raise FileFormatError(f"expected a name ending in {', '.join(endings)}, got {str(place)!r}; rename the file")
    return [checked_path(place) for place in places]
