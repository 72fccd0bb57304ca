"""Functions and layers of 2023 to 2026 with arguments that work: more rows of the battery of wrong calls."""

from collections.abc import Callable
from typing import Any

import torch

from regard.mechanisms.heads import tensor_product
from regard.mechanisms.linear import kimi_delta, retention_layer, update_rules
from regard.mechanisms.normalisers import competing_tokens, differential_layer, query_key_clip, talking_heads_layer
from regard.mechanisms.patterns import chosen_tokens, trees
from regard.mechanisms.positions import rotary, rotary_places, stretched_rotary, xpos
from support.wrong_calls import Call
from support.wrong_values import base

HEADS, LENGTH, DIM = 2, 5, 4


def _ones(*shape: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.ones(shape)


def _call(function: Callable[..., Any], /, **given: Any) -> Call:
    return Call(function, lambda: {key: value() if callable(value) else value for key, value in given.items()})


def _unit() -> torch.Tensor:
    return torch.nn.functional.normalize(base(), dim=-1)


def _factors() -> tensor_product.Factors:
    return tensor_product.Factors(torch.ones(1, LENGTH, 2, HEADS), torch.ones(1, LENGTH, 2, DIM))


TRIPLE = {"query": base, "key": base, "value": base}
BETA = {"beta": lambda: torch.full((1, HEADS, LENGTH), 0.5)}
CHANNELS = {"log_decay": lambda: -torch.ones(1, HEADS, LENGTH, DIM)}
STATE = {"state": _ones(1, HEADS, DIM, DIM)}
DELTA = TRIPLE | {"key": _unit} | BETA | CHANNELS
INDEX = {
    "index_query": _ones(1, HEADS, LENGTH, DIM),
    "index_key": _ones(1, LENGTH, DIM),
    "index_weight": _ones(1, HEADS, LENGTH),
}
STRETCHED = {"dim": 8, "factor": 4.0, "base": 100.0}

CALLS: dict[str, Call] = {
    "ancestors": _call(trees.ancestors, parents=lambda: torch.tensor([-1, 0])),
    "tree_mask": _call(trees.tree_mask, parents=lambda: torch.tensor([-1, 0]), before=2),
    "tree_positions": _call(trees.tree_positions, parents=lambda: torch.tensor([-1, 0]), before=2),
    "turned": _call(rotary.turned, x=base, by=_ones(LENGTH, DIM // 2)),
    "rotary_at": _call(stretched_rotary.rotary_at, x=base, frequencies=_ones(DIM // 2), start=1),
    "rotary_frequencies": _call(stretched_rotary.rotary_frequencies, dim=8, base=100.0),
    "interpolated_frequencies": _call(stretched_rotary.interpolated_frequencies, **STRETCHED),
    "ntk_frequencies": _call(stretched_rotary.ntk_frequencies, **STRETCHED),
    "yarn_frequencies": _call(
        stretched_rotary.yarn_frequencies, **STRETCHED, trained=64, slow=1.0, fast=8.0, ramp="turns", whole=False
    ),
    "yarn_temperature": _call(stretched_rotary.yarn_temperature, factor=4.0),
    "partial_rotary": _call(rotary_places.partial_rotary, x=base, channels=2, start=1, base=100.0),
    "axial_rotary": _call(rotary_places.axial_rotary, x=base, places=lambda: torch.ones(LENGTH, 2).long(), base=100.0),
    "multimodal_rotary": _call(
        rotary_places.multimodal_rotary, x=base, places=lambda: torch.ones(LENGTH, 2).long(), sections=[1, 1], base=100.0
    ),
    "kimi_delta_parallel": _call(kimi_delta.kimi_delta_parallel, **DELTA),
    "kimi_delta_recurrent": _call(kimi_delta.kimi_delta_recurrent, **DELTA, **STATE),
    "kimi_delta_chunked": _call(kimi_delta.kimi_delta_chunked, **DELTA, **STATE, chunk=2),
    "updated_state": _call(update_rules.updated_state, **DELTA, **STATE, rule="gated delta", scale=0.5),
    "retention_layer": _call(
        lambda dim, heads, x: retention_layer.MultiScaleRetention(dim, heads)(x), dim=8, heads=2, x=_ones(1, LENGTH, 8)
    ),
    "differential_layer": _call(
        lambda dim, heads, layer, x: differential_layer.DifferentialAttention(dim, heads, layer=layer)(x),
        dim=8,
        heads=2,
        layer=1,
        x=_ones(1, LENGTH, 8),
    ),
    "talking_heads_layer": _call(
        lambda dim, heads, bias, x: talking_heads_layer.TalkingHeadsAttention(dim, heads, bias=bias)(x),
        dim=8,
        heads=2,
        bias=True,
        x=_ones(1, LENGTH, 8),
    ),
    "xpos": _call(xpos.xpos, x=base, part="query", start=1, base=100.0, span=8.0, decays=lambda: torch.full((DIM // 2,), 0.5)),
    "xpos_decays": _call(xpos.xpos_decays, dim=8),
    "lightning_index": _call(chosen_tokens.lightning_index, **INDEX),
    "indexed_attention": _call(chosen_tokens.indexed_attention, **TRIPLE, **INDEX, selected=2, scale=0.5),
    "chosen_tokens": _call(
        chosen_tokens.chosen_tokens, index=_ones(LENGTH, LENGTH), own=lambda: torch.arange(LENGTH), selected=2
    ),
    "block_mixture": _call(chosen_tokens.block_mixture, **TRIPLE, block=2, selected=2, scale=0.5),
    "selective_attention": _call(competing_tokens.selective_attention, **TRIPLE, masking_head=0, scale=0.5),
    "masking": _call(competing_tokens.masking, query=base, key=base, masking_head=0, scale=0.5),
    "stick_breaking_attention": _call(competing_tokens.stick_breaking_attention, **TRIPLE, scale=0.5),
    "scaled_by_length": _call(competing_tokens.scaled_by_length, query=base, keys=LENGTH, strength=_ones(HEADS)),
    "multi_token_attention": _call(competing_tokens.multi_token_attention, **TRIPLE, kernel=_ones(HEADS, 2, 3), scale=0.5),
    "clip_factors": _call(query_key_clip.clip_factors, largest=_ones(HEADS), threshold=0.5),
    "clipped_projections": _call(
        query_key_clip.clipped_projections,
        query_weight=_ones(HEADS, DIM, 3),
        key_weight=_ones(1, DIM, 3),
        factors=_ones(HEADS),
    ),
    "multiplied": _call(tensor_product.multiplied, factors=_factors),
    "tensor_product_attention": _call(
        tensor_product.tensor_product_attention,
        query=_factors,
        key=_factors,
        value=_factors,
        mask=lambda: torch.ones(LENGTH, LENGTH, dtype=torch.bool),
        causal=True,
    ),
}
