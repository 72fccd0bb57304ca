"""Attention calls of any torch code: PyTorch's fused attention, and softmax by hand.

Plain modules, `nn.MultiheadAttention`, vision libraries and one's own code call `F.scaled_dot_product_attention`, and a map of
that call needs its arguments only. Models that compute softmax themselves (BLOOM, GPT-J, DeBERTa) have the weights in hand: a
softmax over the last axis whose result then multiplies values is a map, and is kept as it is.

Both are seen through a torch function mode, which is shown every call of a torch function in this thread.
"""

import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket
from torch.nn import functional

from regard.recording.functions.flex import is_flex, read_operator
from regard.recording.functions.varlen import is_varlen, varlen_call
from regard.recording.head_axes import EinsumAxes, of_einsum, of_merged_rows, spelled_out
from regard.recording.kinds import is_attention
from regard.recording.living import Living
from regard.recording.modes import BlockMode
from regard.recording.observer import AttentionCall, Observer
from regard.recording.reshapes import PRODUCTS, RESHAPES, TRACKED, Reshapes
from regard.recording.row_sums import RowSums
from regard.recording.softmax_by_hand import HANDLED, MULTIPLIED, QUOTIENTS, SoftmaxByHand, axis_of_quotient
from regard.recording.softmax_inputs import (
    CHANNELS,
    FEATURES,
    FOLLOWED,
    LINEAR,
    OTHER_AXIS,
    SoftmaxInputs,
    is_transposed,
    sums_over,
)
from regard.recording.softmaxes import MOVES, Softmax, Sum, Weights, is_still_a_map, mixes_heads, reshaped, writes
from regard.recording.torch_calls import (
    FusedArguments,
    axes_of_dense,
    dense_call,
    einsum_call,
    fused_call,
    merged_rows,
    transposed_call,
)

ATTENTION = ("attention", "attn")
KERNELS = (OpOverload, OpOverloadPacket, HigherOrderOperator)
FUSED = functional.scaled_dot_product_attention
SOFTMAX = {functional.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
PASSES_ON = {  # what may happen to weights on the way to the values without making others of them
    functional.dropout, torch.dropout, Tensor.contiguous, Tensor.clone, torch.clone, Tensor.detach,
    Tensor.to, Tensor.type, Tensor.type_as, Tensor.float, Tensor.double, Tensor.half, Tensor.bfloat16,
}  # fmt: skip
CHANGES = {  # what makes other weights of them: those are kept
    *MULTIPLIED, *QUOTIENTS, Tensor.masked_fill, torch.masked_fill, torch.where, Tensor.where, Tensor.__getitem__,
    torch.nan_to_num, Tensor.nan_to_num, Tensor.add, torch.add, Tensor.__add__, Tensor.__radd__, Tensor.sub, torch.sub,
    Tensor.__sub__, Tensor.pow, torch.pow, Tensor.__pow__, Tensor.clamp, torch.clamp, functional.normalize,
}  # fmt: skip
MIXES = {functional.linear, functional.conv2d, torch.einsum}
BLOCKS = "as attention in blocks has: there is no one map of queries by keys"
MERGED = "a product in which queries and heads stand in one axis, and it is not known which is which"
MAPPED = "a softmax inside of torch.vmap, where no tensor stands for all that it is mapped over"
OVERWRITTEN = "weights that dropout has overwritten in place before they could be seen; record in evaluation mode"

_silence = threading.local()


@contextmanager
def unseen() -> Iterator[None]:
    """Torch functions of this block are no calls of their own: they are part of a call that has been seen."""
    before = getattr(_silence, "on", False)
    try:
        _silence.on = True
        yield
    finally:
        _silence.on = before


class TorchCalls(BlockMode):
    """Shows an observer the attention among all torch functions that are called while the mode is on."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer
        self.weights: Living[Weights] = Living()
        self.softmaxes: list[Softmax] = []
        self.reshapes = Reshapes()
        self.inputs = SoftmaxInputs()
        self.by_hand = SoftmaxByHand(self.inputs)
        self.sums: Living[Sum] = Living()
        self.outputs: Living[bool] = Living()  # of attention, which are no scores
        self._was_unseen = False

    def put_on(self) -> None:
        """A new block sees, also in what is unseen to others: an interrupt may have left that behind."""
        self._was_unseen = getattr(_silence, "on", False)
        _silence.on = False
        super().put_on()

    def take_off(self) -> None:
        """See nothing more."""
        super().take_off()
        if self._was_unseen and self.observer.owner.is_here():
            _silence.on = True

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        module = None if self.is_over or getattr(_silence, "on", False) else self.observer.running_here()
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
        sums = RowSums() if func is FUSED and self.observer.asks_sums else None
        with sums or nullcontext():
            result = func(*args, **given)
        try:
            return self._seen(func, module, args, given, result, sums)
        except Exception as error:  # noqa: BLE001 - it is no matter of the model
            self.observer.fail(error)
            return result

    def _seen(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any, sums: RowSums | None
    ) -> Any:
        """Show what is attention; what the model goes on with."""
        if isinstance(result, Tensor) and torch._C._functorch.is_batchedtensor(result):
            if func is FUSED or func in SOFTMAX:
                self.softmaxes.append(Softmax(module, reason=MAPPED, is_said=True))
            return result
        if func in TRACKED and type(module) not in self.observer.settled:
            self.reshapes.see(func, args, given, result)
        if func is FUSED:
            call = fused_call(module, FusedArguments(*args, **given), result, self.reshapes)
            call.sums = sums
            self.observer.see(call)
            return call.output
        if is_varlen(func):
            call = varlen_call(module, args, result)
            self.observer.see(call)
            return (call.output, *result[1:]) if isinstance(result, tuple) else call.output
        if func in SOFTMAX:
            self._begin(module, args[0] if args else given["input"], result, args[1] if len(args) > 1 else given.get("dim"))
        else:
            if func in HANDLED and (output := self._begin_by_hand(func, module, args, given, result)) is not None:
                result = output
            if self.weights or self.sums:
                result = self._follow(func, module, args, given, result)
        if func in FOLLOWED and type(module) not in self.observer.settled and self.outputs.get(result) is None:
            self.inputs.see(func, args, result)
        elif isinstance(func, KERNELS) and any(word in (name := getattr(func, "__name__", str(func))) for word in ATTENTION):
            reason = f"a kernel that is called by itself, {name}, whose arguments are not read"
            self.softmaxes.append(Softmax(module, reason=reason, is_said=True))
        return result

    def missed(self) -> Iterator[tuple[nn.Module, str]]:
        """Modules whose softmax is no attention over positions, and why there is no map of it."""
        for softmax in self.softmaxes:
            if not softmax.used and (softmax.is_said or is_attention(softmax.module)):
                yield softmax.module, softmax.reason

    def _begin(self, module: nn.Module, given: Tensor, result: Tensor, dim: int | None) -> None:
        if dim is None or result.ndim < 2:
            return
        softmax = Softmax(module)
        axis = dim if dim < 0 else dim - result.ndim
        if type(module) not in self.observer.settled:
            softmax.of_scores = softmax.is_said = self.inputs.are_scores(given)
            softmax.of_features = not softmax.of_scores and result.ndim + axis in self.inputs.features(given)
        if axis >= -2 or softmax.is_said:
            self.softmaxes.append(softmax)
        if result.ndim > 4:
            softmax.reason = f"a softmax of {result.ndim} axes, {BLOCKS}"
        self.weights.hold(result, Weights(softmax, axis))

    def _begin_by_hand(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any
    ) -> Tensor | None:
        """A softmax as exponentials that are divided by their sum; what the model goes on with, where that makes it a call."""
        made, begun = self.by_hand.see(func, module, args, given, _operands(func, args), result)
        if begun is not None:
            self.softmaxes.append(begun)
        if made is None:
            return None
        if made.product is None:
            self.weights.hold(result, Weights(made.softmax, made.axis))
            return None
        product = made.product
        values = _operands(product.func, product.args)[1 - product.at]
        weights = Weights(made.softmax, made.axis)
        found = product.at, made.weights, weights
        output: Tensor = self._multiplied(product.func, module, product.args, found, values, result)
        return output

    def _follow_sums(self, func: Any, args: tuple[Any, ...], operands: Sequence[Any], result: Any) -> None:
        """What is summed over positions first, and over features then, is linear attention."""
        for at, operand in enumerate(operands):
            held = self.sums.get(operand)
            if held is None or not isinstance(result, Tensor):
                continue
            if is_transposed(func, operand, result):
                self.sums.hold(result, held._replace(axis=-3 - held.axis))
            elif func in RESHAPES and _keeps_last(operand, result):
                self.sums.hold(result, held)
            elif func in PRODUCTS and len(operands) == 2 and sums_over(func, args, at, held.axis):
                held.softmax.used, held.softmax.is_said, held.softmax.reason = False, True, LINEAR
                self.observer.withdraw(held.call)
                other = self.weights.get(operands[1 - at])
                if other is not None and not other.softmax.of_scores:
                    other.softmax.is_said, other.softmax.reason = True, LINEAR
                    self.weights.drop(operands[1 - at])

    def _follow(self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any) -> Any:
        operands = _operands(func, args)
        if func is torch.einsum:
            if len(operands) != 2:  # a sum of weights, or of three tensors at once
                return result
            args = spelled_out(args, operands)
        if self.sums:
            self._follow_sums(func, args, operands, result)
        for at, weights in enumerate(operands):
            held = self.weights.get(weights)
            if held is None:
                continue
            if writes(func, given) and (result is weights or (at == 0 and result is None)):
                self._overwritten(func, module, weights, held)
            elif result is weights or not isinstance(result, Tensor):
                continue
            elif func in PRODUCTS and len(operands) == 2 and isinstance(operands[1 - at], Tensor):
                result = self._product(func, module, args, (at, weights, held), operands[1 - at], result)
            elif (after := self._after(func, args, given, (at, weights, held), result)) is not None:
                if (other := self.weights.get(result)) is not None:  # of two softmaxes
                    other.softmax.used = True
                self.weights.hold(result, after)
        return result

    def _after(
        self, func: Any, args: tuple[Any, ...], given: dict[str, Any], of: tuple[int, Tensor, Weights], result: Tensor
    ) -> Weights | None:
        """What is held of weights after a function that is no product with values."""
        at, weights, held = of
        if func in PASSES_ON and at == 0:
            return held._replace(before=weights if held.before is None else held.before)
        if func in MOVES and at == 0 and (moved := reshaped(func, args, given, held, result)) is not None:
            return moved
        if func in CHANGES and is_still_a_map(result, weights, held.axis):
            return Weights(held.softmax, axis_of_quotient(func, args, at, held.axis, result))
        if func in MIXES and (axis := mixes_heads(func, args, at, weights, held.axis, result)) is not None:
            return Weights(held.softmax, axis)
        return None

    def _overwritten(self, func: Any, module: nn.Module, weights: Tensor, held: Weights) -> None:
        """Weights are others now, in the same place: what was kept of them before is no longer what multiplies values."""
        if func in (functional.dropout, torch.dropout_) and module.training:
            held.softmax.is_said, held.softmax.reason = True, OVERWRITTEN
            self.weights.drop(weights)
        else:
            self.weights.hold(weights, Weights(held.softmax, held.axis))

    def _product(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], of: tuple[int, Tensor, Weights], other: Tensor, result: Any
    ) -> Any:
        """A product of weights and of values, or of a table that mixes heads."""
        at, weights, held = of
        if func in MIXES and (axis := mixes_heads(func, args, at, weights, held.axis, result)) is not None:
            self.weights.hold(result, Weights(held.softmax, axis))
            return result
        return self._multiplied(func, module, args, of, other, result)

    def _multiplied(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], of: tuple[int, Tensor, Weights], values: Tensor, result: Any
    ) -> Any:
        """What the model goes on with after a product of weights, operand number ``of[0]``, and of what may be values."""
        at, weights, held = of
        before: Tensor = weights if held.before is None else held.before
        softmax = held.softmax
        letters = None
        if func is torch.einsum:
            letters = of_einsum(args, at, held.axis, before, values, self.reshapes)
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
        self.weights.drop(weights)
        reason = CHANNELS if summed in self.inputs.features(values) else None
        if softmax.of_features and not (self.inputs.is_known(values) and reason is None):
            reason = FEATURES
        call = reason or self._call(module, letters, (at, before, held.wide), values, result)
        if not isinstance(call, AttentionCall):
            softmax.is_said, softmax.reason = True, call or softmax.reason
            return result
        softmax.used = True
        if letters is not None:
            rows = result.ndim - 2 if letters.queries[-1:] == letters.output[-2:-1] else result.ndim - 1
        else:
            rows = result.ndim - 2 if at == 0 else result.ndim - 1
        self.observer.see(call)
        self.outputs.hold(call.output, True)
        if not softmax.of_scores:
            self.sums.hold(call.output, Sum(call, softmax, rows - result.ndim))
        return call.output

    def _call(
        self,
        module: nn.Module,
        letters: EinsumAxes | None,
        of: tuple[int, Tensor, Tensor | None],
        values: Tensor,
        result: Tensor,
    ) -> AttentionCall | str | None:
        """The call of a product of weights, operand number ``of[0]``; why not, where it is not known what its axes are."""
        at, weights, wide = of
        if letters is not None:
            known = weights.ndim <= 4 or (letters.known and len(letters.batch) < 2 and letters.fits(module, weights))
            return einsum_call(module, letters, weights, weights, values, result) if known else None
        if wide is not None and wide.shape[-2:] != weights.shape[-2:]:
            merged = of_merged_rows(wide, self.reshapes) if at == 0 and values.ndim == 3 else None
            return MERGED if merged is None else merged_rows(module, merged, wide, values, result)
        own = weights if wide is None else wide
        if at == 0:
            axes = axes_of_dense(module, own, values, result, self.reshapes)
            call = dense_call(module, own, values, result, axes)
        else:
            turned = own.mT
            self.reshapes.see(Tensor.transpose, (own, -2, -1), {}, turned)
            axes = axes_of_dense(module, turned, values.mT, result.mT, self.reshapes)
            call = transposed_call(dense_call(module, turned, values.mT, result.mT, axes), weights, result)
        known = own.ndim <= 4 or (axes.known and axes.batch_axes < 2)
        return call if known else None


def _operands(func: Any, args: tuple[Any, ...]) -> Sequence[Any]:
    """The tensors of a function, of an einsum those after its letters."""
    if func is not torch.einsum:
        return args
    return args[1] if isinstance(args[1], tuple | list) else args[1:]


def _keeps_last(tensor: Tensor, result: Tensor) -> bool:
    """Whether the last two axes of a tensor are those of what was made of it."""
    last = [(one.shape[-2:], one.stride()[-2:]) for one in (tensor, result)]
    return min(tensor.ndim, result.ndim) > 1 and last[0] == last[1]


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
