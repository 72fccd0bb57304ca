"""Run notebooks from top to bottom and keep their outputs.

python recipes/site/run_notebooks.py notebooks/*.ipynb
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

from exercise_cells import with_exercises

# What the kernel does before the first cell: pictures that pyplot shows get alternative texts, as those of Regard have them.
DESCRIBED = (
    "from matplotlib_inline import backend_inline",
    "from regard.figures.alternative_text import alternative_text",
    "backend_inline._fetch_figure_metadata = lambda figure: {'image/png': {'alt': alternative_text(figure)}}",
    "del backend_inline",
)


def run(path: Path) -> None:
    """Execute one notebook in its folder and write it back, without timings and other traces of the machine."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    first = [f"--IPKernelApp.exec_lines={line}" for line in DESCRIBED]
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where, extra_arguments=first).execute()
    notebook.metadata = nbformat.from_dict({"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    nbformat.write(with_exercises(notebook, path.stem), path)


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"  # for the kernels: what is kept shows no bars
    for name in tqdm(sys.argv[1:], desc="running", unit="notebook"):
        run(Path(name))
