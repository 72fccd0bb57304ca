"""Train the model of *A small transformer that writes*, and keep what two of its heads look at on the way, for the site.

    python recipes/model/watch_writer.py

The notebook's own cells run, up to its story, so that the exhibit shows what the notebook shows. It takes about a minute.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "4_a_small_transformer_that_writes.ipynb"
FILE = ROOT / "recipes" / "site" / "writer_steps.json"
CELLS = ("imports", "stories", "attention", "block-code", "model", "losses", "measure", "curve-check", "watching-previous")
"""Of the notebook: what they define is used here."""


def ran(names: tuple[str, ...] = CELLS, notebook: Path = NOTEBOOK) -> dict[str, Any]:
    """What these cells of a notebook define. A cell's last line, which only shows something, is left out."""
    sources = {cell.id: cell.source for cell in nbformat.read(notebook, as_version=4).cells}
    found: dict[str, Any] = {"at": []}
    for name in names:
        source = sources[name].removesuffix("strips(0)")
        if name == "curve-check":
            found["at"] = [point["step"] for point in found["curve"]]
        exec(compile(source, name, "exec"), found)  # noqa: S102 - our own notebook
    return found


def steps(found: dict[str, Any]) -> dict[str, Any]:
    """The story, its rows that matter, and at each step that was kept the two losses and these rows of both heads."""
    words, rows, best = found["SHORT"], found["rows"], found["best"]
    taken = []
    for point in found["curve"]:
        recording = found["recorded"](found["kept"][point["step"]], words)
        maps = [recording.self[layer][0, best[layer]][rows[layer]].tolist() for layer in (0, 1)]
        taken.append(
            {
                "step": point["step"],
                "loss": round(point["loss"], 2),
                "names": round(point["names"], 2),
                "heads": [[[round(weight, 2) for weight in row] for row in one] for one in maps],
            }
        )
    return {"words": words, "rows": [rows[0], rows[1]], "heads": [f"{layer}.{best[layer]}" for layer in (0, 1)], "steps": taken}


if __name__ == "__main__":
    FILE.write_text(json.dumps(steps(ran()), separators=(",", ":")) + "\n", encoding="utf-8")
