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
    if page.parent.name != "how_to"  # whose blocks go on from each other: test_how_to.py
    and page.name != "gallery.md"  # whose models are trained: test_gallery.py
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
    assert sum(block.id.startswith("README.md") for block in BLOCKS) >= 2


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


def test_the_first_screen_has_what_a_newcomer_asks():
    """How to install, one's own model, a number with its table, the course, the two commands; no word that loses a student."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    screen = text[: text.index("## Where to go on")]
    for part in (
        "pip install .",
        "regard.translate(",
        "regard.record(model)",
        "benchmarks/RESULTS.md",
        "make demo",
        "make test",
    ):
        assert part in screen, part
    assert {"docs/course/index.md", "docs/index.md"} <= set(re.findall(r"\]\(([^)#]+)\)", text))
    assert not re.search(r"(?i)fused|kernel|logsumexp|lazy|factors|SDPA", screen)
    assert [len(block.values[1].split("\n\n", 1)[1].splitlines()) <= 8 for block in BLOCKS if block.id == "README.md:0"] == [
        True
    ]


def test_numbers_of_the_first_screens_are_those_of_their_table():
    table = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    recorded = re.search(r"forward under `regard.record` \| 8,192 .*?\*\*(\d\.\d\d)×\*\*", table)[1]
    eager = re.search(r"`output_attentions=True` \| 4,096 .*?\*\*(\d\.\d)\d×\*\*", table)[1]
    for name in ("README.md", "docs/index.md"):
        assert f"**{recorded} times**" in (ROOT / name).read_text(encoding="utf-8")
    assert f"takes {eager} times as long at half of that length" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_file_names_a_machine():
    for page in PAGES:
        assert not re.search(r"/(work|root|home|tmp)/", page.read_text(encoding="utf-8")), page
