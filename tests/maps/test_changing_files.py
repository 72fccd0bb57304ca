"""Files that change while they are open, and what files leave behind: never a signal, never half of one and half of another."""

import os
import stat
import time
from copy import deepcopy

import pytest
import torch
from test_damaged_map_files import sparse_file

import regard
from regard import AttentionMap, files
from regard.errors import FileChangedError
from regard.maps.storage import tensor_file
from regard.maps.storage.open_file import OpenFile
from support.forked import start


@pytest.fixture
def mapped(monkeypatch):
    """Files of any size are mapped, as large ones are."""
    monkeypatch.setattr(tensor_file, "COPIED_BYTES", 0)


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    AttentionMap(*torch.randn(2, 1, 3, 1500, 8)).save(tmp_path / "map")
    return tmp_path / "map"


def cut(path):
    os.truncate(path, 4096)


def written_over(path):
    AttentionMap(*torch.randn(2, 1, 3, 11, 8)).save(path.with_name("other"))
    path.write_bytes(path.with_name("other").read_bytes())  # as cp does


def touched_inside(path):
    with path.open("r+b") as file:  # as rsync --inplace does
        file.seek(-64, 2)
        file.write(bytes(range(64)))
    os.utime(path, (1, 1))  # else the two may fall into one tick of the clock


READS = {
    "row": lambda amap: amap[0, 1, 1400],
    "some weights": lambda amap: amap[0, 1, 1400:, 3:9],
    "entropy": lambda amap: amap.entropy(),
    "received": lambda amap: amap.select(heads=[1]).received(),
    "pool": lambda amap: amap.pool(3, 3),
    "logsumexp": lambda amap: amap.logsumexp(),
    "dense": lambda amap: amap.dense(),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("change", [cut, written_over, touched_inside])
@pytest.mark.usefixtures("mapped")
def test_what_is_read_of_a_changed_file_is_an_error(path, change, read):
    amap = regard.load(path)
    change(path)
    with pytest.raises(FileChangedError, match=r"written into or cut short since; open it again"):
        READS[read](amap)


@pytest.mark.parametrize("change", [cut, written_over])
@pytest.mark.usefixtures("mapped")
def test_dense_weights_too(tmp_path, change):
    AttentionMap.from_dense(torch.rand(1, 2, 40, 300)).save(tmp_path / "map")
    amap = regard.load(tmp_path / "map")
    change(tmp_path / "map")
    with pytest.raises(FileChangedError):
        amap[0, 1, 39]


@pytest.mark.parametrize("change", [cut, written_over, touched_inside])
def test_a_small_file_is_read_once_and_for_all(path, change):
    amap = regard.load(path)
    before = amap[0, 1, 1400]
    change(path)
    assert torch.equal(amap[0, 1, 1400], before)


@pytest.mark.usefixtures("mapped")
def test_a_file_that_is_replaced_as_a_whole_disturbs_nobody(path):
    amap = regard.load(path)
    before = amap[0, 1, 1400]
    AttentionMap(*torch.randn(2, 1, 3, 11, 8)).save(path)
    assert regard.load(path).shape == (1, 3, 11, 11)
    assert torch.equal(amap[0, 1, 1400], before)


@pytest.mark.usefixtures("mapped")
def test_a_copy_of_a_map_has_memory_of_its_own(path):
    amap = regard.load(path)
    copied = deepcopy(amap.factors)
    cut(path)
    assert copied.query.shape == (1, 3, 1500, 8)
    with copied.guard():
        assert bool(copied.query.isfinite().all())


CUT_WHILE_READ = """
import sys
import regard
from regard.errors import FileChangedError
amap = regard.load(sys.argv[1])
changed = False
while not changed:
    try:
        for head in range(amap.shape[1]):
            for place in range(0, amap.shape[2], 97):
                amap[0, head, place]
    except FileChangedError:
        changed = True
"""


@pytest.mark.slow
def test_who_cuts_a_file_while_it_is_read_waits_for_the_read(tmp_path):
    probe = tmp_path / "probe"
    probe.write_bytes(b"x" * 9)
    if not leases(probe):
        pytest.skip("no leases on this file system")
    for delay in (0.2, 0.47, 0.8):
        sparse_file(tmp_path / "map", heads=4, size=2**16)
        reader = start(CUT_WHILE_READ, tmp_path / "map")
        time.sleep(1 + delay)
        os.truncate(tmp_path / "map", 2**20)
        reader.join(60)
        assert reader.exitcode == 0, reader.exitcode


def leases(path):
    fcntl = pytest.importorskip("fcntl")
    with path.open("rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except (OSError, AttributeError):
            return False
        return True


def test_reads_within_reads_hold_the_file_until_the_last_ends(path):
    with path.open("rb") as file:
        held = OpenFile(path, file)
        with held(), held():
            pass
        with held():
            assert held._readers == 1
        assert held._readers == 0


# -- what is written


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o664, 0o444])
def test_saving_keeps_the_permissions_of_what_it_replaces(path, kept):
    path.chmod(kept)
    AttentionMap.from_dense(torch.eye(3)).save(path)
    assert mode(path) == kept


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        AttentionMap.from_dense(torch.eye(3)).save(tmp_path / "new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~mask


STUCK = """
import os, sys, time
from pathlib import Path
from regard.files import written_whole
with written_whole(Path(sys.argv[1])) as file:
    file.write(b"x" * 1000)
    file.flush()
    Path(sys.argv[1] + ".begun").touch()
    time.sleep(600)
"""


def parts(folder):
    return [one for one in folder.iterdir() if one.name.endswith(".part")]


@pytest.mark.slow
def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path):
    writer = start(STUCK, tmp_path / "one")
    while not (tmp_path / "one.begun").exists():
        assert writer.is_alive()
        time.sleep(0.01)
    AttentionMap.from_dense(torch.eye(3)).save(tmp_path / "two")
    assert len(parts(tmp_path)) == 1, "its writer lives"
    writer.kill()
    writer.join()
    assert len(parts(tmp_path)) == 1
    AttentionMap.from_dense(torch.eye(3)).save(tmp_path / "two")
    assert not parts(tmp_path)


def test_a_writer_whose_part_is_cleared_before_it_is_locked_takes_another(tmp_path, monkeypatch):
    lock, seen = files.fcntl.flock, []

    def late(number, how):
        if not seen:  # another writer comes between
            seen.extend(parts(tmp_path))
            seen[0].unlink()
        return lock(number, how)

    monkeypatch.setattr(files.fcntl, "flock", late)
    AttentionMap.from_dense(torch.eye(3)).save(tmp_path / "map")
    assert seen
    assert regard.load(tmp_path / "map").shape == (1, 1, 3, 3)


# -- several files that appear together


def test_of_files_that_appear_together_none_does_before_all_are_written(tmp_path):
    (tmp_path / "one").write_bytes(b"before")
    with pytest.raises(OSError, match=r"cannot write '.*gone/two'"):
        files.write_together([(tmp_path / "one", b"a"), (tmp_path / "gone" / "two", b"b")])
    assert (tmp_path / "one").read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["one"]


def test_pictures_keep_permissions_and_clear_leftovers_as_maps_do(tmp_path):
    (tmp_path / ".regard-0.part").touch()
    (tmp_path / "a.svg").touch()
    (tmp_path / "a.svg").chmod(0o600)
    before = os.umask(0o027)
    try:
        regard.save(torch.eye(3), tmp_path / "a.svg", tmp_path / "b.png")
    finally:
        os.umask(before)
    assert not parts(tmp_path)
    assert (mode(tmp_path / "a.svg"), mode(tmp_path / "b.png")) == (0o600, 0o640)
