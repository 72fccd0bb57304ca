"""Effects in Parquet: what is read is what was written, and the same effects are the same bytes."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.errors import FileFormatError, OptionError
from regard.interventions import effects_file, tables
from regard.interventions.effects import Effects
from regard.interventions.records import COLUMNS
from support.effects import columns_of, cut, shuffled

ABOUT = {"measures": ["loss", "margin"], "model": "tiny – «é»", "replacement": "resample", "seed": 0, "estimated": False}


def same(one, other):
    return [str(row) for row in one.table()] == [str(row) for row in other.table()]


def test_what_is_read_is_what_was_written(tmp_path):
    found = Effects.of(columns_of(7, groups=3, draws=2, file="ä/b.jsonl"), ABOUT)
    found.save(tmp_path / "x.parquet")
    again = Effects.load(tmp_path / "x.parquet")
    assert same(found, again)
    assert again.about == ABOUT
    assert again.tests("margin", "max") == found.tests("margin", "max")
    assert again.sites == found.sites
    assert again.measures == found.measures


def test_the_same_effects_are_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(effects_file, "ROWS", 37)
    columns = columns_of(11, groups=3)
    for name, blocks in (("a", columns), ("b", cut(shuffled(columns), 5, 60)), ("c", shuffled(columns, 4))):
        Effects.of(blocks, ABOUT).save(tmp_path / name)
    Effects.load(tmp_path / "a").save(tmp_path / "d")
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1
    assert parquet.ParquetFile(tmp_path / "a").metadata.row_group(0).num_rows == 37


def test_others_read_it(tmp_path):
    """As a plain table, sorted by prompt, then by site."""
    Effects.of(shuffled(columns_of(5)), ABOUT).save(tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == list(COLUMNS)
    lines = table.column("line").to_pylist()
    assert lines == sorted(lines)
    assert table.column("site").to_pylist()[:4] == ["0.0", "0.0", "0.1", "0.1"]
    assert all(math.isnan(value) for value in table.column("other").to_pylist())
    assert json.loads(table.schema.metadata[b"regard.effects"])["version"] == 1


def test_a_file_of_144_heads_is_small(tmp_path):
    """A row is three numbers and what tells it: about 10 bytes where the unchanged measure repeats for each head."""
    Effects.of(columns_of(20, 12, 12, measures=("loss",))).save(tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 15 * 20 * 144


def test_files_of_something_else_are_refused(tmp_path):
    place = tmp_path / "x.parquet"
    with pytest.raises(FileNotFoundError, match="there is no such file; regard sweep"):
        Effects.load(place)
    with pytest.raises(IsADirectoryError, match="it is a folder; name another file"):
        Effects.load(tmp_path)
    place.write_bytes(b"no")
    with pytest.raises(FileFormatError, match="expected effects, got .* which is no readable Parquet"):
        Effects.load(place)
    parquet.write_table(pa.table({"a": [1]}), place)
    with pytest.raises(FileFormatError, match="a Parquet file of something else; see regard sweep --help"):
        Effects.load(place)
    parquet.write_table(pa.table({"a": [1]}).replace_schema_metadata({"regard.effects": '{"version": 2}'}), place)
    with pytest.raises(FileFormatError, match="expected effects of version 1, got others"):
        Effects.load(place)
    for text in ("[" * 9, "[]", '{"version": 1}'):
        parquet.write_table(pa.table({"a": [1]}).replace_schema_metadata({"regard.effects": text}), place)
        with pytest.raises(FileFormatError, match="damaged"):
            Effects.load(place)


def test_a_row_without_a_number_is_refused(tmp_path):
    Effects.of(columns_of(3)).save(tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    at = table.column_names.index("changed")
    holes = pa.array([None] + [1.0] * (len(table) - 1))
    parquet.write_table(table.set_column(at, table.schema.field(at), holes), tmp_path / "y.parquet")
    with pytest.raises(FileFormatError, match="damaged: a row without changed"):
        Effects.load(tmp_path / "y.parquet")


def test_a_small_file_that_holds_very_much_is_refused(tmp_path):
    rows = 1_000_000
    said = {"regard.effects": '{"version": 1}'}
    one = pa.array(np.zeros(rows, np.int64))
    columns = dict.fromkeys(COLUMNS, one)
    parquet.write_table(pa.table(columns).replace_schema_metadata(said), tmp_path / "x.parquet", compression="zstd")
    with pytest.raises(FileFormatError, match="takes at most .* bytes of memory"):
        Effects.load(tmp_path / "x.parquet")


def test_few_rows_that_make_a_large_grid_are_refused(tmp_path):
    """Each row is of a prompt of its own at a site of its own: the statistics are of all prompts at all sites."""
    rows = 4000
    columns = columns_of(rows, 1, 1, measures=("loss",)) | {"site": list(map(str, range(rows)))}
    Effects.of(columns).save(tmp_path / "x.parquet")
    with pytest.raises(FileFormatError, match="takes at most .* bytes of memory, as it is small"):
        Effects.load(tmp_path / "x.parquet")
    ragged = cut(columns_of(300, 1, 1, measures=("loss",)), *range(1, 300))  # of positions: texts of 1 to 300 tokens
    blocks = [{name: list(column) * size for name, column in one.items()} for size, one in enumerate(ragged, 1)]
    for block in blocks:
        block["site"] = [f"position {at}" for at in range(len(block["site"]))]
    Effects.of(blocks).save(tmp_path / "y.parquet")
    assert len(Effects.load(tmp_path / "y.parquet").sites) == 300


def test_layers_and_heads_that_no_model_has_are_refused(tmp_path, monkeypatch):
    columns = columns_of(3, 1, 1) | {"layer": [2**31 - 1] * 6, "head": [2**31 - 1] * 6}
    said = "expected the layers and heads of a model, got layer 2,147,483,647 and head 2,147,483,647"
    with pytest.raises(OptionError, match=said):
        Effects.of(columns)
    with monkeypatch.context() as patched:
        patched.setattr(tables, "MOST_HEADS", 2**62)
        Effects.of(columns).save(tmp_path / "x.parquet")
    with pytest.raises(FileFormatError, match=f"damaged: columns: {said}"):
        Effects.load(tmp_path / "x.parquet")


def test_a_row_that_stands_twice_is_told_in_short():
    columns = columns_of(2, 1, 1, measures=("y" * 3000,)) | {"line": [0, 0], "site": ["x" * 3000] * 2}
    with pytest.raises(OptionError, match="expected each row once") as caught:
        Effects.of(columns)
    assert len(str(caught.value)) < 500


def test_nothing_is_a_file_too(tmp_path):
    Effects.of([], ABOUT).save(tmp_path / "x.parquet")
    assert Effects.load(tmp_path / "x.parquet").measures == ()
