"""Positions along an axis, in any order, and what a tensor has there."""

from collections.abc import Sequence

import torch
from torch import Tensor

Positions = range | tuple[int, ...]
"""Which places of an axis are read, in order."""


def take(tensor: Tensor, axis: int, positions: Positions) -> Tensor:
    """The given positions of one axis: a view where they are a run, a copy where they are not."""
    if isinstance(positions, range) and positions.step > 0:
        start, stop = (positions[0], positions[-1] + 1) if len(positions) else (0, 0)
        return tensor[(slice(None),) * axis + (slice(start, stop, positions.step),)]
    return tensor.index_select(axis, torch.tensor(list(positions), dtype=torch.long, device=tensor.device))


def index(positions: Positions) -> slice | list[int]:
    """The positions as an index of a tensor: a view where that can be."""
    if isinstance(positions, range) and positions.step > 0:
        return slice(positions.start, positions.stop, positions.step)
    return list(positions)


def through(held: Positions, places: Positions) -> Positions:
    """What places of some positions are where these stand.

    Example:
        >>> through(range(3, 8), range(1, 3)), through((9, 4, 2), (2, 0))
        (range(4, 6), (2, 9))
    """
    return positions_of([held[place] for place in places])


def positions_of(places: Sequence[int]) -> Positions:
    """The places as a range where they are one: ranges are read without a copy."""
    run = range(places[0], places[0] + len(places)) if places else range(0)
    return run if tuple(places) == tuple(run) else tuple(places)
