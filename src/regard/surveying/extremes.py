"""The largest values of many cells, each of another text: a small reservoir that merges in any order to the same."""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

NOTHING = -(2**62)
"""Stands below every value."""

NOWHERE = 2**63 - 1
"""Stands behind every place."""


class Extremes:
    """The largest values of each cell, with the places where they were found.

    Values are ranked by size, then by place, the earlier first; so no two are equal, and which are kept does not depend on the
    order in which they come. Equal texts have equal values: of those with one key only the first in this order is kept.

    Args:
        cells: how many numbers are watched.
        size: how many values are kept of each.

    Example:
        >>> found = Extremes(cells=1, size=2)
        >>> found.add(np.array([[3, 9, 9, 5]]), places=np.array([[0, 1, 2, 3]]), keys=np.array([[10, 11, 11, 12]]))
        >>> found.values, found.places
        (array([[9, 5]]), array([[1, 3]]))
    """

    def __init__(self, cells: int, size: int) -> None:
        self.values: Integers = np.full((cells, size), NOTHING, dtype=np.int64)  # the largest first
        self.places: Integers = np.full((cells, size), NOWHERE, dtype=np.int64)
        self.keys: Integers = np.zeros((cells, size), dtype=np.int64)

    def __iter__(self) -> Iterator[Integers]:
        return iter((self.values, self.places, self.keys))

    def add(self, values: Integers, places: Integers, keys: Integers) -> None:
        """Add candidates: values (cells, candidates), NOTHING where there is none; places and keys broadcast to them."""
        size = self.values.shape[1]
        if not size or not values.shape[1]:
            return
        last, place = self.values[:, -1:], self.places[:, -1:]
        better = (values > last) | ((values == last) & (values > NOTHING) & (places < place))
        cells = np.flatnonzero(better.any(1))  # all at first, few when much has been seen
        if not cells.size:
            return
        added = (values, np.broadcast_to(places, values.shape), np.broadcast_to(keys, values.shape))
        left, where, which = (np.concatenate([own[cells], new[cells]], 1) for own, new in zip(self, added, strict=True))
        for at in range(size):
            best = left.max(1, keepdims=True)
            earliest = np.where(left == best, where, NOWHERE).argmin(1)[:, None]
            key = np.take_along_axis(which, earliest, 1)
            found = best > NOTHING
            self.values[cells, at] = best[:, 0]
            self.places[cells, at] = np.where(found, np.take_along_axis(where, earliest, 1), NOWHERE)[:, 0]
            self.keys[cells, at] = np.where(found, key, 0)[:, 0]
            left[which == key] = NOTHING

    def merge(self, other: Self) -> None:
        """Add those that another one keeps."""
        self.add(*other)
