"""The file that a command reads: the maps of one sequence."""

from pathlib import Path
from typing import Any

import regard
from regard.arguments import whole_number
from regard.errors import OptionError


def loaded(path: Path, item: int | None) -> Any:
    """The recording or the map of a file, of one sequence: that of ``--item``, or the only one.

    Raises:
        OptionError: there is no such sequence, or there are several and none is named. RecordingError: passes of several sizes,
            where none is that of a sequence.
    """
    found = regard.load(path)
    maps = getattr(found, "maps", [found])
    count = max((amap.shape[0] for amap in maps), default=1)
    if item is not None:
        return found.sample(whole_number("--item", item, 0, count - 1, advice="sequences are counted from 0"))
    if count > 1:
        raise OptionError(
            f"--item: expected one of the {count:,} sequences of this file, from 0, got none; say which: --item 0"
        )
    return found
