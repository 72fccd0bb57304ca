"""What would tie the package to Linux, or to one way of starting Python, is not in it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import regard

PACKAGE = Path(regard.__file__).parent
OF_ONE_SYSTEM = {"resource", "pwd", "grp", "termios", "winreg", "msvcrt"}
"""Modules that Python has on one system alone."""


def ties(source):
    """What a module reads or imports, and asserts, that is not there on every system or in every Python."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name.split(".")[0] in OF_ONE_SYSTEM]
        elif isinstance(node, ast.ImportFrom) and node.module in OF_ONE_SYSTEM:
            found.append(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(("/proc/", "/sys/")):
            found.append(node.value)
        elif isinstance(node, ast.Assert):  # python -O leaves it out
            found.append(f"assert in line {node.lineno}")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_is_tied_to_one_system(path):
    assert ties(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import resource", ["resource"]),
        ("def f():\n    from pwd import getpwnam", ["pwd"]),
        ("open('/proc/self/status')", ["/proc/self/status"]),
        ("assert x", ["assert in line 1"]),
        ("import resources\nassertion = '/procedure'[1:]", []),
    ],
)
def test_the_gate_can_fail(source, found):
    assert ties(source) == found


SMOKE = """
import contextlib, io, pickle, sys
import torch, regard
from regard.cli import main
x = torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
amap = regard.AttentionMap(x, x, causal=True)
regard.attention(x, x, x, causal=True)
amap.save("map.safetensors")
again = regard.load("map.safetensors")
torch.testing.assert_close(again.dense(), amap.dense())
torch.testing.assert_close(pickle.loads(pickle.dumps(amap)).dense(), amap.dense())
for wrong in (lambda: regard.attention(x, x, x, causal="no"), lambda: regard.AttentionMap(x, x[..., :3])):
    try:
        wrong()
    except (TypeError, ValueError) as error:
        if "expected" not in str(error):
            raise
    else:
        raise SystemExit("it is not refused")
class Model(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.scaled_dot_product_attention(x, x, x)
model = Model()
with regard.record(model, values=True) as recording:
    model(x)
if len(recording.maps) != 1 or recording.check().wrong:
    raise SystemExit("it is not recorded")
regard.save(amap, "map.svg", head=0)
regard.page(amap, "map.html")
for command in (["info", "map.safetensors"], ["heads", "map.safetensors", "--csv"], ["mechanisms", "dot"], ["verify"]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        if main(command) != 0 or not out.getvalue():
            raise SystemExit(f"{command} fails")
print(sys.flags.optimize, regard.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("level", [pytest.param(1, marks=pytest.mark.exhaustive), 2])
def test_the_package_works_without_asserts_and_docstrings(level, tmp_path):
    done = subprocess.run(
        [sys.executable, "-" + "O" * level, "-W", "error::SyntaxWarning", "-c", SMOKE],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{level} {regard.__version__}\n"
    assert {path.name for path in tmp_path.iterdir()} == {"map.safetensors", "map.svg", "map.html"}
