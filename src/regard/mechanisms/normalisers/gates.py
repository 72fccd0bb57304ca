"""Softmax attention with learned gates: one that closes outputs, and one that forgets keys."""

import torch
from torch import Tensor

from regard.errors import OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


def gated_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    gate: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention whose output passes a gate: output = (softmax(q kᵀ·scale + mask) v) ⊙ σ(gate) (Qiu et al. 2025).

    The gate is computed from the vector that the query was computed from, gate = x W_g. A head that has found nothing closes
    its gate and need not leave its weight on some first token. The published models gate every feature of every head
    (their G₁, elementwise); a last axis of 1 gates whole heads.

    Args:
        gate: before the sigmoid, broadcastable to the output, (batch, heads, queries, value_dim or 1).

    Returns:
        The output, and the weights before the gate: rows sum to 1, and output is not weights · values.

    Example:
        >>> half = torch.zeros(1, 2)
        >>> gated_attention(torch.ones(1, 3), torch.ones(1, 3), torch.tensor([[2.0, 6.0]]), half)[0]
        tensor([[1., 3.]])
    """
    inputs.check_attention(query, key, value)
    inputs.check_floats("gate", gate)
    output_axes = ("batch", "heads", "queries", "value_dim")[-query.ndim :]
    inputs.check_broadcast("gate", gate, dict(zip(output_axes, (*query.shape[:-1], value.shape[-1]), strict=True)))
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (tensor.to(wide) for tensor in (query, key, value))
    output, weights = attention(q, k, v, mask, causal=causal, scale=scale)  # (batch, heads, queries, value_dim)
    return (output * torch.sigmoid(gate.to(wide))).to(value.dtype), weights


def forgetting_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Causal attention that forgets as it reads: softmax(q kᵀ·scale + D) v with D_ij = Σ_{l=j+1..i} log f_l (Lin et al. 2025).

    A token may close the gate f between what came before and what comes after; each gate on the way from key j to query i
    multiplies exp(score) by f. f = 1 everywhere is causal attention, one f a head for all positions is ALiBi with the slope
    −log f. D needs no n² sums: it is C_i − C_j, with C the running sum of log f, one number for each position and head.

    Args:
        log_forget: (batch, heads, keys), or what broadcasts to it: log f = log σ(x w + b), so finite and never above 0. The
            first one has no effect: nothing lies before it.

    Example:
        >>> third = torch.full((3,), 1 / 3).log()
        >>> forgetting_attention(torch.zeros(3, 2), torch.zeros(3, 2), torch.eye(3), third)[1]
        tensor([[1.0000, 0.0000, 0.0000],
                [0.2500, 0.7500, 0.0000],
                [0.0769, 0.2308, 0.6923]])
    """
    inputs.check_attention(query, key, value)
    inputs.check_floats("log_forget", log_forget)
    (batch, heads, queries, _), keys = inputs.widen(query).shape, key.shape[-2]
    inputs.check_broadcast("log_forget", log_forget, {"batch": batch, "heads": heads, "keys": keys})
    if not bool(((log_forget <= 0) & log_forget.isfinite()).all()):
        least, most = log_forget.aminmax()
        raise OptionError(
            "log_forget: expected finite numbers up to 0, logarithms of gates between 0 and 1, "
            f"got {least.item()} to {most.item()}; write torch.nn.functional.logsigmoid(...)"
        )
    if queries > keys:
        raise ShapeError(
            f"expected the queries to be the last of the keys, got {queries} queries and {keys} keys; give all keys"
        )
    # A difference of two long sums keeps the digits of float32 only where it is taken in float64.
    total = log_forget.double().expand(batch, heads, keys).cumsum(dim=-1)  # (batch, heads, keys)
    decay = total[..., keys - queries :, None] - total[..., None, :]  # (batch, heads, queries, keys)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    return attention(query, key, value, mask, causal=True, scale=scale, bias=decay.to(wide))
