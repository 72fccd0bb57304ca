"""Attention calls of Transformers models, seen through Transformers' attention interface.

Every model that follows the interface asks ``AttentionInterface`` for the function behind its implementation's name, "sdpa"
say, and calls it. While a model is observed, a function of ours stands under that very name: it calls the one that was there,
and shows the call to the observers. The model keeps its name, its kernel and its masks; a name of our own would change all
three for the modules that look at it.
"""

import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig
from transformers.pytorch_utils import Conv1D

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import causal
from regard.recording.copies import Copies
from regard.recording.observer import AttentionCall, Observer
from regard.recording.torch_modules import unseen
from regard.recording.values import CallValues

Attention = Callable[..., tuple[Tensor, Any]]

CAN_RECORD = ("eager", "sdpa")
UNDERSTOOD = {  # arguments of the interface that a map takes over, that the mask already holds, or that change no weight
    "cache_position", "cross_attn_head_mask", "deterministic", "dropout", "encoder_hidden_states", "is_causal",
    "layer_head_mask", "logits_to_keep", "output_attentions", "output_hidden_states", "output_router_logits",
    "past_key_values", "position_bias", "position_ids", "return_dict", "s_aux", "scaling", "sliding_window", "softcap",
    "use_cache",
}  # fmt: skip


_lock = threading.Lock()
_observers: list[Observer] = []
_replaced: dict[str, Attention | None] = {}


def implementations(model: nn.Module) -> set[str]:
    """The attention implementations that the parts of a model use.

    Raises:
        RecordingError: one of them cannot be recorded.
    """
    configs = (getattr(part, "config", None) for part in model.modules())
    names = {config._attn_implementation for config in configs if isinstance(config, PreTrainedConfig)} - {None}
    if unknown := names - set(CAN_RECORD):
        raise RecordingError(
            f"expected attention by {' or '.join(CAN_RECORD)}, got {', '.join(sorted(unknown))}; "
            "call model.set_attn_implementation('sdpa') first"
        )
    return names


def start(observer: Observer, names: set[str]) -> None:
    """Show the calls of these implementations to the observer until ``stop``."""
    mapping = AttentionInterface._global_mapping
    with _lock:
        _observers.append(observer)
        for name in names - _replaced.keys():
            _replaced[name] = mapping.get(name)
            AttentionInterface.register(name, _observed(name, mapping.get(name)))


def stop(observer: Observer) -> None:
    """Undo ``start``; after the last observer has left, the interface is as it was found."""
    mapping = AttentionInterface._global_mapping
    with _lock:
        _observers.remove(observer)
        if not _observers:
            for name, original in _replaced.items():
                if original is None:
                    del mapping[name]
                else:
                    mapping[name] = original
            _replaced.clear()


def _observed(name: str, original: Attention | None) -> Attention:
    def attention(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        *rest: Any,
        **options: Any,
    ) -> tuple[Tensor, Any]:
        run = original or _own_eager(module)
        with unseen():  # what the function calls in turn is this call, not another one
            result = run(module, query, key, value, attention_mask, *rest, **options)
        make_map = partial(_map_of, name, module, query, key, attention_mask, options)
        call = AttentionCall(module, "factors", (query, key), make_map, result[0], _heads_first, lambda: value)
        for observer in _observers:
            if observer.wants(module):
                observer.see(call)
        return result if call.output is result[0] else (call.output, *result[1:])

    return attention


def _heads_first(output: Tensor) -> Tensor:
    """The interface's (batch, queries, heads, dim) as (batch, heads, queries, dim)."""
    return output.transpose(1, 2)


def _own_eager(module: nn.Module) -> Attention:
    """The eager attention that a model's file defines; the interface knows it only as the default."""
    for family in type(module).__mro__:  # a subclass elsewhere still runs the forward of its parent's file
        found: Attention | None = getattr(sys.modules.get(family.__module__), "eager_attention_forward", None)
        if found is not None:
            return found
    raise RecordingError(
        f"expected an eager_attention_forward beside {type(module).__name__}, got none; "
        "load the model with attn_implementation='sdpa'"
    )


def _map_of(
    name: str,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    attention_mask: Tensor | None,
    options: dict[str, Any],
    copies: Copies,
) -> AttentionMap:
    """The factors of one call."""
    if unknown := {option for option, value in options.items() if value is not None} - UNDERSTOOD:
        raise RecordingError(
            f"expected arguments of attention whose effect on the weights is known, got {', '.join(sorted(unknown))} from "
            f"{type(module).__name__}; leave this layer out with layers=, or record a model without it"
        )
    said = options.get("is_causal")
    module_is_causal = bool(getattr(module, "is_causal", True) if said is None else said)
    bias, sinks = options.get("position_bias"), options.get("s_aux")
    # Without a mask SDPA is causal where the module says so, aligned to the upper left; eager then sees everything.
    unmasked = causal() if name == "sdpa" and module_is_causal and query.shape[2] > 1 else None
    return AttentionMap(
        copies.own(query),
        copies.own(key),
        mask=unmasked if attention_mask is None else copies.mask(attention_mask[..., : key.shape[2]]),
        scale=options.get("scaling"),
        bias=None if bias is None else copies.bias(bias),
        softcap=options.get("softcap"),
        sinks=None if sinks is None else copies.own(sinks).to(query.dtype),
    )


@torch.no_grad()
def projection_of(module: nn.Module, given: Any, call: CallValues) -> Tensor | None:
    """W_O of a call, (heads · dim, features), if this module is given the heads' outputs side by side, as they are."""
    if not isinstance(module, nn.Linear | Conv1D) or not isinstance(given, Tensor):
        return None
    if call.output is None or call.heads_first is None:
        return None
    weight = module.weight.T if isinstance(module, nn.Linear) else module.weight
    heads = call.heads_first(call.output.detach()).transpose(1, 2).flatten(2)  # (batch, queries, heads · dim)
    if given.shape[-1] != heads.shape[-1] or given.numel() != heads.numel() or given.dtype != heads.dtype:
        return None
    # Some models keep the sequence before the batch: (queries, batch, heads · dim).
    same = any(torch.equal(given.detach().flatten(), one.flatten()) for one in (heads, heads.transpose(0, 1)))
    return weight.detach() if same else None
