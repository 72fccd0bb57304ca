"""What a softmax is over: scores, which are products of queries and keys, or features of a projection.

Linear attention, attention between channels and routers have a softmax that multiplies something, as attention has, but not
over positions. Where a number stands in memory tells them apart: the features that a projection has computed lie beside each
other in its output, whatever views are taken of it.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional

from regard.recording.living import Living
from regard.recording.reshapes import KEEPS, PRODUCTS, RESHAPES

PROJECTIONS = {functional.linear: -1, functional.conv1d: -2, functional.conv2d: -3, functional.conv3d: -4}
"""And the axis of their output that holds the features."""

KEEPS_PLACES = KEEPS | {
    Tensor.sub, torch.sub, Tensor.__sub__, Tensor.masked_fill, torch.masked_fill, Tensor.tanh, torch.tanh, Tensor.clamp,
    torch.clamp, torch.where, Tensor.where, functional.normalize,
}  # fmt: skip
SCORES = {torch.baddbmm, Tensor.baddbmm, torch.cdist} | PRODUCTS
FOLLOWED = PROJECTIONS.keys() | SCORES | KEEPS_PLACES | RESHAPES

CHANNELS = "attention between channels: what it sums over are features of a projection, not positions"
FEATURES = "a softmax over the features of a projection, as routers, gates and linear attention have, not over positions"
LINEAR = "linear attention: it multiplies sums over all positions, so that no weight of a query on a key is computed"
OTHER_AXIS = "a softmax over one axis, whose product sums over another one"
OUTPUTS = 256
"""So many projections are remembered; a module that attends has a few."""


class SoftmaxInputs:
    """The tensors that live, as far as they are scores or features."""

    def __init__(self) -> None:
        self._scores: Living[bool] = Living()
        self._features: Living[frozenset[int]] = Living()
        self._projected: dict[int, tuple[StorageWeakRef, int, int]] = {}

    def hold_scores(self, tensor: Tensor) -> None:
        """A tensor follows from scores, number by number."""
        self._scores.hold(tensor, True)

    def see(self, func: Any, args: tuple[Any, ...], result: Any) -> None:
        """A torch function has run."""
        if not isinstance(result, Tensor):
            return
        if (axis := PROJECTIONS.get(func)) is not None:
            self._project(result, axis)
        elif func in SCORES:
            if any(_is_weight(one) for one in args):
                self._project(result, -1)
            elif func is not torch.einsum or _sums(args):
                self._scores.hold(result, True)
        elif func in FOLLOWED:
            for one in args:
                if not isinstance(one, Tensor):
                    continue
                if self.are_scores(one):
                    self._scores.hold(result, True)
                    return
                if func in KEEPS_PLACES and one.shape == result.shape and (axes := self.features(one)):
                    self._features.hold(result, axes)
                    return

    def are_scores(self, tensor: Tensor) -> bool:
        """Whether it follows from a product of two tensors, number by number."""
        return bool(self._scores.get(tensor))

    def features(self, tensor: Tensor) -> frozenset[int]:
        """Its axes along which the features of a projection lie; none where nothing is known."""
        if (held := self._features.get(tensor)) is not None:
            return held
        known = self._known(tensor)
        if known is None:
            return frozenset()
        step, count = known
        strides = enumerate(zip(tensor.shape, tensor.stride(), strict=True))
        return frozenset(axis for axis, (size, stride) in strides if size > 1 and step <= stride < step * count)

    def is_known(self, tensor: Tensor) -> bool:
        """Whether it is what a projection has computed."""
        return self._features.get(tensor) is not None or self._known(tensor) is not None

    def _known(self, tensor: Tensor) -> tuple[int, int] | None:
        place = _place(tensor)
        found = None if place is None else self._projected.get(place)
        if found is None or place is None:
            return None
        if found[0].expired():  # the memory is another tensor's now
            del self._projected[place]
            return None
        return found[1:]

    def _project(self, result: Tensor, axis: int) -> None:
        place = _place(result)
        if place is None or result.ndim < -axis:
            return
        if len(self._projected) >= OUTPUTS:
            self._projected = {at: known for at, known in self._projected.items() if not known[0].expired()}
        while len(self._projected) >= OUTPUTS:
            self._projected.pop(next(iter(self._projected)))
        self._projected[place] = StorageWeakRef(result.untyped_storage()), result.stride(axis), result.shape[axis]


def _is_weight(given: Any) -> bool:
    """Whether it is a matrix that was learned, or a view of one, as of tied embeddings."""
    if not isinstance(given, Tensor) or given.ndim != 2:
        return False
    return isinstance(given, nn.Parameter) or isinstance(given._base, nn.Parameter)


def _sums(args: tuple[Any, ...]) -> bool:
    """Whether an einsum sums over what both of its operands have; an outer product has nothing to sum."""
    if not isinstance(args[0], str):
        return True
    given, arrow, output = args[0].replace(" ", "").partition("->")
    return not arrow or not set(given) - {",", "."} <= set(output)


def _place(tensor: Tensor) -> int | None:
    """Where the memory of a tensor is; None where it has none of its own."""
    if tensor.is_nested or tensor.layout != torch.strided or not tensor.numel() or type(tensor) not in (Tensor, nn.Parameter):
        return None
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # as inside of vmap
        return None


def is_transposed(func: Any, given: Tensor, result: Tensor) -> bool:
    """Whether a reshape has swapped the last two axes of a tensor, and nothing else."""
    same = given.ndim == result.ndim >= 2 and given.shape[:-2] == result.shape[:-2]
    swapped = given.shape[-2:] == result.shape[-2:][::-1] and given.stride()[-2:] == result.stride()[-2:][::-1]
    return func in RESHAPES and same and swapped and given.stride()[-2:] != result.stride()[-2:]


def sums_over(func: Any, args: tuple[Any, ...], at: int, axis: int) -> bool:
    """Whether a product of two tensors sums over this axis, -1 or -2, of operand number ``at``."""
    if func is not torch.einsum:
        return axis == (-1 if at == 0 else -2)
    given, _, output = str(args[0]).replace(" ", "").partition("->")
    letters = given.split(",")
    if len(letters) != 2 or len(letters[at]) < 2 or "." in given:
        return False
    letter = letters[at][axis]
    return letter in letters[1 - at] and letter not in output
