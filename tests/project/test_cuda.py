"""The same source on a CUDA device: maps, recordings, files. Skipped where there is none."""

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.testing import assert_close
from transformers import ContinuousBatchingConfig, GenerationConfig, ModernBertConfig, ModernBertModel
from transformers.utils import is_flash_attn_2_available

import regard
from regard import AttentionMap, masks
from regard.masks import Mask
from regard.mechanisms.catalogue import catalogue, example
from support.kernel_models import IDS, PADDED, WINDOW, bart, gemma2, gpt_oss, mistral, padding, seeded
from support.kinds_of_maps import KINDS, OfFactors, factors
from support.own_output import assert_each_map_gives_its_output
from support.tiny_models import EOS, NAMES, PAD, VOCABULARY, tiny, tiny_inputs

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


# -- FlashAttention and flex attention: each map against the output, and the denominators, of the kernel ---------------

flash = pytest.mark.skipif(not is_flash_attn_2_available(), reason="needs the package flash-attn")
CLOSE, CLOSE_LOGARITHM = 1e-2, 1e-3  # of bfloat16 outputs of size 1; of the kernel's own float32 denominators


def on_flash(model, name="flash_attention_2"):
    model = model.to(DEVICE, torch.bfloat16)
    model.set_attn_implementation(name)
    return model


@torch.no_grad()
def recorded(model, **inputs):
    """A recording with values of one pass; its output is that without recording, each map @ values that of its call."""
    inputs = {name: one.to(DEVICE) if isinstance(one, torch.Tensor) else one for name, one in inputs.items()}
    plain = model(**inputs)[0]
    with regard.record(model, values=True) as recording:
        assert torch.equal(model(**inputs)[0], plain)
    assert_each_map_gives_its_output(recording, CLOSE)
    return recording


def assert_denominators_are_the_kernels(amap, **options):
    """Of a map without padding: log-sum-exp of the kernel on the queries and keys that the map has kept."""
    from flash_attn import flash_attn_func

    factors = amap.factors
    query, key = (each.transpose(1, 2).contiguous() for each in (factors.query, factors.key))
    _, logarithm, _ = flash_attn_func(
        query, key, key, softmax_scale=factors.scale, causal=True, return_attn_probs=True, **options
    )
    assert_close(amap.logsumexp(), logarithm[..., : amap.shape[2]].float().cpu(), atol=CLOSE_LOGARITHM, rtol=0)


@flash
def test_flash_attention():
    for amap in recorded(on_flash(tiny("llama")), input_ids=IDS).maps:
        assert_denominators_are_the_kernels(amap)


@flash
@pytest.mark.parametrize("how", PADDED)
def test_flash_attention_with_padding(how):
    recording = recorded(on_flash(tiny("llama")), input_ids=IDS, attention_mask=padding(how))
    for amap, call in zip(recording.maps, recording.values, strict=True):
        dropped = ~padding(how).bool()
        assert float(amap.dense().cpu().transpose(1, 2)[dropped].abs().sum()) == 0
        assert float(call.output.cpu()[dropped].abs().sum()) == 0


@flash
@pytest.mark.parametrize("how", ["left", None])
def test_flash_attention_with_a_static_cache(how):
    model = on_flash(tiny("llama"))
    options = {"max_new_tokens": 4, "do_sample": False, "cache_implementation": "static", "eos_token_id": None}
    options |= {} if how is None else {"attention_mask": padding(how).to(DEVICE)}
    with regard.record(model, values=True) as recording:
        model.generate(IDS.to(DEVICE), **options)
    assert assert_each_map_gives_its_output(recording, CLOSE) == 4 * 3


def changed_rows(model, position, **inputs):
    """Which rows of the first call's output another token at this position changes, by a bit."""
    other = IDS[:1].clone()
    other[0, position] = 3 if other[0, position] != 3 else 4
    outputs = [recorded(model, input_ids=ids, **inputs).values[0].output for ids in (IDS[:1], other)]
    return (outputs[0] != outputs[1]).flatten(2).any(2)[0].cpu()


@flash
def test_edge_of_a_window():
    changed = changed_rows(on_flash(mistral()), 1)
    assert changed.tolist() == [1 <= row < 1 + WINDOW for row in range(7)]


@flash
def test_window_to_both_sides():
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}
    tokens = {"pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
    config = ModernBertConfig(vocab_size=VOCABULARY, local_attention=4, global_attn_every_n_layers=2, **sizes, **tokens)
    amap = recorded(on_flash(seeded(lambda: ModernBertModel(config))), input_ids=IDS).maps[1]
    assert (amap.dense() > 0).sum(3)[0, 0].tolist() == [3, 4, 5, 5, 5, 4, 3]  # 2 · (4/2 + 1) - 1 in the middle


@flash
def test_softcap():
    amap = recorded(on_flash(gemma2()), input_ids=IDS[:, :WINDOW]).maps[0]
    assert_denominators_are_the_kernels(amap, softcap=1.5)


def test_sinks():
    try:
        model = on_flash(gpt_oss(), "kernels-community/vllm-flash-attn3")
    except (ImportError, ValueError, OSError) as error:
        pytest.skip(f"needs a kernel of the hub that knows sinks: {error}")
    for amap in recorded(model, input_ids=IDS).maps:
        scores = amap.logsumexp().exp() - amap.factors.sinks.float().exp().cpu()[:, None]
        assert_close(amap.dense().sum(3).cpu(), scores / amap.logsumexp().exp(), atol=CLOSE_LOGARITHM, rtol=0)


@flash
def test_other_documents_change_no_bit():
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3]])
    assert changed_rows(on_flash(tiny("llama")), 1, position_ids=positions).tolist() == [False, True, True, *[False] * 4]


@flash
def test_rows_that_cross_attention_drops():
    recording = recorded(on_flash(bart()), input_ids=IDS, attention_mask=padding("right"), decoder_input_ids=IDS[:, :5])
    ran = padding("right")[:, -5:].bool()
    for amap, call in zip(recording.maps, recording.values, strict=True):
        if amap.kind == "cross":
            assert torch.equal((amap.dense().sum(3) > 0).cpu(), ran[:, None].expand(2, 2, 5))
            assert float(call.output.cpu()[~ran].abs().sum()) == 0


def test_long_flex_attention():
    size, heads = 2**15, 2
    query, key, value = torch.randn(3, 1, heads, size, 64, device=DEVICE, dtype=torch.bfloat16)
    blocks = create_block_mask(lambda b, h, q, k: q >= k, None, None, size, size, device=DEVICE)  # noqa: ARG005
    kernel = torch.compile(flex_attention)

    class Attention(torch.nn.Module):
        def forward(self, query, key, value):
            return kernel(query, key, value, block_mask=blocks, return_lse=True)

    model = Attention()
    plain, logarithm = model(query, key, value)
    with regard.record(model):
        model(query, key, value)  # what is compiled for the block alone is compiled here
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with regard.record(model) as recording:
        output, _ = model(query, key, value)
    assert torch.equal(output, plain)
    assert torch.cuda.max_memory_allocated() - before - query.nbytes - key.nbytes < 300e6
    amap = recording.maps[0]
    assert str(amap.factors.mask) == "causal(0)"
    assert_close(amap.logsumexp(), logarithm.float().cpu(), atol=CLOSE, rtol=0)


@pytest.mark.parametrize("graphs", [True, False])
def test_continuous_batching(graphs):
    model = tiny("llama").to(DEVICE)
    config = GenerationConfig(max_new_tokens=3, do_sample=False, eos_token_id=EOS, pad_token_id=PAD)
    options = ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=32, use_cuda_graph=graphs)

    def batches():
        results = model.generate_batch([[5, 6, 7, 8], [9, 10]], config, continuous_batching_config=options)
        return [result.generated_tokens for result in results.values()]

    plain, found = batches(), []
    with regard.record(model) as recording:
        found += batches()
    assert found == plain
    assert recording.passes == 2


@flash
def test_autocast():
    model = tiny("llama").to(DEVICE)
    model.set_attn_implementation("flash_attention_2")
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        recording = recorded(model, input_ids=IDS)
    for amap in recording.maps:
        assert amap.factors.query.dtype == torch.bfloat16
        assert_denominators_are_the_kernels(amap)
