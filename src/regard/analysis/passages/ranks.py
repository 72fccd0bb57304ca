"""How far two orders of the same things agree."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: the correlation of ranks, ties sharing their mean; NaN where all are alike, or one is NaN and has no rank.

    Example:
        >>> rank_correlation([1.0, 2.0, 3.0], [5.0, 6.0, 90.0])
        1.0
    """
    if any(value != value for values in (one, other) for value in values):
        return math.nan
    first, second = (_ranks(torch.tensor(list(values), dtype=torch.float64)) for values in (one, other))
    first, second = first - first.mean(), second - second.mean()
    return round(float(first @ second / (first.norm() * second.norm())), 12)


def _ranks(values: Tensor) -> Tensor:
    return ((values[:, None] > values).sum(1) + ((values[:, None] == values).sum(1) + 1) / 2).double()
