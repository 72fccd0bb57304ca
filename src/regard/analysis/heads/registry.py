"""The statistics of a head, a row each; tables, surveys, pictures, the command line and tests loop over the rows.

A new one is a row in ``HeadStatistics``, its sum in ``sums.Pass`` and a witness in ``tests/witnesses/heads.py``;
``recipes/tables/table_of_statistics.py`` writes it into ``docs/analysis/heads.md``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_type_hints

from regard.analysis.heads.quantities import KEYS, NATS, OFFSET, POSITION, ROWS, SHARE, Statistic

WINDOWS = (8, 64)
"""Distances within which mass is called local, where no others are asked for."""

LOCAL = "local_"
"""What the statistic ``local`` is called in a table, before the width of its window."""

LARGEST_MASS = 1.01
"""The most that a row of shares sums to: weights rounded to bfloat16 are off by less."""


class HeadStatistics(NamedTuple):
    """One head in numbers. NaN is what has no meaning for its map.

    w[i, j] is the weight of query i on key j, m[i] = Σⱼ w[i, j] the mass of its row, H[i] its entropy, p(i) the key at the
    query's own position, t[j] the token of key j, n the number of keys, s[i] the number of keys that row i may see, c[j] the
    number of rows that may see key j. A statistic is the mean of its formula over the rows with m[i] > 0, of all sequences
    together, unless its formula says otherwise.

    Where rows are no shares of attention, as those of norm-weighted maps, ``shares`` is False, w[i, j] is the value by the mass
    of its row, and ``mass`` alone is what the map has.
    """

    kind: str | None  #: "encoder", "decoder", "cross" or "self"
    layer: int | None
    head: int
    name: str | None  #: of the module
    shares: bool  #: whether rows are shares of attention; others are divided by their mass, and have no role
    rows: Annotated[
        int,
        Statistic(
            ROWS,
            "rows that see something, of all sequences",
            "|{i: m[i] > 0}|",
            None,
            digits=0,
            compared=False,
            beside_map=False,
        ),
    ]
    masked_rows: Annotated[
        int,
        Statistic(
            ROWS,
            "rows without any weight; they are in no mean",
            "|{i: m[i] = 0}|",
            None,
            digits=0,
            compared=False,
            beside_map=False,
        ),
    ]
    keys: Annotated[
        float,
        Statistic(
            KEYS,
            "keys that a row could see without a mask: the length of the text",
            "n",
            "text",
            compared=False,
            beside_map=False,
        ),
    ]
    mass: Annotated[
        float,
        Statistic(
            SHARE,
            "sum of a row; less than 1 where a sink takes the rest, more where rows are no shares",
            "m[i], before rows that are no shares are divided by it",
        ),
    ]
    entropy: Annotated[
        float,
        Statistic(
            NATS,
            "in nats: 0 for one key, ln n where all get the same",
            "H[i] = −Σⱼ w[i, j] ln w[i, j]",
            heading="entropy",
            drawn=8,
        ),
    ]
    span: Annotated[
        float,
        Statistic(
            KEYS,
            "effective number of keys",
            "exp(H[i]/m[i] + ln m[i]): exp H[i] where m[i] = 1",
            heading="span",
            digits=1,
        ),
    ]
    span_90: Annotated[
        float,
        Statistic(
            KEYS,
            "fewest keys that hold 90 % of a row's mass",
            "the least k with (Σ of the k largest w[i, ·]) ≥ 0.9 m[i]; of long texts, over evenly chosen rows",
            over="rows_ranked",
            title="span of 90 %",
            digits=1,
        ),
    ]
    evenness: Annotated[
        float,
        Statistic(
            SHARE,
            "entropy by that of equal weights on the keys that the row may see: 0 for one key, 1 where all get the same",
            "(H[i]/m[i] + ln m[i]) / ln s[i], over the rows with s[i] > 1",
            over="rows_several",
            heading="even",
        ),
    ]
    distance: Annotated[
        float,
        Statistic(
            KEYS,
            "mean distance of the keys from the row's own position",
            "Σⱼ w[i, j] |p(i) − j|",
            needs="positions",
            heading="dist",
            drawn=7,
        ),
    ]
    own: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on the row's own key: diagonality",
            "w[i, p(i)], over the rows that have such a key",
            over="rows_own",
            needs="positions",
            heading="own",
            drawn=6,
        ),
    ]
    previous: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on the key before the row's own",
            "w[i, p(i) − 1], over the rows that have such a key",
            over="rows_previous",
            needs="positions",
            heading="prev",
            drawn=0,
        ),
    ]
    next: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on the key after the row's own",
            "w[i, p(i) + 1], over the rows that have such a key",
            over="rows_next",
            needs="positions",
        ),
    ]
    offset: Annotated[
        float,
        Statistic(
            OFFSET,
            "which key, counted from the row's own, gets most",
            "the d with the largest Σᵢ w[i, p(i) + d]",
            over="text",
            needs="positions",
            digits=0,
            compared=False,
        ),
    ]
    offset_mass: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on the key at the offset that gets most",
            "w[i, p(i) + d] of that d, over all rows: else one row would make the farthest offset",
            needs="positions",
            title="best offset",
        ),
    ]
    first: Annotated[float, Statistic(SHARE, "mass on the first key", "w[i, 0]", title="first token", heading="first", drawn=3)]
    sink: Annotated[
        float,
        Statistic(
            POSITION,
            "which key, counted from 0, takes most from the rows that may see it; of several texts, in most rows",
            "the j with the largest (Σᵢ w[i, j] − maxᵢ w[i, j]) / (c[j] − 1), where c[j] > 1 and c[j] ≥ ⅓ max c: one row "
            "alone, which is left out, makes no sink",
            over="text",
            heading="sink",
            digits=0,
            compared=False,
        ),
    ]
    sink_mass: Annotated[
        float,
        Statistic(
            SHARE,
            "mean mass that the sink takes from the rows that may see it, the one that gives most left out",
            "(Σᵢ w[i, j] − maxᵢ w[i, j]) / (c[j] − 1) of that j",
            over="text",
            title="mass of the sink",
            heading="takes",
        ),
    ]
    special: Annotated[
        float,
        Statistic(SHARE, "mass on special tokens", "Σ w[i, j] over those keys j", needs="names", heading="spec", drawn=4),
    ]
    punctuation: Annotated[
        float,
        Statistic(SHARE, "mass on punctuation", "Σ w[i, j] over those keys j", needs="names", heading="punct", drawn=5),
    ]
    repeats: Annotated[
        float,
        Statistic(
            SHARE,
            "share of the rows whose token has occurred before: duplicate and induction are means over these",
            "1 where t[p(i)] is equal to an earlier t[j], j < p(i), else 0",
            needs="repeats",
            compared=False,
        ),
    ]
    duplicate: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on earlier equal tokens, of the rows whose token has occurred before",
            "Σ w[i, j] over those j, over those rows",
            over="rows_repeating",
            needs="repeats",
            heading="dup",
            drawn=2,
        ),
    ]
    induction: Annotated[
        float,
        Statistic(
            SHARE,
            "mass on what came after earlier equal tokens, of the same rows: the head continues what it has seen",
            "Σ w[i, j + 1] over those j, over those rows",
            over="rows_repeating",
            needs="repeats",
            heading="induct",
            drawn=1,
        ),
    ]
    local: Annotated[
        dict[int, float],
        Statistic(
            SHARE,
            "mass closer than this many tokens",
            "Σ w[i, j] over |p(i) − j| < window",
            needs="positions",
            heading="local",
        ),
    ]
    received_gini: Annotated[
        float,
        Statistic(
            SHARE,
            "how unequally keys are looked at",
            "Σⱼ (2j − n − 1) r[j] / (n Σⱼ r[j]) with r[j] = Σᵢ w[i, j] in ascending order, j from 1 to n: 0 where all keys "
            "receive the same, 1 − 1/n where one gets all",
            over="text",
            title="received: Gini",
            heading="gini",
            drawn=9,
        ),
    ]
    received_per_row_gini: Annotated[
        float,
        Statistic(
            SHARE,
            "how unequally keys are looked at by the rows that may see them: early keys of causal maps are seen by more",
            "the same with r[j] = Σᵢ w[i, j] / c[j], of the keys with c[j] > 0",
            over="text",
            title="received per row: Gini",
        ),
    ]

    def flat(self) -> dict[str, Any]:
        """The statistics by name, windows as ``local_8`` and so on, in the order of the table."""
        found: dict[str, Any] = {}
        for name, value in self._asdict().items():
            found |= {f"{LOCAL}{window}": mass for window, mass in value.items()} if name == "local" else {name: value}
        return found


STATISTICS: dict[str, Statistic] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(HeadStatistics, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
"""By name, in the order of the table."""

PLACES = tuple(name for name in HeadStatistics._fields if name not in STATISTICS)
"""The fields that say which head it is."""


DRAWN = tuple(name for _, name in sorted((known.drawn, name) for name, known in STATISTICS.items() if known.drawn is not None))
"""The statistics that are drawn where no others are asked for, as far as they are there."""


def drawn_of(names: Sequence[str]) -> list[str]:
    """Those of the names that are drawn where no others are asked for; all of them where none is.

    Example:
        >>> drawn_of(["entropy", "mood", "previous"]), drawn_of(["mood"])
        (['previous', 'entropy'], ['mood'])
    """
    return [name for name in DRAWN if name in names] or list(names)


def in_table(windows: Sequence[int]) -> dict[str, Statistic]:
    """The statistics by the names that they have in a table, in its order: ``local`` once for each window.

    Example:
        >>> list(in_table((8,)))[-3:]
        ['local_8', 'received_gini', 'received_per_row_gini']
    """
    found: dict[str, Statistic] = {}
    for name, known in STATISTICS.items():
        found |= dict.fromkeys([f"{LOCAL}{window}" for window in windows] if name == "local" else [name], known)
    return found


def statistic_named(name: str) -> Statistic | None:
    """What is known of a column of the table; None of one that is no statistic of this version.

    Example:
        >>> statistic_named("local_8").meaning, statistic_named("entropy").quantity.edges[:3], statistic_named("mood")
        ('mass closer than this many tokens', (0.0, 0.25, 0.5), None)
    """
    window = name.removeprefix(LOCAL)
    return STATISTICS["local"] if window != name and window.isdecimal() else STATISTICS.get(name)


def title_of(name: str) -> str:
    """What stands above the picture of a column.

    Example:
        >>> title_of("received_gini"), title_of("local_8")
        ('received: Gini', 'local 8')
    """
    found = statistic_named(name)
    return (found.title if found else None) or name.replace("_", " ")


def highest_of(name: str) -> float | None:
    """Where the scale of a column ends in pictures; None for its largest value."""
    found = statistic_named(name)
    return found.quantity.highest if found else None


def definition_of(name: str) -> str:
    """What a column is, in words and as a formula: what stands where the column is shown. Empty for what is no statistic.

    Example:
        >>> definition_of("first"), definition_of("mood")
        ('mass on the first key; w[i, 0]', '')
    """
    found = statistic_named(name)
    return f"{found.meaning}; {found.formula}" if found else ""


def head_row(
    kind: str | None,
    layer: int | None,
    head: int,
    name: str | None,
    values: Mapping[str, float],
    windows: Sequence[int],
    *,
    shares: bool = True,
) -> HeadStatistics:
    """The row of a head from its values by the names of the table; a statistic that is not there is NaN."""
    fields: dict[str, Any] = {one: values.get(one, math.nan) for one in STATISTICS}
    for one, known in STATISTICS.items():
        if known.over is None and not math.isnan(fields[one]):
            fields[one] = int(fields[one])
    fields["local"] = {window: values.get(f"{LOCAL}{window}", math.nan) for window in windows}
    return HeadStatistics(kind=kind, layer=layer, head=head, name=name, shares=shares, **fields)
