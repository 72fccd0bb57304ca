"""The page of models of other libraries is well formed, and some of its rows are what comes of these models here."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import table_of_libraries as recipe
from own_runs import outcome

PAGE = (Path(__file__).parents[2] / "docs" / "recorded_libraries.md").read_text(encoding="utf-8")
WORDS = {"exact", "dense", "in part", "refused", "not tried"}
PACKAGES = {"open_clip_torch": "open_clip"}
SOME = 3
"""Models of each installed library that are tried again."""


def sections(page):
    """Of each library: how many models its section says there are of each outcome, and its rows."""
    found = {}
    for part in page.split("\n## ")[1:]:
        name, _, text = part.partition("\n")
        said = re.findall(r"(\d+) ([a-z ]+)(?=[,:.])", text.split("|", 1)[0])
        rows = [line.strip("| ").split(" | ", 2) for line in text.splitlines() if line.startswith("| `")]
        found[name] = {what: int(number) for number, what in said}, rows
    return found


def faults(page):
    """What is wrong with a page: rows that its counts do not fit, unknown outcomes, models that stand there twice."""
    found = []
    for name, (said, rows) in sections(page).items():
        words = [row[1] for row in rows]
        counted = {word: words.count(word) for word in set(words)} | {"models": len(rows)}
        if said != counted:
            found.append(f"{name} says {said}, and has {counted}")
        found += [f"{name}: {' '.join(row)}" for row in rows if len(row) != 3 or row[1] not in WORDS or not row[2].strip()]
        if len({row[0] for row in rows}) != len(rows):
            found.append(f"{name} has a model twice")
    return found


def test_the_page_is_well_formed():
    assert list(sections(PAGE)) == list(recipe.libraries())
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| exact |", "| differs |", "timm: "),
        ("| exact |", "| dense |", "timm says"),
        ("`vit_tiny_patch16_224`", "`csatv2`", "timm has a model twice"),
    ],
)
def test_the_check_can_fail(old, new, said):
    assert any(fault.startswith(said) for fault in faults(PAGE.replace(old, new, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("library", recipe.libraries())
def test_rows_of_installed_libraries_are_those_of_the_page(library):
    package = PACKAGES.get(library, library.replace("-", "_"))
    if find_spec(package) is None:
        pytest.skip(f"{library} is not installed")
    rows = {row[0].strip("`"): row[1] for row in sections(PAGE)[library][1]}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for entry in recipe.libraries()[library]()[:SOME]:
            assert outcome(entry).word == rows[entry.name], entry.name
    finally:
        torch.set_num_threads(threads)
        torch.backends.mha.set_fastpath_enabled(True)
