"""Weights of a file on the command line: strongest keys, a long table, a picture."""

import csv
import json

import pandas as pd
import pytest
import torch
from pyarrow import parquet

import regard
import regard.errors
from regard.analysis.heads.strongest_keys import strongest_keys
from regard.cli import main

TEXT = ["the", "cat", "sat", "on"]


@pytest.fixture(autouse=True)
def maps(tmp_path, monkeypatch):
    """A file of two layers of two heads."""
    monkeypatch.chdir(tmp_path)
    attentions = [torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(seed)).tril() for seed in (0, 1)]
    found = regard.Recording.of([weights / weights.sum(-1, keepdim=True) for weights in attentions], tokens=TEXT)
    found.save("rec.safetensors")
    return found.maps


def test_the_strongest_keys_are_those_of_the_function(capsys, maps):
    assert main(["keys", "rec.safetensors", "--last", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["heads"] == 4
    assert said["keys"] == [one._asdict() for one in strongest_keys(maps, last=2)]
    assert main(["keys", "rec.safetensors", "--layer", "1", "--head", "0", "--top", "2", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    alone = strongest_keys([maps[1].select(heads=[0])])
    assert [(int(row["key"]), float(row["received"])) for row in rows] == [(one.key, one.received) for one in alone[:2]]
    assert main(["keys", "rec.safetensors"]) == 0
    assert "the mean of 4 heads" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["weights.csv", "weights.parquet"])
def test_a_long_table_has_every_weight_that_is_asked_for(name, maps):
    assert main(["export", "rec.safetensors", "-o", name, "--above", "0.3"]) == 0
    if name.endswith(".csv"):
        with open(name, encoding="utf-8", newline="") as file:  # noqa: PTH123
            rows = list(csv.DictReader(file))
    else:
        rows = parquet.read_table(name).to_pylist()
    written = {tuple(int(row[at]) for at in ("layer", "head", "query", "key")): float(row["weight"]) for row in rows}
    wanted = {
        (layer, *place): maps[layer].dense()[0][tuple(place)].item()
        for layer in (0, 1)
        for place in (maps[layer].dense()[0] > 0.3).nonzero().tolist()
    }
    assert written == pytest.approx(wanted)
    assert all((row["query_label"], row["key_label"]) == (TEXT[int(row["query"])], TEXT[int(row["key"])]) for row in rows)


def test_the_table_in_python_is_that_of_the_file(maps):
    assert main(["export", "rec.safetensors", "-o", "x.parquet", "--above", "0.3"]) == 0
    table = pd.concat([amap.to_pandas(above=0.3) for amap in maps], ignore_index=True)
    pd.testing.assert_frame_equal(parquet.read_table("x.parquet").to_pandas(), table)
    assert maps[0].to_pandas(above=1).columns.tolist() == table.columns.tolist()


def test_a_narrowed_map_keeps_the_numbers_of_its_heads(maps):
    table = maps[0].select(heads=[1], queries=slice(2, None)).to_pandas()
    assert set(table["head"]) == {1}
    assert set(table["query_label"]) == {"sat", "on"}
    assert table["weight"].sum() == pytest.approx(2)


def test_a_table_that_is_too_long_is_refused_before_it_is_read():
    query = torch.zeros(1, 1, 4200, 1)
    amap = regard.AttentionMap(query, query)
    with pytest.raises(regard.errors.TooLargeError, match="expected at most 16,777,216 weights, got up to 17,640,000; select"):
        amap.to_pandas()
    assert len(amap.to_pandas(above=0.01)) == 0


def test_one_head_is_exported_by_its_number(maps):
    assert main(["export", "rec.safetensors", "-o", "x.csv", "--layer", "1", "--head", "1"]) == 0
    with open("x.csv", encoding="utf-8", newline="") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    assert {(row["layer"], row["head"]) for row in rows} == {("1", "1")}
    assert len(rows) == int((maps[1].dense()[0, 1] > 0).sum())


def test_a_picture_is_that_of_the_map(maps, tmp_path):
    assert main(["picture", "rec.safetensors", "--layer", "1", "--head", "0", "--save", "x.svg"]) == 0
    regard.save(maps[1].select(heads=[0]), "y.svg", head=0, theme="light")
    assert (tmp_path / "x.svg").read_bytes() == (tmp_path / "y.svg").read_bytes()
    assert main(["picture", "rec.safetensors", "--layer", "1", "--save", "x.svg"]) == 0
    regard.save(regard.heads_grid(maps[1]), "y.svg")
    assert (tmp_path / "x.svg").read_bytes() == (tmp_path / "y.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["keys", "rec.safetensors", "--layer", "7"], "--layer: expected one of 0, 1, which this file has, got 7"),
        (["keys", "rec.safetensors", "--head", "0"], "--layer: expected the layer of --head, got none"),
        (["keys", "rec.safetensors", "--layer", "0", "--head", "9"], "9"),
        (["keys", "rec.safetensors", "--kind", "cross"], "--kind: expected one of"),
        (["keys", "rec.safetensors", "--last", "5"], "last: expected a whole number from 1 to 4"),
        (["export", "rec.safetensors", "-o", "x.txt"], "ends in .csv or .parquet"),
        (["export", "rec.safetensors", "-o", "gone/x.csv"], "there is no folder"),
        (["export", "rec.safetensors", "-o", "x.csv", "--above", "2"], "--above"),
        (["picture", "rec.safetensors", "--save", "x.png"], "say --layer"),
    ],
)
def test_what_cannot_be_done_is_told(capsys, words, message, tmp_path):
    assert main(words) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rec.safetensors"]


def test_more_than_a_table_can_hold_is_refused(capsys):
    query = torch.zeros(1, 1, 8300, 1)
    regard.AttentionMap(query, query).save("long.safetensors")
    assert main(["export", "long.safetensors", "-o", "x.csv"]) == 1
    assert "expected at most 67,108,864 weights, got up to 68,890,000" in capsys.readouterr().err
