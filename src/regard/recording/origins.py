"""Where the keys of an attention call come from: the tensor that asks, or another one, as the module's own arguments show."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

SOURCES = frozenset({
    "encoder_hidden_states", "encoder_hidden_state", "encoder_outputs", "encoder_output", "enc_output", "encoder_out",
    "key_value_states", "cross_attention_states", "context", "memory", "cond", "key", "keys", "k", "kv", "inputs", "source",
})  # fmt: skip
"""Names of arguments that keys are made of, beside the argument that asks."""

NO_SEQUENCES = ("mask", "bias", "pos", "rotary", "alibi", "residual", "cache", "past", "weight", "scale", "temb")
"""Parts of names of tensors that are no sequence to be looked at."""


class Running(NamedTuple):
    """A module that runs, and its arguments."""

    module: nn.Module
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


class Origin(NamedTuple):
    """Where keys come from, and whether that is sure, or a name of the module may say otherwise.

    "self" is the sequence of the queries, "cross" another one, "both" the two in one row: latents that look at a picture and at
    themselves, global tokens that look at a text and at themselves.
    """

    kind: str
    sure: bool


@torch.no_grad()
def keys_from(running: Running, batch: int, queries: int, keys: int) -> Origin | None:
    """Where the keys of a call come from; None where the arguments do not show it.

    Args:
        running: the innermost running module that has parameters: what it is given is not yet queries and keys.
        batch: of the call.
        queries: of the call, as many as it has.
        keys: likewise.
    """
    given = list(_sequences(running))
    if not given:
        return None
    (_, first), *others = given
    asking = _lengths(running.module, first, batch)
    sources = [one for name, one in others if name in SOURCES]
    if not sources:
        lengths = [_lengths(running.module, one, batch) for _, one in others]
        return _without_source(running.module, asking, lengths, queries, keys)
    source = sources[0]
    looked_at = _lengths(running.module, source, batch)
    if source is first:
        return Origin("self", sure=True)
    if queries == keys and keys not in looked_at:
        return Origin("self", sure=True)  # both in one sequence that looks at itself; or the source is for another call
    if queries != keys and (keys in looked_at or any(keys == own + other for own in asking for other in looked_at)):
        return Origin("cross", sure=True)
    same = queries == keys and first.shape == source.shape and torch.equal(first, source)
    return Origin("self" if same else "cross", sure=False)


def is_given_heads(running: Running, queries: int, keys: int) -> bool:
    """Whether a module is given queries, keys and values that are cut into heads: (…, heads, positions, dim) each.

    What these are made of is then an argument of the module around it.
    """
    lengths = [value.shape[-2] for _, value in _sequences(running) if value.ndim > 3]
    return lengths[:3] == [queries, keys, keys]


def _without_source(module: nn.Module, asking: set[int], others: list[set[int]], queries: int, keys: int) -> Origin | None:
    if queries == keys:
        return None
    both = any(keys == own + other for own in asking for one in others for other in one)
    if both and any(queries in one for one in others):
        return Origin("both", sure=True)
    if queries in asking:  # its keys are another tensor's, or those of a cache, or fewer of its own
        return Origin("cross", sure=True) if any(keys in one for one in others) else None
    if any(queries in one for one in others) or _has_probe(module, queries):
        return Origin("cross", sure=True)
    if queries == 1:  # the first of a sequence, or its last, asks all of it
        return Origin("self" if keys in asking else "cross", sure=True)
    return None


def _has_probe(module: nn.Module, queries: int) -> bool:
    """Whether a module has so many learned vectors, which may ask in place of what it is given."""
    return any(own.ndim > 1 and own.shape[-2] == queries for _, own in module.named_parameters(recurse=False))


def _sequences(running: Running) -> Iterator[tuple[str, Tensor]]:
    """The arguments of a module that may be sequences of vectors, by name, in the order of its forward."""
    names = _arguments(type(running.module).forward)
    named = {names[at] if at < len(names) else f"{at}": value for at, value in enumerate(running.positional)}
    named |= dict(running.named)
    ordered = [name for name in names if name in named] + [name for name in named if name not in names]
    for name in ordered:
        value = named[name]
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.is_nested or value.ndim < 2:
            continue
        if not any(part in name for part in NO_SEQUENCES):
            yield name, value


def _lengths(module: nn.Module, tensor: Tensor, batch: int) -> set[int]:
    """How many vectors a tensor may have: (batch, length, dim), (length, batch, dim), or a picture of them."""
    sizes = tensor.shape
    if len(sizes) == 2:
        return {sizes[0]}
    if len(sizes) == 3:
        sequence_first = getattr(module, "batch_first", None) is False or (sizes[1] == batch != sizes[0])
        return {sizes[0] if sequence_first else sizes[1]}
    return {sizes[-2], sizes[-3] * sizes[-2], sizes[-2] * sizes[-1]}


@cache
def _arguments(forward: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a forward takes."""
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(one.name for one in list(inspect.signature(forward).parameters.values())[1:] if one.kind not in skipped)
