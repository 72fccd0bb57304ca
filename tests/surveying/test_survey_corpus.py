"""Corpora: every format, local or not; what cannot be read is counted, and what is done is not read again."""

import gzip
import json
import lzma
import os

import fsspec
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from regard.errors import FileFormatError, OptionError
from regard.surveying import corpus as corpus_module
from regard.surveying.corpus import find_corpus
from regard.surveying.records import LONGEST_LINE, Columns, MissingColumnError, Refusal, format_of
from regard.surveying.tally import Done

TEXTS = ["Un chat.", "Deux chats,\ttrois.", "", "Ça va ?"]


def items_of(address, columns=None, **given):
    """What is read: texts, or the reason why there is none."""
    found = find_corpus(str(address), columns or Columns(**given))
    chunks = list(found.chunks(Done()))
    assert sum(chunk.bytes for chunk in chunks) == found.bytes
    return [item.reason if isinstance(item, Refusal) else item for chunk in chunks for _, item in chunk.items]


def write_lines(path, texts=TEXTS):
    path.write_bytes("".join(f"{text}\n" for text in texts).encode())
    return path


def write_parquet(path, texts=TEXTS, **more):
    parquet.write_table(pa.table({"text": texts, **more}), path, row_group_size=3)
    return path


def test_lines_of_text(tmp_path):
    path = write_lines(tmp_path / "corpus.txt")
    assert items_of(path) == [(text, None) for text in TEXTS]
    assert items_of(path, pairs=True)[:2] == [("Un chat.", None), ("Deux chats,", "trois.")]
    path.write_bytes("\ufeffa\r\nb\tc\td\nlast".encode())
    assert items_of(path, pairs=True) == [("a", None), ("b", "c"), ("last", None)]
    path.write_bytes(b"")
    assert items_of(path) == []


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_compressed_files(tmp_path, suffix, compress):
    path = tmp_path / f"corpus.tsv.{suffix}"
    plain = "".join(f"{text}\n" for text in TEXTS * 500).encode()
    path.write_bytes(compress(plain))
    assert items_of(path) == [(text, None) for text in TEXTS * 500]
    path.write_bytes(compress(plain)[:-20])
    damaged = items_of(path)
    assert damaged[-1] == "damaged file"
    assert damaged[:-1] == [(text, None) for text in TEXTS * 500][: len(damaged) - 1]
    path.write_bytes(b"not compressed at all")
    assert items_of(path) == ["damaged file"]


def test_bad_lines_are_refused_and_reading_goes_on(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"a\n\xff\xfe\nb\n" + b"x" * (LONGEST_LINE + 5) + b"\nc\n")
    assert items_of(path) == [("a", None), "not UTF-8", ("b", None), "too long", ("c", None)]
    [chunk] = find_corpus(str(path), Columns()).chunks(Done())
    assert [item.what for _, item in chunk.items if isinstance(item, Refusal)] == [
        "byte 0xff at 0",
        "a line of 16,777,222 bytes",
    ]


def test_json_lines(tmp_path):
    path = tmp_path / "corpus.jsonl"
    lines = [
        json.dumps({"text": "un\tdeux", "target": "trois"}),
        '{"text": ',
        "[1]",
        "",
        '{"text": 3, "target": "x"}',
        '{"text": null, "target": "x"}',
        '{"text": "\\ud800", "target": "x"}',
        '{"other": "a"}',
        "[" * 100_000,
        json.dumps({"text": "quatre", "target": ""}),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert items_of(path, text="text", target="target") == [
        ("un\tdeux", "trois"),
        *("not JSON", "missing field", "empty", "not text", "missing field", "not UTF-8", "missing field", "not JSON"),
        ("quatre", ""),
    ]
    assert items_of(path)[0] == ("un\tdeux", None)


def test_parquet(tmp_path):
    pairs = [{"en": "Hi.", "fr": "Salut !"}, None, {"en": "No.", "fr": None}, {"en": "Run!", "fr": "Cours !"}]
    path = write_parquet(tmp_path / "corpus.parquet", translation=pairs, number=[1, 2, 3, 4])
    assert items_of(path) == [(text, None) for text in TEXTS]
    found = items_of(path, text="translation.en", target="translation.fr")
    assert found == [("Hi.", "Salut !"), "missing field", "missing field", ("Run!", "Cours !")]
    assert items_of(path, text="number") == ["not text"] * 4
    with pytest.raises(MissingColumnError, match="expected a column 'txt', got a table with text, translation, number"):
        items_of(path, text="txt")
    path.write_bytes(path.read_bytes()[:-30])
    assert items_of(path) == ["damaged file"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_of_a_table_that_are_no_utf8(tmp_path, kind):
    bad = pa.array([b"good", b"\xff", b"fine"], pa.binary())
    texts = bad.view(pa.string()) if kind == pa.string() else bad.cast(pa.large_binary()).view(pa.large_string())
    if pa.types.is_dictionary(kind):
        texts = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), bad.view(pa.string()))
    path = tmp_path / "data.arrow"
    with ipc.new_stream(path, pa.schema([("text", texts.type)])) as writer:
        writer.write_table(pa.table({"text": texts}))
    assert items_of(path) == [("good", None), "not UTF-8", ("fine", None)]


def save_to_disk(folder, texts, *, shards=2):
    """The files that ``datasets.Dataset.save_to_disk`` writes."""
    folder.mkdir(parents=True)
    names = [f"data-{at:05d}-of-{shards:05d}.arrow" for at in range(shards)]
    for at, name in enumerate(names):
        table = pa.table({"text": texts[at::shards], "id": range(len(texts[at::shards]))})
        with ipc.new_stream(folder / name, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names], "_split": "train"}))
    (folder / "dataset_info.json").write_text("{}")


def test_a_folder_of_the_datasets_library(tmp_path):
    save_to_disk(tmp_path / "set" / "train", TEXTS)
    save_to_disk(tmp_path / "set" / "test", ["seul"], shards=1)
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert items_of(tmp_path / "set" / "train") == [(text, None) for text in TEXTS[::2] + TEXTS[1::2]]
    assert items_of(tmp_path / "set") == [(text, None) for text in ["seul", *TEXTS[::2], *TEXTS[1::2]]]
    names = [source.name for source in find_corpus(str(tmp_path / "set"), Columns()).sources]
    assert names == ["test/data-00000-of-00001.arrow", "train/data-00000-of-00002.arrow", "train/data-00001-of-00002.arrow"]


def test_arrow_as_a_file(tmp_path):
    table = pa.table({"text": TEXTS})
    with ipc.new_file(tmp_path / "one.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    assert items_of(tmp_path / "one.arrow") == [(text, None) for text in TEXTS]


def test_folders_patterns_and_lists(tmp_path):
    (tmp_path / "deep").mkdir()
    write_lines(tmp_path / "b.txt", ["b"])
    write_lines(tmp_path / "a.txt", ["a"])
    write_parquet(tmp_path / "deep" / "c.parquet", ["c"])
    for name in (".hidden.txt", "_SUCCESS.txt", "README.md", "dataset_infos.json"):
        (tmp_path / name).write_text("no text of the corpus")
    assert items_of(tmp_path) == [("a", None), ("b", None), ("c", None)]
    assert items_of(f"{tmp_path}/[!_]*.txt") == [("a", None), ("b", None)]
    both = find_corpus([f"{tmp_path}/b.txt", str(tmp_path)], Columns())
    assert [source.name for source in both.sources] == ["b.txt (1)", "a.txt", "b.txt (2)", "deep/c.parquet"]
    assert items_of(tmp_path / "README.md") == [("no text of the corpus", None)]  # named, it is read


def test_an_address_that_is_not_here():
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/part-1.jsonl", b'{"text": "one"}\n')
    memory.pipe("/bucket/part-2.jsonl", b'{"text": "two"}\n')
    assert items_of("memory://bucket") == [("one", None), ("two", None)]
    assert items_of("memory://bucket/part-*.jsonl") == [("one", None), ("two", None)]
    assert [source.name for source in find_corpus("memory://bucket", Columns()).sources] == ["part-1.jsonl", "part-2.jsonl"]


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="which does not exist; check the path"):
        find_corpus(str(tmp_path / "no.txt"), Columns())
    with pytest.raises(FileNotFoundError, match="expected files that match"):
        find_corpus(f"{tmp_path}/*.txt", Columns())
    with pytest.raises(FileFormatError, match="without any; name the file itself"):
        find_corpus(str(tmp_path), Columns())
    with pytest.raises(OptionError, match="an address that fsspec knows, got 'nowhere://x'"):
        find_corpus("nowhere://x", Columns())
    with pytest.raises(OptionError, match="expected a file, got '-', standard input, which a run .* could not read again"):
        find_corpus("-", Columns())
    for nothing in ([], "", [3]):
        with pytest.raises(OptionError, match="expected the address of a corpus"):
            find_corpus(nothing, Columns())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only POSIX has named pipes")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OptionError, match="expected a file, got .*, a pipe or a device, .* write the texts to a file first"):
        find_corpus(str(tmp_path / "pipe"), Columns())


def test_a_disk_that_fails_is_no_damage_of_the_data(tmp_path, monkeypatch):
    path = write_lines(tmp_path / "corpus.txt")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("regard.surveying.records._lines", fail)
    with pytest.raises(OSError, match="Input/output error"):
        items_of(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write_lines(tmp_path / "corpus.txt")
    path.chmod(0)
    with pytest.raises(PermissionError):
        items_of(path)


@pytest.mark.parametrize("suffix", ["txt", "parquet"])
def test_chunks_cover_the_corpus_and_are_skipped_when_done(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", 7)
    texts = [f"text {at}" for at in range(31)]
    first = {"txt": write_lines, "parquet": write_parquet}[suffix](tmp_path / f"a.{suffix}", texts)
    write_lines(tmp_path / "b.txt", ["b"])
    corpus = find_corpus([str(first), str(tmp_path / "b.txt")], Columns())
    chunks = list(corpus.chunks(Done()))
    assert [(chunk.file, chunk.number, len(chunk.items)) for chunk in chunks] == [
        *((0, number, 7) for number in range(4)),
        *((0, 4, 3), (1, 0, 1)),
    ]
    assert [item for chunk in chunks for _, item in chunk.items] == [(text, None) for text in [*texts, "b"]]
    places = [place for chunk in chunks for place, _ in chunk.items]
    assert [corpus.name_of(place) for place in (places[0], places[30], places[31])] == [
        f"a.{suffix}:1",
        f"a.{suffix}:31",
        "b.txt:1",
    ]
    again = list(corpus.chunks(Done({0: [[0, 2], [4, 5]]})))
    assert [len(chunk.items) for chunk in again] == [0, 0, 7, 7, 0, 1]
    assert [chunk.digest for chunk in again] == [chunk.digest for chunk in chunks]  # of what is done, too
    assert len({chunk.digest for chunk in chunks}) == len(chunks)
    assert [chunk.items for chunk in again if chunk.items] == [chunks[at].items for at in (2, 3, 5)]
    assert sum(chunk.bytes for chunk in again) == corpus.bytes
    assert [chunk.file for chunk in corpus.chunks(Done(), [1])] == [1]


def test_long_texts_make_small_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "CHUNK_LETTERS", 100)
    path = write_lines(tmp_path / "corpus.txt", ["x" * 60] * 5)
    assert [len(chunk.items) for chunk in find_corpus(str(path), Columns()).chunks(Done())] == [2, 2, 1]


def test_formats_by_name():
    assert [format_of(name) for name in ("a.TXT", "b.c.tsv.bz2", "x/d.jsonl.zst", "c4.json.gz", "e.pq", "f", "g.gz")] == [
        *("text", "text", "json", "json", None, None, None),
    ]
