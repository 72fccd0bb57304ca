"""Kimi Delta Attention: the delta rule after a gate for each channel (KDA, Kimi Team 2025).

The gated delta rule fades the whole state of a head at one pace. Here each of the dim rows has a gate of its own, as in gated
linear attention, and the correction comes after:

    recurrent   S_t = (I − β_t k_t k_tᵀ) diag(α_t) S_{t−1} + β_t k_t v_tᵀ          output_t = q_tᵀ S_t

One gate for all channels of a head is the gated delta rule; without the correction it is gated linear attention. The other two
forms are those of the gated delta rule, with products in which each channel has faded by itself (`decayed_products`):

    parallel    T = (I + tril(diag(β)(K Kᵀ ⊙ Γ), −1))⁻¹ diag(β),  output = (tril(Q Kᵀ ⊙ Γ) T) V
    chunked     W = T (V − (γ ⊙ K) S), output = (γ ⊙ Q) S + tril(Q Kᵀ ⊙ Γ) W, S ← diag(γ_end) S + (Γ_end ⊙ K)ᵀ W
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.mechanisms.linear import recurrent_inputs
from regard.mechanisms.linear.delta_rule import writes
from regard.mechanisms.linear.gated_linear_attention import decayed_products


def kimi_delta_parallel(query: Tensor, key: Tensor, value: Tensor, beta: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """Kimi Delta Attention with its matrix, tril(Q Kᵀ ⊙ Γ) T, which takes values to outputs (Kimi Team 2025).

    It holds (positions, positions, dim) decays a head, for short texts only. There is no scale: hand in query / √dim.

    Args:
        log_decay: log α (batch, heads, positions, dim), finite and at most 0, or what broadcasts to it.

    Example:
        The second step forgets the first channel; the key of the third step stands in both:

        >>> query = key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
        >>> log_decay = torch.tensor([[0.0, 0.0], [-100.0, 0.0], [0.0, 0.0]])
        >>> output, weights = kimi_delta_parallel(query, key, torch.eye(3), torch.ones(3), log_decay)
        >>> weights
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q, k)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        eye = torch.eye(q.shape[2], dtype=q.dtype, device=q.device).expand(*q.shape[:3], -1)
        written = writes(decayed_products(k, k, decay), eye, strength)  # T, (batch, heads, positions, positions)
        weights = decayed_products(q, k, decay) @ written  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def kimi_delta_recurrent(
    query: Tensor, key: Tensor, value: Tensor, beta: Tensor, log_decay: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One position after the other: S_t = (I − β_t k_t k_tᵀ) diag(α_t) S_{t−1} + β_t k_t v_tᵀ (Kimi Team 2025).

    Args:
        log_decay: as in `kimi_delta_parallel`.

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> output, state = kimi_delta_recurrent(query, key, value, torch.ones(7), -torch.rand(7, 4))
        >>> torch.testing.assert_close(key[6] @ state[0, 0], value[6])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q, k)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t, strength_t, decay_t in zip(*(x.split(1, dim=2) for x in (q, k, v, strength, decay)), strict=True):
            state = decay_t.mT.exp() * state  # (batch, heads, dim, value_dim), each row by its own gate
            written = strength_t * (v_t - k_t @ state)  # (batch, heads, 1, value_dim)
            state = state + k_t.mT @ written  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def kimi_delta_chunked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    beta: Tensor,
    log_decay: Tensor,
    *,
    state: Tensor | None = None,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """`kimi_delta_recurrent` by chunks: a triangular system inside, the state between (Kimi Team 2025).

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> beta, log_decay = torch.rand(7), -torch.rand(7, 4)
        >>> output, _ = kimi_delta_chunked(query, key, value, beta, log_decay, chunk=3)
        >>> torch.testing.assert_close(output, kimi_delta_recurrent(query, key, value, beta, log_decay)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q, k)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c, strength_c, decay_c in zip(
            *(x.split(chunk, dim=2) for x in (q, k, v, strength, decay)), strict=True
        ):
            since = decay_c.cumsum(2)  # from the chunk's start, (batch, heads, chunk, dim)
            later = pad(decay_c[:, :, 1:], (0, 0, 0, 1))  # of the step after; no difference of sums, as in `segment_sums`
            until = later.flip(2).cumsum(2).flip(2)  # to the chunk's end, (batch, heads, chunk, dim)
            missing = v_c - (k_c * since.exp()) @ state  # (batch, heads, chunk, value_dim)
            written = writes(decayed_products(k_c, k_c, decay_c), missing, strength_c)  # (batch, heads, chunk, value_dim)
            outputs.append((q_c * since.exp()) @ state + decayed_products(q_c, k_c, decay_c) @ written)
            state = since[:, :, -1:].mT.exp() * state + (k_c * until.exp()).mT @ written  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def _gates(key: Tensor, beta: Tensor, log_decay: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """β (batch, heads, positions, 1) and log α (batch, heads, positions, dim)."""
    strength = recurrent_inputs.for_each_step("beta", beta, q)
    decay = recurrent_inputs.decay_of_channels(log_decay, k)
    recurrent_inputs.check_beta(beta)
    recurrent_inputs.check_unit_keys(key)
    return strength, decay
