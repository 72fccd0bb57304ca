"""Whole rows by the general path: several heads at once, each row divided by its own sum; and the denominators of rows.

A score that is no number is named with its place.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.errors import ScoreError
from regard.maps.factors import Factors
from regard.maps.reading.even_softmax import even_softmax
from regard.maps.reading.rounding import FINE, Rounding, is_far, of_mean_keys, sizes, wide_dtype
from regard.positions import Positions, positions_of, take


class _Rows(NamedTuple):
    """Scores of whole rows."""

    scores: Tensor  #: (batch, heads, queries, keys and the sink)
    top: Tensor  #: (batch, heads, queries, 1): the largest; 0 where a row sees nothing
    blind: Tensor  #: (batch, heads, queries, 1): whether it sees nothing

    def less_top(self, dtype: torch.dtype) -> Tensor:
        """The scores less the largest of their row, which a narrower type holds; they are not kept."""
        return self.scores.sub_(self.top).to(dtype)


def weights_of(factors: Factors, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
    """The weights of whole rows, (batch, heads, queries, keys).

    Raises:
        ScoreError: some score is no number, or +∞, with its place.
    """
    wide = wide_dtype(factors)
    if factors.dtype == wide:
        return _softmax(factors, batch, heads, queries, wide)
    if bool((sizes(factors, batch, heads, queries) <= FINE).all()):
        return _softmax(factors, batch, heads, queries, factors.dtype)
    fine = (sizes(factors, batch, heads, queries, centred=True) <= FINE).all(0).tolist()  # (heads,)
    if all(fine):
        return _softmax(factors, batch, heads, queries, factors.dtype, centred=True)
    if not any(fine):
        return _softmax(factors, batch, heads, queries, wide)
    made = torch.empty(len(batch), len(heads), len(queries), factors.shape[3], dtype=factors.dtype, device=factors.device)
    for dtype, centred in ((factors.dtype, True), (wide, False)):
        places = [at for at, one in enumerate(fine) if one is centred]
        some = positions_of([heads[at] for at in places])
        made[:, places] = _softmax(factors, batch, some, queries, dtype, centred=centred)
    return made


def denominators_of(factors: Factors, batch: Positions, heads: Positions, queries: Positions, way: Rounding) -> Tensor:
    """Logarithm of the denominators of these rows, (batch, heads, queries), sinks included, in double precision.

    Args:
        factors: what scores follow from.
        batch: which sequences.
        heads: which heads.
        queries: which rows.
        way: how scores are computed; the mean key is each head's own.

    Raises:
        ScoreError: some score is no number, or +∞, with its place.
    """
    centred, wide = way.mean is not None, wide_dtype(factors)
    rows = _rows(factors, batch, heads, queries, way.dtype, centred=centred, alike=way.alike)
    found = rows.top.to(wide) + rows.less_top(factors.dtype).exp_().sum(-1, keepdim=True).to(wide).log()
    found = found.masked_fill_(rows.blind, -torch.inf).squeeze(-1)
    return found + of_mean_keys(factors, batch, heads, queries) if centred else found


def _softmax(
    factors: Factors, batch: Positions, heads: Positions, queries: Positions, dtype: torch.dtype, *, centred: bool = False
) -> Tensor:
    rows = _rows(factors, batch, heads, queries, dtype, centred=centred)
    scores = rows.scores if dtype == factors.dtype else rows.less_top(factors.dtype)
    weights = even_softmax(scores)[..., : factors.shape[3]]
    return weights.masked_fill_(rows.blind, 0) if bool(rows.blind.any()) else weights


def _rows(
    factors: Factors,
    batch: Positions,
    heads: Positions,
    queries: Positions,
    dtype: torch.dtype,
    *,
    centred: bool = False,
    alike: bool = False,
) -> _Rows:
    alike = alike or (dtype == wide_dtype(factors) and is_far(factors, batch, heads, queries))
    scores = factors.scores(batch, heads, queries, range(factors.shape[3]), dtype=dtype, centred=centred, alike=alike)
    sinks = torch.full((len(heads),), -torch.inf) if factors.sinks is None else take(factors.sinks, 0, heads)
    if factors.sinks is not None or not factors.shape[3]:  # a row has to have something that is largest
        sinks = sinks.to(scores).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    top = scores.amax(-1, keepdim=True)
    wrong = top.isnan() | (top > -4 * factors.hidden)
    if bool(wrong.any()):
        b, h, row = (int(place) for place in wrong.squeeze(-1).nonzero()[0])
        name_wrong_score(factors, batch[b], heads[h], queries[row], scores[b, h, row])
    blind = top <= factors.hidden
    top = top.masked_fill_(blind, 0)
    return _Rows(scores, top, blind)


def name_wrong_score(factors: Factors, batch: int, head: int, query: int, scores: Tensor | None = None) -> None:
    """Say where a row has a score that is no number, or too large for one.

    Raises:
        ScoreError: always.
    """
    if scores is None:
        places = (batch,), (head,), (query,), range(factors.shape[3])
        scores = factors.scores(*places, dtype=wide_dtype(factors))[0, 0, 0]
    column = int((scores.isnan() | (scores > -4 * factors.hidden)).nonzero()[0])
    raise ScoreError(
        f"expected finite scores, got {scores[column].to(factors.dtype).item()} at batch {batch}, head {head}, query "
        f"{query}, key {column}; look for NaN or overflow in the model's activations there"
    )
