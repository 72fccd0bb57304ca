"""Which axes of an attention call are its heads, its batch, its queries and its keys: from evidence, never from a count."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import torch
from torch import Tensor, nn

from regard.recording.reshapes import Reshapes

HEADS = ("num_heads", "n_heads", "num_attention_heads", "n_head", "nhead", "heads", "num_attn_heads")
UNSPLIT = "which of its leading axes are heads is not known: they all stand in batch"


@dataclass(frozen=True)
class HeadAxes:
    """The leading axes of (…, positions, dim).

    Attributes:
        sizes: the leading axes taken apart: (batch · heads, …) has two.
        heads: which of them are heads; the others are batch.
        known: whether that was seen; else nothing told it, and all are batch.
    """

    sizes: tuple[int, ...]
    heads: tuple[int, ...] = ()
    known: bool = True

    def heads_first(self, tensor: Tensor) -> Tensor:
        """As (batch, heads, positions, dim): a view where that can be."""
        apart = tensor.reshape(*self.sizes, *tensor.shape[-2:]).permute(self._order)
        batch = len(self.sizes) - len(self.heads)
        heads = apart.shape[batch : len(self.sizes)].numel()
        return apart.reshape(apart.shape[:batch].numel(), heads, *tensor.shape[-2:])

    def as_given(self, heads_first: Tensor, shape: Sequence[int]) -> Tensor:
        """The way back, to the tensor's own shape."""
        apart = heads_first.reshape(*(self.sizes[at] for at in self._order[:-2]), *heads_first.shape[-2:])
        back = sorted(range(len(self._order)), key=lambda at: self._order[at])
        return apart.permute(back).reshape(*shape)

    @property
    def batch_axes(self) -> int:
        """How many axes of the batch there are: windows or blocks beside the items."""
        return sum(size > 1 for at, size in enumerate(self.sizes) if at not in self.heads)

    @property
    def _order(self) -> tuple[int, ...]:
        count = len(self.sizes)
        return (*(at for at in range(count) if at not in self.heads), *self.heads, count, count + 1)


def of_leading(module: nn.Module, leading: Sequence[int], cut: Sequence[Tensor], reshapes: Reshapes) -> HeadAxes:
    """The axes of a call on (…, positions, dim).

    It is asked which features of the projections each position was cut from. Where that is not seen, four axes are (batch,
    heads, positions, dim), as PyTorch and everybody's own code have it, unless the module says that it has another number of
    heads.

    Args:
        module: which makes the call.
        leading: sizes of the axes before positions and dim.
        cut: queries, or weights, and values and keys, as far as there are any.
        reshapes: how they were made.
    """
    sizes = tuple(leading)
    said = heads_said(module)
    if len(sizes) == 0:
        return HeadAxes((1, 1), (1,))
    for tensor in cut:
        if tuple(tensor.shape[:-2]) == sizes and (found := of_parts(parts := reshapes.parts(tensor))) is not None:
            one_axis = len(sizes) == 2 and parts is not None and not _differs(parts, 0)
            return HeadAxes(sizes, (1,)) if one_axis else found  # of values that several heads share, all of these are heads
    if len(sizes) == 2:
        return HeadAxes(sizes, (1,))
    return HeadAxes(sizes, (), known=said == 1 or (len(sizes) == 1 and said is None))


def of_parts(parts: Tensor | None) -> HeadAxes | None:
    """The axes of what was cut from these parts of a projection, (…): along heads they differ, along the batch they do not.

    Where none differ, there may be one head; or heads had axes of their own before the first reshape, and nothing is known.
    """
    if parts is None or len(parts.unique()) == 1:
        return None
    sizes: list[int] = []
    heads: list[int] = []
    for axis in range(parts.ndim):
        along = parts.movedim(axis, 0).reshape(parts.shape[axis], -1)[:, 0]
        count = len(along.unique())
        if count == 1:
            sizes.append(len(along))
            continue
        inner = int((along != along[0]).int().argmax())
        outer = len(along) // (count * inner)
        if outer * count * inner != len(along):
            return None
        cut = along.view(outer, count, inner)
        if not torch.equal(cut, cut[:1, :, :1].expand_as(cut)):
            return None
        heads.append(len(sizes) + 1)
        sizes += [outer, count, inner]
    return HeadAxes(tuple(sizes), tuple(heads))


def heads_said(module: nn.Module) -> int | None:
    """How many heads a module says that it has."""
    said = (getattr(module, name, None) for name in HEADS)
    return next((heads for heads in said if isinstance(heads, int) and heads > 0), None)


@dataclass(frozen=True)
class EinsumAxes:
    """The letters of an einsum of weights and values.

    Attributes:
        weights: the letters of the weights.
        values: of the values.
        output: of the product.
        batch: letters of the batch.
        heads: of heads.
        queries: of queries; none where there is one.
        key: of keys, which the product sums over.
        known: as in ``HeadAxes``.
    """

    weights: str
    values: str
    output: str
    batch: str
    heads: str
    queries: str
    key: str
    known: bool = True

    def fits(self, module: nn.Module, weights: Tensor) -> bool:
        """Whether a module that says how many heads it has says as many as the letters of heads make together.

        Blocks of positions differ from each other where one is padded, as heads do.
        """
        said = heads_said(module)
        made = [weights.shape[self.weights.index(one)] for one in self.heads]
        return len(made) < 2 or said is None or math.prod(made) == said

    @property
    def features(self) -> str:
        """Letters of what the values are made of."""
        return "".join(one for one in self.values if one not in self.weights)

    def of_weights(self, tensor: Tensor) -> Tensor:
        """(batch, heads, queries, keys)."""
        return _in_order(tensor, self.weights, (self.batch, self.heads, self.queries, self.key), {})

    @property
    def keeps_all(self) -> bool:
        """Whether the product sums over keys alone."""
        return all(one in self.output for one in self.batch + self.heads + self.queries + self.features)

    def of_output(self, tensor: Tensor) -> Tensor:
        """(batch, heads, queries, dim), where it ``keeps_all``."""
        return _in_order(tensor, self.output, (self.batch, self.heads, self.queries, self.features), {})

    def of_values(self, tensor: Tensor, weights: Tensor) -> Tensor:
        """(batch, heads, keys, dim)."""
        sizes = dict(zip(self.weights, weights.shape, strict=True))
        return _in_order(tensor, self.values, (self.batch, self.heads, self.key, self.features), sizes)

    def output_as_given(self, heads_first: Tensor, like: Tensor) -> Tensor:
        """The way back from ``of_output``."""
        sizes = dict(zip(self.output, like.shape, strict=True))
        order = self.batch + self.heads + self.queries + self.features
        apart = heads_first.reshape([sizes[one] for one in order])
        return apart.permute([order.index(one) for one in self.output])


def of_einsum(
    args: tuple[Any, ...], at: int, axis: int, weights: Tensor, values: Tensor, reshapes: Reshapes
) -> EinsumAxes | None:
    """The letters of an einsum whose operand number ``at`` of two are weights; None where it is no product over their keys.

    Args:
        args: of the einsum; its letters first.
        at: 0 or 1.
        axis: of the keys among the weights' axes.
        weights: that operand.
        values: the other one.
        reshapes: how both were made.
    """
    if not isinstance(args[0], str) or "..." in args[0]:
        return None  # or axes that are repeated
    given, arrow, output = args[0].replace(" ", "").partition("->")
    letters = given.split(",")
    if len(letters) != 2:
        return None
    if not arrow:
        output = "".join(sorted(one for one in set(given) - {","} if given.count(one) == 1))
    own, valued = letters[at], letters[1 - at]
    key = own[axis]
    if key not in valued or key in output or len(set(own)) < len(own) or len(set(valued)) < len(valued):
        return None
    others = own.replace(key, "")
    shared = "".join(one for one in others if one in valued)  # batch and heads
    asking = "".join(one for one in others if one not in valued)  # queries; heads too, where they share values
    named = "".join(one for one in asking if one in "hH") if len(asking) > 1 else ""
    queries = "".join(one for one in asking if one not in named)[-1:]
    shared += "".join(one for one in asking if one not in queries)
    heads, known = _heads_of_weights(shared, own, queries + key, weights, reshapes)
    if not known:
        heads, known = _head_letters(shared, valued, values, reshapes)
    batch = "".join(one for one in shared if one not in heads)
    return EinsumAxes(own, valued, output, batch, heads, queries, key, known)


def _heads_of_weights(shared: str, own: str, last: str, weights: Tensor, reshapes: Reshapes) -> tuple[str, bool]:
    """Which letters are heads, as the queries tell that the weights were made of."""
    if len(last) < 2:
        return "", False
    order = [own.index(one) for one in shared + last]
    moved = weights.permute(order)
    reshapes.see(Tensor.permute, (weights, order), {}, moved)
    parts = reshapes.parts(moved)
    if parts is None or len(parts.unique()) == 1:
        return "", False
    return "".join(one for at, one in enumerate(shared) if _differs(parts, at)), True


def of_merged_rows(weights: Tensor, reshapes: Reshapes) -> EinsumAxes | None:
    """The axes of weights (batch, x, y, keys), of which x and y come to be one: queries and heads, whose values are shared."""
    for heads, queries, moved in (("x", "y", weights), ("y", "x", weights.transpose(1, 2))):
        if heads == "y":
            reshapes.see(Tensor.transpose, (weights, 1, 2), {}, moved)
        parts = reshapes.parts(moved)
        if parts is not None and _differs(parts, 1) and not _differs(parts, 0):
            return EinsumAxes("bxyk", "bkd", "bxyd", "b", heads, queries, "k")
    return None


def spelled_out(args: tuple[Any, ...], operands: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of an einsum with letters for "…"; as they are where an axis under it is repeated.

    Example:
        >>> spelled_out(("...qk,...kd->...qd",), (torch.zeros(2, 3, 5, 5), torch.zeros(2, 3, 5, 7)))
        ('BHqk,BHkd->BHqd',)
    """
    if not isinstance(args[0], str) or "..." not in args[0]:
        return args
    given, arrow, output = args[0].replace(" ", "").partition("->")
    letters = given.split(",")
    under = [one.ndim - len(said) + 3 if "..." in said else 0 for said, one in zip(letters, operands, strict=True)]
    usual = "BH" if max(under) == 2 and not set("hH") & set(args[0]) else ""  # of two axes beside heads none is heads
    free = [one for one in usual + ascii_uppercase.replace("H", "") if one not in args[0]]
    names = "".join(dict.fromkeys(free))[: max(under)]
    sizes: dict[str, int] = {}
    for at, (said, count) in enumerate(zip(letters, under, strict=True)):
        letters[at] = said.replace("...", names[len(names) - count :])
        if any(sizes.setdefault(one, size) != size for one, size in zip(letters[at], operands[at].shape, strict=True)):
            return args
    if not arrow:
        output = "..." + "".join(sorted(one for one in set(given) - {",", "."} if given.count(one) == 1))
    return (f"{','.join(letters)}->{output.replace('...', names)}", *args[1:])


def _head_letters(shared: str, valued: str, values: Tensor, reshapes: Reshapes) -> tuple[str, bool]:
    """Which letters are heads: those along which the values' features differ, else those that say so."""
    features = [one for one in valued if one not in shared]
    apart = [one for one in shared if one not in valued and one not in "hH"]  # groups of queries, or more of them
    if len(features) == 2 and values.ndim == len(valued):  # keys and dim
        order = [valued.index(one) for one in [one for one in valued if one in shared] + features]
        moved = values.permute(order)
        reshapes.see(Tensor.permute, (values, order), {}, moved)
        parts = reshapes.parts(moved)
        if parts is not None and len(parts.unique()) > 1:
            found = "".join(one for at, one in enumerate(one for one in valued if one in shared) if _differs(parts, at))
            return found + "".join(one for one in shared if one not in valued and one in "hH"), not apart
    if apart:
        return "", False
    if named := "".join(one for one in shared if one in "hH"):
        return named, True
    if len(shared) == 2 and (rest := [one for one in shared if one not in "bB"]) and len(rest) == 1:
        return rest[0], True
    return "", len(shared) == 1 and shared in "bB"


def _differs(parts: Tensor, axis: int) -> bool:
    along = parts.movedim(axis, 0).reshape(parts.shape[axis], -1)[:, 0]
    return len(along.unique()) > 1


def _in_order(tensor: Tensor, letters: str, groups: Sequence[str], sizes: dict[str, int]) -> Tensor:
    """The axes of a tensor put together by groups; letters that it has not are repeated."""
    missing = [one for group in groups for one in group if one not in letters]
    wide = tensor[(None,) * len(missing)].expand(*(sizes[one] for one in missing), *tensor.shape) if missing else tensor
    known = "".join(missing) + letters
    apart = wide.permute([known.index(one) for group in groups for one in group])
    shape, at = [], 0
    for group in groups:
        shape.append(apart.shape[at : at + len(group)].numel())
        at += len(group)
    return apart.reshape(shape)
