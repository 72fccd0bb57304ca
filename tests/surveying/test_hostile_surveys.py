"""Surveys and corpora that mean ill: small files that hold very much, and any metadata. Refused by name, and at once."""

import contextlib
import json
import os
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from regard.errors import FileFormatError, OptionError, RegardError
from regard.interventions.effects import Effects
from regard.surveying import survey_file
from regard.surveying.corpus import find_corpus
from regard.surveying.parquet_pages import pages
from regard.surveying.records import LONGEST_LINE, Columns, Refusal
from regard.surveying.survey_cost import MOST_FOOTER
from regard.surveying.survey_file import Survey
from regard.surveying.survey_table import METADATA
from regard.surveying.tally import Done, Tally
from regard.surveying.totals import Head, Passage, Totals
from support.forked import PEAK, said
from support.hostile_parquet import BYTES, INT64, column, file, group, leaf, page

ABOUT = {
    "finished": True,
    "model": {"name": "m", "class": "M"},
    "corpus": [{"name": "a.txt", "kind": "text", "bytes": 9}],
    "columns": {"text": "text", "target": None},
    "settings": {"examples": 2, "windows": [3], "per_text": True},
    "chunks": {"lines": 1, "letters": 1},
    "versions": {"regard": "0"},
}


def honest(path, *, per_text=True):
    totals = Totals(
        [Head("self", 0, "a", 0), Head("self", 0, "a", 1)], {"keys": [0, 5, 9], "entropy": [0, 1, 2, 3]}, 2, per_text=per_text
    )
    totals.add(np.arange(12).reshape(3, 2, 2) / 7, [0, 1, 4], [Passage(text, None) for text in "xyz"])
    tally = Tally(totals, 3, 9)
    tally.leave_out("empty", 2, "an empty line")
    Survey(dict(ABOUT), tally, Done({0: [[0, 1]]})).save(path)
    return path


def with_metadata(table, **changed):
    about = json.loads(table.schema.metadata[METADATA]) | changed
    return table.replace_schema_metadata({METADATA: json.dumps(about).encode()})


def test_an_honest_one_opens(tmp_path):
    found = Survey.load(honest(tmp_path / "it"))
    assert [row.count for row in found.rows()] == [3] * 4
    assert found.texts == [("a.txt", 1), ("a.txt", 2), ("a.txt", 5)]
    found.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "it").read_bytes()


def repeated(path, name, values):
    table = parquet.read_table(honest(path))
    made = pa.table({name: values}).replace_schema_metadata(table.schema.metadata)
    parquet.write_table(made, path, compression="zstd")


def many_rows(path):
    repeated(path, "count", pa.array(np.zeros(1_500_000, np.int64)))


def one_long_text(path):
    repeated(path, "model", ["a" * 2**25])


def a_text_in_many_places(path):
    repeated(path, "model", pa.DictionaryArray.from_arrays(np.zeros(500, np.int32), ["a" * 2**18]).cast(pa.string()))


def many_columns(path):
    made = pa.table({f"c{at}": [1] for at in range(300)})
    parquet.write_table(made.replace_schema_metadata(parquet.read_table(honest(path)).schema.metadata), path)


def long_list(path):
    repeated(path, "edges", pa.array([np.zeros(1_500_000)]))


def many_examples(path):
    table = parquet.read_table(honest(path, per_text=False))
    parquet.write_table(with_metadata(table, settings={"examples": 2**40, "windows": []}), path)


def deep_metadata(path):
    table = parquet.read_table(honest(path))
    parquet.write_table(table.replace_schema_metadata({METADATA: b"[" * 10**5}), path)


def large_footer(path):
    path.write_bytes(b"PAR1" + bytes(MOST_FOOTER + 1) + (MOST_FOOTER + 1).to_bytes(4, "little") + b"PAR1")


def page_that_lies(path):
    """Of three values as the footer says, and of 2³⁰ as its page does."""
    data = page(2**30, 24, bytes(24))
    columns = [column([b"x"], INT64, 3, 4, len(data))]
    about = {METADATA: json.dumps(ABOUT | {"version": 1}).encode()}
    file(path, [group(b"schema", 1), leaf(b"x")], rows=3, groups=[(columns, 3)], metadata=about, data=data)


def pages_of_nothing(path):
    data = b"".join(page(0, 0, b"") for _ in range(5000))
    columns = [column([b"x"], INT64, 3, 4, len(data))]
    about = {METADATA: json.dumps(ABOUT | {"version": 1}).encode()}
    file(path, [group(b"schema", 1), leaf(b"x")], rows=3, groups=[(columns, 3)] * 40, metadata=about, data=data)


HOSTILE = {
    many_rows: "bytes of memory, as it is small",
    one_long_text: "bytes of memory, as it is small",
    a_text_in_many_places: "bytes of memory, as it is small",
    long_list: "bytes of memory, as it is small",
    many_examples: "bytes of memory, as it is small",
    many_columns: "at most 256 columns, got 300",
    deep_metadata: "RecursionError|little memory|damaged",
    large_footer: "bytes behind its tables",
    page_that_lies: "bytes of memory, as it is small",
    pages_of_nothing: "a few pages",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_small_survey_that_asks_for_much_is_refused(tmp_path, make):
    make(tmp_path / "it")
    before, began = pa.total_allocated_bytes(), time.process_time()
    with pytest.raises(FileFormatError, match=HOSTILE[make]):
        Survey.load(tmp_path / "it")
    assert time.process_time() - began < 10  # a bomb takes minutes
    assert pa.total_allocated_bytes() - before < 2**26


WITHIN = """
import sys
from pathlib import Path
from regard.errors import FileFormatError
from regard.surveying.survey_file import Survey
Survey.load(sys.argv[1])
Path("/proc/self/clear_refs").write_text("5")
before = peak()
try:
    Survey.load(sys.argv[2])
except FileFormatError:
    print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("make", [many_rows, one_long_text, a_text_in_many_places, page_that_lies])
def test_it_takes_little_memory(tmp_path, make):
    honest(tmp_path / "honest")
    make(tmp_path / "it")
    assert int(said(PEAK + WITHIN, tmp_path / "honest", tmp_path / "it")) < 2**26


def test_headers_of_pages_say_what_the_footer_says(tmp_path):
    path = honest(tmp_path / "it")
    with path.open("rb") as opened:
        metadata = parquet.ParquetFile(path).metadata
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(0).column(at)
            assert sum(one.values for one in pages(opened, chunk) if not one.is_dictionary) == chunk.num_values


@pytest.mark.parametrize("cut", [0, 3, 11, 12, 100, -1, -9])
def test_pieces_of_one(tmp_path, cut):
    path = honest(tmp_path / "it")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileFormatError, match="no readable Parquet"):
        Survey.load(path)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from([2**40, 2**63, 10**400, -(2**70)]), st.floats(),
    st.sampled_from(["", "a", "\ud800", "model", "99999999999999999999"]), st.lists(st.integers(-1, 3), max_size=2),
    st.dictionaries(st.sampled_from(["name", "first", "0"]), st.integers(-1, 3), max_size=2),
)  # fmt: skip


def places_in(value, here=()):
    """The ways to all that stands in a piece of JSON."""
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from places_in(one, (*here, name))


def put(value, way, new):
    if not way:
        return new
    made = dict(value) if isinstance(value, dict) else list(value)
    made[way[0]] = put(value[way[0]], way[1:], new)
    return made


def used(survey):
    str(survey)
    list(survey.rows())
    list(survey.table())
    survey.heads()
    if survey.tally.totals and survey.tally.totals.texts:
        survey.texts  # noqa: B018 - read


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
def test_any_survey_opens_or_is_refused_in_our_own_words(tmp_path, data):
    path = honest(tmp_path / "it")
    table = parquet.read_table(path)
    if data.draw(st.booleans()):
        about = json.loads(table.schema.metadata[METADATA])
        way = data.draw(st.sampled_from(list(places_in(about))))
        about = put(about, way, data.draw(ODD))
        table = table.replace_schema_metadata({METADATA: json.dumps(about).encode()})
    else:
        rows = table.to_pylist()
        way = data.draw(st.sampled_from([way for way in places_in(rows) if len(way) > 1]))
        rows = put(rows, way, data.draw(ODD))
        try:
            kept = [row for row in rows if isinstance(row, dict)]
            names = [name for name in table.column_names if data.draw(st.integers(0, 20)) or name == "model"]
            table = pa.table({name: [row.get(name) for row in kept] for name in names}, metadata=table.schema.metadata)
            parquet.write_table(table, path)
        except (pa.ArrowException, OverflowError, TypeError, UnicodeError):
            return  # no Parquet file has such a column
    parquet.write_table(table, path)
    with contextlib.suppress(RegardError):
        used(Survey.load(path))


def test_the_metadata_is_read_before_the_table(tmp_path, monkeypatch):
    parquet.write_table(pa.table({"text": ["a"] * 9}), tmp_path / "it")
    monkeypatch.setattr(survey_file, "parts_of", None)
    with pytest.raises(FileFormatError, match="a Parquet file of something else"):
        Survey.load(tmp_path / "it")


# -- corpora


def read(path, **given):
    [chunk] = find_corpus(str(path), Columns(**given)).chunks(Done())
    return [item.reason if isinstance(item, Refusal) else item[0][:9] for _, item in chunk.items]


def test_rows_that_become_long_are_refused_one_by_one(tmp_path):
    long = "a" * (LONGEST_LINE + 1)
    table = pa.table({"text": ["short", long, "x", long], "parts": [{"a": long, "b": ["y"]}, *[{"a": "x", "b": ["y"]}] * 3]})
    for name, written in (("it.parquet", parquet.write_table), ("it.arrow", feather)):
        written(table, tmp_path / name)
        assert read(tmp_path / name) == ["short", "too long", "x", "too long"]
        assert read(tmp_path / name, text="parts.a") == ["too long", "x", "x", "x"]


def feather(table, path):
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.slow
def test_a_text_in_many_places_takes_the_memory_of_one(tmp_path):
    texts = pa.DictionaryArray.from_arrays(np.zeros(2000, np.int32), ["a" * 2**19]).cast(pa.large_string())
    parquet.write_table(pa.table({"text": texts}), tmp_path / "it.parquet", compression="zstd")
    del texts
    before, most = pa.total_allocated_bytes(), 0
    for chunk in find_corpus(str(tmp_path / "it.parquet"), Columns()).chunks(Done()):
        most = max(most, pa.total_allocated_bytes() - before)
        assert {item[0][:2] for _, item in chunk.items} <= {"aa"}
    assert most < 2**26


def test_a_page_that_would_become_very_large_is_not_read(tmp_path):
    data = page(1, 2**30, bytes(24))
    columns = [column([b"text"], BYTES, 1, 4, len(data), codec=6)]
    file(tmp_path / "it.parquet", [group(b"schema", 1), leaf(b"text", BYTES)], rows=1, groups=[(columns, 1)], data=data)
    [chunk] = find_corpus(str(tmp_path / "it.parquet"), Columns()).chunks(Done())
    assert "got one of 1,073,741,824" in chunk.items[0][1].what


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "zip"])
def test_what_is_not_compressed_as_its_name_says(tmp_path, ending):
    (tmp_path / f"it.txt.{ending}").write_bytes(b"not compressed at all")
    if ending == "zst":
        pytest.importorskip("zstandard")
    assert read(tmp_path / f"it.txt.{ending}") == ["damaged file"]


@pytest.mark.parametrize(
    "state",
    ["[]", "{", "[" * 10**5, '{"_data_files": 3}', '{"_data_files": [{"filename": "../secret.txt"}]}']
    + [json.dumps({"_data_files": [{"filename": name}]}) for name in ("/etc/passwd", "..", "", "a\\b", 3)],
)
def test_the_state_of_a_dataset_leads_nowhere_else(tmp_path, state):
    (tmp_path / "set").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "set" / "state.json").write_text(state)
    with pytest.raises(FileFormatError, match="names of files beside|the state of a dataset"):
        find_corpus(str(tmp_path / "set"), Columns())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
def test_a_pipe_among_the_files_of_a_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "it.txt")
    (tmp_path / "link.txt").symlink_to("/dev/zero")
    for place in (tmp_path, tmp_path / "it.txt", tmp_path / "link.txt"):
        with pytest.raises(OptionError, match="a pipe or a device"):
            find_corpus(str(place), Columns())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
@pytest.mark.parametrize("load", [Survey.load, Effects.load])
def test_what_is_no_file_is_refused_as_what_it_is(tmp_path, load):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, why in (("pipe", "it is a pipe or a device, and no file"), ("folder", "it is a folder"), ("no", "no such file")):
        with pytest.raises(OSError, match=f"cannot read .*{name}'.*{why}"):
            load(tmp_path / name)
    with pytest.raises(OSError, match="cannot read"):
        load(tmp_path / ("x" * 300))
