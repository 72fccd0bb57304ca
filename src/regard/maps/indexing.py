"""Basic indices and choices of positions, as a map reads them."""

import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from types import EllipsisType
from typing import NamedTuple, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from regard.arguments import MOST, dense_tensor, whole_number
from regard.axes.axis import Axis
from regard.errors import OptionError, PlaceError, ShapeError, in_short
from regard.positions import Positions

Choice = int | slice | Sequence[int] | Tensor | None
OneIndex = int | slice | EllipsisType | None
Index = OneIndex | tuple[OneIndex, ...]


class Tile(NamedTuple):
    """A region of a map: which queries and keys, and the weights there."""

    queries: slice
    keys: slice
    weights: Tensor  #: (batch, heads, queries, keys)


def spread(index: Index) -> tuple[list[int | slice], tuple[int | slice | None, ...]]:
    """A basic index as one choice an axis, and as the index that gives the chosen tile the shape that was asked for."""
    given = index if isinstance(index, tuple) else (index,)
    parts = [_part(part) for part in given]
    gaps, choices = parts.count(Ellipsis), sum(isinstance(part, int | slice) for part in parts)
    if gaps > 1 or choices > 4:
        raise ShapeError(
            f"expected at most 4 indices (batch, heads, queries, keys) and one ..., got {choices} and {gaps} times ...; "
            "index the tile that you read once more"
        )
    at = parts.index(Ellipsis) if gaps else len(parts)
    full = [*parts[:at], *[slice(None)] * (4 - choices), *parts[at + gaps :]]
    chosen = [part for part in full if isinstance(part, int | slice)]
    return chosen, tuple(None if part is None else 0 if isinstance(part, int) else slice(None) for part in full)


def narrow(axis: str, positions: Positions, choice: Choice) -> Positions:
    """The chosen ones of these positions."""
    if choice is None:
        return positions
    if isinstance(choice, slice):
        return positions[_checked_slice(axis, choice)]
    if isinstance(choice, str | bytes | Mapping) or not isinstance(choice, Iterable | SupportsIndex | Tensor):
        raise OptionError(f"{axis}: expected integers, a slice or a list of integers, got {in_short(choice)}")
    if isinstance(choice, Tensor):
        dense_tensor(axis, choice)
    if isinstance(choice, range) and len(choice) > MOST:
        raise OptionError(f"{axis}: expected positions of the map, got {len(choice):,}; the axis has {len(positions)}")
    one_only = isinstance(choice, SupportsIndex) and getattr(choice, "ndim", 0) == 0
    wanted = [_integer(axis, one) for one in ([choice] if one_only else choice)]  # type: ignore[union-attr,arg-type]
    for one in wanted:
        if not -len(positions) <= one < len(positions):
            raise PlaceError(
                f"{axis}: expected positions from {-len(positions)} to {len(positions) - 1}, got {one}; "
                f"the axis has {len(positions)}"
            )
    if one_only:
        one = wanted[0] % len(positions)
        return positions[one : one + 1]
    return tuple(positions[one] for one in wanted)


def chosen(axis: Axis, items: Positions | None, name: str, choice: Choice) -> Axis:
    """Some sequences of an axis, and some of its positions."""
    return axis.select(batch=items, places=None if choice is None else narrow(name, range(len(axis)), choice))


def as_choice(positions: Positions | None) -> Choice:
    """Positions of an axis as a choice of it."""
    return slice(positions.start, positions.stop) if isinstance(positions, range) and positions.step == 1 else positions


def _part(part: OneIndex) -> OneIndex:
    if isinstance(part, slice):
        return _checked_slice("index", part)
    return part if part is None or isinstance(part, EllipsisType) else _integer("index", part)


def _checked_slice(axis: str, choice: slice) -> slice:
    """A slice of whole numbers, or of none, with a step."""
    for name, end in (("start", choice.start), ("stop", choice.stop), ("step", choice.step)):
        if end is not None:
            whole_number(f"{axis}: the {name} of a slice", end)
    if choice.step is not None and not operator.index(choice.step):
        raise OptionError(f"{axis}: expected a slice with a step, got one of step 0; leave the step out to take every position")
    return choice


def _integer(axis: str, choice: SupportsIndex) -> int:
    """One position as a Python integer; a list of True and False would be taken for the positions 1 and 0."""
    truth = isinstance(choice, bool | np.bool_) or (isinstance(choice, Tensor) and choice.dtype == torch.bool)
    try:
        if not truth:
            return operator.index(choice)
    except (TypeError, RuntimeError, NotImplementedError):  # of no numbers, of several, of fractions
        pass
    raise OptionError(
        f"{axis}: expected integers, slices, None and ..., got {'bool' if truth else in_short(choice)}; "
        "use .select(heads=[0, 3]) for lists of positions, and mask.nonzero() for a mask"
    )


def tile_places(shape: tuple[int, int], rows: int, cols: int) -> list[tuple[slice, slice]]:
    """The (queries, keys) of tiles of ``rows`` by ``cols``, row by row."""
    for name, size in (("rows", rows), ("cols", cols)):
        whole_number(f"tiles: {name}", size, 1, advice="for example amap.tiles(512, 512)")
    tops, lefts = (
        [slice(at, min(at + step, size)) for at in range(0, size, step)] for size, step in zip(shape, (rows, cols), strict=True)
    )
    return list(itertools.product(tops, lefts))
