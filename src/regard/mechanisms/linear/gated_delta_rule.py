"""The gated delta rule: forget at every step, and correct what is written (Gated DeltaNet, Yang et al. 2024).

The delta rule replaces what a key holds, but clears nothing else: old text stays until its keys come again. A gate α_t, one
number a head, lets the whole state fade first:

    recurrent   S_t = α_t (I − β_t k_t k_tᵀ) S_{t−1} + β_t k_t v_tᵀ          output_t = q_tᵀ S_t
                    = α_t S_{t−1} + β_t k_t (v_t − (α_t S_{t−1})ᵀ k_t)ᵀ

With all gates 1 it is the delta rule; without the correction it is Mamba-2's state. The other two forms are those of the delta
rule with every pair of steps j < i apart by Γ_ij = α_{j+1} … α_i (`segment_sums`), and γ_i = α_1 … α_i since the start:

    parallel    T = (I + tril(diag(β)(K Kᵀ ⊙ Γ), −1))⁻¹ diag(β),  output = (tril(Q Kᵀ ⊙ Γ) T) V
    chunked     W = T (V − γ K S), output = γ Q S + tril(Q Kᵀ ⊙ Γ) W, S ← γ_end S + (Γ_end K)ᵀ W
"""

import torch
from torch import Tensor

from regard.mechanisms.linear import recurrent_inputs
from regard.mechanisms.linear.delta_rule import writes
from regard.mechanisms.linear.state_space_duality import segment_sums


def gated_delta_parallel(query: Tensor, key: Tensor, value: Tensor, beta: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """The gated delta rule with its matrix, tril(Q Kᵀ ⊙ Γ) T, which takes values to outputs (Yang et al. 2024, section 3).

    There is no scale: Qwen3-Next hands in query / √dim.

    Example:
        The same key three times, half forgotten and half replaced at each step:

        >>> query = key = torch.ones(3, 1)
        >>> half = torch.full((3,), 0.5)
        >>> output, weights = gated_delta_parallel(query, key, torch.eye(3), half, half.log())
        >>> weights
        tensor([[0.5000, 0.0000, 0.0000],
                [0.1250, 0.5000, 0.0000],
                [0.0312, 0.1250, 0.5000]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q)  # (batch, heads, positions, 1) each
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        between = segment_sums(decay.squeeze(-1)).exp()  # Γ, (batch, heads, positions, positions)
        eye = torch.eye(q.shape[2], dtype=q.dtype, device=q.device).expand(*q.shape[:3], -1)
        written = writes(k @ k.mT * between, eye, strength)  # T, (batch, heads, positions, positions)
        weights = (q @ k.mT * between).tril() @ written  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def gated_delta_recurrent(
    query: Tensor, key: Tensor, value: Tensor, beta: Tensor, log_decay: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One position after the other: S_t = α_t (I − β_t k_t k_tᵀ) S_{t−1} + β_t k_t v_tᵀ (Yang et al. 2024, section 3).

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> output, state = gated_delta_recurrent(query, key, value, torch.ones(7), torch.full((7,), -0.1))
        >>> torch.testing.assert_close(key[6] @ state[0, 0], value[6])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q)  # (batch, heads, positions, 1) each
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t, strength_t, decay_t in zip(*(x.split(1, dim=2) for x in (q, k, v, strength, decay)), strict=True):
            state = decay_t.exp() * state  # (batch, heads, dim, value_dim)
            written = strength_t * (v_t - k_t @ state)  # (batch, heads, 1, value_dim)
            state = state + k_t.mT @ written  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def gated_delta_chunked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    beta: Tensor,
    log_decay: Tensor,
    *,
    state: Tensor | None = None,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """`gated_delta_recurrent` by chunks: a triangular system inside, the state between (Yang et al. 2024, section 3).

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> beta, log_decay = torch.rand(7), torch.full((7,), -0.1)
        >>> output, _ = gated_delta_chunked(query, key, value, beta, log_decay, chunk=3)
        >>> torch.testing.assert_close(output, gated_delta_recurrent(query, key, value, beta, log_decay)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength, decay = _gates(key, beta, log_decay, q)  # (batch, heads, positions, 1) each
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c, strength_c, decay_c in zip(
            *(x.split(chunk, dim=2) for x in (q, k, v, strength, decay)), strict=True
        ):
            between = segment_sums(decay_c.squeeze(-1)).exp()  # (batch, heads, chunk, chunk)
            since = decay_c.cumsum(2).exp()  # what is left of the state at each step, (batch, heads, chunk, 1)
            until = between[:, :, -1:].mT  # what is left of each step at the chunk's end, (batch, heads, chunk, 1)
            missing = v_c - since * (k_c @ state)  # (batch, heads, chunk, value_dim)
            written = writes(k_c @ k_c.mT * between, missing, strength_c)  # (batch, heads, chunk, value_dim)
            outputs.append(since * (q_c @ state) + (q_c @ k_c.mT * between).tril() @ written)
            state = since[:, :, -1:] * state + (until * k_c).mT @ written  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def _gates(key: Tensor, beta: Tensor, log_decay: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    strength = recurrent_inputs.for_each_step("beta", beta, q)
    decay = recurrent_inputs.decay_of_steps(log_decay, q)
    recurrent_inputs.check_beta(beta)
    recurrent_inputs.check_unit_keys(key)
    return strength, decay
