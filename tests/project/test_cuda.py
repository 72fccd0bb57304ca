"""The same source on a CUDA device: maps, recordings, files. Skipped where there is none."""

import pytest
import torch
from torch.testing import assert_close

import regard
from regard import AttentionMap, masks
from regard.masks import Mask
from regard.mechanisms.catalogue import catalogue, example
from support.kinds_of_maps import KINDS, OfFactors, factors
from support.tiny_models import NAMES, tiny, tiny_inputs

DEVICE = "cuda"
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
SUITES = [kind for kind in KINDS if issubclass(kind, OfFactors)]


def moved(option, shape):
    """An option of a map, on the device; a mask that holds tensors is made anew from one that is there."""
    if isinstance(option, torch.Tensor):
        return option.to(DEVICE)
    return masks.from_tensor(option.dense(*shape).to(DEVICE)) if isinstance(option, Mask) else option


def on_device(suite):
    query, key = factors(**suite.sizes)
    shape = (*query.shape[:3], key.shape[2])
    return AttentionMap(query.to(DEVICE), key.to(DEVICE), **{name: moved(one, shape) for name, one in suite.options.items()})


@pytest.mark.parametrize("long", [False, True], ids=["short rows", "long rows"])
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_maps(suite, long, monkeypatch):
    monkeypatch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1 if long else 2**30)
    amap, made = on_device(suite), suite()
    truth = made.dense_map()
    made.close(amap.dense().cpu(), truth)
    found = amap.summary(pool=(2, 3), how=("mean", "max"), topk=3)
    made.close(found.received, truth.sum(2), factor=truth.shape[2])
    made.close(found.entropy, torch.special.entr(truth).sum(3), factor=20)
    made.close(found.topk.values, truth.topk(3).values)
    made.close(found.topk.values, truth.gather(3, found.topk.keys))
    made.close(amap.logsumexp(), made.dense_logsumexp(), factor=10)
    values = torch.arange(truth.shape[3] * 2.0).view(-1, 2) / 10
    made.close((amap @ values).cpu(), truth @ values.double(), factor=20)


@pytest.mark.parametrize("card", catalogue(), ids=lambda card: card.name)
def test_mechanisms(card):
    expected = card.apply(*example())
    output, weights = card.apply(*(factor.to(DEVICE) for factor in example()))
    assert output.device.type == weights.device.type == DEVICE
    assert_close(weights.cpu(), expected.weights, atol=1e-5, rtol=1e-4)
    assert_close(output.cpu(), expected.output, atol=1e-4, rtol=1e-4)


def seen(name, model):
    """The maps of one pass, its result, and the inputs, all on the device."""
    inputs = {key: value.to(DEVICE) for key, value in tiny_inputs(name).items()}
    with torch.no_grad():
        plain = model(**inputs)[0]
        with regard.record(model) as recording:
            recorded = model(**inputs)[0]
    return recording, plain, recorded, inputs


@pytest.mark.parametrize("name", NAMES)
def test_recordings(name, tmp_path):
    recording, plain, recorded, inputs = seen(name, tiny(name).to(DEVICE))
    assert torch.equal(plain, recorded)
    eager = tiny(name, "eager").to(DEVICE)
    with torch.no_grad():
        output = eager(**inputs, output_attentions=True)
    kinds = (
        {"self": output.attentions}
        if name != "marian"
        else {"encoder": output.encoder_attentions, "decoder": output.decoder_attentions, "cross": output.cross_attentions}
    )
    for kind, layers in kinds.items():
        for amap, weights in zip(getattr(recording, kind), layers, strict=True):
            real = amap.dense().sum(3) > 0  # rows of padding see nothing here, and everything in eager attention
            assert_close(amap.dense()[real], weights[real], atol=1e-5, rtol=0)
    recording.save(tmp_path / "recording.safetensors")
    kept = regard.load(tmp_path / "recording.safetensors")
    for amap, same in zip(recording.maps, kept.maps, strict=True):
        assert_close(same.dense(), amap.dense().cpu(), atol=1e-6, rtol=0)


def test_generation():
    model = tiny("marian").to(DEVICE)
    recording = regard.generate(model, tiny_inputs("marian")["input_ids"].to(DEVICE), num_beams=3, max_new_tokens=6)
    for amap in recording.cross:
        assert_close(amap.dense().sum(3), torch.ones(amap.shape[:3], device=DEVICE))
