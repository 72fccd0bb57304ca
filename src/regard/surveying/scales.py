"""The numbers a head has on one text, and the bins in which each of them is counted."""

import math
from collections.abc import Sequence

from regard.analysis.heads.statistics import HeadStatistics

UNIT = 2.0**-20
"""Values are rounded to multiples of this, about a millionth: what float32 weights can tell. As whole numbers, they sum to the
same in any order."""

LARGEST = 2**20
"""The most tokens of a text. No value is larger, so that values of 40 bits are enough."""

_PLACES = ("kind", "layer", "head", "name", "local", "received_gini")
_COUNTS = {"rows", "unseeing", "keys"}
_LENGTHS = {"span", "span_90", "distance"}


def statistic_names(windows: Sequence[int]) -> tuple[str, ...]:
    """The statistics of a head on one text, in the order of its table.

    Example:
        >>> statistic_names((8,))[-3:]
        ('induction', 'local_8', 'received_gini')
    """
    plain = (name for name in HeadStatistics._fields if name not in _PLACES)
    return (*plain, *(f"local_{window}" for window in windows), "received_gini")


def edges_of(statistic: str) -> tuple[float, ...]:
    """Where the bins of a statistic begin and end: bin i has edges[i] ≤ value < edges[i + 1].

    The first bin also has everything below, the last everything above, so that nothing is left out.

    Example:
        >>> edges_of("previous")[:3], edges_of("span")[:3], edges_of("offset")[:3]
        ((0.0, 0.05, 0.1), (0.0, 1.0, 1.41), (-16.5, -15.5, -14.5))
    """
    if statistic == "entropy":
        return tuple(at / 4 for at in range(41))
    if statistic == "offset":
        return tuple(at - 16.5 for at in range(34))
    if statistic in _COUNTS | _LENGTHS:
        return (0.0, *(round(math.sqrt(2.0) ** at, 2) for at in range(35)))
    return tuple(round(at / 20, 2) for at in range(21))
