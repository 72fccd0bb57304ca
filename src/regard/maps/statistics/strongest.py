"""The largest weights of each row, and where they stand."""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.reading.parts import Rows


class TopWeights(NamedTuple):
    """The largest weights of each row, largest first."""

    values: Tensor  #: (batch, heads, queries, k)
    keys: Tensor  #: (batch, heads, queries, k): their columns, as int64


def strongest(rows: Rows, k: int, run: int, keys: int) -> tuple[Tensor, Tensor]:
    """The k largest weights of each row and their columns. They stand in the k runs whose largest weights are largest."""
    weights, first = rows.weights, rows.columns.start
    span = weights.shape[3]
    if rows.maxima is None or 2 * k * run >= span:
        few = min(k, span)
        values, places = weights.topk(few, dim=3)
        # Where fewer can be seen than are asked for, the others have weight 0 and stand behind, round the end of the row.
        unseen = (rows.columns.stop + torch.arange(k - few, device=weights.device)) % keys
        unseen = unseen.expand(*places.shape[:3], k - few)
        return torch.cat([values, torch.zeros_like(unseen, dtype=values.dtype)], 3), torch.cat([places + first, unseen], 3)
    chosen = _bits(rows.maxima).topk(k, dim=3, sorted=False).indices
    if span % run == 0:
        values, places = _strongest_in_runs(weights, chosen, run, k)
        return values, places + first
    places = (chosen[..., None] * run + torch.arange(run, device=weights.device)).flatten(3)
    beyond = places >= span
    near = weights.gather(3, places.clamp(max=span - 1)).masked_fill_(beyond, -1)
    values, at = near.topk(k, dim=3)
    return values, places.gather(3, at) + first


def _strongest_in_runs(weights: Tensor, chosen: Tensor, run: int, k: int) -> tuple[Tensor, Tensor]:
    """The k largest weights among the chosen runs of each row, and their columns.

    Ranking is slow, so few are ranked: the runs are laid over each other in groups of k, and the k largest weights stand in the
    k groups whose largest weights are largest.
    """
    count, heads, queries, span = weights.shape
    lines = count * heads * queries
    of_line = torch.arange(lines, device=weights.device)[:, None]
    near = weights.flatten(0, 2).unflatten(1, (span // run, run))[of_line, chosen.view(lines, k)]  # (lines, k, run)
    groups = _bits(near.amax(1)).topk(min(k, run), dim=1, sorted=False).indices  # (lines, k): places within a run
    few = near.gather(2, groups[:, None].expand(lines, k, groups.shape[1])).flatten(1)
    bits, at = _bits(few).topk(k, dim=1)
    values = bits.view(few.dtype)
    inside, which = groups.gather(1, at % groups.shape[1]), at // groups.shape[1]
    columns = chosen.view(lines, k).gather(1, which) * run + inside
    return values.view(count, heads, queries, k), columns.view(count, heads, queries, k)


def _bits(weights: Tensor) -> Tensor:
    """The same numbers as whole numbers in the same order, which rank faster: weights are not negative."""
    return weights.contiguous().view(torch.int64 if weights.dtype == torch.float64 else torch.int32)
