"""The trained model of two attention layers: it is there, and its heads do what its card says; its recipe runs."""

import json
import math
import sys

import pytest
import torch
from torch.testing import assert_close

import regard
import train_induction
from regard.analysis.heads.roles import roles_of
from regard.analysis.heads.statistics import head_statistics
from train_induction import Alphabet, AttentionOnly, load

FOLDER = train_induction.FOLDER
TEXT = "regadnotxregadnotxregadnotx"


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.fixture(scope="module")
def found(model):
    with regard.record(model, tokenizer=Alphabet()) as recording, torch.no_grad():
        model(Alphabet()(TEXT))
    assert recording.keys == ("<s>", *TEXT)
    return {(one.layer, one.head): one for one in head_statistics(recording)}


def with_role(found, name):
    return {place for place, one in found.items() if name in {role.name for role in roles_of(one)}}


def test_a_previous_token_head_below_an_induction_head(found):
    assert {layer for layer, _ in with_role(found, "previous-token")} == {0}
    assert {layer for layer, _ in with_role(found, "induction")} == {1}


def test_it_does_what_the_heads_say(model):
    """After the first period, every letter is known; within it, none is."""
    with torch.no_grad():
        chances = model(Alphabet()(TEXT))[0].softmax(-1)
    ids = Alphabet()(TEXT)[0]
    period = 9
    right = chances[:-1].argmax(-1) == ids[1:]
    assert right[period:].double().mean() >= 0.9
    assert right[:period].double().mean() < 0.3


def test_the_loss_of_the_card_is_the_loss(model):
    ids, known = train_induction.sequences(16, torch.Generator().manual_seed(1))
    last = json.loads((FOLDER / "curve.json").read_text())[-1]
    measured = train_induction.measure(model, ids, known)
    assert measured["loss"] == pytest.approx(last["loss"], abs=1e-3)
    for score in train_induction.SCORES:
        assert_close(torch.tensor(measured[score]), torch.tensor(last[score]), atol=1e-3, rtol=0)


def test_the_curve_shows_it_appear():
    curve = json.loads((FOLDER / "curve.json").read_text())
    steps, induction = [point["step"] for point in curve], [max(point["induction"][1]) for point in curve]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert induction[0] < 0.2
    assert induction[-1] > 0.5
    assert curve[0]["loss"] > math.log(40)
    assert curve[-1]["loss"] < 0.5


def test_it_is_small_and_has_a_card():
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 2**20
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for words in ("python recipes/model/train_induction.py", "**Data.**", "curve.json", "no licence"):
        assert words in card


def test_sequences_repeat_and_say_what_is_known():
    ids, known = train_induction.sequences(50, torch.Generator().manual_seed(3))
    assert ids.shape == known.shape == (50, train_induction.LENGTH)
    for row, may in zip(ids.tolist(), known.tolist(), strict=True):
        assert row[0] == 0
        assert min(row[1:]) > 0
        period = may.index(True) - 1
        assert train_induction.PERIODS[0] <= period <= train_induction.PERIODS[1]
        assert len(set(row[1:])) <= train_induction.FEW
        assert all(row[at] == row[at - period] for at in range(period + 1, len(row)))
        assert may == [at > period for at in range(len(row))]


def test_the_layers_are_softmax_attention(model):
    """The module against the weights of the map and the formula, without the fused kernel."""
    ids = Alphabet()(TEXT)
    with regard.record(model) as recording, torch.no_grad():
        logits = model(ids)
    stream = model.embed(ids)
    for layer, amap in zip(model.layers, recording.self, strict=True):
        values = layer.value(stream).unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        stream = stream + layer.out((amap.dense() @ values).transpose(1, 2).flatten(2))
    assert_close(model.unembed(stream), logits, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_the_recipe_runs_and_the_same_seed_gives_the_same_model(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    small = ["--steps", "6", "--every", "3", "--batch", "4", "--dim", "16", "--heads", "2", "--seed", "5"]
    for name in ("one", "other"):
        train_induction.main([*small, "--out", str(tmp_path / name)])
    for name in ("model.safetensors", "curve.json", "config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert [point["step"] for point in json.loads((tmp_path / "one" / "curve.json").read_text())] == [0, 3, 6]
    assert isinstance(load(tmp_path / "one"), AttentionOnly)
    assert "--steps 6 --seed 5" in (tmp_path / "one" / "README.md").read_text()
