"""Gated linear attention: the token decides what is forgotten, channel by channel (Yang et al. 2023).

Retention forgets everything at one pace. Here each step has a gate α_t for each of the dim rows of the state, computed from
the token: a sentence's end may clear some rows and keep others.

    recurrent   S_t = diag(α_t) S_{t−1} + k_t v_tᵀ,  output_t = q_tᵀ S_t
    parallel    A_ij = Σ_d q_id k_jd Π_{j<l≤i} α_ld  where i ≥ j, else 0
    chunked     the parallel form inside of a chunk, the recurrent one between chunks

Gates come as logarithms: a product over many of them is 0 before one has multiplied twice, a sum of logarithms is not. For
the same reason A is not computed as (Q ⊙ B)(K / B)ᵀ with B the products from the start, as one might read it: B is 0 soon.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.mechanisms.linear import recurrent_inputs
from regard.mechanisms.linear.state_space_duality import segment_sums


def gated_linear_parallel(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """Gated linear attention with its matrix, A_ij = Σ_d q_id k_jd Π_{j<l≤i} α_ld (Yang et al. 2023, section 4).

    It holds (positions, positions, dim) decays a head, for short texts only. There is no scale: hand in query / √dim.

    Example:
        The second step forgets the first channel and keeps the other:

        >>> query = key = torch.ones(2, 2)
        >>> output, weights = gated_linear_parallel(query, key, torch.eye(2), torch.tensor([[0.0, 0.0], [-100.0, 0.0]]))
        >>> weights
        tensor([[2., 0.],
                [1., 2.]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_channels(log_decay, k)  # (batch, heads, positions, dim)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        weights = decayed_products(q, k, decay)  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def gated_linear_recurrent(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One position after the other: S_t = diag(α_t) S_{t−1} + k_t v_tᵀ, output_t = q_tᵀ S_t (Yang et al. 2023, section 4).

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, state = gated_linear_recurrent(query, key, value, torch.randn(7, 4).sigmoid().log())
        >>> output.shape, state.shape
        (torch.Size([7, 4]), torch.Size([1, 1, 4, 4]))
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_channels(log_decay, k)  # (batch, heads, positions, dim)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t, decay_t in zip(*(x.split(1, dim=2) for x in (q, k, v, decay)), strict=True):
            state = decay_t.mT.exp() * state + k_t.mT @ v_t  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def gated_linear_chunked(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, *, state: Tensor | None = None, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """`gated_linear_recurrent` by chunks: matrices inside, the state between (Yang et al. 2023, section 4).

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> log_decay = torch.randn(7, 4).sigmoid().log()
        >>> output, _ = gated_linear_chunked(query, key, value, log_decay, chunk=3)
        >>> torch.testing.assert_close(output, gated_linear_recurrent(query, key, value, log_decay)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    decay = recurrent_inputs.decay_of_channels(log_decay, k)  # (batch, heads, positions, dim)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c, decay_c in zip(*(x.split(chunk, dim=2) for x in (q, k, v, decay)), strict=True):
            since = decay_c.cumsum(2)  # from the chunk's start, (batch, heads, chunk, dim)
            later = pad(decay_c[:, :, 1:], (0, 0, 0, 1))  # of the step after; no difference of sums, as in `segment_sums`
            until = later.flip(2).cumsum(2).flip(2)  # to the chunk's end, (batch, heads, chunk, dim)
            scores = decayed_products(q_c, k_c, decay_c)  # (batch, heads, chunk, chunk)
            outputs.append(scores @ v_c + (q_c * since.exp()) @ state)  # (batch, heads, chunk, value_dim)
            whole = since[:, :, -1:].mT.exp()  # (batch, heads, dim, 1)
            state = whole * state + (k_c * until.exp()).mT @ v_c  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def decayed_products(q: Tensor, k: Tensor, decay: Tensor) -> Tensor:
    """Products of pairs with what is left of each channel between them: Σ_d q_id k_jd Π_{j<l≤i} α_ld where i ≥ j, else 0.

    From (batch, heads, positions, dim) of queries, keys and log α to (batch, heads, positions, positions).

    Example:
        >>> one = torch.ones(1, 1, 3, 2)
        >>> decayed_products(one, one, one * torch.tensor([0.0, -100.0]))
        tensor([[[[2., 0., 0.],
                  [1., 2., 0.],
                  [1., 1., 2.]]]])
    """
    between = segment_sums(decay.mT).exp()  # (batch, heads, dim, positions, positions)
    return torch.einsum("bhid,bhjd,bhdij->bhij", q, k, between).tril()
