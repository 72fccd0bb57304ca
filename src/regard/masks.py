"""Who may look at whom: a mask is a question about positions, answered wherever somebody asks.

A `Mask` is a predicate ``(batch, head, query, key) -> bool`` over index tensors, the signature that Transformers'
mask functions and flex_attention's mask_mods share. It costs nothing to keep, and any tile of it can be evaluated
alone. Masks combine with ``&``, ``|`` and ``~``:

>>> causal() & window(3)
causal(0) & window(3)
>>> print((causal() & (window(2) | prefix(1))).picture(5, 5))
0 ■ ⬚ ⬚ ⬚ ⬚
1 ■ ■ ⬚ ⬚ ⬚
2 ■ ■ ■ ⬚ ⬚
3 ■ ⬚ ■ ■ ⬚
4 ■ ⬚ ⬚ ■ ■
"""

import operator
from collections.abc import Callable

import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, ShapeError

MaskFunction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Limits = tuple[int | None, int | None, int | None, int | None]

_AXES = ("batch", "heads", "queries", "keys")
_UNLIMITED: Limits = (None, None, None, None)


class Mask:
    """A composable predicate over positions: True where the query may attend to the key.

    Args:
        function: takes four integer tensors (batch, head, query, key) that broadcast together, returns a bool tensor
            that broadcasts to the same shape.
        name: what `repr` shows.
        limits: how many (batch, heads, queries, keys) the function knows; None where any index has an answer.

    >>> stripes = Mask(lambda b, h, q, k: (q - k) % 2 == 0, "stripes")
    >>> print((stripes & causal()).picture(4, 4))
    0 ■ ⬚ ⬚ ⬚
    1 ⬚ ■ ⬚ ⬚
    2 ■ ⬚ ■ ⬚
    3 ⬚ ■ ⬚ ■
    """

    def __init__(self, function: MaskFunction, name: str, limits: Limits = _UNLIMITED) -> None:
        self.function = function
        self.name = name
        self.limits = limits

    def __call__(self, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """Ask about positions: four integer tensors that broadcast together, a bool tensor of their common shape."""
        together = torch.broadcast_shapes(b.shape, h.shape, q.shape, k.shape)
        return self.function(b, h, q, k).expand(together)

    def __and__(self, other: "Mask") -> "Mask":
        if not isinstance(other, Mask):
            return NotImplemented
        name = " & ".join(f"({mask.name})" if " | " in mask.name else mask.name for mask in (self, other))
        return Mask(lambda *at: self.function(*at) & other.function(*at), name, self._limits_with(other))

    def __or__(self, other: "Mask") -> "Mask":
        if not isinstance(other, Mask):
            return NotImplemented
        name = " | ".join(f"({mask.name})" if " & " in mask.name else mask.name for mask in (self, other))
        return Mask(lambda *at: self.function(*at) | other.function(*at), name, self._limits_with(other))

    def __invert__(self) -> "Mask":
        name = f"~({self.name})" if " & " in self.name or " | " in self.name else f"~{self.name}"
        return Mask(lambda *at: ~self.function(*at), name, self.limits)

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

        >>> causal().dense(1, 1, 2, 3, query_start=1)[0, 0]
        tensor([[ True,  True, False],
                [ True,  True,  True]])
        """
        query_start, key_start = _whole("query_start", query_start, 0), _whole("key_start", key_start, 0)
        self._check_known((batch, heads, query_start + queries, key_start + keys))
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

        >>> print(window(2).picture(3, 3))
        0 ■ ⬚ ⬚
        1 ■ ■ ⬚
        2 ⬚ ■ ■
        """
        self._check_known((batch + 1, head + 1, queries, keys))
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

    def _check_known(self, asked: tuple[int, int, int, int]) -> None:
        for axis, limit, size in zip(_AXES, self.limits, asked, strict=True):
            if limit is not None and size > limit:
                raise ShapeError(
                    f"{self} knows {axis}={limit} but {axis}={size} was asked; "
                    f"expected at most {limit}: make the mask from a tensor of the full size"
                )


def everything() -> Mask:
    """Everybody may look at everybody: the neutral element of ``&``.

    >>> print(everything().picture(2, 3))
    0 ■ ■ ■
    1 ■ ■ ■
    """
    return Mask(lambda _b, _h, _q, k: torch.ones((), dtype=torch.bool, device=k.device), "everything()")


def causal(offset: int = 0) -> Mask:
    """Nobody looks ahead: ``key <= query + offset``.

    Args:
        offset: how many keys came before the first query. ``offset = keys - queries`` lets the last query see every
            key (bottom-right), which is what decoding with a cache needs.

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
    offset = _whole("offset", offset)
    return Mask(lambda _b, _h, q, k: k <= q + offset, f"causal({offset})")


def window(width: int, offset: int = 0) -> Mask:
    """Looking back over ``width`` keys, the query's own included: ``query + offset - width < key <= query + offset``.

    Args:
        width: how many keys, at least 1. This is Mistral's ``sliding_window``.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1.

    >>> print(window(3).picture(5, 5))
    0 ■ ⬚ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ⬚ ■ ■ ■ ⬚
    4 ⬚ ⬚ ■ ■ ■
    """
    width, offset = _whole("window", width, 1), _whole("offset", offset)
    return Mask(
        lambda _b, _h, q, k: (k <= q + offset) & (k > q + offset - width),
        f"window({width}, offset={offset})" if offset else f"window({width})",
    )


def centred_window(width: int, offset: int = 0) -> Mask:
    """Looking at ``width`` keys around the query, its own in the middle: ``|key - query - offset| <= width // 2``.

    Args:
        width: how many keys, odd.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1, or even.

    >>> print(centred_window(3).picture(5, 5))
    0 ■ ■ ⬚ ⬚ ⬚
    1 ■ ■ ■ ⬚ ⬚
    2 ⬚ ■ ■ ■ ⬚
    3 ⬚ ⬚ ■ ■ ■
    4 ⬚ ⬚ ⬚ ■ ■
    """
    width, offset = _whole("window", width, 1), _whole("offset", offset)
    if width % 2 == 0:
        raise OptionError(
            f"window is {width}; expected an odd number: a window of W keys around the query, its own included, has as "
            f"many keys before as after. Take {width - 1} or {width + 1}, or look back only, with causal=True"
        )
    return Mask(
        lambda _b, _h, q, k: (k - q - offset).abs() <= width // 2,
        f"centred_window({width}, offset={offset})" if offset else f"centred_window({width})",
    )


def prefix(length: int) -> Mask:
    """The first ``length`` keys are visible to everybody; join it to another mask with ``|``.

    Args:
        length: how many keys.

    Raises:
        OptionError: if the length is not a whole number of at least 0.

    >>> print((causal() | prefix(3)).picture(5, 5))
    0 ■ ■ ■ ⬚ ⬚
    1 ■ ■ ■ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ■ ■ ■ ■ ⬚
    4 ■ ■ ■ ■ ■
    """
    length = _whole("length", length, 0)
    return Mask(lambda _b, _h, _q, k: k < length, f"prefix({length})")


def documents(ids: Tensor) -> Mask:
    """Several documents packed into one sequence: each position sees its own document only.

    Args:
        ids: (batch, positions), equal where the document is the same. A batch of 1 serves every sequence.

    Raises:
        DtypeError: if ids is not a tensor.
        ShapeError: if ids does not have two axes.

    >>> print(documents(torch.tensor([[0, 0, 1, 1, 1]])).picture(5, 5))
    0 ■ ■ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ⬚ ⬚ ■ ■ ■
    3 ⬚ ⬚ ■ ■ ■
    4 ⬚ ⬚ ■ ■ ■
    """
    batch, positions = _two_axes("ids", ids, "positions")

    def same_document(b: Tensor, _h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        here, row = ids.to(k.device), _row(b, batch)
        return here[row, q] == here[row, k]

    limits = (_limit(batch), None, positions, positions)
    return Mask(same_document, f"documents(batch={batch}, positions={positions})", limits)


def padding(keep: Tensor) -> Mask:
    """Real tokens are visible, padding is not: what tokenizers call ``attention_mask``.

    Args:
        keep: (batch, keys), 1 or True for a real token. A batch of 1 serves every sequence.

    Raises:
        DtypeError: if keep is not a tensor.
        ShapeError: if keep does not have two axes.
        OptionError: if keep holds anything but 0 and 1.

    >>> print(padding(torch.tensor([[1, 1, 1, 0, 0]])).picture(2, 5))
    0 ■ ■ ■ ⬚ ⬚
    1 ■ ■ ■ ⬚ ⬚
    """
    batch, keys = _two_axes("keep", keep, "keys")
    if not bool(((keep == 0) | (keep == 1)).all()):
        raise OptionError("keep holds values other than 0 and 1; expected 1 (or True) for a token and 0 for padding")
    real = keep != 0
    return Mask(
        lambda b, _h, _q, k: real.to(k.device)[_row(b, batch), k],
        f"padding(batch={batch}, keys={keys})",
        (_limit(batch), None, None, keys),
    )


def from_tensor(tensor: Tensor) -> Mask:
    """A mask that was computed elsewhere.

    Args:
        tensor: bool, True = may attend, broadcastable to (batch, heads, queries, keys): up to four axes, aligned at the
            last; an axis of size 1 serves every index.

    Raises:
        DtypeError: if it is not a boolean tensor.
        ShapeError: if the tensor has more than four axes.

    >>> print(from_tensor(torch.tensor([[True, False, True], [False, True, True]])).picture(2, 3))
    0 ■ ⬚ ■
    1 ⬚ ■ ■
    """
    _check_tensor("tensor", tensor)
    if tensor.dtype != torch.bool:
        raise DtypeError(
            f"tensor is {tensor.dtype}; expected torch.bool, True = may attend: "
            "write tensor.bool() if 1 means so, tensor == 0 if it is an additive mask"
        )
    if tensor.ndim > 4:
        raise ShapeError(f"tensor has {tensor.ndim} axes, {tuple(tensor.shape)}; expected at most 4: ({', '.join(_AXES)})")
    full = tensor[(None,) * (4 - tensor.ndim)]
    batch, heads, queries, keys = full.shape

    def look_up(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return full.to(k.device)[_row(b, batch), _row(h, heads), _row(q, queries), _row(k, keys)]

    limits = (_limit(batch), _limit(heads), _limit(queries), _limit(keys))
    return Mask(look_up, f"from_tensor({' x '.join(map(str, tensor.shape))})", limits)


def _row(index: Tensor, size: int) -> Tensor:
    """The index to read along an axis of this size: broadcasting reads 0 along an axis of 1."""
    return torch.zeros_like(index) if size == 1 else index


def _limit(size: int) -> int | None:
    return None if size == 1 else size


def _check_tensor(name: str, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"{name} is a {type(tensor).__name__}; expected a tensor: write torch.as_tensor({name})")


def _two_axes(name: str, tensor: Tensor, positions: str) -> tuple[int, int]:
    _check_tensor(name, tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"{name} has shape {tuple(tensor.shape)}; expected 2 axes: (batch, {positions})")
    return tensor.shape[0], tensor.shape[1]


def _whole(name: str, value: int, least: int | None = None) -> int:
    at_least = "" if least is None else f" of at least {least}"
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or (least is not None and number < least):
        raise OptionError(f"{name} is {value!r}; expected a whole number{at_least}")
    return number
