"""The command line, as a user types it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import regard
from regard.cli import main

pytestmark = pytest.mark.slow

SEED = "The cat sat on the mat."


@pytest.fixture
def type_lines(monkeypatch):
    def type_in(text):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return type_in


def test_a_sentence_its_translation_and_its_words(capsys):
    assert main(["translate", SEED]) == 0
    out = capsys.readouterr().out
    translation = regard.translate(SEED)
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[:2] == [SEED, translation.text]
    rows = lines[3:-1]
    assert [row.split()[0] for row in rows] == translation.text.split()
    chat = next(row for row in rows if row.startswith("chat"))
    assert "█" in chat
    assert "cat" in chat
    assert "\x1b[" not in out  # no colour outside a terminal


def test_the_words_shown_are_those_with_the_most_weight(capsys):
    main(["translate", SEED, "--layer", "1", "--head", "2"])
    out = capsys.readouterr().out
    assert "read at layer 1, head 2, by the tokens produced" in out
    alignment = regard.align(regard.translate(SEED).recording, 1, 2)
    for word, weights, row in zip(alignment.target_words, alignment.weights, out.splitlines()[3:], strict=False):
        best = int(weights.argmax())
        assert row.startswith(word)
        assert f"{alignment.source_words[best]} {weights[best]:.2f}" in row


def test_json_holds_the_map(capsys):
    assert main(["translate", SEED, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    translation = regard.translate(SEED)
    layer, head, rows = translation.alignment.reading
    assert (said["source"], said["text"]) == (SEED, translation.text)
    assert (said["layer"], said["head"], said["rows"]) == (layer, head, rows)
    assert said["source_tokens"] == list(translation.source_tokens)
    assert {tuple(link) for link in said["links"]} == translation.alignment.links
    # Two runs of a threaded kernel may differ in the last bits, and the weights are written with six decimals.
    assert_close(torch.tensor(said["weights"]), translation.recording.cross[layer][0, head], atol=1e-5, rtol=0)


def test_lines_from_standard_input_stay_lines(capsys, type_lines):
    type_lines(f"{SEED}\n\nNo.\n")
    assert main(["translate", "--json"]) == 0
    said = [json.loads(line)["source"] for line in capsys.readouterr().out.splitlines()]
    assert said == [SEED, "No."]


def test_a_bad_line_is_named_and_stops_no_other(capsys, type_lines):
    type_lines("No.\n" + "word " * 300 + "\nYes.\n")
    assert main(["translate", "--json"]) == 1
    captured = capsys.readouterr()
    said = [json.loads(line) for line in captured.out.splitlines()]
    assert [("text" in one, "error" in one) for one in said] == [(True, False), (False, True), (True, False)]
    assert "regard: line 2: expected a text of at most 256 tokens" in captured.err


def test_pictures(capsys, tmp_path):
    files = [tmp_path / "map.png", tmp_path / "map.svg"]
    assert main(["translate", SEED, "--save", *map(str, files)]) == 0
    assert files[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "chat" in files[1].read_text(encoding="utf-8")
    assert str(files[0]) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "expected a text with words"),
        ([SEED, "--beams", "0"], "beams: expected a whole number from 1 to 1,000"),
        ([SEED, "--layer", "9", "--head", "0"], "layer: expected a whole number from 0 to 1, got 9"),
        ([SEED, "--layer", "1"], "expected --layer and --head together"),
        ([SEED, "--model", "/nowhere/model"], "does not exist; check the path"),
        ([SEED, "--save", "map.bmp"], "bmp"),
        ([SEED, "--save", "nowhere/map.png"], "nowhere"),
        (["--save", "map.png"], "expected one TEXT beside --save"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, capsys, tmp_path, monkeypatch, type_lines):
    monkeypatch.chdir(tmp_path)
    type_lines("")
    assert main(["translate", *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("regard: ")
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_is_no_error():
    regard_command = str(Path(sys.executable).parent / "regard")
    done = subprocess.run(
        f"{regard_command} translate 'I love you.' | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout == "I love you.\n"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"regard {regard.__version__}\n"
