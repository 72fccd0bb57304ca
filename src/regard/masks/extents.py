"""Where a mask leaves nothing to ask: the keys that some neighbouring queries cannot see, and those that all of them can."""

from typing import NamedTuple, cast

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
            real = keep[batch if len(keep) > 1 else 0].nonzero().flatten()
            start, stop = (int(real[0]), int(real[-1]) + 1) if len(real) else (0, 0)
            return clamp(start, stop, start, stop if stop - start == len(real) else start)
        case "and" | "or":
            one, other = (visible(cast("Mask", given[side]), batch, head, rows, keys) for side in ("left", "right"))
            if kind == "and":
                return clamp(*(max(pair) if at % 2 == 0 else min(pair) for at, pair in enumerate(zip(one, other, strict=True))))
            wider = max(one, other, key=lambda extent: extent.open_stop - extent.open_start)
            return clamp(min(one.start, other.start), max(one.stop, other.stop), wider.open_start, wider.open_stop)
    return Extent(0, keys, 0, 0)
