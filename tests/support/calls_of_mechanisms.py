"""Every function and layer of the textbook with arguments that work: rows of the battery of wrong calls."""

from collections.abc import Callable
from typing import Any

import torch

from regard import masks
from regard.mechanisms import catalogue, effective_weights, softmax_attention
from regard.mechanisms.cross import (
    graph_attention,
    hard_attention,
    latents_and_sets,
    monotonic_attention,
    perceiver,
    pointing,
)
from regard.mechanisms.heads import latent_attention
from regard.mechanisms.linear import (
    delta_rule,
    gated_delta_rule,
    gated_linear_attention,
    linear_attention,
    random_features,
    retention,
    state_space_duality,
)
from regard.mechanisms.normalisers import dense_normalisers, gates, sparse_normalisers
from regard.mechanisms.patterns import selected_blocks, shifted_windows, sparse_patterns
from regard.mechanisms.positions import relative_keys, rotary, score_biases, sinusoids
from regard.mechanisms.scores import score_functions
from support.calls_of_kernels import CALLS as KERNELS
from support.calls_of_recent_mechanisms import CALLS as RECENT
from support.wrong_calls import Call
from support.wrong_values import base

HEADS, LENGTH, DIM = 2, 5, 4
PROBABILITIES = (1, HEADS, LENGTH, LENGTH)


def _ones(*shape: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.ones(shape)


def _call(function: Callable[..., Any], /, own: tuple[str, ...] = (), **given: Any) -> Call:
    make = lambda: {key: value() if callable(value) and key not in own else value for key, value in given.items()}  # noqa: E731
    return Call(function, make, own=own)


def _triple(**more: Any) -> dict[str, Any]:
    return {"query": base, "key": base, "value": base, **more}


def _layer(make: Callable[[], torch.nn.Module], **given: Any) -> Call:
    return _call(lambda **inputs: make()(**inputs), **given)


MASKED = {"mask": lambda: torch.ones(LENGTH, LENGTH, dtype=torch.bool), "causal": True}
MASK = {"mask": lambda: torch.ones(LENGTH, LENGTH, dtype=torch.bool)}
SCALED = {**MASKED, "scale": 0.5}
STEPS = _ones(1, HEADS, LENGTH)
DECAYS = lambda: -torch.ones(1, HEADS, LENGTH)  # noqa: E731
CHANNELS = lambda: -torch.ones(1, HEADS, LENGTH, DIM)  # noqa: E731
STATE = {"state": _ones(1, HEADS, DIM, DIM)}
UNIT = lambda: torch.nn.functional.normalize(base(), dim=-1)  # noqa: E731
DELTA = {"query": base, "key": UNIT, "value": base, "beta": lambda: torch.full((1, HEADS, LENGTH), 0.5)}
SCORES = _ones(*PROBABILITIES)
SETS = _ones(1, LENGTH, DIM)

CALLS: dict[str, Call] = {
    "catalogue.card": _call(catalogue.card, name="dot"),
    "catalogue.example": _call(catalogue.example, length=4, heads=2, dim=4),
    "graph_attention": _call(
        graph_attention.graph_attention,
        **_triple(score_weight=_ones(HEADS, DIM), graph=lambda: torch.ones(LENGTH, LENGTH, dtype=torch.bool), slope=0.2),
    ),
    "static_graph_attention": _call(
        graph_attention.static_graph_attention,
        **_triple(
            query_score=_ones(HEADS, DIM),
            key_score=_ones(HEADS, DIM),
            graph=lambda: torch.ones(LENGTH, LENGTH, dtype=torch.bool),
            slope=0.2,
        ),
    ),
    "hard_attention": _call(hard_attention.hard_attention, scores=SCORES, value=base, generator=None, **MASKED),
    "likeliest_attention": _call(hard_attention.likeliest_attention, scores=SCORES, value=base, **MASKED),
    "reinforce": _call(
        hard_attention.reinforce,
        probabilities=lambda: torch.full(PROBABILITIES, 0.2),
        choice=lambda: torch.zeros(1, HEADS, LENGTH, dtype=torch.long),
        reward=_ones(1),
        baseline=0.0,
    ),
    "read_into_latents": _call(
        latents_and_sets.read_into_latents,
        latents=_ones(HEADS, 3, DIM),
        key=base,
        value=base,
        mask=lambda: torch.ones(3, LENGTH, dtype=torch.bool),
    ),
    "induced_attention": _call(
        latents_and_sets.induced_attention,
        **_triple(inducing=_ones(HEADS, 3, DIM), mask=lambda: torch.ones(1, LENGTH, dtype=torch.bool)),
    ),
    "MultiHeadAttentionBlock": _call(latents_and_sets.MultiHeadAttentionBlock, dim=DIM, heads=HEADS),
    "MultiHeadAttentionBlock()": _layer(lambda: latents_and_sets.MultiHeadAttentionBlock(DIM, HEADS), x=SETS, y=SETS, **MASK),
    "SetAttentionBlock": _call(latents_and_sets.SetAttentionBlock, dim=DIM, heads=HEADS),
    "SetAttentionBlock()": _layer(lambda: latents_and_sets.SetAttentionBlock(DIM, HEADS), x=SETS, **MASK),
    "InducedSetAttentionBlock": _call(latents_and_sets.InducedSetAttentionBlock, dim=DIM, heads=HEADS, points=3),
    "InducedSetAttentionBlock()": _layer(
        lambda: latents_and_sets.InducedSetAttentionBlock(DIM, HEADS, 3), x=SETS, mask=lambda: torch.ones(1, LENGTH) > 0
    ),
    "PoolingByAttention": _call(latents_and_sets.PoolingByAttention, dim=DIM, heads=HEADS, seeds=2),
    "PoolingByAttention()": _layer(
        lambda: latents_and_sets.PoolingByAttention(DIM, HEADS), z=SETS, mask=lambda: torch.ones(1, LENGTH) > 0
    ),
    "expected_alignment": _call(monotonic_attention.expected_alignment, scores=SCORES),
    "expected_alignment_parallel": _call(monotonic_attention.expected_alignment_parallel, scores=SCORES),
    "hard_alignment": _call(monotonic_attention.hard_alignment, scores=SCORES),
    "monotonic_attention": _call(monotonic_attention.monotonic_attention, scores=SCORES, value=base, **MASK),
    "monotonic_decoding": _call(monotonic_attention.monotonic_decoding, scores=SCORES, value=base, **MASK),
    "chunkwise": _call(monotonic_attention.chunkwise, alignment=lambda: torch.full(PROBABILITIES, 0.2), scores=SCORES, width=2),
    "mocha_attention": _call(
        monotonic_attention.mocha_attention, scores=SCORES, chunk_scores=SCORES, value=base, width=2, **MASK
    ),
    "mocha_decoding": _call(
        monotonic_attention.mocha_decoding, scores=SCORES, chunk_scores=SCORES, value=base, width=2, **MASK
    ),
    "PerceiverLayer": _call(perceiver.PerceiverLayer, dim=DIM, heads=HEADS, memory_dim=3, widening=2),
    "PerceiverLayer()": _layer(lambda: perceiver.PerceiverLayer(DIM, HEADS, DIM), x=SETS, memory=SETS, **MASK),
    "Perceiver": _call(perceiver.Perceiver, input_dim=3, question_dim=2, latents=3, latent_dim=DIM, heads=HEADS, depth=1),
    "Perceiver()": _layer(
        lambda: perceiver.Perceiver(DIM, DIM, 3, DIM, HEADS, 1),
        x=SETS,
        questions=SETS,
        mask=lambda: torch.ones(1, LENGTH) > 0,
    ),
    "pointer": _call(
        pointing.pointer,
        query=base,
        key=base,
        query_weight=_ones(3, DIM),
        key_weight=_ones(3, DIM),
        score_weight=_ones(3),
        **MASK,
    ),
    "copy_distribution": _call(
        pointing.copy_distribution,
        generating=lambda: torch.full((1, 3), 0.5),
        vocabulary=lambda: torch.full((1, 3, 7), 1 / 7),
        weights=lambda: torch.full((1, 3, 5), 0.2),
        tokens=lambda: torch.zeros(1, 5, dtype=torch.long),
        words=7,
    ),
    "effective_weights": _call(effective_weights.effective_weights, ("function",), function=lambda value: value, value=base),
    "expanded_attention": _call(
        latent_attention.expanded_attention,
        query=base,
        rotary_query=_ones(1, HEADS, LENGTH, 2),
        cache=lambda: latent_attention.LatentCache(torch.ones(1, LENGTH, 3), torch.ones(1, LENGTH, 2)),
        key_up=_ones(HEADS, DIM, 3),
        value_up=_ones(HEADS, DIM, 3),
        **MASK,
    ),
    "absorbed_attention": _call(
        latent_attention.absorbed_attention,
        query=base,
        rotary_query=_ones(1, HEADS, LENGTH, 2),
        cache=lambda: latent_attention.LatentCache(torch.ones(1, LENGTH, 3), torch.ones(1, LENGTH, 2)),
        key_up=_ones(HEADS, DIM, 3),
        value_up=_ones(HEADS, DIM, 3),
        **MASK,
    ),
    "LatentAttention": _call(
        latent_attention.LatentAttention,
        dim=DIM,
        heads=HEADS,
        head_dim=4,
        latent_dim=3,
        rotary_dim=2,
        value_dim=3,
        query_latent_dim=3,
        base=100.0,
    ),
    "LatentAttention()": _layer(
        lambda: latent_attention.LatentAttention(DIM, HEADS, head_dim=4, latent_dim=3, rotary_dim=2), x=SETS, **MASK
    ),
    "delta_rule_parallel": _call(delta_rule.delta_rule_parallel, **DELTA),
    "delta_rule_recurrent": _call(delta_rule.delta_rule_recurrent, **DELTA, **STATE),
    "delta_rule_chunked": _call(delta_rule.delta_rule_chunked, **DELTA, **STATE, chunk=2),
    "gated_delta_parallel": _call(gated_delta_rule.gated_delta_parallel, **DELTA, log_decay=DECAYS),
    "gated_delta_recurrent": _call(gated_delta_rule.gated_delta_recurrent, **DELTA, log_decay=DECAYS, **STATE),
    "gated_delta_chunked": _call(gated_delta_rule.gated_delta_chunked, **DELTA, log_decay=DECAYS, **STATE, chunk=2),
    "gated_linear_parallel": _call(gated_linear_attention.gated_linear_parallel, **_triple(log_decay=CHANNELS)),
    "gated_linear_recurrent": _call(gated_linear_attention.gated_linear_recurrent, **_triple(log_decay=CHANNELS, **STATE)),
    "gated_linear_chunked": _call(gated_linear_attention.gated_linear_chunked, **_triple(log_decay=CHANNELS, **STATE, chunk=2)),
    "linear_attention_parallel": _call(
        linear_attention.linear_attention_parallel, ("feature_map",), **_triple(causal=True, feature_map=torch.exp)
    ),
    "linear_attention_noncausal": _call(
        linear_attention.linear_attention_noncausal, ("feature_map",), **_triple(feature_map=torch.exp)
    ),
    "linear_attention_recurrent": _call(
        linear_attention.linear_attention_recurrent, ("feature_map",), **_triple(state=None, feature_map=torch.exp)
    ),
    "linear_attention_chunked": _call(
        linear_attention.linear_attention_chunked, ("feature_map",), **_triple(state=None, chunk=2, feature_map=torch.exp)
    ),
    "elu_plus_one": _call(linear_attention.elu_plus_one, x=base),
    "orthogonal_projection": _call(random_features.orthogonal_projection, features=3, dim=4, seed=0, dtype=torch.float32),
    "positive_features": _call(random_features.positive_features, projection=_ones(3, DIM), scale=0.5),
    "performer_parallel": _call(
        random_features.performer_parallel, **_triple(projection=_ones(3, DIM), causal=True, scale=0.5)
    ),
    "performer_recurrent": _call(
        random_features.performer_recurrent, **_triple(projection=_ones(3, DIM), state=None, scale=0.5)
    ),
    "performer_chunked": _call(
        random_features.performer_chunked, **_triple(projection=_ones(3, DIM), state=None, chunk=2, scale=0.5)
    ),
    "retention_decays": _call(retention.retention_decays, heads=2),
    "retention_parallel": _call(retention.retention_parallel, **_triple(decay=lambda: torch.full((HEADS,), 0.5))),
    "retention_recurrent": _call(retention.retention_recurrent, **_triple(decay=None, **STATE)),
    "retention_chunked": _call(retention.retention_chunked, **_triple(decay=None, **STATE, chunk=2)),
    "segment_sums": _call(state_space_duality.segment_sums, steps=STEPS),
    "state_space_parallel": _call(state_space_duality.state_space_parallel, **_triple(log_decay=DECAYS)),
    "state_space_recurrent": _call(state_space_duality.state_space_recurrent, **_triple(log_decay=DECAYS, **STATE)),
    "state_space_chunked": _call(state_space_duality.state_space_chunked, **_triple(log_decay=DECAYS, **STATE, chunk=2)),
    "attend": _call(dense_normalisers.attend, ("normalise",), normalise=lambda scores: scores.softmax(-1), **_triple(**SCALED)),
    "off_by_one_attention": _call(dense_normalisers.off_by_one_attention, **_triple(**SCALED)),
    "sigmoid_attention": _call(dense_normalisers.sigmoid_attention, **_triple(**SCALED, offset=0.5)),
    "differential_attention": _call(dense_normalisers.differential_attention, **_triple(lam=0.5, **SCALED)),
    "differential_lambda": _call(
        dense_normalisers.differential_lambda,
        query1=_ones(DIM),
        key1=_ones(DIM),
        query2=_ones(DIM),
        key2=_ones(DIM),
        lambda_init=0.5,
    ),
    "differential_norm": _call(dense_normalisers.differential_norm, output=base, lambda_init=0.5, eps=1e-5),
    "talking_heads_attention": _call(
        dense_normalisers.talking_heads_attention,
        **_triple(mix_scores=_ones(HEADS, HEADS), mix_weights=_ones(HEADS, HEADS), weight_bias=_ones(HEADS), **SCALED),
    ),
    "gated_attention": _call(gates.gated_attention, **_triple(gate=base, **SCALED)),
    "forgetting_attention": _call(gates.forgetting_attention, **_triple(log_forget=DECAYS, scale=0.5, **MASK)),
    "sparsemax": _call(sparse_normalisers.sparsemax, scores=SCORES),
    "entmax15": _call(sparse_normalisers.entmax15, scores=SCORES),
    "entmax": _call(sparse_normalisers.entmax, scores=SCORES, alpha=1.3),
    "sparsemax_attention": _call(sparse_normalisers.sparsemax_attention, **_triple(**SCALED)),
    "entmax_attention": _call(sparse_normalisers.entmax_attention, **_triple(alpha=1.3, **SCALED)),
    "native_sparse_attention": _call(
        selected_blocks.native_sparse_attention,
        **_triple(gates=_ones(1, HEADS, LENGTH, 3), block=2, selected=1, window=2, scale=0.5),
    ),
    "native_sparse_gathered": _call(
        selected_blocks.native_sparse_gathered,
        **_triple(gates=_ones(1, HEADS, LENGTH, 3), block=2, selected=1, window=2, scale=0.5),
    ),
    "compress": _call(selected_blocks.compress, x=base, block=2),
    "shifted_window_attention": _call(
        shifted_windows.shifted_window_attention,
        query=_ones(1, HEADS, 16, DIM),
        key=_ones(1, HEADS, 16, DIM),
        value=_ones(1, HEADS, 16, DIM),
        grid=(4, 4),
        window=2,
        shift=1,
        bias_table=_ones(HEADS, 3, 3),
    ),
    "window_ids": _call(shifted_windows.window_ids, grid=(4, 4), window=2, shift=1),
    "global_local": _call(
        sparse_patterns.global_local,
        **_triple(global_query=base, global_key=base, global_value=base, window=3, positions=lambda: torch.tensor([0])),
    ),
    "bigbird": _call(
        sparse_patterns.bigbird,
        query=_ones(1, HEADS, 6, DIM),
        key=_ones(1, HEADS, 6, DIM),
        value=_ones(1, HEADS, 6, DIM),
        random=lambda: masks.random_blocks(1, 2, 3),
        size=2,
    ),
    "dilated_heads": _call(sparse_patterns.dilated_heads, **_triple(window=3, steps=lambda: [1, 2], causal=True)),
    "shaw": _call(relative_keys.shaw, **_triple(table=_ones(5, DIM), **MASKED)),
    "transformer_xl": _call(
        relative_keys.transformer_xl,
        **_triple(
            content_bias=_ones(HEADS, DIM), position_bias=_ones(HEADS, DIM), position_weight=_ones(HEADS, DIM, DIM), **MASKED
        ),
    ),
    "rotary_half": _call(rotary.rotary_half, x=base, start=1, base=100.0),
    "rotary_interleaved": _call(rotary.rotary_interleaved, x=base, start=1, base=100.0),
    "t5_buckets": _call(score_biases.t5_buckets, relative=lambda: torch.arange(-3, 3), buckets=8, max_distance=16, causal=True),
    "t5_bias": _call(score_biases.t5_bias, table=_ones(8, HEADS), queries=3, keys=4, max_distance=16, causal=True),
    "alibi_slopes": _call(score_biases.alibi_slopes, heads=2, device="cpu"),
    "alibi_bias": _call(score_biases.alibi_bias, heads=2, queries=3, keys=4, dtype=torch.float32, device="cpu"),
    "sinusoids": _call(sinusoids.sinusoids, length=3, dim=4, start=1, base=100.0, dtype=torch.float32, device="cpu"),
    "additive": _call(
        score_functions.additive,
        **_triple(query_weight=_ones(3, DIM), key_weight=_ones(3, DIM), score_weight=_ones(3), **MASKED),
    ),
    "weigh": _call(softmax_attention.weigh, scores=SCORES, value=base, **MASKED),
    "dot": _call(score_functions.dot, **_triple(**MASKED)),
    "general": _call(score_functions.general, **_triple(weight=_ones(DIM, DIM), **MASKED)),
    "concat": _call(score_functions.concat, **_triple(weight=_ones(3, 2 * DIM), score_weight=_ones(3), **MASKED)),
    "location": _call(score_functions.location, query=base, value=base, weight=_ones(LENGTH, DIM), **MASKED),
    "cosine": _call(score_functions.cosine, **_triple(scale=_ones(HEADS), **MASKED)),
    "qk_norm": _call(score_functions.qk_norm, **_triple(query_gain=_ones(DIM), key_gain=_ones(DIM), eps=1e-6, **MASKED)),
    "kernel_regression": _call(score_functions.kernel_regression, **_triple(bandwidth=0.5, **MASKED)),
}
CALLS |= RECENT | KERNELS
