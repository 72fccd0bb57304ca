"""Files that mean ill, with a right checksum: what opening them costs, and that whatever stands in them is refused by name."""

import os
import struct

import pytest
import torch

import regard
from regard import AttentionMap, masks
from regard.errors import FileFormatError, OptionError, RegardError, TooLargeError
from regard.viewer.document.document import document
from support.forked import PEAK, said
from support.hostile_files import small, use, write

PASS = {"passes": 1}
LINES = [{"size": 4}]
POINT = {"query": "q", "key": "q", "scale": 1, "kind": "self"}


def integers(*values):
    return struct.pack(f"<{len(values)}q", *values)


def points(batch, places=1):
    """Queries of one head that keys may be, too: four bytes for each."""
    return {"q": ("F32", (batch, 1, places, 1), bytes(4 * batch * places))}


def spans(*ends, **entry):
    one, tensors = small(kind="self", layer=0, **entry)
    return [one], tensors, {"recording": {**PASS, "tokens": {"source": {"spans": list(ends)}}}}


def masked(mask, **tensors):
    one, others = small(mask=mask)
    return [one], others | tensors, {}


def positions(dtype, *values):
    data = bytes(values) if dtype == "U8" else integers(*values)
    return masked({"made": "global_positions", "positions": "p", "offset": 0}, p=(dtype, (len(values),), data))


def tree(levels):
    if not levels:
        return {"made": "dilated", "step": 2, "offset": 0}
    return {"made": "or", "left": tree(levels - 1), "right": tree(levels - 1)}


def rows(*, across, key=(1, 1, 2, 2), **entry):
    tensors = {"q": ("F32", across, b""), "k": ("F32", key, bytes(16 if 0 not in key else 0))}
    return [{"query": "q", "key": "k", "scale": 1.0, **entry}], tensors, {}


REFUSED = {
    "span of 2**60": (spans([0, 2**60]), "little memory|spans among"),
    "span of 2**64": (spans([0, 2**64]), "little memory|spans"),
    "span of 10**400": (spans([0, 10**400]), "little memory|spans"),
    "span from −5": (spans([-5, 4]), "spans among 4 positions"),
    "span beyond the map": (spans([2, 9]), "source tokens of maps with at most 4 rows or columns, got 9"),
    "span that ends before it starts": (spans([4, 0]), "spans among"),
    "a hundred thousand spans of 2**20": (spans(*[[0, 2**20]] * 10**5), "little memory"),
    "columns by 2**100": (([{**small()[0], "columns": {"range": [0, 4, 2**100]}}], small()[1], {}), "columns as a range"),
    "columns to −10**30": (([{**small()[0], "columns": {"range": [0, -(10**30), 1]}}], small()[1], {}), "columns as a range"),
    "columns as truths": (([{**small()[0], "columns": {"range": [False, True, True]}}], small()[1], {}), "columns as a range"),
    "a batch of 2**50": (rows(across=(2**50, 1, 0, 2), key=(2**50, 1, 0, 2)), "rows and columns of its maps"),
    "2**40 heads": (rows(across=(1, 2**40, 0, 2)), "rows and columns of its maps"),
    "2**52 × 2**52": (rows(across=(0, 2**52, 2**52, 2**52), key=(0, 2**52, 2**52, 2**52)), "in as many bytes"),
    "weights of nothing": (([{"weights": "w"}], {"w": ("F32", (0, 2**40, 2**20, 2**30), b"")}, {}), "in as many bytes"),
    "wide weights of nothing": (([{"weights": "w"}], {"w": ("F32", (1, 1, 0, 2**40), b"")}, {}), "rows and columns"),
    "160 maps of 160 sequences": (([POINT] * 160, points(160), {"recording": PASS}), "2,0.. sequences of maps"),
    "a mask of 2**12 parts": (([{**POINT, "mask": tree(11)}], points(1, 8), {}), "parts of masks"),
    "a tensor for 2,000 masks": (
        (
            [{**POINT, "mask": {"made": "global_positions", "positions": "p", "offset": at}} for at in range(2000)],
            points(1, 8) | {"p": ("I64", (2**15,), bytes(2**18))},
            {},
        ),
        "masks of .* numbers",
    ),
    "axis of 2**27": (
        ([{**small()[0], "keys_axis": 0}], small()[1], {"axes": [{"lines": [{"size": 2**27, "present": [[0, 2**27]]}]}]}),
        "positions that are padding",
    ),
    "axes beside axes": (
        ([{**small()[0], "keys_axis": 0}], small()[1], {"axes": [{"lines": LINES, "beside": {"lines": LINES, "beside": {}}}]}),
        "one axis beside another",
    ),
    "lists of nothing": (([], {}, {"x": [[]] * 400_000}), "little memory"),
    "one long text": (([], {}, {"x": "a" * 20_000_000}), "little memory"),
    "one long text with a letter beyond ASCII": (([], {}, {"x": "\U0001f600" * 3_000_000}), "little memory"),
    "a pattern that there is not": (masked({"made": "eval"}), "a mask of and, or, not"),
}  # fmt: skip

OPENED = {
    "a far global position": positions("I64", 2**62),
    "the last global position": positions("I64", 2**63 - 1),
    "global positions in bytes": positions("U8", 1, 3),
    "no global positions": positions("I64"),
    "columns by one large step": ([{**small()[0], "columns": {"range": [3, 4, 2**40]}}], small()[1], {}),
    "a lone surrogate": (
        [{**small()[0], "name": "\ud800\u202e", "kind": "<script>"}],
        small()[1],
        {"recording": {**PASS, "model": "\ud800"}},
    ),
    "2,000 maps": ([POINT] * 2000, points(1), {"recording": PASS}),
    "2,000 sequences": ([POINT], points(2000), {"recording": PASS}),
    "2,000 lines of one label": (
        [{**POINT, "queries_axis": 0}],
        points(2000),
        {"recording": PASS, "axes": [{"lines": [{"size": 1, "text": 0}] * 2000}], "labels": [["a"]]},
    ),
    "a mask of 2**10 parts": ([{**POINT, "mask": tree(9)}], points(1, 8), {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_small_file_that_asks_for_much_is_refused(name, tmp_path):
    (maps, tensors, text), words = REFUSED[name]
    with pytest.raises(FileFormatError, match=words):
        regard.load(write(tmp_path / "it", maps, tensors, **text))
    assert not use(tmp_path / "it")


@pytest.mark.slow
@pytest.mark.parametrize("name", OPENED)
def test_what_costs_little_is_opened(name, tmp_path):
    maps, tensors, text = OPENED[name]
    assert use(write(tmp_path / "it", maps, tensors, **text))
    document(regard.load(tmp_path / "it"), max_work=2 * 10**9)


WITHIN = """
import sys, pickle, torch, regard
from pathlib import Path
from support.hostile_files import MEMORY, use
use(Path(sys.argv[1]))
before = peak()
Path("/proc/self/clear_refs").write_text("5")
status = Path("/proc/self/status").read_text()
before = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024
use(Path(sys.argv[2]))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a hundred thousand spans of 2**20", "one long text", "lists of nothing", "2,000 maps"])
def test_a_small_file_takes_little_memory(name, tmp_path):
    write(tmp_path / "small", [small()[0]], small()[1])
    maps, tensors, text = REFUSED[name][0] if name in REFUSED else OPENED[name]
    path = write(tmp_path / "it", maps, tensors, **text)
    assert int(said(PEAK + WITHIN, tmp_path / "small", path)) < 2**26 + path.stat().st_size


FUZZ = """
import sys, warnings, torch
from pathlib import Path
from support.hostile_files import fuzz
warnings.simplefilter("ignore")
torch.set_num_threads(1)
print(*fuzz(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2))
def test_any_header_opens_or_is_refused_in_our_own_words(start, tmp_path):
    opened, refused = map(int, said(FUZZ, tmp_path, 500, start).split())
    assert opened > 50
    assert refused > 50


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.parametrize("start", range(10, 35))
def test_any_of_fifty_thousand_headers_opens_or_is_refused(start, tmp_path):
    opened, refused = map(int, said(FUZZ, tmp_path, 2000, start).split())
    assert opened + refused >= 2000


# -- what honest files need stays possible


def test_a_text_of_131_072_tokens_with_all_that_is_known_of_them(tmp_path):
    size = 131_072
    amap = AttentionMap(*torch.zeros(2, 1, 1, size, 2).half().unbind(0))
    amap.queries = amap.keys = [f"▁word{at}" for at in range(size)]
    amap.save(tmp_path / "it")
    assert regard.load(tmp_path / "it").keys[-1] == f"▁word{size - 1}"


def test_what_no_reader_would_open_is_not_written(tmp_path):
    mask = masks.dilated(2)
    for _ in range(12):
        mask = mask | mask
    with pytest.raises(TooLargeError, match="parts of masks"):
        AttentionMap(torch.zeros(1, 1, 4, 2), torch.zeros(1, 1, 4, 2), mask=mask).save(tmp_path / "it")
    assert not list(tmp_path.iterdir())


def test_layers_of_one_mask_share_it(tmp_path):
    keep = torch.ones(1, 4, dtype=torch.bool)
    one, tensors = small(mask={"made": "padding", "keep": "p"})
    tensors["p"] = "BOOL", (1, 4), bytes(keep.tolist()[0])
    found = regard.load(write(tmp_path / "it", [one] * 5, tensors, recording=PASS))
    assert len({id(amap.factors.mask.pattern) for amap in found.maps}) == 1


# -- what is no file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="it is a pipe or a device, and no file"):
            regard.load(path)


def test_a_name_that_no_file_has(tmp_path):
    for use_of in (regard.load, AttentionMap.from_dense(torch.eye(3)).save):
        with pytest.raises(OptionError, match="NUL"):
            use_of(f"{tmp_path}/a\0b")
    assert issubclass(OptionError, RegardError)
