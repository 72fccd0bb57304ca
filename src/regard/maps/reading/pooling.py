"""Neighbouring positions put together: the one operation behind pooled pictures, along rows and along keys."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby, pairwise

import torch
from torch import Tensor

from regard.maps.reading.parts import Pooling


def cells_of(edges: Sequence[int], places: slice) -> tuple[slice, list[int]]:
    """Which cells some positions are in, and how many of the positions stand in each of these.

    Args:
        edges: where cells begin, rising, and where the last one ends.
        places: among them.

    Example:
        >>> cells_of([0, 3, 6, 9], slice(4, 9))
        (slice(1, 3, None), [2, 3])
    """
    start, stop = places.start, max(places.start, places.stop)
    first, last = bisect_right(edges, start) - 1, bisect_left(edges, stop)
    if start == stop:
        return slice(first, first), []
    ends = [start, *edges[first + 1 : last], stop]
    return slice(first, last), [right - left for left, right in pairwise(ends)]


def put_together(values: Tensor, counts: Sequence[int], axis: int, how: Pooling) -> Tensor:
    """The sum ("mean") or the maximum of so many neighbours along an axis each: one operation for those of one size in a row.

    Example:
        >>> put_together(torch.tensor([1, 2, 3, 4, 5]), [2, 2, 1], 0, "max")
        tensor([2, 4, 5])
    """
    parts, first = [values.narrow(axis, 0, 0)] if not counts else [], 0
    for count, alike in groupby(counts):
        cells = len(list(alike))
        part = values.narrow(axis, first, cells * count).unflatten(axis, (cells, count))
        parts.append(part.sum(axis + 1) if how == "mean" else part.amax(axis + 1))
        first += cells * count
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
