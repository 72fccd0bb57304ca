"""Rotary positions that fade with distance, each pair of channels at a pace of its own (xPos, Sun et al. 2022).

    score_ij = Σ_c ζ_c^((i−j)/span) · (R_i q_i)_c · (R_j k_j)_c,  j ≤ i

Rotary scores swing for all distances; here the fast pairs, which tell neighbours apart, are gone soon, and what is far is told
by the slow ones alone. Retention is the same with one ζ for all channels of a head, its γ (RetNet, Sun et al. 2023): the
factor then leaves the sum, and stands in the matrix D. So RetNet turns queries and keys plainly, and does not fade them here.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from regard.arguments import number, one_of, whole_number
from regard.errors import OptionError, ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.positions.rotary import rotary_interleaved

Part = Literal["query", "key"]


def xpos_decays(dim: int) -> Tensor:
    """What is left of each pair of channels after ``span`` positions: ζ_c = (2c/dim + 0.4) / 1.4 (Sun et al. 2022).

    Args:
        dim: channels that are turned, even.

    Returns:
        (dim/2,) in float64: the fastest pair fades most.

    Example:
        >>> xpos_decays(4)
        tensor([0.2857, 0.6429], dtype=torch.float64)
    """
    dim = whole_number("dim", dim, 2, room=inputs.MOST_FEATURES)
    if dim % 2:
        raise OptionError(f"dim: expected an even number, got {dim}; pairs of channels are turned")
    return (torch.arange(0, dim, 2, dtype=torch.float64) / dim + 0.4) / 1.4


def xpos(
    x: Tensor,
    part: Part,
    *,
    start: int = 0,
    base: float = 10000.0,
    span: float = 512.0,
    decays: Tensor | None = None,
) -> Tensor:
    """Queries or keys as xPos has them: turned as by `rotary_interleaved`, then · ζ_c^(p/span), keys · ζ_c^(−p/span).

    Scores depend on i − j alone, so both may be counted from any place: from the middle of a long text (``start`` below 0),
    as keys grow without bound. Ahead of a query weights would grow: attend with ``causal=True``.

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two; dim is even.
        part: "query" or "key": which of the two x is.
        start: position of the first row.
        base: as in `sinusoids`.
        span: after how many positions ζ is left; scale_base in the authors' code.
        decays: ζ, (dim/2,), above 0 and at most 1; `xpos_decays` if None.

    Returns:
        As x.

    Raises:
        OptionError: positions so far from 0 that a factor is no number of this dtype.

    Example:
        >>> ones = torch.ones(3, 2)
        >>> scores = xpos(ones, "query", base=1e30, span=1) @ xpos(ones, "key", base=1e30, span=1).mT
        >>> scores[2] / scores[0, 0]  # the angle of the only pair is p; its decay is 0.4 / 1.4
        tensor([-0.0340,  0.1544,  1.0000])
    """
    turned = rotary_interleaved(x, start=start, base=base)
    part, span = one_of("part", part, ("query", "key")), number("span", span, above=0)
    zeta = xpos_decays(x.shape[-1]) if decays is None else decays
    inputs.check_floats("decays", zeta)
    if zeta.shape != (x.shape[-1] // 2,):
        raise ShapeError(f"expected decays (dim/2,)=({x.shape[-1] // 2},), got {tuple(zeta.shape)}; give one a pair")
    if not bool(((zeta > 0) & (zeta <= 1)).all()):
        raise OptionError(
            "decays: expected factors above 0 and at most 1, got others; they are what is left after span positions"
        )
    place = torch.arange(x.shape[-2], dtype=torch.float64, device=x.device) + start  # (positions,)
    power = place[:, None] / span * zeta.to(place).log()  # (positions, dim/2)
    power = power if part == "query" else -power
    largest = float(power.detach().max())
    if largest > math.log(torch.finfo(x.dtype).max):
        raise OptionError(
            f"expected positions near enough to 0 that factors are numbers of {x.dtype}, got e^{largest:.0f} for those from "
            f"{start} to {start + x.shape[-2] - 1} and span={span:g}; count queries and keys from the middle of the text"
        )
    faded: Tensor = turned.double() * power.exp().repeat_interleave(2, dim=-1)
    return faded.to(x.dtype)
