"""The file that a command reads: all of it, or one of its sequences."""

from pathlib import Path
from typing import Any

import regard
from regard.arguments import whole_number


def loaded(path: Path, item: int | None) -> Any:
    """The recording or the map of a file; of ``--item``, if it is given.

    Raises:
        OptionError: there is no such sequence. RecordingError: passes of several sizes, where none is that of a sequence.
    """
    found = regard.load(path)
    if item is None:
        return found
    count = found.shape[0] if isinstance(found, regard.AttentionMap) else found.batch_size
    return found.sample(whole_number("--item", item, 0, max(0, count - 1), advice="sequences are counted from 0"))
