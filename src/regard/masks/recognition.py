"""The simplest mask that equals a tensor."""

from collections.abc import Iterable

import torch
from torch import Tensor

from regard.masks.mask import Mask
from regard.masks.pattern import Pattern
from regard.masks.patterns import Causal, Everything, Window
from regard.masks.tensors import FromTensor, Spans, four_axes, unrepeated

_BLOCK = 2**24  # truth values that are looked at together


def recognised(tensor: Tensor) -> Mask:
    """The simplest mask that equals this tensor: causal, a window, spans of keys; a copy of the tensor where none fits.

    A mask of n² truth values is read once, and kept as two numbers a query wherever each query sees one run of keys.

    Args:
        tensor: as in ``from_tensor``.

    Example:
        >>> recognised(torch.ones(5, 7, dtype=torch.bool).tril(2))
        causal(2)
        >>> recognised(torch.tensor([[True, True, False], [True, True, False], [False, False, True]]))
        spans(1 x 1 x 3, keys=3)
        >>> recognised(torch.tensor([[True, False, True]]))
        from_tensor(1 x 1 x 1 x 3)
    """
    full = unrepeated(four_axes(tensor))
    if full.numel() == 0:
        return Mask.of(FromTensor(full.clone()))
    blocks = full.split(max(1, _BLOCK // (full[:, :, 0].numel())), dim=2)
    return Mask.of(of_runs(blocks, full.shape[3]) or FromTensor(full.clone()))


def of_runs(blocks: Iterable[Tensor], keys: int) -> Pattern | None:
    """The simplest pattern that equals these truth values, if each query sees one run of keys.

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
    return of_edges(starts, stops, keys)


def of_edges(starts: Tensor, stops: Tensor, keys: int) -> Pattern:
    """The simplest pattern by which each query sees the run of keys ``start <= key < stop``.

    Args:
        starts: (batch, heads, queries) whole numbers; 0 for a query that sees no key.
        stops: the same shape; 0 likewise.
        keys: how many there are.
    """
    for axis in (0, 1):
        if all(bool((edge == edge.narrow(axis, 0, 1)).all()) for edge in (starts, stops)):
            starts, stops = starts.narrow(axis, 0, 1), stops.narrow(axis, 0, 1)
    return _by_positions(starts, stops, keys) or Spans(starts.contiguous(), stops.contiguous(), keys)


def _runs(rows: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Where each row's run of True begins and ends, (batch, heads, queries); and whether no row has two of them."""
    rises = (rows[..., 1:] & ~rows[..., :-1]).sum(-1) + rows[..., 0]
    starts = rows.to(torch.uint8).argmax(-1)  # the first of the largest
    return starts, starts + rows.sum(-1), not bool((rises > 1).any())


def _by_positions(starts: Tensor, stops: Tensor, keys: int) -> Pattern | None:
    """The causal or windowed mask that has these edges, if one has."""
    if starts.shape[:2] != (1, 1):
        return None
    first, last = starts[0, 0], stops[0, 0]
    if bool((first == 0).all() & (last == keys).all()):
        return Everything()
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
        return Causal(offset)
    cut = int((first > 0).nonzero()[0])
    width = cut + offset + 1 - int(first[cut])
    return Window(width, offset) if torch.equal(first, (queries + offset + 1 - width).clamp(0)) else None
