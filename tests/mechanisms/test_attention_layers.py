import math

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.attention_layers import MultiHeadAttention, SimpleAttention
from witnesses.notebook import NotebookAttention

BATCH, QUERIES, KEYS, DIM = 2, 5, 7, 11


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check_bits(dim, query, key, value, mask=None):
    """The same bits as the notebook's class, in output and weights, but for rows that may attend to nothing."""
    output, weights = SimpleAttention(dim)(query, key, value, mask)
    expected_output, expected = NotebookAttention(dim)(query, key, value, mask)
    assert (output.dtype, output.shape, weights.shape) == (query.dtype, expected_output.shape, expected.shape)
    blind = torch.zeros(weights.shape[:-1], dtype=torch.bool)
    if mask is not None:
        blind = (mask == 0).expand(weights.shape).all(-1)
    assert torch.equal(weights[~blind], expected[~blind])
    assert torch.equal(output[~blind], expected_output[~blind])
    assert not weights[blind].any()
    assert not output[blind].any()
    return blind


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [(), (BATCH,)])
@pytest.mark.parametrize("dim", [1, 3, 4, DIM, 64])
def test_simple_attention_is_the_notebooks_to_the_bit(dim, batch, dtype):
    query, key, value = (
        normal(*batch, *sizes, seed=seed).to(dtype) for seed, sizes in enumerate([(QUERIES, dim), (KEYS, dim), (KEYS, 13)])
    )
    check_bits(dim, query, key, value)
    check_bits(dim, 40 * query, 40 * key, value)  # scores in the thousands
    check_bits(dim, query, key, value, normal(*batch, QUERIES, KEYS, seed=4) > 0)
    check_bits(dim, key, key, key, torch.ones(KEYS, KEYS).tril())
    assert not list(SimpleAttention(dim).parameters())
    assert SimpleAttention(dim).state_dict() == {}


def test_the_example_of_the_notebook():
    torch.manual_seed(42)
    query, key, value = (torch.rand(1, 5, 4) for _ in range(3))
    check_bits(4, query, key, value)
    check_bits(4, query[0], key[0], value[0], torch.tensor([1, 1, 0, 1, 0]))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32])
@pytest.mark.parametrize("shape", [(BATCH, QUERIES, KEYS), (BATCH, 1, KEYS), (QUERIES, KEYS), (KEYS,), ()])
def test_simple_attention_takes_masks_of_0_and_1(dtype, shape):
    query, key = normal(BATCH, QUERIES, DIM), normal(BATCH, KEYS, DIM)
    check_bits(DIM, query, key, key, (normal(*shape, seed=4) > 0).to(dtype))


def test_a_query_of_simple_attention_that_may_attend_to_nothing_takes_nothing():
    query, key = normal(BATCH, QUERIES, DIM), normal(BATCH, KEYS, DIM)
    mask = torch.ones(BATCH, QUERIES, KEYS)
    mask[1, 3] = 0
    assert check_bits(DIM, query, key, key, mask).nonzero().tolist() == [[1, 3]]
    even = NotebookAttention(DIM)(query, key, key, mask)[1][1, 3]
    assert_close(even, torch.full((KEYS,), 1 / KEYS))  # what the notebook's class makes of it
    assert check_bits(DIM, query, key, key, torch.zeros(KEYS)).all()


def test_simple_attention_takes_a_mask_object():
    layer, words = SimpleAttention(DIM), normal(BATCH, KEYS, DIM)
    same = layer(words, words, words, torch.ones(KEYS, KEYS).tril())
    for found, expected in zip(layer(words, words, words, masks.causal()), same, strict=True):
        assert torch.equal(found, expected)


def test_a_hidden_value_of_simple_attention_may_be_nan():
    words = normal(3, DIM)
    value = words.clone()
    value[2] = math.nan
    output, _ = SimpleAttention(DIM)(words, words, value, torch.tensor([1, 1, 0]))
    assert_close(output, SimpleAttention(DIM)(words, words[:2], words[:2])[0])


def test_gradients_of_simple_attention_are_the_notebooks():
    tensors = [normal(BATCH, KEYS, DIM, seed=seed).requires_grad_() for seed in range(3)]
    found, expected = (
        torch.autograd.grad(layer(*tensors, torch.ones(KEYS, KEYS).tril())[0].square().sum(), tensors)
        for layer in (SimpleAttention(DIM), NotebookAttention(DIM))
    )
    assert_close(found, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"mask": torch.tensor([0.0, -math.inf])},
            ShapeError,
            "expected mask to broadcast to (batch=2, queries=5, keys=7), got (2,)",
        ),
        (
            {"mask": torch.full((7,), 0.5)},
            OptionError,
            "mask: expected 0 (hidden) and 1 (may attend), got other values",
        ),
        ({"mask": torch.full((7,), -math.inf)}, OptionError, "write mask == 0 for a mask of 0 and -inf"),
        ({"mask": torch.ones(2, 7)}, ShapeError, "expected mask to broadcast to (batch=2, queries=5, keys=7), got (2, 7)"),
        (
            {"mask": torch.ones(2, 1, 5, 7)},
            ShapeError,
            "expected mask of at most 3 axes (batch, queries, keys), got (2, 1, 5, 7)",
        ),
        ({"mask": [1]}, DtypeError, "expected mask as a tensor, got list"),
        (
            {"query": torch.ones(2, 5, 3)},
            ShapeError,
            "expected query of 11 features, those this layer was made for, got (2, 5, 3)",
        ),
        ({"query": torch.ones(5, 11)}, ShapeError, "expected query and key of one batch, got (5, 11) and (2, 7, 11)"),
        ({"value": torch.ones(3, 7, 11)}, ShapeError, "expected query and value of one batch, got (2, 5, 11) and (3, 7, 11)"),
        ({"value": torch.ones(2, 3, 11)}, ShapeError, "expected one value for each key, got 7 keys and 3 values"),
        ({"key": torch.ones(11)}, ShapeError, "expected key (batch, positions, features) or (positions, features), got (11,)"),
        ({"key": torch.ones(2, 7, 11).int()}, DtypeError, "expected key of a floating type, got torch.int32"),
        (
            {"key": torch.ones(2, 7, 11).double()},
            DtypeError,
            "expected query and key of one type, got torch.float32 and torch.float64",
        ),
        ({"value": torch.ones(2, 7, 3).half()}, DtypeError, "expected query and value of one type, got torch.float32"),
        ({"value": torch.ones(7)}, ShapeError, "expected query and value of one batch, got (2, 5, 11) and (7,)"),
        ({"key": torch.ones(2, 7, 11).log()[:, :, [0]].expand(2, 7, 11) * math.inf}, ScoreError, "expected finite scores"),
    ],
)
def test_mistakes_with_simple_attention_are_named(change, error, message):
    given = {"query": torch.ones(2, 5, 11), "key": torch.ones(2, 7, 11), "value": torch.ones(2, 7, 11)} | change
    with pytest.raises(error) as caught:
        SimpleAttention(DIM)(**given)
    assert message in str(caught.value)


def as_torch(layer):
    """The same layer as torch.nn.MultiheadAttention, which keeps the three projections in one matrix."""
    theirs = torch.nn.MultiheadAttention(layer.query.in_features, layer.heads, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key.bias, layer.value.bias]))
    theirs.out_proj.load_state_dict(layer.output.state_dict())
    return theirs


@pytest.mark.parametrize("batch", [(BATCH,), ()])
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_equals_torch(batch, cross, masked):
    layer = MultiHeadAttention(6, heads=3)
    x = normal(*batch, QUERIES, 6)
    memory = normal(*batch, KEYS, 6, seed=1) if cross else x
    mask = normal(QUERIES, memory.shape[-2], seed=3) > -1 if masked else None
    expected = as_torch(layer)(x, memory, memory, attn_mask=~mask if masked else None, average_attn_weights=False)
    assert_close(layer(x, memory if cross else None, mask), expected)


def test_multi_head_attention_causal_equals_torch():
    layer, x = MultiHeadAttention(6, heads=3), normal(BATCH, KEYS, 6)
    future = torch.ones(KEYS, KEYS, dtype=torch.bool).triu(1)
    assert_close(layer(x, causal=True), as_torch(layer)(x, x, x, attn_mask=future, average_attn_weights=False))


@pytest.mark.parametrize("kv_heads", [1, 2, 3])
def test_grouped_heads_equal_full_heads_with_repeated_weights(kv_heads):
    layer, full = MultiHeadAttention(12, heads=6, kv_heads=kv_heads), MultiHeadAttention(12, heads=6)
    full.load_state_dict(
        layer.state_dict()
        | {
            f"{name}.{part}": getattr(getattr(layer, name), part)
            .unflatten(0, (kv_heads, 2))
            .repeat_interleave(6 // kv_heads, dim=0)
            .flatten(0, 1)
            for name in ("key", "value")
            for part in ("weight", "bias")
        }
    )
    x = normal(BATCH, KEYS, 12)
    assert layer.key.weight.shape == (2 * kv_heads, 12)
    assert_close(layer(x, causal=True), full(x, causal=True))


def test_multi_head_attention_without_bias():
    layer = MultiHeadAttention(6, heads=2, bias=False)
    assert sorted(dict(layer.named_parameters())) == ["key.weight", "output.weight", "query.weight", "value.weight"]
    assert_close(layer(torch.zeros(3, 6))[0], torch.zeros(3, 6))


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: MultiHeadAttention(7, 2), OptionError, "expected dim to be a multiple of heads, got dim=7 and heads=2"),
        (lambda: MultiHeadAttention(6, 0), OptionError, "heads: expected a whole number of at least 1, got 0"),
        (
            lambda: MultiHeadAttention(6, 3, 2),
            OptionError,
            "expected heads to be a multiple of kv_heads, got heads=3 and kv_heads=2",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(5, 7)),
            ShapeError,
            "expected x of 6 features, those this layer was made for, got (5, 7)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), torch.ones(3, 7, 6)),
            ShapeError,
            "expected x and memory of one batch, got (2, 5, 6) and (3, 7, 6)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), torch.ones(2, 7, 5)),
            ShapeError,
            "expected memory of 6 features, those this layer was made for, got (2, 7, 5)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), mask=torch.ones(2, 3, 5, 5)),
            ShapeError,
            "expected mask to broadcast to (batch=2, heads=2, queries=5, keys=5), got (2, 3, 5, 5)",
        ),
    ],
)
def test_mistakes_with_multi_head_attention_are_named(mistake, error, message):
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)


def test_layers_run_under_autocast():
    words = torch.ones(2, 5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert MultiHeadAttention(6, 2)(words.bfloat16())[1].dtype == torch.float32
