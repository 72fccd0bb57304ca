"""Saved and opened again: every kind of map, every kind of mask, recordings, and what a file holds."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
import safetensors
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import regard
from regard import AttentionMap, masks
from regard.axes.tokens import axis_of_labels
from regard.errors import DtypeError, ShapeError, TooLargeError
from support.kinds_of_maps import (
    BIAS,
    BOOL_MASK,
    FLOAT_MASK,
    HEADS,
    KEYS,
    KINDS,
    PADDING,
    QUERIES,
    SINKS,
    DenseHalf,
    EverythingAtOnce,
    factors,
    normal,
)
from support.lazy_map_suite import AXES, LazyMapSuite, choices, hypothetical
from support.tiny_models import NAMES, Tokenizer, recorded, tiny, tiny_inputs

GOLDEN = Path(__file__).parents[1] / "golden" / "recording_v1.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("maps")


def again(thing, path):
    """What comes back from a file."""
    thing.save(path)
    return regard.load(path)


def said(path):
    """The text in the metadata, read by another library."""
    with safetensors.safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["regard"])


def tensors(path):
    """The tensors, read by another library."""
    with safetensors.safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict


# -- every kind of map comes back to the bit; two of them, of factors and of weights, do from a file all that they do in memory


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_comes_back_to_the_bit(folder, kind):
    amap = kind().make_map()
    loaded = again(amap, folder / "map")
    assert repr(loaded) == repr(amap)
    assert loaded.nbytes == amap.nbytes
    assert_close(loaded.dense(), amap.dense(), atol=1e-6, rtol=0)  # products may differ where tensors begin elsewhere in memory
    kept, read = amap.factors, loaded.factors
    assert (kept is None) == (read is None)
    if kept is None or read is None:
        assert torch.equal(loaded.dense(), amap.dense())
    else:
        assert (read.scale, read.softcap) == (kept.scale, kept.softcap)
        for name in ("query", "key", "bias", "sinks"):
            one, other = getattr(kept, name), getattr(read, name)
            assert (one is None) == (other is None), name
            assert one is None or (torch.equal(one, other) and one.dtype == other.dtype), name


class FromFile:
    """Put before a suite: its map goes through a file."""

    def __init_subclass__(cls):
        """The sizes and options stay those of the suite."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def saved(cls, tmp_path_factory):
        cls.path = tmp_path_factory.mktemp("suite") / "map.safetensors"
        super(FromFile, cls()).make_map().save(cls.path)

    def make_map(self):
        return regard.load(self.path)


class TestEverythingAtOnceFromFile(FromFile, EverythingAtOnce):
    pass


class TestDenseHalfFromFile(FromFile, DenseHalf):
    pass


class TestNarrowedFromFile(LazyMapSuite):
    """What a narrowed map shows, denominators of whole rows included, as a map of its own."""

    PART: ClassVar = {"batch": [1, 0, 1], "heads": [4, 2, 3], "queries": slice(3, 9), "keys": slice(None, None, -2)}
    options: ClassVar = {
        "mask": masks.padding(torch.tensor([[1] * 9 + [0] * 2, [0] * 2 + [1] * 9])),
        "causal": True,
        "window": 7,
    }

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def saved(cls, tmp_path_factory):
        cls.path = tmp_path_factory.mktemp("suite") / "map.safetensors"
        cls.whole().select(**cls.PART).save(cls.path)

    @classmethod
    def whole(cls):
        return AttentionMap(*factors(6, 2, 11, 11), softcap=1.3, bias=normal(6, 11, 11), sinks=normal(6), **cls.options)

    def make_map(self):
        return regard.load(self.path)

    def dense_map(self):
        return self.whole().dense().double()[[1, 0, 1]][:, [4, 2, 3], 3:9].flip(3)[..., ::2]

    def dense_logsumexp(self):
        return self.whole().logsumexp().double()[[1, 0, 1]][:, [4, 2, 3], 3:9]


# -- narrowed maps save what they show


OPTIONS = {
    "plain": {},
    "causal": {"causal": True},
    "window": {"window": 3},
    "causal window": {"window": 3, "causal": True},
    "padding": {"mask": masks.padding(PADDING)},
    "bool": {"mask": BOOL_MASK},
    "bool by head": {"mask": normal(HEADS, QUERIES, KEYS) > 0},
    "float": {"mask": FLOAT_MASK, "bias": BIAS},
    "sinks": {"sinks": SINKS, "softcap": 0.7, "scale": 0.3},
    "documents": {"mask": masks.documents(torch.tensor([[0, 0, 1, 1, 0, 2, 2], [0, 1, 1, 1, 2, 2, 2]]))},
    "prefix": {"mask": masks.prefix(2) | masks.causal()},
    "nothing": {"mask": ~masks.everything()},
    "spans": {"mask": masks.recognised(normal(1, HEADS, QUERIES, KEYS).argsort(-1) == 2), "causal": True},
    "own": {"mask": masks.Mask(lambda b, h, q, k: (q + k + h) % 3 != b, "own")},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
@hypothetical
@given(st.data())
def test_a_narrowed_map(folder, kind, data):
    amap = AttentionMap(*factors(), **OPTIONS[kind])
    amap.name, amap.kind, amap.layer = "decoder.3", "cross", 3
    amap.queries, amap.keys = tuple("abcde"), tuple("tuvwxyz")
    for _ in range(data.draw(st.integers(0, 2))):
        amap = amap.select(**dict(zip(AXES, (data.draw(choices(size)) for size in amap.shape), strict=True)))
    found = again(amap, folder / "narrowed")
    assert found.shape == amap.shape
    for name in ("name", "kind", "layer", "queries", "keys"):
        assert getattr(found, name) == getattr(amap, name)
    assert_close(found.dense(), amap.dense(), atol=1e-6, rtol=0)
    assert_close(found.logsumexp(), amap.logsumexp(), atol=1e-5, rtol=0)
    assert_close(again(found, folder / "twice").dense(), amap.dense(), atol=1e-6, rtol=0)


@hypothetical
@given(st.sampled_from([1, 2, 3, 6]), choices(6))
def test_grouped_heads_keep_the_keys_that_are_read(folder, kv_heads, heads):
    amap = AttentionMap(*factors(6, kv_heads), causal=True).select(heads=heads)
    found = again(amap, folder / "grouped")
    assert_close(found.dense(), amap.dense(), atol=1e-6, rtol=0)
    kept = tensors(folder / "grouped")["maps.0.key"].shape[1]
    if heads is None:
        assert kept == kv_heads
    assert kept <= max(1, amap.shape[1])


def test_a_part_is_small(folder):
    amap = AttentionMap(*factors(6, 2), bias=normal(2, 6, QUERIES, KEYS), sinks=normal(6), mask=BOOL_MASK)
    amap.select(batch=1, heads=slice(3, 6), queries=slice(1, 3), keys=[2]).save(folder / "part")
    shapes = {name.removeprefix("maps.0."): tuple(tensor.shape) for name, tensor in tensors(folder / "part").items()}
    kept = {"query": (1, 3, 2, 11), "key": (1, 1, 7, 11), "bias": (1, 3, 2, 7), "sinks": (3,), "mask.0.tensor": (1, 1, 2, 7)}
    assert shapes == kept
    assert said(folder / "part")["maps"][0]["columns"] == {"positions": [2]}


def test_dense_weights_are_cut_along_every_axis(folder):
    amap = AttentionMap.from_dense(normal(2, 3, 5, 7).softmax(-1)).select(heads=1, keys=slice(2, 4))
    assert torch.equal(again(amap, folder / "dense").dense(), amap.dense())
    assert tensors(folder / "dense")["maps.0.weights"].shape == (2, 1, 5, 2)


def test_a_bias_repeated_without_memory_is_written_once(folder):
    amap = AttentionMap(*factors(), bias=normal(KEYS).expand(2, HEADS, QUERIES, KEYS))
    assert_close(again(amap, folder / "bias").dense(), amap.dense())
    assert tensors(folder / "bias")["maps.0.bias"].shape == (1, 1, 1, KEYS)


# -- masks are data


@pytest.mark.parametrize("kind", sorted(set(OPTIONS) - {"own", "bool", "bool by head"}))
def test_whole_masks_keep_their_name(folder, kind):
    amap = AttentionMap(*factors(), **OPTIONS[kind])
    assert repr(again(amap, folder / "mask").factors.mask) == repr(amap.factors.mask)


@pytest.mark.parametrize(
    ("function", "kept"),
    [
        (lambda _b, _h, q, k: k <= q + 2, "causal(2)"),
        (lambda _b, _h, q, k: (k <= q) & (k > q - 2), "window(2)"),
        (lambda _b, _h, q, k: k // 2 == q // 2, "spans(1 x 1 x 5, keys=7)"),
        (lambda b, _h, q, k: k <= q + b, "spans(2 x 1 x 5, keys=7)"),
        (lambda _b, h, _q, k: k == h, "spans(1 x 3 x 1, keys=7)"),
        (lambda _b, _h, _q, k: k % 2 == 0, "from_tensor(1 x 1 x 1 x 7)"),
        (lambda _b, h, q, k: (k + q + h) % 2 == 0, "from_tensor(1 x 3 x 5 x 7)"),
    ],
    ids=["causal", "window", "blocks", "by batch", "by head", "stripes", "checkerboard"],
)
@pytest.mark.parametrize("block", [1, 2**24])
def test_a_function_of_your_own_is_written_as_what_it_answers(folder, function, kept, block, monkeypatch):
    monkeypatch.setattr("regard.masks.narrowing._BLOCK", block)
    amap = AttentionMap(*factors(), mask=masks.Mask(function, "own"))
    found = again(amap, folder / "own")
    if not (block == 1 and kept.endswith("1 x 7)")):  # one row at a time does not tell that all rows are the same
        assert repr(found.factors.mask) in (kept, kept.replace("x 1,", "x 5,"))
    assert_close(found.dense(), amap.dense(), atol=1e-6, rtol=0)


def test_a_function_that_is_too_large_as_a_tensor(folder, monkeypatch):
    monkeypatch.setattr("regard.masks.narrowing.MAX_TENSOR_BYTES", 104)
    amap = AttentionMap(*factors(), mask=masks.Mask(lambda _b, h, q, k: (k + q + h) % 2 == 0, "own"))
    with pytest.raises(TooLargeError, match=r"at most 104 truth values, got own with 105; compose it .* fewer heads"):
        amap.save(folder / "large")
    assert not (folder / "large").exists()
    assert again(amap.select(heads=[0]), folder / "large").shape == (2, 1, QUERIES, KEYS)


def test_a_mask_deeper_than_a_file_may_be_is_evaluated(folder):
    mask = masks.causal()
    for width in range(1, 100):
        mask = mask & masks.window(width + 3)
    amap = AttentionMap(*factors(), mask=mask)
    assert_close(again(amap, folder / "deep").dense(), amap.dense(), atol=1e-6, rtol=0)


# -- what is in a file


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_factors_keep_their_type(folder, dtype):
    query, key = factors(dtype=dtype)
    AttentionMap(query, key, sinks=SINKS.to(dtype), mask=FLOAT_MASK.to(dtype)).save(folder / "type")
    found = tensors(folder / "type")
    assert {tensor.dtype for tensor in found.values()} == {dtype}
    assert torch.equal(found["maps.0.query"], query)
    assert torch.equal(found["maps.0.key"], key)
    loaded = regard.load(folder / "type").factors
    assert torch.equal(loaded.query, query)
    assert torch.equal(loaded.sinks, SINKS.to(dtype))


def test_types_that_the_format_does_not_have(folder):
    amap = AttentionMap.from_dense(torch.ones(2, 2).to(torch.float8_e4m3fn))
    with pytest.raises(DtypeError, match=r"expected tensors of BOOL, .* got torch.float8_e4m3fn as maps.0.weights"):
        amap.save(folder / "eight")


def test_views_gradients_and_pieces_are_written_as_they_look(folder, monkeypatch):
    monkeypatch.setattr("regard.maps.storage.tensor_file.PIECE_BYTES", 24)
    query = normal(2, QUERIES, HEADS, 11).transpose(1, 2).requires_grad_()
    key = normal(2, KEYS, HEADS, 22).transpose(1, 2)[..., ::2]
    amap = AttentionMap(query, key).select(heads=[2, 0], queries=slice(None, None, -1))
    assert_close(again(amap, folder / "views").dense(), amap.dense())
    assert torch.equal(tensors(folder / "views")["maps.0.query"], query.detach()[:, [2, 0]].flip(2))


def test_the_same_bytes_for_the_same_map(folder):
    for name in "ab":
        AttentionMap(*factors(), **OPTIONS["own"]).save(folder / name)
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_labels_that_do_not_fit():
    amap = AttentionMap(*factors())
    with pytest.raises(ShapeError, match="queries: expected 5 labels, one a position, got 1"):
        amap.queries = ("a",)
    assert amap.queries.text is None


def test_any_text_is_a_label(folder):
    amap = AttentionMap(*factors()).select(queries=[0, 1])
    amap.queries = ("▁été", 'a"\\\n\ud800\x00')
    assert again(amap, folder / "labels").queries == amap.queries


# -- recordings


def generated(name):
    return regard.generate(tiny(name), tiny_inputs(name), tokenizer=Tokenizer(), max_new_tokens=5, num_beams=2)


def assert_same(found, recording):
    assert repr(found) == repr(recording)
    assert (found.calls, found.model) == (recording.calls, recording.model)
    assert (found.sequences is None) == (recording.sequences is None)
    if recording.sequences is not None:
        assert torch.equal(found.sequences, recording.sequences)
    for one, other in zip(found.maps, recording.maps, strict=True):
        assert repr(one) == repr(other)
        assert (one.name, one.kind, one.layer) == (other.name, other.kind, other.layer)
        assert (one.queries, one.keys) == (other.queries, other.keys)
        assert_close(one.dense(), other.dense(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [recorded, generated], ids=["recorded", "generated"])
@pytest.mark.parametrize("name", NAMES)
def test_recordings(folder, name, make):
    if (name, make) == ("bert", generated):
        pytest.skip("BERT does not generate")
    recording = make(name)
    found = again(recording, folder / "recording")
    assert_same(found, recording)
    assert recording.model == type(tiny(name)).__name__
    for item in (0, 1):
        sample, path = recording.sample(item), folder / "sample"
        again_sample = again(sample, path)
        for one, other in zip(again_sample.maps, found.sample(item).maps, strict=True):
            assert_close(one.dense(), other.dense(), atol=1e-5, rtol=0)
        assert (again_sample.queries, again_sample.keys) == (sample.queries, sample.keys)
        assert path.stat().st_size < (folder / "recording").stat().st_size
        assert {tensor.shape[0] for tensor in tensors(path).values()} == {1}


def test_layers_share_their_mask_and_labels(folder):
    recording = recorded("bert")
    recording.save(folder / "shared")
    names = [name for name in tensors(folder / "shared") if "mask" in name]
    assert len(names) == len({amap["mask"]["starts"] for amap in said(folder / "shared")["maps"]}) * 2 == 2
    recording.sample(0).save(folder / "shared")
    assert len(said(folder / "shared")["labels"]) == 1


def test_an_empty_recording_and_several_passes(folder):
    assert again(regard.Recording(), folder / "empty").maps == []
    model = tiny("gpt2")
    with regard.record(model) as recording, torch.no_grad():
        for _ in range(2):
            model(**tiny_inputs("gpt2"))
    assert_same(again(recording, folder / "passes"), recording)


def test_the_folder_of_a_model_stays_at_home(folder):
    tiny("bert").save_pretrained(folder / "my-bert")
    model = type(tiny("bert")).from_pretrained(folder / "my-bert")
    with regard.record(model) as recording, torch.no_grad():
        model(**tiny_inputs("bert"))
    again(recording, folder / "named")
    assert recording.model == "BertModel my-bert"
    assert str(folder).encode() not in (folder / "named").read_bytes()


# -- old files stay readable


def make_golden():
    """The recording in ``tests/golden``: written once by version 0.1.0, never again."""
    rows = torch.arange(12.0).view(1, 2, 3, 2) / 10
    columns = torch.arange(8.0).view(1, 1, 4, 2) / 10
    window = AttentionMap(rows, columns, causal=True, window=3, softcap=2.0, sinks=torch.tensor([0.5, -0.5]))
    checks = masks.from_tensor(torch.tensor([[[[True, False, True, True]]]])) & ~masks.documents(torch.tensor([[0, 1, 0, 1]]))
    keep = masks.padding(torch.tensor([[1, 1, 0, 0]]))
    cross = AttentionMap(rows.bfloat16(), columns.bfloat16(), checks | keep, bias=columns[..., 0])
    dense = AttentionMap.from_dense(torch.eye(3, 4)[None, None].half())
    recording = regard.Recording([window, cross.select(keys=[3, 0]), dense])
    for layer, amap in enumerate(recording.maps):
        amap.name, amap.kind, amap.layer = f"model.layers.{layer}", "self", layer
    for amap in recording.maps:  # such a file says of the whole recording what its tokens are
        amap.queries = axis_of_labels(("▁a", "▁b", "</s>"), "source")
    recording.passes, recording.model = 1, "Golden"
    recording.calls = [regard.recording.calls.Call("model.layers.0", "self", 0, "factors")]
    recording.sequences = torch.tensor([[7, 8, 9]])
    return recording


def test_a_file_of_version_1_opens():
    recording = regard.load(GOLDEN)
    assert_same(recording, make_golden())
    assert (recording.model, recording.passes) == ("Golden", 1)
    assert recording.queries == ("▁a", "▁b", "</s>")
    assert recording.sequences.tolist() == [[7, 8, 9]]
    window, cross, dense = recording.maps
    assert repr(window.factors.mask) == "causal(1) & window(3, offset=1)"
    # By the loops of tests/witnesses/attention.py, when the file was made.
    assert_close(window[0, 1], torch.tensor(KNOWN_WINDOW), atol=1e-5, rtol=0)
    assert_close(cross[0, 1], torch.tensor(KNOWN_CROSS), atol=1e-5, rtol=0)
    assert torch.equal(dense.dense()[0, 0], torch.eye(3, 4))


KNOWN_WINDOW = [[0.35999, 0.43220, 0.0, 0.0], [0.22551, 0.28614, 0.36001, 0.0], [0.0, 0.22546, 0.29746, 0.38267]]
KNOWN_CROSS = [[0.56179, 0.17751], [0.0, 0.20134], [0.62698, 0.14102]]
