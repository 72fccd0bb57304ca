"""Every public name has an example that runs: beside it for the names of ``regard``, somewhere for those of its families."""

import doctest
import importlib
import inspect
import re
from functools import cache

import nbformat
import pytest
from test_docs import PAGES, ROOT, blocks_of
from test_public_names import packages_that_say

import regard

ELSEWHERE = {"show": "opens a browser outside of a notebook; notebooks run it"}


def documented(value):
    """The docstrings of a name: its own, and those of its methods."""
    members = vars(value).values() if inspect.isclass(value) else ()
    return "\n".join(inspect.getdoc(one) or "" for one in (value, *members) if inspect.isroutine(one) or one is value)


@cache
def all_that_runs():
    """Code of docstrings, pages and notebooks; what is skipped does not run."""
    parser = doctest.DocTestParser()
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "regard").rglob("*.py")]
    examples = [one.source for text in texts if ">>>" in text for part in re.findall(r'"""(.*?)"""', text, re.DOTALL)
                for one in parser.get_examples(part)]  # fmt: skip
    pages = [block for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"))]
    notebooks = [
        cell.source
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]
    return "\n".join([*(one for one in examples if "+SKIP" not in one), *pages, *notebooks])


@pytest.mark.parametrize("name", [name for name in regard.__all__ if regard._HOME[name]])
def test_a_name_of_regard_has_an_example_beside_it(name):
    if name in ELSEWHERE:
        assert f"regard.{name}(" in all_that_runs()
    else:
        assert ">>> " in documented(getattr(regard, name))


@pytest.mark.parametrize("module", [module for module in packages_that_say() if module not in ("regard", "regard.errors")])
def test_a_name_of_a_family_is_used_where_it_runs(module):
    there = importlib.import_module(module)
    functions = [name for name in there.__all__ if inspect.isfunction(getattr(there, name))]
    assert [name for name in functions if not re.search(rf"\b{name}\(", all_that_runs())] == []


def test_the_tests_above_can_fail():
    assert ">>> " not in documented(lambda: None)
    assert not re.search(r"\bno_such_name\(", all_that_runs())
