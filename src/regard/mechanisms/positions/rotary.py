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
    _check_pairs(x)
    return turned(x, angles(x.shape[-2], x.shape[-1], start, base, x.device))


def rotary_interleaved(x: Tensor, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Rotary positions, channel 2i paired with channel 2i + 1, as in the paper, GPT-J and Meta's Llama (Su et al. 2021).

    The same as `rotary_half` with the channels in another order, in queries and keys alike: scores are the same when
    the projections are reordered with it. Weights that were trained with one pairing mean nothing with the other.
    Arguments as in `rotary_half`.

    Example:
        >>> rotary_interleaved(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), start=1)
        tensor([[0.5403, 0.8415, 0.9999, 0.0100]])
    """
    _check_pairs(x)
    cos, sin = _turns(x, angles(x.shape[-2], x.shape[-1], start, base, x.device))  # (positions, dim/2) each
    one, other = x.to(cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)  # (batch, heads, positions, dim/2) each
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=-1).flatten(-2).to(x.dtype)


def turned(x: Tensor, by: Tensor) -> Tensor:
    """Pairs of channels turned by given angles: what all rotary positions of half-split pairs come down to.

        (x_i, x_{i+pairs}) turned by the angle by_pi;  channels from 2·pairs on stay as they are

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two.
        by: angles (positions, pairs), of at most dim/2 pairs; float64 where positions are large.

    Example:
        >>> turned(torch.tensor([[1.0, 0.0, 5.0]]), torch.tensor([[torch.pi / 2]])).round()
        tensor([[-0., 1., 5.]])
    """
    inputs.check_computed("x", x)
    inputs.check_computed("by", by)
    if x.ndim < 2 or by.ndim != 2 or by.shape[0] != x.shape[-2] or not 0 < 2 * by.shape[1] <= x.shape[-1]:
        raise ShapeError(
            "expected x (..., positions, dim) and angles (positions, pairs) of at most dim/2 pairs, got "
            f"{tuple(x.shape)} and {tuple(by.shape)}"
        )
    cos, sin = _turns(x, by)  # (positions, pairs) each
    pairs = by.shape[1]
    one, other, rest = x.to(cos.dtype).split([pairs, pairs, x.shape[-1] - 2 * pairs], dim=-1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos, rest], dim=-1).to(x.dtype)


def _check_pairs(x: Tensor) -> None:
    inputs.check_computed("x", x)
    if x.ndim < 2 or x.shape[-1] % 2 or 0 in x.shape:
        raise ShapeError(
            f"expected x (..., positions, dim) with dim even and no size of 0, got {tuple(x.shape)}; it turns pairs"
        )


def _turns(x: Tensor, by: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each row's angles, in the dtype that x is turned in."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    return by.cos().to(wide), by.sin().to(wide)
