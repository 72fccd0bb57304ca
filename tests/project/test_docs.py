"""What the documents say is run, and what they point to is there."""

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*.md"), *ROOT.glob("src/**/*.md")])
FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]*?) ?-->\n+)?"
    r"^ *(?P<marks>`{3,}|~{3,})(?P<language>[^\n]*)\n(?P<code>.*?)^ *(?P=marks) *$",
    re.MULTILINE | re.DOTALL,
)
PYTHON = re.compile(r"^ *(?:>>> |import \w|from [\w.]+ import )", re.MULTILINE)


def blocks_of(text):
    """The Python of a page that is to be run, as it stands there.

    Code that cannot be run has a line above that says why: <!-- not run: it needs a model of 140 GB -->
    """
    found = []
    for fence in FENCE.finditer(text):
        language, code, reason = fence["language"].strip(), textwrap.dedent(fence["code"]), fence["reason"]
        if reason is not None:
            assert len(reason) > 10, f"expected a reason after 'not run:', got {reason!r}"
        elif language == "python":
            found.append(code)
        else:
            assert not PYTHON.search(code), f"Python never run, in a block of {language or 'no language'}: {code[:60]!r}"
            assert not language.startswith("py"), f"expected ```python, which is run, got ```{language}"
    return found


BLOCKS = [
    pytest.param(page, block, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, block in enumerate(blocks_of(page.read_text(encoding="utf-8")))
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_code_in_documents_runs(page, block, tmp_path, monkeypatch, capsys):
    # The model card speaks from the root of a clone; everything else may write where it stands.
    monkeypatch.chdir(ROOT if page.parent.name == "model_eng_fra" else tmp_path)
    exec(compile(block, str(page), "exec"), {"__name__": "__main__"})  # noqa: S102 - the documents are ours
    if "print(" in block:
        assert capsys.readouterr().out


def test_no_python_of_a_page_is_left_out():
    assert blocks_of("```python\n1\n```\ntext\n~~~~python\n2\n~~~~\n") == ["1\n", "2\n"]
    assert blocks_of("- in a list\n\n    ```python\n    if 1:\n        2\n    ```\n") == ["if 1:\n    2\n"]
    assert blocks_of("<!-- not run: it needs a model of 140 GB -->\n```python\n1\n```\n") == []
    assert blocks_of("```\nmake test\n```\n```json\n{}\n```\n") == []
    for text, message in (
        ("<!-- not run: -->\n```python\n1\n```\n", "expected a reason"),
        ("```py\n1\n```\n", "expected ```python"),
        ("```pycon\n1\n```\n", "expected ```python"),
        ("```python title=x\n1\n```\n", "expected ```python"),
        ("```\nimport regard\n```\n", "Python never run"),
        ("```text\n>>> 1\n```\n", "Python never run"),
    ):
        with pytest.raises(AssertionError, match=message):
            blocks_of(text)


def test_the_readme_has_code_to_run():
    assert sum(block.id.startswith("README.md") for block in BLOCKS) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    for target in targets:
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_shows_a_picture_before_its_code():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.index("<img") < text.index("```python") < 1200


def test_no_file_names_a_machine():
    for page in PAGES:
        assert not re.search(r"/(work|root|home|tmp)/", page.read_text(encoding="utf-8")), page
