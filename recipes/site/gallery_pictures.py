"""Runs the gallery's blocks of code, which draw its pictures: once as they stand, once more for the dark scheme.

    python recipes/site/gallery_pictures.py [--out docs/images] [--only NAME ...]

Letters look as this machine's fonts do.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gallery.md"
SAVED = re.compile(r'"gallery_(\w+)\.png"')


class Finding(NamedTuple):
    """A section of the page."""

    title: str
    name: str  #: of its picture
    words: str
    code: str

    @property
    def numbers(self) -> list[str]:
        """What it says in bold."""
        return re.findall(r"\*\*([\d.]+)\*\*", self.words)

    def run(self, folder: Path, theme: str) -> str:
        """What it prints; the picture, cut in the same folder, is ``gallery_NAME.png`` or ``gallery_NAME-dark.png``."""
        dark = r'"gallery_\1-dark.png", theme="dark"'
        code = self.code if theme == "light" else SAVED.sub(dark, self.code)
        printed, before = io.StringIO(), Path.cwd()
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(PAGE), "exec"), {"__name__": "__main__"})  # noqa: S102 - the page is ours
        finally:
            os.chdir(before)
        return printed.getvalue()


def findings() -> list[Finding]:
    """All of the page, in order."""
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, rest = section.partition("\n")
        words, _, code = rest.partition("```python\n")
        code = code.partition("```")[0]
        (name,) = SAVED.findall(code)
        found.append(Finding(title, name, words, code))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", metavar="FOLDER")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    options = parser.parse_args()
    sys.path.append(str(ROOT / "recipes" / "model"))
    torch.set_num_threads(1)  # the same numbers on any machine of a kind
    out = options.out.resolve()
    for finding in findings():
        if options.only and finding.name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            printed = [finding.run(Path(folder), theme) for theme in ("light", "dark")]
            for path in sorted(Path(folder).iterdir()):
                (out / path.name).write_bytes(path.read_bytes())
        print(f"{finding.title}: says {', '.join(finding.numbers)}; printed\n{printed[0]}", flush=True)


if __name__ == "__main__":
    main()
