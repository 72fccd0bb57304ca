"""How many mechanisms there are, wherever a text says so, in figures or in words."""

import json
import re
from pathlib import Path

import pytest

import regard

ROOT = Path(__file__).parents[2]
ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = {
    f"{ten}-{one}" if one else ten: 10 * tens + units
    for tens, ten in enumerate(TENS, start=2)
    for units, one in enumerate(["", *ONES])
}
NUMBER = rf"\d{{2,3}}|(?:{'|'.join(TENS)})(?:-(?:{'|'.join(ONES)}))?"
COUNTED = re.compile(rf"(?<![\w.,-])({NUMBER})\s+(?:\w+\s+)?(?:cards|mechanisms)\b", re.IGNORECASE)


def counts_in(text):
    """Every number of cards or mechanisms that a text tells."""
    found = (said.lower() for said in COUNTED.findall(text))
    numbers = (WORDS.get(said) or int(said) for said in found)
    return [number for number in numbers if number >= 20]  # fewer are some of them: "the other twelve cards"


def text_of(page):
    """What is read of a file: cells and what they print; of the changelog, what is not yet released."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        outputs = (output.get("text", []) for cell in cells for output in cell.get("outputs", []))
        return "\n\n".join("".join(lines) for lines in [*(cell["source"] for cell in cells), *outputs])
    if page.name == "CHANGELOG.md":
        return "".join(re.split(r"(?m)^(?=## )", text)[:2])
    return text


PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("*.cff"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("recipes/**/*.md"),
        *ROOT.glob("notebooks/*.ipynb"),
        *ROOT.glob("src/**/*.py"),
    ]
)


def test_every_text_knows_how_many_mechanisms_there_are():
    told = {page.relative_to(ROOT).as_posix(): counts_in(text_of(page)) for page in PAGES}
    wrong = {page: counts for page, counts in told.items() if set(counts) - {len(regard.catalogue())}}
    assert wrong == {}, f"expected {len(regard.catalogue())} cards"
    assert told["notebooks/2_scores_masks_and_positions.ipynb"]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("a textbook on fifty-seven cards", [57]),
        ("Sixty mechanisms, and sixty-one\nreadable cards.", [60, 61]),
        ("58 cards, from 1964 to 2025", [58]),
        ("the other three cards, one card each, 12 cards of a family, 2025 mechanisms, 0.58 cards", []),
    ],
)
def test_numbers_are_found(text, counts):
    assert counts_in(text) == counts


def test_older_versions_keep_their_numbers(tmp_path):
    page = tmp_path / "CHANGELOG.md"
    page.write_text("# Changelog\n\n## [Unreleased]\n\n- thirty cards\n\n## [0.1]\n\n- twenty cards\n", encoding="utf-8")
    assert counts_in(text_of(page)) == [30]
