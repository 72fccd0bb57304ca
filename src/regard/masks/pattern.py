"""A mask pattern: what it sees, how far that reaches, what is left of it in a part of a map, and what files keep of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.positions import Positions, take

Limits = tuple[int | None, int | None, int | None, int | None]
"""How many (batch, heads, queries, keys) a mask has answers for; None where any index has one."""

UNLIMITED: Limits = (None, None, None, None)
FAR = 2**60
"""No place of a mask is as far: sums of a few of them are still whole numbers of 64 bits."""

MAX_DEPTH = 64
"""Levels of combined patterns that are kept as what they are; files hold no more."""


class Extent(NamedTuple):
    """What a mask lets some neighbouring queries see: no key outside start:stop, and each key of open_start:open_stop.

    In between, the mask has to be asked.
    """

    start: int
    stop: int
    open_start: int
    open_stop: int

    @classmethod
    def within(cls, keys: int, *ends: int) -> "Extent":
        """The part of an extent that there are keys for; its four ends may lie beyond them."""
        start, stop, open_start, open_stop = (min(max(end, 0), keys) for end in ends)
        return cls(start, max(start, stop), open_start, max(open_start, open_stop))

    @classmethod
    def everything(cls, keys: int) -> "Extent":
        """All of these queries see all keys."""
        return cls(0, keys, 0, keys)

    @classmethod
    def unknown(cls, keys: int) -> "Extent":
        """The mask has to be asked about every key."""
        return cls(0, keys, 0, 0)


@dataclass(frozen=True)
class Selection:
    """The part of a map that a mask is narrowed to: some batch, heads and queries, counted from 0 again, and the first keys.

    Attributes:
        batch: positions of the sequences.
        heads: positions of the heads.
        queries: positions of the queries.
        keys: how many keys, from the first on.
        evaluate: gives a pattern of tensors that answers the same in this part, for a pattern that cannot say what is left.
        depth: how many levels of combined patterns lead here.
    """

    batch: Positions
    heads: Positions
    queries: Positions
    keys: int
    evaluate: Callable[["Pattern"], "Pattern"]
    depth: int = 0

    @property
    def first(self) -> int | None:
        """The first of the queries, if they are neighbours in order: a pattern by positions then only moves."""
        return self.queries[0] if isinstance(self.queries, range) and self.queries.step == 1 and self.queries else None

    def of(self, pattern: "Pattern") -> "Pattern":
        """What is left of a pattern in this part, as one that files can keep."""
        below = replace(self, depth=self.depth + 1)
        found = pattern.narrowed(below) if self.depth < MAX_DEPTH and self.queries else None
        return self.evaluate(pattern) if found is None else found


@dataclass(eq=False, repr=False)
class Pattern(ABC):
    """One kind of mask, as an object: a subclass is a dataclass whose fields are all that a file keeps of it.

    Its fields are whole numbers, tensors and other patterns, and are checked where it is made: a file is trusted no more than
    a caller. A new one stands in `regard.masks.registry`, and its tests come from there.
    """

    name: ClassVar[str] = ""
    """What files call it, and the function of `regard.masks` that makes it. It never changes."""

    @abstractmethod
    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """True where the query may attend to the key: integer tensors that broadcast together, an answer that does too."""

    @abstractmethod
    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        """How far these neighbouring queries see, without asking about each key; `Extent.unknown` where only asking helps."""

    @abstractmethod
    def narrowed(self, kept: Selection) -> "Pattern | None":
        """The same mask as the queries of a part see it; None where it has to be evaluated."""

    @property
    def limits(self) -> Limits:
        """How many (batch, heads, queries, keys) it has answers for; None where any index has one."""
        return UNLIMITED

    @property
    def differs_by_head(self) -> bool:
        """Whether two heads may get different answers."""
        return self.limits[1] is not None

    def arguments(self) -> "dict[str, int | Tensor | Pattern]":
        """What it was made of, by name: what a file keeps."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def parts(self) -> "dict[str, Pattern]":
        """The patterns that it combines, by name; most combine none."""
        return {name: value for name, value in self.arguments().items() if isinstance(value, Pattern)}

    def leaves(self) -> "Iterator[Pattern]":
        """The patterns that it is combined of in the end; itself, if it combines none."""
        parts = self.parts()
        if not parts:
            yield self
        for part in parts.values():
            yield from part.leaves()

    def changed(self, **arguments: "int | Tensor | Pattern") -> Self:
        """The same pattern with some other arguments."""
        return type(self)(**self.arguments() | arguments)

    def __repr__(self) -> str:
        """The call that makes it: the first argument, and the others by name unless they are 0."""
        first, *others = self.arguments().items()
        return f"{self.name}({', '.join([str(first[1]), *(f'{name}={value}' for name, value in others if value)])})"


def cut(tensor: Tensor, *axes: Positions) -> Tensor:
    """The given positions of the first axes; an axis of 1 serves every position and stays."""
    for axis, positions in enumerate(axes):
        tensor = tensor if tensor.shape[axis] == 1 else take(tensor, axis, positions)
    return tensor


def at(index: Tensor, size: int) -> Tensor:
    """The index to read along an axis of this size: an axis of 1 serves every index."""
    return torch.zeros_like(index) if size == 1 else index


def limit(size: int) -> int | None:
    """How many indices an axis of this size has answers for; None, which is any number, of an axis of 1."""
    return None if size == 1 else size


def place(name: str, value: Any, least: int | None = None) -> int:
    """A whole number that positions can be counted with.

    Raises:
        OptionError: it is none, or so large that sums would run over.
    """
    found = whole_number(name, value, least)
    if abs(found) > FAR:
        raise OptionError(f"{name}: expected a whole number of at most 2**60, got {found}; no sequence is as long")
    return found
