"""Commands that read maps in their users' units say what the functions say."""

import csv
import json

import pytest
import torch

import regard
from regard.cli import main
from support.commands_of_regard import furnish


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("findings")
    furnish(folder)
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def said(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_passages(capsys, folder):
    words = ["passages", "rec.safetensors", "--passages", "the cat", "sat", "--answer", "it"]
    found = regard.passages(regard.load("rec.safetensors"), ["the cat", "sat"], answer="it")
    rows = said(capsys, *words)
    assert [row["lift"] for row in rows if row["passage"] == "the cat"] == pytest.approx(found.lift[0, :, 0].tolist())
    assert said(capsys, "passages", "rec.safetensors", "--passages", "the cat", "sat", "--answer-tokens", "4", "5") == rows
    (folder / "parts.json").write_text('{"who": "the cat", "what": "sat"}', encoding="utf-8")
    named = said(capsys, "passages", "rec.safetensors", "--passages-file", "parts.json", "--answer", "it")
    assert [row | {"passage": ""} for row in named] == [row | {"passage": ""} for row in rows]
    assert {row["passage"] for row in named} == {"who", "what", "rest"}
    whole = said(capsys, "passages", "rec.safetensors", "--sentences", "--answer", "it")
    assert {row["passage"] for row in whole} == {"1: the cat sat on it", "rest"}
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(found)
    assert main([*words, "--heads", "0.1"]) == 0
    assert f"{found.ranked(heads={(0, 1): 1.0})[0].value:.2f}" in capsys.readouterr().out


def test_cache(capsys):
    found = regard.cache(regard.load("rec.safetensors"), ["tova"], [0.5, 3], prompt=4)
    rows = said(capsys, "cache", "rec.safetensors", "--prompt", "4", "--policies", "tova", "--budgets", "0.5", "3")
    assert [(row["budget"], row["retained"]) for row in rows] == [
        (budget, pytest.approx(found.retained[0, 0, head, at].item()))
        for head in range(2)
        for at, budget in enumerate(found.budgets)
    ]
    assert {row["change"] for row in rows} == {None}


def test_times(capsys):
    found = regard.word_times(regard.load("said.safetensors"), [(0, 1), (0, 0)], prompt=0, seconds=0.02)
    rows = said(capsys, "times", "said.safetensors", "--heads", "0.1", "0.0", "--prompt", "0", "--seconds", "0.02")
    assert [(row["start"], row["stop"]) for row in rows] == [(one.start, one.stop) for one in found.words]


def test_contacts(capsys, folder):
    found = regard.contacts(regard.load("rec.safetensors"), {(0, 0): 1.5, (0, 1): -1.0}, 0.5)
    rows = said(capsys, "contacts", "rec.safetensors", "--weights", "weights.json", "--apart", "2", "--top", "3")
    assert [(*row["residues"], row["probability"]) for row in rows] == [tuple(one) for one in found.strongest(3, apart=2)]
    words = ["contacts", "rec.safetensors", "--weights", "weights.json", "--apart", "2", "--top", "3", "--save", "top.csv"]
    assert main(words) == 0
    assert "counted from 0" in (shown := capsys.readouterr().out.splitlines())[0]
    assert all(name in shown[1] for name in (found.map.queries[at] for at in rows[0]["residues"]))
    table = list(csv.reader((folder / "top.csv").read_text(encoding="utf-8").splitlines()))
    assert [(int(one), int(other)) for one, other, _ in table[1:]] == [tuple(row["residues"]) for row in rows]


def test_pictures_and_tables_are_saved(capsys, folder):
    words = ["passages", "rec.safetensors", "--passages", "the cat", "--answer", "it", "--save", "x.png", "x.csv"]
    assert main(words) == 0
    assert "saved: x.png, x.csv" in capsys.readouterr().err
    assert len(list(csv.reader((folder / "x.csv").read_text(encoding="utf-8").splitlines()))) == 1 + 2 * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["passages", "rec.safetensors", "--passages", "a dog", "--answer", "it"],
            "parts: expected what stands in the text, got 'a dog', which does not stand there",
        ),
        (
            ["passages", "rec.safetensors", "--passages", "sat", "--answer", "a dog"],
            "answer: expected what stands in the text, got 'a dog'",
        ),
        (
            ["passages", "rec.safetensors", "--passages", "sat", "--answer", "it", "--heads", "1"],
            "expected LAYER.HEAD, as 3.11",
        ),
        (["passages", "rec.safetensors", "--sentences", "--answer", "it", "--kind", "cross"], "see regard info"),
        (["passages", "rec.safetensors", "--passages-file", "junk", "--answer", "it"], "expected JSON in UTF-8"),
        (["passages", "rec.safetensors", "--passages-file", "gone", "--answer", "it"], "gone"),
        (["passages", "rec.safetensors", "--passages", "sat", "sat", "--answer", "it"], "expected each once, got 'sat' twice"),
        (["passages", "rec.safetensors", "--passages", "sat", "--answer", "it", "--save", "no/x.csv"], "there is no folder"),
        (["cache", "rec.safetensors", "--prompt", "3", "--budgets", "1.5"], "whole numbers of keys"),
        (["cache", "rec.safetensors", "--prompt", "5"], "some rows have to come after it"),
        (["contacts", "rec.safetensors", "--weights", "tries.json"], "a JSON object of numbers"),
    ],
)
def test_what_cannot_be_done_is_told(capsys, words, message):
    assert main(words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["keys"],
        ["passages", "--passages", "the cat", "--answer", "it"],
        ["cache", "--prompt", "3", "--budgets", "2"],
        ["contacts", "--weights", "weights.json", "--apart", "1"],
    ],
    ids=lambda words: words[0],
)
def test_one_sequence_of_several(capsys, words):
    """``--item`` is ``sample`` of the recording; without it a batch is refused, and there it says what to type."""
    alone = regard.load("rec.safetensors")
    other = torch.rand(1, 2, 5, 5, generator=torch.Generator().manual_seed(3)).tril()
    both = torch.cat([other / other.sum(-1, keepdim=True), alone.dense()])
    regard.Recording.of([both], tokens=[["the", "cat", "ran", "on", "it"], list(alone.keys)]).save("both.safetensors")
    command, *options = words
    true = said(capsys, command, "rec.safetensors", *options)
    found = said(capsys, command, "both.safetensors", *options, "--item", "1")
    assert json.dumps(found, default=str) != json.dumps(said(capsys, command, "both.safetensors", *options, "--item", "0"))
    assert_alike(found, true)
    assert main([command, "both.safetensors", *options]) == 1
    assert "--item: expected one of the 2 sequences of this file, from 0, got none; say which" in capsys.readouterr().err
    assert main([command, "both.safetensors", *options, "--item", "2"]) == 1
    assert "--item: expected a whole number from 0 to 1, got 2" in capsys.readouterr().err


def assert_alike(found, true):
    """The same JSON, numbers to rounding."""
    if isinstance(true, dict):
        assert found.keys() == true.keys()
        for name in true:
            assert_alike(found[name], true[name])
    elif isinstance(true, list):
        assert len(found) == len(true)
        for one, other in zip(found, true, strict=True):
            assert_alike(one, other)
    else:
        assert found == (pytest.approx(true, abs=1e-6) if isinstance(true, float) else true)
