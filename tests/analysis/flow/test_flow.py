"""Rollout, attention flow, gradient × attention relevance, norm-weighted attention."""

import copy
import re
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close
from transformers import T5Config, T5ForConditionalGeneration

import regard
from regard import AttentionMap
from regard.analysis.flow.attention_flow import attention_flow
from regard.analysis.flow.max_flow import Network, max_flow
from regard.analysis.flow.rollout import rollout
from regard.analysis.weighted.norms import norm_weighted
from regard.analysis.weighted.relevance import gradient_weighted, relevance
from regard.errors import DtypeError, FileFormatError, OptionError, RecordingError, ShapeError, TooLargeError
from regard.recording.recording import Recording
from regard.recording.values import CallValues
from support.forked import growth
from support.tiny_models import NAMES, PAD, tiny, tiny_inputs
from witnesses.flow import (
    average,
    chefer_encoder_decoder,
    chefer_self,
    contributions,
    flow_by_networkx,
    normalised,
    rollout_matrix,
)

each_model = pytest.mark.parametrize("name", NAMES)
ONE_STACK = ("bert", "gpt2", "llama")


def random_weights(*shape, seed=0, causal=False):
    scores = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if causal:
        scores = scores.masked_fill(torch.ones(shape[-2:]).triu(1).bool(), -torch.inf)
    return scores.softmax(-1)


def stack(layers=3, batch=2, heads=5, size=7, causal=False):
    weights = [random_weights(batch, heads, size, size, seed=seed, causal=causal) for seed in range(layers)]
    return [AttentionMap.from_dense(each) for each in weights], weights


def ran(model, inputs):
    with regard.record(model, values=True) as recording:
        output = model(**inputs)
    return recording, output


# -- rollout


@pytest.mark.parametrize("causal", [False, True])
def test_rollout_equals_the_product_of_matrices(causal):
    maps, weights = stack(causal=causal)
    found = rollout(maps)
    for item in range(2):
        assert_close(found[item], rollout_matrix([each[item] for each in weights]))


def test_rollout_of_chosen_tokens_and_heads():
    maps, weights = stack()
    truth = torch.stack([rollout_matrix([each[item, [4, 0]] for each in weights]) for item in range(2)])
    found = rollout(maps, tokens=[3, -1], heads=[4, 0])
    assert found.shape == (2, 2, 7)
    assert_close(found, truth[:, [3, 6]])
    assert_close(rollout(maps, tokens=3, heads=[4, 0]), truth[:, [3]])


def test_rollout_without_residual_is_the_product_of_the_maps():
    maps, weights = stack()
    means = [each.mean(1) for each in weights]
    assert_close(rollout(maps, residual=0.0), means[2] @ means[1] @ means[0])


@pytest.mark.parametrize("name", ONE_STACK)
def test_rollout_of_a_model_on_its_fused_kernel(name):
    inputs = tiny_inputs(name)
    model = tiny(name)
    with torch.no_grad(), regard.record(model) as recording:
        own = tiny(name, "eager")(**inputs, output_attentions=True).attentions
        model(**inputs)
    found = rollout(recording, tokens=-1)
    assert_close(found[0, 0].double(), rollout_matrix([each[0] for each in own])[-1], atol=1e-5, rtol=0)
    assert_close(found.sum(-1)[0], torch.ones(1))


def test_an_encoder_and_a_decoder_roll_out_each_on_its_own():
    with torch.no_grad(), regard.record(model := tiny("marian")) as recording:
        model(**tiny_inputs("marian"))
    assert rollout(recording.encoder).shape == (2, 7, 7)
    assert rollout(recording.decoder).shape == (2, 5, 5)
    with pytest.raises(OptionError, match=re.escape("got decoder and encoder maps; pass recording.decoder")):
        rollout(recording)
    with pytest.raises(ShapeError, match=r"expected maps \(batch=2, heads, 5, 5\) in every layer"):
        rollout(recording.cross)


def test_what_goes_to_a_sink_is_lost():
    query, key = torch.randn(2, 1, 3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    amap = AttentionMap(query, key, sinks=torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    found = rollout([amap, amap])
    assert_close(found[0], rollout_matrix([amap.dense()[0]] * 2))
    assert (found.sum(-1) < 1).all()


def test_one_token_of_a_long_text_reads_no_dense_map(monkeypatch):
    size = 3001
    query, key = torch.randn(2, 1, 2, size, 8, generator=torch.Generator().manual_seed(0))
    amap = AttentionMap(query, key, causal=True)
    with monkeypatch.context() as patched:
        patched.setattr(AttentionMap, "dense", None)
        found = rollout([amap, amap], tokens=size - 1)
    mean = amap.dense()[0].mean(0)
    row = (mean[-1] + torch.eye(size)[-1]) / 2
    assert_close(found[0, 0], (row @ mean + row) / 2, atol=1e-6, rtol=0)
    with pytest.raises(TooLargeError, match=re.escape("got 3001 rows of 3001 through 2 heads = 72,048,008 bytes")):
        rollout([amap, amap], max_bytes=2**20)


def test_rollout_refuses():
    maps, _ = stack()
    with pytest.raises(OptionError, match="expected a recording or its maps of one stack"):
        rollout([])
    with pytest.raises(DtypeError, match="expected attention weights: .*, got str"):
        rollout("maps")
    with pytest.raises(ShapeError, match=r"expected weights \(batch, heads, queries, keys\)"):
        rollout([1])
    with pytest.raises(OptionError, match="expected the maps of one stack of layers, got decoder and encoder maps"):
        rollout({"encoder_attentions": (torch.eye(3)[None, None],), "decoder_attentions": (torch.eye(3)[None, None],)})
    with pytest.raises(OptionError, match="tokens: expected a whole number from -7 to 6, got 7"):
        rollout(maps, tokens=7)
    with pytest.raises(DtypeError, match=r"tokens: expected a list of positions, got 1\.5; or give one whole number"):
        rollout(maps, tokens=1.5)
    assert_close(rollout(maps, tokens=torch.tensor(2)), rollout(maps, tokens=2))  # as argmax() gives it
    with pytest.raises(OptionError, match="tokens: expected at least one, got none"):
        rollout(maps, tokens=[])
    with pytest.raises(OptionError, match="heads: expected a whole number from -5 to 4, got 5"):
        rollout(maps, heads=[5])
    for residual in (1.0, -0.1):
        with pytest.raises(OptionError, match="residual: expected a number of at least 0 and below 1"):
            rollout(maps, residual=residual)


# -- attention flow


@pytest.mark.parametrize("causal", [False, True])
def test_flow_equals_networkx(causal):
    maps, weights = stack(batch=2, heads=3, size=5, causal=causal)
    found = attention_flow(maps)
    truth = [[[flow_by_networkx([w[b] for w in weights], i, j) for j in range(5)] for i in range(5)] for b in range(2)]
    assert_close(found, torch.tensor(truth, dtype=torch.float64), atol=1e-9, rtol=0)


def test_flow_of_one_layer_is_the_mixed_map():
    maps, weights = stack(layers=1)
    assert_close(attention_flow(maps), (weights[0].mean(1) + torch.eye(7, dtype=torch.float64)) / 2)


def test_flow_of_chosen_tokens_and_heads_is_at_least_rollout():
    maps, _ = stack()
    found = attention_flow(maps, tokens=[6, -6], heads=[1])
    assert_close(found, attention_flow([each.select(heads=1) for each in maps])[:, [6, 1]])
    assert (found >= rollout(maps, tokens=[6, 1], heads=[1]) - 1e-12).all()  # rollout is one flow among those that fit
    assert (found <= 1 + 1e-12).all()


def test_max_flow_takes_back_what_went_wrong():
    network = Network(6)  # the shortest path first fills the middle pipe that two others need
    for start, end in ((0, 1), (0, 2), (1, 4), (1, 3), (2, 3), (3, 5), (4, 5)):
        network.add(start, end, 1.0)
    assert max_flow(network, 0, 5) == 2.0
    crossing = Network(4)
    for start, end, room in ((0, 1, 3.0), (0, 2, 2.0), (1, 2, 5.0), (1, 3, 2.0), (2, 3, 3.0)):
        crossing.add(start, end, room)
    assert max_flow(crossing, 0, 3) == 5.0
    assert max_flow(crossing, 3, 0) == 0.0


def test_flow_says_its_limit():
    maps, _ = stack()
    with pytest.raises(TooLargeError, match=re.escape("expected at most 146 pipes, got 3 layers · 7² tokens = 147")):
        attention_flow(maps, max_pipes=146)
    assert attention_flow(maps, tokens=0, max_pipes=147).shape == (2, 1, 7)


# -- relevance


def eager_averages(name, inputs, score, seed=0):
    """Ā of every map from the model's own weights and the gradient that autograd gives them: by kind, batch item and layer."""
    model = tiny(name, "eager", seed).double()
    output = model(**inputs, output_attentions=True)
    kinds = (
        {"encoder": output.encoder_attentions, "decoder": output.decoder_attentions, "cross": output.cross_attentions}
        if (name == "marian")
        else {"self": output.attentions}
    )
    flat = [each for layers in kinds.values() for each in layers]
    found = torch.autograd.grad(score(output), flat, materialize_grads=True)
    gradients = dict(zip(map(id, flat), found, strict=True))
    return {
        kind: [[average(each[item].detach(), gradients[id(each)][item]) for each in layers] for item in range(2)]
        for kind, layers in kinds.items()
    }


def scored(name):
    if name == "bert":
        return lambda output: output.pooler_output[:, 3].sum()
    return lambda output: output.logits[:, -1, 7].sum()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ONE_STACK)
def test_relevance_equals_the_papers_matrices(name, attention):
    inputs, score, token = tiny_inputs(name), scored(name), 0 if name == "bert" else -1
    if name != "bert":  # the last token is that of the text; and padding on the left becomes NaN in an eager Llama
        inputs["attention_mask"] = torch.ones_like(inputs["attention_mask"])
    recording, output = ran(tiny(name, attention).double(), inputs)
    found = relevance(recording, score(output), token)
    assert found.consumed is None
    for item, averages in enumerate(eager_averages(name, inputs, score)["self"]):
        truth = chefer_self(averages)[token]
        assert truth.max() > 1.001 or truth.count_nonzero() > 1
        precision = 1e-5 if name == "llama" else 1e-9
        assert_close(found.inputs[item], truth, atol=precision, rtol=precision)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_relevance_of_an_encoder_decoder(attention):
    inputs, score = tiny_inputs("marian"), scored("marian")
    recording, output = ran(tiny("marian", attention).double(), inputs)
    found = relevance(recording, score(output))
    averages = eager_averages("marian", inputs, score)
    for item in range(2):
        source, target = chefer_encoder_decoder(*(averages[kind][item] for kind in ("encoder", "decoder", "cross")))
        assert_close(found.inputs[item], source[-1], atol=1e-9, rtol=1e-7)
        assert_close(found.consumed[item], target[-1], atol=1e-9, rtol=1e-7)
    assert (found.inputs[1, 4:] == 0).all()  # padding


def test_the_reference_normalises_as_the_paper_says():
    relevance_ = torch.tensor([[1.5, 0.5], [0.0, 1.0]], dtype=torch.float64)
    assert_close(normalised(relevance_), torch.tensor([[1.5, 0.5], [0.0, 1.0]], dtype=torch.float64))


class OneLayer(nn.Module):
    """Fused attention and a linear score: everything is known by hand."""

    def forward(self, query, key, value):
        return functional.scaled_dot_product_attention(query, key, value)


def test_relevance_of_a_linear_model():
    shape = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=shape, dtype=torch.float64)
    reads = torch.randn(2, 4, generator=shape, dtype=torch.float64)
    with regard.record(model := OneLayer(), values=True) as recording:
        output = model(query, key, value.requires_grad_())
    found = relevance(recording, (output[0, :, 3] * reads).sum(), 3)
    weights = (query @ key.mT / 2).softmax(-1)[0, :, 3]  # (heads, keys)
    rise = torch.einsum("hd,hjd->hj", reads, value.detach()[0])  # the score is Σ_h Σ_j α_hj · reads_h·v_hj
    assert_close(found.inputs[0], (weights * rise).clamp(min=0).mean(0) + torch.eye(5, dtype=torch.float64)[3])


def test_gradient_weighted_is_a_lazy_map():
    inputs = tiny_inputs("llama")
    recording, output = ran(tiny("llama").double(), inputs)
    found = gradient_weighted(recording, output.logits[:, -1, 7])
    assert [amap.name for amap in found] == [amap.name for amap in recording.maps]
    whole = found[1].dense()
    assert whole.min() == 0
    assert whole.max() > 0
    assert_close(found[1][1, 2:5, 3:, ::2], whole[1, 2:5, 3:, ::2])
    assert_close(found[1].received(), whole.sum(2))
    assert_close(found[1].select(heads=[4, 1]).dense(), whole[:, [4, 1]])
    assert "gradient × weights" in repr(found[1])
    with pytest.raises(OptionError, match="rows are no softmax"):
        found[1].logsumexp()


@pytest.mark.parametrize(
    "layer", [nn.TransformerEncoderLayer(12, 3, 7, batch_first=True), nn.MultiheadAttention(12, 3, batch_first=True)]
)
def test_relevance_of_torchs_own_modules(layer):
    layer = layer.eval()
    x = torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with regard.record(layer, values=True) as recording:
        output = layer(x) if isinstance(layer, nn.TransformerEncoderLayer) else layer(x, x, x, need_weights=False)[0]
    found = relevance(recording, output[0, 2, 1], 2).inputs
    assert found.shape == (1, 5)
    assert found[0].count_nonzero() > 1
    assert recording.values[0].projection.shape == (12, 12)


class ByHand(nn.Module):
    """Softmax by hand, whose weights can be asked for their gradient."""

    def forward(self, query, key, value):
        self.weights = (query @ key.mT).softmax(-1)
        return self.weights @ value


def test_relevance_of_softmax_by_hand():
    given = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    with regard.record(model := ByHand(), values=True) as recording:
        score = model(*given)[0, :, 3, 1].square().sum()
    (gradient,) = torch.autograd.grad(score, model.weights, retain_graph=True)
    found = relevance(recording, score, 3).inputs[0]
    assert_close(found, average(model.weights[0].detach(), gradient[0])[3] + torch.eye(5, dtype=torch.float64)[3])
    layer = regard.MultiHeadAttention(12, heads=6, kv_heads=2)
    with regard.record(layer, values=True) as recording:
        output, _ = layer(torch.randn(1, 5, 12), causal=True)
    assert relevance(recording, output[0, 3, 1], 3).inputs[0, :4].count_nonzero() > 1


def test_relevance_leaves_no_gradients_behind():
    model = tiny("gpt2")
    recording, output = ran(model, tiny_inputs("gpt2"))
    first = relevance(recording, output.logits[0, -1, 3]).inputs
    assert all(parameter.grad is None for parameter in model.parameters())
    assert_close(relevance(recording, output.logits[0, -1, 3]).inputs, first)  # the graph is still there
    assert (first[1] == torch.eye(7)[3]).all()  # the last token of the other text, which has no part in the score


def test_relevance_of_one_token_a_sequence():
    recording, output = ran(tiny("gpt2"), tiny_inputs("gpt2"))
    score = output.logits[0, 6, 3] + output.logits[1, 2, 3]
    both = relevance(recording, score, [6, 2]).inputs
    assert_close(both[0], relevance(recording, output.logits[0, 6, 3]).inputs[0])
    assert_close(both[1], relevance(recording, output.logits[1, 2, 3], 2).inputs[1])
    assert (both[1, 3:] == 0).all()
    with pytest.raises(ShapeError, match="expected one token, or 2 for a batch of 2, got 3"):
        relevance(recording, score, [1, 2, 3])
    with pytest.raises(OptionError, match="token: expected a whole number from -4 to 3, got 6"):
        relevance(recording, score, 6)


def test_relevance_refuses_what_has_no_gradient():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    with torch.no_grad():
        recording, output = ran(model, inputs)
    with pytest.raises(RecordingError, match="run the model outside of torch.no_grad"):
        relevance(recording, output.logits[0, -1, 3])
    with regard.record(model) as recording:
        output = model(**inputs)
    with pytest.raises(RecordingError, match=re.escape("regard.record(model, values=True)")):
        relevance(recording, output.logits[0, -1, 3])
    recording, output = ran(model, inputs)
    other = torch.ones(1, requires_grad=True) * 2
    with pytest.raises(RecordingError, match="depends on the recorded pass"):
        relevance(recording, other)
    output.logits[0, -1, 3].backward()
    with pytest.raises(RecordingError, match=re.escape("call relevance before score.backward()")):
        relevance(recording, output.logits[0, -1, 3])


def test_relevance_refuses_several_passes_and_half_a_model():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    with regard.record(model, values=True) as recording:
        model(**inputs)
        output = model(**inputs)
    with pytest.raises(RecordingError, match="expected one pass of the model, got 2"):
        relevance(recording, output.logits[0, -1, 3])
    with regard.record(model := tiny("marian"), values=True, kinds=["cross"]) as recording:
        output = model(**tiny_inputs("marian"))
    with pytest.raises(RecordingError, match="got no decoder and no encoder maps"):
        relevance(recording, output.logits[0, -1, 3])


LONG = """
import sys
import torch
from pathlib import Path
from torch import nn
from torch.nn import functional
import regard
from regard.analysis.weighted.norms import norm_weighted
from regard.analysis.weighted.relevance import relevance
from regard.analysis.flow.rollout import rollout

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(32, 32)

    def forward(self, x):
        heads = x.unflatten(2, (4, 8)).transpose(1, 2)
        return self.out(functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True).transpose(1, 2).flatten(2))

def read(size):
    with regard.record(model, values=True) as recording:
        output = model(torch.randn(1, size, 32, requires_grad=True))
    relevance(recording, output[0, -1, 0])
    rollout(recording, -1)
    for by in ("head", "layer"):
        norm_weighted(recording, by)[0].received()

torch.set_num_threads(1)
model = Layer()
read(700)
before = peak()
read(3584)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
def test_no_method_holds_a_matrix_of_a_long_text():
    assert growth(LONG) < 4 * 3584**2 * 4 / 2


# -- values


@each_model
def test_values_change_nothing_of_the_output(name):
    model, inputs = tiny(name), tiny_inputs(name)
    with torch.no_grad():
        plain = model(**inputs)
        recording, recorded = ran(model, inputs)
    assert torch.equal(recorded[0], plain[0])
    assert len(recording.values) == len(recording.maps)
    for amap, call in zip(recording.maps, recording.values, strict=True):
        value = call.value.repeat_interleave(amap.shape[1] // call.value.shape[1], 1)
        assert_close(amap @ value, call.heads_first(call.output), atol=1e-5, rtol=1e-4)
        assert call.projection is not None
    with torch.no_grad(), regard.record(model) as recording:
        model(**inputs)
    assert recording.values == []


# -- norms


def matrices(name, model, layer):
    """W_V (features, H·d), b_V, W_O (H·d, features), b_O and the module that projects, of a self-attention layer."""
    if name == "bert":
        module = model.encoder.layer[layer].attention
        own, out = module.self.value, module.output.dense
        return own.weight.T, own.bias, out.weight.T, out.bias, module.self, out
    if name == "gpt2":
        module = model.transformer.h[layer].attn
        size = module.c_attn.weight.shape[0]
        return (
            module.c_attn.weight[:, 2 * size :],
            module.c_attn.bias[2 * size :],
            module.c_proj.weight,
            module.c_proj.bias,
            module,
            (module.c_proj),
        )
    module = model.model.layers[layer].self_attn
    value = module.v_proj.weight.T.unflatten(1, (2, 1, -1)).expand(-1, -1, 3, -1).flatten(1)  # 6 heads read 2
    bias = torch.zeros(value.shape[1], dtype=value.dtype)
    return value, bias, module.o_proj.weight.T, torch.zeros(24, dtype=value.dtype), module, module.o_proj


@pytest.mark.parametrize("name", ONE_STACK)
def test_norms_are_those_of_what_heads_contribute(name):
    model, inputs, layer = tiny(name).double(), tiny_inputs(name), 1
    with torch.no_grad():
        value_weight, value_bias, output_weight, output_bias, module, projects = matrices(name, model, layer)
        seen = {}
        hooks = [
            module.register_forward_pre_hook(
                lambda _, given, named: seen.update(x=given[0] if given else named["hidden_states"]), with_kwargs=True
            ),
            projects.register_forward_hook(lambda _, _given, output: seen.update(y=output)),
        ]
        recording, _ = ran(model, inputs)
        for hook in hooks:
            hook.remove()
        by_head, by_layer = norm_weighted(recording)[layer], norm_weighted(recording, by="layer")[layer]
        for item in range(2):
            weights = recording.maps[layer].dense()[item]
            truth = contributions(weights, seen["x"][item], value_weight, value_bias, output_weight)
            assert_close(truth.sum((0, 2)) + output_bias, seen["y"][item])  # what the layer puts out is their sum
            assert_close(by_head.dense()[item], truth.norm(dim=-1))
            assert_close(by_layer.dense()[item, 0], truth.sum(0).norm(dim=-1), atol=1e-8, rtol=1e-6)


def test_norms_are_lazy_maps(tmp_path):
    with torch.no_grad():
        recording, _ = ran(tiny("marian").double(), tiny_inputs("marian"))
    found, together = norm_weighted(recording), norm_weighted(recording, by="layer")
    assert [amap.name for amap in found] == [amap.name for amap in together] == [amap.name for amap in recording.maps]
    assert [amap.kind for amap in found] == [amap.kind for amap in recording.maps]
    cross, all_heads = found[-1], together[-1]
    assert (cross.shape, all_heads.shape) == ((2, 2, 5, 7), (2, 1, 5, 7))
    for amap in (cross, all_heads):
        whole = amap.dense()
        assert_close(amap[1, 0, 2:, ::3], whole[1, 0, 2:, ::3])
        assert_close(amap.received(), whole.sum(2))
        assert_close(amap.topk(2).values, whole.topk(2).values)
        assert_close(amap.select(queries=[4, 0]).dense(), whole[:, :, [4, 0]])
        with pytest.raises(FileFormatError, match="save amap.dense"):
            amap.save(tmp_path / "map.safetensors")
    heads = cross.dense()
    assert (all_heads.dense()[:, 0] <= heads.sum(1) + 1e-12).all()  # the triangle inequality
    regard.heatmap(cross.select(batch=0, heads=0))


def test_heads_that_cancel_add_up_to_nothing():
    value = torch.ones(1, 2, 3, 1, dtype=torch.float64)
    amap = AttentionMap.from_dense(random_weights(1, 1, 3, 3).expand(1, 2, 3, 3))

    recording = Recording([amap])
    recording.values = [CallValues(value, value, lambda tensor: tensor, torch.tensor([[1.0], [-1.0]]))]
    assert_close(norm_weighted(recording)[0].dense(), amap.dense())
    assert norm_weighted(recording, by="layer")[0].dense().abs().max() < 1e-12


def test_projections_of_t5_and_where_none_is_found():
    config = T5Config(vocab_size=53, d_model=22, d_kv=5, d_ff=13, num_layers=2, num_heads=3, decoder_start_token_id=PAD)
    model = T5ForConditionalGeneration(config).eval()
    inputs = tiny_inputs("marian")
    with torch.no_grad():
        recording, _ = ran(model, inputs)
        assert norm_weighted(recording)[0].shape == (2, 3, 7, 7)
        fused = OneLayer()
        with regard.record(fused, values=True) as recording:
            fused(*torch.randn(3, 1, 2, 5, 4))
    with pytest.raises(RecordingError, match="expected the output projection of OneLayer, got none"):
        norm_weighted(recording)
    own = norm_weighted(recording, projections=[torch.eye(8)])[0]
    assert_close(own.dense(), recording.maps[0].dense() * recording.values[0].value.norm(dim=-1).unsqueeze(2))
    with pytest.raises(ShapeError, match=re.escape("(heads · dim, features)=(8, …), got (7, 8)")):
        norm_weighted(recording, projections=[torch.ones(7, 8)])
    with pytest.raises(ShapeError, match="expected 1 projections, one a map, got 0"):
        norm_weighted(recording, projections=[])
    with pytest.raises(OptionError, match="by: expected one of head, layer, got 'heads'"):
        norm_weighted(recording, by="heads")


class Projected(OneLayer):
    """Attention, perhaps something else, and a projection that is called as one likes."""

    def __init__(self, between):
        super().__init__()
        self.between, self.whatever = between, nn.Linear(8, 3)

    def forward(self, query, key, value):
        return self.whatever(self.between(super().forward(query, key, value).transpose(1, 2).flatten(2)))


def test_a_projection_is_known_by_what_it_is_given():
    given = torch.randn(3, 2, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    for between in (lambda heads: heads, lambda heads: heads.transpose(0, 1)):  # fairseq's models keep the batch second
        with torch.no_grad(), regard.record(model := Projected(between), values=True) as recording:
            model(*given)
        assert torch.equal(recording.values[0].projection, model.whatever.weight.T)
    for between in (lambda heads: heads.sigmoid() * heads, lambda heads: heads / heads.norm()):  # a gate, a norm
        with torch.no_grad(), regard.record(model := Projected(between), values=True) as recording:
            model(*given)
        assert recording.values[0].projection is None


def test_a_copied_model_records_the_same_values():
    model = tiny("gpt2")
    with torch.no_grad():
        one, _ = ran(model, tiny_inputs("gpt2"))
        other, _ = ran(copy.deepcopy(model), tiny_inputs("gpt2"))
    for left, right in zip(norm_weighted(one), norm_weighted(other), strict=True):
        assert torch.equal(left.dense(), right.dense())
