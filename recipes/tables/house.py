"""Write the house in DESIGN.md: every module of the package, in the words of its own first line.

    python recipes/tables/house.py

A test compares, so that a module without a description, or one that is gone, does not stay unseen.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"(<!-- house: written by recipes/tables/house\.py -->\n```\n).*?(```\n<!-- house: end -->)", re.DOTALL)
COLUMN = 34  # where the words begin


def house_of(package: Path) -> str:
    """The package as a tree, a line each: folders by their ``__init__``, then their files, both in alphabetical order.

    Raises:
        ValueError: a module says nothing of itself.
    """
    return "\n".join([f"{package.name}/", *_lines(package, 1)]) + "\n"


def _lines(folder: Path, depth: int) -> list[str]:
    lines = []
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    folders = sorted(path.parent for path in folder.glob("*/__init__.py"))
    for path in sorted([*files, *folders], key=lambda path: path.name):
        name = "  " * depth + path.name + ("/" if path.is_dir() else "")
        words = first_line(path / "__init__.py" if path.is_dir() else path)
        lines.append(f"{name:<{COLUMN}} {words}" if len(name) < COLUMN else f"{name}  {words}")
        if path.is_dir():
            lines += _lines(path, depth + 1)
    return lines


def first_line(path: Path) -> str:
    """What a module says of itself, without the full stop."""
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not words:
        raise ValueError(f"{path}: expected a docstring that says what the module is for, got none; write one line")
    return " ".join(words.split("\n\n")[0].split()).removesuffix(".")


def with_house(page: str, house: str) -> str:
    """The page with this house between its marks.

    Raises:
        ValueError: the page has no place for it.
    """
    if not PLACE.search(page):
        raise ValueError("expected the marks of the house in the page, got none; put them back")
    return PLACE.sub(lambda marks: marks[1] + house + marks[2], page)


if __name__ == "__main__":
    page = ROOT / "DESIGN.md"
    page.write_text(with_house(page.read_text(encoding="utf-8"), house_of(ROOT / "src" / "regard")), encoding="utf-8")
