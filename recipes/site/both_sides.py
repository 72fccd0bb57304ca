"""Runs a section of docs/how_to/coming_from.md whole: the other tool's lines, Regard's, and that they agree.

    python recipes/site/both_sides.py BertViz --model my-model

The other tool has to be importable beside Regard: a virtual environment of its own with both, or a folder on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how_to" / "coming_from.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(tool: str, page: str) -> list[str]:
    """All Python of a tool's section, in order; also what the page says is not run by its tests.

    Raises:
        ValueError: no such section.
    """
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    if tool not in sections:
        raise ValueError(f"expected one of {', '.join(sections)}, got {tool!r}")
    return BLOCK.findall(sections[tool])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", help="the title of its section")
    parser.add_argument("--model", type=Path, required=True, help="the folder of a decoder with two layers of four heads")
    options = parser.parse_args()
    found, model = blocks(options.tool, PAGE.read_text(encoding="utf-8")), options.model.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("my-model").symlink_to(model)
        names: dict[str, object] = {"__name__": "__main__"}
        for block in found:
            exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - the page is ours
        os.chdir(PAGE.parent)
    print(f"{options.tool}: {len(found)} blocks ran, both sides agree")


if __name__ == "__main__":
    main()
