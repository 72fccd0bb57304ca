"""Functions that are given a mask of queries by keys: SDPA, and the eager attention that each model's file defines."""

from functools import partial
from typing import Any

from torch import Tensor

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import causal
from regard.recording.copies import Copies
from regard.recording.functions.given import AttentionFunction, Given, heads_first
from regard.recording.observer import AttentionCall

UNDERSTOOD = {  # arguments of the interface that a map takes over, that the mask already holds, or that change no weight
    "cache_position", "cross_attn_head_mask", "deterministic", "dropout", "encoder_hidden_states", "is_causal",
    "layer_head_mask", "logits_to_keep", "output_attentions", "output_hidden_states", "output_router_logits",
    "past_key_values", "position_bias", "position_ids", "return_dict", "s_aux", "scaling", "sliding_window", "softcap",
    "use_cache",
}  # fmt: skip


def read_sdpa(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """Transformers' ``sdpa_attention_forward``: causal by itself where the module is, and no mask is given."""
    return _read(function, given, causal_by_itself=True)


def read_eager(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """A model's own ``eager_attention_forward``: what no mask hides is seen."""
    return _read(function, given, causal_by_itself=False)


def _read(function: AttentionFunction, given: Given, *, causal_by_itself: bool) -> tuple[tuple[Tensor, Any], AttentionCall]:
    result = given.run(function)
    make_map = partial(_map_of, given, causal_by_itself)
    return result, AttentionCall(
        given.module, "factors", (given.query, given.key), make_map, result[0], heads_first, lambda: given.value
    )


def _map_of(given: Given, causal_by_itself: bool, copies: Copies) -> AttentionMap:
    """The factors of one call."""
    options, query, key = given.options, given.query, given.key
    if unknown := {option for option, value in options.items() if value is not None} - UNDERSTOOD:
        raise RecordingError(
            f"expected arguments of attention whose effect on the weights is known, got {', '.join(sorted(unknown))} from "
            f"{type(given.module).__name__}; leave this layer out with layers=, or record a model without it"
        )
    said = options.get("is_causal")
    module_is_causal = bool(getattr(given.module, "is_causal", True) if said is None else said)
    bias, sinks = options.get("position_bias"), options.get("s_aux")
    # Without a mask SDPA is causal where the module says so, aligned to the upper left; eager then sees everything.
    unmasked = causal() if causal_by_itself and module_is_causal and query.shape[2] > 1 else None
    return AttentionMap(
        copies.own(query),
        copies.own(key),
        mask=unmasked if given.mask is None else copies.mask(given.mask[..., : key.shape[2]]),
        scale=options.get("scaling"),
        bias=None if bias is None else copies.bias(bias),
        softcap=options.get("softcap"),
        sinks=None if sinks is None else copies.own(sinks).to(query.dtype),
    )
