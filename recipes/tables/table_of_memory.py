"""Write the tables of docs/mechanisms/memory.md: what models keep while they decode, and what others have said of it.

    python recipes/tables/table_of_memory.py

A test compares, so that the page and the layouts do not say two things.
"""

from __future__ import annotations

import re
from pathlib import Path

from regard.amounts import bytes_text
from regard.mechanisms.layouts.models import LAYOUTS, PUBLISHED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mechanisms" / "memory.md"
PLACE = re.compile(
    r"(<!-- memory: written by recipes/tables/table_of_memory\.py -->\n\n).*?(\n<!-- memory: end -->)", re.DOTALL
)
TOKENS = (4096, 32_768, 131_072)


def tables() -> str:
    """What each layout keeps, in bfloat16, and then each published figure beside ours."""
    rows = [
        "| model | layers | bytes of one more token at 131,072 | " + " | ".join(f"{n:,} tokens" for n in TOKENS) + " |",
        "|---|---|---|" + "---|" * len(TOKENS),
    ]
    for name, layout in LAYOUTS.items():
        kept = " | ".join(bytes_text(layout.kept(n)) for n in TOKENS)
        rows.append(f"| {name} | {layout} | {layout.kept_by_next_token(131_072):,} | {kept} |")
    rows += ["", "| model | tokens | published | computed | source |", "|---|---|---|---|---|"]
    for one in PUBLISHED:
        digits = len(one.said.partition(".")[2])
        rows.append(
            f"| {one.model} | {one.tokens:,} | {one.said} {one.unit} | {one.computed():.{digits}f} {one.unit} | {one.source} |"
        )
    return "\n".join(rows) + "\n"


def with_tables(page: str, written: str) -> str:
    """The page with these tables between its marks.

    Raises:
        ValueError: the page has no place for them.
    """
    if not PLACE.search(page):
        raise ValueError("expected the marks of the memory tables in the page, got none; put them back")
    return PLACE.sub(lambda marks: marks[1] + written + marks[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
