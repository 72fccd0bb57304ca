"""Rotary positions of what is no line of words: some channels only, rows and columns of a picture, time beside both.

A pair of channels is turned by *a* number. It need not be the place in the text: some pairs may have none, some the row of a
patch and others its column. Half-split pairs, as in `rotary_half`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.arguments import dense_tensor, several, whole_number
from regard.errors import DtypeError, ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.positions.rotary import turned
from regard.mechanisms.positions.stretched_rotary import rotary_at, rotary_frequencies


def partial_rotary(x: Tensor, channels: int, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Only the first ``channels`` are turned, the others know no position (GPT-J 2021; Black et al. 2022, GPT-NeoX).

        R_p turns channels (c, c + channels/2) by p · base^(−2c/channels); those from ``channels`` on stay as they are

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two.
        channels: how many are turned, even and at most dim: a quarter in GPT-NeoX.
        start: position of the first row.
        base: as in `sinusoids`.

    Returns:
        As x.

    Example:
        >>> partial_rotary(torch.ones(2, 4), channels=2)
        tensor([[ 1.0000,  1.0000,  1.0000,  1.0000],
                [-0.3012,  1.3818,  1.0000,  1.0000]])
    """
    inputs.check_floats("x", x)
    channels = whole_number("channels", channels, 2)
    if x.ndim < 2 or channels > x.shape[-1]:
        raise ShapeError(f"expected x (..., positions, dim) with dim at least channels={channels}, got {tuple(x.shape)}")
    return rotary_at(x, rotary_frequencies(channels, base), start=start)


def axial_rotary(x: Tensor, places: Tensor, *, base: float = 10000.0) -> Tensor:
    """Rotary positions in two dimensions: half of the pairs is turned by the row, half by the column (Heo et al. 2024).

        pair c < dim/4 by row · ω_c,  pair dim/4 + c by column · ω_c,  with ω_c = base^(−4c/dim)

    A score then knows how far apart two patches are, down and across. This is the order of channels in the vision towers of
    Qwen2-VL and later; others mix rows and columns channel by channel, the same up to the order of channels.

    Args:
        x: (batch, heads, patches, dim), or with fewer axes before the last two; dim is a multiple of 4.
        places: (patches, 2), row and column of each patch, whole numbers.
        base: as in `sinusoids`; Heo et al. take 100, as a picture has few rows.

    Returns:
        As x.

    Example:
        >>> grid = torch.tensor([[0, 0], [0, 1], [1, 0]])
        >>> axial_rotary(torch.ones(3, 4), grid)
        tensor([[ 1.0000,  1.0000,  1.0000,  1.0000],
                [ 1.0000, -0.3012,  1.0000,  1.3818],
                [-0.3012,  1.0000,  1.3818,  1.0000]])
    """
    inputs.check_floats("x", x)
    if x.ndim < 2 or x.shape[-1] % 4 or 0 in x.shape:
        raise ShapeError(
            f"expected x (..., patches, dim) with dim a multiple of 4, got {tuple(x.shape)}; rows and columns have pairs each"
        )
    where = _places(places, x.shape[-2], 2).to(x.device)
    omega = rotary_frequencies(x.shape[-1] // 2, base).to(x.device)  # (dim/4,)
    return turned(x, (where.double()[:, :, None] * omega).flatten(1))


def multimodal_rotary(x: Tensor, places: Tensor, sections: Sequence[int], *, base: float = 10000.0) -> Tensor:
    """Rotary positions of text, pictures and film in one row (M-RoPE; Wang et al. 2024, Qwen2-VL, section 2.1).

        pair c by place_p[section of c] · ω_c,  with ω_c = base^(−2c/dim): the first pairs by time, then by height, by width

    A word has its place in the text three times, so that between words this is `rotary_half`. The patches of a picture share
    their time, and a row or a column with their neighbours; a text goes on after the largest number that came before.

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two.
        places: (positions, 3), time, height and width, whole numbers; more or fewer axes with as many sections.
        sections: how many pairs each axis turns, 0 or more, dim/2 together: 16, 24 and 24 in Qwen2-VL.
        base: as in `sinusoids`.

    Returns:
        As x.

    Example:
        >>> from regard.mechanisms.positions.rotary import rotary_half
        >>> x, text = torch.randn(5, 8), torch.arange(5)[:, None].expand(5, 3)
        >>> torch.equal(multimodal_rotary(x, text, sections=[2, 1, 1]), rotary_half(x))
        True
    """
    inputs.check_floats("x", x)
    listed = several("sections", sections, "whole numbers, one an axis", advice="for example [16, 24, 24]")
    sizes = [whole_number("sections", size, 0) for size in listed]
    if x.ndim < 2 or 0 in x.shape or 2 * sum(sizes) != x.shape[-1]:
        raise ShapeError(
            f"expected x (..., positions, dim) with dim twice the pairs of all sections, {2 * sum(sizes)}, got {tuple(x.shape)}"
        )
    where = _places(places, x.shape[-2], len(sizes)).to(x.device)
    axis = torch.repeat_interleave(torch.tensor(sizes, device=x.device))  # (dim/2,), which axis turns a pair
    return turned(x, where.double()[:, axis] * rotary_frequencies(x.shape[-1], base).to(x.device))


def _places(places: Tensor, positions: int, axes: int) -> Tensor:
    dense_tensor("places", places)
    if places.dtype == torch.bool or places.is_floating_point() or places.is_complex():
        raise DtypeError(
            f"places: expected a tensor of whole numbers, got {places.dtype}; write torch.as_tensor(places).long()"
        )
    if places.shape != (positions, axes):
        raise ShapeError(f"expected places (positions={positions}, axes={axes}), got {tuple(places.shape)}")
    return places
