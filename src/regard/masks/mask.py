"""The mask itself: a question about positions, put to a pattern."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regard.arguments import MOST, checked_device, text, whole_number
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.masks.combined import And, Not, Or
from regard.masks.pattern import UNLIMITED, Extent, Limits, Pattern, Selection

MaskFunction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

AXES = ("batch", "heads", "queries", "keys")

MOST_DRAWN = 2**12
"""Rows and columns of a picture of characters."""


class OwnFunction(Pattern):
    """A function of the user's own, of which nothing is known before it is asked. Files keep its answers."""

    def __init__(self, function: MaskFunction, title: str, limits: Limits) -> None:
        self.function, self.title, self._limits = function, title, limits

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = self.function(batch, head, query, key)
        if not isinstance(seen, Tensor) or seen.dtype != torch.bool:
            given = seen.dtype if isinstance(seen, Tensor) else type(seen).__name__
            raise DtypeError(f"function: expected one that returns truth values, got {given}; as lambda b, h, q, k: q >= k")
        return seen

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.unknown(keys)

    def narrowed(self, kept: Selection) -> None:
        return None

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def differs_by_head(self) -> bool:
        return True

    def __repr__(self) -> str:
        return self.title


class Mask:
    """A composable predicate over positions: True where the query may attend to the key.

    Args:
        function: takes four integer tensors (batch, head, query, key) that broadcast together, returns a bool tensor
            that broadcasts to the same shape.
        name: what `repr` shows.
        limits: how many (batch, heads, queries, keys) the function knows; None where any index has an answer.

    Example:
        >>> from regard.masks import causal
        >>> stripes = Mask(lambda b, h, q, k: (q - k) % 2 == 0, "stripes")
        >>> print((stripes & causal()).picture(4, 4))
        0 ■ ⬚ ⬚ ⬚
        1 ⬚ ■ ⬚ ⬚
        2 ■ ⬚ ■ ⬚
        3 ⬚ ■ ⬚ ■
    """

    def __init__(self, function: MaskFunction, name: str, limits: Limits = UNLIMITED) -> None:
        if not callable(function):
            raise DtypeError(f"expected a function of batch, head, query and key, got {in_short(function)}; they are tensors")
        if not isinstance(limits, tuple | list) or len(limits) != len(AXES):
            raise OptionError(
                f"limits: expected (batch, heads, queries, keys), got {in_short(limits)}; None where there is none"
            )
        for axis, known in zip(AXES, limits, strict=True):
            if known is not None:
                whole_number(f"limits: {axis}", known, 0)
        name = text("name", name)
        self.pattern: Pattern = OwnFunction(function, name, limits)

    @classmethod
    def of(cls, pattern: Pattern) -> "Mask":
        """The mask of a pattern."""
        mask = cls.__new__(cls)
        mask.pattern = pattern
        return mask

    def __call__(self, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """Ask about positions: four integer tensors that broadcast together, a bool tensor of their common shape."""
        together = torch.broadcast_shapes(b.shape, h.shape, q.shape, k.shape)
        return self.pattern.sees(b, h, q, k).expand(together)

    def __and__(self, other: "Mask") -> "Mask":
        return Mask.of(And(self.pattern, other.pattern)) if isinstance(other, Mask) else NotImplemented

    def __or__(self, other: "Mask") -> "Mask":
        return Mask.of(Or(self.pattern, other.pattern)) if isinstance(other, Mask) else NotImplemented

    def __invert__(self) -> "Mask":
        return Mask.of(Not(self.pattern))

    def __repr__(self) -> str:
        return repr(self.pattern)

    @property
    def is_own_function(self) -> bool:
        """Whether a function of the user's own answers, alone or with others: files and pickles hold its answers."""
        return any(isinstance(leaf, OwnFunction) for leaf in self.pattern.leaves())

    def dense(
        self,
        batch: int,
        heads: int,
        queries: int,
        keys: int,
        *,
        device: torch.device | str | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """Evaluate the mask, or the tile of it that starts at (query_start, key_start).

        Args:
            batch: number of sequences.
            heads: number of query heads.
            queries: rows of the tile.
            keys: columns of the tile.
            device: where the result lives.
            query_start: position of the first row.
            key_start: position of the first column.

        Returns:
            bool (batch, heads, queries, keys). Axes that do not matter to the mask are repeated without memory: clone
            before writing into it.

        Raises:
            ShapeError: if the mask was made from a tensor that is smaller than what is asked.
            OptionError: if a start is negative.

        Example:
            >>> from regard.masks import causal
            >>> causal().dense(1, 1, 2, 3, query_start=1)[0, 0]
            tensor([[ True,  True, False],
                    [ True,  True,  True]])
        """
        starts = [_count(name, at) for name, at in (("query_start", query_start), ("key_start", key_start))]
        sizes = zip(AXES, (batch, heads, queries, keys), strict=True)
        batch, heads, queries, keys = (_count(name, size) for name, size in sizes)
        query_start, key_start = starts
        device = None if device is None else checked_device(device)
        self.check_known((batch, heads, query_start + queries, key_start + keys))
        return self(
            torch.arange(batch, device=device)[:, None, None, None],
            torch.arange(heads, device=device)[:, None, None],
            torch.arange(query_start, query_start + queries, device=device)[:, None],
            torch.arange(key_start, key_start + keys, device=device),
        )

    def picture(self, queries: int, keys: int, batch: int = 0, head: int = 0) -> str:
        """Draw one head of the mask: a row a query, ■ where it may look and ⬚ where it may not.

        Args:
            queries: number of rows.
            keys: number of columns.
            batch: which sequence.
            head: which head.

        Raises:
            ShapeError: if the mask was made from a tensor that is smaller than what is asked.

        Example:
            >>> from regard.masks import window
            >>> print(window(2).picture(3, 3))
            0 ■ ⬚ ⬚
            1 ■ ■ ⬚
            2 ⬚ ■ ■
        """
        queries, keys = whole_number("queries", queries, 0, MOST_DRAWN), whole_number("keys", keys, 0, MOST_DRAWN)
        batch, head = whole_number("batch", batch, 0, MOST), whole_number("head", head, 0, MOST)
        self.check_known((batch + 1, head + 1, queries, keys))
        visible = self(torch.tensor(batch), torch.tensor(head), torch.arange(queries)[:, None], torch.arange(keys))
        margin = len(str(queries - 1))
        rows: list[list[bool]] = visible.tolist()
        return "\n".join(
            f"{query:>{margin}} " + " ".join("■" if seen else "⬚" for seen in row) for query, row in enumerate(rows)
        )

    def check_known(self, shape: tuple[int, int, int, int]) -> None:
        """Refuse to answer for more (batch, heads, queries, keys) than the mask knows.

        Raises:
            ShapeError: it was made from a tensor that is smaller.
        """
        if not isinstance(shape, tuple | list) or len(shape) != len(AXES):
            raise ShapeError(f"expected (batch, heads, queries, keys), got {in_short(shape)}; give four whole numbers")
        sizes = [whole_number(axis, size, 0) for axis, size in zip(AXES, shape, strict=True)]
        for axis, known, size in zip(AXES, self.pattern.limits, sizes, strict=True):
            if known is not None and size > known:
                raise ShapeError(
                    f"{self}: expected {axis}={known} or less, got {axis}={size}; make the mask from a tensor of the full size"
                )


def _count(name: str, value: Any) -> int:
    """A number of positions that can be asked about at once."""
    found = whole_number(name, value, 0)
    if found > MOST:
        raise OptionError(f"{name}: expected at most {MOST:,} positions, got {found:,}; ask for a tile, with query_start=")
    return found
