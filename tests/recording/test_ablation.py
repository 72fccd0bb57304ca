"""Heads and edges switched off: beside slices edited by hand, and masks."""

import copy
import re
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint
from transformers import (
    AlbertConfig,
    AlbertModel,
    BloomConfig,
    BloomModel,
    GptOssConfig,
    GptOssForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    XLNetConfig,
    XLNetModel,
)

import regard
from regard.errors import DtypeError, OptionError
from regard.recording.ablation import HeadSwitch, ablate
from regard.recording.observe import observe
from support.attention_modules import ByHand, Fused
from support.tiny_models import NAMES, tiny, tiny_inputs

each_model = pytest.mark.parametrize("name", NAMES)
each_attention = pytest.mark.parametrize("attention", ["sdpa", "eager"])
KINDS = {"bert": [None], "gpt2": [None], "llama": [None], "marian": ["encoder", "decoder", "cross"]}
HEADS = {"bert": 2, "gpt2": 2, "llama": 6, "marian": 2}


def projection(name, model, kind, layer):
    """The module that takes the heads' outputs back to features."""
    match name, kind:
        case "bert", _:
            return model.encoder.layer[layer].attention.output.dense
        case "gpt2", _:
            return model.transformer.h[layer].attn.c_proj
        case "llama", _:
            return model.model.layers[layer].self_attn.o_proj
        case _, "encoder":
            return model.model.encoder.layers[layer].self_attn.out_proj
        case _, "decoder":
            return model.model.decoder.layers[layer].self_attn.out_proj
        case _:
            return model.model.decoder.layers[layer].encoder_attn.out_proj


@contextmanager
def slices_replaced(name, model, kind, heads, replace):
    """The witness: what the projections are given, with the features of these heads replaced by hand."""

    def hook(which):
        def change(_, given):
            (features,) = given
            dim = features.shape[-1] // HEADS[name]
            changed = features.clone()
            for head in which:
                part = slice(head * dim, (head + 1) * dim)
                changed[..., part] = replace(features[..., part])
            return (changed,)

        return change

    hooks = [
        projection(name, model, kind, layer).register_forward_pre_hook(hook([h for at, h in heads if at == layer]))
        for layer in {layer for layer, _ in heads}
    ]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()


def hooks_of(model):
    return [(dict(part._forward_hooks), dict(part._forward_pre_hooks)) for part in model.modules()]


# -- heads


@each_attention
@each_model
def test_a_head_off_is_its_slice_at_zero(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    with torch.no_grad():
        plain = model(**inputs)[0]
        for kind in KINDS[name]:
            heads = [(0, 1), (1, 0), (1, HEADS[name] - 1)]
            with ablate(model, heads, kind=kind):
                found = model(**inputs)[0]
            with slices_replaced(name, model, kind, heads, torch.zeros_like):
                truth = model(**inputs)[0]
            assert torch.equal(found, truth)
            assert not torch.allclose(found, plain)


def mean_of_the_text(mask, causal):
    """Of features (batch, positions, dim): what each position has in their mean over the text, up to it where causal."""

    def replace(part):
        made = torch.zeros_like(part)
        for item, at in mask.nonzero().tolist():
            taken = [s for s in range(at + 1 if causal else mask.shape[1]) if mask[item, s]]
            made[item, at] = part[item, taken].mean(0)
        return made

    return replace


@each_attention
@each_model
def test_the_mean_of_a_head_is_over_its_text(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    for kind in KINDS[name]:
        of_target = kind in ("decoder", "cross")
        mask = torch.ones(2, 5) if of_target else inputs["attention_mask"]
        replace = mean_of_the_text(mask, causal=of_target or name in ("gpt2", "llama"))
        with torch.no_grad():
            with ablate(model, [(1, 1)], kind=kind, how="mean"):
                found = model(**inputs)[0]
            with slices_replaced(name, model, kind, [(1, 1)], replace):
                truth = model(**inputs)[0]
        read = torch.ones(2, 5).bool() if name == "marian" else mask.bool()
        assert_close(found[read], truth[read], atol=1e-4, rtol=1e-4)


@each_model
def test_a_layer_without_heads_puts_out_the_bias_of_its_projection(name):
    model, inputs, kind = tiny(name), tiny_inputs(name), KINDS[name][-1]
    projects, seen = projection(name, model, kind, 1), []
    hook = projects.register_forward_hook(lambda _, _given, output: seen.append(output))
    with torch.no_grad(), ablate(model, [(1, head) for head in range(HEADS[name])], kind=kind):
        model(**inputs)
    hook.remove()
    bias = 0 if projects.bias is None else projects.bias
    assert_close(seen[0], torch.zeros_like(seen[0]) + bias)


@each_attention
@each_model
def test_nothing_off_is_the_same_to_the_bit_and_nothing_stays(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    weights, hooks = copy.deepcopy(model.state_dict()), hooks_of(model)
    with torch.no_grad():
        plain = model(**inputs)[0]
        with ablate(model, kind=KINDS[name][0]):
            assert torch.equal(model(**inputs)[0], plain)
        with ablate(model, [(0, 0)], kind=KINDS[name][0]):
            assert not torch.equal(model(**inputs)[0], plain)
        assert torch.equal(model(**inputs)[0], plain)
    assert hooks_of(model) == hooks
    assert all(torch.equal(now, weights[key]) for key, now in model.state_dict().items())


def fails(model, inputs, heads):
    """A block that ends with an error which is not Regard's."""
    with ablate(model, heads):
        model(**inputs)
        raise KeyError


def test_an_error_leaves_the_model_as_found():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    hooks = hooks_of(model)
    with torch.no_grad():
        plain = model(**inputs)[0]
        with pytest.raises(KeyError):
            fails(model, inputs, [(0, 0)])
        with pytest.raises(OptionError, match="expected heads from 0 to 1 in self layer 2, got 2"), ablate(model, [(2, 2)]):
            model(**inputs)
        with pytest.raises(ValueError, match="input_ids"), ablate(model, [(0, 0)]):
            model()  # what the model itself refuses
        assert torch.equal(model(**inputs)[0], plain)
    assert hooks_of(model) == hooks


def test_blocks_may_be_nested_and_recorded():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    with torch.no_grad():
        with ablate(model, [(0, 1)], kind="cross"), ablate(model, [(1, 0)], kind="encoder"):
            found = model(**inputs)[0]
        with slices_replaced("marian", model, "cross", [(0, 1)], torch.zeros_like):
            with slices_replaced("marian", model, "encoder", [(1, 0)], torch.zeros_like):
                assert torch.equal(found, model(**inputs)[0])
            with regard.record(model) as truth:
                model(**inputs)
        with ablate(model, [(0, 1)], kind="cross"), regard.record(model) as inside:
            model(**inputs)
        with regard.record(model) as outside, ablate(model, [(0, 1)], kind="cross"):
            model(**inputs)
    for recording in (inside, outside):
        for amap, same in zip(recording.maps, truth.maps, strict=True):
            assert torch.equal(amap.dense(), same.dense())  # later layers attend as they do without the head


def test_gradients_go_through_what_is_left():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    with ablate(model, [(1, 0)]):
        model(**inputs).logits.sum().backward()
    gradient = model.transformer.h[1].attn.c_proj.weight.grad
    assert (gradient[:11] == 0).all()
    assert (gradient[11:] != 0).any()


def test_gradient_checkpointing_switches_off_both_ways():
    class Layer(nn.Module):
        def forward(self, x):
            return checkpoint(lambda y: functional.scaled_dot_product_attention(y, y, y), x, use_reentrant=False)

    x = torch.randn(1, 2, 5, 4, requires_grad=True)
    with ablate(model := Layer(), [(0, 0)]):
        model(x).sum().backward()
    assert (x.grad[:, 0] == 0).all()
    assert (x.grad[:, 1] != 0).any()


# -- which head is which


MODELS = {
    "albert": lambda: AlbertModel(
        AlbertConfig(
            vocab_size=53, embedding_size=8, hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8
        )
    ),
    "t5": lambda: T5ForConditionalGeneration(
        T5Config(
            vocab_size=53,
            d_model=22,
            d_kv=5,
            d_ff=13,
            num_layers=2,
            num_decoder_layers=3,
            num_heads=3,
            decoder_start_token_id=0,
        )
    ),
    "bloom": lambda: BloomModel(BloomConfig(vocab_size=53, hidden_size=12, n_layer=3, n_head=3)),
    "torch": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(12, 3, 7, batch_first=True), 3, enable_nested_tensor=False
    ),
    **{name: (lambda name=name: tiny(name)) for name in NAMES},
}


def arguments(name):
    if name == "torch":
        return {"src": torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))}
    return tiny_inputs("marian" if name == "t5" else name)


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_counted_as_a_recording_counts_them(name):
    model, inputs = MODELS[name]().eval(), arguments(name)
    with torch.no_grad(), regard.record(model) as recording:
        model(**inputs)
    for kind in {amap.kind for amap in recording.maps}:
        switch = HeadSwitch(model, kind=kind)
        with torch.no_grad(), observe(model, switch):
            model(**inputs)
            model(**inputs)
        assert switch.heads == {amap.layer: amap.shape[1] for amap in recording.maps if amap.kind == kind}


@pytest.mark.parametrize("name", ["albert", "t5", "bloom", "torch"])
def test_each_head_of_each_layer_is_another_one(name):
    model, inputs = MODELS[name]().eval(), arguments(name)
    kind = "cross" if name == "t5" else None
    found = []
    for head in [(0, 0), (0, 1), (2, 0), (2, 1)]:
        with torch.no_grad(), ablate(model, [head], kind=kind):
            output = model(**inputs)
        found.append(output if name == "torch" else output[0])
    for at, one in enumerate(found):
        assert all(not torch.equal(one, other) for other in found[:at])


def test_parts_of_a_model_have_the_layers_of_the_whole():
    model = tiny("marian")
    ids = tiny_inputs("marian")["input_ids"]
    encoder = model.get_encoder()
    with torch.no_grad():
        with slices_replaced("marian", model, "encoder", [(1, 0)], torch.zeros_like):
            truth = encoder(ids)[0]
        with ablate(model, [(1, 0)], kind="encoder"):
            assert torch.equal(encoder(ids)[0], truth)
            assert torch.equal(encoder(ids)[0], truth)


def test_the_same_tensors_twice_are_two_passes():
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    with ablate(model := Fused(), [(0, 1)]):
        found = [model(query, key, value) for _ in range(2)]
    for output in found:
        assert (output[0, 1] == 0).all()
        assert (output[0, 0] != 0).all()


def test_regards_own_layer():
    layer = regard.MultiHeadAttention(12, heads=6, kv_heads=2)
    x = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output, weights = layer(x, causal=True)
        with ablate(layer, [(0, head) for head in range(6)]):
            empty, same = layer(x, causal=True)
        with ablate(layer, [(0, 4)]):
            less, _ = layer(x, causal=True)
    assert torch.equal(weights, same)
    assert_close(empty, layer.output.bias.expand_as(empty))
    assert not torch.allclose(less, output)


@pytest.mark.parametrize("name", ["gpt2", "llama", "marian"])
def test_generation(name):
    model, kind = tiny(name), KINDS[name][-1]
    ids, mask = tiny_inputs(name)["input_ids"][:1], tiny_inputs(name)["attention_mask"][:1]
    heads = [(0, 1), (2, 0), (2, 1)]
    options = {"attention_mask": mask, "max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
    plain = model.generate(ids, **options)
    with ablate(model, heads, kind=kind):
        found = model.generate(ids, **options)
        again = model.generate(ids, **options)
    with slices_replaced(name, model, kind, heads, torch.zeros_like):
        truth = model.generate(ids, **options)
    assert torch.equal(found, truth)
    assert torch.equal(found, again)
    assert not torch.equal(found, plain)


# -- edges


@each_attention
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_an_edge_off_is_a_mask_of_one_head(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    ids = inputs["input_ids"]
    allowed = torch.ones(2, 2, 7, 7, dtype=torch.bool)
    if name == "gpt2":
        allowed = allowed.tril()
    cut = [(1, 4, 2), (1, 4, 3), (0, 6, 0)]
    for head, query, key in cut:
        allowed[:, head, query, key] = False
    mask = torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)
    edges = [(layer, *edge) for layer in range(3) for edge in cut]
    with torch.no_grad():
        truth = model(input_ids=ids, attention_mask=mask)[0]
        plain = model(input_ids=ids)[0]
        with ablate(model, edges=edges):
            found = model(input_ids=ids)[0]
    assert_close(found, truth, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found, plain, atol=1e-2)


@each_attention
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_a_span_off_is_a_mask(name, attention):
    model, inputs = tiny(name, attention), tiny_inputs(name)
    ids = inputs["input_ids"][:1]
    allowed = torch.ones(7, 7, dtype=torch.bool)
    allowed = allowed.tril() if name == "gpt2" else allowed
    allowed[4:, 1:3] = False
    mask = torch.zeros(1, 1, 7, 7).masked_fill(~allowed, torch.finfo(torch.float32).min)
    with torch.no_grad():
        truth = model(input_ids=ids, attention_mask=mask)[0]
        plain = model(input_ids=ids)[0]
        with ablate(model, keys=[1, 2], queries=[4, 5, -1]):
            found = model(input_ids=ids)[0]
        assert_close(found, truth, atol=1e-4, rtol=1e-4)
        assert torch.equal(found[:, :4], plain[:, :4]) == (name == "gpt2")
        for options in ({"layers": [1]}, {"heads": [(1, 0), (1, 1)]}):
            with ablate(model, keys=[1, 2], queries=[4, 5, -1], **options):
                found = model(input_ids=ids)[0]
            edges = [(1, head, query, key) for head in range(2) for query in (4, 5, 6) for key in (1, 2)]
            with ablate(model, edges=edges):
                assert_close(found, model(input_ids=ids)[0], atol=1e-4, rtol=1e-4)


def test_a_span_of_a_padded_batch_stands_where_the_text_does():
    model, inputs = tiny("llama"), tiny_inputs("llama")  # the second text is padded on the left
    with torch.no_grad():
        with ablate(model, keys=[0, -2], queries=-1):
            found = model(**inputs)[0]
            alone = model(inputs["input_ids"][1:, 3:])[0]
        with ablate(model, edges=[(layer, head, 6, key) for layer in range(3) for head in range(6) for key in (3, 5)]):
            edges = model(**inputs)[0]
    assert_close(found[1, 3:], alone[0], atol=1e-4, rtol=1e-4)
    assert_close(found[1, 3:], edges[1, 3:], atol=1e-4, rtol=1e-4)


def test_spans_that_are_not_there():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    with pytest.raises(OptionError, match="queries: expected keys= beside it, got none"):
        ablate(model, queries=[1]).__enter__()
    with pytest.raises(OptionError, match="layers: expected heads or layers, got both"):
        ablate(model, [(0, 1)], keys=1, layers=[0]).__enter__()
    refused = pytest.raises(OptionError, match="expected self layers that ran, 0 to 2, got layer 3")
    with refused, torch.no_grad(), ablate(model, keys=1, layers=[3]):
        model(**inputs)


def test_a_row_that_sees_nothing_else_is_zero():
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    with ablate(model := Fused(), edges=[(0, 1, 0, 0), (0, 1, 1, 0)]):
        found = model(query, key, value, is_causal=True)
    plain = model(query, key, value, is_causal=True)
    assert (found[0, 1, 0] == 0).all()
    assert_close(found[0, 1, 1], value[0, 1, 1])
    assert torch.equal(found[0, 0], plain[0, 0])
    assert torch.equal(found[0, 1, 2:], plain[0, 1, 2:])


def test_an_edge_of_softmax_by_hand_and_of_shared_key_heads():
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    with ablate(model := ByHand(), edges=[(0, 1, 3, 2)]):
        found = model(query, key, value)
    scores = (query @ key.mT)[0, 1, 3] / 2
    scores[2] = -torch.inf
    assert_close(found[0, 1, 3], scores.softmax(-1) @ value[0, 1])
    few, some = key[:, :1], value[:, :1]
    with ablate(model := Fused(), edges=[(0, 1, 3, 2)]):
        found = model(query, few, some, enable_gqa=True)
    scores = (query @ few.mT)[0, 1, 3] / 2
    scores[2] = -torch.inf
    assert_close(found[0, 1, 3], scores.softmax(-1) @ some[0, 0])


def test_an_edge_of_a_model_with_sinks():
    config = GptOssConfig(
        vocab_size=53, hidden_size=24, num_hidden_layers=1, num_attention_heads=6, num_key_value_heads=2, head_dim=4,
        intermediate_size=8, num_local_experts=2, num_experts_per_tok=1, attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GptOssForCausalLM(config).eval()
        nn.init.normal_(model.model.layers[0].self_attn.sinks)
    ids = torch.arange(3, 9)[None]
    seen = []
    hook = model.model.layers[0].self_attn.o_proj.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad(), regard.record(model, values=True) as recording, ablate(model, edges=[(0, 4, 5, 2)]):
        model(ids)
    hook.remove()
    weights = recording.self[0].dense()[0, 4, 5]
    assert weights.sum() < 0.99
    truth = weights / (1 - weights[2])  # the sink stays in the denominator
    truth[2] = 0
    assert_close(seen[0][0, 5, 16:20], truth @ recording.values[0].value[0, 1])


# -- what is refused


def test_refusals():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    for heads in ([(0,)], [1], [(0, -1)], [(0, 1.0)], [(True, 0)]):
        with pytest.raises(OptionError, match=r"heads: expected .*\(layer, head\)"), ablate(model, heads):
            pass
    with pytest.raises(OptionError, match=r"edges: expected \(layer, head, query, key\)"), ablate(model, edges=[(0, 1)]):
        pass
    with pytest.raises(OptionError, match="how: expected one of zero, mean, got 'noise'"), ablate(model, how="noise"):
        pass
    with (
        pytest.raises(OptionError, match="kind: expected one of self, cross, got 'decoder'; GPT2LMHeadModel has no other"),
        ablate(model, kind="decoder"),
    ):
        pass
    none = pytest.raises(OptionError, match="expected cross layers that ran, of which there were none, got layer 0")
    with none, torch.no_grad(), ablate(model, [(0, 0)], kind="cross"):
        model(**inputs)
    unsaid = pytest.raises(OptionError, match="kind: expected one of encoder, decoder, cross, got None; MarianMTModel has")
    with unsaid, ablate(tiny("marian"), [(0, 0)]):
        pass
    with pytest.raises(DtypeError, match="model: expected a torch module"), ablate("gpt2", [(0, 0)]):
        pass
    for wrong, text in (
        ({"heads": [(3, 0)]}, "expected self layers that ran, 0 to 2, got layer 3"),
        ({"edges": [(0, 0, 7, 0)]}, "expected edges of queries from 0 to 6 in self layer 0, got 7"),
        ({"edges": [(0, 0, 6, 9)]}, "expected edges to keys from 0 to 6, got 9"),
        ({"edges": [(0, 2, 6, 0)]}, "expected heads from 0 to 1 in self layer 0, got 2"),
    ):
        with torch.no_grad(), pytest.raises(OptionError, match=re.escape(text)), ablate(model, **wrong):
            model(**inputs)
    with ablate(model, [(3, 0)]):
        pass  # nothing ran, so no head was missed


def test_an_einsum_says_which_of_its_letters_are_heads():
    model = XLNetModel(XLNetConfig(vocab_size=53, d_model=12, n_layer=2, n_head=3, d_inner=7)).eval()
    ids, given = torch.arange(10).view(2, 5), []
    model.layer[1].rel_attn.post_attention = lambda h, x, **_: given.append(x) or h
    for head in range(3):
        given.clear()
        with torch.no_grad(), ablate(model, [(1, head)]):
            model(ids)
        [(output)] = given  # (queries, batch, heads, dim)
        assert [bool((output[:, :, at] == 0).all()) for at in range(3)] == [at == head for at in range(3)]
