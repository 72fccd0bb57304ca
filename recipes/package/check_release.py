"""Whether a tag is what the sources say of themselves.

    python recipes/package/check_release.py v0.2.0

The version stands in ``src/regard/version.py``; CITATION.cff, the recipe of conda and the newest section of the changelog
have to have the same.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def versions(root: Path = ROOT) -> dict[str, str]:
    """Which version each file says; of the changelog, that of its first section after what is unreleased, if there is one.

    Raises:
        ValueError: a file says none.
    """
    patterns = {
        "src/regard/version.py": r'^__version__ = "(.+)"$',
        "CITATION.cff": r"^version: (.+)$",
        "recipes/package/conda/recipe.yaml": r'^  version: "(.+)"',
        "CHANGELOG.md": r"^## \[(\d.*?|Unreleased(?=\](?:(?!\n## )[\s\S])*\Z))\]",
    }
    found = {}
    for name, pattern in patterns.items():
        said = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if said is None:
            raise ValueError(f"{name}: expected a version, got none")
        found[name] = said[1]
    return found


def problems(tag: str, said: dict[str, str]) -> list[str]:
    """What does not fit the tag."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        return [f"expected a tag as v0.2.0, got {tag!r}"]
    return [f"{name}: expected {tag[1:]}, got {version}" for name, version in said.items() if version != tag[1:]]


if __name__ == "__main__":
    wrong = problems(sys.argv[1] if len(sys.argv) > 1 else "", versions())
    print("\n".join(wrong) or f"{sys.argv[1]} is what the sources say")
    sys.exit(bool(wrong))
