"""Attention calls of Transformers models, seen through Transformers' attention interface.

Every model that follows the interface asks ``AttentionInterface`` for the function behind its implementation's name, "sdpa"
say, and calls it. While a model is observed, a function of ours stands under that very name: it calls the one that was there,
and shows the call to the observers. The model keeps its name, its kernel and its masks; a name of our own would change all
three for the modules that look at it.
"""

import sys
import threading
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig
from transformers.pytorch_utils import Conv1D

from regard.errors import RecordingError
from regard.recording.functions.dense_masks import read_eager
from regard.recording.functions.given import AttentionFunction, Given
from regard.recording.functions.known import reader_of
from regard.recording.observer import Observer
from regard.recording.torch_modules import unseen
from regard.recording.values import CallValues

CAN_RECORD = ("eager", "sdpa")

_lock = threading.Lock()
_observers: list[Observer] = []
_replaced: dict[str, AttentionFunction | None] = {}


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


def _observed(name: str, original: AttentionFunction | None) -> AttentionFunction:
    def attention(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        *rest: Any,
        **options: Any,
    ) -> tuple[Tensor, Any]:
        function = original or _own_eager(module)
        given = Given(module, query, key, value, attention_mask, rest, options)
        read = read_eager if original is None else reader_of(function)
        if read is None:
            raise RecordingError(
                f"expected an attention function that Regard can read, got {_place(function)}, registered as {name!r}; "
                "call model.set_attn_implementation('sdpa') first"
            )
        with unseen():  # what the function calls in turn is this call, not another one
            result, call = read(function, given)
        for observer in _observers:
            if observer.wants(module):
                observer.see(call)
        return result if call.output is result[0] else (call.output, *result[1:])

    return attention


def _place(function: AttentionFunction) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"


def _own_eager(module: nn.Module) -> AttentionFunction:
    """The eager attention that a model's file defines; the interface knows it only as the default."""
    for family in type(module).__mro__:  # a subclass elsewhere still runs the forward of its parent's file
        found: AttentionFunction | None = getattr(sys.modules.get(family.__module__), "eager_attention_forward", None)
        if found is not None:
            return found
    raise RecordingError(
        f"expected an eager_attention_forward beside {type(module).__name__}, got none; "
        "load the model with attn_implementation='sdpa'"
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
