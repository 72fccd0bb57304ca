import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from regard.errors import OptionError, ScoreError, ShapeError
from regard.mechanisms.online_softmax import online_attention
from regard.mechanisms.softmax_attention import attention
from witnesses.attention import dense_attention

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 7, 11, 5, 13


def inputs(queries=QUERIES, keys=KEYS, kv_heads=HEADS, dtype=torch.float64):
    chance = torch.Generator().manual_seed(0)
    shapes = (HEADS, queries, DIM), (kv_heads, keys, DIM), (kv_heads, keys, VALUE_DIM)
    return tuple(torch.randn(BATCH, *shape, generator=chance, dtype=torch.float64).to(dtype) for shape in shapes)


@pytest.mark.slow
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("tile", [1, 2, 3, 4, 5, 10, 11, 12, 128])
def test_equals_attention_whatever_the_tile(tile, causal):
    output, logsumexp = online_attention(*inputs(), causal=causal, tile=tile)
    assert_close(output, attention(*inputs(), causal=causal)[0])
    assert_close(logsumexp, dense_attention(*inputs(), causal=causal).logsumexp)


@given(
    queries=st.integers(1, 7),
    keys=st.integers(1, 7),
    kv_heads=st.sampled_from([1, 3]),
    causal=st.booleans(),
    tile=st.integers(1, 8),
    scale=st.none() | st.floats(0.1, 3),
)
@settings(deadline=None, max_examples=40)
def test_equals_the_oracle(queries, keys, kv_heads, causal, tile, scale):
    tensors = inputs(queries, keys, kv_heads)
    truth = dense_attention(*tensors, causal=causal, scale=scale)
    output, logsumexp = online_attention(*tensors, causal=causal, scale=scale, tile=tile)
    assert_close((output, logsumexp), (truth.output, truth.logsumexp))


def test_logsumexp_is_torch_logsumexp():
    query, key, value = inputs()
    scores = query @ key.mT * 0.3
    assert_close(online_attention(query, key, value, scale=0.3, tile=4)[1], scores.logsumexp(-1))


def test_any_tile_of_the_map_is_read_from_query_key_and_logsumexp():
    query, key, value = inputs()
    weights = attention(query, key, value)[1]
    _, logsumexp = online_attention(query, key, value, tile=4)
    rows, columns = slice(2, 5), slice(3, 10)
    scores = query[:, :, rows] @ key[:, :, columns].mT / math.sqrt(DIM)
    assert_close(torch.exp(scores - logsumexp[:, :, rows, None]), weights[:, :, rows, columns])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", [1, -1])
def test_extreme_scores_do_not_overflow(dtype, order):
    query = torch.ones(1, 1, dtype=dtype)
    key = torch.tensor([-1e4, 0.0, 1e4, 1e4][::order], dtype=dtype)[:, None]
    value = torch.tensor([5.0, 7.0, 1.0, 2.0][::order], dtype=dtype)[:, None]
    output, logsumexp = online_attention(query, key, value, scale=1.0, tile=1)
    assert_close(output, torch.tensor([[1.5]], dtype=dtype))
    assert_close(logsumexp, torch.tensor([1e4 + math.log(2)], dtype=dtype))


def test_rows_that_see_nothing():
    tensors = [tensor.requires_grad_() for tensor in inputs(queries=11, keys=7)]
    output, logsumexp = online_attention(*tensors, causal=True, tile=3)
    assert_close(output[:, :, :4], torch.zeros(BATCH, HEADS, 4, VALUE_DIM, dtype=torch.float64))
    assert_close(logsumexp[:, :, :4], torch.full((BATCH, HEADS, 4), -math.inf, dtype=torch.float64))
    (output.sum() + logsumexp[:, :, 4:].sum()).backward()
    for tensor in tensors:
        assert_close(tensor.grad.isfinite(), torch.ones_like(tensor, dtype=torch.bool))


def test_gradients():
    tensors = [tensor.requires_grad_() for tensor in inputs()]
    assert torch.autograd.gradcheck(lambda *given: online_attention(*given, causal=True, tile=3), tensors, fast_mode=True)


@pytest.mark.parametrize("axes", [2, 3])
def test_axes_may_be_left_out(axes):
    corner = (0,) * (4 - axes)
    output, logsumexp = online_attention(*inputs(), tile=4)
    short = online_attention(*(tensor[corner] for tensor in inputs()), tile=4)
    assert_close(short, (output[corner], logsumexp[corner]))


def test_half_precision_is_computed_in_float32():
    stored = inputs(dtype=torch.bfloat16)
    truth = dense_attention(*stored)
    output, logsumexp = online_attention(*stored, tile=4)
    assert_close(output, truth.output.bfloat16())
    assert_close(logsumexp, truth.logsumexp.float(), atol=2e-6, rtol=0)


def test_autocast_does_not_lower_the_precision():
    truth = online_attention(*inputs(dtype=torch.float32), tile=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(online_attention(*inputs(dtype=torch.float32), tile=4), truth, atol=0, rtol=0)


@pytest.mark.parametrize("poison", [1e30, math.nan])
def test_the_future_does_not_leak(poison):
    query, key, value = inputs(queries=KEYS)
    value[:, :, 6:] = poison
    output = online_attention(query, key, value, causal=True, tile=4)[0]
    assert_close(output[:, :, :6], attention(*inputs(queries=KEYS), causal=True)[0][:, :, :6])
    assert output[:, :, 6:].nan_to_num(math.inf).abs().amin() > 1e9


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tile": 0}, OptionError, "tile: expected a whole number of at least 1, got 0"),
        ({"tile": 2.0}, OptionError, "tile: expected a whole number of at least 1, got 2.0"),
        ({"scale": -1.0}, OptionError, "scale: expected a number above 0, got -1.0"),
        ({"value": torch.ones(2, 3, 5, 13).double()}, ShapeError, "expected one value for each key, got 11 keys and 5 values"),
    ],
)
def test_mistakes_are_named(options, error, message):
    given = dict(zip(("query", "key", "value"), inputs(), strict=True)) | options
    with pytest.raises(error) as caught:
        online_attention(**given)
    assert message in str(caught.value)


def test_broken_scores_are_named_by_their_place_in_the_whole_map():
    query, key, value = inputs()
    key[1, 2, 9, 0] = math.nan
    with pytest.raises(ScoreError, match="expected finite scores, got nan at batch 1, head 2, query 0, key 9"):
        online_attention(query, key, value, tile=4)
    query[0, 1, 5, 0] = math.nan
    with pytest.raises(ScoreError, match="got nan at batch 0, head 1, query 5, key 0"):
        online_attention(query, key.nan_to_num(), value, tile=4)
