"""The mask itself: a predicate over positions, with its name, its limits, and what it was made of."""

from collections.abc import Callable

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import ShapeError

MaskFunction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Limits = tuple[int | None, int | None, int | None, int | None]
Made = tuple[str, dict[str, "int | Tensor | Mask"]]
"""The function of this module that made a mask, by name, and its arguments: a mask as data."""

AXES = ("batch", "heads", "queries", "keys")
_UNLIMITED: Limits = (None, None, None, None)


class Mask:
    """A composable predicate over positions: True where the query may attend to the key.

    Args:
        function: takes four integer tensors (batch, head, query, key) that broadcast together, returns a bool tensor
            that broadcasts to the same shape.
        name: what `repr` shows.
        limits: how many (batch, heads, queries, keys) the function knows; None where any index has an answer.
        made: which function of this module made it, of what; None for a function of your own.

    >>> from regard.masks import causal
    >>> stripes = Mask(lambda b, h, q, k: (q - k) % 2 == 0, "stripes")
    >>> print((stripes & causal()).picture(4, 4))
    0 ■ ⬚ ⬚ ⬚
    1 ⬚ ■ ⬚ ⬚
    2 ■ ⬚ ■ ⬚
    3 ⬚ ■ ⬚ ■
    """

    def __init__(self, function: MaskFunction, name: str, limits: Limits = _UNLIMITED, made: Made | None = None) -> None:
        self.function = function
        self.name = name
        self.limits = limits
        self.made = made

    def __call__(self, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """Ask about positions: four integer tensors that broadcast together, a bool tensor of their common shape."""
        together = torch.broadcast_shapes(b.shape, h.shape, q.shape, k.shape)
        return self.function(b, h, q, k).expand(together)

    def __and__(self, other: "Mask") -> "Mask":
        if not isinstance(other, Mask):
            return NotImplemented
        name = " & ".join(f"({mask.name})" if " | " in mask.name else mask.name for mask in (self, other))
        made: Made = ("and", {"left": self, "right": other})
        return Mask(lambda *at: self.function(*at) & other.function(*at), name, self._limits_with(other), made)

    def __or__(self, other: "Mask") -> "Mask":
        if not isinstance(other, Mask):
            return NotImplemented
        name = " | ".join(f"({mask.name})" if " & " in mask.name else mask.name for mask in (self, other))
        made: Made = ("or", {"left": self, "right": other})
        return Mask(lambda *at: self.function(*at) | other.function(*at), name, self._limits_with(other), made)

    def __invert__(self) -> "Mask":
        name = f"~({self.name})" if " & " in self.name or " | " in self.name else f"~{self.name}"
        return Mask(lambda *at: ~self.function(*at), name, self.limits, ("not", {"mask": self}))

    def __repr__(self) -> str:
        return self.name

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

        >>> from regard.masks import causal
        >>> causal().dense(1, 1, 2, 3, query_start=1)[0, 0]
        tensor([[ True,  True, False],
                [ True,  True,  True]])
        """
        query_start, key_start = whole_number("query_start", query_start, 0), whole_number("key_start", key_start, 0)
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

        >>> from regard.masks import window
        >>> print(window(2).picture(3, 3))
        0 ■ ⬚ ⬚
        1 ■ ■ ⬚
        2 ⬚ ■ ■
        """
        self.check_known((batch + 1, head + 1, queries, keys))
        visible = self(torch.tensor(batch), torch.tensor(head), torch.arange(queries)[:, None], torch.arange(keys))
        margin = len(str(queries - 1))
        rows: list[list[bool]] = visible.tolist()
        return "\n".join(
            f"{query:>{margin}} " + " ".join("■" if seen else "⬚" for seen in row) for query, row in enumerate(rows)
        )

    def _limits_with(self, other: "Mask") -> Limits:
        batch, heads, queries, keys = (
            min((size for size in pair if size is not None), default=None)
            for pair in zip(self.limits, other.limits, strict=True)
        )
        return batch, heads, queries, keys

    def check_known(self, asked: tuple[int, int, int, int]) -> None:
        """Refuse sizes (batch, heads, queries, keys) that the mask does not know.

        Raises:
            ShapeError: it was made from a tensor that is smaller.
        """
        for axis, limit, size in zip(AXES, self.limits, asked, strict=True):
            if limit is not None and size > limit:
                raise ShapeError(
                    f"{self} knows {axis}={limit} but {axis}={size} was asked; "
                    f"expected at most {limit}: make the mask from a tensor of the full size"
                )
