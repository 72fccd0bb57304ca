"""In what precision scores are computed: as a bound of them asks.

A float32 product of vectors of ``dim`` numbers is off by some 0.2·√dim·2⁻²⁴ of what their norms allow, a weight by as
much as its score. So whole rows, divided by their own sums, are computed in float32 while scale·‖q‖·‖k‖·√dim is small;
then with the mean key taken out of the keys, which adds one number to all scores of a row; then in double precision. What meets
other reads of its row (a tile, a denominator) is in double precision always, as both must come from one rounding. Where even
that is coarse, products are summed in one order, so that a score is the same number in whatever company it is computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.positions import Positions, positions_of, take

FINE = 384.0
"""Size of scores (``sizes``) up to which float32 gives weights within 1e-5, by six standard deviations where two keys tie:
scores of 48 at 64 numbers a vector."""

FAR = 2.0**31
"""Size up to which double precision gives the same score within 1e-6, however it is computed."""


class Rounding(NamedTuple):
    """How the scores of some rows of one head are computed."""

    dtype: torch.dtype
    mean: Tensor | None = None  #: (dim,): what is taken out of the keys
    alike: bool = False  #: whether each score is the same to the last bit in whatever company it is computed


def rounding(factors: Factors, batch: int, head: int, rows: Positions, *, whole: bool) -> Rounding:
    """Of some rows of one head; ``whole`` where they are divided by their own sums, and meet no other read."""
    places = range(batch, batch + 1), range(head, head + 1), rows  # ranges are read without a copy
    wide = wide_dtype(factors)
    size = sizes(factors, *places)
    if whole and factors.dtype != wide:
        if bool((size <= FINE).all()):
            return Rounding(factors.dtype)
        if bool((sizes(factors, *places, centred=True) <= FINE).all()):
            return Rounding(factors.dtype, factors.key_norms.means(places[0], (head // factors.group,))[0, 0])
    return Rounding(wide, alike=bool((size > FAR).any()))


def wide_dtype(factors: Factors) -> torch.dtype:
    """Double precision, where the device has it: the GPUs of Apple do not."""
    return torch.float32 if factors.device.type == "mps" else torch.float64


def sizes(factors: Factors, batch: Positions, heads: Positions, queries: Positions, *, centred: bool = False) -> Tensor:
    """A bound of the scores of these rows, times √dim: (batch, heads). NaN where a query is no number.

    A bias counts where it is largest in its row, and not where this hides the row: other keys have no weight, however exact.

    Args:
        factors: what scores follow from.
        batch: which sequences.
        heads: which heads.
        queries: which rows.
        centred: whether the mean key is taken out of the keys, where neither softcap nor sinks forbid it.
    """
    query = take(take(take(factors.query, 0, batch), 1, heads), 2, queries)
    if not query.numel():
        return query.new_zeros(len(batch), len(heads))
    centred = centred and factors.softcap is None and factors.sinks is None
    read = heads if factors.group == 1 else positions_of([head // factors.group for head in heads])
    longest = torch.linalg.vector_norm(query.to(factors.dtype), dim=-1).amax(2)
    found: Tensor = longest * factors.key_norms.longest(batch, read, centred=centred)
    found *= factors.scale * query.shape[3] ** 0.5
    if factors.bias is not None and factors.shape[3]:
        most = factors.taken_bias(batch, heads, queries, range(factors.shape[3])).to(factors.dtype).amax(3)
        found = found + torch.where(most.isfinite() & (most > factors.hidden), most.abs(), 0).amax(2)
    return found


def is_far(factors: Factors, batch: Positions, heads: Positions, queries: Positions) -> bool:
    """Whether some scores of these rows round coarsely in double precision."""
    return bool((sizes(factors, batch, heads, queries) > FAR).any())
