"""One step of decoding for each card: the output of a token, from itself and from what the card says is kept of the others."""

from collections.abc import Callable

import torch
from torch import Tensor

from regard.mechanisms.card import Card
from regard.mechanisms.heads import latent_cards as latent
from regard.mechanisms.linear import cards as linear
from regard.mechanisms.linear.delta_rule import delta_rule_recurrent
from regard.mechanisms.linear.gated_delta_rule import gated_delta_recurrent
from regard.mechanisms.linear.gated_linear_attention import gated_linear_recurrent
from regard.mechanisms.linear.linear_attention import linear_attention_recurrent
from regard.mechanisms.linear.random_features import performer_recurrent
from regard.mechanisms.linear.retention import retention_recurrent
from regard.mechanisms.linear.state_space_duality import state_space_recurrent
from regard.mechanisms.normalisers import cards as gates
from regard.mechanisms.patterns import cards as patterns
from regard.mechanisms.patterns.selected_blocks import native_sparse_gathered
from regard.mechanisms.patterns.sparse_patterns import dilated_heads
from regard.mechanisms.positions.rotary import rotary_half, rotary_interleaved
from regard.mechanisms.scores import cards as score_cards
from regard.mechanisms.scores import score_functions as scores
from regard.mechanisms.softmax_attention import attention

Kept = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor, Tensor, Kept], Tensor]

# The walk of monotonic attention is taken when it runs; `apply` is its expectation over all walks, which training wants.
NOT_AS_APPLIED = {"monotonic", "mocha"}


def step(card: Card, query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    """The output of one more token, (batch, heads, 1, value_dim)."""
    if card.name in STEPS:
        return STEPS[card.name](query, key, value, kept)
    keys, values = kept
    return card.apply(query, _after(keys, key), _after(values, value)).output


def _after(kept: Tensor, new: Tensor) -> Tensor:
    return torch.cat([kept, new], dim=-2)


def _location(query: Tensor, _key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    values = _after(kept[0], value)
    return scores.location(query, values, 3 * score_cards.learned(values.shape[2], query.shape[3], like=query))[0]


def _few_heads(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    every = 4 // kept[0].shape[1]
    return attention(query, _after(kept[0], key[:, ::every]), _after(kept[1], value[:, ::every]))[0]


def _rotary(turn: Callable[..., Tensor]) -> Step:
    def turned(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
        place = kept[0].shape[2]
        return attention(turn(query, start=place), _after(kept[0], turn(key, start=place)), _after(kept[1], value))[0]

    return turned


def _block(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    if kept[0].shape[2] == patterns.BLOCK:  # a block that is complete is forgotten
        return value
    return attention(query, _after(kept[0], key), _after(kept[1], value))[0]


def _dilated(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values = kept[: len(kept) // 2], kept[len(kept) // 2 :]
    outputs = [
        dilated_heads(
            query[:, [head]],
            _after(keys[head], key[:, head])[:, None],
            _after(values[head], value[:, head])[:, None],
            patterns.WINDOW,
            [head + 1],
            causal=True,
        )[0]
        for head in range(len(keys))
    ]
    return torch.cat(outputs, dim=1)


def _native_sparse(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    keys, values = _after(kept[0], key), _after(kept[1], value)
    sizes = {"block": patterns.BLOCK, "selected": patterns.SELECTED, "window": patterns.WINDOW}
    return native_sparse_gathered(query, keys, values, patterns._gates(query), **sizes)


def _latent(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    layer = latent._layer(query)
    cache = layer.compress(latent._hidden(key + value), kept)
    return layer.absorbed(latent._hidden(query), cache)[0].unflatten(2, (query.shape[1], -1)).transpose(1, 2)


def _forgetting(query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
    so_far = kept[2][..., -1:] if kept[2].shape[-1] else 0
    totals = torch.cat([kept[2], so_far + gates._log_forget(key)], dim=-1)  # (batch, heads, keys)
    bias = (totals[..., -1:] - totals)[:, :, None].to(query)
    return attention(query, _after(kept[0], key), _after(kept[1], value), bias=bias)[0]


def _one(kept: Kept) -> Tensor:
    (state,) = kept
    return state


STEPS: dict[str, Step] = {
    "location": _location,
    "multi-query": _few_heads,
    "grouped-query": _few_heads,
    "latent": _latent,
    "rotary-half": _rotary(rotary_half),
    "rotary-interleaved": _rotary(rotary_interleaved),
    "block": _block,
    "dilated": _dilated,
    "native-sparse": _native_sparse,
    "forgetting": _forgetting,
    "linear": lambda q, k, v, kept: linear_attention_recurrent(q, k, v, state=kept)[0],
    "performer": lambda q, k, v, kept: performer_recurrent(q, k, v, linear._directions(q), state=kept)[0],
    "retention": lambda q, k, v, kept: retention_recurrent(q, k, v, state=_one(kept))[0],
    "gated-linear": lambda q, k, v, kept: gated_linear_recurrent(q, k, v, linear._channel_gates(k), state=_one(kept))[0],
    "state-space-duality": lambda q, k, v, kept: state_space_recurrent(q, k, v, linear._step_gates(k), state=_one(kept))[0],
    "delta-rule": lambda q, k, v, kept: delta_rule_recurrent(
        *linear._delta_inputs(q, k)[:2], v, linear._delta_inputs(q, k)[2], state=_one(kept)
    )[0],
    "gated-delta": lambda q, k, v, kept: gated_delta_recurrent(
        *linear._delta_inputs(q, k)[:2], v, linear._delta_inputs(q, k)[2], linear._step_gates(k), state=_one(kept)
    )[0],
}
