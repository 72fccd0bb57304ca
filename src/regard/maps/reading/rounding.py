"""In what precision scores are computed: as a bound of them asks.

A float32 product of vectors of ``dim`` numbers is off by some 0.2·√dim·2⁻²⁴ of what their norms allow, a weight by as much as
its score. So rows are computed in float32 while scale·‖q‖·‖k‖·√dim is small; then with the mean key taken out of the keys,
which adds one number to all scores of a row; then in double precision. Whole rows are divided by their own sums. What meets
other reads of its row (a tile, a denominator) must come from one rounding: all rows of a head are then computed in one way, in
float32 where a score is the same number in whatever company it is computed (``products_alike.py``); where even double
precision is coarse, products are summed in one order.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.key_norms import TOGETHER
from regard.maps.products_alike import are_alike
from regard.positions import Positions, positions_of, take

FINE = 384.0
"""Size of scores (``sizes``) up to which float32 gives weights within 1e-5, by six standard deviations where two keys tie:
scores of 48 at 64 numbers a vector."""

BIASES = 2**20
"""Biases of a head among which the largest is looked for; where there are more, parts of rows are in double precision."""

SMALL = 60.0
"""Scores between −60 and 60 have exponentials that float32 holds with full precision, and of any number of keys the sum."""

FAR = 2.0**31
"""Size up to which double precision gives the same score within 1e-6, however it is computed."""


class Rounding(NamedTuple):
    """How the scores of some rows of one head are computed."""

    dtype: torch.dtype
    mean: Tensor | None = None  #: (dim,): what is taken out of the keys
    alike: bool = False  #: whether each score is the same to the last bit in whatever company it is computed


def rounding(factors: Factors, batch: int, head: int, rows: Positions, *, whole: bool) -> Rounding:
    """Of some rows of one head; ``whole`` where they are divided by their own sums, and meet no other read."""
    if not whole and (found := rounding_of_parts(factors, batch, head)).dtype == factors.dtype:
        return found
    places = range(batch, batch + 1), range(head, head + 1), rows  # ranges are read without a copy
    wide = wide_dtype(factors)
    size = sizes(factors, *places)
    if whole and factors.dtype != wide:
        if bool((size <= FINE).all()):
            return Rounding(factors.dtype)
        if bool((sizes(factors, *places, centred=True) <= FINE).all()):
            return Rounding(factors.dtype, _mean_key(factors, batch, head))
    return Rounding(wide, alike=bool((size > FAR).any()))


def rounding_of_parts(factors: Factors, batch: int, head: int) -> Rounding:
    """How parts of the rows of a head are computed: in one way for all rows, as any of them may be read together. Kept."""
    known: dict[tuple[int, int], Rounding] = factors.roundings_of_parts
    if not known and _is_float32_alike(factors) and factors.bias is None and factors.key.numel() <= TOGETHER:
        batches, heads, queries, _ = map(range, factors.shape)  # short maps: all heads at once
        fine = (sizes(factors, batches, heads, queries) <= FINE).nonzero().tolist()
        known |= {(one, other): Rounding(factors.dtype, alike=True) for one, other in fine}
    if (batch, head) not in known:
        known[batch, head] = _rounding_of_parts(factors, batch, head)
    return known[batch, head]


class Sizes(NamedTuple):
    """What some rows of some heads are small enough for."""

    fine: bool  #: float32 is enough for them as they are
    small: bool  #: and it holds the exponentials of their scores, and their sum

    @classmethod
    def of(cls, factors: Factors, batch: int, heads: Positions, rows: Positions) -> "Sizes":
        """Of these rows together."""
        if factors.dtype == wide_dtype(factors):
            return cls(fine=False, small=False)
        size = sizes(factors, range(batch, batch + 1), heads, rows)
        least = 1.0 if factors.bias is not None else factors.query.shape[3] ** 0.5  # scores are no larger than size / least
        fine = bool((size <= FINE).all())
        return cls(fine, small=fine and bool((size <= SMALL * least).all()))


def _is_float32_alike(factors: Factors) -> bool:
    return factors.dtype != wide_dtype(factors) and are_alike(factors.device, factors.query.shape[3])


def _rounding_of_parts(factors: Factors, batch: int, head: int) -> Rounding:
    wide, bias = wide_dtype(factors), factors.bias
    if not _is_float32_alike(factors):
        return Rounding(wide)
    if bias is not None and bias.shape[2] * bias.shape[3] > BIASES:
        return Rounding(wide)
    places = range(batch, batch + 1), range(head, head + 1), range(factors.shape[2])
    if bool((sizes(factors, *places) <= FINE).all()):
        return Rounding(factors.dtype, alike=True)
    if bool((sizes(factors, *places, centred=True) <= FINE).all()):
        return Rounding(factors.dtype, _mean_key(factors, batch, head), alike=True)
    return Rounding(wide)


def places_of_one_rounding(
    factors: Factors, batch: Positions, heads: Positions
) -> Iterator[tuple[Positions, Positions, Rounding]]:
    """Sequences and heads whose parts of rows are computed in one way: all of them, or else each alone."""
    found = {(one, head): rounding_of_parts(factors, one, head) for one in batch for head in heads}
    if len({(way.dtype, way.mean is None) for way in found.values()}) == 1:
        yield batch, heads, next(iter(found.values()))
        return
    for one, head in found:
        yield range(one, one + 1), range(head, head + 1), found[one, head]


def of_mean_keys(factors: Factors, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
    """What all scores of a row are short of without the mean of the keys: (batch, heads, queries), in double precision."""
    query = take(take(take(factors.query, 0, batch), 1, heads), 2, queries).to(wide_dtype(factors))
    means = factors.key_norms.means(batch, positions_of([head // factors.group for head in heads])).to(query.dtype)
    return (query @ means.unsqueeze(-1)).squeeze(-1) * factors.scale


def _mean_key(factors: Factors, batch: int, head: int) -> Tensor:
    """(dim,), once the distances from it are known."""
    return factors.key_norms.means(range(batch, batch + 1), (head // factors.group,))[0, 0]


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
    if not len(queries) or not factors.query.shape[3]:
        return factors.query.new_zeros(len(batch), len(heads), dtype=factors.dtype)
    centred = centred and factors.softcap is None and factors.sinks is None
    read = heads if factors.group == 1 else positions_of([head // factors.group for head in heads])
    if queries == range(factors.shape[2]):
        longest = factors.query_norms.longest(batch, heads, centred=False)
    else:
        query = take(take(take(factors.query, 0, batch), 1, heads), 2, queries)
        longest = torch.linalg.vector_norm(query.to(factors.dtype), dim=-1).amax(2)
    found: Tensor = longest * factors.key_norms.longest(batch, read, centred=centred)
    found *= factors.scale * factors.query.shape[3] ** 0.5
    if factors.bias is not None and factors.shape[3]:
        most = factors.taken_bias(batch, heads, queries, range(factors.shape[3])).to(factors.dtype).amax(3)
        found = found + torch.where(most.isfinite() & (most > factors.hidden), most.abs(), 0).amax(2)
    return found


def is_far(factors: Factors, batch: Positions, heads: Positions, queries: Positions) -> bool:
    """Whether some scores of these rows round coarsely in double precision."""
    return bool((sizes(factors, batch, heads, queries) > FAR).any())
