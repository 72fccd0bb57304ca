"""Positions in queries and keys: both are turned by an angle for each position, before `attention`."""

import torch
from torch import Tensor

from regard.errors import ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.positions.sinusoids import angles


def rotary_half(x: Tensor, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Rotary positions, channel i paired with channel i + dim/2, as in GPT-NeoX, and Llama in Transformers (Su et al. 2021).

        (x_i, x_{i+dim/2}) turned by the angle p · ω_i,  with ω_i = base^(−2i / dim), at position p

    Queries and keys are turned, values are not. Their score knows positions by the difference alone: (R_i q) · (R_j k) =
    q · R_{j−i} k. A cache keeps keys as they were turned; a new row only needs its ``start``.

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two; dim is even.
        start: position of the first row.
        base: as in `sinusoids`; larger ones for longer texts (500,000 in Llama 3).

    Returns:
        As x. Half precision is turned in float32, by angles in float64.

    Example:
        >>> rotary_half(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor([[1.0000, 0.0000],
                [0.5403, 0.8415]])
    """
    cos, sin = _turns(x, start, base)  # (positions, dim/2) each
    one, other = x.to(cos.dtype).chunk(2, dim=-1)  # (batch, heads, positions, dim/2) each
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1).to(x.dtype)


def rotary_interleaved(x: Tensor, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Rotary positions, channel 2i paired with channel 2i + 1, as in the paper, GPT-J and Meta's Llama (Su et al. 2021).

    The same as `rotary_half` with the channels in another order, in queries and keys alike: scores are the same when
    the projections are reordered with it. Weights that were trained with one pairing mean nothing with the other.
    Arguments as in `rotary_half`.

    Example:
        >>> rotary_interleaved(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), start=1)
        tensor([[0.5403, 0.8415, 0.9999, 0.0100]])
    """
    cos, sin = _turns(x, start, base)  # (positions, dim/2) each
    one, other = x.to(cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)  # (batch, heads, positions, dim/2) each
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=-1).flatten(-2).to(x.dtype)


def _turns(x: Tensor, start: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each row's angles, in the dtype that x is turned in."""
    inputs.check_floats("x", x)
    if x.ndim < 2 or x.shape[-1] % 2 or 0 in x.shape:
        raise ShapeError(
            f"expected x (..., positions, dim) with dim even and no size of 0, got {tuple(x.shape)}; it turns pairs"
        )
    turned = angles(x.shape[-2], x.shape[-1], start, base, x.device)  # (positions, dim/2)
    wide = torch.promote_types(x.dtype, torch.float32)
    return turned.cos().to(wide), turned.sin().to(wide)
