"""The exercises as a page of the site: where each is done, what it asks, and whether it has been done."""

from __future__ import annotations

import json
from pathlib import Path

import exercise_cells
from notebook_pages import title
from regard import lessons

PLACE = "<!-- the list of exercises -->"


def write_page(page: Path, notebooks: Path) -> None:
    """Puts the list of exercises into a page of docs/.

    Raises:
        ValueError: the page has no place for it.
    """
    words = page.read_text(encoding="utf-8")
    if PLACE not in words:
        raise ValueError(f"expected the line {PLACE} in {page.name}, got none; put it where the list belongs")
    page.write_text(words.replace(PLACE, "\n".join(lines(notebooks))), encoding="utf-8")


def lines(notebooks: Path) -> list[str]:
    """A table a notebook; the script of the page fills the last column."""
    found = exercise_cells.places()
    said = []
    for stem in exercise_cells.PLACES:
        said += [
            "",
            f"## {title(notebooks / f'{stem}.ipynb')}",
            "",
            "| exercise | function | what it computes | state |",
            "|---|---|---|---|",
        ]
        for one in (exercise for exercise in lessons.exercises() if found[exercise.name] == stem):
            formula = "<br>".join(line.replace("|", "\\|").replace("<", "&lt;") for line in one.formula.splitlines())
            link = f"[{one.name}]({stem}.md#{exercise_cells.anchor(one)})"
            state = f'<span class="exercise-state" data-exercise={json.dumps(one.name)}></span>'
            said.append(f"| {link} | `{one.answer.__name__}` | {formula} | {state} |")
    return said
