"""What is known of a softmax on the way of its result to the values: over which axis it was, and what has become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from regard.recording.observer import AttentionCall
from regard.recording.reshapes import IN_ANY_LAYOUT, RESHAPES

BY_SHAPE = {
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.unflatten, torch.unflatten,
    Tensor.view_as, Tensor.reshape_as,
}  # fmt: skip
"""Reshapes that put axes together or take them apart; the others only move them."""


@dataclass
class Softmax:
    """A softmax: attention, if its result comes to multiply values.

    Attributes:
        module: that computes it.
        used: whether there is a call of it.
        reason: why there is no map of it.
        of_features: whether it is over the features of a projection.
        of_scores: whether it is over products of two tensors.
        is_said: whether that there is no map of it is said, whatever the module is called.
    """

    module: nn.Module
    used: bool = False
    of_features: bool = False
    of_scores: bool = True
    is_said: bool = False
    reason: str = "a softmax that multiplies no values in a matrix product"


class Weights(NamedTuple):
    """What stands for the result of a softmax now, on its way to the values."""

    softmax: Softmax
    axis: int = -1  #: over which each row sums to 1
    before: Tensor | None = None  #: the same before dropout and casts, where the tensor is no longer that
    wide: Tensor | None = None  #: the same with four axes, where two of them have been put together since


class Sum(NamedTuple):
    """What came of a softmax that was over no products: attention, unless its rows are summed over in turn."""

    call: AttentionCall
    softmax: Softmax
    axis: int = -2  #: of its rows


def reshaped(func: Any, args: tuple[Any, ...], given: Mapping[str, Any], held: Weights, result: Tensor) -> Weights | None:
    """What is held of weights after one of RESHAPES; None where they are cut, or their axis is part of another one."""
    weights: Tensor = args[0]
    axis = _axis_after(func, args, given, held.axis, result)
    if axis is None or (func is Tensor.__getitem__ and result.numel() != weights.numel()):
        return None
    before = held.before
    if before is not None:
        before = IN_ANY_LAYOUT.get(func, func)(before, *args[1:], **given)
    folded = func in BY_SHAPE and result.ndim == 3 and weights.ndim == 4
    wide = (weights if held.before is None else held.before) if folded else None
    return Weights(held.softmax, axis, before, wide)


def _axis_after(func: Any, args: tuple[Any, ...], given: Mapping[str, Any], axis: int, result: Tensor) -> int | None:
    """Where an axis has come to, counted from the end."""
    weights: Tensor = args[0]
    if func in BY_SHAPE:
        same = result.shape[axis:] == weights.shape[axis:] if result.ndim >= -axis else False
        return axis if same else None
    marked = torch.empty_strided(weights.shape, tuple(range(1, weights.ndim + 1)), device="meta")  # a stride names its axis
    try:
        moved = func(marked, *args[1:], **given)
    except (RuntimeError, TypeError, IndexError, NotImplementedError):
        return None
    mark = weights.ndim + axis + 1
    places = [at for at, stride in enumerate(moved.stride()) if stride == mark and moved.shape[at] == weights.shape[axis]]
    return places[-1] - moved.ndim if len(places) == 1 and moved.shape == result.shape else None


def is_still_a_map(changed: Tensor, weights: Tensor, axis: int) -> bool:
    """Whether it has the same rows, and all columns or all but the one of a sink."""
    if axis != -1:
        return changed.shape == weights.shape
    return changed.shape[:-1] == weights.shape[:-1] and 0 <= weights.shape[-1] - changed.shape[-1] <= 1


def mixes_heads(func: Any, args: tuple[Any, ...], at: int, weights: Tensor, axis: int, result: Tensor) -> int | None:
    """The axis of weights after a product that mixes their heads ("talking heads"), and sums over no keys; None for others."""
    if func is functional.linear and at == 0 and axis != -1 and result.shape[:-1] == weights.shape[:-1]:
        return axis
    if func is functional.conv2d and at == 0 and weights.ndim == 4 and result.shape[2:] == weights.shape[2:] and axis >= -2:
        return axis
    if func is torch.einsum and isinstance(args[0], str) and "." not in args[0] and "->" in args[0]:
        given, _, output = args[0].replace(" ", "").partition("->")
        letters = given.split(",")
        own, other = letters[at], letters[1 - at]
        stay = [one for one in own if one in output]
        if own[axis] in output and own[axis] not in other and len(stay) == len(own) - 1 and result.ndim == weights.ndim:
            return output.index(own[axis]) - len(output)
    return None


def writes(func: Any, given: Mapping[str, Any]) -> bool:
    """Whether a torch function writes into the tensor that it is given."""
    name = getattr(func, "__name__", "")
    in_place = (name.endswith("_") and not name.endswith("__")) or (name.startswith("__i") and name.endswith("__"))
    return in_place or func is Tensor.__setitem__ or bool(given.get("inplace")) or given.get("out") is not None


MOVES = RESHAPES - {
    torch.cat, torch.concat, torch.concatenate, torch.stack, Tensor.chunk, torch.chunk, Tensor.split, torch.split,
    Tensor.unbind, torch.unbind, Tensor.repeat_interleave, torch.repeat_interleave, Tensor.narrow, torch.narrow,
    Tensor.select, torch.select,
}  # fmt: skip
"""Reshapes after which all weights are there, in one tensor."""
