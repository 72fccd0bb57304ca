"""How far apart two means are, and how sure that is: of the same texts, of texts of like length, of any texts."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.extras import require
from regard.surveying.scales import UNIT

Described = tuple[int, float, float]
"""How many texts, their mean, their variance."""


class Tested(NamedTuple):
    """Two means and their difference."""

    texts: tuple[int, int]
    means: tuple[float, float]
    difference: float
    error: float  #: standard error of the difference
    freedom: float  #: degrees of freedom of that
    spread: float  #: √ of the mean of both variances; 0 where both are below the rounding of values
    spread_error: float  #: (standard error of the spread / spread)²


def welch(one: Described, other: Described) -> Tested | None:
    """Welch's test; None below two texts of either.

    Example:
        >>> [round(value, 3) for value in welch((4, 1.0, 4.0), (9, 3.0, 9.0))[2:5]]
        [2.0, 1.414, 8.727]
    """
    return within_lengths([(one, other)])


def within_lengths(strata: Iterable[tuple[Described, Described]]) -> Tested | None:
    """The mean difference of texts of like length, weighted by n·n′ / (n + n′); None where no length has two texts of either.

    Args:
        strata: of each length, what the first has and what the second has.
    """
    used = [(one, other) for one, other in strata if min(one[0], other[0]) > 1]
    if not used:
        return None
    weights = [one[0] * other[0] / (one[0] + other[0]) for one, other in used]
    weights = [weight / math.fsum(weights) for weight in weights]
    texts = sum(one[0] for one, _ in used), sum(other[0] for _, other in used)
    means = [math.fsum(w * pair[side][1] for w, pair in zip(weights, used, strict=True)) for side in (0, 1)]
    variances = [_pooled([pair[side] for pair in used]) for side in (0, 1)]
    parts = [
        (w * w * variance / count, count - 1) for w, pair in zip(weights, used, strict=True) for count, _, variance in pair
    ]
    total = math.fsum(part for part, _ in parts)
    of_parts = math.fsum(part**2 / freedom for part, freedom in parts)
    freedoms = [count - len(used) for count in texts]
    return _tested(
        texts,
        (means[0], means[1]),
        math.sqrt(total),
        total**2 / of_parts if of_parts else math.inf,
        (variances[0], variances[1]),
        sum(v**2 / (8 * freedom) for v, freedom in zip(variances, freedoms, strict=True)),
        still=max(variances) < UNIT**2,
    )


def _pooled(described: list[Described]) -> float:
    """The variance within lengths."""
    freedom = sum(count - 1 for count, _, _ in described)
    return math.fsum((count - 1) * variance for count, _, variance in described) / freedom


def paired(one: NDArray[np.float64], other: NDArray[np.float64]) -> Tested | None:
    """Student's test of the differences of the same texts; None below two that have both.

    Args:
        one: a value a text, NaN where there is none.
        other: of the same texts.
    """
    there = ~(np.isnan(one) | np.isnan(other))
    one, other = one[there], other[there]
    count = len(one)
    if count < 2:
        return None
    (first, both), (_, second) = np.cov(one, other).tolist()
    varies = float(np.var(other - one, ddof=1))
    means = float(one.mean()), float(other.mean())
    return _tested(
        (count, count),
        means,
        math.sqrt(varies / count),
        count - 1,
        (first, second),
        (first**2 + second**2 + 2 * both**2) / (8 * (count - 1)),
        still=varies < UNIT**2,
    )


def _tested(
    texts: tuple[int, int],
    means: tuple[float, float],
    error: float,
    freedom: float,
    variances: tuple[float, float],
    of_variances: float,
    *,
    still: bool,
) -> Tested:
    """Where nothing varies, there is no spread to measure a difference by: rounding is not taken for it."""
    square = sum(variances) / 2
    if still:
        return Tested(texts, means, means[1] - means[0], error, freedom, 0.0, 0.0)
    return Tested(texts, means, means[1] - means[0], error, freedom, math.sqrt(square), of_variances / square**2)


def two_sided(t: float, freedom: float) -> float:
    """The chance that Student's t with so many degrees of freedom is as far from 0.

    Raises:
        ImportError: scipy is not installed.

    Example:
        >>> round(two_sided(2.228, 10), 3)  # a printed table says 0.05
        0.05
    """
    return float(2 * special_functions("to compare surveys").stdtr(freedom, -abs(t)))


def special_functions(why: str) -> Any:
    """Distributions as scipy.special has them: Student's t and others, without the imports of scipy.stats.

    Raises:
        ImportError: scipy is not installed.
    """
    require(why, "scipy")
    from scipy import special

    return special


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down method, in their order.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    found, highest = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[at]))
        found[at] = highest
    return found
