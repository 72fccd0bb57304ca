"""One call of torch's functions that is attention: its map, its values, and the heads of its output."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import Mask, causal
from regard.recording.copies import Copies
from regard.recording.head_axes import UNSPLIT, EinsumAxes, HeadAxes, of_leading
from regard.recording.observer import AttentionCall, Inputs
from regard.recording.reshapes import Reshapes


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


def fused_call(module: nn.Module, call: FusedArguments, output: Tensor, reshapes: Reshapes) -> AttentionCall:
    """A call of the fused attention, and what came of it."""
    if output.is_nested:
        axes = HeadAxes((1, 1), (1,))
    elif call.enable_gqa:
        axes = HeadAxes(tuple(output.shape[:-2]), (output.ndim - 3,))
    else:
        axes = of_leading(module, _leading(call), (call.query, call.value, call.key), reshapes)
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
        under=(call.attn_mask, call.is_causal, call.scale),
        inputs=None if output.is_nested else partial(_inputs, call, axes),
        again=None if output.is_nested else partial(_again, call, axes),
    )


def _inputs(call: FusedArguments, axes: HeadAxes) -> Inputs:
    return Inputs(*(_read(call, axes, one) for one in (call.query, call.key, call.value)))


def _again(call: FusedArguments, axes: HeadAxes, *inputs: Tensor) -> Tensor:
    """The fused attention of other queries, keys and values, (batch, heads or kv_heads, positions, dim)."""
    leading = _leading(call)
    given = []
    for one, before in zip(inputs, (call.query, call.key, call.value), strict=True):
        if call.enable_gqa:
            axes, leading = HeadAxes(tuple(before.shape[:-2]), (before.ndim - 3,)), before.shape[:-2]
        given.append(axes.as_given(one, (*leading, *one.shape[-2:])))
    query, key, value = given
    return functional.scaled_dot_product_attention(
        query, key, value, call.attn_mask, call.dropout_p, call.is_causal, scale=call.scale, enable_gqa=call.enable_gqa
    )


def dense_call(module: nn.Module, weights: Tensor, values: Tensor, output: Tensor, axes: HeadAxes) -> AttentionCall:
    """A matrix product of weights and values, whose leading axes are these."""
    wide = weights.expand(*_leading_of(weights, output), *weights.shape[-2:])
    return AttentionCall(
        module,
        "dense",
        (weights,),
        lambda copies: AttentionMap.from_dense(copies.own(axes.heads_first(wide.detach()))),
        output,
        axes.heads_first,
        lambda: axes.heads_first(values.detach().expand(*output.shape[:-2], *values.shape[-2:])),
        None if module.training else 0.0,
        as_given=lambda seen: axes.as_given(seen, output.shape),
        doubt=None if axes.known else UNSPLIT,
    )


def axes_of_dense(module: nn.Module, weights: Tensor, values: Tensor, output: Tensor, reshapes: Reshapes) -> HeadAxes:
    """The leading axes of a matrix product of weights and values: those of the output, taken apart as the weights are."""
    return of_leading(module, _leading_of(weights, output), (weights, values), reshapes)


def _leading_of(weights: Tensor, output: Tensor) -> torch.Size:
    """As the weights have them, which several items or heads may share."""
    own, made = weights.shape[:-2], output.shape[:-2]
    return own if own.numel() == made.numel() else made


def merged_rows(module: nn.Module, axes: EinsumAxes, weights: Tensor, values: Tensor, output: Tensor) -> AttentionCall:
    """A product of weights of four axes, (batch, x, y, keys), of which x and y are one axis of the output."""
    apart = weights.shape[1:3]
    call = einsum_call(module, axes, weights, weights, values, output.unflatten(1, apart))
    of_output, as_given = cast("Any", call.heads_first), cast("Any", call.as_given)
    return replace(
        call,
        output=output,
        heads_first=lambda tensor: of_output(tensor.unflatten(1, apart)),
        as_given=lambda seen: as_given(seen).flatten(1, 2),
    )


def transposed_call(call: AttentionCall, weights: Tensor, output: Tensor) -> AttentionCall:
    """A call whose output has the queries last, as the values stood on the left: V·Wᵀ."""
    heads_first, as_given = cast("Any", call.heads_first), cast("Any", call.as_given)
    return replace(
        call,
        given=(weights,),
        output=output,
        sizes=(weights.shape[-1], weights.shape[-2]),
        heads_first=lambda tensor: heads_first(tensor.mT),
        as_given=lambda seen: as_given(seen).mT,
    )


def einsum_call(
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
        lambda: axes.of_values(values.detach(), weights) if axes.keeps_all else None,
        None if module.training else 0.0,
        sizes=(queries, keys),
        as_given=lambda seen: axes.output_as_given(seen, output),
        doubt=None if axes.known else UNSPLIT,
    )
