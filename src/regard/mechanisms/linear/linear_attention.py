"""Linear attention: without the exponential, attention is a recurrent network.

Replace exp(q·k) by a product of features, φ(q)·φ(k), and the order of multiplication is free (Katharopoulos et al. 2020):

    output = (φ(Q) φ(K)ᵀ) V / …      every query meets every key:            queries · keys · dim
           = φ(Q) (φ(K)ᵀ V) / …      keys and values are summed up first:    (queries + keys) · dim · value_dim

Looking back only, the sum φ(K)ᵀ V is a state that grows by one key at a time. So the same layer has three forms, and they
give the same numbers: *parallel* has the matrix, and can be looked at; *recurrent* decodes with a state of fixed size;
*chunked* is the matrix inside of a chunk and the state between chunks, which is how such models are trained.

The price is in the state: dim rows can hold dim keys apart. What a softmax over n keys can tell apart, this sum blurs.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from regard.arguments import function, truth
from regard.errors import DtypeError, ScoreError
from regard.mechanisms.inputs import check_computed
from regard.mechanisms.linear import recurrent_inputs

FeatureMap = Callable[[Tensor], Tensor]


class LinearState(NamedTuple):
    """All that is left of the keys and values so far."""

    mixed: Tensor  #: Σ φ(k) vᵀ, (batch, heads, features, value_dim)
    mass: Tensor  #: Σ φ(k), (batch, heads, features, 1)


def elu_plus_one(x: Tensor) -> Tensor:
    """φ(x) = elu(x) + 1: x + 1 above 0, exp(x) below (Katharopoulos et al. 2020, section 3.2.1).

    Nowhere below the least normal number: no feature is 0, so that 0 means that nothing matches.

    Example:
        >>> elu_plus_one(torch.tensor([-20.0, 0.0, 2.0]))
        tensor([2.0612e-09, 1.0000e+00, 3.0000e+00])
    """
    check_computed("x", x)
    below = x.clamp(max=0).exp().clamp(min=torch.finfo(x.dtype).tiny)  # elu(-20.0) + 1 would be 0: the 1 swallows the rest
    return torch.where(x > 0, x + 1, below)


def linear_attention_parallel(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, feature_map: FeatureMap = elu_plus_one
) -> tuple[Tensor, Tensor]:
    """Linear attention with its weights, A_ij = φ(q_i)·φ(k_j) / Σ_l φ(q_i)·φ(k_l) (Katharopoulos et al. 2020, section 3.2).

    There is no scale. A query that matches no key, Σ_l φ(q_i)·φ(k_l) = 0, has weights 0 and output 0. A factor of φ(q_i)
    changes nothing, so each query's features are divided by their largest: the products are then as small as the keys'.

    Args:
        feature_map: φ, from (…, dim) to (…, features), nowhere below 0.

    Raises:
        ScoreError: also features below 0, or too small for a row's sum to be told from 0.

    Example:
        >>> query = key = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> output, weights = linear_attention_parallel(query, key, torch.eye(2))
        >>> weights
        tensor([[0.5556, 0.4444],
                [0.4444, 0.5556]])
    """
    q, k, v = recurrent_inputs.prepare(query, key, value)
    queries, keys = q.shape[2], k.shape[2]
    visible = torch.ones(queries, keys, dtype=torch.bool, device=q.device)
    if truth("causal", causal):
        visible = visible.tril(keys - queries)  # the last query stands at the last key
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        phi_q, phi_k = _query_features(feature_map, q), _features(feature_map, k)  # (batch, heads, positions, features)
        scores = (phi_q @ phi_k.mT).masked_fill(~visible, 0)  # (batch, heads, queries, keys)
        weights = _divide(scores, scores.sum(-1, keepdim=True))
        output = weights @ v  # (batch, heads, queries, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def linear_attention_noncausal(
    query: Tensor, key: Tensor, value: Tensor, *, feature_map: FeatureMap = elu_plus_one
) -> tuple[Tensor, LinearState]:
    """Linear attention to all keys in linear time: φ(Q) (φ(K)ᵀ V) / φ(Q) Σφ(k) (Katharopoulos et al. 2020, section 3.2).

    The output is that of `linear_attention_parallel`, and the state is what all keys left.

    Example:
        >>> query, key, value = torch.randn(3, 2), torch.randn(1000, 2), torch.randn(1000, 5)
        >>> output, state = linear_attention_noncausal(query, key, value)
        >>> state.mixed.shape
        torch.Size([1, 1, 2, 5])
        >>> torch.testing.assert_close(output, linear_attention_parallel(query, key, value)[0])
    """
    q, k, v = recurrent_inputs.prepare(query, key, value)
    with torch.autocast(q.device.type, enabled=False):
        phi_q, phi_k = _query_features(feature_map, q), _features(feature_map, k)  # (batch, heads, positions, features)
        mixed = phi_k.mT @ v  # (batch, heads, features, value_dim)
        mass = phi_k.sum(2).unsqueeze(-1)  # (batch, heads, features, 1)
        output = _divide(phi_q @ mixed, phi_q @ mass)  # (batch, heads, queries, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), LinearState(mixed, mass)


def linear_attention_recurrent(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    state: LinearState | None = None,
    feature_map: FeatureMap = elu_plus_one,
) -> tuple[Tensor, LinearState]:
    """Causal linear attention one position after the other (Katharopoulos et al. 2020, section 3.4).

        mixed_t = mixed_{t−1} + φ(k_t) v_tᵀ        mass_t = mass_{t−1} + φ(k_t)
        output_t = φ(q_t)ᵀ mixed_t / φ(q_t)ᵀ mass_t

    Their S is our mixed, their Z our mass. The feature map is that of `linear_attention_parallel`.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> whole, _ = linear_attention_recurrent(query, key, value)
        >>> _, state = linear_attention_recurrent(query[:6], key[:6], value[:6])
        >>> last, _ = linear_attention_recurrent(query[6:], key[6:], value[6:], state=state)
        >>> torch.testing.assert_close(last, whole[6:])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    with torch.autocast(q.device.type, enabled=False):
        phi_q, phi_k = _query_features(feature_map, q), _features(feature_map, k)  # (batch, heads, positions, features)
        mixed, mass = _starting_state(state, phi_k, v)
        parts, wholes = [], []
        for q_t, k_t, v_t in zip(phi_q.split(1, dim=2), phi_k.split(1, dim=2), v.split(1, dim=2), strict=True):
            mixed = mixed + k_t.mT @ v_t  # (batch, heads, features, value_dim)
            mass = mass + k_t.mT  # (batch, heads, features, 1)
            parts.append(q_t @ mixed)  # (batch, heads, 1, value_dim)
            wholes.append(q_t @ mass)  # (batch, heads, 1, 1)
        output = _divide(torch.cat(parts, dim=2), torch.cat(wholes, dim=2))  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), LinearState(mixed, mass)


def linear_attention_chunked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    state: LinearState | None = None,
    chunk: int = 64,
    feature_map: FeatureMap = elu_plus_one,
) -> tuple[Tensor, LinearState]:
    """`linear_attention_recurrent` by chunks: the parallel form inside of a chunk, the state between chunks.

    The feature map is that of `linear_attention_parallel`.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, _ = linear_attention_chunked(query, key, value, chunk=3)
        >>> torch.testing.assert_close(output, linear_attention_recurrent(query, key, value)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    with torch.autocast(q.device.type, enabled=False):
        phi_q, phi_k = _query_features(feature_map, q), _features(feature_map, k)  # (batch, heads, positions, features)
        mixed, mass = _starting_state(state, phi_k, v)
        parts, wholes = [], []
        for q_c, k_c, v_c in zip(phi_q.split(chunk, dim=2), phi_k.split(chunk, dim=2), v.split(chunk, dim=2), strict=True):
            scores = (q_c @ k_c.mT).tril()  # (batch, heads, chunk, chunk)
            parts.append(scores @ v_c + q_c @ mixed)  # (batch, heads, chunk, value_dim)
            wholes.append(scores.sum(-1, keepdim=True) + q_c @ mass)  # (batch, heads, chunk, 1)
            mixed = mixed + k_c.mT @ v_c  # (batch, heads, features, value_dim)
            mass = mass + k_c.sum(2).unsqueeze(-1)  # (batch, heads, features, 1)
        output = _divide(torch.cat(parts, dim=2), torch.cat(wholes, dim=2))  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), LinearState(mixed, mass)


def _features(feature_map: FeatureMap, x: Tensor) -> Tensor:
    function("feature_map", feature_map, advice="for example torch.exp")
    features = feature_map(x)  # (batch, heads, positions, features)
    broken = ~((features >= 0) & features.isfinite())
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise ScoreError(
            f"feature_map: expected finite features of at least 0, got {features[tuple(place)].item()} at {place} of (batch, "
            "heads, positions, features); weights are shares: take elu_plus_one, torch.relu or torch.exp"
        )
    return features


def _query_features(feature_map: FeatureMap, q: Tensor) -> Tensor:
    """The features of queries, each row divided by its largest: a factor of φ(q) is in both sums, and cancels."""
    features = _features(feature_map, q)  # (batch, heads, queries, features)
    largest = features.detach().amax(-1, keepdim=True)  # (batch, heads, queries, 1); what cancels has no gradient
    _check_digits("largest feature of the query", largest)
    return features / largest.masked_fill(largest == 0, 1)


def _starting_state(state: LinearState | None, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    (batch, heads, _, features), value_dim = k.shape, v.shape[3]
    if not (state is None or (isinstance(state, tuple) and len(state) == 2)):
        raise DtypeError(
            f"state: expected the LinearState that an earlier call returned, got {type(state).__name__}; give its mixed "
            "and its mass"
        )
    mixed, mass = (None, None) if state is None else state
    return (
        recurrent_inputs.starting_state(mixed, batch, heads, features, value_dim, like=k),
        recurrent_inputs.starting_state(mass, batch, heads, features, 1, like=k),
    )


def _divide(parts: Tensor, whole: Tensor) -> Tensor:
    """Shares, and 0 where there is nothing to share."""
    _check_digits("sum of φ(q)·φ(k) over the keys of the query", whole)
    return parts / whole.masked_fill(whole == 0, 1)


def _check_digits(what: str, numbers: Tensor) -> None:
    """Refuse sums (batch, heads, queries, 1) so near to 0 that terms of theirs have underflowed."""
    limits = torch.finfo(numbers.dtype)
    lost = (numbers > 0) & (numbers < limits.tiny / limits.eps)
    if bool(lost.any()):
        batch, head, row, _ = lost.nonzero()[0].tolist()
        raise ScoreError(
            f"expected a {what} of at least {limits.tiny / limits.eps:.3g}, below which {numbers.dtype} loses digits, got "
            f"{numbers[batch, head, row, 0].item():.3g} at batch {batch}, head {head}, query {row}; normalise queries and "
            "keys, compute in float64, or use regard.attention"
        )
