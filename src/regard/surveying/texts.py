"""The values of every text by itself, where they are kept: for paired tests, and for models of one's own."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.surveying.extremes import Integers


class KeptTexts(NamedTuple):
    """Texts in the order of the corpus, and what was found on each."""

    places: Integers
    keys: Integers  #: equal for equal texts with equal targets, on every machine
    values: NDArray[np.float32]  #: (texts, cells), NaN where a statistic has no meaning

    def numbered(self) -> dict[tuple[int, int], int]:
        """The row of each text by its key, and by how many equal texts stand before it."""
        seen: Counter[int] = Counter()
        found = {}
        for row, key in enumerate(self.keys.tolist()):
            found[key, seen[key]] = row
            seen[key] += 1
        return found


class Texts:
    """What is kept of each text: 4 bytes for each statistic of each head; merged in any order to the same.

    Args:
        cells: how many numbers a text has.
    """

    def __init__(self, cells: int) -> None:
        none = np.zeros(0, dtype=np.int64)
        self._parts = [KeptTexts(none, none, np.zeros((0, cells), dtype=np.float32))]

    def add(self, places: Sequence[int], keys: Sequence[int], values: NDArray[np.float32]) -> None:
        """Add texts: (texts,), (texts,) and (texts, cells)."""
        self._parts.append(KeptTexts(np.array(places, dtype=np.int64), np.array(keys, dtype=np.int64), values))

    def merge(self, other: "Texts") -> None:
        """Add those of other parts of the corpus."""
        self._parts += other._parts

    def kept(self) -> KeptTexts:
        """All of them, in the order of the corpus."""
        if len(self._parts) > 1:
            places, keys, values = map(np.concatenate, zip(*self._parts, strict=True))
            order = places.argsort(kind="stable")
            self._parts = [KeptTexts(places[order], keys[order], values[order])]
        return self._parts[0]
