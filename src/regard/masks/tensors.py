"""Masks that were computed elsewhere, or that follow from what stands in the sequences."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regard.arguments import dense_tensor
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks.mask import AXES, Mask
from regard.masks.pattern import Extent, Limits, Pattern, Selection, at, cut, limit, place


@dataclass(eq=False, repr=False)
class Documents(Pattern):
    """Positions of one document see each other; see `documents`."""

    name: ClassVar = "documents"
    ids: Tensor

    def __post_init__(self) -> None:
        dense_tensor("ids", self.ids)
        check_axes("ids", self.ids, "batch, positions")

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        ids, row = self.ids.to(key.device), at(batch, len(self.ids))
        return ids[row, query] == ids[row, key]

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.unknown(keys)

    def narrowed(self, kept: Selection) -> Pattern | None:
        return Documents(cut(self.ids, kept.batch)) if kept.first == 0 else None

    @property
    def limits(self) -> Limits:
        batch, positions = self.ids.shape
        return limit(batch), None, positions, positions

    def __repr__(self) -> str:
        return "documents(batch={}, positions={})".format(*self.ids.shape)


def documents(ids: Tensor) -> Mask:
    """Several documents packed into one sequence: each position sees its own document only.

    Args:
        ids: (batch, positions), equal where the document is the same. A batch of 1 serves every sequence.

    Raises:
        DtypeError: if ids is not a tensor.
        ShapeError: if ids does not have two axes.

    Example:
        >>> print(documents(torch.tensor([[0, 0, 1, 1, 1]])).picture(5, 5))
        0 ■ ■ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚
        2 ⬚ ⬚ ■ ■ ■
        3 ⬚ ⬚ ■ ■ ■
        4 ⬚ ⬚ ■ ■ ■
    """
    return Mask.of(Documents(ids))


@dataclass(eq=False, repr=False)
class Padding(Pattern):
    """Real tokens are seen, whoever asks; see `padding`."""

    name: ClassVar = "padding"
    keep: Tensor

    def __post_init__(self) -> None:
        dense_tensor("keep", self.keep)
        check_axes("keep", self.keep, "batch, keys")
        if not bool(((self.keep == 0) | (self.keep == 1)).all()):
            raise OptionError("keep: expected 1 (or True) for a token and 0 for padding, got other values too; write keep != 0")
        self.keep = self.keep != 0

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return self.keep.to(key.device)[at(batch, len(self.keep)), key]

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        real = self.keep[batch if len(self.keep) > 1 else 0]
        return Extent.within(keys, *ends(real, real))

    def narrowed(self, kept: Selection) -> Pattern:
        return Padding(cut(self.keep, kept.batch))

    @property
    def limits(self) -> Limits:
        batch, keys = self.keep.shape
        return limit(batch), None, None, keys

    def __repr__(self) -> str:
        return "padding(batch={}, keys={})".format(*self.keep.shape)


def padding(keep: Tensor) -> Mask:
    """Real tokens are visible, padding is not: what tokenizers call ``attention_mask``.

    Args:
        keep: (batch, keys), 1 or True for a real token. A batch of 1 serves every sequence.

    Raises:
        DtypeError: if keep is not a tensor.
        ShapeError: if keep does not have two axes.
        OptionError: if keep holds anything but 0 and 1.

    Example:
        >>> print(padding(torch.tensor([[1, 1, 1, 0, 0]])).picture(2, 5))
        0 ■ ■ ■ ⬚ ⬚
        1 ■ ■ ■ ⬚ ⬚
    """
    return Mask.of(Padding(keep))


@dataclass(eq=False, repr=False)
class Spans(Pattern):
    """Each query sees its own run of keys; see `spans`."""

    name: ClassVar = "spans"
    starts: Tensor
    stops: Tensor
    keys: int

    def __post_init__(self) -> None:
        self.keys = place("keys", self.keys, 0)
        for name, tensor in (("starts", self.starts), ("stops", self.stops)):
            dense_tensor(name, tensor)
            if tensor.is_floating_point() or tensor.dtype == torch.bool:
                raise DtypeError(f"{name}: expected whole numbers, got {tensor.dtype}; write {name}.long()")
            if tensor.ndim != 3 or tensor.shape != self.starts.shape:
                raise ShapeError(
                    f"{name}: expected starts and stops of one shape (batch, heads, queries), got {tuple(tensor.shape)}"
                )
            least, most = (int(tensor.min()), int(tensor.max())) if tensor.numel() else (0, 0)
            if not 0 <= least <= most <= self.keys:
                raise OptionError(
                    f"{name}: expected places from 0 to {self.keys}, the keys, got {least} to {most}; "
                    f"write {name}.clamp(0, {self.keys})"
                )

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        batches, heads, queries = self.starts.shape
        row = at(batch, batches), at(head, heads), at(query, queries)
        return (key >= self.starts.to(key.device)[row]) & (key < self.stops.to(key.device)[row])

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        starts, stops = (
            edge[batch if edge.shape[0] > 1 else 0, head if edge.shape[1] > 1 else 0] for edge in (self.starts, self.stops)
        )
        if len(starts) > 1:
            starts, stops = starts[rows.start : rows.stop], stops[rows.start : rows.stop]
        return Extent.within(keys, int(starts.min()), int(stops.max()), int(starts.max()), int(stops.min()))

    def narrowed(self, kept: Selection) -> Pattern:
        starts, stops = (cut(edge, kept.batch, kept.heads, kept.queries) for edge in (self.starts, self.stops))
        return Spans(starts, stops, self.keys)

    @property
    def limits(self) -> Limits:
        batch, heads, queries = map(limit, self.starts.shape)
        return batch, heads, queries, self.keys

    def __repr__(self) -> str:
        return f"spans({' x '.join(map(str, self.starts.shape))}, keys={self.keys})"


def spans(starts: Tensor, stops: Tensor, keys: int) -> Mask:
    """Each query sees one run of keys: ``start <= key < stop``. Causal, windowed, chunked, packed and padded masks are all so.

    Args:
        starts: (batch, heads, queries), the first key that a query sees; axes of 1 serve every index.
        stops: the same shape, one past the last key; not beyond ``start`` for a query that sees no key.
        keys: how many keys there are.

    Raises:
        DtypeError: if they are no integer tensors.
        ShapeError: if they do not have three axes of the same sizes.
        OptionError: if a run of keys leaves the axis.

    Example:
        >>> print(spans(torch.tensor([[[0, 0, 2, 2]]]), torch.tensor([[[1, 2, 3, 4]]]), keys=4).picture(4, 4))
        0 ■ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚
        2 ⬚ ⬚ ■ ⬚
        3 ⬚ ⬚ ■ ■
    """
    return Mask.of(Spans(starts, stops, keys))


@dataclass(eq=False, repr=False)
class FromTensor(Pattern):
    """Truth values, looked up; see `from_tensor`."""

    name: ClassVar = "from_tensor"
    tensor: Tensor

    def __post_init__(self) -> None:
        self._values = four_axes(self.tensor)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        values = self._values.to(key.device)
        b, h, q, k = (at(index, size) for index, size in zip((batch, head, query, key), values.shape, strict=True))
        if b.ndim == h.ndim == 0 and q.ndim == 2 and q.shape[1] == 1 and _is_run(k):  # rows of one matrix: ten times as fast
            return values[b, h].index_select(0, q[:, 0])[:, int(k[0]) : int(k[-1]) + 1]
        return values[b, h, q, k]

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.unknown(keys)

    def narrowed(self, kept: Selection) -> Pattern:
        return FromTensor(cut(unrepeated(self._values), kept.batch, kept.heads, kept.queries))

    @property
    def limits(self) -> Limits:
        batch, heads, queries, keys = map(limit, self._values.shape)
        return batch, heads, queries, keys

    def __repr__(self) -> str:
        return f"from_tensor({' x '.join(map(str, self.tensor.shape))})"


def _is_run(index: Tensor) -> bool:
    """Whether these are neighbours along one axis, in order."""
    return index.ndim == 1 and len(index) > 0 and bool((index.diff() == 1).all())


def from_tensor(tensor: Tensor) -> Mask:
    """A mask that was computed elsewhere.

    Args:
        tensor: bool, True = may attend, broadcastable to (batch, heads, queries, keys): up to four axes, aligned at the
            last; an axis of size 1 serves every index.

    Raises:
        DtypeError: if it is not a boolean tensor.
        ShapeError: if the tensor has more than four axes.

    Example:
        >>> print(from_tensor(torch.tensor([[True, False, True], [False, True, True]])).picture(2, 3))
        0 ■ ⬚ ■
        1 ⬚ ■ ■
    """
    return Mask.of(FromTensor(tensor))


def four_axes(tensor: Tensor) -> Tensor:
    """Truth values of up to four axes as (batch, heads, queries, keys).

    Raises:
        DtypeError: they are no boolean tensor.
        ShapeError: there are more than four axes.
    """
    dense_tensor("tensor", tensor)
    if tensor.dtype != torch.bool:
        raise DtypeError(
            f"tensor: expected torch.bool, True = may attend, got {tensor.dtype}; "
            "write tensor.bool() if 1 means so, tensor == 0 if it is an additive mask"
        )
    if tensor.ndim > 4:
        raise ShapeError(f"tensor: expected at most 4 axes ({', '.join(AXES)}), got {tensor.ndim}: {tuple(tensor.shape)}")
    return tensor[(None,) * (4 - tensor.ndim)]


def unrepeated(full: Tensor) -> Tensor:
    """A tensor of four axes; what is repeated along the first three without memory, is there once."""
    return full[tuple(slice(1 if stride == 0 else None) for stride in full.stride()[:3])]


def ends(some: Tensor, every: Tensor) -> tuple[int, int, int, int]:
    """Where the True of ``some`` begin and end; and those of ``every``, if there is no gap between them."""
    places, sure = some.nonzero().flatten(), every.nonzero().flatten()
    start, stop = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
    open_start, open_stop = (int(sure[0]), int(sure[-1]) + 1) if len(sure) else (start, start)
    return start, stop, open_start, open_stop if open_stop - open_start == len(sure) else open_start


def check_axes(name: str, tensor: Tensor, axes: str) -> None:
    """Refuse a tensor that does not have these axes."""
    if tensor.ndim != len(axes.split(", ")):
        raise ShapeError(f"{name}: expected {len(axes.split(', '))} axes ({axes}), got {tuple(tensor.shape)}")
