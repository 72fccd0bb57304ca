"""Where a mask leaves nothing to ask: the keys that some neighbouring queries cannot see, and those that all of them can."""

from typing import NamedTuple, cast

import torch
from torch import Tensor

from regard.masks.mask import Mask


class Extent(NamedTuple):
    """What a mask lets some neighbouring queries see: no key outside start:stop, and each key of open_start:open_stop."""

    start: int
    stop: int
    open_start: int
    open_stop: int


def visible(mask: Mask | None, batch: int, head: int, rows: range, keys: int) -> Extent:
    """What these rows can see, from what the mask is made of; of a mask that is a mere function, everything is possible."""

    def clamp(*places: int) -> Extent:
        start, stop, open_start, open_stop = (min(max(place, 0), keys) for place in places)
        return Extent(start, max(start, stop), open_start, max(open_start, open_stop))

    if mask is None:
        return Extent(0, keys, 0, keys)
    kind, given = mask.made or ("unknown", {})
    first, last = rows.start, rows.stop - 1
    numbers = {name: value for name, value in given.items() if isinstance(value, int)}
    match kind:
        case "everything":
            return Extent(0, keys, 0, keys)
        case "causal":
            return clamp(0, last + numbers["offset"] + 1, 0, first + numbers["offset"] + 1)
        case "window":
            width, offset = numbers["width"], numbers["offset"]
            return clamp(first + offset - width + 1, last + offset + 1, last + offset - width + 1, first + offset + 1)
        case "centred_window":
            half, offset = numbers["width"] // 2, numbers["offset"]
            return clamp(first + offset - half, last + offset + half + 1, last + offset - half, first + offset + half + 1)
        case "prefix":
            return clamp(0, numbers["length"], 0, numbers["length"])
        case "spans":
            starts, stops = (
                edge[batch if edge.shape[0] > 1 else 0, head if edge.shape[1] > 1 else 0]
                for edge in (cast("Tensor", given["starts"]), cast("Tensor", given["stops"]))
            )
            if len(starts) > 1:
                starts, stops = starts[rows.start : rows.stop], stops[rows.start : rows.stop]
            return clamp(int(starts.min()), int(stops.max()), int(starts.max()), int(stops.min()))
        case "padding":
            keep = cast("Tensor", given["keep"])
            real = keep[batch if len(keep) > 1 else 0]
            return clamp(*_edges(real, real))
        case "blocks":
            size, beside, offset = numbers["size"], numbers["neighbours"], numbers["offset"]
            first, last = (first + offset) // size, (last + offset) // size  # blocks from here on
            return clamp(*(size * block for block in (first - beside, last + beside + 1, last - beside, first + beside + 1)))
        case "block_pairs":
            table, size, offset = cast("Tensor", given["table"]), numbers["size"], numbers["offset"]
            pairs = table[head if len(table) > 1 else 0, (first + offset) // size : (last + offset) // size + 1]
            return clamp(*(size * block for block in _edges(pairs.any(0), pairs.all(0))))
        case "global_positions":
            places = cast("Tensor", given["positions"]).cpu()
            seers = torch.isin(torch.arange(first, last + 1) + numbers["offset"], places)
            seen = torch.isin(torch.arange(keys), places)
            return clamp(*_edges(seen | seers.any(), seen | seers.all()))
        case "and" | "or":
            one, other = (visible(cast("Mask", given[side]), batch, head, rows, keys) for side in ("left", "right"))
            if kind == "and":
                return clamp(*(max(pair) if at % 2 == 0 else min(pair) for at, pair in enumerate(zip(one, other, strict=True))))
            wider = max(one, other, key=lambda extent: extent.open_stop - extent.open_start)
            return clamp(min(one.start, other.start), max(one.stop, other.stop), wider.open_start, wider.open_stop)
    return Extent(0, keys, 0, 0)


def _edges(some: Tensor, every: Tensor) -> tuple[int, int, int, int]:
    """Where the True of ``some`` begin and end; and those of ``every``, if there is no gap between them."""
    places, sure = some.nonzero().flatten(), every.nonzero().flatten()
    start, stop = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
    open_start, open_stop = (int(sure[0]), int(sure[-1]) + 1) if len(sure) else (start, start)
    return start, stop, open_start, open_stop if open_stop - open_start == len(sure) else open_start
