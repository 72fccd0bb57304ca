"""Masks as runs of keys: for each query the runs that it sees, for each head which such list is its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regard.masks import Mask
from regard.positions import Positions

_BLOCK = 2**24  # truth values that are looked at together


@dataclass(frozen=True)
class Runs:
    """What a mask shows: query i of a head sees the keys of its runs first[i] … first[i + 1], each [start, stop)."""

    of_head: NDArray[np.int32]  #: (heads,): which list
    lists: tuple[tuple[NDArray[np.int32], NDArray[np.int32]], ...]  #: first (queries + 1,) and ends (runs, 2)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return self.of_head.nbytes + sum(first.nbytes + ends.nbytes for first, ends in self.lists)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By the names that the page knows."""
        made: dict[str, NDArray[Any]] = {"runs_of_head": self.of_head}
        for number, (first, ends) in enumerate(self.lists):
            made |= {f"runs.{number}.first": first, f"runs.{number}.ends": ends}
        return made


def runs_of(mask: Mask, heads: int, queries: int, columns: Positions) -> Runs | None:
    """The runs of a mask of one sequence; None where every query sees every key.

    Args:
        mask: it is asked for batch 0, and positions counted from 0.
        heads: how many.
        queries: how many.
        columns: the keys that are shown; runs are of their places in this list.
    """
    found: dict[bytes, int] = {}
    lists: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
    of_head = np.zeros(heads, np.int32)
    for head in range(heads if mask.pattern.differs_by_head else 1):
        first, ends = _of_head(mask, head, queries, columns)
        own = first.tobytes() + ends.tobytes()
        if own not in found:
            found[own] = len(lists)
            lists.append((first, ends))
        of_head[head] = found[own]
    keys = len(columns)
    first, ends = lists[0]
    if len(lists) == 1 and len(ends) == queries and (ends == [0, keys]).all():
        return None
    return Runs(of_head, tuple(lists))


def _of_head(mask: Mask, head: int, queries: int, columns: Positions) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    b, h, k = torch.tensor(0), torch.tensor(head), torch.tensor(list(columns))
    rows = max(1, _BLOCK // max(1, len(columns)))
    counts, ends = [], []
    for start in range(0, queries, rows):
        q = torch.arange(start, min(start + rows, queries))[:, None]
        seen = mask(b, h, q, k).numpy()
        edges = np.zeros((len(seen), seen.shape[1] + 1), np.bool_)
        edges[:, 1:-1] = seen[:, 1:] != seen[:, :-1]
        edges[:, 0], edges[:, -1] = seen[:, 0], seen[:, -1]
        row, places = (at.reshape(-1, 2) for at in np.nonzero(edges))  # runs begin and end by turns
        counts.append(np.bincount(row[:, 0], minlength=len(seen)))
        ends.append(places)
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return first.astype(np.int32), np.concatenate(ends).astype(np.int32)
