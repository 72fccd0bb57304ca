"""Every model of the zoo is recorded, and each map is the model's own weights."""

import re
from pathlib import Path

import pytest
import torch
from transformers.utils import logging

from regard.maps.attention_map import AttentionMap
from support.model_zoo_by_hand import BY_HAND, IN_BLOCKS
from support.model_zoo_senses import SENSES
from support.model_zoo_text import TEXT
from support.model_zoo_together import DETECTORS, TOGETHER
from support.zoo_report import kept_in_part, report

ZOO = [*TEXT, *SENSES, *TOGETHER, *BY_HAND]
IN_PART = [*IN_BLOCKS, *DETECTORS]
TABLE = Path(__file__).parents[2] / "docs" / "recorded_models.md"


def of_every_entry(entries):
    return pytest.mark.parametrize("zoo", entries, ids=lambda zoo: zoo.name)


@pytest.fixture(autouse=True)
def transformers_is_quiet_about_kernels_that_are_not_installed():
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # WavLM's own
@of_every_entry(ZOO)
def test_each_map_is_what_the_model_computed(zoo):
    found = report(zoo, half=False)
    assert found.error < 1e-5
    assert found.same_output
    assert found.peak > 1.2, "maps this flat test nothing"


@of_every_entry(IN_PART)
def test_attention_without_a_map_is_named(zoo):
    _, missed = kept_in_part(zoo)
    assert missed


def test_one_model_is_the_exact_softmax_of_what_was_kept_in_half_precision():
    assert report(TEXT[0]).half_error < 1e-5


def test_a_wrong_map_is_found(monkeypatch):
    monkeypatch.setattr(AttentionMap, "dense", lambda amap: torch.zeros(amap.shape))
    with pytest.raises(AssertionError, match="is none of the"):
        report(TEXT[0], half=False)


def test_names_are_unique_and_many():
    names = [zoo.name for zoo in [*ZOO, *IN_PART]]
    assert len(set(names)) == len(names)
    assert len({name.split()[0] for name in names}) >= 120


def test_the_table_names_the_zoo():
    rows = re.findall(r"^\| `([^`]+)`", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [zoo.name for zoo in [*ZOO, *IN_PART]], "run recipes/tables/table_of_models.py --out docs/recorded_models.md"
