"""Files of maps as one who means ill would write them: any header, and the right checksum."""

import contextlib
import functools
import io
import json
import math
import resource
import time
import zlib

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import regard
from regard.cli import info
from regard.cli.parser import parsed
from regard.errors import RegardError

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "I32": 4, "I64": 8, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""Bytes of a number."""

MEMORY = 2**26
"""Bytes beyond a file's own size that opening it may take."""

SECONDS = 10.0
"""Of the processor, ten times as many as it takes to open or refuse one on a busy machine: what a bomb takes is minutes."""


def write(path, maps, tensors, **text):
    """A file with these entries; tensors by name as (type, shape, bytes); ``text`` is what else the header says."""
    table, data = {}, b""
    for name, (dtype, shape, values) in sorted(tensors.items(), key=lambda item: -SIZES[item[1][0]]):
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    said = json.loads(json.dumps({"format": "regard", "version": 1, "writer": "0", "maps": maps, "labels": [], **text}))
    said["checksum"] = f"{zlib.crc32(json.dumps([said, table], sort_keys=True).encode()):08x}"
    header = json.dumps({"__metadata__": {"regard": json.dumps(said)}} | table).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def small(queries=4, dim=2, **entry):
    """A map of zeros of one head, and its tensors."""
    zeros = "F32", (1, 1, queries, dim), bytes(4 * queries * dim)
    return {"query": "q", "key": "k", "scale": 1.0, **entry}, {"q": zeros, "k": zeros}


# -- by chance

whole = st.one_of(
    st.integers(-2, 6),
    st.sampled_from([2**20, 2**31, 2**40, 2**52, 2**53 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**400]),
    st.sampled_from([-5, -(2**31), -(2**53), -(2**63), -(10**30)]),
)
size = st.one_of(st.integers(0, 5), st.sampled_from([0, 1, 1, 2**16, 2**27, 2**40, 2**52]))
words = st.sampled_from(["", "a", "▁the", "\ud800", "\0", "\u202e", "source", "self", "cross", "<script>", "x" * 300])
odd = st.one_of(st.none(), st.booleans(), whole, st.floats(), words, st.lists(whole, max_size=3))
NAMES = ("a", "b", "c", "d")
named = st.sampled_from(NAMES)


@st.composite
def tensor(draw):
    """A small tensor with any bytes, or one of any shape that has none."""
    dtype = draw(st.sampled_from(sorted(SIZES)))
    axes = draw(st.sampled_from([4, 4, 4, 4, 3, 2, 2, 1, 0, 5]))
    shape = draw(st.lists(size, min_size=axes, max_size=axes))
    if math.prod(shape) > 256:
        shape[draw(st.integers(0, axes - 1))] = 0
    nbytes = math.prod(shape) * SIZES[dtype]
    values = draw(st.binary(min_size=nbytes, max_size=nbytes)) if nbytes < 64 else bytes(nbytes)
    if dtype == "BOOL":
        values = bytes(value & 1 for value in values)
    return dtype, shape, values


def _mask(below):
    number = st.one_of(st.integers(0, 4), whole)
    return st.one_of(
        st.fixed_dictionaries({"made": st.sampled_from(["and", "or"]), "left": below, "right": below}),
        st.fixed_dictionaries({"made": st.just("not"), "mask": below}),
        st.fixed_dictionaries({"made": st.just("blocks"), "size": number, "neighbours": number, "offset": number}),
    )


number = st.one_of(st.integers(0, 4), whole)
mask = st.recursive(
    st.one_of(
        st.just({"made": "everything"}),
        st.fixed_dictionaries({"made": st.just("causal"), "offset": number}),
        st.fixed_dictionaries({"made": st.sampled_from(["window", "centred_window"]), "width": number, "offset": number}),
        st.fixed_dictionaries({"made": st.just("prefix"), "length": number}),
        st.fixed_dictionaries({"made": st.just("dilated"), "step": number, "offset": number}),
        st.fixed_dictionaries({"made": st.just("block_pairs"), "table": named, "size": number, "offset": number}),
        st.fixed_dictionaries({"made": st.just("global_positions"), "positions": named, "offset": number}),
        st.fixed_dictionaries({"made": st.just("padding"), "keep": named}),
        st.fixed_dictionaries({"made": st.just("documents"), "ids": named}),
        st.fixed_dictionaries({"made": st.just("spans"), "starts": named, "stops": named, "keys": number}),
        st.fixed_dictionaries({"made": st.just("from_tensor"), "tensor": named}),
        st.fixed_dictionaries({"made": words}),
        odd,
    ),
    _mask,
    max_leaves=4,
)
columns = st.one_of(
    st.fixed_dictionaries({"range": st.lists(number, min_size=3, max_size=3)}),
    st.fixed_dictionaries({"positions": st.lists(number, max_size=4)}),
    odd,
)
line = st.fixed_dictionaries(
    {"size": size},
    optional={
        "text": number,
        "token": number,
        "spelled": st.booleans(),
        "id": st.lists(number, max_size=5),
        "present": st.lists(st.lists(number, min_size=2, max_size=2), max_size=2),
        "special": st.lists(st.lists(number, min_size=2, max_size=2), max_size=2),
        "place": st.lists(st.sampled_from([None, ["patch", 0, 2**60, 1], ["residue", 1], ["seconds", 0, 1e308]]), max_size=5),
        "group": st.dictionaries(words, st.lists(st.lists(number, max_size=3), max_size=2), max_size=1),
        "kind": st.sampled_from(["sentencepiece", "x", 3]),
    },
)
axis = st.one_of(
    st.fixed_dictionaries(
        {"lines": st.lists(line, max_size=3)},
        optional={"role": words, "beside": st.fixed_dictionaries({"lines": st.lists(line, max_size=2)})},
    ),
    odd,
)
about = {
    "scale": st.one_of(st.just(1.0), odd),
    "softcap": st.one_of(st.just(2.0), odd),
    "mask": mask,
    "columns": columns,
    "name": st.one_of(words, odd),
    "kind": st.one_of(words, odd),
    "layer": st.one_of(st.integers(0, 3), odd),
    "queries_axis": number,
    "keys_axis": number,
    "queries_labels": number,
    "keys_labels": number,
    "bias": named,
    "sinks": named,
}
spans = st.lists(st.lists(number, min_size=2, max_size=2), max_size=3)
tokens = st.dictionaries(
    st.sampled_from(["source", "consumed", "produced", "x"]),
    st.fixed_dictionaries({"spans": spans}, optional={"labels": st.lists(st.one_of(st.none(), number), max_size=3)}),
    max_size=2,
)
recording = st.fixed_dictionaries(
    {"passes": st.one_of(st.integers(0, 2), odd)},
    optional={
        "model": st.one_of(words, odd),
        "calls": st.lists(st.one_of(st.just(["a", "self", 0, "factors"]), odd), max_size=2),
        "sequences": named,
        "tokens": tokens,
        "values": st.lists(st.dictionaries(st.sampled_from(["value", "projection"]), named), max_size=3),
    },
)


change = st.one_of(
    st.sampled_from(sorted(about)).flatmap(lambda name: st.tuples(st.just("map"), st.just(name), about[name])),
    st.tuples(st.just("map"), st.just("mask"), mask),
    st.tuples(st.just("map"), st.sampled_from(["query", "key", "weights"]), named),
    st.tuples(st.just("map"), st.sampled_from(sorted(about)), odd),
    st.tuples(st.just("axis"), st.sampled_from(["queries_axis", "keys_axis"]), axis),
    st.tuples(st.just("text"), st.just("recording"), recording),
    st.tuples(st.just("text"), st.sampled_from(["axes", "labels", "maps", "recording"]), odd),
    st.tuples(st.just("tensor"), st.sampled_from("qkw"), tensor()),
    st.tuples(st.just("many"), st.integers(2, 12), st.just(None)),
)


@st.composite
def file(draw):
    """What ``write`` takes: a file that is right, and one to three things in it that need not be."""
    tensors = {
        "q": ("F32", (2, 2, 4, 3), bytes(192)),
        "k": ("F32", (2, 1, 4, 3), bytes(96)),
        "w": ("F16", (1, 1, 4, 4), bytes(32)),
        "a": ("BOOL", (2, 4), b"\1" * 8),
        "b": ("I64", (1, 1, 4), bytes(32)),
        "c": ("I32", (2,), bytes([1, 0, 0, 0, 3, 0, 0, 0])),
        "d": draw(tensor()),
    }
    factors = {"query": "q", "key": "k", "scale": 1.0, "kind": "self", "layer": 0}
    maps = [draw(st.sampled_from([factors, factors, factors | {"softcap": 3.0}, {"weights": "w"}])) for _ in range(2)]
    said = {"labels": [["a", "b", "c", "d"]], "axes": [{"lines": [{"size": 4, "text": 0, "spelled": True}]}]}
    said["recording"] = {"passes": 1, "calls": []}
    for where, name, value in draw(st.lists(change, min_size=1, max_size=3)):
        match where:
            case "map":
                maps[0] = {**maps[0], name: value}
            case "axis" if isinstance(said["axes"], list):
                said["axes"], maps[0] = [*said["axes"], value], {**maps[0], name: len(said["axes"])}
            case "text":
                said[name] = value
            case "tensor":
                tensors[name] = value
            case "many":
                maps = maps * name
            case _:
                pass
    return said.pop("maps", maps), tensors, said


def use(path):
    """Open a file, and look into it as people do first; whether it opened. What refuses does so in our own words."""
    began = time.process_time()
    try:
        found = regard.load(path)
    except (RegardError, OSError):
        assert time.process_time() - began < SECONDS
        return False
    opened = time.process_time() - began
    assert opened < SECONDS, opened
    repr(found)
    for options in asked(path):  # what opens is told, too
        with contextlib.redirect_stdout(io.StringIO()):
            assert info.run(options) == 0
    with contextlib.suppress(RegardError):
        for amap in found.maps if isinstance(found, regard.Recording) else [found]:
            if 0 not in amap.shape and math.prod(amap.shape) < 2**12:
                amap.dense()
    return True


@functools.cache
def asked(path):
    """The options of ``regard info``: reading them takes longer than most files do."""
    return parsed(["info", str(path)]), parsed(["info", "--json", str(path)])


def fuzz(folder, count, start):
    """Many of them, in a process that may not take more memory; how many opened, and how many were refused."""
    path = folder / "hostile"
    use(write(path, [small()[0]], small()[1]))  # what is imported is imported
    with open("/proc/self/statm") as said:  # noqa: PTH123 - no file
        now = int(said.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY + 2**25, resource.RLIM_INFINITY))
    counts = {True: 0, False: 0}

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(file())
    def one(made):
        maps, tensors, said = made
        counts[use(write(path, maps, tensors, **said))] += 1

    one()
    return counts[True], counts[False]
