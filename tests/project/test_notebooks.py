"""The notebooks run from top to bottom, and what is committed is what they show."""

import ast
import itertools
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

import regard
from exercise_cells import PLACES, TAGS, anchor, is_exercise, places, with_exercises
from regard import lessons

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 2_500_000
BESIDE = "induction_model"  # a folder that notebooks find beside them

WITHOUT_PICTURES = ("0_pytorch",)
WITHOUT_EXERCISES = ("0_pytorch",)

LEARNED = {
    "1_introduction": ("reverser-check", "reverser-map-check"),
    "2_scores_masks_and_positions": ("length-check", "sinks-check", "summary"),
    "3_memory_and_speed": ("documents-check", "recall-check", "summary"),
    "4_a_small_transformer_that_writes": ("curve-check", "write-check", "looking-lens-check", "looking-check"),
    "6_long_context": ("long-check",),
    "8_attention_in_pictures_and_sound": ("vit-check", "vlm-check", "sound-check", "painting-check"),
}
"""Cells that check what a model has learned, or what only a long text shows. `make test` trains for a few steps and reads
shorter texts; `make test-all` does as notebooks say."""

SHORTER = ((r"\bsteps=\d{3,}\b", "steps=5"), (r"(?m)^LENGTH = 32_768$", "LENGTH = 10_240"))

# A path such as /home/me/file, C:\me\file or file:///me: it says where the notebook was run, and is true nowhere else.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/])/[\w.+-]+/[\w.+-]+|\b[A-Za-z]:\\\w|file://")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook):
    """Those that are run: exercises are the reader's."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip() and not is_exercise(cell)]


def texts(output):
    """All that a reader can read in an output: no picture, also where it is written into a page."""
    if output.output_type == "stream":
        return [output.text]
    shown = [str(text) for kind, text in output.data.items() if kind != "image/png"]
    return [re.sub(r"data:image/\w+;base64,[\w+/=]+", "", text) for text in shown]


def faults(notebook):
    """What no output may have, by cell."""
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{cell.id}: {output.ename}: {output.evalue}")
                continue
            if output.get("name") == "stderr":
                found.append(f"{cell.id}: stderr: {output.text}")
            for text in texts(output):
                if "Traceback (most recent call last)" in text:
                    found.append(f"{cell.id}: traceback: {text}")
                if match := ABSOLUTE_PATH.search(text):
                    found.append(f"{cell.id}: path: {match.group()}")
    return found


def kinds_of_outputs(notebook):
    """For each code cell, how many pictures it draws, and whether it says anything."""
    return {
        cell.id: (
            sum("image/png" in output.get("data", {}) for output in cell.outputs),
            any("image/png" not in output.get("data", {}) for output in cell.outputs),
        )
        for cell in code_cells(notebook)
    }


def test_notebooks_are_numbered_from_zero():
    names = [path.name for path in NOTEBOOKS]
    assert all(re.fullmatch(r"(0|[1-9]\d*)_[a-z0-9_]+\.ipynb", name) for name in names), names
    numbers = sorted(int(name.split("_")[0]) for name in names)
    assert numbers == list(range(len(names)))
    assert numbers


def texts_of_cells(path, kind):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_the_end_of_each_notebook_promises_the_next():
    for path, following in itertools.pairwise(sorted(NOTEBOOKS, key=lambda path: int(path.name.split("_")[0]))):
        title = re.match(r"# \d+\. (.+)", texts_of_cells(following, "markdown")[0])[1]
        assert f"*{title}*" in texts_of_cells(path, "markdown")[-1], following.name


@each_notebook
def test_a_notebook_says_first_what_it_takes_and_what_it_gives(path):
    first = " ".join(texts_of_cells(path, "markdown")[0].split())
    assert re.search(r"\*\*You need\*\* .+ \*\*You will be able to\*\* .+ It takes .+, and runs", first)


def test_a_text_that_ends_with_a_colon_is_followed_by_what_it_announces():
    announced = [
        cell
        for stem, cells in PLACES.items()
        for cell in nbformat.read(FOLDER / f"{stem}.ipynb", as_version=4).cells
        if cell.id in cells and cell.source.endswith(":")
    ]
    assert [cell.id for cell in announced] == []


def test_two_notebooks_show_every_family():
    of_them = ("2_scores_masks_and_positions.ipynb", "3_memory_and_speed.ipynb")
    source = "\n".join(text for name in of_them for text in texts_of_cells(FOLDER / name, "code"))
    shown = {card.family for card in regard.catalogue() if f'"{card.name}"' in source}
    assert shown == {card.family for card in regard.catalogue()}


@each_notebook
def test_measured_shares_are_printed_and_not_typed(path):
    typed = [share for text in texts_of_cells(path, "markdown") for share in re.findall(r"\d+ ?%", text)]
    assert typed == []


@each_notebook
def test_what_is_committed_is_whole_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert faults(notebook) == []
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    shown = kinds_of_outputs(notebook).values()
    assert sum(pictures for pictures, _ in shown) > 0 or path.stem in WITHOUT_PICTURES
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.id for cell in notebook.cells if cell.metadata and not is_exercise(cell)] == []
    assert path.stat().st_size < MOST_BYTES


# Exercises


def test_each_exercise_stands_in_one_notebook():
    assert sorted(places()) == sorted(exercise.name for exercise in lessons.exercises())
    assert sum(len(names) for cells in PLACES.values() for names in cells.values()) == len(places())


@each_notebook
def test_exercises_in_notebooks_are_those_of_the_package(path):
    committed = nbformat.read(path, as_version=4)
    assert with_exercises(nbformat.read(path, as_version=4), path.stem) == committed
    assert [name for name, stem in places().items() if stem == path.stem] or path.stem in WITHOUT_EXERCISES


@each_notebook
def test_a_cell_of_an_exercise_is_empty_skipped_and_checks_what_is_written_there(path):
    cells = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    for name in (name for name, stem in places().items() if stem == path.stem):
        exercise = lessons.named(name)
        cell = cells[anchor(exercise)]
        assert (cell.outputs, cell.execution_count, cell.metadata.tags) == ([], None, TAGS)
        assert exercise.text in cells[f"{cell.id}-text"].source
        for function, passed in ((exercise.start, False), (exercise.solution, True)):
            assert exercise.start in cell.source
            *lines, check = cell.source.replace(exercise.start, function).splitlines()
            names = {"torch": torch, "lessons": lessons}
            exec("\n".join(lines), names)  # noqa: S102 - our own text
            assert eval(check, names).passed is passed  # noqa: S307 - our own text


@each_notebook
def test_what_a_reader_writes_is_not_used_further_on(path):
    """A wrong answer must not change what the notebook shows below."""
    written = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            names = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
            defined = {node.name for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef)}
            assert is_exercise(cell) or not names & written - defined, cell.id
            written |= defined if is_exercise(cell) else set()


def test_a_place_that_is_gone_is_told():
    with pytest.raises(ValueError, match="expected cells scaling-see, .* in 1_introduction, got none of these names"):
        with_exercises(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1", id="title")]), "1_introduction")


def shortened(notebook, learned):
    """Every line still runs, but on less, and what more would have shown is not checked."""
    shorter = unchecked = 0
    for cell in code_cells(notebook):
        for long, short in SHORTER:
            cell.source, found = re.subn(long, short, cell.source)
            shorter += found
        if cell.id in learned:
            cell.source, found = re.subn(r"(?m)^( *)assert .*$", r"\1pass", cell.source)
            unchecked += found > 0
    assert unchecked == len(learned)
    assert (shorter > 0) == bool(learned)
    return notebook


def test_long_trainings_and_texts_are_all_that_is_left_out():
    sources = ["m = trained(a, steps=700)\nassert m", "for n in m:\n    assert n\nprint(m)", "assert steps", "LENGTH = 32_768"]
    cells = [nbformat.v4.new_code_cell(text, id=name) for text, name in zip(sources, "abcd", strict=True)]
    short = shortened(nbformat.v4.new_notebook(cells=cells), ["b"])
    assert [cell.source for cell in short.cells] == [
        "m = trained(a, steps=5)\nassert m",
        "for n in m:\n    pass\nprint(m)",
        "assert steps",
        "LENGTH = 10_240",
    ]


@pytest.mark.long
@each_notebook
def test_runs_and_shows_what_is_committed(path, tmp_path):
    runs_and_shows_what_is_committed(path, tmp_path, lambda notebook: shortened(notebook, LEARNED.get(path.stem, ())))


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.parametrize("name", LEARNED)
def test_what_is_learned_is_what_is_said(name, tmp_path):
    runs_and_shows_what_is_committed(FOLDER / f"{name}.ipynb", tmp_path, lambda notebook: notebook)


def runs_and_shows_what_is_committed(path, tmp_path, change):
    committed = nbformat.read(path, as_version=4)
    notebook = change(nbformat.read(path, as_version=4))
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    shutil.copytree(FOLDER / BESIDE, tmp_path / BESIDE, ignore=shutil.ignore_patterns("__pycache__"))
    beside = sorted(tmp_path.rglob("*"))
    resources = {"metadata": {"path": str(tmp_path)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "1")  # as for those that are committed
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    assert faults(notebook) == []
    assert kinds_of_outputs(notebook) == kinds_of_outputs(committed)
    assert sorted(tmp_path.rglob("*")) == beside  # it leaves nothing behind


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ({"output_type": "stream", "name": "stderr", "text": "a warning"}, "stderr: a warning"),
        ({"output_type": "stream", "name": "stdout", "text": "in /home/somebody/file.py"}, "path: /home/somebody"),
        ({"output_type": "stream", "name": "stdout", "text": "in 'C:\\somebody'"}, "path: C:\\s"),
        ({"output_type": "display_data", "metadata": {}, "data": {"text/html": "<a href='file://x'>"}}, "path: file://"),
        ({"output_type": "stream", "name": "stdout", "text": "Traceback (most recent call last):"}, "traceback: "),
        ({"output_type": "error", "ename": "NameError", "evalue": "name 'math'", "traceback": []}, "NameError: name 'math'"),
        ({"output_type": "stream", "name": "stdout", "text": "GRU / attention, 1/5, and/or, https://a.org/b/c"}, None),
        ({"output_type": "display_data", "metadata": {}, "data": {"image/png": "/abc/def", "text/plain": "<Figure>"}}, None),
    ],
)
def test_faults_are_found(output, complaint):
    cell = nbformat.v4.new_code_cell("1", id="cell", outputs=[nbformat.from_dict(output)])
    found = faults(nbformat.v4.new_notebook(cells=[cell]))
    if complaint is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(f"cell: {complaint}")
