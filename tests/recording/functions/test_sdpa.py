"""What SDPA reads, and what it does not."""
# ruff: noqa: ARG001

import functools

import pytest
import torch
from torch.testing import assert_close
from transformers import AttentionInterface, T5Config, T5Model
from transformers.integrations.sdpa_attention import sdpa_attention_forward

import regard
from regard.errors import RecordingError
from support.tiny_models import tiny, tiny_inputs

INPUTS = {"input_ids": torch.arange(3, 17).view(2, 7)}


def with_options(model, **options):
    """A model each of whose attention modules is given these options, too."""
    for module in model.modules():
        if type(module).__name__ in ("LlamaAttention", "BertSelfAttention"):
            module.forward = functools.partial(module.forward, **options)
    return model


def recorded(model, inputs=INPUTS, **options):
    with torch.no_grad(), regard.record(model, **options) as recording:
        model(**inputs)
    return recording


@pytest.mark.parametrize("options", [{"s_aux": torch.ones(6)}, {"sliding_window": 2}, {"block_table": 3}, {"temperature": 2.0}])
def test_what_sdpa_does_not_read_is_not_in_the_map(options):
    plain, given = recorded(tiny("llama")), recorded(with_options(tiny("llama"), **options), values=True)
    assert len(given.maps) == 3
    for amap, expected in zip(given.maps, plain.maps, strict=True):
        assert torch.equal(amap.dense(), expected.dense())
    assert given.check().worst < 1e-5


def test_is_causal_as_the_call_says_it():
    """It goes before what the module says of itself."""
    plain = recorded(tiny("llama"))
    all_seen = recorded(with_options(tiny("llama"), is_causal=False), values=True)
    assert plain.self[0][0, 0, 0, 1] == 0
    assert all_seen.self[0][0, 0, 0, 1] > 0
    assert all_seen.check().worst < 1e-5


def test_a_scale_that_is_a_tensor():
    """One number for all heads, or one for each: as models with trained temperatures pass it."""
    query, key, value = torch.randn(3, 2, 5, 7, 3, generator=torch.Generator().manual_seed(0))

    class Layer(torch.nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.config, self.is_causal, self.scale = tiny("bert").config, False, scale

        def forward(self, query, key, value):
            function = AttentionInterface().get_interface("eager", eager_attention_forward)
            return function(self, query, key, value, None, scaling=self.scale)[0]

    for scale in (torch.tensor(0.3), torch.tensor([0.1, 0.3, 0.5, 0.7, 1.1])[:, None, None]):
        layer = Layer(scale)
        with regard.record(layer) as recording:
            layer(query, key, value)
        assert_close(recording.maps[0].dense(), (query @ key.mT * scale).softmax(-1), atol=1e-6, rtol=0)


def eager_attention_forward(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = torch.nn.functional.softmax(weights, dim=-1)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def test_a_position_bias_is_in_the_map_where_sdpa_reads_it():
    config = T5Config(vocab_size=53, d_model=22, d_kv=11, d_ff=13, num_layers=2, num_heads=2)
    try:
        model = T5Model._from_config(config, attn_implementation="sdpa").eval()
    except ValueError:
        pytest.skip("this Transformers has no T5 on SDPA")
    ids = INPUTS["input_ids"]
    recording = recorded(model, {"input_ids": ids, "decoder_input_ids": ids[:, :5]}, values=True)
    assert recording.check().worst < 1e-5
    assert recording.encoder[0].factors.bias is not None


@pytest.mark.parametrize("wrap", [functools.partial, functools.wraps])
def test_a_function_that_wraps_sdpa_is_known(wrap, monkeypatch):
    if wrap is functools.partial:
        mine = functools.partial(sdpa_attention_forward, scaling=0.25)
    else:

        @functools.wraps(sdpa_attention_forward)
        def mine(*args, **kwargs):
            return sdpa_attention_forward(*args, **kwargs)

    monkeypatch.setitem(AttentionInterface._global_mapping, "mine", mine)
    model = tiny("bert")
    model.config._attn_implementation = "mine"
    recording = recorded(model, tiny_inputs("bert"), values=True)
    assert [call.kept for call in recording.calls] == ["factors"] * 3
    assert recording.check().worst < 1e-5


def test_what_wraps_sdpa_and_changes_it_is_found_out(monkeypatch):
    @functools.wraps(sdpa_attention_forward)
    def mine(module, query, *args, **kwargs):
        return sdpa_attention_forward(module, 2 * query, *args, **kwargs)

    monkeypatch.setitem(AttentionInterface._global_mapping, "mine", mine)
    model = tiny("bert")
    model.config._attn_implementation = "mine"
    with pytest.raises(RecordingError, match="not known what .*what wraps it.* of BertSelfAttention .*does to the weights"):
        recorded(model, tiny_inputs("bert"))


def of_nobody(module, query, key, value, attention_mask, **kwargs):
    return value.transpose(1, 2), None


def test_an_unknown_function_is_refused_before_it_runs(monkeypatch):
    monkeypatch.setitem(AttentionInterface._global_mapping, "mine", of_nobody)
    model = tiny("bert")
    model.config._attn_implementation = "mine"
    has_run = False
    said = r"test_sdpa\.of_nobody \(.*test_sdpa\.py, line \d+\), registered as 'mine'; call model\.set_attn_implementation"
    with pytest.raises(RecordingError, match=said), regard.record(model):
        has_run = True
    assert not has_run
    assert not model._forward_pre_hooks


def test_a_function_that_comes_while_recording_does_not_stop_the_model(monkeypatch):
    model, outputs = tiny("bert"), []

    def runs_on_mine():
        with torch.no_grad(), regard.record(model), monkeypatch.context() as patch:
            patch.setitem(AttentionInterface._global_mapping, "mine", of_nobody)
            model.config._attn_implementation = "mine"
            outputs.append(model(**tiny_inputs("bert")))

    with pytest.raises(RecordingError, match="of_nobody"):
        runs_on_mine()
    assert len(outputs) == 1


def test_an_error_of_the_function_itself_is_the_models_own(monkeypatch):
    @functools.wraps(sdpa_attention_forward)
    def mine(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setitem(AttentionInterface._global_mapping, "sdpa", mine)
    with pytest.raises(ZeroDivisionError):
        recorded(tiny("bert"), tiny_inputs("bert"))
