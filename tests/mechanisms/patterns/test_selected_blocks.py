import pytest
import torch
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.patterns.selected_blocks import compress, native_sparse_attention, native_sparse_gathered
from regard.mechanisms.softmax_attention import attention
from witnesses.patterns import native_sparse

BATCH, HEADS, KV_HEADS, KEYS, DIM, VALUE_DIM = 2, 6, 3, 17, 5, 7
OPTIONS = {"block": 3, "selected": 2, "window": 4}


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(queries=KEYS, keys=KEYS, kv_heads=KV_HEADS, dtype=torch.float64):
    return (
        normal(BATCH, HEADS, queries, DIM, seed=1, dtype=dtype),
        normal(BATCH, kv_heads, keys, DIM, seed=2, dtype=dtype),
        normal(BATCH, kv_heads, keys, VALUE_DIM, seed=3, dtype=dtype),
        normal(BATCH, HEADS, queries, 3, seed=4, dtype=dtype).sigmoid(),
    )


def gates(*numbers, queries=KEYS):
    return torch.tensor(numbers, dtype=torch.float64).expand(BATCH, HEADS, queries, 3)


SIZES = pytest.mark.parametrize(
    ("block", "selected", "window"), [(3, 2, 4), (3, 1, 1), (5, 2, 3), (1, 4, 2), (2, 3, 17), (7, 9, 5), (19, 1, 2)]
)


@pytest.mark.slow
@SIZES
@pytest.mark.parametrize("kv_heads", [1, 3, 6])
def test_equals_the_definition(block, selected, window, kv_heads):
    tensors = inputs(kv_heads=kv_heads)
    expected = native_sparse(*tensors, block, selected, window)
    output, weights = native_sparse_attention(*tensors, block=block, selected=selected, window=window)
    assert_close(weights, expected[1])
    assert_close(output, expected[0])
    assert_close(native_sparse_gathered(*tensors, block=block, selected=selected, window=window), expected[0])


def test_output_is_weights_times_values_and_rows_sum_to_the_gates():
    _, _, value, gate = inputs()
    output, weights = native_sparse_attention(*inputs(), **OPTIONS)
    assert_close(weights @ value.repeat_interleave(HEADS // KV_HEADS, dim=1), output)
    sums = gate.sum(-1)
    sums[:, :, : OPTIONS["block"] - 1] -= gate[:, :, : OPTIONS["block"] - 1, 0]
    assert_close(weights.sum(-1), sums)


def test_each_gate_opens_one_look():
    query, key, value, _ = inputs()
    found = native_sparse_attention(query, key, value, gates(0, 0, 1), **OPTIONS)
    assert_close(found, attention(query, key, value, causal=True, window=OPTIONS["window"]))
    found = native_sparse_attention(query, key, value, gates(0, 1, 0), block=3, selected=6, window=1)
    assert_close(found, attention(query, key, value, causal=True))
    output, _ = native_sparse_attention(query, key, value, gates(1, 0, 0), **OPTIONS)
    complete = (torch.arange(5) + 1) * 3 <= torch.arange(KEYS)[:, None] + 1
    means = (tensor[:, :, :15].unflatten(2, (5, 3)).mean(3) for tensor in (key, value))
    assert_close(output, attention(query, *means, complete)[0])


def test_the_selected_look_is_that_of_the_heaviest_blocks():
    query, key, value, _ = inputs()
    _, coarse = native_sparse_attention(query, key, value, gates(1, 0, 0), block=3, selected=2, window=1)
    _, close = native_sparse_attention(query, key, value, gates(0, 1, 0), block=3, selected=2, window=1)
    last = KEYS - 1  # in block 5, of two tokens so far
    importance = coarse[:, :, last, :15].unflatten(-1, (5, 3)).sum(-1).unflatten(1, (KV_HEADS, -1)).sum(2)
    best = importance.argmax(-1).repeat_interleave(HEADS // KV_HEADS, dim=1)  # (batch, heads)
    own = torch.arange(KEYS) // 3
    assert_close(close[:, :, last] > 0, (own == best[..., None]) | (own == 5))


def test_decoding_equals_prefill():
    query, key, value, gate = inputs()
    output, weights = native_sparse_attention(query, key, value, gate, **OPTIONS)
    for end in range(1, KEYS + 1):
        step = query[:, :, end - 1 : end], key[:, :, :end], value[:, :, :end], gate[:, :, end - 1 : end]
        one, row = native_sparse_attention(*step, **OPTIONS)
        assert_close(one, output[:, :, end - 1 : end])
        assert_close(row, weights[:, :, end - 1 : end, :end])
        assert_close(native_sparse_gathered(*step, **OPTIONS), one)


def test_the_future_does_not_leak():
    query, key, value, gate = inputs()
    clean, _ = native_sparse_attention(query, key, value, gate, **OPTIONS)
    poisoned = value.clone()
    poisoned[:, :, 10:] = torch.nan
    for output in (
        native_sparse_attention(query, key, poisoned, gate, **OPTIONS)[0],
        native_sparse_gathered(query, key, poisoned, gate, **OPTIONS),
    ):
        assert_close(output[:, :, :10], clean[:, :, :10])
        assert output[:, :, 10:].isnan().all()
    changed = key.clone()
    changed[:, :, 10:] *= -3
    again, _ = native_sparse_attention(query, changed, value, gate, **OPTIONS)
    assert_close(again[:, :, :10], clean[:, :, :10])
    assert not torch.allclose(again[:, :, 10:], clean[:, :, 10:])


def test_axes_may_be_left_out():
    query, key, value, gate = inputs(kv_heads=HEADS)
    whole = native_sparse_attention(query, key, value, gate, **OPTIONS)
    one = native_sparse_attention(query[1, 2], key[1, 2], value[1, 2], gate[1, 2], **OPTIONS)
    assert_close(one, (whole[0][1, 2], whole[1][1, 2]))
    assert_close(native_sparse_gathered(query[1], key[1], value[1], gate[1], **OPTIONS), whole[0][1])


def test_half_precision_is_computed_in_float32():
    tensors = inputs(dtype=torch.bfloat16)
    expected = native_sparse_attention(*(tensor.double() for tensor in tensors), **OPTIONS, scale=0.3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, weights = native_sparse_attention(*tensors, **OPTIONS, scale=0.3)
        gathered = native_sparse_gathered(*tensors, **OPTIONS, scale=0.3)
    assert (output.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    assert_close(weights.double(), expected[1], atol=2e-6, rtol=0)
    assert_close(output, expected[0].bfloat16())
    assert_close(gathered, output)


@pytest.mark.slow
def test_gradients():
    tensors = [normal(1, 2, 7, 3, seed=seed).requires_grad_() for seed in range(4)]

    def both(*given):
        return *native_sparse_attention(*given, block=2, selected=2, window=2), native_sparse_gathered(
            *given, block=2, selected=2, window=2
        )

    assert torch.autograd.gradcheck(both, tensors)


def test_compress_averages_whole_blocks():
    means = compress(normal(2, 7, 3), 3)
    assert means.shape == (2, 3, 3)
    assert_close(means[:, 1], normal(2, 7, 3)[:, 3:6].mean(1))
    assert_close(means[:, 2] * 3, normal(2, 7, 3)[:, 6])


@pytest.mark.parametrize("function", [native_sparse_attention, native_sparse_gathered])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"block": 0}, OptionError, "block: expected a whole number of at least 1, got 0"),
        ({"selected": 1.5}, OptionError, "selected: expected a whole number of at least 1, got 1.5"),
        ({"window": -1}, OptionError, "window: expected a whole number of at least 1, got -1"),
        ({"scale": 0.0}, OptionError, "scale: expected a number above 0, got 0.0"),
        (
            {"gates": normal(BATCH, HEADS, KEYS, 2)},
            ShapeError,
            "expected gates (2, 6, 17, 3), got (2, 6, 17, 2)",
        ),
        (
            {"gates": torch.ones(BATCH, HEADS, KEYS, 3, dtype=torch.long)},
            DtypeError,
            "expected gates of a floating type, got torch.int64",
        ),
        (
            {"query": normal(BATCH, HEADS, 19, DIM)},
            ShapeError,
            "expected the queries to be the last of the keys, got 19 queries and 17 keys",
        ),
        (
            {"query": normal(BATCH, 5, KEYS, DIM)},
            ShapeError,
            "expected heads to be a multiple of kv_heads, got query heads=5 and key heads=3",
        ),
        (
            {"key": normal(BATCH, KV_HEADS, KEYS, DIM) * torch.nan},
            ScoreError,
            "expected finite scores, got nan at batch 0, head 0, query 2, key 0",
        ),
    ],
)
def test_mistakes_are_named(function, change, error, message):
    query, key, value, gate = inputs()
    given = {"query": query, "key": key, "value": value, "gates": gate} | OPTIONS | change
    with pytest.raises(error) as caught:
        function(**given)
    assert message in str(caught.value)
