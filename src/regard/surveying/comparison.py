"""Two surveys beside each other: which heads differ, tested for all of them together."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

import numpy as np

from regard.analysis.heads.registry import statistic_named
from regard.arguments import number, one_of, several
from regard.errors import DtypeError, OptionError, in_short
from regard.surveying.scales import UNIT
from regard.surveying.survey_file import Survey
from regard.surveying.tests_of_means import Tested, holm, paired, special_functions, two_sided, welch, within_lengths
from regard.surveying.totals import Totals

Test = Literal["paired", "lengths", "means"]
TESTS: dict[Test, str] = {
    "paired": "paired t test, text by text",
    "lengths": "Welch's test of texts of like length",
    "means": "Welch's test of means",
}
"""The tests by name."""

Place = tuple[str | None, int | None, int]
"""Kind, layer and number of a head."""


class Difference(NamedTuple):
    """One statistic of one head in two surveys."""

    kind: str | None
    layer: int | None
    head: int
    statistic: str
    texts: int  #: of the first that are compared
    other_texts: int
    mean: float  #: of the first; of texts as long as those of the second where lengths are compared
    other_mean: float
    difference: float  #: second − first
    standard_error: float  #: of the difference
    effect: float  #: difference / √((variance + other variance) / 2), Cohen's d; NaN where no text differs from another
    low: float  #: of the effect: where its confidence interval begins
    high: float  #: where it ends
    freedom: float  #: degrees of freedom
    p: float  #: that means of the same heads are so far apart; NaN where there is no spread to tell it by
    adjusted: float  #: p by Holm's method, over all that were tested: below α, the chance of any false one is below α


@dataclass(frozen=True)
class Comparison:
    """What two surveys differ in.

    Attributes:
        test: "paired", "lengths" or "means".
        confidence: of the intervals of effects.
        differences: what was tested, the largest effects first.
        without_spread: statistics with one value on all texts of the first and another on all of the second, or, of one
            length or one text, always apart by as much: no test can say how far that is.
        equal: how many have one value on all texts of both: they cannot differ, and are not counted among the tests.
        lengths: mean tokens of a text, with what a model writes; of both.
        texts: how many texts of each are compared, at most.
        lone: (kind, layer, head) of the heads that only the first has.
        other_lone: of those that only the second has.
        untested: of each statistic, on how many heads the test has no two texts of either that have it: nothing is said of it.
    """

    test: Test
    confidence: float
    differences: list[Difference]
    without_spread: list[Difference]
    equal: int
    lengths: tuple[float, float]
    texts: tuple[int, int]
    lone: list[Place]
    other_lone: list[Place]
    untested: dict[str, int]

    @property
    def lengths_differ(self) -> bool:
        """Whether texts of one survey are longer by more than a hundredth."""
        shorter, longer = sorted(self.lengths)
        return longer > 1.01 * shorter

    def above(self, tolerance: float, *, alpha: float = 0.05) -> list[Difference]:
        """What surely differs, by Holm's method, and by more than that in the statistic's own unit.

        Args:
            tolerance: the largest |difference| that does not matter.
            alpha: the chance of any false one.

        Raises:
            OptionError: a tolerance below 0, or no such chance.
        """
        number("tolerance", tolerance, least=0)
        number("alpha", alpha, above=0, below=1)
        certain = [row for row in self.differences if row.adjusted < alpha]
        return [row for row in (*certain, *self.without_spread) if abs(row.difference) > tolerance]

    def not_within(self, tolerance: float, *, alpha: float = 0.05) -> list[Difference]:
        """What is not shown to be equal within that: |difference| + t · error > tolerance, t of Student at 1 − alpha.

        Two one-sided tests (Schuirmann 1987). A large p shows no equality; this does. That *all* are within needs no
        correction, as each of them has to be shown.

        Args:
            tolerance: in the statistic's own unit.
            alpha: the chance of taking two for equal that are not.

        Raises:
            OptionError: a tolerance below 0, or no such chance; ImportError: scipy is not installed.
        """
        number("tolerance", tolerance, least=0)
        number("alpha", alpha, above=0, below=1)
        quantile = special_functions("to compare surveys").stdtrit
        open_ends = [
            row
            for row in self.differences
            if abs(row.difference) + quantile(row.freedom, 1 - alpha) * row.standard_error > tolerance
        ]
        return [*open_ends, *(row for row in self.without_spread if abs(row.difference) > tolerance)]


def survey_diff(
    one: Survey,
    other: Survey,
    statistics: Sequence[str] | None = None,
    *,
    test: Test | None = None,
    confidence: float = 0.95,
) -> Comparison:
    r"""A test for each statistic of each head that two surveys have in common, corrected by Holm's method.

    "paired", the same texts in two models: Student's t of the differences text by text. Both surveys have kept the values of
    their texts.

    "lengths": texts of one length are compared with each other, as entropy, span and others follow from length. With the
    difference d of means and the variance v of d at each length that two texts of either have, and the weights
    w = n·n′ / (n + n′), as a regression with an indicator of each length has them, it is Σ w·d / Σ w, its variance is
    Σ w²·v / (Σ w)² (Cochran 1968, on subclassification), and its degrees of freedom are those of Welch and Satterthwaite. The
    length is the number of a head's keys; from 32 on, lengths with the same five leading bits are one.

    "means": Welch's (1947) test of all texts, whatever their length.

    None of them asks for equal variances. Holm (1979) holds the chance of a single false difference below α however the tests
    depend on each other, and heads of one model do. What has no spread on either side is not tested. With many texts, even
    differences too small to matter become certain: look at the interval of ``effect``, which is Bonett's (2008), for
    unequal variances; spread less than the rounding of values is none.

    Args:
        one: a survey.
        other: another one: of another model with the same layers and heads, or on another corpus.
        statistics: by name; all that say something about heads where not given.
        test: where not given, "paired" where at least half of the texts of either are in both and their values were kept;
            else "lengths", or "means" where a file of an earlier version has no lengths.
        confidence: of the intervals.

    Raises:
        OptionError: a statistic that is not in both, or by name one that no two texts of each have; nothing in common, a test
            that the files are not enough for.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from regard.surveying.survey import survey
        >>> place = Path(tempfile.mkdtemp())
        >>> for name, text in (("a", "No.\tNon.\nYes.\tOui.\n"), ("b", "Go!\tVa !\nHi!\tSalut !\nWhy?\tPourquoi ?\n")):
        ...     _ = (place / name).write_text(text, encoding="utf-8")
        >>> one, other = (survey(text=str(place / name)) for name in "ab")
        >>> found = survey_diff(one, other, ["entropy"])
        >>> found.test, found.texts, len(found.differences)
        ('lengths', (2, 3), 8)
    """
    for which, given in (("one", one), ("other", other)):
        if not isinstance(given, Survey):
            raise DtypeError(f"{which}: expected a survey, got {in_short(given)}; read one: regard.Survey.load(path)")
    number("confidence", confidence, above=0, below=1)
    known = [name for name in one.statistics if name in other.statistics]
    wanted = (
        [name for name in known if _says_something(name)]
        if statistics is None
        else several("statistics", statistics, "names of statistics")
    )
    for name in wanted:
        one_of("statistics", name, known)
    cells = list(_cells(one, other, wanted))
    if test is not None:
        one_of("test", test, get_args(Test))
    chosen = test or _fitting(one, other)
    tested = {place: found for place, found in zip(cells, _tested(chosen, one, other, cells), strict=True) if found}
    if not tested:
        raise OptionError(_nothing_in_common(chosen, one, other, cells=bool(cells)))
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)
    untested = Counter(cell.statistic for cell in cells if cell not in tested)
    empty = [name for name in wanted if untested[name] == sum(cell.statistic == name for cell in cells)]
    if statistics is not None and empty:
        alike = ", of like length" if chosen == "lengths" else ""
        raise OptionError(
            f"statistics: expected some that two texts of each survey have{alike}, got {', '.join(empty)}; leave them "
            "out, or survey texts that have them, as induction needs words that come again"
        )
    made = [_difference(cell, found, quantile) for cell, found in tested.items()]
    spread = [row for row in made if not math.isnan(row.p)]
    adjusted = holm([row.p for row in spread])
    still = [row for row in made if math.isnan(row.p)]
    moved = [row for row in still if abs(row.difference) >= UNIT]
    return Comparison(
        chosen,
        confidence,
        sorted((row._replace(adjusted=p) for row, p in zip(spread, adjusted, strict=True)), key=lambda row: -abs(row.effect)),
        sorted(moved, key=lambda row: -abs(row.difference)),
        len(still) - len(moved),
        (_mean_length(one), _mean_length(other)),
        (max(row.texts for row in made), max(row.other_texts for row in made)),
        _lone(one, other),
        _lone(other, one),
        dict(untested),
    )


class _Cell(NamedTuple):
    """One statistic of one head, and where it stands in each survey."""

    kind: str | None
    layer: int | None
    head: int
    statistic: str
    here: int
    there: int


def _cells(one: Survey, other: Survey, statistics: Sequence[str]) -> Iterator[_Cell]:
    mine, theirs = _places(one), _places(other)
    for place, here in mine.items():
        if place[3] in statistics and place in theirs:
            yield _Cell(*place, here, theirs[place])


def _places(survey: Survey) -> dict[tuple[str | None, int | None, int, str], int]:
    heads = survey.tally.totals.heads if survey.tally.totals else ()
    places = [(head.kind, head.layer, head.head, name) for head in heads for name in survey.statistics]
    return {place: cell for cell, place in enumerate(places)}


def _lone(one: Survey, other: Survey) -> list[Place]:
    """The heads that only the first has, in its order."""
    mine, theirs = (dict.fromkeys(place[:3] for place in _places(survey)) for survey in (one, other))
    return [place for place in mine if place not in theirs]


def _says_something(statistic: str) -> bool:
    """About a head, not only about the texts; unknown ones of a newer version, by their name only."""
    found = statistic_named(statistic)
    return found is not None and found.compared


def _totals(survey: Survey) -> Totals:
    if survey.tally.totals is None:
        raise OptionError(f"expected a survey of some texts, got {survey.about['model']['name']} on none")
    return survey.tally.totals


def _fitting(one: Survey, other: Survey) -> Test:
    """The test that the files are enough for."""
    totals = [survey.tally.totals for survey in (one, other)]
    if all(found is not None and found.texts is not None for found in totals):
        both = len(_same_texts(one, other)[0])
        if 2 * both >= max(survey.tally.texts for survey in (one, other)):
            return "paired"
    return "lengths" if all(found is None or found.strata for found in totals) else "means"


def _same_texts(one: Survey, other: Survey) -> tuple[list[int], list[int]]:
    """The rows of the texts that both have kept."""
    mine, theirs = (survey.kept_texts().numbered() for survey in (one, other))
    both = [key for key in mine if key in theirs]
    return [mine[key] for key in both], [theirs[key] for key in both]


def _tested(test: Test, one: Survey, other: Survey, cells: Sequence[_Cell]) -> Iterator[Tested | None]:
    """What a test finds in each cell; None where there are not two texts of either."""
    if not cells:
        return
    mine, theirs = _totals(one), _totals(other)
    if test == "paired":
        rows = _same_texts(one, other)
        values = [survey.kept_texts().values[chosen] for survey, chosen in zip((one, other), rows, strict=True)]
        for cell in cells:
            yield paired(*(part[:, at].astype(np.float64) for part, at in zip(values, (cell.here, cell.there), strict=True)))
    elif test == "means":
        for cell in cells:
            yield welch(mine.all.described(cell.here), theirs.all.described(cell.there))
    else:
        for name, totals in ((one.about["model"]["name"], mine), (other.about["model"]["name"], theirs)):
            if not totals.strata:
                raise OptionError(f"expected surveys with lengths, got {name} of an earlier version, without; test='means'")
        lengths = sorted(mine.strata.keys() & theirs.strata.keys())
        for cell in cells:
            pairs = [(mine.strata[at].described(cell.here), theirs.strata[at].described(cell.there)) for at in lengths]
            yield within_lengths(pairs)


def _nothing_in_common(test: Test, one: Survey, other: Survey, *, cells: bool) -> str:
    names = " and ".join(str(survey.about["model"]["name"]) for survey in (one, other))
    if not cells or test == "means":
        return (
            f"expected surveys with heads in common, got {names}: no head has the same kind, layer and number in both and was "
            "counted on two texts of each"
        )
    if test == "paired":
        return f"expected surveys of the same texts, got {names} with less than two in common; leave test out"
    spans = " and ".join(_span(_totals(survey)) for survey in (one, other))
    return (
        f"expected texts of like lengths, two of each survey, got {spans}; survey texts of the same lengths, or compare them "
        "whatever their lengths: test='means' (--test means)"
    )


def _span(totals: Totals) -> str:
    return f"{min(totals.strata)} to {max(totals.strata)} tokens"


def _mean_length(survey: Survey) -> float:
    return survey.tally.tokens / survey.tally.texts if survey.tally.texts else math.nan


def _difference(cell: _Cell, found: Tested, quantile: float) -> Difference:
    share = found.error / found.spread if found.spread else math.nan
    effect = found.difference / found.spread if found.spread else math.nan
    around = quantile * math.sqrt(share**2 + effect**2 * found.spread_error)
    p = two_sided(found.difference / found.error, found.freedom) if found.spread else math.nan
    return Difference(
        *(*cell[:4], *found.texts, *found.means, found.difference, found.error),
        *(effect, effect - around, effect + around, found.freedom, p, math.nan),
    )
