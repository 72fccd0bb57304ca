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
from functools import partial
from typing import Any, NamedTuple, cast
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import Mask, causal
from regard.recording.copies import Copies
from regard.recording.functions.flex import is_flex, read_operator
from regard.recording.head_axes import UNSPLIT, EinsumAxes, HeadAxes, of_einsum, of_leading
from regard.recording.kinds import is_attention
from regard.recording.observer import AttentionCall, Observer
from regard.recording.reshapes import TRACKED, Reshapes

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
PRODUCTS = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum}

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


class FusedArguments(NamedTuple):
    """The arguments of ``F.scaled_dot_product_attention``."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


@dataclass
class Softmax:
    """A softmax over the last axis: attention, if its result comes to multiply values."""

    module: nn.Module
    used: bool = False
    reason: str = "a softmax that multiplies no values in a matrix product"


class Weights(NamedTuple):
    """What stands for the result of a softmax now, on its way to the values."""

    tensor: ReferenceType[Tensor]
    before: Tensor | None  # the weights before dropout and casts, where the tensor is no longer these
    softmax: Softmax


class TorchCalls(TorchFunctionMode):
    """Shows an observer the attention among all torch functions that are called while the mode is on."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer
        self.weights: dict[int, Weights] = {}
        self.softmaxes: list[Softmax] = []
        self.reshapes = Reshapes()

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
            call = _fused_call(module, FusedArguments(*args, **given), result, self.reshapes)
            self.observer.see(call)
            return call.output
        if func in SOFTMAX:
            self._begin(module, result, args[1] if len(args) > 1 else given.get("dim"))
        elif self.weights:
            return self._follow(func, module, args, result)
        return result

    def missed(self) -> Iterator[tuple[nn.Module, str]]:
        """Attention modules whose softmax multiplied no values, and why there is no map of it."""
        for softmax in self.softmaxes:
            if not softmax.used and is_attention(softmax.module):
                yield softmax.module, softmax.reason

    def _begin(self, module: nn.Module, result: Tensor, dim: int | None) -> None:
        if result.ndim < 2 or dim not in (-1, result.ndim - 1):
            return
        softmax = Softmax(module)
        self.softmaxes.append(softmax)
        if result.ndim > 4:
            softmax.reason = f"a softmax of {result.ndim} axes: attention in blocks, which has no one map of queries by keys"
        else:
            self._hold(result, None, softmax)

    def _hold(self, tensor: Tensor, before: Tensor | None, softmax: Softmax) -> None:
        place = id(tensor)  # ids of tensors that are gone are used again
        self.weights[place] = Weights(ref(tensor, lambda _: self.weights.pop(place, None)), before, softmax)

    def _follow(self, func: Any, module: nn.Module, args: tuple[Any, ...], result: Any) -> Any:
        operands: Sequence[Any] = args
        if func is torch.einsum:
            operands = args[1] if isinstance(args[1], tuple | list) else args[1:]
            if len(operands) != 2:  # a sum of weights, or of three tensors at once
                return result
        for at, operand in enumerate(operands):
            held = self.weights.get(id(operand))
            if held is None or held.tensor() is not operand or result is operand or not isinstance(result, Tensor):
                continue
            weights = cast("Tensor", operand)
            before: Tensor = weights if held.before is None else held.before
            pair = len(operands) == 2 and isinstance(operands[1 - at], Tensor)
            letters = of_einsum(args, at, operands[1 - at], self.reshapes) if func is torch.einsum and pair else None
            product = func in PRODUCTS and pair and (at == 0 if func is not torch.einsum else letters is not None)
            if product and _multiplies_values(module, before, operands[1 - at]):
                del self.weights[id(operand)]
                held.softmax.used = True
                if letters is not None:
                    call = _einsum_call(module, letters, weights, before, operands[1 - at], result)
                else:
                    call = _dense_call(module, before, operands[1 - at], result, self.reshapes)
                self.observer.see(call)
                result = call.output
            elif func in PASSES_ON and at == 0:
                self._hold(result, result if before.ndim < 4 <= result.ndim else before, held.softmax)
            elif func in CHANGES and _still_a_map(result, weights):
                self._hold(result, None, held.softmax)
        return result


def _still_a_map(changed: Tensor, weights: Tensor) -> bool:
    """Whether it has the same rows, and all columns or all but the one of a sink."""
    return changed.shape[:-1] == weights.shape[:-1] and 0 <= weights.shape[-1] - changed.shape[-1] <= 1


def _multiplies_values(module: nn.Module, weights: Tensor, values: Tensor) -> bool:
    """Whether weights without batch and heads are meant so: in Transformers' models they choose experts."""
    return weights.ndim > 2 or (values.ndim == 2 and not hasattr(module, "config"))


def _fused_map(module: nn.Module, call: FusedArguments, axes: HeadAxes, copies: Copies) -> AttentionMap:
    """The factors of one call of the fused attention."""
    query, key = call.query.detach(), call.key.detach()
    if query.is_nested or key.is_nested:
        raise RecordingError(
            f"expected padded tensors in {type(module).__name__}, got nested ones, whose maps have no common shape; "
            "pad them, or leave the layer out with layers="
        )
    before = _leading(call)
    mask: Mask | Tensor | None = causal() if call.is_causal else None
    if call.attn_mask is not None:
        mask = copies.mask(axes.heads_first(call.attn_mask.expand(*before, query.shape[-2], key.shape[-2])))
    query, key = (copies.own(_read(call, axes, one)) for one in (query, key))
    return AttentionMap(query, key, mask=mask, scale=call.scale)


def _leading(call: FusedArguments) -> Sequence[int]:
    """The axes before queries and dim."""
    before = call.query.shape[:-2]
    return before if call.enable_gqa else torch.broadcast_shapes(before, call.key.shape[:-2])


def _read(call: FusedArguments, axes: HeadAxes, tensor: Tensor) -> Tensor:
    """Queries, keys or values as (batch, heads, positions, dim): several heads of queries may read one of keys."""
    if not call.enable_gqa:
        return axes.heads_first(tensor.expand(*_leading(call), *tensor.shape[-2:]))
    own = HeadAxes(tuple(tensor.shape[:-2]), (tensor.ndim - 3,))
    return own.heads_first(tensor)


def _fused_call(module: nn.Module, call: FusedArguments, output: Tensor, reshapes: Reshapes) -> AttentionCall:
    """A call of the fused attention, and what came of it."""
    if output.is_nested:
        axes = HeadAxes((1, 1), (1,))
    elif call.enable_gqa:
        axes = HeadAxes(tuple(output.shape[:-2]), (output.ndim - 3,))
    else:
        axes = of_leading(module, _leading(call), (call.value, call.query, call.key), reshapes)
    return AttentionCall(
        module,
        "factors",
        (call.query, call.key),
        partial(_fused_map, module, call, axes),
        output,
        axes.heads_first,
        lambda: _read(call, axes, call.value.detach()),
        call.dropout_p,
        as_given=lambda seen: axes.as_given(seen, output.shape),
        doubt=None if axes.known else UNSPLIT,
    )


def _dense_call(module: nn.Module, weights: Tensor, values: Tensor, output: Tensor, reshapes: Reshapes) -> AttentionCall:
    """A matrix product of weights and values."""
    axes = of_leading(module, weights.shape[:-2], (values,), reshapes)
    return AttentionCall(
        module,
        "dense",
        (weights,),
        lambda copies: AttentionMap.from_dense(copies.own(axes.heads_first(weights.detach()))),
        output,
        axes.heads_first,
        lambda: axes.heads_first(values.detach().expand(*output.shape[:-2], *values.shape[-2:])),
        None if module.training else 0.0,
        as_given=lambda seen: axes.as_given(seen, output.shape),
        doubt=None if axes.known else UNSPLIT,
    )


def _einsum_call(
    module: nn.Module, axes: EinsumAxes, weights: Tensor, before: Tensor, values: Tensor, output: Tensor
) -> AttentionCall:
    """An einsum of weights and values, whose letters say which axis is which."""
    kept = before if before.shape == weights.shape else weights
    queries, keys = axes.of_weights(weights).shape[2:]
    return AttentionCall(
        module,
        "dense",
        (weights,),
        lambda copies: AttentionMap.from_dense(copies.own(axes.of_weights(kept.detach()))),
        output,
        axes.of_output if axes.keeps_all else None,
        lambda: axes.of_values(values.detach(), weights),
        None if module.training else 0.0,
        sizes=(queries, keys),
        as_given=lambda seen: axes.output_as_given(seen, output),
        doubt=None if axes.known else UNSPLIT,
    )


def _without_dispatch(function: Any) -> Any:
    """A Python function of torch that asks for modes at its beginning, without the question: its parts can then be seen."""
    known = {**function.__globals__, "has_torch_function": lambda *_: False}
    made = types.FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


_MULTI_HEAD = _without_dispatch(functional.multi_head_attention_forward)
