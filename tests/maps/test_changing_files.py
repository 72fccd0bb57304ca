"""Files that change while they are open, and what files leave behind: never a signal, never half of one and half of another."""

import os
import pickle
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
from regard.viewer.answers.steps import steps_of
from support.forked import said, start


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


RAW = {
    "sum": lambda amap, _: amap.factors.key.sum(),
    "a part of a part": lambda amap, _: amap.factors.query[0, 1][7:].tolist(),
    "numpy": lambda amap, _: amap.factors.key.numpy(),
    "in a list": lambda amap, _: torch.cat([torch.zeros(1, 3, 1, 8), amap.factors.key], 2),
    "out of place": lambda amap, _: torch.mm(amap.factors.key[0, 0], torch.ones(8, 2), out=torch.empty(1500, 2)),
    "printed": lambda amap, _: repr(amap.factors.key),
    "copied": lambda amap, _: deepcopy(amap),
    "pickled": lambda amap, _: pickle.dumps(amap),
    "saved": lambda amap, folder: amap.save(folder / "again"),
    "page": lambda amap, folder: regard.page(amap, folder / "page.html"),
    "steps": lambda amap, _: steps_of(amap, 0, None),
    "moved": lambda amap, _: amap.to("cpu").factors.key.double(),
}


OF_A_CHANGED_FILE = """
import sys
from pathlib import Path
import regard
import test_changing_files as tests
from regard.errors import FileChangedError
from regard.maps.storage import tensor_file
tensor_file.COPIED_BYTES = 0
path = Path(sys.argv[1])
amap = regard.load(path)
getattr(tests, sys.argv[2])(path)
for name, read in tests.RAW.items():
    try:
        read(amap, path.parent)
    except FileChangedError:
        print(name)
"""


@pytest.mark.parametrize("change", [cut, written_over])
def test_so_is_what_is_done_with_its_tensors(path, change):
    # In a process of its own: a read that is not guarded would end it.
    assert said(OF_A_CHANGED_FILE, path, change.__name__).splitlines() == list(RAW)
    assert {one.name for one in path.parent.iterdir()} <= {"map", "other"}


@pytest.mark.usefixtures("mapped")
def test_tensors_of_a_file_are_what_they_were_before(tmp_path):
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 2, 13, 5)
    AttentionMap(query, key).save(tmp_path / "map")
    made = regard.load(tmp_path / "map").factors.key
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own
    for one in (made, made[0], made.mT.mT, made.numpy(), deepcopy(made), again, made + 0):
        assert torch.equal(torch.as_tensor(one).reshape(key.shape), key)
    assert made.max(-1).values.shape == (1, 2, 13)
    assert [type(one) for one in (made[0], made + 0, deepcopy(made))] == [type(made), torch.Tensor, torch.Tensor]
    made.numpy()[:] = 0
    assert torch.equal(made, key)
    cut(tmp_path / "map")
    assert (made.shape, made[0, :, :3].shape, made.dtype) == (key.shape, (2, 3, 5), key.dtype), "nothing is read of it"


VALUES_AND_MASKS = """
import os, sys
import regard
from regard import AttentionMap, masks
from regard.errors import FileChangedError
from regard.maps.storage import tensor_file
import torch
tensor_file.COPIED_BYTES = 0
keep = torch.rand(1, 1, 300, 300) > 0.5
AttentionMap(*torch.randn(2, 1, 3, 300, 8), mask=masks.from_tensor(keep)).save(sys.argv[1])
amap = regard.load(sys.argv[1])
os.truncate(sys.argv[1], 4096)
for read in (lambda: amap.factors.mask.dense(1, 1, 300, 300), lambda: regard.heads(amap)):
    try:
        read()
    except FileChangedError:
        print("refused")
"""


def test_so_are_its_masks(tmp_path):
    assert said(VALUES_AND_MASKS, tmp_path / "map").split() == ["refused", "refused"]


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
