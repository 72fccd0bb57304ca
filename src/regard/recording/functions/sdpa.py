"""Transformers' ``sdpa_attention_forward``: it reads scaling, is_causal and position_bias; all else changes nothing."""

from functools import partial
from typing import Any

from torch import Tensor

from regard.maps.attention_map import AttentionMap
from regard.masks import causal
from regard.recording.copies import Copies
from regard.recording.functions.evidence import explained, scaled
from regard.recording.functions.given import AttentionFunction, Given, called
from regard.recording.functions.source import plain
from regard.recording.observer import AttentionCall, NoMapError


def read_sdpa(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """Causal by itself where the module is and no mask is given; what wraps it is held against each output."""
    result = given.run(function)
    dropout = float(given.arguments(function).named.get("dropout") or 0)
    call = called(given, result, partial(_map_of, given, function), dropout)
    if plain(function) is not function:
        call.make_map = partial(explained, given, call, call.make_map, ("what wraps it",))
    return result, call


def _map_of(given: Given, function: AttentionFunction, copies: Copies) -> AttentionMap:
    """The factors of one call."""
    said, query, key = given.arguments(function).named, given.query, given.key  # old versions name no position_bias: unread
    if type(said.get("cache")).__name__ == "PagedAttentionCache":
        raise NoMapError("a call whose keys stand in a paged cache, of which the model hands over the new ones only")
    is_causal, bias = said.get("is_causal"), said.get("position_bias")
    is_causal = bool(getattr(given.module, "is_causal", True) if is_causal is None else is_causal)
    # Without a mask SDPA is causal where the module says so, aligned to the upper left; decoding sees everything.
    unmasked = causal() if is_causal and query.shape[2] > 1 else None
    query, scale = scaled(query, said.get("scaling"))
    return AttentionMap(
        copies.own(query),
        copies.own(key),
        mask=unmasked if given.mask is None else copies.mask(given.mask[..., : key.shape[2]]),
        scale=scale,
        bias=None if bias is None else copies.bias(bias),
    )
