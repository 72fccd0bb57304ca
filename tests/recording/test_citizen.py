"""A recording goes where other objects go: through pickles and copies, to other devices, and through long loops."""

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

import regard
from regard import masks
from regard.errors import DtypeError, OptionError
from regard.recording.copies import Copies
from support.tiny_models import recorded

MASKS = {
    "none": None,
    "causal": masks.causal(),
    "window": masks.causal() & masks.window(3),
    "centred": masks.centred_window(3),
    "prefix": masks.causal() | masks.prefix(2),
    "blocks": masks.blocks(2),
    "dilated": masks.dilated(3, 2),
    "padding": masks.padding(torch.tensor([[1] * 11, [1] * 7 + [0] * 4])),
    "documents": masks.documents(torch.tensor([[0] * 5 + [1] * 6])),
    "tensor": masks.from_tensor(torch.arange(2 * 7 * 11).view(2, 1, 7, 11) % 3 > 0),
    "own function": masks.Mask(lambda b, h, q, k: (b + q - k + h) % 2 == 0, "stripes") & masks.causal(4),
    "added": torch.linspace(-3, 3, 22).view(2, 1, 1, 11),
}


def through_pickle(thing):
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - of its own making


def through_torch_save(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {
    "pickle": through_pickle,
    "deepcopy": copy.deepcopy,
    "torch.save": through_torch_save,
    "to": lambda thing: thing.to("cpu"),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


@each_way
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_maps_under_any_mask(way, mask):
    query, key = torch.randn(2, 4, 7, 5), torch.randn(2, 2, 11, 5)
    amap = regard.AttentionMap(query, key, mask)
    amap.queries = [f"row {at}" for at in range(7)]
    assert_close(way(amap).dense(), amap.dense())
    assert way(amap).queries == amap.queries
    part = amap.select(heads=[3, 1], queries=slice(2, 5), keys=[4, 1])
    assert_close(way(part).dense(), part.dense())


@each_way
@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "marian"])
def test_recordings(way, name):
    recording = recorded(name, values=True)
    made = way(recording)
    assert [amap.name for amap in made.maps] == [amap.name for amap in recording.maps]
    for amap, other in zip(made.maps, recording.maps, strict=True):
        assert torch.equal(amap.dense(), other.dense())
        assert (amap.queries, amap.keys, amap.kind, amap.layer) == (other.queries, other.keys, other.kind, other.layer)
    assert made.calls == recording.calls
    assert torch.equal(made.values[0].value, recording.values[0].value)
    for amap, other in zip(regard.norm_weighted(made), regard.norm_weighted(recording), strict=True):
        assert_close(amap.dense(), other.dense())
        assert_close(way(amap).dense(), other.dense())


def test_dense_and_merged_maps():
    merged = regard.AttentionMap.from_dense(torch.eye(5)).by([range(3), [3, 4]], [range(2), range(2, 5)])
    for way in WAYS.values():
        assert_close(way(merged).dense(), merged.dense())


def test_a_pickle_holds_no_more_than_the_factors():
    long = torch.randn(2, 1, 2, 1000, 8)
    amap = regard.AttentionMap(long[0, :, :, :11], long[1, :, :, :11], causal=True)
    amap.entropy()
    assert len(pickle.dumps(amap)) < amap.nbytes + 2_000


def test_an_opened_recording_is_pickled(tmp_path):
    recording = recorded("gpt2")
    recording.save(tmp_path / "recording.safetensors")
    opened = through_pickle(regard.load(tmp_path / "recording.safetensors"))
    assert torch.equal(opened.self[1].dense(), recording.self[1].dense())


# -- devices


@pytest.mark.parametrize("device", ["cuda:97", "nonsense", "meta"])
def test_devices_that_are_not_there(device):
    recording = recorded("bert")
    for ask in (recording.to, recording.maps[0].to, lambda device: recorded("bert", device=device)):
        with pytest.raises(OptionError, match="device: expected one that"):
            ask(device)


def test_where_a_recording_is():
    recording = recorded("bert")
    assert recording.device == recording.cpu().device == recording.maps[0].cpu().device == torch.device("cpu")
    assert regard.Recording().device is None


def test_what_is_there_stays_as_it_is():
    amap = recorded("bert").maps[0]
    assert amap.to("cpu") is amap


def test_copies_go_to_the_device_that_is_asked_for(monkeypatch):
    """Without a second device at hand: each tensor of a map passes through one place, which is told where to."""
    told = []
    real = torch.Tensor.to

    def seen(tensor, *where, **how):
        told.append(where[0] if where else None)
        return real(tensor, *where, **how)

    monkeypatch.setattr(torch.Tensor, "to", seen)
    copies = Copies("cpu")
    added = torch.linspace(-3, 3, 11).view(1, 1, 1, 11)
    for tensor in (copies.own(torch.randn(2, 3)), copies.bias(added), copies.mask(added)):
        assert tensor.device.type == "cpu"
    assert told.count(torch.device("cpu")) >= 3
    assert copies.bias(added).data_ptr() != added.data_ptr()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_recording_on_the_cpu():
    model = nn.MultiheadAttention(6, 2, batch_first=True, device="cuda").eval()
    x, hidden = torch.randn(2, 5, 6, device="cuda"), torch.tensor([[False] * 5, [False] * 3 + [True] * 2], device="cuda")
    with torch.no_grad(), regard.record(model, device="cpu", values=True) as on_cpu, regard.record(model) as on_gpu:
        model(x, x, x, key_padding_mask=hidden, need_weights=False)
    assert (on_cpu.device.type, on_gpu.device.type) == ("cpu", "cuda")
    assert on_cpu.values[0].value.device.type == "cpu"
    assert_close(on_cpu.maps[0].dense(), on_gpu.cpu().maps[0].dense(), atol=1e-5, rtol=0)
    assert_close(on_gpu.cpu().to("cuda").maps[0].dense(), on_gpu.maps[0].dense())


# -- memory


class Attends(nn.Module):
    def forward(self, x, mask=None):
        return functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def passes(count, **options):
    model, x = Attends(), torch.randn(2, 3, 7, 5)
    with regard.record(model, **options) as recording:
        for at in range(count):
            model(x * (at + 1))
    return recording, x


@pytest.mark.parametrize("keep", [1, 2, 3, 5, 7])
def test_the_last_passes_are_kept(keep):
    recording, x = passes(5, keep=keep, values=True)
    left = min(keep, 5)
    assert recording.passes == len(recording.maps) == len(recording.calls) == len(recording.values) == left
    for amap, values, at in zip(recording.maps, recording.values, range(6 - left, 6), strict=True):
        assert torch.equal(amap.factors.query, x * at)
        assert torch.equal(values.value, x * at)
    if keep == 1:
        assert recording.self[0].shape == (2, 3, 7, 7)


def test_a_function_says_what_is_kept():
    recording, x = passes(3, keep=lambda amap: amap.select(queries=-1, heads=[2]))
    assert [amap.shape for amap in recording.maps] == [(2, 1, 1, 7)] * 3
    assert sum(amap.nbytes for amap in recording.maps) == 3 * 2 * (1 + 7) * 5 * 4
    expected = torch.softmax(x @ x.mT * 5**-0.5, -1)[:, 2:, -1:]
    assert_close(recording.maps[0].dense(), expected)


def test_a_function_may_keep_nothing():
    seen = []
    recording, _ = passes(3, keep=lambda amap: seen.append(amap.received()))
    assert len(seen) == recording.passes == 3
    assert recording.maps == []
    assert {call.kept for call in recording.calls} == {"left out by keep="}


@pytest.mark.parametrize(("keep", "error"), [(0, OptionError), ("last", OptionError), (True, OptionError), (str, DtypeError)])
def test_what_keep_cannot_be(keep, error):
    with pytest.raises(error, match="keep: expected"):
        passes(1, keep=keep)


@pytest.mark.parametrize("leading", [(2, 3), (6,), (1, 2, 3)], ids=["four axes", "three axes", "five axes"])
def test_a_mask_of_a_row_costs_a_row(leading):
    size = 32_768
    x = torch.randn(*leading, size, 2)
    mask = torch.zeros(*[1] * len(leading), 1, size)
    mask[..., 900:] = -10_000.0
    with torch.no_grad(), regard.record(model := Attends()) as recording:
        model.forward = lambda q, mask: functional.scaled_dot_product_attention(q[..., :5, :], q, q, attn_mask=mask)
        model(x, mask)
    [amap] = recording.maps
    assert amap.factors.bias.numel() == size
    expected = torch.softmax(x[..., :5, :] @ x.mT * 2**-0.5 + mask, -1)
    assert_close(amap.dense().flatten(), expected.flatten(), atol=1e-5, rtol=0)


def test_an_expanded_bias_is_kept_once():
    bias = torch.randn(1, 3, 7, 1).expand(2, 3, 7, 11)
    assert Copies().bias(bias).shape == (1, 3, 7, 1)
    assert Copies().mask(bias).shape == (1, 3, 7, 1)


def test_a_broadcast_mask_is_as_small_in_a_file(tmp_path):
    size, x = 4096, torch.randn(2, 3, 5, 2)
    key, mask = torch.randn(2, 3, size, 2), torch.zeros(2, 1, 1, size)
    mask[1, ..., 900:] = -10_000.0
    regard.AttentionMap(x, key, mask).save(tmp_path / "map.safetensors")
    assert (tmp_path / "map.safetensors").stat().st_size < (key.numel() + 2 * mask.numel()) * 4


# -- what it is given, and what it needs


def test_a_pipeline_is_no_model():
    for name in ("unet", "transformer", "model"):
        pipeline = type("Pipeline", (), {name: Attends()})()
        with pytest.raises(DtypeError, match=f"got Pipeline; record its .{name}"), regard.record(pipeline):
            pass


WITHOUT_TRANSFORMERS = """
import sys

class Broken:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "transformers":
            raise ModuleNotFoundError("Could not import module")

sys.meta_path.insert(0, Broken())
import torch, regard
model = torch.nn.TransformerEncoderLayer(6, 2, 7, batch_first=True).eval()
with regard.record(model, values=True) as recording:
    model(torch.randn(1, 5, 6))
with regard.ablate(model, heads=[(0, 1)]):
    model(torch.randn(1, 5, 6))
print(recording.self[0].shape, regard.norm_weighted(recording)[0].shape, "transformers" in sys.modules)
"""


@pytest.mark.slow
def test_a_plain_torch_model_needs_no_transformers():
    child = subprocess.run([sys.executable, "-c", WITHOUT_TRANSFORMERS], capture_output=True, text=True, check=False)
    assert child.stdout.strip() == "(1, 2, 5, 5) (1, 2, 5, 5) False", child.stderr
