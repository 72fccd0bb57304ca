"""Four ways to write into a state, side by side: the LinearAttention operator of ONNX (since version 27).

    linear         S_t = S_{t−1} + k_t v_tᵀ
    gated          S_t = diag(α_t) S_{t−1} + k_t v_tᵀ
    delta          S_t = S_{t−1} + β_t k_t (v_t − S_{t−1}ᵀ k_t)ᵀ
    gated delta    S_t = diag(α_t) S_{t−1} + β_t k_t (v_t − (diag(α_t) S_{t−1})ᵀ k_t)ᵀ

    output_t = scale · q_tᵀ S_t

The first is linear attention without features and denominator; the others are the cards *gated-linear*, *delta-rule* and
*gated-delta* or, with a gate for each channel, *kimi-delta*. Query heads that share a key head share its state: there is one
state for each key head, and not, as in the other functions of this family, one for each query head.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from regard.arguments import number, one_of
from regard.errors import OptionError
from regard.mechanisms import inputs
from regard.mechanisms.linear import recurrent_inputs

Rule = Literal["linear", "gated", "delta", "gated delta"]


def updated_state(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rule: Rule,
    *,
    log_decay: Tensor | None = None,
    beta: Tensor | None = None,
    scale: float | None = None,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Reads and writes one position after the other, by one of four rules (ONNX, operator LinearAttention).

    Args:
        rule: "linear", "gated", "delta" or "gated delta".
        log_decay: log α (batch, kv_heads, positions), or (batch, kv_heads, positions, dim) for a gate of each channel: for the
            rules that are gated, and for no other.
        beta: β (batch, kv_heads, positions), from 0 to 2; the keys then have length 1: for the delta rules, and for no other.
        scale: what outputs are multiplied with, above 0; by default 1/√dim.
        state: what earlier positions left, (batch, kv_heads, dim, value_dim); nothing if None.

    Returns:
        The output, and the state (batch, kv_heads, dim, value_dim) after the last position.

    Example:
        Two writes at one key: the sum of them, or the last of them.

        >>> key, value = torch.ones(2, 1), torch.tensor([[3.0], [5.0]])
        >>> updated_state(key, key, value, "linear")[0].flatten()
        tensor([3., 8.])
        >>> updated_state(key, key, value, "delta", beta=torch.ones(2))[0].flatten()
        tensor([3., 5.])
    """
    one_of("rule", rule, ("linear", "gated", "delta", "gated delta"))
    _check_given(rule, log_decay, beta)
    q, _, _ = recurrent_inputs.prepare_steps(query, key, value)
    k, v = (inputs.widen(tensor).to(q) for tensor in (key, value))  # (batch, kv_heads, positions, dim or value_dim)
    scale = number("scale", 1 / math.sqrt(q.shape[3]) if scale is None else scale, above=0)
    decay = strength = None
    if log_decay is not None:
        inputs.check_floats("log_decay", log_decay)
        by_channel = log_decay.ndim == key.ndim
        decay = (recurrent_inputs.decay_of_channels if by_channel else recurrent_inputs.decay_of_steps)(log_decay, k)
    if beta is not None:
        strength = recurrent_inputs.for_each_step("beta", beta, k)  # (batch, kv_heads, positions, 1)
        recurrent_inputs.check_beta(beta)
        recurrent_inputs.check_unit_keys(key)
    group = q.shape[1] // k.shape[1]

    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        batch, kv_heads, positions, dim = k.shape
        state = recurrent_inputs.starting_state(state, batch, kv_heads, dim, v.shape[3], like=q)
        outputs = []
        for t in range(positions):
            q_t, k_t, v_t = (x[:, :, t : t + 1] for x in (q, k, v))
            if decay is not None:
                state = decay[:, :, t : t + 1].mT.exp() * state  # (batch, kv_heads, dim, value_dim)
            if strength is not None:
                v_t = strength[:, :, t : t + 1] * (v_t - k_t @ state)  # (batch, kv_heads, 1, value_dim)
            state = state + k_t.mT @ v_t
            outputs.append(scale * (q_t @ state.repeat_interleave(group, dim=1)))  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def _check_given(rule: str, log_decay: Tensor | None, beta: Tensor | None) -> None:
    for name, given, wanted in (("log_decay", log_decay, "gated" in rule), ("beta", beta, "delta" in rule)):
        if (given is not None) != wanted:
            raise OptionError(
                f"expected {name} with the rules that read it and with no other, got the rule {rule!r} "
                f"{'without' if wanted else 'with'} {name}"
            )
