"""Attention backends of diffusers that do not come down to PyTorch's own attention: FlashAttention, xFormers, SageAttention.

``dispatch_attention_fn`` asks a registry for the function behind a backend's name. The native backends and flex attention are
seen where they call PyTorch. SageAttention rounds queries and keys to a few bits: what is kept of its calls says so.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn

from regard.maps.attention_map import AttentionMap
from regard.masks import Mask, causal, padding, window
from regard.recording.agreement import error_of, rounding_of
from regard.recording.copies import Copies
from regard.recording.functions.given import heads_first
from regard.recording.observer import AttentionCall, NoMapError, Observer
from regard.recording.stand_ins import StandIns
from regard.recording.torch_modules import unseen
from regard.recording.way_out import WayOut

PLACE = "diffusers.models.attention_dispatch"
SEEN_IN_TORCH = ("native", "flex")
ALIGNED_AT_THE_END = ("flash", "aiter", "sage")
"""Families whose causal mask lets the last query see every key, and that keep only the first keys of a padded batch."""


_stand_ins: StandIns[Observer] = StandIns()


def show_backend_calls(observer: Observer, way_out: WayOut) -> None:
    """Show the calls of these backends to the observer until the way out."""
    registry = getattr(sys.modules.get(PLACE), "_AttentionBackendRegistry", None)
    backends: dict[Any, Callable[..., Any]] = {} if registry is None else registry._backends
    said = {name: str(getattr(name, "value", name)) for name in backends}
    read = {name: one for name, one in said.items() if not one.lstrip("_").startswith(SEEN_IN_TORCH)}
    way_out.then(partial(_stand_ins.end, observer))
    _stand_ins.begin(observer, [(backends, name, partial(_shown, one)) for name, one in read.items()])


def _shown(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def backend(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Any:
        watching = [(one, module) for one in _stand_ins.listeners if (module := one.running_here()) is not None]
        if not watching:
            return function(query=query, key=key, value=value, **options)
        with unseen():
            result = function(query=query, key=key, value=value, **options)
        output = result[0] if isinstance(result, tuple) else result
        for observer, module in watching:
            call = _call_of(name, module, (query, key, value), options, output)
            observer.see(call)
            output = call.output
        return (output, *result[1:]) if isinstance(result, tuple) else output

    return backend


def _call_of(
    name: str, module: nn.Module, tensors: tuple[Tensor, Tensor, Tensor], options: Mapping[str, Any], output: Tensor
) -> AttentionCall:
    query, key, value = tensors

    def make_map(copies: Copies) -> AttentionMap:
        return _map_of(name, call, tensors, options, copies)

    def values() -> Tensor:
        return value.transpose(1, 2)

    dropout = float(options.get("dropout_p") or 0)
    sizes = query.shape[1], key.shape[1]
    call = AttentionCall(module, "factors", (query, key), make_map, output, heads_first, values, dropout, sizes)
    return call


def _map_of(
    name: str, call: AttentionCall, tensors: tuple[Tensor, Tensor, Tensor], options: Mapping[str, Any], copies: Copies
) -> AttentionMap:
    """The factors of a call, held against its output where it is not certain what a mask did; positions stand before heads."""
    family = name.lstrip("_")
    if options.get("_parallel_config") is not None:
        raise NoMapError(f"diffusers' backend {name} on several devices, each of which has a part of the sequence")
    if not family.startswith((*ALIGNED_AT_THE_END, "xformers")):
        raise NoMapError(f"diffusers' backend {name}, of which it is not known what it computes")
    query, key, value = (each.transpose(1, 2) for each in tensors)
    masks = _possible_masks(family, query, key, options)
    own = copies.own(query), copies.own(key)
    made = [AttentionMap(*own, mask=mask, scale=options.get("scale")) for mask in masks]
    quantised = "sage" in family or "fp8" in family
    if quantised or options.get("attn_mask") is not None:
        output = heads_first(call.output.detach())
        errors = [error_of(amap, value, output) for amap in made]
        best = min(range(len(made)), key=errors.__getitem__)
        amap, error = made[best], errors[best]
        if quantised:
            call.kept = f"factors; approximate: the kernel quantises queries and keys, map @ values is off by {error:.2g}"
        elif error > rounding_of(amap, value):
            raise NoMapError(f"diffusers' backend {name} with this mask: map @ values is off by {error:.2g}")
        return amap
    return made[0]


def _possible_masks(family: str, query: Tensor, key: Tensor, options: Mapping[str, Any]) -> list[Mask | Tensor | None]:
    """The mask of a call; several where versions differ in what they make of one."""
    queries, keys = query.shape[2], key.shape[2]
    given, is_causal = options.get("attn_mask"), bool(options.get("is_causal"))
    if family.startswith("xformers"):
        if is_causal or given is None:
            return [causal() if is_causal else None]
        return [given[:, None, None] if given.ndim == 2 else given]
    offset = keys - queries
    left, right = (None if side is None or side < 0 else int(side) for side in options.get("window_size") or (None, None))
    right = 0 if is_causal else right
    seen: Mask | None = None if right is None else causal(offset + right)
    if left is not None:
        seen = window(left + 1 + (right or 0), offset + (right or 0)) if right is not None else ~causal(offset - left - 1)
    if given is None:
        return [seen]
    real = _real_keys(given.bool(), query.shape[0], keys)
    first = torch.arange(keys, device=key.device) < real.sum(1, keepdim=True)
    hidden = [padding(first)] if torch.equal(first, real) else [padding(first), padding(real)]
    return [each if seen is None else seen & each for each in hidden]


def _real_keys(mask: Tensor, batch: int, keys: int) -> Tensor:
    """Which keys some query sees, (batch, keys): more than that these kernels are not told."""
    if mask.ndim == 1:
        mask = mask[None]
    while mask.ndim > 2:
        mask = mask.any(1)
    return mask.expand(batch, keys)
