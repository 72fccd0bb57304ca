"""What the documents say is run, and what they point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*.md"), *ROOT.glob("src/**/*.md")])
BLOCKS = [
    pytest.param(page, block, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_code_in_documents_runs(page, block, tmp_path, monkeypatch, capsys):
    # The model card speaks from the root of a clone; everything else may write where it stands.
    monkeypatch.chdir(ROOT if page.parent.name == "model_eng_fra" else tmp_path)
    exec(compile(block, str(page), "exec"), {"__name__": "__main__"})  # noqa: S102 - the documents are ours
    if "print(" in block:
        assert capsys.readouterr().out


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


def test_design_names_every_room():
    design = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
    for path in (ROOT / "src" / "regard").rglob("*.py"):
        if path.name != "__init__.py":
            assert path.name in design, path
