"""Rotary positions for longer texts than those of training: how fast each pair of channels turns, changed after training.

A pair of channels turns by ω_c a position, with ω_c = base^(−2c/dim): the first pairs are fast, the last ones so slow that they
have not gone once around in all of the training text. Beyond its length they reach angles that the model has never seen. For
texts ``factor`` times as long:

    interpolated   ω_c / factor                        all pairs slower: no new angle, but neighbours are hard to tell apart
    NTK-aware      base grown so that the last pair is slower by factor, and the first stays as it is
    by parts       fast pairs as they are, slow ones / factor, a ramp between (YaRN, Llama 3.1)

The functions give ω, (dim/2,) in float64; `rotary_at` turns queries and keys by it. Half-split pairs, as in `rotary_half`.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from regard.arguments import MOST, number, one_of, whole_number
from regard.errors import OptionError
from regard.mechanisms import inputs
from regard.mechanisms.positions.rotary import turned

Ramp = Literal["channels", "turns"]


def rotary_at(x: Tensor, frequencies: Tensor, *, start: int = 0) -> Tensor:
    """Rotary positions of given speeds: channels (c, c + dim/2) are turned by p · ω_c at position p (Su et al. 2021).

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two.
        frequencies: ω, (pairs,), of at most dim/2 pairs; channels beyond these pairs stay as they are.
        start: position of the first row.

    Returns:
        As x.

    Example:
        >>> from regard.mechanisms.positions.rotary import rotary_half
        >>> x = torch.randn(5, 8)
        >>> torch.equal(rotary_at(x, rotary_frequencies(8)), rotary_half(x))
        True
    """
    inputs.check_floats("x", x)
    inputs.check_floats("frequencies", frequencies)
    places = torch.arange(x.shape[-2] if x.ndim > 1 else 0, dtype=torch.float64, device=x.device)
    speeds = frequencies.reshape(-1).to(places)  # (pairs,)
    return turned(x, (places + whole_number("start", start, -(2**62), 2**62))[:, None] * speeds)


def rotary_frequencies(dim: int, base: float = 10000.0) -> Tensor:
    """How fast each pair turns: ω_c = base^(−2c/dim), (dim/2,) in float64 (Su et al. 2021, section 3.2.2).

    Args:
        dim: channels that are turned, even.
        base: as in `sinusoids`; above 0.

    Example:
        >>> rotary_frequencies(8)
        tensor([1.0000, 0.1000, 0.0100, 0.0010], dtype=torch.float64)
    """
    dim, base = whole_number("dim", dim, 2, MOST), number("base", base, above=0)
    if dim % 2:
        raise OptionError(f"dim: expected an even number, got {dim}; channels turn in pairs")
    return base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def interpolated_frequencies(dim: int, factor: float, base: float = 10000.0) -> Tensor:
    """Position interpolation: ω_c / factor, as if position p stood at p / factor (Chen et al. 2023, section 2.2).

    Args:
        dim: channels that are turned, even.
        factor: how many times as long the text may be as those of training, their L′ / L; 1 or more.
        base: as in `sinusoids`.

    Example:
        >>> interpolated_frequencies(4, factor=4)
        tensor([0.2500, 0.0025], dtype=torch.float64)
    """
    return rotary_frequencies(dim, base) / number("factor", factor, least=1)


def ntk_frequencies(dim: int, factor: float, base: float = 10000.0) -> Tensor:
    """NTK-aware: (base · factor^(dim/(dim−2)))^(−2c/dim) (bloc97 2023; Peng et al. 2023, section 3.1).

    The slowest pair turns 1/factor as fast, the fastest as before, the others between: no pair loses all of its speed.
    Arguments as in `interpolated_frequencies`; dim is 4 or more.

    Example:
        >>> ntk_frequencies(4, factor=4)
        tensor([1.0000, 0.0025], dtype=torch.float64)
    """
    dim, factor = whole_number("dim", dim, 4), number("factor", factor, least=1)
    return rotary_frequencies(dim, number("base", base, above=0) * factor ** (dim / (dim - 2)))


def yarn_frequencies(
    dim: int,
    factor: float,
    trained: int,
    base: float = 10000.0,
    *,
    slow: float = 1.0,
    fast: float = 32.0,
    ramp: Ramp = "channels",
    whole: bool = True,
) -> Tensor:
    """NTK by parts, the frequencies of YaRN: (1 − γ_c) ω_c / factor + γ_c ω_c (Peng et al. 2023, section 3.2).

    γ is 1 for pairs that go around more than ``fast`` times in a text of training, 0 for those below ``slow`` times, and a
    ramp between. In the paper the ramp is even in the number of turns; in the authors' code, and in models that are
    released with YaRN, in the number of the pair. Llama 3.1 stretches by the paper's ramp, from 1 to 4 turns, without YaRN's
    temperature.

    Args:
        dim: channels that are turned, even.
        factor: how many times as long the text may be, their s; 1 or more.
        trained: the longest text of training, their L.
        base: as in `sinusoids`.
        slow: turns below which a pair is interpolated, their α.
        fast: turns above which it stays as it is, their β; above slow.
        ramp: "channels" (as models run) or "turns" (as the paper has it).
        whole: begin and end a ramp of channels at whole pairs (gpt-oss does not).

    Example:
        >>> rotary_frequencies(8) / yarn_frequencies(8, factor=4, trained=256)
        tensor([1.0000, 1.6000, 4.0000, 4.0000], dtype=torch.float64)
    """
    omega, factor = rotary_frequencies(dim, base), number("factor", factor, least=1)
    trained, slow, fast = (
        whole_number("trained", trained, 1, 2**62),
        number("slow", slow, above=0),
        number("fast", fast, above=0),
    )
    if slow >= fast:
        raise OptionError(f"fast: expected a number above slow={slow:g}, got {fast:g}; fast pairs turn more often")
    if one_of("ramp", ramp, ("channels", "turns")) == "turns":
        turns = trained * omega / (2 * math.pi)  # of each pair in a text of training, (dim/2,)
        kept = ((turns - slow) / (fast - slow)).clamp(0, 1)  # γ
    else:
        first, last = (_pair_of(turns, dim, trained, base) for turns in (fast, slow))
        if whole:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, dim - 1)
        width = last - first if last != first else 0.001  # a ramp of no width is a step
        kept = 1 - ((torch.arange(len(omega), dtype=torch.float64) - first) / width).clamp(0, 1)
    return (1 - kept) * omega / factor + kept * omega


def yarn_temperature(factor: float) -> float:
    """What YaRN multiplies queries and keys with, 0.1 · ln(factor) + 1, and so scores twice (Peng et al. 2023, section 3.4).

    It is their √(1/t). In a text factor times as long a row has more keys to share its weight among, and sharper scores make
    up for that.

    Args:
        factor: as in `yarn_frequencies`.

    Example:
        >>> yarn_temperature(1), round(yarn_temperature(40), 4)
        (1.0, 1.3689)
    """
    return 0.1 * math.log(number("factor", factor, least=1)) + 1


def _pair_of(turns: float, dim: int, trained: int, base: float) -> float:
    """The pair that goes around so many times in a text of training: ω_c · trained = 2π · turns, solved for c."""
    return dim * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(base))
