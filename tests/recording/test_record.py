import functools
import sys
from contextlib import suppress
from unittest import mock

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    AttentionInterface,
    AutoModel,
    DynamicCache,
    Gemma2Config,
    GPT2Config,
    GptOssConfig,
    MambaConfig,
    MambaModel,
    MistralConfig,
    StaticCache,
    T5Config,
)
from transformers.models.bert.modeling_bert import BertSelfAttention

import regard
from regard.errors import DtypeError, OptionError, RecordingError, ScoreError
from support.recorded import ran
from support.tiny_models import NAMES, tiny, tiny_inputs
from witnesses.attention import dense_attention

each_model = pytest.mark.parametrize("name", NAMES)
KINDS = {"bert": ["self"], "gpt2": ["self"], "llama": ["self"], "marian": ["encoder", "decoder", "cross"]}


def own_weights(name, inputs, seed=0):
    """The weights that the model itself returns when it runs on eager attention, by kind and layer."""
    with torch.no_grad():
        output = tiny(name, "eager", seed)(**inputs, output_attentions=True)
    if name == "marian":
        return {
            "encoder": output.encoder_attentions,
            "decoder": output.decoder_attentions,
            "cross": output.cross_attentions,
        }
    return {"self": output.attentions}


def real_rows(kind, inputs):
    """(batch, queries): rows that are no padding."""
    if kind in ("decoder", "cross"):
        return torch.ones_like(inputs["decoder_input_ids"], dtype=torch.bool)
    return inputs["attention_mask"].bool()


def assert_equals_own(recording, name, inputs, seed=0):
    for kind, layers in own_weights(name, inputs, seed).items():
        maps, rows = getattr(recording, kind), real_rows(kind, inputs)
        assert len(maps) == len(layers) > 1
        for layer, (amap, weights) in enumerate(zip(maps, layers, strict=True)):
            assert (amap.kind, amap.layer) == (kind, layer)
            assert amap.shape == tuple(weights.shape)
            by_row = (amap.dense().transpose(1, 2)[rows], weights.transpose(1, 2)[rows])
            assert_close(*by_row, atol=1e-5, rtol=0)


# -- what is recorded


@each_model
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_maps_equal_the_models_own_eager_weights(name, attention):
    inputs = tiny_inputs(name)
    recording, _ = ran(tiny(name, attention), inputs)
    assert_equals_own(recording, name, inputs)


@pytest.mark.filterwarnings("ignore:whether the positions of the pad token")
@each_model
def test_without_padding(name):
    inputs = tiny_inputs(name)
    inputs["attention_mask"] = torch.ones_like(inputs["attention_mask"])
    assert_equals_own(ran(tiny(name), inputs)[0], name, inputs)
    del inputs["attention_mask"]  # now nothing says who may attend but the module
    recording, _ = ran(tiny(name), inputs)
    assert_equals_own(recording, name, inputs | {"attention_mask": torch.ones_like(inputs["input_ids"])})


@each_model
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_output_is_the_same_to_the_bit(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    with torch.no_grad():
        plain = model(**inputs)
    _, recorded = ran(model, inputs)
    with torch.no_grad():
        after = model(**inputs)
    for output in (recorded, after):
        assert output.keys() == plain.keys()
        assert torch.equal(output[0], plain[0])


@each_model
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_models_own_kernel_runs(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    home = sys.modules[type(model).__module__]
    fused, eager = torch.nn.functional.scaled_dot_product_attention, home.eager_attention_forward
    with (
        mock.patch.object(torch.nn.functional, "scaled_dot_product_attention", wraps=fused) as sdpa_calls,
        mock.patch.object(home, "eager_attention_forward", wraps=eager) as eager_calls,
    ):
        recording, _ = ran(model, inputs)
        for amap in recording.maps:
            amap.dense()
    expected = {"sdpa": (len(recording.maps), 0), "eager": (0, len(recording.maps))}
    assert (sdpa_calls.call_count, eager_calls.call_count) == expected[attention]
    assert len(recording.maps) == (8 if name == "marian" else 3)


@each_model
def test_names_are_those_of_modules(name):
    model = tiny(name)
    recording, _ = ran(model, tiny_inputs(name))
    modules = dict(model.named_modules())
    assert len({amap.name for amap in recording.maps}) == len(recording.maps)
    for amap in recording.maps:
        assert "ttention" in type(modules[amap.name]).__name__
        assert amap.name in repr(amap)


def test_grouped_heads_are_kept_once():
    recording, _ = ran(tiny("llama"), tiny_inputs("llama"))
    assert recording.self[0].nbytes == 4 * 2 * 7 * 4 * (6 + 2)
    assert "2 key heads" in repr(recording.self[0])


def test_half_precision_is_the_exact_softmax_of_what_was_kept():
    model = tiny("gpt2").bfloat16()
    inputs = {"input_ids": tiny_inputs("gpt2")["input_ids"][:1]}
    for amap in ran(model, inputs)[0].self:
        query, key = amap.factors.query, amap.factors.key
        assert query.dtype == key.dtype == torch.bfloat16
        truth = dense_attention(query, key, key, causal=True)
        assert amap.dtype == torch.float32
        assert_close(amap.dense().double(), truth.weights, atol=1e-6, rtol=0)


def test_a_decoder_alone_is_a_decoder():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    whole, _ = ran(model, inputs)
    with torch.no_grad(), regard.record(model.model.decoder) as recording:
        model(**inputs)
    assert len(recording.maps) == 6
    for kind in ("decoder", "cross"):
        for part, full in zip(getattr(recording, kind), getattr(whole, kind), strict=True):
            assert torch.equal(part.dense(), full.dense())


def test_an_attention_class_of_another_file_runs_eager_too():
    class Mine(BertSelfAttention):
        pass

    model, inputs = tiny("bert", "eager"), tiny_inputs("bert")
    for layer in model.encoder.layer:
        layer.attention.self.__class__ = Mine
    assert_equals_own(ran(model, inputs)[0], "bert", inputs)


@pytest.mark.parametrize("static", [False, True])
def test_a_cache_in_the_block(static):
    """A static cache overwrites its keys at each step: what was recorded before must not follow."""
    model, ids = tiny("llama"), tiny_inputs("llama")["input_ids"][:1]
    whole, _ = ran(model, {"input_ids": ids})
    cache = StaticCache(model.config, max_cache_len=7) if static else DynamicCache(config=model.config)
    passes = [(0, 4), (4, 5), (5, 7)]
    with torch.no_grad(), regard.record(model) as recording:
        for start, stop in passes:
            model(ids[:, start:stop], past_key_values=cache)
    cache.reset()
    assert len(recording.maps) == 9
    for at, amap in enumerate(recording.maps):
        (start, stop), layer = passes[at // 3], at % 3
        assert amap.layer == layer
        assert amap.shape == (1, 6, stop - start, 7 if static else stop)
        expected = whole.self[layer][:, :, start:stop, : amap.shape[3]]
        assert_close(amap.dense(), expected, atol=1e-5, rtol=0)


SMALL = {"vocab_size": 53, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4}
SMALL |= {"hidden_size": 24, "intermediate_size": 16, "initializer_range": 0.5, "pad_token_id": 0}
FAMILIES = {
    "scale of its own": (GPT2Config(n_embd=22, n_layer=3, n_head=2, scale_attn_by_inverse_layer_idx=True), "sdpa"),
    "position bias": (T5Config(vocab_size=53, d_model=22, d_kv=11, d_ff=13, num_layers=2, num_heads=2), "sdpa"),
    "window": (MistralConfig(sliding_window=3, **SMALL), "sdpa"),
    "softcap": (Gemma2Config(sliding_window=3, attn_logit_softcapping=0.5, **SMALL), "eager"),
    "sinks": (GptOssConfig(sliding_window=3, num_local_experts=2, num_experts_per_tok=1, **SMALL), "eager"),
}


@pytest.mark.parametrize(("config", "attention"), FAMILIES.values(), ids=FAMILIES.keys())
def test_what_models_do_to_their_scores_is_in_the_map(config, attention):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            model = AutoModel.from_config(config, attn_implementation=attention).eval()
        except ValueError as error:  # T5 is on SDPA since Transformers 5.10
            pytest.skip(str(error))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "sinks" in name or "relative_attention_bias" in name:
                parameter.copy_(torch.linspace(-2, 2, parameter.numel()).view_as(parameter))
    inputs = {"input_ids": tiny_inputs("bert")["input_ids"][:1]}
    if config.is_encoder_decoder:
        inputs["decoder_input_ids"] = inputs["input_ids"][:, :5]
    recording, _ = ran(model, inputs)
    with torch.no_grad():
        plain = model(**inputs)[0]
        model.set_attn_implementation("eager")
        output = model(**inputs, output_attentions=True)
    if not torch.allclose(output[0], plain, atol=1e-4):  # of Transformers 5.2, whose SDPA leaves out GPT-2's own scale
        pytest.skip("this Transformers computes something else on its eager function")
    if config.is_encoder_decoder:
        own = [*output.encoder_attentions, *output.decoder_attentions, *output.cross_attentions]
        maps = [*recording.encoder, *recording.decoder, *recording.cross]
    else:
        own, maps = output.attentions, recording.self
    for amap, weights in zip(maps, own, strict=True):
        assert_close(amap.dense(), weights, atol=1e-5, rtol=0)


# -- what is left behind: nothing


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_interface_is_as_before(attention):
    before = dict(AttentionInterface._global_mapping), AttentionInterface.get_interface
    model = tiny("bert", attention)
    with regard.record(model):
        assert (AttentionInterface._global_mapping, AttentionInterface.get_interface) != before
    assert (AttentionInterface._global_mapping, AttentionInterface.get_interface) == before
    assert not model._forward_pre_hooks
    assert model.config._attn_implementation == attention


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_interface_is_as_before_after_an_error(attention):
    before = dict(AttentionInterface._global_mapping)
    model, inputs = tiny("bert", attention), tiny_inputs("bert")
    with suppress(ZeroDivisionError), regard.record(model) as recording:
        model(**inputs)
        raise ZeroDivisionError
    assert AttentionInterface._global_mapping == before
    assert not model._forward_pre_hooks
    assert len(recording.maps) == 3
    with pytest.raises(IndexError), regard.record(model):
        model(input_ids=torch.tensor([[99]]))
    assert_equals_own(ran(model, inputs)[0], "bert", inputs)


def test_an_error_before_the_block_leaves_nothing():
    model = tiny("bert")
    with pytest.raises(OptionError), regard.record(model, kinds=["sideways"]):
        pass
    assert not model._forward_pre_hooks


def test_a_function_that_was_registered_before_stays_and_runs(monkeypatch):
    kernel = AttentionInterface._global_mapping["sdpa"]
    theirs = functools.update_wrapper(mock.Mock(wraps=kernel), kernel)
    monkeypatch.setitem(AttentionInterface._global_mapping, "sdpa", theirs)
    recording, _ = ran(tiny("bert"), tiny_inputs("bert"))
    assert AttentionInterface._global_mapping["sdpa"] is theirs
    assert theirs.call_count == len(recording.maps) == 3


def test_repeated_use():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    first, second = ran(model, inputs)[0], ran(model, inputs)[0]
    assert first.passes == second.passes == 1
    for one, other in zip(first.self, second.self, strict=True):
        assert torch.equal(one.dense(), other.dense())


def test_maps_do_not_follow_the_model():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    recording, _ = ran(model, inputs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model(**inputs)
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    for tensor in inputs.values():
        tensor.fill_(1)
    model.set_attn_implementation("eager")
    assert_equals_own(recording, "marian", before)


@pytest.mark.parametrize("name", ["bert", "marian"])
def test_training_through_a_recorded_pass_gives_the_same_gradients(name):
    inputs, gradients = tiny_inputs(name), []
    for recorded in (False, True):
        model = tiny(name).train()  # dropout is on: recording may not draw a random number either
        with torch.random.fork_rng():
            torch.manual_seed(7)
            if recorded:
                with regard.record(model) as recording:
                    output = model(**inputs)[0]
            else:
                output = model(**inputs)[0]
            output.square().sum().backward()
        gradients.append({key: parameter.grad for key, parameter in model.named_parameters()})
    plain, seen = gradients
    assert any(gradient is not None and float(gradient.abs().max()) > 0 for gradient in plain.values())
    for key, gradient in plain.items():
        assert (gradient is None) == (seen[key] is None), key
        assert gradient is None or torch.equal(gradient, seen[key]), key
    for amap in recording.maps:
        assert not amap.factors.query.requires_grad
        assert not amap.factors.key.requires_grad
        assert not amap.dense().requires_grad


@pytest.mark.slow
def test_a_recording_made_in_inference_mode_is_read_outside():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    with torch.inference_mode(), regard.record(model) as recording:
        model(**inputs)
    assert recording.self[0].factors.query.is_inference()
    assert_equals_own(recording, "bert", inputs)


# -- several at once


def test_nested_recordings_of_one_model():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    with torch.no_grad(), regard.record(model) as outer:
        with regard.record(model, layers=[1]) as inner:
            model(**inputs)
        assert len(inner.maps) == 1
    assert_equals_own(outer, "bert", inputs)
    assert torch.equal(inner.self[0].dense(), outer.self[1].dense())


def test_the_outer_recording_goes_on():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    with torch.no_grad(), regard.record(model) as outer:
        with regard.record(model) as inner:
            pass
        model(**inputs)
    assert not inner.maps
    assert_equals_own(outer, "bert", inputs)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_recordings_of_two_models(attention):
    bert, gpt2 = tiny("bert"), tiny("gpt2", attention)
    with torch.no_grad(), regard.record(bert) as of_bert, regard.record(gpt2) as of_gpt2:
        bert(**tiny_inputs("bert"))
        gpt2(**tiny_inputs("gpt2"))
    assert_equals_own(of_bert, "bert", tiny_inputs("bert"))
    assert_equals_own(of_gpt2, "gpt2", tiny_inputs("gpt2"))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_another_model_in_the_block_is_not_recorded(attention):
    bert, other, inputs = tiny("bert", attention), tiny("bert", attention, seed=1), tiny_inputs("bert")
    with torch.no_grad():
        alone = other(**inputs)
        with regard.record(bert) as recording:
            together = other(**inputs)
            bert(**inputs)
            other(**inputs)
    assert torch.equal(alone[0], together[0])
    assert recording.passes == 1
    assert_equals_own(recording, "bert", inputs)


# -- a part of it


def test_layers():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    whole, _ = ran(model, inputs)
    part, _ = ran(model, inputs, layers=[0, 2])
    kept = [(amap.kind, amap.layer) for amap in part.maps]
    assert kept == [("encoder", 0), ("decoder", 0), ("cross", 0), ("decoder", 2), ("cross", 2)]
    assert torch.equal(part.cross[1].dense(), whole.cross[2].dense())


def test_kinds():
    recording, _ = ran(tiny("marian"), tiny_inputs("marian"), kinds=["cross"], layers={1})
    assert [(amap.kind, amap.layer) for amap in recording.maps] == [("cross", 1)]
    with pytest.raises(RecordingError, match="expected decoder maps, got cross maps"):
        recording.decoder  # noqa: B018


# -- errors


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"layers": 1}, "layers: expected a list of layers, got 1; for example"),
        ({"layers": [0, -1]}, "layers: expected a whole number of at least 0, got -1"),
        ({"layers": "01"}, "layers: expected a list of layers, got '01'; for example"),
        ({"layers": [0.5]}, r"layers: expected a whole number of at least 0, got 0\.5"),
        ({"kinds": "cross"}, "kinds: expected a list of kinds, got 'cross'; for example"),
        ({"kinds": ["cross", "sideways"]}, "kinds: expected one of encoder, decoder, cross, self, got 'sideways'"),
    ],
)
def test_options_that_no_model_has(options, text):
    with pytest.raises((DtypeError, OptionError), match=text), regard.record(tiny("bert"), **options):
        pass


def test_an_implementation_that_cannot_be_recorded():
    model = tiny("bert")
    model.config._attn_implementation = "paged|eager"
    with (
        pytest.raises(
            RecordingError, match=r"got transformers\.integrations\.eager_paged\.eager_paged_attention_forward \(.*, line"
        ),
        regard.record(model),
    ):
        pass
    assert not model._forward_pre_hooks


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda: MambaModel(MambaConfig(vocab_size=53, hidden_size=8, num_hidden_layers=1)), torch.tensor([[3, 5, 7]])),
        (lambda: nn.Linear(3, 5), torch.ones(2, 3)),
    ],
    ids=["mamba", "linear"],
)
def test_a_model_without_attention_is_named(make, given):
    model = make()
    text = f"expected attention in {type(model).__name__}, which ran, got none: no call of Transformers' attention interface"
    with pytest.raises(RecordingError, match=text), regard.record(model):
        model(given)


def test_what_is_no_model_is_refused():
    with pytest.raises(DtypeError, match="model: expected a torch module, got str"), regard.record("bert"):
        pass


@pytest.mark.filterwarnings("ignore:whether the positions of the pad token")
def test_nan_activations_are_named_when_read():
    model = tiny("gpt2")
    with torch.no_grad():
        model.transformer.h[1].attn.c_attn.bias[13] = torch.nan  # the third number of the second head's queries
    recording, _ = ran(model, {"input_ids": tiny_inputs("gpt2")["input_ids"]})
    assert recording.self[0].dense().isfinite().sum() == recording.self[0].dense().numel()
    with pytest.raises(ScoreError, match="got nan at batch 0, head 1, query 0, key 0"):
        recording.self[1].dense()


def test_a_pass_that_reads_what_the_last_one_returned_does_not_project_it():
    """The heads' outputs leave the model as they are; the next pass begins with a linear layer that is given them."""

    class Unprojected(nn.Module):
        def __init__(self):
            super().__init__()
            self.q_proj = nn.Linear(6, 6)

        def forward(self, x):
            query = self.q_proj(x).unflatten(2, (2, 3)).transpose(1, 2)
            return nn.functional.scaled_dot_product_attention(query, query, query).transpose(1, 2).flatten(2)

    model = Unprojected()
    with torch.no_grad(), regard.record(model, values=True) as recording:
        model(model(torch.randn(1, 5, 6)))
    assert [call.projection for call in recording.values] == [None, None]
