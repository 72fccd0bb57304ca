"""What is missing is named, with a command that works; and what is not needed is not loaded."""

import subprocess
import sys

import pytest

import regard
from regard.extras import require


def test_what_is_there_is_not_asked_twice():
    require("to compute", "torch", "numpy")


def test_what_is_missing_is_named_with_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'^expected nowhere and ray to run, got none; pip install nowhere "ray\[data\]"$'):
        require("to run", "nowhere", "torch", "ray")


def test_the_widget_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setattr("regard.viewer.notebook.show._notebook", lambda: "jupyter")
    with pytest.raises(ImportError, match="expected anywidget to show a viewer in a notebook, got none; pip install anywidget"):
        regard.show([[0.5, 0.5]])


PROGRAM = """
import sys
for name in ("anywidget", "starlette", "uvicorn", "pandas", "pyarrow", "scipy", "ray", "ipywidgets", "IPython"):
    sys.modules[name] = None
import regard
from regard.cli import main
translation = regard.translate("No.")
regard.save(translation, "x.png", "x.html")
translation.recording.save("x.safetensors")
assert main(["info", "x.safetensors"]) == main(["heads", "x.safetensors"]) == 0
assert main(["view", "x.safetensors", "--save", "y.html"]) == 0
assert main(["view", "x.safetensors", "--no-browser"]) == main(["serve", "x.safetensors", "--no-browser"]) == 1
"""


@pytest.mark.slow
def test_the_rest_works_without_any(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "expected starlette and uvicorn to serve maps, got none; pip install starlette uvicorn" in done.stderr
