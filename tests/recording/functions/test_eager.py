"""What an eager function reads: by its source, and where that does not tell, by what it returns."""
# ruff: noqa: ARG001

import re

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import AttentionInterface, GptOssConfig, GptOssForCausalLM
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as of_gpt_oss
from transformers.models.llama.modeling_llama import eager_attention_forward as of_llama

import regard
from regard.errors import RecordingError
from regard.recording.functions.source import Reads, reads_of
from support.tiny_models import tiny, tiny_inputs
from witnesses.attention import dense_attention

QUERY, KEY, VALUE = torch.randn(3, 2, 5, 7, 3, generator=torch.Generator().manual_seed(0))


class Layer(nn.Module):
    """Attention by an eager function of one's own, as each model's file has one."""

    def __init__(self, function, **options):
        super().__init__()
        self.function, self.options, self.bend = function, options, 0.5

    def forward(self, mask=None):
        function = AttentionInterface().get_interface("eager", self.function)
        return function(self, QUERY, KEY, VALUE, mask, **({"scaling": 0.7} | self.options))[0]


def recorded(layer, mask=None, **options):
    with torch.no_grad(), regard.record(layer, **options) as recording:
        layer(mask)
    return recording


def plain(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    weights = query @ key.mT * scaling
    weights = weights if attention_mask is None else weights + attention_mask
    weights = weights.softmax(-1)
    return (weights @ value).transpose(1, 2), weights


def harmless(module, query, key, value, attention_mask, scaling, note=None, **kwargs):
    if note is not None:
        module.note = note
    return plain(module, query, key, value, attention_mask, scaling)


def with_temperature(module, query, key, value, attention_mask, scaling, temperature=1.0, **kwargs):
    weights = (query @ key.mT * scaling / temperature).softmax(-1)
    return (weights @ value).transpose(1, 2), weights


def without_weights(module, query, key, value, attention_mask, scaling, temperature=1.0, **kwargs):
    return with_temperature(module, query, key, value, attention_mask, scaling, temperature)[0], None


def by_the_module(module, query, key, value, attention_mask, scaling, **kwargs):
    weights = (query @ key.mT * module.bend).softmax(-1)
    return (weights @ value).transpose(1, 2), weights


def out_of_kwargs(module, query, key, value, attention_mask, scaling, **kwargs):
    weights = (query @ key.mT * scaling * kwargs.get("factor", 1.0)).softmax(-1)
    return (weights @ value).transpose(1, 2), None


def sigmoids(module, query, key, value, attention_mask, scaling, **kwargs):
    weights = torch.sigmoid(query @ key.mT * scaling)
    return (weights @ value).transpose(1, 2), None


def without_a_mask(module, query, key, value, attention_mask, scaling, **kwargs):
    weights = (query @ key.mT * scaling).softmax(-1)
    return (weights @ value).transpose(1, 2), weights


@pytest.mark.parametrize(
    ("layer", "scale", "kept"),
    [
        (Layer(plain), 0.7, "factors"),
        (Layer(plain, temperature=2.0), 0.7, "factors"),
        (Layer(harmless, note="said"), 0.7, "factors"),
        (Layer(with_temperature), 0.7, "factors"),
        (Layer(with_temperature, temperature=2.0), 0.35, "dense"),
        (Layer(without_weights), 0.7, "factors"),
        (Layer(by_the_module), 0.5, "dense"),
        (Layer(out_of_kwargs), 0.7, "factors"),
    ],
    ids=lambda one: one.function.__name__ if isinstance(one, Layer) else None,
)
def test_a_map_is_kept_where_it_explains_what_came_of_the_call(layer, scale, kept):
    recording = recorded(layer, values=True)
    assert [call.kept for call in recording.calls] == [kept]
    assert_close(recording.maps[0].dense(), (QUERY @ KEY.mT * scale).softmax(-1), atol=1e-6, rtol=0)
    assert recording.check().worst < 1e-5


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer(without_weights, temperature=2.0), "temperature, with_temperature, .* of the attention function of Layer"),
        (Layer(out_of_kwargs, factor=3.0), "factor of the attention function of Layer"),
        (Layer(sigmoids), "its source, which is not Transformers' own of the attention function of Layer"),
    ],
    ids=["without weights", "out of kwargs", "sigmoids"],
)
def test_else_calls_says_what_is_not_known(layer, said):
    with pytest.raises(
        RecordingError, match=f"it is not known what {said} does to the weights: map @ values without it is off"
    ):
        recorded(layer)
    both = nn.ModuleList([layer, Layer(plain)])
    with torch.no_grad(), regard.record(both) as recording:
        for one in both:
            one(None)
    assert len(recording.maps) == 1
    assert [call.layer for call in recording.calls] == [None, 1]
    assert re.search(said, recording.calls[0].kept)


def test_dropout_hides_it():
    class Dropped(Layer):
        pass

    layer = Dropped(harmless, note="said", dropout=0.5).train()

    def dropping(module, query, key, value, attention_mask, scaling, note, dropout=0.0, **kwargs):
        return plain(module, query, key, value, attention_mask, scaling)

    layer.function = dropping
    with pytest.raises(RecordingError, match="dropout hides what .* changes; record in evaluation mode"):
        recorded(layer)
    assert len(recorded(layer.eval()).maps) == 1


def test_a_mask_that_the_function_does_not_read_hides_nothing():
    mask = torch.full((7, 7), -torch.inf).triu(1)
    assert_close(recorded(Layer(without_a_mask), mask).maps[0].dense(), (QUERY @ KEY.mT * 0.7).softmax(-1), atol=1e-6, rtol=0)
    assert recorded(Layer(plain), mask).maps[0][0, 0, 0, 1:].sum() == 0


def test_a_boolean_mask_is_added_as_eager_adds_it():
    """What is given as (batch, 1, queries, keys) reaches the function as it is: 1 is added where it is true."""
    model, ids = tiny("llama", "eager"), torch.arange(3, 17).view(2, 7)
    mask = torch.ones(7, 7, dtype=torch.bool).tril().expand(2, 1, 7, 7)
    with torch.no_grad(), regard.record(model, values=True) as recording:
        weights = model(ids, attention_mask=mask, output_attentions=True).attentions
    assert recording.check().worst < 1e-5
    for amap, own in zip(recording.maps, weights, strict=True):
        assert_close(amap.dense(), own, atol=1e-5, rtol=0)


def test_sinks_are_those_that_the_function_reads():
    """GPT-OSS reads its module's; what is passed as s_aux is for other functions."""
    assert "sinks" in reads_of(of_gpt_oss).attributes
    sizes = {"vocab_size": 53, "num_hidden_layers": 1, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 4}
    sizes |= {"hidden_size": 24, "intermediate_size": 16, "num_local_experts": 2, "num_experts_per_tok": 1, "pad_token_id": 0}
    model = GptOssForCausalLM._from_config(GptOssConfig(**sizes), attn_implementation="eager").eval()
    attention = model.model.layers[0].self_attn
    attention.sinks.data = torch.linspace(-2, 2, 6)
    with torch.no_grad(), regard.record(model, values=True) as recording:
        model(torch.arange(3, 10)[None])
    assert recording.check().worst < 1e-5
    factors = recording.maps[0].factors
    truth = dense_attention(
        factors.query, factors.key, factors.key, causal=True, scale=factors.scale, sinks=attention.sinks.detach()
    )
    assert_close(recording.maps[0].dense().double(), truth.weights, atol=1e-6, rtol=0)


def test_a_function_known_by_sight_is_not_held_against_its_output(monkeypatch):
    """It costs a product of n² weights, and is for what is new."""
    monkeypatch.setattr("regard.recording.functions.evidence.error_of", lambda *_: 1 / 0)
    model = tiny("llama", "eager")
    with torch.no_grad(), regard.record(model) as recording:
        model(**tiny_inputs("llama"), num_items_in_batch=3)
    assert len(recording.maps) == 3


def test_what_a_source_reads():
    names = {"torch", "nn", "repeat_kv"}
    attributes = {"num_key_value_groups", "training"}
    assert reads_of(of_llama) == Reads(True, {"scaling", "dropout"}, attributes, names, hands_on=False)
    assert reads_of(out_of_kwargs).arguments == {"scaling", "factor"}
    assert not reads_of(without_a_mask).mask
    assert reads_of(harmless).hands_on
    assert reads_of(len) is None
