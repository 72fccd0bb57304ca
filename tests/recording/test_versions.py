"""Below the floors of versions, the error says which one is needed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

OLD = """
import sys, types
old = types.ModuleType("transformers")
old.__version__, old.PretrainedConfig = "4.57.6", object  # as it was called before version 5
sys.modules["transformers"] = sys.modules["transformers.modeling_utils"] = old
import torch, regard
with regard.record(torch.nn.Linear(2, 2)):
    pass
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_an_old_transformers_is_named_first():
    ran = subprocess.run([sys.executable, "-c", OLD], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    said = "RecordingError: transformers: expected version 5.2 or newer, got 4.57.6; call pip install 'transformers>=5.2,<6'"
    assert said in ran.stderr.splitlines()[-1]


def test_what_is_promised_is_tested():
    """The lowest versions of the ranges are those of the oldest environment that make compat tests."""
    ranges = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = dict(line.split("==") for line in (ROOT / "compat/oldest.txt").read_text().splitlines() if "==" in line)
    lowest = dict(one.split(",")[0].split(">=") for one in ranges)
    for name in ("torch", "transformers"):
        assert pinned[name].startswith(f"{lowest[name]}.")
