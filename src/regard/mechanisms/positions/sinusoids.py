"""Positions in the vectors: a table of sines and cosines that is added to the inputs."""

import torch
from torch import Tensor

from regard.arguments import MOST, checked_device, number, whole_number
from regard.errors import OptionError
from regard.mechanisms import inputs


def sinusoids(
    length: int,
    dim: int,
    *,
    start: int = 0,
    base: float = 10000.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """A vector for each position: sines and cosines of geometric wavelengths (Vaswani et al. 2017, section 3.5).

        row p:  sin(p · ω_0), cos(p · ω_0), sin(p · ω_1), cos(p · ω_1) ...  with ω_i = base^(−2i / dim)

    It is added to the embeddings before the first layer. Row p + s is row p with each pair turned by s · ω_i: a linear
    map that does not depend on p. Some models keep all sines before all cosines: the same up to the order of channels.

    Args:
        length: how many positions; the table is (length, dim).
        dim: features of a vector, even; their d_model.
        start: the first position.
        base: above 0; wavelengths go from 2π to nearly base · 2π.
        dtype: of the table. It is computed in float64 and rounded once.
        device: where the table is made.

    Example:
        >>> sinusoids(2, 4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    inputs.check_float_dtype("dtype", dtype)
    turns = angles(length, dim, start, base, device)  # (length, dim/2)
    return torch.stack([turns.sin(), turns.cos()], dim=-1).flatten(-2).to(dtype)  # (length, dim)


def angles(length: int, dim: int, start: int, base: float, device: torch.device | str | None) -> Tensor:
    """Positions · base^(−2i / dim) in float64: at position 100,000 a float32 angle would be up to 0.004 off."""
    base = number("base", base, above=0)
    start, length = whole_number("start", start), whole_number("length", length, 1, room=MOST)
    dim = whole_number("dim", dim, 1, room=inputs.MOST_FEATURES)
    device = None if device is None else checked_device(device)
    if abs(start) > 2**53:
        raise OptionError(f"start: expected a position up to 2**53, which float64 tells from its neighbours, got {start}")
    if dim % 2:
        raise OptionError(f"dim: expected an even number, got {dim}; a sine and a cosine share a wavelength")
    positions = torch.arange(start, start + length, dtype=torch.float64, device=device)
    frequencies = base ** (-torch.arange(0, dim, 2, dtype=torch.float64, device=device) / dim)  # (dim/2,)
    return positions[:, None] * frequencies  # (length, dim/2)
