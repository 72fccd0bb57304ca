"""Retention: linear attention that forgets at a fixed pace, a pace for each head (RetNet, Sun et al. 2023).

Without a normaliser, and with a factor γ < 1 at every step, the state is a leaky sum of keys and values. What is left of a
key after n steps is γⁿ of it, so the same layer is a matrix with a fixed decay away from the diagonal:

    recurrent   S_t = γ S_{t−1} + k_t v_tᵀ,  output_t = q_tᵀ S_t                        equation 6
    parallel    output = (Q Kᵀ ⊙ D) V,  D_ij = γ^(i−j) where i ≥ j, else 0             equation 5
    chunked     the parallel form inside of a chunk, the recurrent one between chunks  equation 7

RetNet rotates queries and keys by their positions first, which together with D is xPos of one decay for all channels of a head
(see `xpos`), and normalises and gates each head after; both are left out here: `retention_layer` has them. Lightning attention
(MiniMax-01) is retention with other decays.
"""

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import OptionError, ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.linear import recurrent_inputs


def retention_decays(heads: int) -> Tensor:
    """The decays of RetNet, γ_h = 1 − 2^(−5−h): from 31/32 on, each head remembers twice as long (equation 8).

    Returns:
        (heads,) in float64: in float32 the 21st head would have a decay of exactly 1. From the 49th on float64 has too.

    Example:
        >>> retention_decays(3)
        tensor([0.9688, 0.9844, 0.9922], dtype=torch.float64)
    """
    heads = whole_number("heads", heads, 1, room=inputs.MOST_FEATURES)
    return 1 - 2.0 ** (-5 - torch.arange(heads, dtype=torch.float64))


def retention_parallel(query: Tensor, key: Tensor, value: Tensor, decay: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Retention with its matrix, (Q Kᵀ ⊙ D) with D_ij = γ^(i−j) where i ≥ j (Sun et al. 2023, equation 5).

    The matrix is no set of shares: it may be negative, and its rows sum to anything. There is no scale: RetNet hands in
    key / √dim.

    Args:
        decay: γ, (heads,), above 0 and at most 1; `retention_decays` if None.

    Example:
        >>> query = key = torch.ones(3, 1)
        >>> output, weights = retention_parallel(query, key, torch.eye(3), torch.tensor([0.5]))
        >>> weights
        tensor([[1.0000, 0.0000, 0.0000],
                [0.5000, 1.0000, 0.0000],
                [0.2500, 0.5000, 1.0000]])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    log_gamma = _log_decays(decay, q)  # (heads, 1, 1)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        weights = (q @ k.mT * _between(log_gamma, q.shape[2])).tril()  # (batch, heads, positions, positions)
        output = weights @ v  # (batch, heads, positions, value_dim)
    return recurrent_inputs.restore(output, query, value.dtype), recurrent_inputs.restore(weights, query, weights.dtype)


def retention_recurrent(
    query: Tensor, key: Tensor, value: Tensor, decay: Tensor | None = None, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Retention one position after the other: S_t = γ S_{t−1} + k_t v_tᵀ, output_t = q_tᵀ S_t (Sun et al. 2023, equation 6).

    Args:
        decay: γ, (heads,), above 0 and at most 1; `retention_decays` if None.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> whole, _ = retention_recurrent(query, key, value)
        >>> _, state = retention_recurrent(query[:6], key[:6], value[:6])
        >>> last, _ = retention_recurrent(query[6:], key[6:], value[6:], state=state)
        >>> torch.testing.assert_close(last, whole[6:])
    """
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    log_gamma = _log_decays(decay, q)  # (heads, 1, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_t, k_t, v_t in zip(q.split(1, dim=2), k.split(1, dim=2), v.split(1, dim=2), strict=True):
            state = log_gamma.exp() * state + k_t.mT @ v_t  # (batch, heads, dim, value_dim)
            outputs.append(q_t @ state)  # (batch, heads, 1, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def retention_chunked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor | None = None,
    *,
    state: Tensor | None = None,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """`retention_recurrent` by chunks: matrices inside, the state between (Sun et al. 2023, equation 7).

    Their R is our state, their ξ our since, their ζ our until, their B our chunk.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, _ = retention_chunked(query, key, value, chunk=3)
        >>> torch.testing.assert_close(output, retention_recurrent(query, key, value)[0])
    """
    chunk = recurrent_inputs.check_chunk(chunk)
    q, k, v = recurrent_inputs.prepare_steps(query, key, value)
    log_gamma = _log_decays(decay, q)  # (heads, 1, 1)
    (batch, heads, _, dim), value_dim = q.shape, v.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        state = recurrent_inputs.starting_state(state, batch, heads, dim, value_dim, like=q)
        outputs = []
        for q_c, k_c, v_c in zip(q.split(chunk, dim=2), k.split(chunk, dim=2), v.split(chunk, dim=2), strict=True):
            length = q_c.shape[2]
            step = torch.arange(length, device=q.device)[:, None]  # (length, 1)
            since = (log_gamma * (step + 1)).exp()  # γ^(i+1), what is left of the state at each step, (heads, length, 1)
            until = (log_gamma * (length - 1 - step)).exp()  # what is left of each step at the chunk's end, (heads, length, 1)
            scores = (q_c @ k_c.mT * _between(log_gamma, length)).tril()  # (batch, heads, length, length)
            outputs.append(scores @ v_c + since * (q_c @ state))  # (batch, heads, length, value_dim)
            state = since[:, -1:] * state + (until * k_c).mT @ v_c  # (batch, heads, dim, value_dim)
    return recurrent_inputs.restore(torch.cat(outputs, dim=2), query, value.dtype), state


def _between(log_gamma: Tensor, length: int) -> Tensor:
    """γ^(i−j) below the diagonal and on it, (heads, length, length)."""
    step = torch.arange(length, device=log_gamma.device)
    return (log_gamma * (step[:, None] - step).clamp(min=0)).exp()  # the caller cuts the future: it would overflow there


def _log_decays(decay: Tensor | None, q: Tensor) -> Tensor:
    heads = q.shape[1]
    if decay is None:
        # log(1 − x), and not the logarithm of retention_decays: from the 49th head on they are 1.
        return torch.log1p(-(2.0 ** (-5 - torch.arange(heads, dtype=torch.float64)))).to(q)[:, None, None]
    inputs.check_floats("decay", decay)
    if decay.shape != (heads,):
        raise ShapeError(f"expected decay (heads,)=({heads},), got {tuple(decay.shape)}; give one factor a query head")
    broken = ~((decay > 0) & (decay <= 1))
    if bool(broken.any()):
        head = int(broken.nonzero()[0])
        raise OptionError(
            f"decay: expected factors above 0 and at most 1, what the state keeps at each step, got {decay[head].item()} at "
            f"head {head}; write decay.exp() if these are logarithms"
        )
    exact = decay.to(torch.promote_types(decay.dtype, torch.float32))
    return exact.log().to(q)[:, None, None]  # (heads, 1, 1); γ itself, above 1 − 2⁻²⁵, would round to 1 in float32
