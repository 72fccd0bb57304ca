import pytest
import torch
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.effective_weights import effective_weights
from regard.mechanisms.linear.linear_attention import linear_attention_noncausal
from regard.mechanisms.linear.retention import retention_chunked, retention_recurrent
from regard.mechanisms.softmax_attention import attention

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 6, 7, 11, 5, 13


def inputs(queries=QUERIES, kv_heads=HEADS, dtype=torch.float64):
    chance = torch.Generator().manual_seed(0)
    shapes = (HEADS, queries, DIM), (kv_heads, KEYS, DIM), (kv_heads, KEYS, VALUE_DIM)
    return tuple(torch.randn(BATCH, *shape, generator=chance, dtype=torch.float64).to(dtype) for shape in shapes)


@pytest.mark.parametrize("kv_heads", [1, 3, 6])
def test_the_weights_of_attention_are_its_effective_weights(kv_heads):
    query, key, value = inputs(kv_heads=kv_heads)
    expected = attention(query, key, value, causal=True)[1]
    assert_close(effective_weights(lambda v: attention(query, key, v, causal=True), value), expected)


@pytest.mark.parametrize("axes", [2, 3])
def test_axes_may_be_left_out(axes):
    query, key, value = (tensor[(0,) * (4 - axes)] for tensor in inputs())
    weights = effective_weights(lambda v: attention(query, key, v)[0], value)
    assert_close(weights, attention(query, key, value)[1])


def test_it_reads_what_has_no_matrix():
    query, key, value = inputs()
    weights = effective_weights(lambda v: linear_attention_noncausal(query, key, v), value)
    assert weights.shape == (BATCH, HEADS, QUERIES, KEYS)
    assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, QUERIES, dtype=torch.float64))
    assert_close(weights @ value, linear_attention_noncausal(query, key, value)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rounding_is_not_taken_for_a_bias(dtype):
    query, key, value = inputs(queries=KEYS, dtype=dtype)
    weights = effective_weights(lambda v: retention_chunked(query, key, v, chunk=4), value)
    assert weights.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("bias", [0.045, -0.1])
def test_a_small_bias_is_not_taken_for_rounding(dtype, bias):
    query, key, value = inputs(dtype=dtype)
    value = 2 * (value - value.mean(2, keepdim=True))  # W holds the bias too, and W · value cancels it
    assert effective_weights(lambda v: attention(query, key, v)[0], value).shape == (BATCH, HEADS, QUERIES, KEYS)
    with pytest.raises(OptionError, match="got W · value off the output by"):
        effective_weights(lambda v: attention(query, key, v)[0] + bias, value)


def test_gradients_go_through_and_are_no_cause_of_warnings():
    query, key, value = (tensor.requires_grad_() for tensor in inputs())
    weights = effective_weights(lambda v: attention(query, key, v), value)
    expected = attention(query, key, value)[1]
    read, truth = (torch.autograd.grad(matrix.square().sum(), (query, key)) for matrix in (weights, expected))
    assert_close(read, truth)
    with pytest.raises(OptionError, match="got W · value off the output by"):
        effective_weights(lambda v: attention(query, key, v)[0] + 1, value)


@pytest.mark.parametrize(
    "bent",
    [
        lambda output: output + 0.01,
        lambda output: output / output.norm(dim=-1, keepdim=True),
        lambda output: output.relu(),
        lambda output: output * torch.nan,
    ],
    ids=["bias", "norm", "relu", "nan"],
)
def test_what_is_not_linear_is_refused(bent):
    query, key, value = inputs()
    with pytest.raises(
        OptionError, match="expected a function that is linear in the value, .*, got W · value off the output by"
    ):
        effective_weights(lambda v: bent(attention(query, key, v)[0]), value)


def test_a_state_is_no_value():
    query, key, value = inputs(queries=KEYS)
    state = torch.ones(BATCH, HEADS, DIM, VALUE_DIM, dtype=torch.float64)
    square = value[..., :KEYS]
    with pytest.raises(OptionError, match="leave out norms, biases and states"):
        effective_weights(lambda v: retention_recurrent(query, key, v, state=state[..., :KEYS]), square)


def test_sizes_that_mean_nothing_are_refused():
    value = inputs()[2]
    with pytest.raises(
        ShapeError,
        match="expected the function to make .* whatever value_dim is",
    ):
        effective_weights(lambda v: v.sum(-1), value)
    with pytest.raises(
        ShapeError, match=r"expected value \(batch, kv_heads, keys, value_dim\), or without batch, .*, got \(13,\)"
    ):
        effective_weights(lambda v: v, value[0, 0, 0])
    with pytest.raises(DtypeError, match="expected value of a floating type, got torch.int64"):
        effective_weights(lambda v: v, value.long())
    with pytest.raises(ShapeError, match="heads a multiple of kv_heads"):
        effective_weights(lambda v: v[:, :4], value)
    with pytest.raises(ShapeError, match="expected the function to make"):
        effective_weights(lambda v: v[:1], value)
    with pytest.raises(ShapeError, match="expected the function to make"):
        effective_weights(lambda v: v[..., :11], value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (7, "function: expected a function of values, got int"),
        (
            lambda v: [v],
            "or a tuple that begins with it, got a list",
        ),
        (
            lambda _: (),
            "or a tuple that begins with it, got a tuple",
        ),
        (
            lambda v: (None, v),
            "or a tuple that begins with it, got a NoneType",
        ),
        (
            lambda v: v.long(),
            r"or a tuple that begins with it, got torch\.int64",
        ),
    ],
)
def test_what_is_no_function_of_values_is_refused(function, message):
    with pytest.raises(DtypeError, match=message):
        effective_weights(function, inputs()[2])
