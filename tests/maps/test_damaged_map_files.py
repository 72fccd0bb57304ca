"""What happens to files: cut, flipped, edited, foreign, killed half-way, larger than memory."""

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import time
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.testing import assert_close

import regard
from regard import AttentionMap, masks
from regard.errors import DtypeError, FileFormatError
from regard.maps.storage.map_file import _checksum
from support.forked import start
from support.kinds_of_maps import BIAS, SINKS, factors, normal
from support.lazy_map_suite import hypothetical
from support.tiny_models import recorded

ODD = masks.from_tensor(normal(5, 7) > 0) | masks.padding(torch.ones(2, 7)) & ~masks.documents(torch.ones(1, 7))


def a_map():
    amap = AttentionMap(*factors(), mask=ODD, causal=True, window=3, bias=BIAS, softcap=2.0, sinks=SINKS).select(keys=[3, 1])
    amap.name, amap.kind, amap.layer, amap.queries = "layers.3", "self", 3, tuple("abcde")
    return amap


def edited(path, edit, seal=True):
    """Change the header of a file: ``edit`` gets the text of ours and the whole header."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = json.loads(header["__metadata__"]["regard"])
    text = edit(text, header) or text
    if seal and isinstance(text, dict):  # as one who knows the format would
        text.pop("checksum", None)
        text["checksum"] = _checksum(text, {name: said for name, said in header.items() if name != "__metadata__"})
    if isinstance(header.get("__metadata__"), dict) and "regard" in header["__metadata__"]:
        header["__metadata__"]["regard"] = json.dumps(text)
    new = json.dumps(header).encode()
    new += b" " * (-len(new) % 8)
    path.write_bytes(len(new).to_bytes(8, "little") + new + data[8 + length :])
    return path


@pytest.fixture(params=["map", "recording"])
def path(request, tmp_path):
    path = tmp_path / "it.safetensors"
    (a_map() if request.param == "map" else recorded("llama")).save(path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    a_map().save(folder / "map")
    recorded("bert").save(folder / "recording")
    return folder


def read_everything(found):
    """Each map read, so that nothing is left to fail later."""
    maps = found.maps if isinstance(found, regard.Recording) else [found]
    return [amap.dense() for amap in maps], repr(found)


# -- by chance


@pytest.mark.parametrize("name", ["map", "recording"])
@hypothetical
@given(st.data())
def test_what_is_cut_is_refused(files, name, data):
    whole = (files / name).read_bytes()
    cut = files / "cut"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(FileFormatError, match=r"copy it again"):
        regard.load(cut)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(FileFormatError, match=r"copy it again"):
        regard.load(cut)


@pytest.mark.parametrize("name", ["map", "recording"])
@hypothetical
@given(st.data())
def test_flipped_bytes_of_the_header_are_refused_or_change_nothing(files, name, data):
    whole = bytearray((files / name).read_bytes())
    end = 8 + int.from_bytes(whole[:8], "little")
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, end - 1), st.integers(0, 255)), min_size=1, max_size=3)):
        whole[place] = value
    (files / "flipped").write_bytes(whole)
    try:
        found = read_everything(regard.load(files / "flipped"))
    except FileFormatError:
        return
    for one, other in zip(found[0], read_everything(regard.load(files / name))[0], strict=True):
        assert torch.equal(one, other)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([2**31, 2**63, 10**400, -(2**53)]),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["maps.0.query", "maps.0.key", "maps.0.bias", "causal", "not", "self"]),
    st.lists(st.integers(-2, 8), max_size=3),
    st.dictionaries(
        st.sampled_from(["range", "positions", "made", "mask"]), st.lists(st.integers(-2, 8), max_size=3), max_size=2
    ),
)


def places(value, path=()):
    """Every place of a JSON value, as the keys that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        yield from places(one, (*path, key))


@pytest.mark.parametrize("name", ["map", "recording"])
@hypothetical
@given(st.data())
def test_edited_headers_are_refused_or_are_files(files, name, data):
    (files / "edited").write_bytes((files / name).read_bytes())

    def edit(text, header):
        for _ in range(data.draw(st.integers(1, 2))):
            whole = header if data.draw(st.integers(0, 3)) == 0 else text
            *way, last = data.draw(st.sampled_from(list(places(whole))))
            at = whole
            for key in way:
                at = at[key]
            if data.draw(st.booleans()):
                del at[last]
            else:
                at[last] = data.draw(VALUES)

    edited(files / "edited", edit)
    try:
        found = regard.load(files / "edited")
    except FileFormatError:
        return
    with contextlib.suppress(regard.errors.RegardError):  # scores that are not finite are found when they are read
        read_everything(found)


# -- by name


def put(*way, value):
    """An edit that puts a value at a place of our text."""

    def edit(text, _header):
        at = text
        for key in way[:-1]:
            at = at[key]
        at[way[-1]] = value

    return edit


def deep(text, _header):
    mask = {"made": "everything"}
    for _ in range(100):
        mask = {"made": "not", "mask": mask}
    text["maps"][0]["mask"] = mask


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            put("version", value=2),
            rf"expected format version 1, got 2, written by Regard {re.escape(regard.__version__)}; install that version",
        ),
        (put("version", value="1"), r"expected format regard, version 1, got regard, 1"),
        (put("format", value="beheld"), r"expected format regard, version 1, got beheld"),
        (lambda *_: [1], r"expected the metadata as a JSON object, got \[1\]"),
        (lambda _, header: header.pop("__metadata__"), r"a safetensors file without 'regard' in its metadata; open it with"),
        (put("maps", value=3), r"expected a list of maps, got 3"),
        (put("maps", value=[]), r"expected one map, or a recording, got 0 maps"),
        (put("maps", 0, value="map"), r"expected maps\.0 as a JSON object, got 'map'"),
        (put("maps", 0, "query", value="nothing"), r"expected the name of a tensor, got 'nothing'"),
        (put("maps", 0, "query", value="maps.0.sinks"), r"expected query \(batch, heads, queries, dim\), got \(3,\)"),
        (put("maps", 0, "sinks", value="maps.0.key"), r"expected sinks \(heads,\)=\(3,\)"),
        (put("maps", 0, "bias", value="maps.0.sinks"), r"expected a floating bias of 4 axes, got torch.float32 \(3,\)"),
        (put("maps", 0, "scale", value=None), r"a map of weights, or of query, key and scale, got one without scale"),
        (put("maps", 0, "scale", value="1"), r"expected scale as float or int, got '1'"),
        (put("maps", 0, "scale", value=-1), r"scale: expected a number above 0, got -1"),
        (put("maps", 0, "softcap", value=float("nan")), r"softcap: expected a number above 0, got nan"),
        (put("maps", 0, "layer", value=-1), r"expected a layer, call and step of at least 0 as maps\.0, got -1"),
        (put("maps", 0, "layer", value=True), r"expected layer as int, got True"),
        (put("maps", 0, "name", value=7), r"expected name as str, got 7"),
        (put("maps", 0, "columns", value={"range": [0, 9, 1]}), r"expected columns among 7 keys, got"),
        (put("maps", 0, "columns", value={"range": [0, 10**30, 1]}), r"expected columns as a range or positions"),
        (put("maps", 0, "columns", value={"range": [0, 5, 0]}), r"expected columns as a range or positions"),
        (put("maps", 0, "columns", value={"positions": [-1]}), r"expected columns among 7 keys, got"),
        (put("maps", 0, "cut", value=[3]), r"expected where \d+ rows stood, got"),
        (put("maps", 0, "cut", value={"rows": {"range": [0, 1, 1], "of": 99}}), r"expected where \d+ rows stood, got"),
        (put("maps", 0, "cut", value={"rows": {"range": [95, 105, 1], "of": 99}}), r"expected rows among 99 queries, got"),
        (put("maps", 0, "cut", value={"columns": {"positions": [0, 1], "of": -3}}), r"expected where 7 columns stood, got"),
        (put("maps", 0, "queries_axis", value=9), r"expected the number of an axis in maps\.0, got 9"),
        (put("labels", 0, value=["a"]), r"expected 5 texts of an axis, got 1"),
        (put("axes", 0, "lines", 0, "size", value=2**52), r"expected 4503599627370496 texts of an axis, got 5"),
        (put("axes", 0, "lines", value=[{"size": 2**52, "present": [[0, 1]]}]), r"expected a header that takes little memory"),
        (put("axes", 0, "lines", value=[{"size": 3}]), r"expected 5 labels of queries in maps\.0, got Axis\(3 positions\)"),
        (put("axes", 0, "lines", value=[]), r"expected an axis whose parts fit each other"),
        (put("axes", 0, "role", value="target"), r"expected an axis with lines"),
        (put("axes", 0, "lines", 0, "present", value=[[3, 9]]), r"expected rising runs among 5 positions"),
        (put("axes", 0, "lines", 0, "place", value=[["patch", 1]] * 5), r"expected a place: patch, seconds or residue"),
        (put("axes", 0, "lines", 0, "group", value={"words": [[9]]}), r"expected an axis whose parts fit each other"),
        (put("axes", 0, "lines", 0, "id", value=["a"] * 5), r"expected ids as whole numbers"),
        (put("labels", 0, value=[1] * 5), r"expected labels as a list of texts"),
        (put("maps", 0, "mask", value={"made": "eval"}), r"expected a mask of and, or, not, .* got 'eval'"),
        (put("maps", 0, "mask", value={"made": "causal"}), r"expected the mask causal of offset, got made"),
        (put("maps", 0, "mask", value={"made": "causal", "offset": 2**60}), r"offset of causal: expected a whole number from"),
        (
            put("maps", 0, "mask", value={"made": "window", "width": 0, "offset": 0}),
            r"window: expected a whole number of at least 1, got 0",
        ),
        (
            put("maps", 0, "mask", value={"made": "padding", "keep": "maps.0.query"}),
            r"keep: expected 2 axes \(batch, keys\), got",
        ),
        (put("maps", 0, "mask", value={"made": "from_tensor", "tensor": "maps.0.bias"}), r"expected torch.bool"),
        (put("maps", 0, "mask", value="causal"), r"expected a mask of at most 64 levels, got str at level 0"),
        (deep, r"expected a mask of at most 64 levels, got dict at level 65"),
        (lambda _, header: header["maps.0.query"].update(dtype="F12"), r"expected tensor 'maps\.0\.query' with dtype"),
        (lambda _, header: header["maps.0.query"].update(shape=[10**30]), r"expected tensor 'maps\.0\.query' with dtype"),
        (lambda _, header: header["maps.0.query"].update(shape=[2, -3, 5, 11]), r"expected tensor 'maps\.0\.query' with dtype"),
        (lambda _, header: header["maps.0.query"].update(shape=[2, 3, 5]), r"of F32 \[2, 3, 5\] in as many bytes"),
        (lambda _, header: header.pop("maps.0.query") and None, r"where the one before it ends|bytes of tensors"),
        (lambda _, header: header.update({"maps.0.query": header["maps.0.key"]}), r"where the one before it ends"),
    ],
)
def test_what_a_map_cannot_be(edit, words, tmp_path):
    a_map().save(tmp_path / "map")
    with pytest.raises(FileFormatError, match=words) as caught:
        regard.load(edited(tmp_path / "map", edit))
    assert repr(str(tmp_path / "map")) in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (put("recording", value=1), r"expected recording as a JSON object, got 1"),
        (put("recording", "passes", value=-1), r"expected passes of at least 0, got -1"),
        (put("recording", "passes", value=None), r"expected passes of at least 0, got None"),
        (put("recording", "model", value=3), r"expected model as str, got 3"),
        (put("recording", "calls", 0, value=["a"]), r"expected a call of name, kind, layer, how it was kept, and its numbers"),
        (put("recording", "sequences", value="maps.0.query"), r"expected sequences \(batch, length\) of ids"),
        (put("recording", "tokens", value={"middle": {}}), r"expected tokens of source, consumed, produced, got 'middle'"),
        (put("recording", "tokens", value={"source": {"spans": [[1]]}}), r"expected spans of a start and a stop each"),
        (
            put("recording", "tokens", value={"source": {"spans": [[0, 1]], "labels": [""]}}),
            r"a list of labels, got ''",
        ),
        (
            put("recording", "tokens", value={"source": {"spans": [[0, 1]] * 2, "labels": [0]}}),
            r"labels of 2 sequences",
        ),
    ],
)
def test_what_a_recording_cannot_be(edit, words, tmp_path):
    recorded("bert").save(tmp_path / "recording")
    with pytest.raises(FileFormatError, match=words):
        regard.load(edited(tmp_path / "recording", edit))


def test_a_header_that_was_changed_is_known_by_its_checksum(path):
    with pytest.raises(FileFormatError, match=r"expected a header with checksum \w{8}, got \w{8}"):
        regard.load(edited(path, put("maps", 0, "scale", value=0.25), seal=False))


def test_the_checksum_is_what_the_documents_say(path):
    def check(text, header):
        said = text.pop("checksum")
        del header["__metadata__"]
        assert said == f"{zlib.crc32(json.dumps([text, header], sort_keys=True).encode()):08x}"
        header["__metadata__"] = {"regard": ""}

    edited(path, check)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a safetensors file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "it is another kind of file"),
        (b"\x02" + bytes(7), "of 8 bytes that begins with 2"),
        (b"\x02" + bytes(7) + b"[]", "expected a header with tensors, got list"),
        (b"\x02" + bytes(7) + b"{}", "without 'regard' in its metadata"),
        (b"\x02" + bytes(7) + b"\xff\xff", "expected a header of JSON, got UnicodeDecodeError"),
        ((200_000).to_bytes(8, "little") + b"[" * 200_000, "expected a header of JSON, got RecursionError"),
        (b"\xff" * 8 + b"{}", "begins with 18,446,744,073,709,551,615"),
    ],
    ids=["empty", "png", "cut", "list", "nothing", "bytes", "deep", "huge"],
)
def test_what_is_no_file_of_ours(content, words, tmp_path):
    (tmp_path / "it").write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        regard.load(tmp_path / "it")


def test_a_file_of_another_program(tmp_path):
    save_file({"weight": torch.eye(3)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FileFormatError, match=r"got a safetensors file without 'regard' .* build AttentionMap\(query, key\)"):
        regard.load(tmp_path / "model.safetensors")


def test_places_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot read .*nowhere.*check the path"):
        regard.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="cannot read"):
        regard.load(str(tmp_path))
    with pytest.raises(IsADirectoryError, match=r"cannot write .* it is a folder; add a file name"):
        a_map().save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing'; make it first"):
        a_map().save(tmp_path / "missing" / "map")
    for use in (regard.load, a_map().save):
        with pytest.raises(DtypeError, match="expected a path as text or pathlib.Path, got int"):
            use(7)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_no_permission(tmp_path):
    a_map().save(tmp_path / "map")
    (tmp_path / "map").chmod(0)
    with pytest.raises(PermissionError, match="cannot read .* Permission denied"):
        regard.load(tmp_path / "map")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot write"):
        a_map().save(tmp_path / "other")


# -- written whole, or not at all


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stopped"])
def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch, error):
    a_map().save(tmp_path / "map")
    before = (tmp_path / "map").read_bytes()

    def fail(_):
        raise error

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(error), match="cannot write .*No space left.*" if isinstance(error, OSError) else None):
        AttentionMap(*factors()).save(tmp_path / "map")
    assert (tmp_path / "map").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["map"]


KILLED = """
import sys, torch, regard
amap = [regard.AttentionMap.from_dense(torch.full((1, 1, 512, 2048), float(value))) for value in (1, 2)]
while True:
    for one in amap:
        one.save(sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_process_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "map"
    AttentionMap.from_dense(torch.ones(512, 2048)).save(path)
    for delay in (0.05, 0.11, 0.18, 0.27):
        before = path.stat().st_ino
        process = start(KILLED, path)
        while path.stat().st_ino == before:
            assert process.is_alive(), process.exitcode
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.join()
        values = regard.load(path).dense().unique()
        assert values.tolist() in ([1.0], [2.0])


def test_a_map_is_saved_over_the_file_that_it_comes_from(tmp_path):
    a_map().save(tmp_path / "map")
    loaded = regard.load(tmp_path / "map")
    loaded.select(heads=[1]).save(tmp_path / "map")
    assert_close(loaded.dense(), a_map().dense())
    assert_close(regard.load(tmp_path / "map").dense(), a_map().dense()[:, 1:2])


# -- memory


def test_what_is_written_into_a_map_does_not_reach_the_file(tmp_path):
    a_map().save(tmp_path / "map")
    before = (tmp_path / "map").read_bytes()
    regard.load(tmp_path / "map").factors.query.zero_()
    assert (tmp_path / "map").read_bytes() == before


def sparse_file(path, heads, size, dim=64):
    """A file of a map whose factors are zeros that take no disk."""
    small = AttentionMap(torch.zeros(1, heads, 1, dim), torch.zeros(1, heads, 1, dim), causal=True)
    small.save(path)
    nbytes = heads * size * dim * 4

    def grow(_text, header):
        for place, name in enumerate(("maps.0.query", "maps.0.key")):
            offsets = [place * nbytes, (place + 1) * nbytes]
            header[name] |= {"shape": [1, heads, size, dim], "data_offsets": offsets}

    edited(path, grow)
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    os.truncate(path, header)
    os.truncate(path, header + 2 * nbytes)


READ = """
import resource, sys, time, regard
regard.load
start = time.perf_counter()
amap = regard.load(sys.argv[1])
opened = time.perf_counter() - start
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
weights = amap[0, 3, 7:9, :5]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(opened, (after - before) * 1024, amap.nbytes, weights.sum().item())
"""


@pytest.mark.slow
def test_a_file_larger_than_memory_opens_at_once_and_costs_what_is_read(tmp_path):
    path = tmp_path / "sparse"
    sparse_file(path, heads=256, size=2**16, dim=256)
    assert path.stat().st_size > 2**35
    assert path.stat().st_blocks < 1000
    said = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True).stdout
    opened, read, nbytes, total = map(float, said.split())
    assert nbytes == 2**35
    assert opened < 1
    # One head of keys, as they lie in the file and as float32; a block of rows; nothing of the other 255 heads.
    assert read < 4 * 2**26
    assert total == pytest.approx(1.0, abs=0.9)


@pytest.mark.slow
def test_saving_takes_no_second_copy(tmp_path):
    code = f"""
import resource, torch, regard
amap = regard.AttentionMap(torch.ones(1, 8, 2**16, 64), torch.ones(1, 8, 2**16, 64), causal=True)
regard.load
amap.select(heads=[0], queries=[0]).save({str(tmp_path / "small")!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
amap.save({str(tmp_path / "map")!r})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    grown = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert (tmp_path / "map").stat().st_size > 2**28
    assert grown < 2**26


def test_many_maps_need_few_file_descriptors(tmp_path):
    recording = regard.Recording(
        AttentionMap(normal(1, 1, 2, 3, seed=at), normal(1, 1, 2, 3, seed=-at)) for at in range(1, 400)
    )
    recording.save(tmp_path / "many")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    try:
        assert len(regard.load(tmp_path / "many").maps) == 399
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_file_of_several_mappings(tmp_path, monkeypatch):
    monkeypatch.setattr("regard.maps.storage.tensor_file.MAPPED_BYTES", 4096)
    recording = recorded("llama")
    recording.save(tmp_path / "pages")
    for one, other in zip(regard.load(tmp_path / "pages").maps, recording.maps, strict=True):
        assert torch.equal(one.factors.query, other.factors.query)
        assert torch.equal(one.factors.key, other.factors.key)
