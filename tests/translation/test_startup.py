"""What a translation on the command line loads: nothing that it does not need."""

import pickle
import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from regard.translation import load_translator

NEEDLESS = {"sacremoses", "joblib", "matplotlib", "pandas", "scipy", "pyarrow", "starlette", "anywidget", "IPython", "ray"}
PROGRAM = """
import sys
import torch
from transformers import MarianMTModel
before = set(sys.modules)
from regard.cli import main
assert main(["translate", "No."]) == 0
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


@pytest.mark.slow
def test_a_translation_loads_nothing_that_it_does_not_need():
    """Beyond what PyTorch and the model's class load."""
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    loaded = set(said.splitlines()[-1].split())
    assert "rich" in loaded
    assert loaded & NEEDLESS == set()


def test_rules_of_punctuation_are_there_when_they_are_asked_for(tmp_path):
    tokenizer = load_translator().tokenizer
    tokenizer.save_pretrained(tmp_path)
    own = AutoTokenizer.from_pretrained(tmp_path)  # Transformers' class, which a saved folder names
    assert type(own).__module__.startswith("transformers.")
    for other in (pickle.loads(pickle.dumps(tokenizer)), own):  # noqa: S301 - our own bytes
        assert other("« Oui »").input_ids == tokenizer("« Oui »").input_ids
        assert other.normalize("« Oui »") == tokenizer.normalize("« Oui »") == '" Oui "'
