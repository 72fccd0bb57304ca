"""The delta rule: a state that corrects itself in place of piling up (Schlag et al. 2021).

Linear attention adds every value to the state, and what two keys have in common is mixed for good. The delta rule looks first:
it reads what the state holds at a key, and writes the difference to the value that should be there.

    recurrent   read_t = S_{t−1}ᵀ k_t          S_t = S_{t−1} + β_t k_t (v_t − read_t)ᵀ          output_t = q_tᵀ S_t

This is a step of gradient descent on ½‖Sᵀ k_t − v_t‖² with rate β_t. Keys have length 1; then β = 0 writes nothing, and after
β = 1 the state holds exactly v_t at k_t.

Each write depends on all earlier ones, so it seems that only a loop can do it. But what is written, w_t = β_t (v_t − read_t),
solves a triangular system, and then the output is a plain causal sum over w (Yang et al. 2024, section 3):

    (I + tril(diag(β) K Kᵀ, −1)) W = diag(β) V,  that is  W = T V          the UT transform
    parallel    output = (tril(Q Kᵀ) T) V
    chunked     W = T (V − K S), output = Q S + tril(Q Kᵀ) W, S ← S + Kᵀ W
"""

import torch
from torch import Tensor

from regard.mechanisms.linear import recurrent_inputs


def delta_rule_parallel(query: Tensor, key: Tensor, value: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """The delta rule with its matrix, tril(Q Kᵀ) T (Yang et al. 2024, section 3).

    T = (I + tril(diag(β) K Kᵀ, −1))⁻¹ diag(β) takes values to what is written, row by row.

    The matrix takes values to outputs exactly, though each write depends on earlier ones: a write is linear in the values.
    It may be negative: a later key takes back what an earlier one wrote. There is no scale.

    Example:
        The same key a second time: its new value replaces the old one.

        >>> query = key = torch.ones(3, 1)
        >>> output, weights = delta_rule_parallel(query, key, torch.eye(3), torch.tensor([1.0, 1.0, 0.5]))
        >>> weights
        tensor([[1.0000, 0.0000, 0.0000],
                [0.0000, 1.0000, 0.0000],
                [0.0000, 0.5000, 0.5000]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength = _strength(key, beta, q)  # (batch, heads, positions, 1)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        eye = torch.eye(q.shape[2], dtype=q.dtype, device=q.device).expand(*q.shape[:3], -1)
        written = writes(k @ k.mT, eye, strength)  # T, (batch, heads, positions, positions)
        weights = (q @ k.mT).tril() @ written  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def delta_rule_recurrent(
    query: Tensor, key: Tensor, value: Tensor, beta: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One position after the other: S_t = S_{t−1} + β_t k_t (v_t − S_{t−1}ᵀ k_t)ᵀ, output_t = q_tᵀ S_t (Schlag et al. 2021).

    Their W is our Sᵀ, and their keys and queries are features φ(k), φ(q): map them before. They divide a key by its sum; here
    it is divided by its length, as in all later models.

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> output, state = delta_rule_recurrent(query, key, value, torch.ones(7))
        >>> torch.testing.assert_close(key[6] @ state[0, 0], value[6])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength = _strength(key, beta, q)  # (batch, heads, positions, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t, strength_t in zip(*(x.split(1, dim=2) for x in (q, k, v, strength)), strict=True):
            written = strength_t * (v_t - k_t @ state)  # (batch, heads, 1, value_dim)
            state = state + k_t.mT @ written  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def delta_rule_chunked(
    query: Tensor, key: Tensor, value: Tensor, beta: Tensor, *, state: Tensor | None = None, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """`delta_rule_recurrent` by chunks: a triangular system inside, the state between (Yang et al. 2024, section 3).

    Example:
        >>> query, key, value = torch.nn.functional.normalize(torch.randn(3, 7, 4), dim=-1).unbind()
        >>> output, _ = delta_rule_chunked(query, key, value, torch.ones(7), chunk=3)
        >>> torch.testing.assert_close(output, delta_rule_recurrent(query, key, value, torch.ones(7))[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    strength = _strength(key, beta, q)  # (batch, heads, positions, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c, strength_c in zip(*(x.split(chunk, dim=2) for x in (q, k, v, strength)), strict=True):
            written = writes(k_c @ k_c.mT, v_c - k_c @ state, strength_c)  # (batch, heads, chunk, value_dim)
            outputs.append(q_c @ state + (q_c @ k_c.mT).tril() @ written)  # (batch, heads, chunk, value_dim)
            state = state + k_c.mT @ written  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def writes(overlaps: Tensor, wanted: Tensor, strength: Tensor) -> Tensor:
    """What is written at each step, W = T · wanted: each write takes off what is left of earlier writes at its key.

    Args:
        overlaps: (batch, heads, positions, positions), K Kᵀ, times the decays between steps where there are gates.
        wanted: (batch, heads, positions, value_dim), what should stand at each key; W has its shape.
        strength: (batch, heads, positions, 1), β.

    Example:
        The same key twice: the second write finds what the first has written, and has nothing to add.

        >>> writes(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 1), torch.ones(1, 1, 2, 1)).flatten()
        tensor([1., 0.])
    """
    earlier = (strength * overlaps).tril(-1)  # (batch, heads, positions, positions)
    written: Tensor = torch.linalg.solve_triangular(earlier, strength * wanted, upper=False, unitriangular=True)
    return written


def _strength(key: Tensor, beta: Tensor, q: Tensor) -> Tensor:
    strength = recurrent_inputs.for_each_step("beta", beta, q)
    recurrent_inputs.check_beta(beta)
    recurrent_inputs.check_unit_keys(key)
    return strength
