"""The package as a whole: its names, what importing it costs, and the layers."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import regard

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "numpy", "transformers", "matplotlib", "seaborn", "rich", "pandas"}


def modules_after(statement):
    """Names of the top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_public_names_are_sorted_and_all_there():
    assert regard.__all__ == sorted(regard.__all__)
    for name in regard.__all__:
        assert getattr(regard, name).__name__ == (name if regard._HOME[name] else f"regard.{name}")
    assert set(regard.__all__) <= set(dir(regard))


def test_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse(Path(regard.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in block.body for alias in node.names}
    assert typed == {name: f"regard.{home}".rstrip(".") for name, home in regard._HOME.items()}
    assert sorted(typed) == regard.__all__


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'atention'"):
        _ = regard.atention


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_after("import regard") & HEAVY


def test_the_help_of_the_command_loads_only_the_standard_library():
    loaded = modules_after(
        "import contextlib, io\nfrom regard.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    main(['--help'])"
    )
    assert "regard" in loaded
    assert not loaded & (HEAVY | {"tqdm"})


@pytest.mark.slow
def test_a_name_loads_only_what_it_needs():
    assert modules_after("import regard; regard.attention") & HEAVY <= {"torch", "numpy"}
    assert "transformers" not in modules_after("import regard; regard.heatmap")


@pytest.mark.slow
def test_the_test_above_can_fail():
    assert "matplotlib" in modules_after("import regard; regard.heatmap")


def contracts(folder):
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder / "src")})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/regard/maps/factors.py", "import regard.mechanisms.softmax_attention"),
        ("src/regard/errors.py", "import regard.masks"),
        ("src/regard/figures/heatmap.py", "import transformers"),
        ("src/regard/figures/heatmap.py", "import regard.viewer.document.document"),
        ("src/regard/figures/panels.py", "import regard.masks"),
        ("src/regard/analysis/alignment/align.py", "if TYPE_CHECKING:\n    from matplotlib.figure import Figure"),
        ("src/regard/recording/record.py", "import starlette"),
        ("src/regard/viewer/page/page.py", "import anywidget"),
        ("src/regard/surveying/survey.py", "import ray"),
        ("src/regard/surveying/survey.py", "import transformers"),
        ("src/regard/drawer.py", ""),
        ("src/regard/tokens/special.py", "if TYPE_CHECKING:\n    from regard.tokens.words import words_of"),
        ("src/regard/maps/indexing.py", "if TYPE_CHECKING:\n    import regard.recording.record"),
    ],
    ids=[
        "sideways",
        "upwards",
        "foreign",
        "the viewer from below",
        "a picture that knows masks",
        "a finding that draws",
        "a server elsewhere",
        "a widget elsewhere",
        "a cluster elsewhere",
        "a survey that knows models",
        "unlisted room",
        "a circle for type checkers",
        "upwards for type checkers",
    ],
)
def test_the_layer_contracts_can_fail(tmp_path, path, line):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("model_eng_fra", "__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / path
    text = broken.read_text(encoding="utf-8") if broken.exists() else '"""A room that was not planned."""\n'
    broken.write_text(text + f"\n{line}\n", encoding="utf-8")
    checked = contracts(tmp_path)
    assert checked.returncode != 0, checked.stdout + checked.stderr


def test_every_module_says_what_it_is_for():
    for path in sorted((ROOT / "src").rglob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_no_source_file_is_longer_than_a_sitting():
    long = {path.name: count for path in (ROOT / "src").rglob("*.py") if (count := len(path.read_text().splitlines())) > 400}
    assert not long


def test_errors_are_also_the_builtins_that_callers_expect():
    errors = importlib.import_module("regard.errors")
    made_here = [value for value in vars(errors).values() if getattr(value, "__module__", "") == "regard.errors"]
    classes = [value for value in made_here if isinstance(value, type) and value is not errors.RegardError]
    assert len(classes) > 5
    for error in classes:
        assert issubclass(error, errors.RegardError)
        assert len(error.__bases__) == 2
        assert error.__bases__[1].__module__ == "builtins"
