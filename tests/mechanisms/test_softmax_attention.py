import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.softmax_attention import Trace, attention, trace
from witnesses.attention import dense_attention

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 5, 7, 11, 13
SIZES = (BATCH, HEADS, QUERIES, KEYS)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(heads=HEADS, kv_heads=None, queries=QUERIES, keys=KEYS, dtype=torch.float64, seed=0):
    kv_heads = heads if kv_heads is None else kv_heads
    return (
        normal(BATCH, heads, queries, DIM, seed=seed, dtype=dtype),
        normal(BATCH, kv_heads, keys, DIM, seed=seed + 1, dtype=dtype),
        normal(BATCH, kv_heads, keys, VALUE_DIM, seed=seed + 2, dtype=dtype),
    )


BOOL_MASK = normal(BATCH, 1, QUERIES, KEYS, seed=5) > 0
BOOL_MASK[1, 0, 3] = False
FLOAT_MASK = normal(HEADS, 1, KEYS, seed=6).masked_fill(normal(HEADS, 1, KEYS, seed=7) > 1, -math.inf)
BIAS = normal(HEADS, QUERIES, KEYS, seed=8)
SINKS = normal(HEADS, seed=9)

OPTIONS = [
    {},
    {"mask": BOOL_MASK},
    {"mask": FLOAT_MASK},
    {"causal": True},
    {"window": 3},
    {"window": 3, "causal": True},
    {"window": 2, "causal": True},
    {"scale": 0.7},
    {"bias": BIAS},
    {"softcap": 1.5},
    {"sinks": SINKS},
    {"mask": BOOL_MASK, "sinks": SINKS},
    {"mask": BOOL_MASK, "causal": True, "window": 4, "scale": 0.4, "bias": BIAS, "softcap": 0.9, "sinks": SINKS},
    {"mask": FLOAT_MASK, "window": 5, "scale": 1.3, "bias": BIAS, "softcap": 2.0},
]
by_names = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "plain")


@by_names
def test_equals_the_oracle(options):
    truth = dense_attention(*inputs(), **options)
    output, weights = attention(*inputs(), **options)
    assert_close(output, truth.output)
    assert_close(weights, truth.weights)


@by_names
def test_half_precision_is_computed_in_float32(options):
    stored = inputs(dtype=torch.bfloat16)
    truth = dense_attention(*stored, **options)
    output, weights = attention(*stored, **options)
    assert output.dtype == torch.bfloat16
    assert weights.dtype == torch.float32
    assert_close(weights.double(), truth.weights, atol=2e-6, rtol=0)
    assert_close(output, truth.output.to(torch.bfloat16))


def test_autocast_does_not_lower_the_precision():
    truth = attention(*inputs(dtype=torch.float32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(attention(*inputs(dtype=torch.float32)), truth, atol=0, rtol=0)


@given(
    batch=st.integers(1, 2),
    kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    queries=st.integers(1, 5),
    keys=st.integers(1, 5),
    dims=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    causal=st.booleans(),
    window=st.sampled_from([None, 1, 3, 5]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_equals_the_oracle_for_any_shape(batch, kv_heads, group, queries, keys, dims, causal, window, seed):
    tensors = (
        normal(batch, kv_heads * group, queries, dims[0], seed=seed),
        normal(batch, kv_heads, keys, dims[0], seed=seed + 1),
        normal(batch, kv_heads, keys, dims[1], seed=seed + 2),
    )
    truth = dense_attention(*tensors, causal=causal, window=window)
    assert_close(attention(*tensors, causal=causal, window=window), (truth.output, truth.weights))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"mask": normal(HEADS, 1, KEYS, seed=5) > -1}, {"attn_mask": normal(HEADS, 1, KEYS, seed=5) > -1}),
        ({"mask": BIAS}, {"attn_mask": BIAS}),
        ({"scale": 0.7}, {"scale": 0.7}),
        ({"bias": BIAS}, {"attn_mask": BIAS}),
    ],
)
def test_equals_torch(ours, theirs):
    assert_close(attention(*inputs(), **ours)[0], F.scaled_dot_product_attention(*inputs(), **theirs))


@pytest.mark.parametrize("kv_heads", [1, 2, 3, 6])
def test_causal_grouped_heads_equal_torch(kv_heads):
    tensors = inputs(heads=6, kv_heads=kv_heads, queries=KEYS)
    expected = F.scaled_dot_product_attention(*tensors, is_causal=True, enable_gqa=True)
    assert_close(attention(*tensors, causal=True)[0], expected)


@by_names
def test_trace_is_each_step_and_changes_nothing(options):
    query, key, value = inputs()
    steps = trace(query, key, value, **options)
    output, weights = attention(query, key, value, **options)
    assert isinstance(steps, Trace)
    assert_close((steps.output, steps.weights), (output, weights), atol=0, rtol=0)

    assert_close(steps.scores, torch.einsum("bhqd,bhkd->bhqk", query, key))
    assert_close(steps.scaled, steps.scores * options.get("scale", DIM**-0.5))
    cap = options.get("softcap")
    assert_close(steps.capped, steps.scaled if cap is None else cap * (steps.scaled / cap).tanh())
    assert_close(steps.biased, steps.capped + options.get("bias", 0))
    mask = options.get("mask", torch.tensor(0.0))
    hidden = steps.masked.isneginf()
    added = 0 if mask.dtype == torch.bool else mask
    assert_close(steps.masked, (steps.biased + added).masked_fill(hidden, -math.inf))
    assert_close(steps.weights == 0, hidden)
    assert_close(steps.output, torch.einsum("bhqk,bhkd->bhqd", steps.weights, value))


@by_names
def test_gradients(options):
    tensors = [tensor.requires_grad_() for tensor in inputs()]
    assert torch.autograd.gradcheck(lambda *given: attention(*given, **options), tensors, fast_mode=True)


def test_gradients_of_bias_and_sinks():
    bias, sinks = BIAS.clone().requires_grad_(), SINKS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda bias, sinks: attention(*inputs(), mask=BOOL_MASK, bias=bias, sinks=sinks), (bias, sinks), fast_mode=True
    )


@pytest.mark.parametrize("axes", [2, 3])
def test_axes_may_be_left_out(axes):
    whole = inputs()
    corner = (0,) * (4 - axes)
    some = tuple(tensor[corner] for tensor in whole)
    short = trace(*some, causal=True, mask=BOOL_MASK[0, 0])
    full = trace(*whole, causal=True, mask=BOOL_MASK[0, 0])
    for name in Trace._fields:
        assert_close(getattr(short, name), getattr(full, name)[corner])


@pytest.mark.parametrize("sinks", [None, SINKS])
@pytest.mark.parametrize("mask", [torch.tensor(False), torch.tensor(-math.inf), ~masks.everything()], ids=str)
def test_rows_that_see_nothing_are_zero_with_zero_gradients(mask, sinks):
    tensors = [tensor.requires_grad_() for tensor in inputs()]
    output, weights = attention(*tensors, mask=mask, sinks=sinks)
    assert_close(output, torch.zeros(BATCH, HEADS, QUERIES, VALUE_DIM, dtype=torch.float64))
    assert_close(weights, torch.zeros(SIZES, dtype=torch.float64))
    (output.square().sum() + weights.square().sum()).backward()
    for tensor in tensors:
        assert_close(tensor.grad, torch.zeros_like(tensor))


def test_more_queries_than_keys_leaves_the_first_rows_empty():
    query, key, value = inputs(queries=7, keys=5)
    output, weights = attention(query, key, value, causal=True)
    assert_close(output[:, :, :2], torch.zeros(BATCH, HEADS, 2, VALUE_DIM, dtype=torch.float64))
    assert_close(weights.sum(-1), torch.tensor([0.0, 0, 1, 1, 1, 1, 1], dtype=torch.float64).expand(BATCH, HEADS, 7))


def test_sinks_take_mass():
    drained = attention(*inputs(), sinks=torch.full((HEADS,), 50.0))[1]
    assert_close(drained, torch.zeros_like(drained))
    without = attention(*inputs(), sinks=torch.full((HEADS,), -math.inf))
    assert_close(without, attention(*inputs()))


@pytest.mark.parametrize("size", [1e4, 1e18])
def test_extreme_scores_do_not_overflow(size):
    query = torch.tensor([[size], [-size]])
    weights = attention(query, torch.tensor([[size], [1.0]]), torch.eye(2), scale=1.0)[1]
    assert_close(weights, torch.eye(2))


def test_mask_objects_equal_their_tensors():
    mask = masks.prefix(2) | masks.from_tensor(BOOL_MASK)
    assert_close(attention(*inputs(), mask=mask), attention(*inputs(), mask=mask.dense(*SIZES)), atol=0, rtol=0)
    both = attention(*inputs(), mask=mask, causal=True)
    assert_close(both, attention(*inputs(), mask=mask & masks.causal(KEYS - QUERIES)), atol=0, rtol=0)


def test_the_future_does_not_matter():
    query, key, value = inputs(queries=KEYS)
    later_key, later_value = key.clone(), value.clone()
    later_key[:, :, 4:], later_value[:, :, 4:] = 1e3 * normal(DIM, seed=3), -1e6
    before, after = attention(query, key, value, causal=True), attention(query, later_key, later_value, causal=True)
    assert_close(after[0][:, :, :4], before[0][:, :, :4], atol=0, rtol=0)
    assert_close(after[1][:, :, :4], before[1][:, :, :4], atol=0, rtol=0)
    assert not torch.allclose(after[0][:, :, 4:], before[0][:, :, 4:])


@pytest.mark.parametrize("poison", [1e30, math.inf, math.nan])
def test_what_is_masked_does_not_leak(poison):
    query, key, value = inputs()
    hidden = torch.tensor([False, True, False, False, True, False, False])
    bad_key, bad_value = key.clone(), value.clone()
    bad_key[:, :, hidden] = poison
    bad_value[:, :, hidden] = poison
    clean = attention(query, key, value, mask=~hidden)
    assert_close(attention(query, bad_key, bad_value, mask=~hidden), clean, atol=0, rtol=0)
    added = torch.zeros(KEYS).masked_fill(hidden, -math.inf)
    assert_close(attention(query, bad_key, bad_value, mask=added), clean, atol=0, rtol=0)


def test_a_broken_value_reaches_only_who_may_look_at_it():
    query, key, value = inputs(queries=KEYS)
    value[1, 2, 4, 3] = math.inf
    output = attention(query, key, value, causal=True)[0]
    reached = torch.zeros_like(output, dtype=torch.bool)
    reached[1, 2, 4:, 3] = True
    assert_close(output.isinf(), reached)
    assert_close(output.isfinite(), ~reached)


def test_order_of_keys_does_not_matter():
    query, key, value = inputs()
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    output, weights = attention(query, key, value, bias=BIAS)
    again, permuted = attention(query, key[:, :, order], value[:, :, order], bias=BIAS[:, :, order])
    assert_close(again, output)
    assert_close(permuted, weights[..., order])


@pytest.mark.parametrize("window", [None, 3])
def test_decoding_row_by_row_equals_prefill(window):
    query, key, value = inputs(queries=KEYS)
    output, weights = attention(query, key, value, causal=True, window=window)
    for row in range(KEYS):
        seen = row + 1
        one = attention(query[:, :, row:seen], key[:, :, :seen], value[:, :, :seen], causal=True, window=window)
        assert_close(one[0], output[:, :, row:seen])
        assert_close(one[1], weights[:, :, row:seen, :seen])


def broken(name, place, content):
    tensors = dict(zip(("query", "key", "value"), inputs(), strict=True))
    tensors[name][place] = content
    return tuple(tensors.values())


def test_broken_scores_are_named():
    with pytest.raises(ScoreError, match="expected finite scores, got nan at batch 1, head 2, query 0, key 4"):
        attention(*broken("key", (1, 2, 4, 0), math.nan))
    with pytest.raises(ScoreError, match=r"got nan at batch 1, head 0, query 3, key 0; .*hide the place with a boolean mask"):
        attention(*broken("query", (1, 0, 3, 0), math.nan))
    bias = BIAS.clone()
    bias[2, 1, 6] = math.inf
    with pytest.raises(ScoreError, match="got inf at batch 0, head 2, query 1, key 6"):
        attention(*inputs(), bias=bias)
    with pytest.raises(ScoreError, match="expected finite sinks, got nan at head 1; −inf is a head without one"):
        attention(*inputs(), sinks=torch.tensor([0, math.nan, math.inf]))


def test_broken_scores_that_are_hidden_do_not_matter():
    tensors = broken("query", (1, 0, 3), math.nan)
    seen = torch.arange(QUERIES)[:, None] != 3
    assert_close(attention(*tensors, mask=seen), attention(*inputs(), mask=seen), atol=0, rtol=0)


Q, K, V = inputs()
MISTAKES = [
    ((Q.long(), K, V), {}, DtypeError, "expected query of a floating type, got torch.int64"),
    ((Q, [1.0], V), {}, DtypeError, "expected key as a tensor, got list"),
    ((Q, K, V.float()), {}, DtypeError, "expected key and value of one type, got torch.float64 and torch.float32"),
    (
        (Q[0, 0, 0], K, V),
        {},
        ShapeError,
        "expected query (batch, heads, queries, dim), or without batch, or batch and heads, got (11,)",
    ),
    (
        (Q[None], K, V),
        {},
        ShapeError,
        "expected query (batch, heads, queries, dim), or without batch, or batch and heads, got (1, 2, 3, 5, 11)",
    ),
    ((Q[0], K, V), {}, ShapeError, "expected query and key of as many axes, got 3 and 4"),
    (
        (Q, K[:, :, :0], V),
        {},
        ShapeError,
        "expected key (batch, kv_heads, keys, dim) with every size at least 1, got (2, 3, 0, 11)",
    ),
    ((Q, K[:1], V), {}, ShapeError, "expected one batch size, got query 2 and key 1"),
    ((Q, K[..., :7], V), {}, ShapeError, "expected query and key of one dim, got 11 and 7"),
    (
        (Q, K, V[:, :, :5]),
        {},
        ShapeError,
        "expected one value for each key, got 7 keys and 5 values",
    ),
    ((Q, K, V[:, :1]), {}, ShapeError, "expected key and value of as many heads, got 3 and 1"),
    (
        (Q, K[:, :2], V[:, :2]),
        {},
        ShapeError,
        "expected heads to be a multiple of kv_heads, got query heads=3 and key heads=2",
    ),
    ((Q, K, V), {"scale": 0.0}, OptionError, "scale: expected a number above 0, got 0.0"),
    ((Q, K, V), {"scale": math.nan}, OptionError, "scale: expected a number above 0, got nan"),
    ((Q, K, V), {"scale": "1"}, OptionError, "scale: expected a number above 0, got '1'"),
    ((Q, K, V), {"softcap": -1}, OptionError, "softcap: expected a number above 0, got -1"),
    ((Q, K, V), {"softcap": math.inf}, OptionError, "softcap: expected a number above 0, got inf"),
    ((Q, K, V), {"window": 0}, OptionError, "window: expected a whole number of at least 1, got 0"),
    ((Q, K, V), {"window": -3, "causal": True}, OptionError, "window: expected a whole number of at least 1, got -3"),
    ((Q, K, V), {"window": 4}, OptionError, "window: expected an odd number"),
    (
        (Q, K, V),
        {"mask": BOOL_MASK.int()},
        DtypeError,
        "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got torch.int32",
    ),
    (
        (Q, K, V),
        {"mask": BOOL_MASK.int()},
        DtypeError,
        "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got torch.int32",
    ),
    (
        (Q, K, V),
        {"mask": [[True]]},
        DtypeError,
        "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got list",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(1, 1, 5, 11)},
        ShapeError,
        "got (1, 1, 5, 11); axis -1 (keys) must be 7 or 1",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(3, 7)},
        ShapeError,
        "expected mask to broadcast to (batch=2, heads=3, queries=5, keys=7), got (3, 7)",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(2, 7)},
        ShapeError,
        "axis -2 (queries) must be 5 or 1; if it is (batch, keys), as padding is, write mask[:, None, None, :]",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(2, 5, 7)},
        ShapeError,
        "expected mask to broadcast to (batch=2, heads=3, queries=5, keys=7), got (2, 5, 7)",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(3, 1, 1, 1)},
        ShapeError,
        "expected mask to broadcast to (batch=2, heads=3, queries=5, keys=7), got (3, 1, 1, 1)",
    ),
    (
        (Q, K, V),
        {"mask": torch.ones(1, 2, 3, 5, 7)},
        ShapeError,
        "expected mask of at most 4 axes (batch, heads, queries, keys), got (1, 2, 3, 5, 7)",
    ),
    (
        (Q, K, V),
        {"mask": masks.padding(torch.ones(2, 5))},
        ShapeError,
        "padding(batch=2, keys=5): expected keys=5 or less, got keys=7",
    ),
    (
        (Q, K, V),
        {"bias": torch.ones(5, 5)},
        ShapeError,
        "expected bias to broadcast to (batch=2, heads=3, queries=5, keys=7), got (5, 5)",
    ),
    ((Q, K, V), {"bias": BOOL_MASK}, DtypeError, "expected bias of a floating type, got torch.bool"),
    (
        (Q, K, V),
        {"sinks": torch.ones(2)},
        ShapeError,
        "expected sinks (heads,)=(3,), got (2,)",
    ),
    ((Q, K, V), {"sinks": torch.ones(3).int()}, DtypeError, "expected sinks of a floating type, got torch.int32"),
]


@pytest.mark.parametrize(("tensors", "options", "error", "message"), MISTAKES, ids=[row[3] for row in MISTAKES])
def test_mistakes_are_named(tensors, options, error, message):
    with pytest.raises(error) as caught:
        attention(*tensors, **options)
    assert message in str(caught.value)
