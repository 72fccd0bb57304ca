"""The documentation as a site that works from a folder, without a server and without a network.

    python recipes/site/build_site.py [--out site]

Pages come from docs/, from the catalogue's cards, from the notebooks as they were last run, and from docstrings. They are put
together in OUT/pages, and the site is OUT/html. A link that leads nowhere, a name without a docstring page, a formula or a
notebook that cannot be shown: each stops the build.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import zensical

import api_pages
import card_pages
import exercise_page
import exhibit_page
import live_pages
import notebook_pages

ROOT = Path(__file__).resolve().parents[2]
NAVIGATION = "SUMMARY.md"  # what zensical reads the order of a folder's pages from
BESIDE = {"DESIGN.md": "design.md", "benchmarks/RESULTS.md": "measurements.md"}
"""Pages that do not stand in docs/, and what they are called on the site."""
PLACE = "<!-- the list of pages -->"


def collect(pages: Path) -> None:
    """Puts all pages, written and generated, into one folder."""
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("*.toml"))
    for path, name in BESIDE.items():
        shutil.copy(ROOT / path, pages / name)
    for page in pages.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for path, name in BESIDE.items():
            text = text.replace(f"(../{path})", f"({name})")
        page.write_text(text, encoding="utf-8")

    course = notebook_pages.write_pages(sorted((ROOT / "notebooks").glob("*.ipynb")), pages / "course")
    exercise_page.write_page(pages / "course" / "exercises.md", ROOT / "notebooks")
    beside = ["- [Exercises](exercises.md)", "- [Move the numbers](exhibits.md)", "- [Look around](look.md)"]
    beside.append("- [Beside other courses](beside.md)")
    others = ["- [Memory](memory.md)", "- [Kernels, devices, caches](kernels.md)"]
    exhibit_page.write_page(pages / "course" / "exhibits.md")
    live_pages.put_frames(pages / "index.md", ["translation"], "assets/live")
    live_pages.put_frames(pages / "course" / "look.md")
    live_pages.write_files(pages / "assets" / "live")
    families = [*card_pages.write_pages(pages / "mechanisms"), *others]
    reference = api_pages.write_pages(pages / "api")
    for name, order, listed in (
        ("course", [*course, *beside], "\n".join(course)),
        ("mechanisms", families, card_pages.everything()),
        ("api", reference, api_pages.everything()),
    ):
        index = pages / name / "index.md"
        text = index.read_text(encoding="utf-8")
        if PLACE not in text:
            raise ValueError(f"expected the line {PLACE} in docs/{name}/index.md, got none; put it where the list belongs")
        index.write_text(text.replace(PLACE, listed), encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        (pages / name / NAVIGATION).write_text("\n".join([f"- [{title}](index.md)", *order]), encoding="utf-8")


def build(out: Path) -> Path:
    """Builds the site anew.

    Returns:
        The folder of HTML files.

    Raises:
        RuntimeError: whatever zensical would warn of.
    """
    for old in ("pages", "html", ".cache"):
        shutil.rmtree(out / old, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    collect(out / "pages")
    shutil.copy(ROOT / "docs" / "zensical.toml", out)
    zensical.build(str(out / "zensical.toml"), {"strict": True, "clean": True})
    return out / "html"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="where the site goes")
    options = parser.parse_args()
    try:
        html = build(options.out.resolve())
    except (RuntimeError, ValueError) as fault:
        sys.exit(f"the site was not built: {fault}")
    print(f"open {html / 'index.html'}")


if __name__ == "__main__":
    main()
