"""Where a mask leaves nothing to ask: the keys that some neighbouring queries cannot see, and those that all of them can."""

from regard.masks.mask import Mask
from regard.masks.pattern import Extent


def visible(mask: Mask | None, batch: int, head: int, rows: range, keys: int) -> Extent:
    """What these rows can see, from what the mask is made of; of a mask that is a mere function, everything is possible."""
    return Extent.everything(keys) if mask is None else mask.pattern.extent(batch, head, rows, keys)
