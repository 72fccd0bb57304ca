"""Softcap, sinks, off by one, sigmoid, differential, talking heads, gates, forgetting; and sparse weights as attention."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import DiffLlamaConfig, Qwen3NextConfig
from transformers.models.diffllama.modeling_diffllama import DiffLlamaAttention
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward as gemma2_attention
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as gpt_oss_attention
from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextAttention

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.normalisers.dense_normalisers import (
    differential_attention,
    differential_lambda,
    differential_norm,
    off_by_one_attention,
    sigmoid_attention,
    talking_heads_attention,
)
from regard.mechanisms.normalisers.gates import forgetting_attention, gated_attention
from regard.mechanisms.normalisers.sparse_normalisers import entmax_attention, sparsemax_attention
from regard.mechanisms.softmax_attention import attention
from witnesses import normalisers as oracles
from witnesses.attention import dense_attention

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 5, 7, 22, 13  # dim is 2 · 11: differential attention halves it


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs(heads=HEADS, kv_heads=None, queries=QUERIES, keys=KEYS, dim=DIM):
    kv_heads = heads if kv_heads is None else kv_heads
    return (
        normal(BATCH, heads, queries, dim, seed=1),
        normal(BATCH, kv_heads, keys, dim, seed=2),
        normal(BATCH, kv_heads, keys, VALUE_DIM, seed=3),
    )


MASK = normal(BATCH, 1, QUERIES, KEYS, seed=5) > -0.3
MASK[1, 0, 3] = False
LAMBDA = torch.tensor([0.3, 0.8, -0.2], dtype=torch.float64)
MIX_SCORES, MIX_WEIGHTS = normal(HEADS, HEADS, seed=6), normal(HEADS, HEADS, seed=7)
GATE = normal(HEADS, QUERIES, VALUE_DIM, seed=8)
LOG_FORGET = nn.functional.logsigmoid(normal(BATCH, HEADS, KEYS, seed=9))
BY_HEAD = normal(HEADS, 1, KEYS, seed=11) > 0
ALPHA = torch.tensor([1.2, 1.5, 2.3], dtype=torch.float64)[:, None, None]


def sigmoid_row(scores):
    return [1 / (1 + math.exp(math.log(KEYS) - score)) for score in scores]


def differential_rows(query, key, value, mask=None, *, causal=False, scale=None):
    half = DIM // 2
    one = oracles.attend_by_rows(
        oracles.softmax_row, query[..., :half], key[..., :half], value, mask, causal=causal, scale=scale
    )
    two = oracles.attend_by_rows(
        oracles.softmax_row, query[..., half:], key[..., half:], value, mask, causal=causal, scale=scale
    )
    return tuple(a - LAMBDA[:, None, None] * b for a, b in zip(one, two, strict=True))


def gated_rows(query, key, value, mask=None, **options):
    output, weights = oracles.attend_by_rows(oracles.softmax_row, query, key, value, mask, **options)
    return output / (1 + (-GATE).exp()), weights


def by_rows(normalise):
    return lambda *tensors, **options: oracles.attend_by_rows(normalise, *tensors, **options)


# Each mechanism that takes a mask, causal and scale, and its definition in loops.
MECHANISMS = {
    "off-by-one": (off_by_one_attention, by_rows(oracles.off_by_one_row)),
    "sparsemax": (sparsemax_attention, by_rows(oracles.sparsemax_row)),
    "entmax15": (entmax_attention, by_rows(oracles.entmax15_row)),
    "sigmoid": (sigmoid_attention, by_rows(sigmoid_row)),
    "differential": (
        lambda q, k, v, *mask, **options: differential_attention(q, k, v, LAMBDA, *mask, **options),
        differential_rows,
    ),
    "gated": (lambda q, k, v, *mask, **options: gated_attention(q, k, v, GATE, *mask, **options), gated_rows),
}
each = pytest.mark.parametrize("name", MECHANISMS)


@pytest.mark.slow
@each
@pytest.mark.parametrize("kv_heads", [1, HEADS])
@pytest.mark.parametrize(
    "options",
    [{}, {"mask": MASK}, {"causal": True}, {"scale": 0.7}, {"mask": MASK, "causal": True, "scale": 1.3}],
    ids="+".join,
)
def test_equals_its_definition_in_loops(name, kv_heads, options):
    ours, definition = MECHANISMS[name]
    tensors = inputs(kv_heads=kv_heads)
    assert_close(ours(*tensors, **options), definition(*tensors, **options))


def test_neighbouring_heads_share_a_key_head():
    tensors = inputs(heads=4, kv_heads=2)
    assert_close(sigmoid_attention(*tensors), oracles.attend_by_rows(sigmoid_row, *tensors))
    assert_close(sparsemax_attention(*tensors), oracles.attend_by_rows(oracles.sparsemax_row, *tensors))
    mixes = normal(4, 4, seed=6), normal(4, 4, seed=7)
    assert_close(talking_heads_attention(*tensors, *mixes), oracles.talking_heads(*tensors, *mixes))
    gates = LOG_FORGET[:, :1]
    assert_close(forgetting_attention(*tensors, gates), oracles.forgetting(*tensors, gates))


@each
def test_a_row_with_nothing_to_see_is_zero(name):
    output, weights = MECHANISMS[name][0](*inputs(), MASK)
    assert torch.equal(weights[1, :, 3], torch.zeros(HEADS, KEYS, dtype=torch.float64))
    assert torch.equal(output[1, :, 3], torch.zeros(HEADS, VALUE_DIM, dtype=torch.float64))


@each
def test_what_is_hidden_does_not_leak_even_if_it_is_no_number(name):
    query, key, value = inputs()
    hidden = masks.from_tensor(torch.arange(KEYS) != 4)
    clean = MECHANISMS[name][0](query, key, value, hidden)
    key[:, :, 4] = math.nan
    value[:, :, 4] = math.nan
    assert_close(MECHANISMS[name][0](query, key, value, hidden), clean, rtol=0, atol=0)
    with pytest.raises(ScoreError, match="expected finite scores, got nan at batch 0, head 0, query 0, key 4"):
        MECHANISMS[name][0](query, key, value)


@each
def test_half_precision_is_computed_in_float32(name):
    stored = tuple(tensor.bfloat16() for tensor in inputs())
    truth = MECHANISMS[name][1](*(tensor.double() for tensor in stored))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, weights = MECHANISMS[name][0](*stored)
    assert output.dtype == torch.bfloat16
    assert weights.dtype == torch.float32
    assert_close(weights.double(), truth[1], atol=2e-6, rtol=0)
    assert_close(output, truth[0].bfloat16())


@each
def test_batch_and_heads_may_be_left_out(name):
    full = MECHANISMS[name][0](*inputs(heads=HEADS))
    gate, lam = GATE, LAMBDA
    without_batch = tuple(tensor[0] for tensor in inputs())
    one = {
        "differential": lambda *tensors: differential_attention(
            *tensors, lam[: len(tensors[0])] if tensors[0].ndim > 2 else lam[0]
        ),
        "gated": lambda *tensors: gated_attention(*tensors, gate if tensors[0].ndim > 2 else gate[0]),
    }.get(name, MECHANISMS[name][0])
    assert_close(one(*without_batch), tuple(result[0] for result in full))
    assert_close(one(*(tensor[0] for tensor in without_batch)), tuple(result[0, 0] for result in full))


@pytest.mark.slow
@each
def test_gradients_are_those_of_the_numbers(name):
    ours = MECHANISMS[name][0]
    widths = (2, 2, VALUE_DIM)  # all values, which the gates are made for
    tensors = [tensor[1:, ..., :width].requires_grad_() for tensor, width in zip(inputs(), widths, strict=True)]
    assert torch.autograd.gradcheck(lambda *tensors: ours(*tensors, MASK[1:], causal=True), tensors)


# The code of others


@pytest.mark.parametrize("cap", [0.9, 5.0])
def test_softcap_equals_gemma_2(cap):
    query, key, value = inputs(heads=6, kv_heads=2)
    module = SimpleNamespace(num_key_value_groups=3, training=False)
    added = torch.zeros(1, 1, QUERIES, KEYS).masked_fill(~masks.causal(KEYS - QUERIES).dense(1, 1, QUERIES, KEYS), -math.inf)
    output, weights = gemma2_attention(module, query, key, value, added, scaling=0.3, softcap=cap)
    ours = attention(query, key, value, causal=True, scale=0.3, softcap=cap)
    assert_close(ours, (output.transpose(1, 2), weights), atol=2e-6, rtol=0)  # its softmax is float32


def test_sinks_equal_gpt_oss():
    query, key, value = inputs(heads=6, kv_heads=2)
    sinks = normal(6, seed=4)
    module = SimpleNamespace(num_key_value_groups=3, sinks=sinks, training=False)
    output, weights = gpt_oss_attention(module, query, key, value, None, scaling=0.3)
    assert_close(attention(query, key, value, scale=0.3, sinks=sinks), (output.transpose(1, 2), weights))


def test_off_by_one_equals_torch_with_a_zero_key():
    heads, head_dim = 3, 5
    layer = nn.MultiheadAttention(heads * head_dim, heads, add_zero_attn=True, bias=False, batch_first=True).double()
    x = normal(BATCH, KEYS, heads * head_dim)
    expected, weights = layer(x, x, x, average_attn_weights=False)
    q, k, v = (x @ weight.T for weight in layer.in_proj_weight.chunk(3))
    q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    output, ours = off_by_one_attention(q, k, v)
    assert_close(ours, weights[..., :-1])  # their last key is the zero key
    assert_close(layer.out_proj(output.transpose(1, 2).flatten(2)), expected)


def test_entmax_attention_takes_an_alpha_for_each_head():
    tensors = inputs()
    _, weights = entmax_attention(*tensors, alpha=ALPHA)
    for head, alpha in enumerate(ALPHA.flatten().tolist()):
        one = entmax_attention(*(tensor[:, head : head + 1] for tensor in tensors), alpha=alpha)[1]
        assert_close(weights[:, head : head + 1], one)


def test_differential_equals_diffllama():
    heads, head_dim, length = 3, 10, 7  # DiffLlama counts a pair of maps as two heads
    config = DiffLlamaConfig(
        hidden_size=2 * heads * head_dim, num_attention_heads=2 * heads, num_key_value_heads=2, lambda_std_dev=0.5
    )
    config._attn_implementation = "sdpa"
    torch.manual_seed(0)
    theirs = DiffLlamaAttention(config, layer_idx=2).double().eval()
    x = normal(BATCH, length, 2 * heads * head_dim)
    still = torch.ones(1, length, head_dim).double(), torch.zeros(1, length, head_dim).double()  # cos and sin of no rotation
    expected, _ = theirs(x, still)

    q, k, v = (
        projection(x).unflatten(2, (-1, head_dim)).transpose(1, 2)
        for projection in (theirs.q_proj, theirs.k_proj, theirs.v_proj)
    )
    # Their head h and head h + heads are our two halves; so are those of the values, which each map reads both of.
    q, k, v = (torch.cat(part.chunk(2, dim=1), dim=-1) for part in (q, k, v))
    lambda_init = 0.8 - 0.6 * math.exp(-0.3 * 2)
    lam = differential_lambda(theirs.lambda_q1, theirs.lambda_k1, theirs.lambda_q2, theirs.lambda_k2, lambda_init)
    output, weights = differential_attention(q, k, v, lam, causal=True)
    output = differential_norm(output, lambda_init, eps=config.rms_norm_eps)
    ours = theirs.o_proj(output.transpose(1, 2).flatten(2))
    assert_close(ours, expected, atol=1e-6, rtol=1e-6)  # their λ is float32
    assert_close(weights.sum(-1), (1 - lam).expand(BATCH, heads, length))
    assert (weights < 0).any()


def test_gated_equals_qwen3_next():
    heads, head_dim, length = 6, 4, 7
    config = Qwen3NextConfig(
        hidden_size=11, num_attention_heads=heads, num_key_value_heads=2, head_dim=head_dim, attention_bias=True
    )
    config._attn_implementation = "sdpa"
    torch.manual_seed(0)
    theirs = Qwen3NextAttention(config, layer_idx=0).double().eval()
    x = normal(BATCH, length, 11)
    still = torch.ones(1, length, head_dim).double(), torch.zeros(1, length, head_dim).double()
    expected, _ = theirs(x, still, None)

    both = theirs.q_proj(x).unflatten(2, (heads, -1)).transpose(1, 2)  # each head's query, and its gate
    q, gate = theirs.q_norm(both[..., :head_dim]), both[..., head_dim:]
    k, v = (projection(x).unflatten(2, (2, -1)).transpose(1, 2) for projection in (theirs.k_proj, theirs.v_proj))
    output, _ = gated_attention(q, theirs.k_norm(k), v, gate, causal=True)
    assert_close(theirs.o_proj(output.transpose(1, 2).flatten(2)), expected)


def test_talking_heads_equal_their_definition():
    for options in ({}, {"causal": True}, {"mask": MASK[:1].expand(BATCH, 1, QUERIES, KEYS)}):
        expected = oracles.talking_heads(*inputs(kv_heads=1), MIX_SCORES, MIX_WEIGHTS, **options)
        assert_close(talking_heads_attention(*inputs(kv_heads=1), MIX_SCORES, MIX_WEIGHTS, **options), expected)


def test_talking_heads_that_do_not_mix_are_attention():
    unit = torch.eye(HEADS, dtype=torch.float64)
    assert_close(talking_heads_attention(*inputs(), unit, unit, MASK, scale=0.4), attention(*inputs(), MASK, scale=0.4))


# What holds for one of them


def test_off_by_one_is_a_sink_of_zero_and_may_attend_to_nothing():
    assert_close(off_by_one_attention(*inputs(), MASK)[1], dense_attention(*inputs(), MASK, sinks=torch.zeros(HEADS)).weights)
    query, key, value = inputs()
    query[..., 0], key[..., 0] = 30.0, -30.0  # all scores far below 0
    assert (off_by_one_attention(query, key, value)[1].sum(-1) < 1e-30).all()


def test_sigmoid_decodes_with_the_offset_of_the_whole_text():
    query, key, value = inputs(queries=KEYS)
    offset = -math.log(KEYS)
    output, weights = sigmoid_attention(query, key, value, causal=True)
    for last in range(KEYS):
        seen = slice(0, last + 1)
        step = sigmoid_attention(query[:, :, last:][:, :, :1], key[:, :, seen], value[:, :, seen], causal=True, offset=offset)
        assert_close(step[0], output[:, :, last : last + 1])
        assert_close(step[1], weights[:, :, last : last + 1, seen])
    # each key is its own yes or no: taking one away changes nothing for the others
    fewer = sigmoid_attention(query, key[:, :, 1:], value[:, :, 1:], offset=offset)[1]
    assert_close(fewer, sigmoid_attention(query, key, value)[1][..., 1:])


def test_what_both_maps_share_is_cancelled():
    query, key, value = inputs()
    query[..., DIM // 2 :], key[..., DIM // 2 :] = query[..., : DIM // 2], key[..., : DIM // 2]
    output, weights = differential_attention(query, key, value, lam=1.0)
    assert_close(weights, torch.zeros_like(weights), atol=0, rtol=0)
    assert_close(output, torch.zeros_like(output), atol=0, rtol=0)


def test_the_lambda_of_a_layer():
    vectors = [normal(11, seed=seed) / 3 for seed in range(4)]
    one, two = (math.fsum(a * b for a, b in zip(q.tolist(), k.tolist(), strict=True)) for q, k in (vectors[:2], vectors[2:]))
    assert float(differential_lambda(*vectors, 0.2)) == pytest.approx(math.exp(one) - math.exp(two) + 0.2, rel=1e-12)
    assert torch.autograd.gradcheck(lambda *v: differential_lambda(*v, 0.2), [vector.requires_grad_() for vector in vectors])


def test_the_norm_of_heads_equals_torch():
    output = normal(BATCH, HEADS, QUERIES, VALUE_DIM)
    expected = 0.7 * nn.functional.rms_norm(output, (VALUE_DIM,), eps=1e-5)
    assert_close(differential_norm(output, 0.3), expected)
    assert_close(
        differential_norm(output.bfloat16(), 0.3),
        (0.7 * nn.functional.rms_norm(output.bfloat16().float(), (VALUE_DIM,), eps=1e-5)).bfloat16(),
    )


def test_a_gate_for_each_head_and_gates_that_are_shut():
    whole = GATE[..., :1]
    assert_close(gated_attention(*inputs(), whole)[0], gated_attention(*inputs(), whole.expand_as(GATE))[0])
    shut = gated_attention(*inputs(), torch.full((1, 1), -math.inf, dtype=torch.float64))
    assert (shut[0] == 0).all()
    assert_close(shut[1], attention(*inputs())[1])


# Forgetting


@pytest.mark.parametrize("kv_heads", [1, HEADS])
@pytest.mark.parametrize("queries", [QUERIES, KEYS])
def test_forgetting_equals_its_definition(queries, kv_heads):
    tensors = inputs(queries=queries, kv_heads=kv_heads)
    assert_close(forgetting_attention(*tensors, LOG_FORGET), oracles.forgetting(*tensors, LOG_FORGET))


def test_forgetting_equals_sdpa_with_the_decay_as_a_mask():
    query, key, value = inputs(queries=KEYS)
    between = torch.zeros(BATCH, HEADS, KEYS, KEYS, dtype=torch.float64)
    for i in range(KEYS):
        for j in range(KEYS):
            between[..., i, j] = LOG_FORGET[..., j + 1 : i + 1].sum(-1) if j <= i else -math.inf
    expected = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=between, scale=0.3)
    assert_close(forgetting_attention(query, key, value, LOG_FORGET, scale=0.3)[0], expected)


def test_one_gate_for_all_positions_is_alibi():
    slopes = torch.tensor([0.5, 0.25, 0.125], dtype=torch.float64)[:, None]
    distance = torch.arange(KEYS) - torch.arange(KEYS - QUERIES, KEYS)[:, None]
    expected = attention(*inputs(), causal=True, bias=slopes[..., None] * distance)
    assert_close(forgetting_attention(*inputs(), -slopes), expected)
    assert_close(forgetting_attention(*inputs(), torch.zeros(1)), attention(*inputs(), causal=True))


def test_forgetting_decodes_as_it_reads():
    query, key, value = inputs(queries=KEYS)
    output, weights = forgetting_attention(query, key, value, LOG_FORGET)
    for last in range(KEYS):
        cached = slice(0, last + 1)
        step = forgetting_attention(
            query[:, :, last : last + 1], key[:, :, cached], value[:, :, cached], LOG_FORGET[..., cached]
        )
        assert_close(step[0], output[:, :, last : last + 1])
        assert_close(step[1], weights[:, :, last : last + 1, cached])


def test_a_long_text_keeps_the_digits_of_the_decay():
    length = 4099
    gates = nn.functional.logsigmoid(normal(1, 1, length, seed=3)).float()
    query = torch.zeros(1, 1, 1, 2)
    key, value = torch.zeros(1, 1, length, 2), torch.zeros(1, 1, length, 1)
    ours = forgetting_attention(query, key, value, gates)[1]
    truth = forgetting_attention(query.double(), key.double(), value.double(), gates.double())[1]
    assert_close(ours.double(), truth, atol=1e-7, rtol=0)


def test_forgetting_gradients_and_masks():
    query, key, value = (tensor[:1, :2, :, :3].requires_grad_() for tensor in inputs())
    gates = LOG_FORGET[:1, :2].clone().requires_grad_()
    hidden = torch.arange(KEYS) != 1
    assert torch.autograd.gradcheck(lambda *tensors: forgetting_attention(*tensors, hidden), (query, key, value, gates))
    weights = forgetting_attention(query, key, value, gates, hidden)[1]
    assert (weights[..., 1] == 0).all()
    with torch.no_grad():
        key[:, :, 1] = value[:, :, 1] = math.nan
        assert_close(forgetting_attention(query, key, value, gates, hidden)[1], weights)


# What is refused


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda q, k, v: sparsemax_attention(q, k[..., :3], v), ShapeError, "expected query and key of one dim, got 22 and 3"),
        (lambda q, k, v: sigmoid_attention(q, k, v, scale=0.0), OptionError, r"scale: expected a number above 0, got 0\.0"),
        (lambda q, k, v: sigmoid_attention(q, k, v, offset=math.inf), OptionError, "offset: expected a finite number, got inf"),
        (lambda q, k, v: off_by_one_attention(q, k, v.long()), DtypeError, "value of a floating type, got"),
        (lambda q, k, v: sparsemax_attention(q, k, v, MASK.long()), DtypeError, "as mask, got torch.int64"),
        (lambda q, k, v: differential_attention(q[..., :3], k[..., :3], v, 0.5), ShapeError, "of an even dim, got 3"),
        (lambda q, k, v: differential_attention(q, k, v, torch.ones(2)), ShapeError, r"lam as one number or .*, got \(2,\)"),
        (lambda q, k, v: gated_attention(q, k, v, GATE[..., :2]), ShapeError, r"gate to broadcast .*, got \(3, 5, 2\)"),
        (lambda q, k, v: gated_attention(q, k, v, GATE[None, None]), ShapeError, "expected gate of at most 4 axes"),
        (lambda q, k, v: gated_attention(q, k, v, GATE > 0), DtypeError, r"expected gate of a floating type, got torch\.bool"),
        (lambda q, k, v: forgetting_attention(q, k, v, -LOG_FORGET), OptionError, "expected finite numbers up to 0"),
        (lambda q, k, v: forgetting_attention(q, k, v, LOG_FORGET - math.inf), OptionError, "up to 0, .*, got -inf"),
        (lambda q, k, v: forgetting_attention(q, k, v, LOG_FORGET[..., :3]), ShapeError, "log_forget to broadcast to"),
        (lambda q, k, v: forgetting_attention(q, k[:, :, :3], v[:, :, :3], LOG_FORGET[..., :3]), ShapeError, "got 5 queries"),
        (lambda q, k, v: talking_heads_attention(q, k, v, torch.eye(2), torch.eye(3)), ShapeError, r"mix_scores .*, got \(2"),
        (lambda q, k, v: talking_heads_attention(q, k, v, torch.eye(3), torch.eye(3), BY_HEAD), ShapeError, "the same keys"),
        (lambda q, k, v: entmax_attention(q, k, v, alpha=1.0), OptionError, r"finite numbers above 1, got 1\.0"),
        (lambda q, k, v: entmax_attention(q, k, v, alpha=ALPHA[:2]), ShapeError, r"expected alpha as one number, or to"),
        (lambda q, k, v: differential_lambda(q, k, v, v, 0.2), ShapeError, "expected query1 and key1 of one shape"),
    ],
)  # fmt: skip
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call(*inputs())


def test_the_norm_of_heads_refuses_whole_numbers():
    with pytest.raises(DtypeError, match=r"expected output of a floating type, got torch\.int64"):
        differential_norm(torch.ones(3).long(), 0.2)
