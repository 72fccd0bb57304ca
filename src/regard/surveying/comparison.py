"""Two surveys beside each other: which heads differ, tested for all of them together."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from regard.analysis.heads.registry import statistic_named
from regard.arguments import one_of
from regard.errors import OptionError
from regard.surveying.rows import Row
from regard.surveying.survey_file import Survey


class Difference(NamedTuple):
    """One statistic of one head in two surveys."""

    kind: str | None
    layer: int | None
    head: int
    statistic: str
    mean: float  #: in the first
    other_mean: float  #: in the second
    difference: float  #: second − first
    standard_error: float  #: of the difference
    effect: float  #: difference / √((variance + other variance) / 2), Cohen's d
    freedom: float  #: Welch's degrees of freedom
    p: float  #: that means of the same heads are so far apart
    adjusted: float  #: p by Holm's method, over all that were compared: below α, the chance of any false one is below α


def compare(one: Survey, other: Survey, statistics: Sequence[str] | None = None) -> list[Difference]:
    """Welch's test for each statistic of each head that two surveys have in common, corrected by Holm's method.

    Welch (1947) does not ask for equal variances. Holm (1979) holds the chance of a single false difference below α however the
    tests depend on each other, and heads of one model do. Texts are taken as drawn one by one; where both surveys read the same
    texts, means vary together and the test says "different" more rarely than it could. With many texts, even differences too
    small to matter become certain: look at ``effect`` too.

    Args:
        one: a survey.
        other: another one: of another model with the same layers and heads, or on another corpus.
        statistics: by name; all that say something about heads where not given.

    Returns:
        The differences, the largest effects first. Heads and statistics that had no meaning on two texts of each are not there.

    Raises:
        OptionError: a statistic that is not in both, or nothing in common.
    """
    known = [name for name in one.statistics if name in other.statistics]
    wanted = [name for name in known if _says_something(name)] if statistics is None else list(statistics)
    for name in wanted:
        one_of("statistics", name, known)
    theirs = {_place(row): row for row in other.rows(examples=False)}
    pairs = [
        (row, theirs[_place(row)])
        for row in one.rows(examples=False)
        if row.statistic in wanted and _place(row) in theirs and min(row.count, theirs[_place(row)].count) > 1
    ]
    if not pairs:
        raise OptionError(
            f"expected surveys with heads in common, got {one.about['model']['name']} and {other.about['model']['name']}: no "
            "head has the same kind, layer and number in both and was counted on two texts of each"
        )
    found = [_welch(*pair) for pair in pairs]
    adjusted = holm([one.p for one in found])
    found = [one._replace(adjusted=p) for one, p in zip(found, adjusted, strict=True)]
    return sorted(found, key=lambda one: -abs(one.effect))


def _says_something(statistic: str) -> bool:
    """About a head, not only about the texts; unknown ones of a newer version, by their name only."""
    found = statistic_named(statistic)
    return found is not None and found.compared


def _place(row: Row) -> tuple[str | None, int | None, int, str]:
    return row.kind, row.layer, row.head, row.statistic


def _welch(one: Row, other: Row) -> Difference:
    difference = other.mean - one.mean
    shares = one.variance / one.count, other.variance / other.count
    error, spread = math.sqrt(sum(shares)), math.sqrt((one.variance + other.variance) / 2)
    if not error:  # every text of either has one value
        freedom, p = math.inf, 0.0 if difference else 1.0
    else:
        freedom = sum(shares) ** 2 / (shares[0] ** 2 / (one.count - 1) + shares[1] ** 2 / (other.count - 1))
        p = two_sided(difference / error, freedom)
    effect = difference / spread if spread else math.copysign(math.inf, difference) if difference else 0.0
    return Difference(
        *(one.kind, one.layer, one.head, one.statistic, one.mean, other.mean, difference, error, effect, freedom, p, math.nan)
    )


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


def two_sided(t: float, freedom: float) -> float:
    """The chance that Student's t with so many degrees of freedom is as far from 0.

    Raises:
        ImportError: scipy is not installed.

    Example:
        >>> round(two_sided(2.228, 10), 3)  # a printed table says 0.05
        0.05
    """
    try:
        from scipy import special
    except ImportError as error:
        raise ImportError('expected scipy to compare surveys, got none; pip install "regard[survey]"') from error
    return float(2 * special.stdtr(freedom, -abs(t)))  # Student's t, without the imports of scipy.stats
