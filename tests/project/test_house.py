"""The house: its plan is true, its rooms keep their private names, and no modules stand in a circle."""

import shutil
from pathlib import Path

import pytest

from house import first_line, house_of, with_house
from support.private_names import private_uses

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "regard"
DESIGN = (ROOT / "DESIGN.md").read_text(encoding="utf-8")


def test_the_plan_of_the_house_is_true():
    assert with_house(DESIGN, house_of(PACKAGE)) == DESIGN, "call python recipes/tables/house.py"


@pytest.mark.slow
def test_a_module_that_is_not_listed_is_seen(tmp_path):
    copy = tmp_path / "regard"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("model_eng_fra", "static", "__pycache__"))
    assert house_of(copy) == house_of(PACKAGE)
    (copy / "server" / "scores.py").write_text('"""As a file of another room is called."""\n', encoding="utf-8")
    assert with_house(DESIGN, house_of(copy)) != DESIGN


def test_a_module_says_what_it_is_for(tmp_path):
    (tmp_path / "silent.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"silent.py: expected a docstring"):
        first_line(tmp_path / "silent.py")
    with pytest.raises(ValueError, match="expected the marks of the house"):
        with_house("no marks", "")


@pytest.mark.slow
def test_no_room_reads_another_rooms_private_names():
    assert private_uses(PACKAGE) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from regard.below.kept import _hidden\n", ["above/reads.py:1 _hidden"]),
        ("def read(box):\n    return box._inside\n", ["above/reads.py:2 _inside"]),
        ("from regard.below import kept\n\nkept._hidden()\n", ["above/reads.py:3 _hidden"]),
        ("class Own:\n    def read(self):\n        return self._inside\n", []),
        ("from regard.below.kept import shown\n\nshown()._replace(a=1)\n", []),
    ],
    ids=["import", "attribute", "function of a module", "one's own", "a named tuple's"],
)
def test_the_test_above_can_fail(tmp_path, text, found):
    package = tmp_path / "regard"
    kept = "def _hidden(): ...\ndef shown(): ...\nclass Box:\n    def __init__(self):\n        self._inside = 1\n"
    for place, source in {"below/kept.py": kept, "above/same_names.py": kept, "above/reads.py": text}.items():
        (package / place).parent.mkdir(parents=True, exist_ok=True)
        (package / place).write_text(source, encoding="utf-8")
    assert private_uses(package) == found
