"""The eager attention that each model's file defines: what counts is what its own source reads."""

from functools import partial
from typing import Any

from torch import Tensor

from regard.maps.attention_map import AttentionMap
from regard.recording.copies import Copies
from regard.recording.functions.evidence import explained, scaled
from regard.recording.functions.given import AttentionFunction, Given, called
from regard.recording.functions.source import Reads, plain, reads_of
from regard.recording.observer import AttentionCall

ARGUMENTS = {"dropout", "position_bias", "scaling", "softcap"}
"""What a map takes over; weights are those before dropout."""

ATTRIBUTES = {"head_dim", "num_key_value_groups", "sinks", "training"}
"""Of the module, likewise: the default of scaling, how often a key head is repeated, logits in the denominator only."""

NAMES = {"F", "maybe_autocast", "nn", "repeat_kv", "torch"}
"""Of the file: they do what these names say in Transformers' own models; elsewhere each call is held against its output."""


def read_eager(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """What no mask hides is seen; what is not known by sight is held against the output, and the weights, that came of it."""
    result = given.run(function)
    dropout = float(given.arguments(function).named.get("dropout") or 0) if given.module.training else 0.0
    reads = reads_of(plain(function))
    call = called(given, result, partial(_map_of, given, function, reads), dropout)
    if unknown := _unknown(given, function, reads):
        call.make_map = partial(explained, given, call, call.make_map, unknown)
    return result, call


def _unknown(given: Given, function: AttentionFunction, reads: Reads | None) -> tuple[str, ...]:
    """What the function does or reads of which it is not known what it does to the weights."""
    if reads is None:
        return ("its source, which is not to be had",)
    named, collected = given.arguments(function)
    said = named | collected
    found = [name for name in sorted(reads.arguments - ARGUMENTS) if said.get(name) is not None]
    found += [f"module.{name}" for name in sorted(reads.attributes - ATTRIBUTES)]
    found += sorted(reads.names - NAMES)
    if reads.hands_on:
        found.append("what it hands its module or all of its arguments to")
    written = plain(function)
    if written is not function:
        found.append("what wraps it")
    if not found and not getattr(written, "__module__", "").startswith("transformers.models."):
        found.append("its source, which is not Transformers' own")
    return tuple(found)


def _map_of(given: Given, function: AttentionFunction, reads: Reads | None, copies: Copies) -> AttentionMap:
    """The factors of one call, as far as the function reads them."""
    named, collected = given.arguments(function)
    known = named | collected
    said = {name: known.get(name) for name in ARGUMENTS if reads is None or name in reads.arguments}
    held = {name: getattr(given.module, name, None) for name in ATTRIBUTES if reads is not None and name in reads.attributes}
    mask = given.mask if reads is None or reads.mask else None
    if isinstance(mask, Tensor):
        mask = mask[..., : given.key.shape[2]]
        if not mask.is_floating_point():
            mask = mask.to(given.query.dtype)  # it is added: a boolean one adds 1 where it is true, and hides nothing
    scale = said.get("scaling")
    if scale is None and (dim := held.get("head_dim")) is not None:
        scale = float(dim) ** -0.5
    query, scale = scaled(given.query, scale)
    bias, sinks = said.get("position_bias"), held.get("sinks")
    return AttentionMap(
        copies.own(query),
        copies.own(given.key),
        mask=None if mask is None else copies.mask(mask),
        scale=scale,
        bias=None if bias is None else copies.bias(bias),
        softcap=said.get("softcap"),
        sinks=None if sinks is None else copies.own(sinks).flatten().to(given.query.dtype),
    )
