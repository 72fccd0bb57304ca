"""Estimates held against what they estimate, where they are exact, and against the formulas written by hand."""

import functools

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import Gemma2Config, Gemma2ForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

import regard
from regard.errors import OptionError, RecordingError, ShapeError
from regard.interventions.effects import Effects
from regard.interventions.estimates.circuits import circuits, composition, copying, matching
from regard.interventions.estimates.direct_logits import direct_logits
from regard.interventions.estimates.hidden_keys import hidden_keys
from regard.interventions.estimates.importance import head_importance
from support.effects import columns_of
from support.tiny_models import tiny, tiny_inputs
from train_induction import AttentionOnly

IDS = torch.tensor([[0, 5, 9, 2, 5, 9, 7], [0, 3, 3, 8, 1, 2, 4]])


@functools.cache
def attention_only(scale=1.0):
    """Two layers of attention and nothing else, random, in double precision; larger queries for weights near 1."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AttentionOnly(11, 12, 3, 2).double().eval()
        for layer in model.layers:
            layer.query.weight.data *= scale
        for part in model.parameters():
            part.requires_grad_()
    return model


def score_of(logits):
    """Linear in logits."""
    return (logits[:, -1, 5] - logits[:, -1, 3]) + logits[:, 2, 4]


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_hiding_a_key_in_the_last_layer_is_exact(scale):
    """Also where a weight is 1 but for rounding, so that a quotient would say anything."""
    model = attention_only(scale)
    with regard.record(model, values=True) as recording:
        logits = model(IDS)
    score = score_of(logits)
    found = hidden_keys(recording, score.sum())[1]
    weights = recording.maps[1].dense()
    if scale > 1:
        assert weights[..., 1:, :].max() > 1 - 1e-7
    for head, query, key in ((0, 6, 2), (1, 6, 6), (2, 6, 0), (0, 2, 1), (1, 2, 2), (2, 2, 0), (1, 6, 4), (0, 6, 5)):
        with torch.no_grad(), regard.ablate(model, edges=[(1, head, query, key)]):
            changed = score_of(model(IDS)) - score
        assert_close(found[:, head, query, key], changed.detach(), rtol=1e-5, atol=1e-7)


def test_hiding_the_only_key_leaves_nothing():
    model = attention_only()
    with regard.record(model, values=True) as recording:
        logits = model(IDS)
    found = hidden_keys(recording, logits[0, 0, 5])[1]
    with torch.no_grad(), regard.ablate(model, edges=[(1, 1, 0, 0)]):
        changed = model(IDS)[0, 0, 5] - logits[0, 0, 5]
    assert_close(found[0, 1, 0, 0], changed.detach(), rtol=1e-6, atol=1e-9)
    assert abs(changed) > 1e-3


def test_a_part_of_the_estimates_is_that_part_of_all():
    with regard.record(attention_only(40.0), values=True) as recording:
        logits = attention_only(40.0)(IDS)
    found = hidden_keys(recording, score_of(logits).sum())[0]
    assert_close(found[1, 2, 3:6, 1:4], found.dense()[1, 2, 3:6, 1:4])


def test_estimates_of_a_long_text_are_read_where_they_are_looked_at():
    model = attention_only()
    ids = torch.arange(4001).remainder(11)[None]
    with regard.record(model, values=True) as recording:
        logits = model(ids)
    found = hidden_keys(recording, logits[0, -1, 5])
    assert found[1].factors is None
    assert found[1][0, 1, 4000, 3990:4001].shape == (11,)
    assert found[1].view.source.nbytes < 4001 * 3 * 4 * 8 * 10


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_direct_logits_are_what_heads_write_as_the_unembedding_reads_it(name):
    """By hand from the modules: of GPT-2 a LayerNorm, of Llama an RMSNorm and grouped heads."""
    model, inputs = tiny(name).double(), tiny_inputs(name)
    written, streams = {}, []
    base = model.transformer if name == "gpt2" else model.model
    blocks = base.h if name == "gpt2" else base.layers
    outs = [block.attn.c_proj if name == "gpt2" else block.self_attn.o_proj for block in blocks]
    norm = base.ln_f if name == "gpt2" else base.norm
    hooks = [out.register_forward_pre_hook(lambda _, a, at=at: written.update({at: a[0]})) for at, out in enumerate(outs)]
    hooks.append(norm.register_forward_pre_hook(lambda _, a: streams.append(a[0])))
    with torch.no_grad():
        logits = model(**inputs).logits
    for hook in hooks:
        hook.remove()
    found = direct_logits(model, inputs, [5, 7], 9)
    rows = [6, 3] if name == "gpt2" else [6, 6]
    count = 2 if name == "gpt2" else 6
    for item, (row, answer) in enumerate(zip(rows, (5, 7), strict=True)):
        x = streams[0][item, row]
        scale = (
            (x.var(unbiased=False) + norm.eps).rsqrt()
            if name == "gpt2"
            else (x.square().mean() + norm.variance_epsilon).rsqrt()
        )
        u = model.lm_head.weight[answer] - model.lm_head.weight[9]
        total = logits[item, row, answer] - logits[item, row, 9]
        assert_close(found.total[item], total)
        for layer, out in enumerate(outs):
            weight = out.weight if name == "gpt2" else out.weight.T
            for head in range(count):
                part = slice(head * (len(weight) // count), (head + 1) * (len(weight) // count))
                y = written[layer][item, row, part] @ weight[part]
                y = y - y.mean() if name == "gpt2" else y
                assert_close(found.heads[item, layer, head], (y * scale * norm.weight) @ u, rtol=1e-9, atol=1e-11)
    assert_close(found.heads.sum(dim=(1, 2)) + found.rest, found.total)
    for layer, amap in enumerate(found.keys):
        for item, row in enumerate(rows):
            assert_close(amap.dense()[item, :, row].sum(-1), found.heads[item, layer], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_text_in_a_batch_has_the_direct_logits_that_it_has_alone(name):
    model, inputs = tiny(name), tiny_inputs(name)
    found = direct_logits(model, inputs, [5, 7], 9)
    if name == "llama":  # whose rotary positions count from the padding; what is asked is said of the same positions
        alone = direct_logits(model, {key: value[1:] for key, value in inputs.items()}, 7, 9)
    else:
        real = inputs["attention_mask"][1].bool()
        alone = direct_logits(model, inputs["input_ids"][1:, real], 7, 9)
    assert_close(found.heads[1:], alone.heads, rtol=1e-4, atol=1e-4)
    assert_close(found.total[1:], alone.total, rtol=1e-4, atol=1e-4)


def test_direct_logits_of_attention_alone_add_up_to_nearly_all():
    """Nothing but heads and the embedding writes: the rest is the embedding's own."""
    model = attention_only()
    found = direct_logits(model, IDS, 5, 3)
    own = model.embed(IDS[:, -1]) @ (model.unembed.weight[5] - model.unembed.weight[3])
    assert_close(found.rest, own.detach())


@pytest.mark.parametrize("make", ["bert", "marian", "gemma2"])
def test_models_whose_layers_do_not_add_to_one_stream_are_refused(make):
    if make == "gemma2":
        sizes = {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 13, "head_dim": 8, "vocab_size": 53}
        config = Gemma2Config(num_attention_heads=3, num_key_value_heads=1, final_logit_softcapping=None, **sizes)
        model, inputs = Gemma2ForCausalLM(config).eval(), {"input_ids": IDS}
    else:
        model, inputs = tiny(make), tiny_inputs(make)
    with pytest.raises(RecordingError, match="expected"):
        direct_logits(model, inputs, 5, 3)


def test_capped_logits_are_refused():
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 13, "head_dim": 8, "vocab_size": 53}
    config = Gemma2Config(num_attention_heads=3, num_key_value_heads=1, final_logit_softcapping=3.0, **sizes)
    with pytest.raises(RecordingError, match="scales or caps"):
        direct_logits(Gemma2ForCausalLM(config).eval(), IDS, 5)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"answer": 53}, OptionError, "answer: expected a whole number from 0 to 52, got 53"),
        ({"answer": [1, 2, 3]}, ShapeError, "answer: expected one token, or 2 for a batch of 2, got 3"),
        ({"answer": 1, "at": 7}, OptionError, "at: expected a whole number from -7 to 6, got 7"),
    ],
)
def test_tokens_and_rows_that_are_not_there_are_refused(options, error, said):
    with pytest.raises(error, match=said):
        direct_logits(tiny("gpt2"), IDS, **options)


def neox():
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 13, "vocab_size": 53}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return GPTNeoXForCausalLM(GPTNeoXConfig(max_position_embeddings=32, initializer_range=0.5, **sizes)).eval()


def parts_of(name, model):
    """(W_E, W_U, layers of (W_Q, W_K, W_V, W_O)), rows times these, as the library packs them; a matrix a query head."""
    layers = []
    if name == "gpt2":
        for block in model.transformer.h:
            packed = block.attn.c_attn.weight.double().split(22, dim=1)
            q, k, v = ([one[:, head * 11 : (head + 1) * 11] for head in range(2)] for one in packed)
            layers.append((q, k, v, list(block.attn.c_proj.weight.double().split(11, dim=0))))
        return model.transformer.wte.weight.double(), model.lm_head.weight.double().T, layers
    if name == "neox":
        for block in model.gpt_neox.layers:
            packed = block.attention.query_key_value.weight.double().T.reshape(24, 3, 3, 8)  # heads, then q, k and v of each
            q, k, v = ([packed[:, head, at] for head in range(3)] for at in range(3))
            layers.append((q, k, v, list(block.attention.dense.weight.double().T.split(8, dim=0))))
        return model.gpt_neox.embed_in.weight.double(), model.get_output_embeddings().weight.double().T, layers
    for block in model.model.layers:
        own = block.self_attn
        q = list(own.q_proj.weight.double().T.split(4, dim=1))
        k, v = ([part for part in one.weight.double().T.split(4, dim=1) for _ in range(3)] for one in (own.k_proj, own.v_proj))
        layers.append((q, k, v, list(own.o_proj.weight.double().T.split(4, dim=0))))
    return model.model.embed_tokens.weight.double(), model.lm_head.weight.double().T, layers


@pytest.mark.parametrize("name", ["gpt2", "llama", "neox"])
def test_copying_and_matching_are_shares_of_eigenvalues_of_words_by_words(name):
    """Grouped heads, rotary positions, and three ways to pack projections: the matrices of the vocabulary, made whole."""
    model = neox() if name == "neox" else tiny(name)
    with torch.no_grad():
        words, out, layers = parts_of(name, model)
        copied, matched = copying(model), matching(model)
        for layer, (q, k, v, o) in enumerate(layers):
            for head in range(len(q)):
                values = torch.linalg.eigvals(words @ v[head] @ o[head] @ out)
                assert_close(copied[layer, head], (values.real.sum() / values.abs().sum()), rtol=1e-6, atol=1e-6)
                values = torch.linalg.eigvals(words @ q[head] @ k[head].T @ words.T)
                assert_close(matched[layer, head], (values.real.sum() / values.abs().sum()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("into", ["query", "key", "value"])
def test_composition_is_a_ratio_of_norms(into):
    model = tiny("llama")
    with torch.no_grad():
        _, _, layers = parts_of("llama", model)
        found = composition(model, into)
    part = ("query", "key", "value").index(into)
    for a, b, h, g in ((0, 1, 0, 3), (0, 2, 5, 2), (1, 2, 4, 5)):
        o, w = layers[a][3][h], layers[b][part][g]
        assert_close(found[a, h, b, g], (o @ w).norm() / (o.norm() * w.norm()) - 24**-0.5, rtol=1e-9, atol=1e-12)
    assert found[1, :, 1].isnan().all()
    assert found[2, :, 0].isnan().all()


def test_random_heads_do_not_compose():
    """Their ratio is 1/√features, which is taken off: over all pairs of a random model nothing is left."""
    found = composition(tiny("llama"), "key")
    assert abs(float(found.nanmean())) < 0.01
    assert float(found[~found.isnan()].abs().max()) < 0.2


def test_an_induction_head_composes_with_the_head_before_it():
    """In the trained model 0.3 looks one token back, and the heads of layer 1 read that through their keys."""
    from train_induction import load

    found = composition(load(), "key")[0, :, 1]
    assert int(found.mean(dim=1).argmax()) == 3


def test_queries_behind_a_norm_are_not_in_the_weights():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(11, 12), nn.Linear(12, 12, bias=False)
            self.attend = nn.ModuleDict({name: nn.Linear(12, 12, bias=False) for name in "qkv"} | {"out": nn.Linear(12, 12)})
            self.head = nn.Linear(12, 11)

        def forward(self, ids):
            x = self.embed(ids)
            q, k, v = (self.attend[name](x).unflatten(-1, (3, 4)).transpose(1, 2) for name in "qkv")
            q = nn.functional.normalize(q, dim=-1)
            z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.head(self.attend["out"](z.transpose(1, 2).flatten(2)))

    model = Normed().eval()
    with pytest.raises(RecordingError, match="expected"):
        matching(model)


def test_circuits_have_key_heads_and_query_heads():
    found = circuits(tiny("llama"))
    assert [tuple(one.key.shape) for one in found] == [(2, 24, 4)] * 3
    assert found[0].of_heads("key").shape == found[0].of_heads("query").shape == (6, 24, 4)
    assert found[0].output.shape == (6, 4, 24)


def test_importance_is_the_mean_of_sizes():
    """Two prompts that a head moves to either side do not cancel."""
    columns = columns_of(7, 2, 3)
    found = head_importance(Effects.of(columns), "margin")
    by_hand = [
        abs(columns["changed"][at] - columns["unchanged"][at])
        for at in range(len(columns["site"]))
        if (columns["site"][at], columns["measure"][at]) == ("1.2", "margin")
    ]
    assert_close(found[1, 2].item(), sum(by_hand) / 7)
    normalised = head_importance(Effects.of(columns), "margin", normalise=True)
    assert_close(normalised, found / found.norm(dim=1, keepdim=True))
