"""What a head may be called, and the number that gives it the name."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from regard.analysis.heads.registry import LARGEST_MASS, LOCAL, HeadStatistics, statistic_named
from regard.arguments import number, one_of, with_all
from regard.errors import DtypeError, in_short


class _Rule(NamedTuple):
    """What gives a head a role."""

    statistic: str
    least: float


_RULES = {
    "previous-token": _Rule("previous", 0.5),
    "next-token": _Rule("next", 0.5),
    "current-token": _Rule("own", 0.5),
    "positional": _Rule("offset_mass", 0.5),
    "induction": _Rule("induction", 0.5),
    "duplicate-token": _Rule("duplicate", 0.5),
    "sink": _Rule("first", 0.5),
    "special-token": _Rule("special", 0.5),
    "punctuation": _Rule("punctuation", 0.5),
    "local": _Rule("local", 0.8),
    "broad": _Rule("span/keys", 0.4),
}

THRESHOLDS: dict[str, float] = {role: rule.least for role, rule in _RULES.items()}
"""The least value that gives a head a role.

A role that says which keys a head looks at asks for half of its mass there, on average. "local" asks for 0.8 within the
smallest window, on maps of more than twice as many keys: on shorter ones every head is local. "broad" asks for an effective
span of 0.4 of the keys; a uniform causal head has about half of them, for an early row sees few.
"""


def definition_of_role(role: str, thresholds: Mapping[str, float]) -> str:
    """What gives a head a role: the statistic and the least value, and what the statistic is.

    Example:
        >>> definition_of_role("sink", THRESHOLDS)
        'first ≥ 0.5: mass on the first key'
    """
    rule = _RULES[role]
    known = statistic_named(rule.statistic.split("/")[0])
    return f"{rule.statistic} ≥ {thresholds[role]:g}" + (f": {known.meaning}" if known else "")


class Role(NamedTuple):
    """A name for what a head does here, and why it has it."""

    name: str
    statistic: str
    value: float
    threshold: float  #: the least value that gives the name

    def __str__(self) -> str:
        return f"{self.name} ({self.statistic} {self.value:.2f} ≥ {self.threshold:g})"


def roles_of(statistics: HeadStatistics, thresholds: Mapping[str, float] | None = None) -> tuple[Role, ...]:
    """The roles of a head on the text that was recorded: none, or several; always none where its rows are no shares.

    A role is a name for numbers, not for a cause: a head that looks at previous tokens may do so for any reason, and
    switching it off shows whether it matters. An induction head shows itself where tokens repeat; record it on such a text.

    | role | statistic |
    |---|---|
    | previous-token, next-token, current-token | previous, next, own |
    | positional | offset_mass, of an offset other than −1, 0 and 1 |
    | induction, duplicate-token | induction, duplicate |
    | sink, special-token, punctuation | first, special, punctuation |
    | local | local in the smallest window |
    | broad | span by keys |

    Args:
        statistics: of one head.
        thresholds: least values other than ``THRESHOLDS``, by role; above 1 switches a role off.

    Returns:
        The roles, each with the value that gave it and its threshold.

    Raises:
        OptionError: an unknown role, or a threshold that is no finite number.

    Example:
        >>> import torch
        >>> from regard import AttentionMap
        >>> from regard.analysis.heads.statistics import head_statistics
        >>> [found] = head_statistics(AttentionMap.from_dense(torch.eye(6).roll(1, dims=0)))
        >>> [str(role) for role in roles_of(found)]
        ['previous-token (previous 1.00 ≥ 0.5)']
    """
    with_all(
        "statistics", statistics, "the statistics of a head", ("shares", "flat"), advice="take them of head_statistics(...)"
    )
    least = checked_thresholds(thresholds)
    if not statistics.shares or statistics.mass > LARGEST_MASS:  # thresholds are of attention
        return ()
    known = statistics.flat()
    values = {role: (rule.statistic, float(known[rule.statistic])) for role, rule in _RULES.items() if rule.statistic in known}
    if statistics.offset in (-1, 0, 1) or math.isnan(statistics.offset):
        del values["positional"]
    window = min(statistics.local, default=None)
    if window is not None and statistics.keys > 2 * window:
        values["local"] = f"{LOCAL}{window}", statistics.local[window]
    values["broad"] = _RULES["broad"].statistic, statistics.span / statistics.keys if statistics.keys else math.nan
    return tuple(Role(role, *values[role], least[role]) for role in least if role in values and values[role][1] >= least[role])


def checked_thresholds(thresholds: Mapping[str, Any] | None) -> dict[str, float]:
    """``THRESHOLDS`` with those that are given in their place."""
    if not isinstance(thresholds, Mapping | None):
        raise DtypeError(f"thresholds: expected least values by role, got {in_short(thresholds)}; for example {{'broad': 0.4}}")
    for role, value in (thresholds or {}).items():
        one_of("thresholds", role, THRESHOLDS)
        number(f"thresholds[{role!r}]", value, advice=f"for example {{{role!r}: 0.4}}")
    return THRESHOLDS | dict(thresholds or {})
