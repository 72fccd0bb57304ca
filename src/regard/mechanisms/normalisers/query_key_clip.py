"""QK-clip: queries and keys are made shorter after a step of training if a score has grown too large (Kimi Team 2025, K2)."""

import torch
from torch import Tensor

from regard.arguments import number
from regard.errors import ShapeError
from regard.mechanisms import inputs


def clip_factors(largest: Tensor, threshold: float) -> Tensor:
    """How much of each head's scores is left: γ_h = min(1, τ / S_h), S_h its largest score of the batch (Kimi Team 2025).

    A head whose largest score is above τ (100 in Kimi K2) is brought back to τ; the others are left alone. Unlike a softcap
    and a norm it changes the weights of the layer and not what the layer computes: a trained model has no trace of it.

    Args:
        largest: (heads,), the largest score of each head, after 1/√dim.
        threshold: τ, above 0.

    Example:
        >>> clip_factors(torch.tensor([50.0, 400.0]), threshold=100)
        tensor([1.0000, 0.2500])
    """
    inputs.check_shape("largest", largest, {"heads": None})
    threshold = number("threshold", threshold, above=0)
    return (threshold / largest.clamp(min=threshold)).nan_to_num(nan=0.0)


def clipped_projections(query_weight: Tensor, key_weight: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """The projections of queries and keys, each times √γ_h, so that every score of head h is times γ_h (Kimi Team 2025).

    Where query heads share a key head, its factor is the least of theirs, and the queries take what is missing. (In latent
    attention the rotary key is shared by all heads: there only the rotary query is made shorter, by γ_h itself.)

    Args:
        query_weight: (heads, dim, features).
        key_weight: (kv_heads, dim, features), each read by heads / kv_heads query heads.
        factors: γ (heads,), of `clip_factors`.

    Returns:
        As query_weight and key_weight.

    Example:
        >>> weight = torch.ones(1, 1, 1)
        >>> clipped_projections(weight, weight, torch.tensor([0.25]))
        (tensor([[[0.5000]]]), tensor([[[0.5000]]]))
    """
    inputs.check_shape("query_weight", query_weight, {"heads": None, "dim": None, "features": None})
    inputs.check_shape("key_weight", key_weight, {"kv_heads": None, "dim": query_weight.shape[1], "features": None})
    inputs.check_shape("factors", factors, {"heads": query_weight.shape[0]})
    heads, kv_heads = query_weight.shape[0], key_weight.shape[0]
    if heads % kv_heads:
        raise ShapeError(f"expected heads to be a multiple of kv_heads, got {heads} and {kv_heads}; they share key heads")
    shared = factors.unflatten(0, (kv_heads, -1)).amin(1).sqrt()  # (kv_heads,)
    own = factors / shared.repeat_interleave(heads // kv_heads)  # (heads,)
    own = torch.where(factors == 0, torch.zeros_like(own), own)
    return query_weight * own[:, None, None].to(query_weight), key_weight * shared[:, None, None].to(key_weight)
