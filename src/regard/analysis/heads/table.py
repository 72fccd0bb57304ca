"""The table of heads: as data, as a DataFrame, as text."""

import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from regard.analysis.heads.registry import LOCAL, STATISTICS, WINDOWS, HeadStatistics, definition_of, statistic_named
from regard.analysis.heads.roles import checked_thresholds, definition_of_role, roles_of
from regard.analysis.heads.statistics import head_statistics
from regard.arguments import one_of, several, with_all

if TYPE_CHECKING:
    from regard.analysis.heads.data_frame import HeadTable

TEXT_COLUMNS = tuple(name for name, known in STATISTICS.items() if known.heading is not None)
"""What the table shows as text: as much as fits a wide terminal."""

NOTE_WIDTH = 120
"""Letters of a line below the table as text."""

_LABELS = ("kind", "layer", "head")


def heads(
    recording: Any,
    *,
    tokens: Any = None,
    queries: Any = None,
    keys: Any = None,
    special: Collection[str] | None = None,
    windows: Sequence[int] = WINDOWS,
    thresholds: Mapping[str, float] | None = None,
    sort: str | None = None,
) -> "HeadTable":
    """The table of heads as a pandas DataFrame, one row a head: its statistics, and the roles that they give it.

    The formulas are those of ``head_statistics``, which is the same table without pandas; the roles those of ``roles_of``.

    Args:
        recording: a Recording, maps, one map, or weights as ``regard.Recording.of`` takes them.
        tokens: texts or ids of the positions, special tokens included, in place of the maps' own; as in ``regard.page``.
        queries: of the rows alone.
        keys: of the keys alone, where they are another text than the rows.
        special: tokens that stand for no text; known by their names where not given.
        windows: widths in which mass is local: columns ``local_8`` and so on.
        thresholds: least values that give a role, in place of ``regard.analysis.heads.THRESHOLDS``.
        sort: a column to sort by, the largest first; the order of the recording where not given.

    Returns:
        The DataFrame, which draws itself: ``table.figure()``, ``table[table.kind == "encoder"].figure("previous")``. Its column
        ``roles`` has their names, split by commas; ``table.attrs["thresholds"]`` what gave them. What each column and role is
        stands in ``table.attrs["definitions"]``, and in a notebook over the head of the column and below the table.

    Raises:
        ImportError: pandas is not installed.
        OptionError, RecordingError, ShapeError, ScoreError, DtypeError: as ``head_statistics``; an unknown role or column.

    Example:
        >>> import regard
        >>> table = regard.heads(regard.translate("No.").recording, sort="previous")  # doctest: +SKIP
        >>> table[table.roles.str.contains("previous-token")]  # doctest: +SKIP
    """
    try:
        from regard.analysis.heads.data_frame import HeadTable
    except ImportError as error:
        raise ImportError(
            "expected pandas for a DataFrame, got none; pip install pandas, or take the same table as a list: "
            "regard.analysis.heads.head_statistics(recording)"
        ) from error
    found = head_statistics(recording, tokens=tokens, queries=queries, keys=keys, special=special, windows=windows)
    found = sorted_heads(found, sort)
    table = HeadTable(table_rows(found, thresholds))
    table.attrs["thresholds"] = checked_thresholds(thresholds)
    table.attrs["definitions"] = definitions(table.columns, table.attrs["thresholds"])
    return table


def definitions(columns: Iterable[str], thresholds: Mapping[str, float]) -> dict[str, str]:
    """What columns of the table are, by name, and then what gives a head each role.

    Example:
        >>> list(definitions(["layer", "first"], {"sink": 0.5}).items())
        [('first', 'mass on the first key; w[i, 0]'), ('sink', 'first ≥ 0.5: mass on the first key')]
    """
    found = {name: definition_of(name) for name in columns if statistic_named(name)}
    return found | {role: definition_of_role(role, thresholds) for role in thresholds}


def table_rows(found: Sequence[HeadStatistics], thresholds: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """The rows of the table, by column: the statistics, and under "roles" the names of the roles, split by commas.

    Raises:
        DtypeError: they are no statistics of heads.
    """
    found = several("found", found, "statistics of heads", advice="as head_statistics gives it")
    for one in found:
        with_all("found", one, "statistics of heads", ("flat", "shares"), advice="as head_statistics gives them")
    return [one.flat() | {"roles": ", ".join(role.name for role in roles_of(one, thresholds))} for one in found]


def sorted_heads(found: Sequence[HeadStatistics], by: str | None) -> list[HeadStatistics]:
    """The heads by a statistic, the largest first and NaN last; as they are where it is None.

    Raises:
        OptionError: no such statistic.

    Example:
        >>> import torch
        >>> from regard import AttentionMap
        >>> found = head_statistics(AttentionMap.from_dense(torch.stack([torch.full((3, 3), 1 / 3), torch.eye(3)])))
        >>> [one.head for one in sorted_heads(found, "own")]
        [1, 0]
    """
    if by is None:
        return list(found)
    numbers = [name for name, value in found[0].flat().items() if type(value) in (int, float)] if found else [by]
    one_of("sort", by, numbers)

    def rank(one: HeadStatistics) -> float:
        value = float(one.flat()[by])
        return math.inf if math.isnan(value) else -value

    return sorted(found, key=rank)


def heads_text(
    found: Sequence[HeadStatistics],
    thresholds: Mapping[str, float] | None = None,
    columns: Sequence[str] = TEXT_COLUMNS,
) -> str:
    """The table as text, with the roles and, below, what gave them and what the columns are. One without a number is left out.

    Args:
        found: the heads.
        thresholds: as in ``heads``.
        columns: statistics by name, "local" for all windows.

    Example:
        >>> import torch
        >>> from regard import AttentionMap
        >>> found = head_statistics(AttentionMap.from_dense(torch.eye(20).roll(1, dims=0)))
        >>> print(heads_text(found, columns=["entropy", "previous", "local"]))
        head  entropy  prev  local_8  local_64  roles
           0     0.00  1.00     0.95      1.00  previous-token, local
        <BLANKLINE>
        previous-token: previous ≥ 0.5; local: local_8 ≥ 0.8
        entropy – in nats: 0 for one key, ln n where all get the same; prev – mass on the key before the row's own; local_8 –
        mass closer than this many tokens; local_64 – mass closer than this many tokens
    """
    least = checked_thresholds(thresholds)
    rows = table_rows(found, least)
    if not rows:
        return "no heads"
    several_kinds = len({row["kind"] for row in rows}) > 1
    windows = [name for name in rows[0] if name.startswith(LOCAL)]
    for column in (columns := several("columns", columns, "names", advice="for example ['entropy', 'previous']")):
        one_of("columns", column, [*rows[0], "local"])
    wanted = [name for column in columns for name in (windows if column == "local" else [column])]
    shown = [
        *(name for name in _LABELS if any(row[name] is not None for row in rows) and (name != "kind" or several_kinds)),
        *(name for name in wanted if any(not math.isnan(row[name]) for row in rows)),
    ]
    lines = [[_heading(name) for name in shown], *([_cell(name, row[name]) for name in shown] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(shown))]
    ends = ["roles", *(row["roles"] for row in rows)]
    text = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), end]).rstrip()
        for line, end in zip(lines, ends, strict=True)
    ]
    reasons = {
        role.name: f"{role.name}: {role.statistic} ≥ {role.threshold:g}" for one in found for role in roles_of(one, least)
    }
    notes = ["; ".join(reasons[role] for role in least if role in reasons)]
    if not all(one.shares for one in found):
        notes.append("rows that are no shares of attention: divided by their mass (column mass), without roles")
    meanings = {_heading(name): known.meaning for name in shown if (known := statistic_named(name))}
    notes += textwrap.wrap("; ".join(f"{heading} – {meaning}" for heading, meaning in meanings.items()), NOTE_WIDTH)
    return "\n".join([*text, "", *filter(None, notes)]).rstrip()


def _heading(name: str) -> str:
    """Of a column of the text; a window's is its name."""
    known = STATISTICS.get(name)
    return (known.heading if known else None) or name


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value
    known = statistic_named(name)
    digits = known.digits if known else 0  # layers and heads are numbered
    if digits == 0:
        return f"{value:.0f}".replace("-", "−")
    return f"{value:.{1 if value >= 100 else digits}f}"
