"""A mean difference within strata, as loops over Python numbers, written from the formula without looking at the package."""

import math
import statistics


def within(values, strata, others, other_strata):
    """The difference, its standard error, its degrees of freedom, and Cohen's d with the variance within strata."""
    parts = []
    for stratum in sorted(set(strata) & set(other_strata)):
        one = [float(value) for value, at in zip(values, strata, strict=True) if at == stratum]
        other = [float(value) for value, at in zip(others, other_strata, strict=True) if at == stratum]
        if len(one) > 1 and len(other) > 1:
            parts.append((one, other))
    weight = [1 / (1 / len(one) + 1 / len(other)) for one, other in parts]
    difference = sum(w * (statistics.fmean(b) - statistics.fmean(a)) for w, (a, b) in zip(weight, parts, strict=True)) / sum(
        weight
    )
    pieces = [
        ((w / sum(weight)) ** 2 * statistics.variance(side) / len(side), len(side) - 1)
        for w, pair in zip(weight, parts, strict=True)
        for side in pair
    ]
    variance = sum(piece for piece, _ in pieces)
    freedom = variance**2 / sum(piece**2 / below for piece, below in pieces)
    pooled = [
        sum(statistics.variance(pair[side]) * (len(pair[side]) - 1) for pair in parts)
        / sum(len(pair[side]) - 1 for pair in parts)
        for side in (0, 1)
    ]
    return difference, math.sqrt(variance), freedom, difference / math.sqrt(sum(pooled) / 2)
