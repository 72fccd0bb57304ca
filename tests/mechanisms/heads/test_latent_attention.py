"""Latent attention: expanded, absorbed, token by token, and as DeepSeek-V3 has it."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Attention

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.heads.latent_attention import LatentAttention, LatentCache, absorbed_attention, expanded_attention
from witnesses import normalisers as oracles

BATCH, LENGTH, DIM, HEADS, HEAD_DIM, VALUE_DIM, LATENT_DIM, ROTARY_DIM, QUERY_LATENT_DIM = 2, 7, 17, 3, 5, 13, 11, 4, 19
CLOSE = {"atol": 1e-12, "rtol": 1e-12}


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def new_layer(query_latent_dim=None, base=100.0):
    layer = LatentAttention(
        DIM,
        HEADS,
        head_dim=HEAD_DIM,
        value_dim=VALUE_DIM,
        latent_dim=LATENT_DIM,
        rotary_dim=ROTARY_DIM,
        query_latent_dim=query_latent_dim,
        base=base,
    ).double()
    with torch.no_grad():
        for seed, weight in enumerate(layer.parameters()):
            weight.copy_(normal(*weight.shape, seed=seed) / weight.shape[-1] ** 0.5)
    return layer


layers = pytest.mark.parametrize("query_latent_dim", [None, QUERY_LATENT_DIM])
forms = pytest.mark.parametrize("form", ["expanded", "absorbed"])


@forms
@layers
def test_equals_its_definition_in_loops(query_latent_dim, form):
    layer, x = new_layer(query_latent_dim), normal(BATCH, LENGTH, DIM)
    output, weights = getattr(layer, form)(x, layer.compress(x))
    mixed, expected = oracles.latent_attention(layer, x)
    assert_close(weights, expected, **CLOSE)
    assert_close(output, layer.output(mixed), **CLOSE)


@layers
def test_absorbed_equals_expanded(query_latent_dim):
    layer, x = new_layer(query_latent_dim), normal(BATCH, LENGTH, DIM)
    cache = layer.compress(x)
    mask = normal(BATCH, 1, LENGTH, LENGTH, seed=3) > 0
    assert_close(layer.absorbed(x, cache), layer.expanded(x, cache), **CLOSE)
    assert_close(layer.absorbed(x, cache, mask), layer.expanded(x, cache, mask), **CLOSE)
    assert_close(layer(x), layer.expanded(x, cache), rtol=0, atol=0)
    assert_close(layer(x, mask), layer.expanded(x, cache, mask), rtol=0, atol=0)


@forms
@pytest.mark.parametrize("chunks", [[1] * LENGTH, [3, 1, 1, 2], [5, 2]])
def test_decoding_from_the_cache_equals_reading_the_text(chunks, form):
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM)
    output, weights = layer(x)
    cache, start = None, 0
    for chunk in x.split(chunks, dim=1):
        stop = start + chunk.shape[1]
        cache = layer.compress(chunk, cache)
        assert cache.latent.shape == (BATCH, stop, LATENT_DIM)
        assert cache.rotary_key.shape == (BATCH, stop, ROTARY_DIM)
        step = getattr(layer, form)(chunk, cache)
        assert_close(step[0], output[:, start:stop], **CLOSE)
        assert_close(step[1], weights[:, :, start:stop, :stop], **CLOSE)
        start = stop


@pytest.mark.parametrize("interleave", [True, False])
@layers
def test_equals_deepseek_v3(query_latent_dim, interleave):
    config = DeepseekV3Config(
        hidden_size=DIM,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        q_lora_rank=query_latent_dim,
        kv_lora_rank=LATENT_DIM,
        qk_nope_head_dim=HEAD_DIM,
        qk_rope_head_dim=ROTARY_DIM,
        v_head_dim=VALUE_DIM,
        rope_interleave=interleave,
    )
    config._attn_implementation = "sdpa"
    theirs = DeepseekV3Attention(config, layer_idx=0)
    theirs.kv_a_layernorm = nn.RMSNorm(LATENT_DIM, eps=1e-6)  # the same norm; their own computes in float32
    if query_latent_dim:
        theirs.q_a_layernorm = nn.RMSNorm(query_latent_dim, eps=1e-6)
    theirs = theirs.double().eval()
    layer = new_layer(query_latent_dim)
    x = normal(BATCH, LENGTH, DIM)
    angles = torch.arange(LENGTH).double()[:, None] * layer.base ** (-torch.arange(0, ROTARY_DIM, 2).double() / ROTARY_DIM)
    angles = torch.cat([angles, angles], dim=-1)[None]

    def reordered(rows):
        """Their other pairing is ours with the features in another order: first all first halves of pairs, then all second."""
        return rows if interleave else torch.cat([rows[..., 0::2, :], rows[..., 1::2, :]], dim=-2)

    with torch.no_grad():
        query_weight = layer.query.weight.unflatten(0, (HEADS, -1))  # (heads, head_dim + rotary_dim, features)
        query_weight = torch.cat([query_weight[:, :HEAD_DIM], reordered(query_weight[:, HEAD_DIM:])], dim=1).flatten(0, 1)
        if query_latent_dim:
            theirs.q_a_proj.weight.copy_(layer.query_down.weight)
            theirs.q_a_layernorm.weight.copy_(layer.query_norm.weight)
            theirs.q_b_proj.weight.copy_(query_weight)
        else:
            theirs.q_proj.weight.copy_(query_weight)
        down = layer.down.weight
        theirs.kv_a_proj_with_mqa.weight.copy_(torch.cat([down[:LATENT_DIM], reordered(down[LATENT_DIM:])]))
        theirs.kv_a_layernorm.weight.copy_(layer.norm.weight)
        up = [layer.key_up.weight.unflatten(0, (HEADS, -1)), layer.value_up.weight.unflatten(0, (HEADS, -1))]
        theirs.kv_b_proj.weight.copy_(torch.cat(up, dim=1).flatten(0, 1))  # head by head: key, then value
        theirs.o_proj.weight.copy_(layer.output.weight)

    expected, _ = theirs(x, (angles.cos(), angles.sin()), None)
    assert_close(layer(x)[0], expected, **CLOSE)
    assert_close(layer.absorbed(x, layer.compress(x))[0], expected, **CLOSE)


@forms
def test_only_distance_counts(form):
    """The rotary part knows positions only by their differences: a text that starts later has the same map."""
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM)
    padding = normal(BATCH, 3, DIM, seed=1)
    late = layer.compress(x, layer.compress(padding))
    hidden = torch.arange(3 + LENGTH) >= 3
    output, weights = getattr(layer, form)(x, late, hidden)
    assert_close(output, layer(x)[0], **CLOSE)
    assert_close(weights[..., 3:], layer(x)[1], **CLOSE)
    assert (weights[..., :3] == 0).all()


@forms
def test_the_future_and_what_is_hidden_do_not_leak(form):
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM)
    before = getattr(layer, form)(x, layer.compress(x))[0]
    cut = 4
    broken = x.clone()
    broken[:, cut:] = math.nan
    cache = layer.compress(broken)
    after = getattr(layer, form)(broken[:, :cut], LatentCache(*(kept[:, :cut] for kept in cache)))[0]
    assert_close(after, before[:, :cut], **CLOSE)
    visible = torch.arange(LENGTH) < cut
    assert_close(getattr(layer, form)(x, cache, visible)[0][:, :cut], before[:, :cut], **CLOSE)
    assert getattr(layer, form)(x, cache, visible)[0].isfinite().all()
    with torch.no_grad(), pytest.raises(ScoreError, match="expected finite scores, got nan at batch 0, head 0, query 4, key 4"):
        getattr(layer, form)(x, cache)


@forms
def test_a_row_with_nothing_to_see_is_zero(form):
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM)
    mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool)
    mask[2] = False
    output, weights = getattr(layer, form)(x, layer.compress(x), mask)
    assert (weights[:, :, 2] == 0).all()
    assert (output[:, 2] == 0).all()


@forms
def test_batch_may_be_left_out(form):
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM)
    output, weights = getattr(layer, form)(x[1], layer.compress(x[1]))
    assert_close(output, layer(x)[0][1], **CLOSE)
    assert_close(weights, layer(x)[1][1], **CLOSE)


@forms
def test_half_precision_is_computed_in_float32(form):
    layer, x = new_layer(), normal(BATCH, LENGTH, DIM).bfloat16()
    query, rotary_query, cache, key_up, value_up = tensors(layer, x.double())
    half = [tensor.bfloat16() for tensor in (query, rotary_query, *cache, key_up, value_up)]
    attend = {"expanded": expanded_attention, "absorbed": absorbed_attention}[form]
    query, rotary_query, latent, rotary_key, key_up, value_up = (tensor.double() for tensor in half)
    truth = expanded_attention(query, rotary_query, LatentCache(latent, rotary_key), key_up, value_up)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, weights = attend(half[0], half[1], LatentCache(*half[2:4]), *half[4:])
        assert layer.float()(x.float())[0].dtype == torch.bfloat16
    assert output.dtype == torch.bfloat16
    assert weights.dtype == torch.float32
    assert_close(weights.double(), truth[1], atol=2e-6, rtol=0)
    assert_close(output, truth[0].bfloat16())


def tensors(layer, x):
    """What the functions take, from the layer's own projections."""
    cache = layer.compress(x)
    query, rotary_query, key_up, value_up = layer._prepare(x, cache)
    return query, rotary_query, cache, key_up, value_up


@forms
def test_gradients_are_those_of_the_numbers(form):
    attend = {"expanded": expanded_attention, "absorbed": absorbed_attention}[form]
    shapes = (2, 3, 2), (2, 3, 2), (5, 3), (5, 2), (2, 2, 3), (2, 3, 3)
    given = [normal(*shape, seed=seed).requires_grad_() for seed, shape in enumerate(shapes)]

    def of(query, rotary_query, latent, rotary_key, key_up, value_up):
        return attend(query, rotary_query, LatentCache(latent, rotary_key), key_up, value_up)

    assert torch.autograd.gradcheck(of, given)


def call(layer, **changes):
    names = ("query", "rotary_query", "cache", "key_up", "value_up")
    return dict(zip(names, tensors(layer, normal(BATCH, LENGTH, DIM)), strict=True)) | changes


X = normal(BATCH, LENGTH, DIM)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda layer: layer(X[..., :5]), ShapeError, r"expected x of 17 features, .*, got \(2, 7, 5\)"),
        (lambda layer: layer(X.float()), DtypeError, r"expected x of the layer's type, torch\.float64, got torch\.float32"),
        (lambda layer: layer.compress(X[:1], layer.compress(X)), ShapeError, r"latent of .* 11 features, got \(2, 7, 11"),
        (lambda layer: layer.absorbed(X, layer.compress(X[:, :3])), ShapeError, "got 7 queries and 3 keys"),
        (lambda layer: layer.expanded(X, layer.compress(X)._replace(rotary_key=X)), ShapeError, r"rotary_key .*, got \(2, 7"),
        (lambda layer: absorbed_attention(**call(layer, query=X)), ShapeError, "query .* and latent .*, or both without"),
        (lambda layer: expanded_attention(**call(layer, rotary_query=X)), ShapeError, r"rotary_query .*=\(2, 3, 7, 17\)"),
        (lambda layer: expanded_attention(**call(layer, key_up=X)), ShapeError, r"expected key_up .*=\(3, 5, 11\)"),
        (lambda layer: absorbed_attention(**call(layer, value_up=X)), ShapeError, r"expected value_up .*=\(3, 7, 11\)"),
        (lambda layer: absorbed_attention(**call(layer, key_up=X.long())), DtypeError, "key_up of a floating type"),
        (lambda layer: absorbed_attention(**call(layer, key_up=X.float())), DtypeError, "query and key_up of one type"),
    ],
)  # fmt: skip
def test_refuses(run, error, message):
    with pytest.raises(error, match=message):
        run(new_layer())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotary_dim": 3}, "expected an even number"),
        ({"latent_dim": 0}, "latent_dim: expected a whole number of at least 1, got 0"),
    ],
)
def test_refuses_sizes(changes, message):
    with pytest.raises(OptionError, match=message):
        LatentAttention(**{"dim": 4, "heads": 2, "head_dim": 3, "latent_dim": 5, "rotary_dim": 2} | changes)
