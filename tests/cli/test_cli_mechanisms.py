"""``regard mechanisms``, as a user types it."""

import json

import pytest

import regard
from regard.cli import main
from regard.mechanisms.catalogue import card


def test_all_of_them(capsys):
    assert main(["mechanisms"]) == 0
    out = capsys.readouterr().out
    for one in regard.catalogue():
        assert f"  {one.name}" in out
    assert "regard mechanisms NAME" in out


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in regard.catalogue()])
def test_one_of_them(name, capsys):
    assert main(["mechanisms", name]) == 0
    out, shown = capsys.readouterr().out, card(name)
    words = " ".join(out.split())
    for text in (shown.title, shown.paper, shown.formula, shown.change):
        assert " ".join(text.split()) in words
    assert f"regard.mechanisms.{shown.code}" in words
    assert "█" in out


def test_costs_are_told_in_numbers(capsys):
    main(["mechanisms", "multi-head"])
    words = " ".join(capsys.readouterr().out.split())
    assert "2·heads·queries·keys·(dim + value_dim) = 275 GFLOP" in words
    assert "heads·(dim + value_dim)·itemsize = 16.0 KiB" in words


def test_json(capsys):
    assert main(["mechanisms", "grouped-query", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["year"], said["family"]) == ("grouped-query", 2023, "heads")
    assert said["cache_per_token"]["of_32_heads_of_128_at_4096"] == 16 * 2 * 128 * 2
    main(["mechanisms", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == len(regard.catalogue())


def test_a_picture(capsys, tmp_path):
    path = tmp_path / "map.svg"
    assert main(["mechanisms", "differential", "--save", str(path), "--theme", "dark"]) == 0
    assert "Differential" in path.read_text(encoding="utf-8")
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["alibis"], "expected the name of a mechanism, got 'alibis'; did you mean alibi"),
        (["qqqqqq"], "expected the name of a mechanism, got 'qqqqqq'; regard mechanisms lists them"),
        (["--save", "x.png"], "expected NAME beside --save"),
        (["alibi", "--save", "x.bmp"], "bmp"),
        (["alibi", "--save", "x.html"], "expected a name ending in .png, .svg, .pdf"),
    ],
)
def test_mistakes_are_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["mechanisms", *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
