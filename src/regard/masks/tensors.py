"""Masks that somebody else has computed, or that follow from what stands in the sequences."""

from collections.abc import Iterable

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks.mask import AXES, Mask
from regard.masks.patterns import causal, check_tensor, everything, window

_BLOCK = 2**24  # truth values that are looked at together


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
    return Mask(same_document, f"documents(batch={batch}, positions={positions})", limits, ("documents", {"ids": ids}))


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
        ("padding", {"keep": real}),
    )


def spans(starts: Tensor, stops: Tensor, keys: int) -> Mask:
    """Each query sees one run of keys: ``start <= key < stop``. Causal, windowed, chunked, packed and padded masks are all so.

    Args:
        starts: (batch, heads, queries), the first key that a query sees; axes of 1 serve every index.
        stops: the same shape, one past the last key; not beyond ``start`` for a query that sees nothing.
        keys: how many keys there are.

    Raises:
        DtypeError: if they are no integer tensors.
        ShapeError: if they do not have three axes of the same sizes.
        OptionError: if a run of keys leaves the axis.

    >>> print(spans(torch.tensor([[[0, 0, 2, 2]]]), torch.tensor([[[1, 2, 3, 4]]]), keys=4).picture(4, 4))
    0 ■ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚
    2 ⬚ ⬚ ■ ⬚
    3 ⬚ ⬚ ■ ■
    """
    keys = whole_number("keys", keys, 0)
    for name, tensor in (("starts", starts), ("stops", stops)):
        check_tensor(name, tensor)
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            raise DtypeError(f"{name} is {tensor.dtype}; expected whole numbers: write {name}.long()")
        if tensor.ndim != 3 or tensor.shape != starts.shape:
            raise ShapeError(f"{name} is {tuple(tensor.shape)}; expected starts and stops of one shape (batch, heads, queries)")
        if tensor.numel() and not 0 <= int(tensor.min()) <= int(tensor.max()) <= keys:
            raise OptionError(
                f"{name} go from {int(tensor.min())} to {int(tensor.max())}; expected places from 0 to {keys}, the keys"
            )
    batch, heads, queries = starts.shape

    def within(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        row = _row(b, batch), _row(h, heads), _row(q, queries)
        return (k >= starts.to(k.device)[row]) & (k < stops.to(k.device)[row])

    limits = (_limit(batch), _limit(heads), _limit(queries), keys)
    name = f"spans({' x '.join(map(str, starts.shape))}, keys={keys})"
    return Mask(within, name, limits, ("spans", {"starts": starts, "stops": stops, "keys": keys}))


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
    full = _four_axes(tensor)
    batch, heads, queries, keys = full.shape

    def look_up(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return full.to(k.device)[_row(b, batch), _row(h, heads), _row(q, queries), _row(k, keys)]

    limits = (_limit(batch), _limit(heads), _limit(queries), _limit(keys))
    return Mask(look_up, f"from_tensor({' x '.join(map(str, tensor.shape))})", limits, ("from_tensor", {"tensor": tensor}))


def recognised(tensor: Tensor) -> Mask:
    """The simplest mask that equals this tensor: causal, a window, spans of keys; a copy of the tensor where none fits.

    A mask of n² truth values is read once, and kept as two numbers a query wherever each query sees one run of keys.

    Args:
        tensor: as in ``from_tensor``.

    >>> recognised(torch.ones(5, 7, dtype=torch.bool).tril(2))
    causal(2)
    >>> recognised(torch.tensor([[True, True, False], [True, True, False], [False, False, True]]))
    spans(1 x 1 x 3, keys=3)
    >>> recognised(torch.tensor([[True, False, True]]))
    from_tensor(1 x 1 x 1 x 3)
    """
    full = unrepeated(_four_axes(tensor))
    if full.numel() == 0:
        return from_tensor(full.clone())
    blocks = full.split(max(1, _BLOCK // (full[:, :, 0].numel())), dim=2)
    return of_runs(blocks, tensor.shape[-1]) or from_tensor(full.clone())


def of_runs(blocks: Iterable[Tensor], keys: int) -> Mask | None:
    """The simplest mask that equals these truth values, if each query sees one run of keys.

    Args:
        blocks: (batch, heads, some queries, keys) each, one after another; none is looked at beyond the first failure.
        keys: how many there are.
    """
    edges = []
    for block in blocks:
        first, last, single = _runs(block)
        if not single:
            return None
        edges.append((first, last))
    starts, stops = (torch.cat(parts, dim=2) for parts in zip(*edges, strict=True))
    for axis in (0, 1):
        if all(bool((edge == edge.narrow(axis, 0, 1)).all()) for edge in (starts, stops)):
            starts, stops = starts.narrow(axis, 0, 1), stops.narrow(axis, 0, 1)
    return _pattern(starts, stops, keys) or spans(starts.contiguous(), stops.contiguous(), keys)


def unrepeated(full: Tensor) -> Tensor:
    """A tensor of four axes; what is repeated along the first three without memory, is there once."""
    return full[tuple(slice(1 if stride == 0 else None) for stride in full.stride()[:3])]


def _runs(rows: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Where each row's run of True begins and ends, (batch, heads, queries); and whether no row has two of them."""
    rises = (rows[..., 1:] & ~rows[..., :-1]).sum(-1) + rows[..., 0]
    starts = rows.to(torch.uint8).argmax(-1)  # the first of the largest
    return starts, starts + rows.sum(-1), not bool((rises > 1).any())


def _pattern(starts: Tensor, stops: Tensor, keys: int) -> Mask | None:
    """The causal or windowed mask that has these edges, if one has."""
    if starts.shape[:2] != (1, 1):
        return None
    first, last = starts[0, 0], stops[0, 0]
    if bool((first == 0).all() & (last == keys).all()):
        return everything()
    if len(last) == 1:  # one row may stand for every query
        return None
    queries = torch.arange(len(last), device=last.device)
    inner = ((last > 0) & (last < keys)).nonzero().flatten()
    if not len(inner):
        return None
    offset = int(last[inner[0]] - inner[0]) - 1
    if not torch.equal(last, (queries + offset + 1).clamp(0, keys)):
        return None
    if bool((first == 0).all()):
        return causal(offset)
    cut = int((first > 0).nonzero()[0])
    width = cut + offset + 1 - int(first[cut])
    return window(width, offset) if torch.equal(first, (queries + offset + 1 - width).clamp(0)) else None


def _four_axes(tensor: Tensor) -> Tensor:
    """The truth values as (batch, heads, queries, keys)."""
    check_tensor("tensor", tensor)
    if tensor.dtype != torch.bool:
        raise DtypeError(
            f"tensor is {tensor.dtype}; expected torch.bool, True = may attend: "
            "write tensor.bool() if 1 means so, tensor == 0 if it is an additive mask"
        )
    if tensor.ndim > 4:
        raise ShapeError(f"tensor has {tensor.ndim} axes, {tuple(tensor.shape)}; expected at most 4: ({', '.join(AXES)})")
    return tensor[(None,) * (4 - tensor.ndim)]


def _row(index: Tensor, size: int) -> Tensor:
    """The index to read along an axis of this size: broadcasting reads 0 along an axis of 1."""
    return torch.zeros_like(index) if size == 1 else index


def _limit(size: int) -> int | None:
    return None if size == 1 else size


def _two_axes(name: str, tensor: Tensor, positions: str) -> tuple[int, int]:
    check_tensor(name, tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"{name} has shape {tuple(tensor.shape)}; expected 2 axes: (batch, {positions})")
    return tensor.shape[0], tensor.shape[1]
