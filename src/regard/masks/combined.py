"""Patterns of other patterns: and, or, not."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regard.masks.pattern import Extent, Limits, Pattern, Selection


class Combined(Pattern):
    """What a pattern of others knows from them alone."""

    @abstractmethod
    def __repr__(self) -> str:
        """As it is written in Python."""

    def narrowed(self, kept: Selection) -> Pattern:
        """Each part says for itself what is left of it, so that one which has to be evaluated does not spoil the others."""
        return self.changed(**{name: kept.of(part) for name, part in self.parts().items()})

    @property
    def limits(self) -> Limits:
        """The smallest of the parts'."""
        batch, heads, queries, keys = (
            min((size for size in sizes if size is not None), default=None)
            for sizes in zip(*(part.limits for part in self.parts().values()), strict=True)
        )
        return batch, heads, queries, keys

    @property
    def differs_by_head(self) -> bool:
        """Whether one of the parts does."""
        return any(part.differs_by_head for part in self.parts().values())


@dataclass(eq=False, repr=False)
class And(Combined):
    """What both see: ``left & right``."""

    name: ClassVar = "and"
    left: Pattern
    right: Pattern

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return self.left.sees(batch, head, query, key) & self.right.sees(batch, head, query, key)

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        one, other = (part.extent(batch, head, rows, keys) for part in (self.left, self.right))
        return Extent.within(
            keys,
            max(one.start, other.start),
            min(one.stop, other.stop),
            max(one.open_start, other.open_start),
            min(one.open_stop, other.open_stop),
        )

    def __repr__(self) -> str:
        return _joined(" & ", " | ", self.left, self.right)


@dataclass(eq=False, repr=False)
class Or(Combined):
    """What one of them sees: ``left | right``."""

    name: ClassVar = "or"
    left: Pattern
    right: Pattern

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return self.left.sees(batch, head, query, key) | self.right.sees(batch, head, query, key)

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        one, other = (part.extent(batch, head, rows, keys) for part in (self.left, self.right))
        wider = max(one, other, key=lambda extent: extent.open_stop - extent.open_start)
        return Extent(min(one.start, other.start), max(one.stop, other.stop), wider.open_start, wider.open_stop)

    def __repr__(self) -> str:
        return _joined(" | ", " & ", self.left, self.right)


@dataclass(eq=False, repr=False)
class Not(Combined):
    """What it does not see: ``~mask``."""

    name: ClassVar = "not"
    mask: Pattern

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return ~self.mask.sees(batch, head, query, key)

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.unknown(keys)

    def __repr__(self) -> str:
        name = repr(self.mask)
        return f"~({name})" if " & " in name or " | " in name else f"~{name}"


def _joined(sign: str, other: str, left: Pattern, right: Pattern) -> str:
    """Both names with the sign between them; what has the other sign in it stands in brackets."""
    names = repr(left), repr(right)
    return sign.join(f"({name})" if other in name else name for name in names)
