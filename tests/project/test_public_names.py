"""What the documents and notebooks tell readers to import is public: it stands in an ``__all__``, or in the textbook."""

import ast
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from regard import __all__ as names

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("notebooks/**/*.md")),
    *sorted(ROOT.glob("notebooks/*.ipynb")),
]
TEXTBOOK = "regard.mechanisms"  # its modules are there to be read
DOTTED = re.compile(r"(?<![\w./-])regard(?:\.\w+)+")
IMPORT = re.compile(r"^ *from (regard[\w.]*) import (\([^)]*\)|.+)$", re.MULTILINE)


@cache
def public_names(module):
    """What a module says is public; None where it says nothing, or where there is no such module."""
    place = SOURCES.joinpath(*module.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not path.is_file():
        return None
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return None


def is_module(name):
    place = SOURCES.joinpath(*name.split("."))
    return (place / "__init__.py").is_file() or place.with_suffix(".py").is_file()


def hidden(text):
    """The modules and names of a text that are not public."""
    found = set()
    for dotted in set(DOTTED.findall(text)):
        parts = dotted.split(".")
        module = next(name for n in range(len(parts), 0, -1) if is_module(name := ".".join(parts[:n])))
        if not module.startswith(TEXTBOOK) and public_names(module) is None:
            found.add(module)
    for module, imported in IMPORT.findall(text):
        if module.startswith(TEXTBOOK) or module in found:
            continue
        for name in ast.parse(f"from {module} import {imported}").body[0].names:
            whole = f"{module}.{name.name}"
            if name.name not in public_names(module) and public_names(whole) is None:
                found.add(whole)
    return found


def text_of(path):
    """What a reader reads: of a notebook, its cells without what they printed."""
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    return path.read_text(encoding="utf-8")


def test_documents_import_what_is_public():
    found = {f"{path.relative_to(ROOT)} {name}" for path in DOCUMENTS for name in hidden(text_of(path))}
    assert found == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from regard.analysis.flow.edges import rollout_edges\n", {"regard.analysis.flow.edges"}),
        ("```python\nimport regard.figures.panels as p\n```\n", {"regard.figures.panels"}),
        ("says `merge` of `regard.analysis.alignment.word_maps`", {"regard.analysis.alignment.word_maps"}),
        ("from regard.analysis.flow import (\n    rollout_edges,\n    max_flow,\n)\n", {"regard.analysis.flow.max_flow"}),
        ("from regard import heatmap, viewer\n", {"regard.viewer"}),
        ("from regard.errors import ShapeError, NoSuchError\n", {"regard.errors.NoSuchError"}),
        ("from regard.analysis.alignment import Rule as R, rank_heads\n", set()),
        ("from regard import lessons, masks\nfrom regard.mechanisms.card import Sizes\nregard.heatmap(x)\n", set()),
        ("frontend/regard.js and my.regard.viewer", set()),
    ],
    ids=["module", "import as", "prose", "name of a family", "name of regard", "no such name", "family", "public", "no module"],
)
def test_the_test_above_can_fail(text, found):
    assert hidden(text) == found


def packages_that_say():
    found = [path for path in SOURCES.rglob("*.py") if "\n__all__ = " in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__") for path in sorted(found)]


@pytest.mark.parametrize("module", packages_that_say())
def test_what_is_said_to_be_public_is_there(module):
    said = public_names(module)
    there = __import__(module, fromlist=["*"])
    assert {name for name in said if hasattr(there, name)} == said
    assert said == frozenset(there.__all__)
    assert list(there.__all__) == sorted(there.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_public_modules_are_few():
    assert set(packages_that_say()) == {
        "regard",
        "regard.analysis.alignment",
        "regard.analysis.caching",
        "regard.analysis.flow",
        "regard.analysis.heads",
        "regard.analysis.mixtures",
        "regard.analysis.passages",
        "regard.analysis.pictures",
        "regard.errors",
        "regard.interventions",
        "regard.lessons",
        "regard.masks",
        "regard.measures",
        "regard.tokens",
        "regard.translation",
        "regard.axes",
    }
    assert {"lessons", "measures"} <= set(names)
