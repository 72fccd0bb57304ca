"""Masks that follow from the positions alone, by which each query sees one run of keys."""

import functools
import operator
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from regard.arguments import truth
from regard.errors import OptionError
from regard.masks.mask import Mask
from regard.masks.pattern import Extent, Pattern, Selection, place
from regard.masks.tensors import Spans

Place = TypeVar("Place", int, Tensor)


@dataclass(eq=False, repr=False)
class Everything(Pattern):
    """Every query sees every key; see `everything`."""

    name: ClassVar = "everything"

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return torch.ones((), dtype=torch.bool, device=key.device)

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.everything(keys)

    def narrowed(self, kept: Selection) -> Pattern:
        return self

    def __repr__(self) -> str:
        return "everything()"


def everything() -> Mask:
    """Every query sees every key: the neutral element of ``&``.

    Example:
        >>> print(everything().picture(2, 3))
        0 ■ ■ ■
        1 ■ ■ ■
    """
    return Mask.of(Everything())


@dataclass(eq=False, repr=False)
class Prefix(Pattern):
    """The first keys are seen by every query; see `prefix`."""

    name: ClassVar = "prefix"
    length: int

    def __post_init__(self) -> None:
        self.length = place("length", self.length, 0)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return key < self.length

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.within(keys, 0, self.length, 0, self.length)

    def narrowed(self, kept: Selection) -> Pattern:
        return self


def prefix(length: int) -> Mask:
    """Every query sees the first ``length`` keys; join it to another mask with ``|``.

    Args:
        length: how many keys.

    Raises:
        OptionError: if the length is not a whole number of at least 0.

    Example:
        >>> print((causal() | prefix(3)).picture(5, 5))
        0 ■ ■ ■ ⬚ ⬚
        1 ■ ■ ■ ⬚ ⬚
        2 ■ ■ ■ ⬚ ⬚
        3 ■ ■ ■ ■ ⬚
        4 ■ ■ ■ ■ ■
    """
    return Mask.of(Prefix(length))


class MovingRun(Pattern):
    """A run of keys that moves on with the query: its ends are all that extents and narrowed masks need."""

    offset: int

    @abstractmethod
    def run(self, place: Place) -> tuple[Place, Place]:
        """The first key that the query at this place among the keys sees, and one past the last; there need be no such keys."""

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        start, open_stop = self.run(rows.start + self.offset)
        open_start, stop = self.run(rows.stop - 1 + self.offset)
        return Extent.within(keys, start, stop, open_start, open_stop)

    def narrowed(self, kept: Selection) -> Pattern:
        if (first := kept.first) is not None:
            return self.changed(offset=self.offset + first)
        starts, stops = self.run(torch.tensor(list(kept.queries), dtype=torch.long) + self.offset)
        return Spans(starts.clamp(0, kept.keys)[None, None], stops.clamp(0, kept.keys)[None, None], kept.keys)


@dataclass(eq=False, repr=False)
class Causal(MovingRun):
    """No query sees a later key; see `causal`."""

    name: ClassVar = "causal"
    offset: int

    def __post_init__(self) -> None:
        self.offset = place("offset", self.offset)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return key <= query + self.offset

    def run(self, place: Place) -> tuple[Place, Place]:
        return place * 0, place + 1


def causal(offset: int = 0) -> Mask:
    """No query sees a later key: ``key <= query + offset``.

    Args:
        offset: how many keys came before the first query. ``offset = keys - queries`` lets the last query see every
            key (bottom-right), which is what decoding with a cache needs.

    Example:
        >>> print(causal().picture(5, 5))
        0 ■ ⬚ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚
        2 ■ ■ ■ ⬚ ⬚
        3 ■ ■ ■ ■ ⬚
        4 ■ ■ ■ ■ ■
        >>> print(causal(offset=3).picture(2, 5))
        0 ■ ■ ■ ■ ⬚
        1 ■ ■ ■ ■ ■
    """
    return Mask.of(Causal(offset))


@dataclass(eq=False, repr=False)
class Window(MovingRun):
    """The query's own key and some before it; see `window`."""

    name: ClassVar = "window"
    width: int
    offset: int

    def __post_init__(self) -> None:
        self.width, self.offset = place("window", self.width, 1), place("offset", self.offset)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query + self.offset) & (key > query + self.offset - self.width)

    def run(self, place: Place) -> tuple[Place, Place]:
        return place - self.width + 1, place + 1


def window(width: int, offset: int = 0) -> Mask:
    """Looking back over ``width`` keys, the query's own included: ``query + offset - width < key <= query + offset``.

    Args:
        width: how many keys, at least 1. This is Mistral's ``sliding_window``.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1.

    Example:
        >>> print(window(3).picture(5, 5))
        0 ■ ⬚ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚
        2 ■ ■ ■ ⬚ ⬚
        3 ⬚ ■ ■ ■ ⬚
        4 ⬚ ⬚ ■ ■ ■
    """
    return Mask.of(Window(width, offset))


@dataclass(eq=False, repr=False)
class CentredWindow(MovingRun):
    """The query's own key and as many before as after it; see `centred_window`."""

    name: ClassVar = "centred_window"
    width: int
    offset: int

    def __post_init__(self) -> None:
        self.width, self.offset = place("window", self.width, 1), place("offset", self.offset)
        if self.width % 2 == 0:
            raise OptionError(
                f"window: expected an odd number, which has as many keys before the query as after it, got {self.width}; "
                f"take {self.width - 1} or {self.width + 1}, or look back only, with causal=True"
            )

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key - query - self.offset).abs() <= self.width // 2

    def run(self, place: Place) -> tuple[Place, Place]:
        return place - self.width // 2, place + self.width // 2 + 1


def centred_window(width: int, offset: int = 0) -> Mask:
    """Looking at ``width`` keys around the query, its own in the middle: ``|key - query - offset| <= width // 2``.

    Args:
        width: how many keys, odd.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1, or even.

    Example:
        >>> print(centred_window(3).picture(5, 5))
        0 ■ ■ ⬚ ⬚ ⬚
        1 ■ ■ ■ ⬚ ⬚
        2 ⬚ ■ ■ ■ ⬚
        3 ⬚ ⬚ ■ ■ ■
        4 ⬚ ⬚ ⬚ ■ ■
    """
    return Mask.of(CentredWindow(width, offset))


@dataclass(eq=False, repr=False)
class Blocks(MovingRun):
    """The query's block of keys and those next to it; see `blocks`."""

    name: ClassVar = "blocks"
    size: int
    neighbours: int
    offset: int

    def __post_init__(self) -> None:
        self.size, self.neighbours = place("size", self.size, 1), place("neighbours", self.neighbours, 0)
        self.offset = place("offset", self.offset)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return ((query + self.offset) // self.size - key // self.size).abs() <= self.neighbours

    def run(self, place: Place) -> tuple[Place, Place]:
        block = place // self.size
        return (block - self.neighbours) * self.size, (block + self.neighbours + 1) * self.size


def blocks(size: int, neighbours: int = 0, offset: int = 0) -> Mask:
    """The query's own block, and blocks next to it: ``|⌊(query + offset) / size⌋ - ⌊key / size⌋| <= neighbours``.

    ``causal() & blocks(size)`` is chunked attention (Llama 4), ``blocks(size, neighbours=1)`` BigBird's window of blocks.

    Args:
        size: keys of a block, at least 1. The first block begins at key 0.
        neighbours: how many blocks on either side are visible too.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the size is not a whole number of at least 1, or neighbours not one of at least 0.

    Example:
        >>> print(blocks(2).picture(5, 5))
        0 ■ ■ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚
        2 ⬚ ⬚ ■ ■ ⬚
        3 ⬚ ⬚ ■ ■ ⬚
        4 ⬚ ⬚ ⬚ ⬚ ■
    """
    return Mask.of(Blocks(size, neighbours, offset))


def combined(allowed: Mask | None, causally: bool, width: int | None, offset: int) -> Mask | None:
    """The one mask that a mask, ``causal=`` and ``window=`` make together; None where everything is visible.

    Args:
        allowed: a mask that is there already.
        causally: no query sees a later key; a window then looks back, and is centred otherwise.
        width: of the window, if there is one.
        offset: keys − queries, so that the last query sees every key (bottom-right).
    """
    causally = truth("causal", causally)
    parts = [] if allowed is None else [allowed]
    if causally:
        parts.append(causal(offset))
    if width is not None:
        parts.append(window(width, offset) if causally else centred_window(width, offset))
    return functools.reduce(operator.and_, parts) if parts else None
