"""Put the exercises into the notebooks: for each a text and an empty cell, where the notebook has come to what it asks.

    python recipes/site/exercise_cells.py notebooks/*.ipynb

What stands in a notebook is what the package says; run it again after an exercise has changed. The cells are skipped when the
notebooks are run: they are the reader's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from regard import lessons
from regard.lessons import Exercise

PLACES = {
    "1_introduction": {
        "scaling-see": ("scale", "softmax"),
        "same-as-regard": ("attention", "dropout"),
        "nothing-to-see-text": ("padding mask", "causal mask"),
        "links": ("entropy",),
    },
    "2_scores_masks_and_positions": {
        "length-see": ("rotary positions", "position interpolation", "alibi"),
        "masks-exercise-wrong": ("window",),
        "stability-show": ("softcap", "sinks"),
        "two-sides-see": ("decoder block",),
    },
    "3_memory_and_speed": {
        "memory-exercise-wrong": ("split heads", "merge heads", "grouped heads", "multi head attention", "absorbed latent"),
        "speed-show": ("ring cache",),
        "recall-exercise-wrong": ("linear attention", "retention", "delta rule"),
    },
    "4_a_small_transformer_that_writes": {
        "training": ("induction score",),
    },
    "5_inside_a_translator": {
        "exercise": ("word alignment",),
        "beams-see": ("beam rows",),
    },
    "6_long_context": {
        "cost-exercise": ("online softmax", "flash attention", "flash backward", "kv cache"),
    },
    "7_does_it_matter": {
        "edges-see": ("hidden edges",),
        "zeros-see": ("mean ablation",),
        "unpaired-see": ("paired effect",),
    },
    "8_attention_in_pictures_and_sound": {
        "vit-see": ("patch map",),
        "sound-see": ("word starts",),
    },
}
"""After which cell of which notebook the exercises stand."""

PREFIX = "exercise-"
TAGS = ["exercise", "skip-execution"]
"""nbclient, which runs the notebooks, leaves out cells with the second."""


def anchor(exercise: Exercise) -> str:
    """The name of an exercise in addresses."""
    return PREFIX + exercise.name.replace(" ", "-")


def places() -> dict[str, str]:
    """The notebook of each exercise."""
    return {name: stem for stem, cells in PLACES.items() for names in cells.values() for name in names}


def text(exercise: Exercise) -> str:
    """What is asked."""
    formula = "\n".join(f"    {line}" for line in exercise.formula.splitlines())
    return f'**Exercise: {exercise.name}.** {exercise.text}\n\n{formula}\n\nA hint: `lessons.hint("{exercise.name}")`.'


def empty_cell(exercise: Exercise) -> str:
    """What stands in the reader's cell."""
    return f'{exercise.start}\n\n\nlessons.check("{exercise.name}", {exercise.answer.__name__})'


def is_exercise(cell: NotebookNode) -> bool:
    """Whether a cell was put here, or its text."""
    return str(cell.id).startswith(PREFIX)


def with_exercises(notebook: NotebookNode, stem: str) -> NotebookNode:
    """The notebook with the exercises of today in their places, and its cells counted anew.

    Raises:
        ValueError: a cell that exercises should follow is not there.
    """
    wanted = dict(PLACES.get(stem, {}))
    cells = []
    for cell in notebook.cells:
        if is_exercise(cell):
            continue
        cells.append(cell)
        for name in wanted.pop(cell.id, ()):
            exercise = lessons.named(name)
            cells.append(nbformat.v4.new_markdown_cell(text(exercise), id=f"{anchor(exercise)}-text"))
            answer = nbformat.v4.new_code_cell(empty_cell(exercise), id=anchor(exercise), metadata={"tags": list(TAGS)})
            cells.append(answer)
    if wanted:
        raise ValueError(f"expected cells {', '.join(wanted)} in {stem}, got none of these names; mend PLACES")
    notebook.cells = cells
    counted = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip() and not is_exercise(cell)]
    for count, cell in enumerate(counted, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    return notebook


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        nbformat.write(with_exercises(nbformat.read(path, as_version=4), path.stem), path)
