"""State space duality: Mamba-2's recurrence is a masked attention without softmax (Dao & Gu 2024).

A state space model with a scalar decay a_t for each step reads its input x into a state by B, and out of it by C:

    recurrent   h_t = a_t h_{t−1} + B_t x_tᵀ,  y_t = C_tᵀ h_t
    parallel    Y = (L ∘ C Bᵀ) X,  L_ij = a_i a_{i−1} … a_{j+1}  where i ≥ j, else 0

With C as queries, B as keys and X as values this is linear attention with a mask L that decays by content. L is
1-semiseparable: every block below the diagonal has rank 1, so a state can carry it, and both forms are the same matrix.

The logarithms of L are sums over segments, log a_{j+1} + … + log a_i. `segment_sums` has them all; every mechanism with
gates uses it.
"""

import math

import torch
from torch import Tensor

from regard.errors import ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.linear import recurrent_inputs


def segment_sums(steps: Tensor) -> Tensor:
    """All sums steps_{j+1} + … + steps_i, −∞ where i < j: the logarithm of L (Dao & Gu 2024, section 6, segsum).

    From (…, positions) to (…, positions, positions), with 0 on the diagonal.

    Example:
        >>> segment_sums(torch.tensor([1.0, 2.0, 3.0]))
        tensor([[0., -inf, -inf],
                [2., 0., -inf],
                [5., 3., 0.]])
    """
    inputs.check_computed("steps", steps)
    if steps.ndim == 0:
        raise ShapeError("expected steps (…, positions), got ()")
    length = steps.shape[-1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=steps.device).tril(-1)  # row i, column j < i
    rows = steps.unsqueeze(-1).expand(*steps.shape, length)  # (…, positions, positions), row i is steps_i
    # Not cumsum_i − cumsum_j: in a long text both are large, and their difference is what rounding left.
    sums = rows.masked_fill(~earlier, 0).cumsum(-2)
    return sums.masked_fill(earlier.mT, -math.inf)


def state_space_parallel(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """The quadratic form of Mamba-2 with its matrix, L ∘ (C Bᵀ) (Dao & Gu 2024, section 5).

    Their C is our query, their B our key, their X our value, their log a our log_decay, their state size N our dim. In Mamba-2
    X and log a have been multiplied with the step size Δ. There is no scale.

    Example:
        >>> query = key = torch.ones(3, 1)
        >>> output, weights = state_space_parallel(query, key, torch.eye(3), torch.tensor([1.0, 0.5, 0.1]).log())
        >>> weights
        tensor([[1.0000, 0.0000, 0.0000],
                [0.5000, 1.0000, 0.0000],
                [0.0500, 0.1000, 1.0000]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_steps(log_decay, q)  # (batch, heads, positions, 1)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        between = segment_sums(decay.squeeze(-1)).exp()  # L, (batch, heads, positions, positions)
        weights = (between * (q @ k.mT)).tril()  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def state_space_recurrent(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The linear form of Mamba-2, h_t = a_t h_{t−1} + B_t x_tᵀ, y_t = C_tᵀ h_t (Dao & Gu 2024, section 2).

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> log_decay = torch.rand(7).log()
        >>> output, state = state_space_recurrent(query, key, value, log_decay)
        >>> torch.testing.assert_close(output, state_space_parallel(query, key, value, log_decay)[0])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_steps(log_decay, q)  # (batch, heads, positions, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t, decay_t in zip(*(x.split(1, dim=2) for x in (q, k, v, decay)), strict=True):
            state = decay_t.exp() * state + k_t.mT @ v_t  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def state_space_chunked(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, *, state: Tensor | None = None, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """`state_space_recurrent` by chunks: diagonal blocks of L as matrices, the rest through the state (section 6).

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> log_decay = torch.rand(7).log()
        >>> output, _ = state_space_chunked(query, key, value, log_decay, chunk=3)
        >>> torch.testing.assert_close(output, state_space_recurrent(query, key, value, log_decay)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_steps(log_decay, q)  # (batch, heads, positions, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c, decay_c in zip(*(x.split(chunk, dim=2) for x in (q, k, v, decay)), strict=True):
            between = segment_sums(decay_c.squeeze(-1)).exp()  # (batch, heads, chunk, chunk)
            since = decay_c.cumsum(2).exp()  # what is left of the state at each step, (batch, heads, chunk, 1)
            until = between[:, :, -1:].mT  # what is left of each step at the chunk's end, (batch, heads, chunk, 1)
            scores = (between * (q_c @ k_c.mT)).tril()  # (batch, heads, chunk, chunk)
            outputs.append(scores @ v_c + since * (q_c @ state))  # (batch, heads, chunk, value_dim)
            state = since[:, :, -1:] * state + (until * k_c).mT @ v_c  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state
