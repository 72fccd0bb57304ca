"""Shares as ratios of means, never means of ratios: a prompt whose denominator is near 0 would outweigh all others."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.errors import OptionError
from regard.interventions.statistics.chance import Floats
from regard.surveying.tests_of_means import special_functions


class Ratio(NamedTuple):
    """A ratio of two means of the same units, and its interval."""

    ratio: float
    low: float
    high: float
    units: int  #: that have both


def ratio_of_means(
    over: Floats, under: Floats, clusters: NDArray[Any] | None = None, *, confidence: float = 0.95, name: str = "denominator"
) -> Ratio:
    """Σ over / Σ under, with Fieller's (1954) interval: the ratios r for which the mean of over − r · under may be 0.

    With t of the denominator's mean, g = (t_{G−1} / t)², which must be below 1: else the denominator may be 0.

    Args:
        over: (units,).
        under: (units,), of the same units; where either is NaN a unit is in neither.
        clusters: as in ``paired_means``.
        confidence: of the interval.
        name: of the denominator, for errors.

    Raises:
        OptionError: less than two units, or a denominator whose interval contains 0.

    Example:
        >>> found = ratio_of_means(np.array([1.0, 1.6, 2.0]), np.array([2.0, 3.0, 4.0]))
        >>> [round(value, 3) for value in found[:3]]
        [0.511, 0.445, 0.626]
    """
    there = ~(np.isnan(over) | np.isnan(under))
    x, y = over[there], under[there]
    count = len(x)
    at = np.arange(count) if clusters is None else np.unique(clusters[there], return_inverse=True)[1]
    groups = int(at.max(initial=-1)) + 1
    if groups < 2:
        raise OptionError(f"{name}: expected at least two prompts or groups that have one, got {groups}; a share needs some")
    a, b = float(x.mean()), float(y.mean())
    sums = np.zeros((groups, 2))
    np.add.at(sums, at, np.stack([x - a, y - b], axis=1))
    (aa, ab), (_, bb) = (sums.T @ sums * groups / (groups - 1) / count**2).tolist()
    quantile = float(special_functions("for intervals of shares").stdtrit(groups - 1, (1 + confidence) / 2))
    around = quantile * bb**0.5
    if not around < abs(b):
        raise OptionError(
            f"{name}: expected a mean that is surely not 0, got {b:.3g} ± {around:.3g}; take more prompts, or read the "
            "differences themselves"
        )
    ratio, g = a / b, (around / b) ** 2
    middle = (ratio - g * (ab / bb if bb else 0.0)) / (1 - g)
    square = aa - 2 * ratio * ab + ratio**2 * bb - g * (aa - (ab**2 / bb if bb else 0.0))
    half = quantile / abs(b) * max(square, 0.0) ** 0.5 / (1 - g)
    return Ratio(ratio, middle - half, middle + half, count)
