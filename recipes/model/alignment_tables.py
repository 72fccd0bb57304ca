"""The tables of ``measure_alignment.py``, and the table of heads as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import regard
from regard.analysis.alignment import Ranked, Ranking, Reading, Rule, Scores

METHODS = ("argmax", "mutual", "itermax", "threshold")

Cells = dict[tuple[Reading, str], Ranked]  # by reading and method


def cells_of(ranked: Sequence[Ranked], on_dev: Sequence[Ranked]) -> Cells:
    """Each reading and method with the threshold and sinks that were best for it on the dev pairs."""
    best: dict[tuple[Reading, str], Rule] = {}
    for one in on_dev:
        best.setdefault((one.readings[0], one.rule.method), one.rule)
    found = {(one.readings[0], one.rule): one for one in ranked}
    return {(reading, method): found[reading, rule] for (reading, method), rule in best.items()}


def table_of_heads(cells: Cells) -> list[str]:
    """Layer, head and rows by method."""
    lines = [f"| layer | head | row | {' | '.join(METHODS)} |", f"|---|---|---|{'---|' * len(METHODS)}"]
    for reading in sorted({reading for reading, _ in cells}):
        chosen = [(cells[reading, method].rule, cells[reading, method].scores.aer) for method in METHODS]
        texts = [f"{aer:.3f} ({rule.threshold:g}{'*' * (rule.sinks == 'special')})" for rule, aer in chosen]
        lines.append(f"| {reading.layer} | {reading.head} | {reading.rows} | {' | '.join(texts)} |")
    return lines


def pictures_of_heads(page: Path | None, cells: Sequence[Ranked]) -> list[str]:
    """Draws the table for a page, in both themes; the lines of the page that show it."""
    if page is None:
        return []
    folder = page.parent / "images"
    folder.mkdir(exist_ok=True)
    lines = []
    for theme, ending in (("light", ""), ("dark", "-dark")):
        (path,) = regard.save(Ranking(cells), folder / f"{page.stem}{ending}.png", dpi=150, theme=theme)
        lines.append(f"![Alignment error rate of every head, by method and rows]({folder.name}/{path.name}#only-{theme})")
    return [*lines, ""]


def told(choice: Ranked) -> str:
    """A choice in words."""
    times = Counter(choice.readings)
    heads = " + ".join(f"{f'{count} × ' if count > 1 else ''}layer {r.layer} head {r.head}" for r, count in times.items())
    rule = choice.rule
    return f"{heads}, {choice.readings[0].rows} rows, {rule.method}, weight above {rule.threshold:g}, sinks: {rule.sinks}"


def line(name: str, found: Scores) -> str:
    """AER, precision and recall as a row."""
    return f"| {name} | {found.aer:.3f} | {found.precision:.3f} | {found.recall:.3f} |"
