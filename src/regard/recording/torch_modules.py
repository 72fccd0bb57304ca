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
from regard.recording.kinds import is_attention
from regard.recording.observer import AttentionCall, Observer

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
HEADS = ("num_heads", "n_heads", "num_attention_heads", "n_head", "nhead", "heads", "num_attn_heads")

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
        result = func(*args, **given)
        try:
            return self._seen(func, module, args, given, result)
        except Exception as error:  # noqa: BLE001 - it is no matter of the model
            self.observer.fail(error)
            return result

    def _seen(self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], result: Any) -> Any:
        """Show what is attention; what the model goes on with."""
        if func is FUSED:
            call = _fused_call(module, FusedArguments(*args, **given), result)
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
            if func in PRODUCTS and (at == 0 or func is torch.einsum) and _multiplies_values(module, before, operands[1 - at]):
                del self.weights[id(operand)]
                held.softmax.used = True
                call = _dense_call(module, func, before, operands[1 - at], result)
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


def _fused_map(module: nn.Module, call: FusedArguments, copies: Copies) -> AttentionMap:
    """The factors of one call of the fused attention."""
    query, key = call.query.detach(), call.key.detach()
    if query.is_nested or key.is_nested:
        raise RecordingError(
            f"expected padded tensors in {type(module).__name__}, got nested ones, whose maps have no common shape; "
            "pad them, or leave the layer out with layers="
        )
    before = query.shape[:-2]
    if not call.enable_gqa:
        before = torch.broadcast_shapes(before, key.shape[:-2])
        query, key = query.expand(*before, *query.shape[-2:]), key.expand(*before, *key.shape[-2:])
    heads = _heads(module, query)
    mask: Mask | Tensor | None = causal() if call.is_causal else None
    if call.attn_mask is not None:
        mask = copies.mask(_four_axes(call.attn_mask.expand(*before, query.shape[-2], key.shape[-2]), heads))
    return AttentionMap(copies.own(_four_axes(query, heads)), copies.own(_four_axes(key, heads)), mask=mask, scale=call.scale)


def _dense_map(module: nn.Module, weights: Tensor, copies: Copies) -> AttentionMap:
    """The weights that a model has computed itself."""
    return AttentionMap.from_dense(copies.own(_four_axes(weights.detach(), _heads(module, weights))))


def _fused_call(module: nn.Module, call: FusedArguments, output: Tensor) -> AttentionCall:
    """A call of the fused attention, and what came of it."""
    heads = 1 if output.is_nested else _heads(module, output)

    def value() -> Tensor:
        found = call.value.detach()
        if not call.enable_gqa:
            found = found.expand(*output.shape[:-2], *found.shape[-2:])
        return _four_axes(found, heads)

    make_map = partial(_fused_map, module, call)
    tensors, seen = (call.query, call.key), partial(_four_axes, heads=heads)
    return AttentionCall(module, "factors", tensors, make_map, output, seen, value, call.dropout_p)


def _dense_call(module: nn.Module, func: Any, weights: Tensor, values: Tensor, output: Tensor) -> AttentionCall:
    """A product of weights and values; in an einsum it is not known which axes are which."""
    heads = weights.shape[1] if weights.ndim == 4 else _heads(module, weights)

    def value() -> Tensor | None:
        if func is torch.einsum:
            return None
        return _four_axes(values.detach().expand(*output.shape[:-2], *values.shape[-2:]), heads)

    make_map = partial(_dense_map, module, weights)
    dropout = None if module.training else 0.0
    return AttentionCall(module, "dense", (weights,), make_map, output, partial(_four_axes, heads=heads), value, dropout)


def _four_axes(tensor: Tensor, heads: int) -> Tensor:
    """As (batch, heads, …, …): two axes are one head, three are (batch · heads, …, …), more than four have several of batch."""
    if tensor.ndim == 3:
        return tensor.reshape(-1, heads, *tensor.shape[1:])
    return tensor[(None,) * (4 - tensor.ndim)] if tensor.ndim < 4 else tensor.flatten(0, -4)


def _heads(module: nn.Module, tensor: Tensor) -> int:
    """How many heads share the first axis of three: as many as the module says that it has, if that can be."""
    if tensor.ndim != 3:
        return 1
    said = (getattr(module, name, None) for name in HEADS)
    return next((heads for heads in said if isinstance(heads, int) and heads > 0 and tensor.shape[0] % heads == 0), 1)


def _without_dispatch(function: Any) -> Any:
    """A Python function of torch that asks for modes at its beginning, without the question: its parts can then be seen."""
    known = {**function.__globals__, "has_torch_function": lambda *_: False}
    made = types.FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


_MULTI_HEAD = _without_dispatch(functional.multi_head_attention_forward)
