"""The notebooks as pages: text, code, and what the code showed when it was last run. Nothing is run here."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat

from exercise_cells import is_exercise

TURNED = (
    '<p class="turned-round">In the dark scheme the pictures are turned round: what the text calls dark is bright. A picture '
    "leads to itself as it was drawn.</p>"
)

COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of terminals


def write_pages(notebooks: list[Path], folder: Path) -> list[str]:
    """Writes a page for each notebook, with its pictures and the notebook itself beside it.

    Returns:
        A Markdown list of the pages, a line each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        parts = [part for number, cell in enumerate(notebook.cells) for part in cell_parts(cell, number, folder, path.stem)]
        heading = title(path)
        source = (
            f"This page is [{path.name}]({path.name}), run from top to bottom; take the notebook and change it.\n\n{TURNED}"
        )
        text = "\n\n".join([parts[0].replace(f"# {heading}", f"# {heading}\n\n{source}", 1), *parts[1:]])
        (folder / f"{path.stem}.md").write_text(text + "\n", encoding="utf-8")
        shutil.copy(path, folder)
        pages.append(f"- [{heading}]({path.stem}.md)")
    return pages


def title(path: Path) -> str:
    """The heading with which a notebook begins.

    Raises:
        ValueError: it begins with something else.
    """
    opening = nbformat.read(path, as_version=4).cells[0].source
    found = re.search(r"^# (.+)$", opening, re.MULTILINE)
    if found is None:
        raise ValueError(f"expected {path.name} to begin with a heading '# ...', got {opening[:40]!r}")
    return found[1]


def cell_parts(cell: Any, number: int, folder: Path, name: str) -> list[str]:
    """The Markdown of one cell and of its outputs."""
    if cell.cell_type == "markdown":
        return [f'<span id="{cell.id.removesuffix("-text")}"></span>\n\n{cell.source}' if is_exercise(cell) else cell.source]
    if cell.cell_type != "code":
        return []
    parts = [fence(cell.source, "python")] if cell.source.strip() else []
    printed = ""  # what was printed comes in pieces
    for position, output in enumerate(cell.outputs):
        data = output.get("data", {})
        if output.output_type == "stream":
            printed += output.text
            continue
        if printed:
            parts.append(fence(printed, "text"))
            printed = ""
        if output.output_type == "error":
            raise ValueError(f"cell {number} of {name} stopped with {output.ename}; run the notebook again before it is shown")
        if "image/png" in data:
            picture = f"{name}_{number}_{position}.png"
            (folder / picture).write_bytes(base64.b64decode(data["image/png"]))
            known = output.metadata.get("image/png", {})
            size = f" width={known['width']}" if "width" in known else ""
            alt = re.sub(r"([\\\[\]*_`<>])", r"\\\1", known.get("alt", "What the code above draws"))
            parts.append(f"[![{alt}]({picture}){{ .output{size} }}]({picture})")
        elif "text/plain" in data:
            parts.append(fence(data["text/plain"], "text"))
    return [*parts, fence(printed, "text")] if printed else parts


def fence(text: str, language: str) -> str:
    """A code block; what was printed looks different from what was written."""
    marks = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 0)
    kind = language if language == "python" else f"{{ .{language} .output }}"
    return f"{marks}{kind}\n{COLOURS.sub('', text).rstrip()}\n{marks}"
