"""Write the table of docs/analysis/heads.md: every statistic of a head, in the words and formulas of the registry.

    python recipes/tables/table_of_statistics.py

A test compares, so that the page and the registry do not say two things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from regard.analysis.heads.quantities import Statistic
from regard.analysis.heads.registry import WINDOWS, in_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysis" / "heads.md"
PLACE = re.compile(
    r"(<!-- statistics: written by recipes/tables/table_of_statistics\.py -->\n\n).*?(\n<!-- statistics: end -->)", re.DOTALL
)


def table_of(statistics: Mapping[str, Statistic]) -> str:
    """The statistics as a table in Markdown, a row for each column of the table of heads."""
    rows = ["| column | what it is | formula |", "|---|---|---|"]
    for name, known in statistics.items():
        meaning, formula = (text.replace("|", r"\|") for text in (known.meaning, known.formula))
        rows.append(f"| `{name}` | {meaning} | {formula} |")
    return "\n".join(rows) + "\n"


def with_table(page: str, table: str) -> str:
    """The page with this table between its marks.

    Raises:
        ValueError: the page has no place for it.
    """
    if not PLACE.search(page):
        raise ValueError("expected the marks of the statistics in the page, got none; put them back")
    return PLACE.sub(lambda marks: marks[1] + table + marks[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table_of(in_table(WINDOWS))), encoding="utf-8")
