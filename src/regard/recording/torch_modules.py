"""Attention calls of any torch code: PyTorch's fused attention, and softmax by hand.

Plain modules, `nn.MultiheadAttention`, vision libraries and one's own code call `F.scaled_dot_product_attention`, and a map of
that call needs its arguments only. Models that compute softmax themselves (BLOOM, GPT-J, DeBERTa) have the weights in hand: a
softmax over the last axis whose result then multiplies values is a map, and is kept as it is.

Both are seen through a torch function mode, which is shown every call of a torch function in this thread.
"""

import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from regard.recording.functions.flex import is_flex, read_operator
from regard.recording.head_axes import of_einsum, spelled_out
from regard.recording.kinds import is_attention
from regard.recording.living import Living
from regard.recording.observer import AttentionCall, Observer
from regard.recording.reshapes import TRACKED, Reshapes
from regard.recording.softmax_inputs import (
    CHANNELS,
    FEATURES,
    FOLLOWED,
    LINEAR,
    OTHER_AXIS,
    PRODUCTS,
    SoftmaxInputs,
    is_transposed,
    sums_over,
)
from regard.recording.torch_calls import FusedArguments, dense_call, einsum_call, fused_call

KERNELS = (OpOverload, OpOverloadPacket, HigherOrderOperator)
FUSED = functional.scaled_dot_product_attention
SOFTMAX = {functional.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
PASSES_ON = {  # what may happen to weights on the way to the values without making others of them
    functional.dropout, torch.dropout, torch.nan_to_num, Tensor.nan_to_num, Tensor.contiguous,
    Tensor.to, Tensor.type, Tensor.type_as, Tensor.float, Tensor.double, Tensor.half, Tensor.bfloat16,
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.unsqueeze, Tensor.squeeze, Tensor.flatten,
}  # fmt: skip
CHANGES = {  # what makes other weights of them: those are kept
    Tensor.mul, torch.mul, Tensor.__mul__, Tensor.div, Tensor.__truediv__, Tensor.masked_fill, torch.masked_fill, torch.where,
    Tensor.__getitem__,
}  # fmt: skip
EXPONENTIALS = {torch.exp, Tensor.exp, torch.exp_, Tensor.exp_}
SUMS = {torch.sum, Tensor.sum}
QUOTIENTS = {
    torch.div, Tensor.div, Tensor.__truediv__, torch.true_divide, Tensor.true_divide, Tensor.div_, Tensor.__itruediv__,
}  # fmt: skip

_silence = threading.local()


@contextmanager
def unseen() -> Iterator[None]:
    """Torch functions of this block are no calls of their own: they are part of a call that has been seen."""
    before = getattr(_silence, "on", False)
    _silence.on = True
    try:
        yield
    finally:
        _silence.on = before


@dataclass
class Softmax:
    """A softmax over one of the last two axes: attention, if its result comes to multiply values.

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

    before: Tensor | None  # the weights before dropout and casts, where the tensor is no longer these
    softmax: Softmax
    axis: int = -1  # over which each row sums to 1


class Sum(NamedTuple):
    """What came of a softmax that was over no products: attention, unless its rows are summed over in turn."""

    call: AttentionCall
    softmax: Softmax
    axis: int = -2  # of its rows


class TorchCalls(TorchFunctionMode):
    """Shows an observer the attention among all torch functions that are called while the mode is on."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer
        self.weights: Living[Weights] = Living()
        self.softmaxes: list[Softmax] = []
        self.reshapes = Reshapes()
        self.inputs = SoftmaxInputs()
        self.sums: Living[Sum] = Living()
        self._exponentials: Living[bool] = Living()
        self._denominators: Living[tuple[int, int]] = Living()  # of which exponential, over which axis

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        module = None if getattr(_silence, "on", False) else self.observer.running()
        if module is None:
            return func(*args, **given)
        if func is functional.multi_head_attention_forward:
            with self:
                return _MULTI_HEAD(*args, **given)
        if is_flex(func):
            with unseen():
                result, call = read_operator(func, module, args)
            self.observer.see(call)
            return (call.output, *result[1:])
        result = func(*args, **given)
        try:
            return self._seen(func, module, args, given, result)
        except Exception as error:  # noqa: BLE001 - it is no matter of the model
            self.observer.fail(error)
            return result

    def _seen(self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any) -> Any:
        """Show what is attention; what the model goes on with."""
        if func in TRACKED and type(module) not in self.observer.settled:
            self.reshapes.see(func, args, given, result)
        if func is FUSED:
            call = fused_call(module, FusedArguments(*args, **given), result, self.reshapes)
            self.observer.see(call)
            return call.output
        if func in SOFTMAX:
            self._begin(module, args[0] if args else given["input"], result, args[1] if len(args) > 1 else given.get("dim"))
        else:
            self._begin_by_hand(func, module, args, given, result)
            if self.weights or self.sums:
                result = self._follow(func, module, args, result)
        if func in FOLLOWED and type(module) not in self.observer.settled:
            self.inputs.see(func, args, result)
        elif isinstance(func, KERNELS) and "attention" in (name := getattr(func, "__name__", str(func))):
            reason = f"a kernel that is called by itself, {name}, whose arguments are not read"
            self.softmaxes.append(Softmax(module, reason=reason, is_said=True))
        return result

    def missed(self) -> Iterator[tuple[nn.Module, str]]:
        """Modules whose softmax is no attention over positions, and why there is no map of it."""
        for softmax in self.softmaxes:
            if softmax.is_said or (not softmax.used and is_attention(softmax.module)):
                yield softmax.module, softmax.reason

    def _begin(self, module: nn.Module, given: Tensor, result: Tensor, dim: int | None) -> None:
        axis = None if dim is None or result.ndim < 2 else dim if dim < 0 else dim - result.ndim
        if axis is None or axis < -2:
            return
        softmax = Softmax(module)
        self.softmaxes.append(softmax)
        if result.ndim > 4:
            softmax.reason = (
                f"a softmax of {result.ndim} axes, as attention in blocks has: there is no one map of queries by keys"
            )
            softmax.is_said = self.inputs.are_scores(given)
            return
        if type(module) not in self.observer.settled:
            softmax.of_scores = self.inputs.are_scores(given)
            softmax.of_features = not softmax.of_scores and result.ndim + axis in self.inputs.features(given)
        self._hold(result, None, softmax, axis)

    def _begin_by_hand(self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any) -> None:
        """A softmax as exponentials that are divided by their sum."""
        if func in EXPONENTIALS:
            self._exponentials.hold(result, True)
            if self.inputs.are_scores(args[0]):
                self.inputs.hold_scores(result)
        elif func in SUMS and self._exponentials and self._exponentials.get(args[0]):
            dim = args[1] if len(args) > 1 else given.get("dim")
            if isinstance(dim, tuple | list) and len(dim) == 1:
                dim = dim[0]
            if isinstance(dim, int) and result.ndim == args[0].ndim:
                self._denominators.hold(result, (id(args[0]), dim))
        elif func in QUOTIENTS and self._denominators and len(args) > 1:
            held = self._denominators.get(args[1])
            if held is not None and held[0] == id(args[0]):
                self._begin(module, args[0], result, held[1])

    def _hold(self, tensor: Tensor, before: Tensor | None, softmax: Softmax, axis: int) -> None:
        self.weights.hold(tensor, Weights(before, softmax, axis))

    def _follow_sums(self, func: Any, args: tuple[Any, ...], operands: Sequence[Any], result: Any) -> None:
        """What is summed over positions first, and over features then, is linear attention."""
        for at, operand in enumerate(operands):
            held = self.sums.get(operand)
            if held is None or not isinstance(result, Tensor):
                continue
            if is_transposed(func, operand, result):
                self.sums.hold(result, held._replace(axis=-3 - held.axis))
            elif func in PRODUCTS and len(operands) == 2 and sums_over(func, args, at, held.axis):
                held.softmax.is_said, held.softmax.reason = True, LINEAR
                self.observer.withdraw(held.call)
                other = self.weights.get(operands[1 - at])
                if other is not None and not other.softmax.of_scores:
                    other.softmax.is_said, other.softmax.reason = True, LINEAR
                    self.weights.drop(operands[1 - at])

    def _follow(self, func: Any, module: nn.Module, args: tuple[Any, ...], result: Any) -> Any:
        operands: Sequence[Any] = args
        if func is torch.einsum:
            operands = args[1] if isinstance(args[1], tuple | list) else args[1:]
            if len(operands) != 2:  # a sum of weights, or of three tensors at once
                return result
            args = spelled_out(args, operands)
        if self.sums:
            self._follow_sums(func, args, operands, result)
        for at, operand in enumerate(operands):
            held = self.weights.get(operand)
            if held is None or result is operand or not isinstance(result, Tensor):
                continue
            if func in PRODUCTS and len(operands) == 2 and isinstance(operands[1 - at], Tensor):
                result = self._multiplied(func, module, args, (at, operand, held), operands[1 - at], result)
                continue
            weights = cast("Tensor", operand)
            before: Tensor = weights if held.before is None else held.before
            if is_transposed(func, weights, result):
                self._hold(result, None if held.before is None else held.before.mT, held.softmax, -3 - held.axis)
            elif func in PASSES_ON and at == 0 and (held.axis == -1 or result.shape[-2:] == weights.shape[-2:]):
                self._hold(result, result if before.ndim < 4 <= result.ndim else before, held.softmax, held.axis)
            elif func in CHANGES and _still_a_map(result, weights):
                self._hold(result, None, held.softmax, held.axis)
        return result

    def _multiplied(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], of: tuple[int, Tensor, Weights], values: Tensor, result: Any
    ) -> Any:
        """What the model goes on with after a product of weights, operand number ``of[0]``, and of what may be values."""
        at, weights, held = of
        before: Tensor = weights if held.before is None else held.before
        softmax = held.softmax
        letters = None
        if func is torch.einsum:
            if held.axis == -2:
                weights, before, args = weights.mT, before.mT, _with_swapped(args, at)
            letters = of_einsum(args, at, values, self.reshapes)
            if letters is None:
                return result
            summed = values.ndim - len(letters.values) + letters.values.index(letters.key)
        elif not sums_over(func, args, at, held.axis):
            softmax.reason = OTHER_AXIS
            return result
        else:
            summed = values.ndim - 2 if at == 0 else values.ndim - 1
        if not _multiplies_values(module, before, values):
            return result
        self.weights.drop(of[1])
        reason = CHANNELS if summed in self.inputs.features(values) else None
        if softmax.of_features and not (self.inputs.is_known(values) and reason is None):
            reason = FEATURES
        if reason is not None:
            softmax.is_said, softmax.reason = True, reason
            return result
        softmax.used = True
        if letters is not None:
            call = einsum_call(module, letters, weights, before, values, result)
            rows = result.ndim - 2 if letters.queries[-1:] == letters.output[-2:-1] else result.ndim - 1
        else:
            call = dense_call(module, before, values, result, self.reshapes, transposed=at == 1)
            rows = result.ndim - 2 if at == 0 else result.ndim - 1
        self.observer.see(call)
        if not softmax.of_scores:
            self.sums.hold(call.output, Sum(call, softmax, rows - result.ndim))
        return call.output


def _with_swapped(args: tuple[Any, ...], at: int) -> tuple[Any, ...]:
    """The arguments of an einsum that is given one operand transposed."""
    given, arrow, output = str(args[0]).replace(" ", "").partition("->")
    letters = given.split(",")
    letters[at] = letters[at][:-2] + letters[at][-2:][::-1]
    return (",".join(letters) + arrow + output, *args[1:])


def _still_a_map(changed: Tensor, weights: Tensor) -> bool:
    """Whether it has the same rows, and all columns or all but the one of a sink."""
    return changed.shape[:-1] == weights.shape[:-1] and 0 <= weights.shape[-1] - changed.shape[-1] <= 1


def _multiplies_values(module: nn.Module, weights: Tensor, values: Tensor) -> bool:
    """Whether weights without batch and heads are meant so: in Transformers' models they choose experts."""
    return weights.ndim > 2 or (values.ndim == 2 and not hasattr(module, "config"))


def _without_dispatch(function: Any) -> Any:
    """A Python function of torch that asks for modes at its beginning, without the question: its parts can then be seen."""
    known = {**function.__globals__, "has_torch_function": lambda *_: False}
    made = types.FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


_MULTI_HEAD = _without_dispatch(functional.multi_head_attention_forward)
