"""In a notebook every figure of a cell is shown, once, and none that was only written to a file."""

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

mpl.use("Agg")

import regard
from regard.figures import notebook

pytestmark = pytest.mark.slow

CELLS = {
    "imports": ("import numpy as np, matplotlib.pyplot as plt, regard\nw = np.full((3, 2, 2), 0.5)", 0),
    "a loop": ("for head in range(3):\n    ax = regard.heatmap(w, head=head)", 3),
    "the last value": ("regard.heatmap(w, head=0)", 1),
    "the last value, a figure": ("regard.heads_grid(w)", 1),
    "a loop and the last value": ("for head in range(2):\n    regard.heatmap(w, head=head)\nregard.heads_grid(w)", 3),
    "a list": ("[regard.heatmap(w, head=head) for head in range(2)]", 2),
    "displayed": ("from IPython.display import display\ndisplay(regard.heatmap(w, head=0)); None", 1),
    "kept": ("ax = regard.heatmap(w, head=0)", 1),
    "shown again": ("ax", 1),
    "saved": ("import tempfile\n_ = regard.save(w[0], tempfile.mkdtemp() + '/x.png')", 0),
    "in axes of pyplot's": ("figure, ax = plt.subplots()\nregard.heatmap(w[0], ax=ax)\nplt.show()", 1),
    "nothing": ("1 + 1", 0),
    "inline": ("%matplotlib inline\nregard.heads_grid(w)", 1),
    "after an error": ("regard.heatmap(w, head=0)\n1 / 0", 1),
}


@pytest.fixture(scope="module")
def shown():
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code, _ in CELLS.values()])
    NotebookClient(made, timeout=300, kernel_name="python3", allow_errors=True).execute()
    return dict(zip(CELLS, made.cells, strict=True))


@pytest.mark.parametrize("name", CELLS)
def test_each_figure_is_shown_once(shown, name):
    outputs = shown[name].outputs
    errors = [output for output in outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == (["ZeroDivisionError"] if name == "after an error" else [])
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == CELLS[name][1]


def test_without_a_notebook_nothing_waits():
    regard.heatmap(np.eye(2))
    assert notebook._waiting == []


def test_in_a_terminal_nothing_waits(monkeypatch):
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    regard.heatmap(np.eye(2))
    assert notebook._waiting == []
